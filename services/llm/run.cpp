#include "llm/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "retry/policy.h"
#include "telemetry/log.h"

namespace llm {
namespace {

constexpr std::size_t kErrorBodyBytes = 4096;
constexpr Milliseconds kLinger{250};    // for the body's end behind the answer's
constexpr Milliseconds kClockSlack{2};  // of a timer that ends with the deadline
constexpr std::chrono::seconds kComeAgain{1};
constexpr Provider::Pass kNoPass = 0;  // whose outcome no breaker heeds
// Who has a place shall not wait for a connection, and health is asked beside the chats: so places
// are the limit, not these.
constexpr std::size_t kConnectionsMax = 32 * 1024;

const SystemClock& clock() { return SystemClock::instance(); }

bool same_provider(const Provider& one, const Provider& other) {
  return one.options().name == other.options().name;
}

}  // namespace

RunContext::RunContext(net::Loop& loop_in, SetupRef setup, telemetry::Metrics& metrics,
                       Chain::With with_in)
    : loop(loop_in),
      with(with_in),
      client(std::make_unique<net::Client>(
          loop, net::Client::Options{.connections_per_host = kConnectionsMax,
                                     .ca_file = setup->options.ca_file})),
      understudies(std::make_unique<runtime::WorkerPool>(1, setup->options.waiting_max)),
      random(hash64(make_id("spread"))),
      failovers(metrics.counter("troupe_llm_failovers_total",
                                "Requests that went on to the next provider")),
      completions(metrics.counter("troupe_llm_completions_total", "Completions by outcome",
                                  {{"outcome", "ok"}})),
      failures(metrics.counter("troupe_llm_completions_total", "Completions by outcome",
                               {{"outcome", "failed"}})),
      embeddings(metrics.counter("troupe_llm_embeddings_total",
                                 "Requests for embeddings by outcome", {{"outcome", "ok"}})),
      embedding_failures(metrics.counter("troupe_llm_embeddings_total",
                                         "Requests for embeddings by outcome",
                                         {{"outcome", "failed"}})),
      cache_hits(metrics.counter("troupe_llm_completions_total", "Completions by outcome",
                                 {{"outcome", "cached"}})),
      semantic_hits(metrics.counter("troupe_llm_semantic_lookups_total",
                                    "Questions looked for by their meaning, by outcome",
                                    {{"outcome", "hit"}})),
      semantic_misses(metrics.counter("troupe_llm_semantic_lookups_total",
                                      "Questions looked for by their meaning, by outcome",
                                      {{"outcome", "miss"}})),
      first_token(
          metrics.histogram("troupe_llm_first_token_seconds", "From request to first token")),
      setup_(std::move(setup)) {}

SetupRef RunContext::setup() const {
  const std::lock_guard lock(mutex_);
  return setup_;
}

void RunContext::adopt(SetupRef setup) {
  const std::lock_guard lock(mutex_);
  std::erase_if(retired_, [](const auto& old) { return old.expired(); });
  retired_.push_back(std::exchange(setup_, std::move(setup)));
}

void RunContext::drop_waiting() {
  std::vector<SetupRef> all;
  {
    const std::lock_guard lock(mutex_);
    all.push_back(setup_);
    for (const auto& old : retired_) {
      if (auto setup = old.lock()) all.push_back(std::move(setup));
    }
  }
  for (const SetupRef& setup : all) {
    for (const auto& provider : setup->providers) provider->drop_waiting();
  }
}

// Another instance may have room, and so shall this one soon.
talk::Refusal shutting_down() {
  return {.error = {Code::Unavailable, "shutting down"}, .status = 503, .retry_after = kComeAgain};
}

Run::Run(std::shared_ptr<RunContext> context, SteadyTime deadline)
    : context_(std::move(context)),
      setup_(context_->setup()),
      began_(clock().now()),
      deadline_(std::min(deadline, began_ + options().total)) {}

void Run::begin() {
  if (over_) return;
  auto found = order();
  if (!found) return done(talk::Refusal{found.error()});
  order_ = std::move(found).value();
  try_next();
}

void Run::cancel() {
  if (context_->loop.on_loop_thread()) return stop({Code::Cancelled, "cancelled by the caller"});
  context_->loop.post([self = shared_from_this()] {
    self->stop({Code::Cancelled, "cancelled by the caller"});
  });
}

std::chrono::nanoseconds Run::overhead() const {
  auto waited = waited_;
  if (call_) waited += heard_ - sent_;
  return clock().now() - began_ - waited;
}

void Run::spread(std::vector<Candidate>& candidates) {
  auto group = candidates.begin();
  while (group != candidates.end()) {
    const auto end = std::find_if(group, candidates.end(), [&](const Candidate& other) {
      return !same_provider(*other.provider, *group->provider) || other.model != group->model;
    });
    const auto servers = static_cast<std::uint64_t>(end - group);
    if (servers > 1) {
      const auto at = [&](std::uint64_t index) {
        return group + static_cast<std::ptrdiff_t>(index);
      };
      const std::uint64_t first = context_->random.below(servers);
      const std::uint64_t second = (first + 1 + context_->random.below(servers - 1)) % servers;
      const bool second_is_free = at(second)->provider->load() < at(first)->provider->load();
      std::rotate(group, at(second_is_free ? second : first), end);
    }
    group = end;
  }
}

void Run::try_next() {
  if (context_->closing) return done(shutting_down());
  if (next_ == order_.size() && !asked_ && !std::exchange(last_resort_, true)) next_ = 0;
  if (next_ == order_.size()) return done(last_refusal());
  if (retry::remaining(clock().now(), deadline_).count() <= 0) return time_is_over();
  candidate_ = &order_[next_++];
  status_ = 0;  // what the one before has said is not this one's
  if (const auto refusal = provider().refusal(clock().now())) return go_on_after(*refusal);
  const auto pass = provider().admit(clock().now());
  if (!pass && !last_resort_) {
    return go_on_after({{Code::Unavailable, "out of service after failures"}, Blame::Nobody});
  }
  pass_ = pass.value_or(kNoPass);
  if (!provider().take_place()) return wait_for_place();
  placed_ = true;
  ask();
}

void Run::time_is_over() {
  done(talk::Refusal{{Code::DeadlineExceeded, "the request's time was over"}});
}

void Run::wait_for_place() {
  if (!provider().wait(shared_from_this(), options().waiting_max)) {
    return failed({{Code::Overloaded, "too many requests are waiting"}, Blame::Nobody});
  }
  waiting_ = true;
  const Milliseconds left = retry::remaining(clock().now(), deadline_);
  wait_timer_ =
      context_->loop.after(std::min(options().place_wait, left), [weak = weak_from_this()] {
        const auto run = weak.lock();
        if (!run || !run->waiting_) return;
        run->waiting_ = false;
        run->provider().stop_waiting(run.get());
        run->failed({{Code::Overloaded, "no place was free in time"}, Blame::Nobody});
      });
}

void Run::place_given(Provider& provider) {
  // The wait may have ended meanwhile, and the run may be at another provider
  // by now.
  if (!waiting_ || &provider != candidate_->provider) return provider.give_back(context_->loop);
  if (context_->closing) return turned_away();
  waiting_ = false;
  placed_ = true;
  wait_timer_.reset();
  ask();
}

void Run::turned_away() {
  if (over_) return;
  if (std::exchange(waiting_, false)) provider().abandoned(pass_, "");
  done(shutting_down());
}

void Run::send(talk::WireRequest wire, Milliseconds first_byte, std::size_t body_bytes_max) {
  error_.reset();
  failure_.reset();
  asked_ = true;
  sent_ = heard_ = clock().now();
  const Milliseconds left = std::max(Milliseconds(1), retry::remaining(sent_, deadline_));
  net::ClientRequest request = provider().request(std::move(wire));
  request.connect_timeout = std::min(request.connect_timeout, left);
  request.first_byte_timeout = std::min(first_byte, left);
  request.idle_timeout = std::min(options().idle, left);
  request.total_timeout = left;
  request.body_bytes_max = body_bytes_max;
  net::ClientEvents events;
  events.head = [this](int status, const http::Headers& headers) {
    if (status != 200) error_ = std::make_unique<Rest>(Rest{headers, {}});
    status_ = status;
  };
  events.data = [this](std::string_view bytes) { on_data(bytes); };
  // The last of them keeps the run alive for all.
  events.done = [self = shared_from_this()](const Result<void>& outcome) { self->on_end(outcome); };
  call_ = context_->client->send(std::move(request), std::move(events));
}

void Run::limit_first_token() {
  wait_timer_ = context_->loop.after(options().first_token, [weak = weak_from_this()] {
    const auto run = weak.lock();
    if (!run || run->over_ || !run->call_) return;
    // The loop may have been held up: what has come meanwhile is read first.
    run->wait_timer_ = run->context_->loop.after(kClockSlack, [weak] {
      const auto still = weak.lock();
      if (!still || still->over_ || !still->call_) return;
      still->failure_ = Failure{{Code::DeadlineExceeded, "no first token in time"}};
      still->call_->cancel();
    });
  });
}

void Run::on_data(std::string_view bytes) {
  if (over_ || failure_) return;
  heard_ = clock().now();
  if (status_ != 200) {
    std::string& body = error_->body;
    body += bytes.substr(0, kErrorBodyBytes - std::min(kErrorBodyBytes, body.size()));
    return;
  }
  failure_ = read(bytes);
  if (failure_ && call_) call_->cancel();
  if (!failure_ && !over_ && answered()) end_early();
}

// The answer is whole: the end of its body is waited for only to keep the
// connection, and some proxies never send it. Nobody else waits for that.
void Run::end_early() {
  failure_ = complete({});
  if (failure_) return call_->cancel();
  finish();
  wait_timer_ = context_->loop.after(kLinger, [weak = weak_from_this()] {
    const auto run = weak.lock();
    if (run && run->call_) run->call_->cancel();
  });
}

std::optional<Failure> Run::failure_in(const Result<void>& outcome) {
  if (failure_) return failure_;
  if (status_ != 0 && status_ != 200) {
    return talk::failure_of_answer(status_, error_->headers, error_->body, model());
  }
  if (status_ == 0 && !outcome) return failure_of(outcome.error());
  return complete(outcome);
}

void Run::on_end(const Result<void>& outcome) {
  call_.reset();
  wait_timer_.reset();
  if (over_) return on_end_after_stop();
  heard_ = clock().now();
  waited_ += heard_ - sent_;
  // The caller's time, not the provider's.
  const bool late = !outcome && outcome.error().code == Code::DeadlineExceeded &&
                    heard_ + kClockSlack >= deadline_;
  if (late && !failure_) {
    stopped_ = Code::DeadlineExceeded;
    account(told() > 0 ? Ending::Cut : Ending::Failed);
    on_end_after_stop();
    return time_is_over();
  }
  if (const auto failure = failure_in(outcome)) return failed(*failure);
  finish();
}

// Who leaves says nothing about the provider; but one that was silent for long,
// until the time was over, has failed all the same.
void Run::on_end_after_stop() {
  const bool silent = told() == 0 && clock().now() - sent_ >= options().hang;
  if (silent && stopped_ == Code::DeadlineExceeded) {
    provider().failed(pass_, clock().now(), "it did not answer in the caller's time");
  } else {
    provider().abandoned(pass_, "");
  }
  give_place_back();
}

void Run::finish() {
  provider().succeeded(pass_);
  account(Ending::Whole);
  done(std::nullopt);
}

void Run::reject(const Error& why) {
  provider().abandoned(pass_, "");
  give_place_back();
  done(failovers_.empty() ? talk::Refusal{why} : last_refusal());
}

talk::Refusal Run::last_refusal() const {
  return last_.value_or(talk::Refusal{Error{Code::Unavailable, "no provider is configured"}});
}

// This provider was asked, or would have been, and could not.
void Run::failed(const Failure& failure) {
  const Error error{failure.error.code,
                    without_key(failure.error.message, provider().options().key)};
  switch (failure.blame) {
    case Blame::Provider:
      provider().failed(pass_, clock().now(), error.message);
      break;
    case Blame::Nobody:
      provider().abandoned(pass_, error.message);
      break;
    case Blame::Key:
      provider().abandoned(pass_, "");
      provider().deny(error.message);
      break;
  }
  if (failure.pause.count() > 0) provider().pause(clock().now() + failure.pause);
  give_place_back();
  telemetry::warn("provider failed",
                  {{"provider", provider().options().name}, {"why", error.message}});
  const bool was_sent = sent_ != SteadyTime{};
  if (was_sent) account(told() > 0 ? Ending::Cut : Ending::Failed);
  sent_ = {};
  go_on_after({error, failure.blame, failure.pause, failure.no_room});
}

// Before the first token the next provider may try; a begun answer is cut, and
// that is said.
void Run::go_on_after(const Failure& failure) {
  const Error& error = failure.error;
  const std::string& who = provider().options().name;
  if (told() > 0) {
    return done(
        talk::Refusal{{Code::Unavailable, fmt::format("{}: the answer was cut after {} bytes: {}",
                                                      who, told(), error.message)}});
  }
  failovers_.push_back(fmt::format("{}: {}: {}", who, name(error.code), error.message));
  last_ = talk::Refusal{{error.code, fmt::format("{}: {}", who, error.message)}};
  // It has found fault with the request itself.
  if (status_ == 400 || status_ == 422) {
    if (error.code == Code::Unavailable) last_->error.code = Code::InvalidArgument;
  }
  if (failure.no_room) last_->status = 503;
  if (error.code == Code::Overloaded) {
    last_->retry_after =
        std::max(std::chrono::seconds(1), std::chrono::ceil<std::chrono::seconds>(failure.pause));
  }
  context_->failovers.add();
  try_next();
}

void Run::give_place_back() {
  if (std::exchange(placed_, false)) provider().give_back(context_->loop);
}

void Run::stop(Error why) {
  if (over_) return;
  if (std::exchange(waiting_, false)) {
    provider().stop_waiting(this);
    provider().abandoned(pass_, "");
  }
  stopped_ = why.code;
  if (call_) account(Ending::Aborted);
  done(talk::Refusal{std::move(why)});
  // Its on_end gives the place back and settles with the breaker.
  if (const auto call = call_) call->cancel();
}

void Run::done(std::optional<talk::Refusal> refusal) {
  if (over_.exchange(true)) return;
  wait_timer_.reset();
  if (!call_) give_place_back();
  deliver(std::move(refusal));
}

}  // namespace llm
