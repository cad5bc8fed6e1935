#include "hub/rest.h"

#include <algorithm>
#include <charconv>

#include "telemetry/log.h"

namespace hub {
namespace {

constexpr std::size_t kReadersWaitingMax = 1024;

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const std::string_view segment = path.substr(0, path.find('/'));
    segments.emplace_back(segment);
    path.remove_prefix(segment.size());
  }
  return segments;
}

bool parameter(std::string_view segment) { return segment.starts_with('{'); }

bool fits(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  if (pattern.size() != path.size()) return false;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (parameter(pattern[i]) ? path[i].empty() : pattern[i] != path[i]) return false;
  }
  return true;
}

}  // namespace

Snowflake Exchange::id(const std::string& param) const {
  return snowflake_of(text(param)).value_or(0);
}

std::string Exchange::text(const std::string& param) const {
  const auto found = request.params.find(param);
  return found == request.params.end() ? std::string{} : found->second;
}

std::string Exchange::query(const std::string& name) const {
  const auto found = request.query.find(name);
  return found == request.query.end() ? std::string{} : found->second;
}

int Exchange::number(const std::string& name, int fallback, int least, int most) const {
  const std::string given = query(name);
  int value = fallback;
  std::from_chars(given.data(), given.data() + given.size(), value);
  return std::clamp(value, least, most);
}

void Exchange::respond(http::Response response) const {
  for (const auto& [name, value] : headers.lines()) response.headers.set(name, value);
  reply->respond(std::move(response));
}

void Exchange::answer(std::string json, int status) const {
  respond(http::Response::json(std::move(json), status));
}

void Exchange::no_content() const { respond({204, {}, {}}); }

void Exchange::refuse(const Refusal& why) const { answer(why.json(), why.status); }

void Exchange::refuse_body(std::string_view why) const {
  const std::size_t colon = why.find(": ");
  if (colon == std::string_view::npos || why.starts_with("not JSON")) {
    return refuse(kInvalidJson);
  }
  refuse(invalid_form(why.substr(0, colon), "INVALID", why.substr(colon + 2)));
}

void Rest::add(Route route) {
  Known known{std::move(route), {}, {}, -1};
  known.name = fmt::format("{} {}", http::name(known.route.method), known.route.pattern);
  known.segments = split(known.route.pattern);
  for (std::size_t i = 0; i < known.segments.size() && known.major < 0; ++i) {
    const std::string& segment = known.segments[i];
    if (segment == "{channel}" || segment == "{guild}" || segment == "{webhook}") {
      known.major = static_cast<int>(i);
    }
  }
  routes_.push_back(std::move(known));
}

bool Rest::takes(std::string_view& path) {
  for (const std::string_view prefix : {"/api/v10/", "/api/v9/", "/api/"}) {
    if (path.starts_with(prefix)) {
      path.remove_prefix(prefix.size() - 1);
      return true;
    }
  }
  return false;
}

void Rest::route(http::Request request, std::shared_ptr<http::Reply> reply) {
  const auto call = std::make_shared<Exchange>();
  call->request = std::move(request);
  call->reply = std::move(reply);
  std::string_view path = call->request.path;
  takes(path);
  const auto segments = split(path);
  const http::Method wanted =
      call->request.method == http::Method::Head ? http::Method::Get : call->request.method;
  const Known* best = nullptr;
  std::string allowed;
  for (const Known& known : routes_) {
    if (!fits(known.segments, segments)) continue;
    if (known.route.method != wanted) {
      allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ", http::name(known.route.method));
    } else if (best == nullptr) {
      best = &known;  // literal segments are added before parameters
    }
  }
  if (best == nullptr) {
    if (allowed.empty()) return call->refuse({404, 0, "404: Not Found"});
    call->headers.set("Allow", allowed);
    return call->refuse({405, 0, "405: Method Not Allowed"});
  }
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::string& name = best->segments[i];
    if (parameter(name)) call->request.params[name.substr(1, name.size() - 2)] = segments[i];
  }
  serve(*best, call);
}

std::optional<Refusal> Rest::admit(const Known& known, Exchange& call) const {
  const auto given = call.request.headers.get("Authorization");
  if (given) {
    const auto identity = world_.identify(*given);
    // A bot says that it is one, a person does not.
    if (identity && identity->bot == given->starts_with("Bot ")) {
      call.user = world_.user(identity->user);
    }
  }
  if (known.route.who == Who::Anyone) return std::nullopt;
  if (call.user == nullptr) return Refusal{401, 0, "401: Unauthorized"};
  if (known.route.who == Who::Person && call.user->bot) {
    return Refusal{403, 20001, "Bots cannot use this endpoint"};
  }
  if (known.route.who == Who::Bot && !call.user->bot) {
    return Refusal{403, 20002, "Only bots can use this endpoint"};
  }
  return std::nullopt;
}

void Rest::serve(const Known& known, const Call& call) {
  const auto refused = admit(known, *call);
  const std::string user = call->user == nullptr ? call->request.peer : text_of(call->user->id);
  const std::string_view path = call->request.path;
  std::string major;
  if (known.major >= 0) {
    std::string_view below = path;
    takes(below);
    // What is no id shares one bucket: whoever makes up paths fills no memory with them.
    const std::string segment = split(below)[static_cast<std::size_t>(known.major)];
    major = text_of(snowflake_of(segment).value_or(0));
  }
  auto granted = buckets_.take({known.name, major, user, known.route.posts,
                                call->user != nullptr && !call->user->bot, known.route.global});
  if (granted.refusal) return call->reply->respond(std::move(*granted.refusal));
  call->headers = std::move(granted.headers);
  if (refused) return call->refuse(*refused);
  if (call->request.body.size() > known.route.body_max) {
    return call->refuse(discord::error_code::kTooLarge);
  }
  known.route.handler(call);
}

void Stage::keep_changes(Done<Nothing> done) const {
  const auto changes = std::make_shared<const std::vector<Change>>(world.take_changes());
  archive.keep(*changes, on_loop<Nothing>([&world = world, changes,
                                           done = std::move(done)](Outcome<Nothing> kept) {
    if (!kept) world.change_again(*changes);
    done(std::move(kept));
  }));
}

void Stage::commit(const Call& call, std::function<void()> then) const {
  keep_changes([call, then = std::move(then)](const Outcome<Nothing>& kept) {
    if (!kept) return call->refuse(kept.why);
    then();
  });
}

void Stage::read(const Call& call, std::function<void()> read) const {
  if (readers.queued() >= kReadersWaitingMax || !readers.post(std::move(read))) {
    call->refuse({503, 0, "The service is overloaded"});
  }
}

const Channel* Stage::channel(const Call& call, std::uint64_t wanted) const {
  const Channel* const its = world.channel(call->id("channel"));
  if (its == nullptr) {
    call->refuse(discord::error_code::kUnknownChannel);
    return nullptr;
  }
  const std::uint64_t bits = world.permissions(call->user->id, *its);
  if ((bits & discord::permission::kViewChannel) == 0) {
    call->refuse(discord::error_code::kMissingAccess);
    return nullptr;
  }
  if ((bits & wanted) != wanted) {
    call->refuse(discord::error_code::kMissingPermissions);
    return nullptr;
  }
  return its;
}

const Guild* Stage::guild(const Call& call) const {
  const Guild* const its = world.guild(call->id("guild"));
  if (its == nullptr) {
    call->refuse(discord::error_code::kUnknownGuild);
  } else if (world.member(its->id, call->user->id) == nullptr) {
    call->refuse(discord::error_code::kMissingAccess);
  } else {
    return its;
  }
  return nullptr;
}

Event Stage::event(std::string_view name, const Channel& channel, std::string data,
                   std::uint32_t guild_intent, std::uint32_t direct_intent) const {
  Event event{name, std::move(data)};
  event.guild = channel.guild;
  event.channel = channel.id;
  event.intents = channel.guild == 0 ? direct_intent : guild_intent;
  return event;
}

}  // namespace hub
