#include "hub/front.h"

#include <algorithm>

#include "base/utf8.h"
#include "hub/forms.h"

namespace hub {
namespace {

constexpr std::size_t kBotsMax = 5000;
constexpr std::size_t kNameBytes = 32;

struct SessionForm {
  std::optional<std::string> name;
  static void fields(auto& self, auto&& visit) {
    visit("name", self.name, Field{.bytes_min = 1, .bytes_max = kNameBytes});
  }
};

bool loopback(std::string_view peer) {
  return peer.starts_with("127.") || peer == "::1" || peer.starts_with("::ffff:127.");
}

const std::vector<std::string>& operator_paths() {
  static const std::vector<std::string> paths = {"/health", "/ready",        "/metrics",
                                                 "/config", "/openapi.json", "/bots"};
  return paths;
}

}  // namespace

std::string Front::gateway_url() const {
  const std::string_view rest = std::string_view(url_).substr(url_.find("://"));
  return fmt::format("{}{}/gateway", url_.starts_with("https") ? "wss" : "ws", rest);
}

void Front::session(const Call& call) const {
  if (!config_.open_session && !loopback(call->request.peer)) {
    return call->refuse({403, 0, "Sessions are for people at this machine"});
  }
  const User* const person = stage_.world.user_of_account("person");
  const auto form = call->body<SessionForm>();
  if (!form) return;
  if (person == nullptr) return call->refuse(discord::error_code::kUnknownUser);
  const auto answer = [this, call, id = person->id] {
    call->answer(fmt::format("{{\"token\":{},\"user\":{}}}",
                             json::quoted(accounts_.token("person")),
                             user_json(*stage_.world.user(id))));
  };
  const std::string name(form->name ? trimmed(*form->name) : "");
  if (!harmless(name)) return call->refuse(unfit_name("name"));
  if (name.empty() || name == person->display) return answer();
  User renamed = *person;
  renamed.name = renamed.display = name;
  stage_.world.put(renamed);
  stage_.commit(call, [this, answer, renamed] {
    Event own{"USER_UPDATE", user_json(renamed)};
    own.only = {renamed.id};
    stage_.announcer.announce(std::move(own));
    for (const Snowflake guild : stage_.world.guilds_of(renamed.id)) {
      const Member& member = *stage_.world.member(guild, renamed.id);
      Event event{"GUILD_MEMBER_UPDATE", with_members(member_json(member, renamed),
                                                      fmt::format("\"guild_id\":\"{}\"", guild))};
      event.guild = guild;
      event.intents = discord::intent::kGuildMembers;
      stage_.announcer.announce(std::move(event));
    }
    answer();
  });
}

void Front::install(Rest& rest) {
  rest.add({http::Method::Get, "/gateway", Who::Anyone, [this](const Call& call) {
              call->answer(fmt::format("{{\"url\":\"{}\"}}", gateway_url()));
            }});
  rest.get(
      "/gateway/bot",
      [this](const Call& call) {
        call->answer(fmt::format(
            "{{\"url\":\"{}\",\"shards\":1,\"session_start_limit\":{{\"total\":1000,\"remaining\":"
            "1000,\"reset_after\":86400000,\"max_concurrency\":16}}}}",
            gateway_url()));
      },
      Who::Bot);
  rest.add(
      {http::Method::Post, "/session", Who::Anyone, [this](const Call& call) { session(call); }});
}

void Front::install(runtime::Doors& doors) {
  // Stands in the document for all that Discord documents itself. Rest is asked before, so nothing
  // comes here.
  doors.http(runtime::Get("/api/v10/gateway",
                          "Where the Gateway is; all below /api/v10 is as in Discord's reference"),
             {"hub.discord", {}, {}, {{200, {runtime::Content{}}}}, true},
             [](const http::Request&, const std::shared_ptr<http::Reply>& reply) {
               reply->respond(http::Response::error({Code::NotFound, "not here"}));
             });
  // For this machine's bots and nobody at the HTTP door: the answer opens the character's account.
  doors.rpc("hub.account", [this](const std::shared_ptr<messaging::Incoming>& incoming) {
    const auto request =
        json::decode<contracts::AccountRequest>(std::string_view(incoming->body()));
    if (!request) return incoming->reply(request.error());
    stage_.loop.post([this, incoming, character = request.value().character] {
      const User* const bot = stage_.world.user_of_account(character);
      if (bot == nullptr || !bot->bot) {
        return incoming->reply(
            Error{Code::NotFound, fmt::format("no account for '{}'", character)});
      }
      incoming->reply(json::encode(
          contracts::Account{text_of(bot->id), accounts_.token(character), url_ + "/api/v10"}));
    });
  });
  doors.async_method<contracts::AddBot, contracts::AddedBot>(
      "hub.add_bot", runtime::Post("/bots", "An account for somebody's own bot"),
      [this](const contracts::AddBot& request, const runtime::Call&,
             const runtime::Answer<contracts::AddedBot>& answer) {
        stage_.loop.post([this, request, answer] {
          World& world = stage_.world;
          const std::string name(trimmed(request.name));
          if (name.empty()) return answer(Error{Code::InvalidArgument, "name: must not be blank"});
          if (!harmless(name)) {
            return answer(Error{Code::InvalidArgument, "name: must not have control characters"});
          }
          const User* bot = world.bot_named(name);
          if (bot != nullptr && !bot->account.empty()) {
            return answer(Error{Code::Conflict, fmt::format("'{}' is one of the cast", name)});
          }
          const Snowflake guild = world.all_guilds().begin()->first;
          const bool fresh = bot == nullptr;
          if (fresh && world.members_of(guild).size() >= kBotsMax) {
            return answer(Error{Code::Overloaded, "there are as many bots as may be"});
          }
          if (fresh) bot = &add_bot(world, name, {}, stage_.clock.wall_ms());
          const contracts::AddedBot added{text_of(bot->id), text_of(bot->id),
                                          text_of(guild),   renew_token(world, *bot),
                                          url_ + "/api",    gateway_url()};
          const Snowflake id = bot->id;
          stage_.keep_changes([this, answer, added, id, fresh](const Outcome<Nothing>& kept) {
            if (!kept) return answer(Error{Code::Unavailable, kept.why.message});
            fresh ? joined(id) : end_sessions_(id);
            answer(added);
          });
        });
      });
}

void Front::joined(Snowflake user) const {
  for (const Snowflake guild : stage_.world.guilds_of(user)) {
    Event event{"GUILD_MEMBER_ADD", with_members(member_json(*stage_.world.member(guild, user),
                                                             *stage_.world.user(user)),
                                                 fmt::format("\"guild_id\":\"{}\"", guild))};
    event.guild = guild;
    event.intents = discord::intent::kGuildMembers;
    stage_.announcer.announce(std::move(event));
  }
}

void Front::serve_attachment(const http::Request& request,
                             const std::shared_ptr<http::Reply>& reply) const {
  std::string_view rest =
      std::string_view(request.path).substr(std::string_view("/attachments/").size());
  const auto take = [&rest] {
    const std::string_view part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    return snowflake_of(part).value_or(0);
  };
  const Snowflake channel = take(), id = take();
  const auto given = request.query.find("hm");
  const bool asked = stage_.readers.post(
      [this, reply, channel, id, name = std::string(rest),
       signature = given == request.query.end() ? std::string{} : given->second] {
        reply->respond(attachments_.serve(channel, id, name, signature));
      });
  if (!asked) reply->respond(http::Response::error({Code::Overloaded, "too many files at once"}));
}

http::Handler Front::handler(Rest& rest, http::Handler others) {
  return [this, &rest, others = std::move(others)](http::Request request,
                                                   std::shared_ptr<http::Reply> reply) {
    std::string_view path = request.path;
    if (Rest::takes(path)) return rest.route(std::move(request), std::move(reply));
    const bool reads = request.method == http::Method::Get || request.method == http::Method::Head;
    const auto& operators = operator_paths();
    const bool others_take =
        std::find(operators.begin(), operators.end(), request.path) != operators.end();
    // A bot's account is a way in: whoever may not be the local person may not make one either.
    if (path == "/bots" && !config_.open_session && !loopback(request.peer)) {
      return reply->respond(
          http::Response::error({Code::PermissionDenied, "bots are added from this machine"}));
    }
    if (!reads || others_take) return others(std::move(request), std::move(reply));
    if (path.starts_with("/attachments/")) return serve_attachment(request, reply);
    reply->respond(page_.serve(request));
  };
}

}  // namespace hub
