#include "discord/rest.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <map>
#include <unordered_set>

#include "base/ids.h"
#include "discord/buckets.h"
#include "discord/protocol.h"
#include "json/json.h"
#include "retry/policy.h"

namespace discord {
namespace {

constexpr std::string_view kUserAgent = "DiscordBot (https://troupe.invalid, 1)";
constexpr Milliseconds kConnectTimeout{5'000};
constexpr Milliseconds kInteractionDeadline{3'000};  // after it Discord forgets the interaction
constexpr Milliseconds kTypingDeadline{2'000};  // later the line stands there, and it would mislead
constexpr Milliseconds kLimitedPause{20};       // for a 429 that says "now": never a busy loop
constexpr std::chrono::minutes kForbiddenFor{5};
constexpr std::size_t kForbiddenMax = 1000;
constexpr int kAttemptsMax = 8;
constexpr std::size_t kReplyBytes = 8 * 1024 * 1024;

struct Job {
  Rest::Request request;
  Rest::Done done;
  Route route;
  SteadyTime deadline;
  SteadyTime not_before{};
  int failures = 0;
  bool in_flight = false;
  bool unsure = false;  // an earlier attempt may have been carried out
  std::string held;     // its bucket
  // Of the attempt under way.
  int status = 0;
  http::Headers headers;
  std::string body;

  bool idempotent() const { return request.method != http::Method::Post || request.idempotent; }
  bool changes() const { return request.method != http::Method::Get; }
};

// What net's client says of a request that never left. Anything it does not say so plainly may have
// arrived.
bool never_sent(const Error& error) {
  static constexpr std::string_view kSaid[] = {": cannot connect", ": cannot resolve",
                                               ": connect time-out", ": TLS handshake time-out",
                                               ": too many requests wait"};
  return std::any_of(std::begin(kSaid), std::end(kSaid), [&](std::string_view said) {
    return error.message.find(said) != std::string::npos;
  });
}

// What Discord says in the body of a refusal.
struct Complaint {
  int code = 0;
  std::string message;
  std::optional<double> retry_after_s;
  bool global = false;
};

Complaint read_complaint(const std::string& body) {
  Complaint complaint;
  const auto document = json::Document::parse(body);
  if (!document) return complaint;
  const json::Value root = document.value().root();
  complaint.code = static_cast<int>(std::clamp(root.number_or("code", 0), 0.0, 1e9));
  complaint.message = root.text_or("message", "");
  if (const auto after = root.find("retry_after")) complaint.retry_after_s = after->number();
  if (const auto global = root.find("global")) complaint.global = global->boolean();
  return complaint;
}

void write_mentions(json::Writer& writer, const std::vector<std::string>& users) {
  writer.key("allowed_mentions");
  writer.begin_object();
  writer.key("parse");
  writer.begin_array();
  writer.end_array();
  writer.key("users");
  writer.begin_array();
  for (const std::string& user : users) writer.string(user);
  writer.end_array();
  writer.key("replied_user");
  writer.boolean(false);
  writer.end_object();
}

std::string content_body(const std::string& content) {
  json::Writer writer;
  writer.begin_object();
  writer.key("content");
  writer.string(content);
  write_mentions(writer, {});
  writer.end_object();
  return writer.take();
}

}  // namespace

struct Rest::Impl : std::enable_shared_from_this<Rest::Impl> {
  using JobPtr = std::shared_ptr<Job>;
  struct Forbidden {
    SteadyTime until;
    Failure failure;
  };

  Impl(net::Loop& loop_in, Options options_in)
      : loop(loop_in),
        options(std::move(options_in)),
        buckets({options.per_second, options.invalid_max}),
        client(std::make_unique<net::Client>(
            loop, net::Client::Options{.ca_file = options.ca_file, .may_connect = {}})) {}

  void add(const JobPtr& job);
  void pump();
  // When `job` may be looked at again, or nothing: it is over, under way, or waits for another.
  std::optional<SteadyTime> look_at(const JobPtr& job, std::unordered_set<std::string>& held,
                                    SteadyTime now);
  std::optional<Failure> refusal(const Job& job, SteadyTime now);
  void start(const JobPtr& job, SteadyTime now);
  void ended(const JobPtr& job, const Result<void>& outcome);
  void failed(const JobPtr& job, Error error, SteadyTime now);
  void answered(const JobPtr& job, SteadyTime now);
  void remember(const Job& job, const Failure& failure, SteadyTime now);
  bool again(Job& job, SteadyTime now);
  void finish(const JobPtr& job, Outcome outcome);
  void fail(const JobPtr& job, Failure failure);
  void close();

  // Loop thread only, from here on.
  net::Loop& loop;
  const Options options;
  Buckets buckets;
  Random random{hash64(make_id("rest"))};
  std::vector<JobPtr> jobs;  // in order of arrival
  std::map<std::string, Forbidden> forbidden;
  std::optional<Failure> unauthorised;
  std::unique_ptr<net::Loop::Timer> timer;
  bool closing = false;
  std::unique_ptr<net::Client> client;
};

Rest::Rest(net::Loop& loop, Options options)
    : impl_(std::make_shared<Impl>(loop, std::move(options))) {}

Rest::~Rest() {
  if (impl_->loop.on_loop_thread()) {
    impl_->close();
    impl_->client.reset();
    return;
  }
  const auto on_loop = [this](const std::function<void()>& task) {
    const auto done = std::make_shared<std::promise<void>>();
    impl_->loop.post([done, &task] {
      task();
      done->set_value();
    });
    done->get_future().wait();
  };
  on_loop([this] { impl_->close(); });
  impl_->client.reset();
  // All callbacks that were on their way have run. Twice: what the loop posts to itself is queued
  // only when the handler that does so is over, and the first may overtake it.
  on_loop([] {});
  on_loop([] {});
}

bool Rest::encrypted() const { return impl_->options.base_url.starts_with("https://"); }

void Rest::send(Request request, Done done) {
  auto job = std::make_shared<Job>();
  job->deadline =
      SystemClock::instance().now() + request.deadline.value_or(impl_->options.deadline);
  job->route = route_of(request.method, request.path);
  job->request = std::move(request);
  job->done = std::move(done);
  impl_->loop.post([impl = impl_, job = std::move(job)] { impl->add(job); });
}

void Rest::Impl::add(const JobPtr& job) {
  const bool full = jobs.size() >= options.waiting_max;
  jobs.push_back(job);
  if (closing) return fail(job, {Error{Code::Cancelled, "the Discord client is closed"}});
  if (full) return fail(job, {Error{Code::Overloaded, "too many requests to Discord wait"}});
  pump();
}

void Rest::Impl::pump() {
  timer.reset();
  const SteadyTime now = SystemClock::instance().now();
  std::unordered_set<std::string> held;
  std::optional<SteadyTime> wake;
  for (const JobPtr& job : std::vector<JobPtr>(jobs)) {
    const auto at = look_at(job, held, now);
    if (at) wake = std::min(wake.value_or(*at), *at);
  }
  if (!wake) return;
  const auto wait = std::chrono::ceil<Milliseconds>(std::max(*wake, now) - now);
  timer = loop.after(wait, [weak = weak_from_this()] {
    if (const auto self = weak.lock(); self && !self->closing) self->pump();
  });
}

std::optional<SteadyTime> Rest::Impl::look_at(const JobPtr& job,
                                              std::unordered_set<std::string>& held,
                                              SteadyTime now) {
  if (job->in_flight) return std::nullopt;
  if (auto refused = refusal(*job, now)) {
    fail(job, std::move(*refused));
    return std::nullopt;
  }
  // One bucket's requests keep their order, also behind one that waits to be tried again.
  if (!held.insert(buckets.key(job->route)).second) return job->deadline;
  if (now < job->not_before) return std::min(job->not_before, job->deadline);
  const auto global = job->request.anonymous ? Buckets::Global::Free : Buckets::Global::Bound;
  const auto admission = buckets.admit(job->route, global, now);
  if (!admission.go) return std::min(admission.at.value_or(job->deadline), job->deadline);
  job->held = admission.held;
  start(job, now);
  return std::nullopt;
}

std::optional<Failure> Rest::Impl::refusal(const Job& job, SteadyTime now) {
  if (now >= job.deadline) {
    return Failure{Error{Code::DeadlineExceeded,
                         job.route.name + ": its time passed while it waited to be sent"}};
  }
  if (unauthorised && !job.request.anonymous) return unauthorised;
  // A channel that may not be seen refuses everything, a missing permission one kind of request.
  for (const std::string& key : {job.route.major, job.route.name + " " + job.route.major}) {
    const auto found = forbidden.find(key);
    if (found != forbidden.end() && now < found->second.until) return found->second.failure;
  }
  return std::nullopt;
}

void Rest::Impl::start(const JobPtr& job, SteadyTime now) {
  job->in_flight = true;
  job->status = 0;
  job->headers = {};
  job->body.clear();
  net::ClientRequest request;
  request.method = job->request.method;
  request.url = options.base_url + job->request.path;
  request.headers.set("User-Agent", std::string(kUserAgent));
  if (!job->request.anonymous) request.headers.set("Authorization", "Bot " + options.token);
  if (!job->request.body.empty()) request.headers.set("Content-Type", "application/json");
  request.body = job->request.body;
  const Milliseconds left = std::max(Milliseconds(1), retry::remaining(now, job->deadline));
  request.connect_timeout = std::min(kConnectTimeout, left);
  request.first_byte_timeout = request.idle_timeout = request.total_timeout = left;
  request.body_bytes_max = kReplyBytes;
  client->send(std::move(request),
               {.head =
                    [job](int status, const http::Headers& headers) {
                      job->status = status;
                      job->headers = headers;
                    },
                .data = [job](std::string_view bytes) { job->body.append(bytes); },
                .done = [self = shared_from_this(),
                         job](const Result<void>& outcome) { self->ended(job, outcome); }});
}

void Rest::Impl::ended(const JobPtr& job, const Result<void>& outcome) {
  const SteadyTime now = SystemClock::instance().now();
  job->in_flight = false;
  if (!outcome.ok()) {
    failed(job, outcome.error(), now);
  } else {
    answered(job, now);
  }
  if (!closing) pump();
}

// Whether the job stays, to be tried again after a pause.
bool Rest::Impl::again(Job& job, SteadyTime now) {
  const retry::Policy policy{kAttemptsMax, options.backoff, 2.0, 32 * options.backoff, true};
  ++job.failures;
  const Milliseconds wait = retry::delay(policy, job.failures, random);
  if (closing || !retry::may_retry(policy, job.failures, now, wait, job.deadline)) return false;
  job.not_before = now + wait;
  return true;
}

void Rest::Impl::failed(const JobPtr& job, Error error, SteadyTime now) {
  buckets.done(job->held);
  const bool unsent = never_sent(error);
  job->unsure = job->unsure || (!unsent && job->changes());
  if ((unsent || job->idempotent()) && again(*job, now)) return;
  // The path of an anonymous request holds a token, which must not come into a log.
  if (job->request.anonymous) error.message = job->route.name + ": no answer";
  fail(job, {std::move(error)});
}

void Rest::Impl::answered(const JobPtr& job, SteadyTime now) {
  const int status = job->status;
  const bool good = status >= 200 && status < 300;
  const Complaint said = good ? Complaint{} : read_complaint(job->body);
  buckets.learn(job->route, job->held, {status, job->headers, said.retry_after_s, said.global},
                now);
  if (good) return finish(job, {.reply = Reply{status, std::move(job->body)}});
  if (status == 429 && !closing) {
    job->not_before = now + kLimitedPause;
    return;
  }
  if (status >= 500) {
    job->unsure = job->unsure || job->changes();
    if (job->idempotent() && again(*job, now)) return;
  }
  const bool refused = status >= 400 && status < 500;  // else it may be otherwise in a moment
  const Code code = refused ? code_from_http_status(status) : Code::Unavailable;
  Failure failure{Error{code, fmt::format("{}: Discord answers {} {}, code {}", job->route.name,
                                          status, said.message, said.code)},
                  status, said.code};
  remember(*job, failure, now);
  fail(job, std::move(failure));
}

void Rest::Impl::remember(const Job& job, const Failure& failure, SteadyTime now) {
  if (failure.status == 401 && !job.request.anonymous) {
    unauthorised = failure;
    unauthorised->error.message =
        "Discord does not accept the bot's token (401), so nothing more is sent: put the right "
        "token in place and start again";
  }
  std::string key;
  if (failure.status == 403 && failure.code == error_code::kMissingAccess) key = job.route.major;
  if (failure.status == 403 && failure.code == error_code::kMissingPermissions) {
    key = job.route.name + " " + job.route.major;
  }
  if (key.empty() || job.route.major.empty()) return;
  if (forbidden.size() >= kForbiddenMax) {
    std::erase_if(forbidden, [&](const auto& entry) { return entry.second.until <= now; });
  }
  if (forbidden.size() < kForbiddenMax) {
    forbidden.insert_or_assign(key, Forbidden{now + kForbiddenFor, failure});
  }
}

void Rest::Impl::fail(const JobPtr& job, Failure failure) {
  failure.unsure = failure.unsure || job->unsure;
  finish(job, {.reply = {}, .failure = std::move(failure)});
}

// Posted, so that a callback may do anything, even destroy the client.
void Rest::Impl::finish(const JobPtr& job, Outcome outcome) {
  std::erase(jobs, job);
  loop.post([done = std::move(job->done), outcome = std::move(outcome)]() mutable {
    if (done) done(std::move(outcome));
  });
}

void Rest::Impl::close() {
  closing = true;
  timer.reset();
  for (const JobPtr& job : std::vector<JobPtr>(jobs)) {
    if (!job->in_flight) fail(job, {Error{Code::Cancelled, "the Discord client is closed"}});
  }
}

void Rest::create_message(const std::string& channel, const NewMessage& message, Done done) {
  json::Writer writer;
  writer.begin_object();
  writer.key("content");
  writer.string(message.content);
  if (!message.nonce.empty()) {
    writer.key("nonce");
    writer.string(message.nonce);
    writer.key("enforce_nonce");
    writer.boolean(true);
  }
  write_mentions(writer, message.mention_users);
  if (message.reply_to) {
    writer.key("message_reference");
    writer.begin_object();
    writer.key("message_id");
    writer.string(*message.reply_to);
    writer.key("fail_if_not_exists");
    writer.boolean(false);
    writer.end_object();
  }
  writer.end_object();
  send({.method = http::Method::Post,
        .path = fmt::format("/channels/{}/messages", channel),
        .body = writer.take(),
        .idempotent = !message.nonce.empty()},
       std::move(done));
}

void Rest::edit_message(const std::string& channel, const std::string& message,
                        const std::string& content, Done done) {
  send({.method = http::Method::Patch,
        .path = fmt::format("/channels/{}/messages/{}", channel, message),
        .body = content_body(content)},
       std::move(done));
}

void Rest::trigger_typing(const std::string& channel, Done done) {
  send({.method = http::Method::Post,
        .path = fmt::format("/channels/{}/typing", channel),
        .idempotent = true,
        .deadline = kTypingDeadline},
       std::move(done));
}

void Rest::answer_interaction(const Interaction& interaction, int callback_type,
                              const std::string& content, int flags, Done done) {
  json::Writer writer;
  writer.begin_object();
  writer.key("type");
  writer.integer(callback_type);
  writer.key("data");
  writer.begin_object();
  if (callback_type == callback_type::kMessage) {
    writer.key("content");
    writer.string(content);
    write_mentions(writer, {});
  }
  writer.key("flags");
  writer.integer(flags);
  writer.end_object();
  writer.end_object();
  send({.method = http::Method::Post,
        .path = fmt::format("/interactions/{}/{}/callback", interaction.id, interaction.token),
        .body = writer.take(),
        .anonymous = true,
        .deadline = kInteractionDeadline},
       std::move(done));
}

void Rest::edit_answer(const Interaction& interaction, const std::string& content, Done done) {
  send({.method = http::Method::Patch,
        .path = fmt::format("/webhooks/{}/{}/messages/@original", interaction.application_id,
                            interaction.token),
        .body = content_body(content),
        .anonymous = true},
       std::move(done));
}

}  // namespace discord
