#include "llm/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "retry/policy.h"
#include "telemetry/log.h"

namespace llm {
namespace {

constexpr std::size_t kErrorBodyBytes = 4096;
constexpr Milliseconds kLinger{250};            // for the body's end behind the answer's
constexpr std::size_t kHealthConnections = 32;  // a provider that hangs holds several

const SystemClock& clock() { return SystemClock::instance(); }

// Who has a place shall not wait for a connection; and health is asked beside the chats.
std::size_t connections_for(const ChainOptions& options) {
  std::size_t places = 0;
  for (const auto& provider : options.providers) {
    if (provider.kind == ProviderKind::Understudy) continue;
    places += static_cast<std::size_t>(std::max(provider.concurrency, 0));
  }
  return places + kHealthConnections;
}

}  // namespace

RunContext::RunContext(net::Loop& loop_in, ChainOptions options_in, telemetry::Metrics& metrics)
    : options(std::move(options_in)),
      loop(loop_in),
      client(std::make_unique<net::Client>(
          loop, net::Client::Options{.connections_per_host = connections_for(options),
                                     .ca_file = options.ca_file})),
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
      first_token(
          metrics.histogram("troupe_llm_first_token_seconds", "From request to first token")) {}

void Run::begin() {
  if (over_) return;
  const auto left = std::min(retry::remaining(clock().now(), deadline_), options().total);
  deadline_timer_ = context_->loop.after(left, [weak = weak_from_this()] {
    if (const auto run = weak.lock()) {
      run->stop({Code::DeadlineExceeded, "the request's time was over"});
    }
  });
  auto found = order();
  if (!found) return done(found.error());
  order_ = std::move(found).value();
  try_next();
}

void Run::cancel() {
  context_->loop.post([self = shared_from_this()] {
    self->stop({Code::Cancelled, "cancelled by the caller"});
  });
}

void Run::try_next() {
  if (context_->closing) return done(Error{Code::Cancelled, "shutting down"});
  if (next_ == order_.size()) return done(last_error_);
  provider_ = order_[next_++];
  if (const auto refusal = provider_->refusal(clock().now())) return go_on_after(*refusal);
  const auto pass = provider_->admit(clock().now());
  if (!pass) {
    return go_on_after({Code::Unavailable, "out of service after failures"});
  }
  pass_ = *pass;
  if (!provider_->take_place()) return wait_for_place();
  placed_ = true;
  ask();
}

void Run::wait_for_place() {
  if (!provider_->wait(shared_from_this(), options().waiting_max)) {
    return failed({{Code::Overloaded, "too many requests are waiting"}, Blame::Nobody});
  }
  waiting_ = true;
  wait_timer_ = context_->loop.after(options().place_wait, [weak = weak_from_this()] {
    const auto run = weak.lock();
    if (!run || !run->waiting_) return;
    run->waiting_ = false;
    run->provider_->stop_waiting(run.get());
    run->failed({{Code::Overloaded, "no place was free in time"}, Blame::Nobody});
  });
}

void Run::place_given(Provider& provider) {
  // The wait may have ended meanwhile, and the run may be at another provider by now.
  if (!waiting_ || &provider != provider_) return provider.give_back(context_->loop);
  if (context_->closing) return turned_away();
  waiting_ = false;
  placed_ = true;
  wait_timer_.reset();
  ask();
}

void Run::turned_away() { stop({Code::Cancelled, "shutting down"}); }

void Run::send(WireRequest wire, Milliseconds first_byte, std::size_t body_bytes_max) {
  status_ = 0;
  retry_after_.clear();
  error_body_.clear();
  failure_.reset();
  ended_ = false;
  sent_ = clock().now();
  net::ClientRequest request = provider_->request(std::move(wire));
  request.first_byte_timeout = first_byte;
  request.idle_timeout = options().idle;
  request.total_timeout = options().total;
  request.body_bytes_max = body_bytes_max;
  const auto self = shared_from_this();
  net::ClientEvents events;
  events.head = [self](int status, const http::Headers& headers) {
    self->status_ = status;
    self->retry_after_ = headers.get("Retry-After").value_or("");
  };
  events.data = [self](std::string_view bytes) { self->on_data(bytes); };
  events.done = [self](const Result<void>& outcome) { self->on_end(outcome); };
  call_ = context_->client->send(std::move(request), std::move(events));
}

void Run::limit_first_token() {
  wait_timer_ = context_->loop.after(options().first_token, [weak = weak_from_this()] {
    const auto run = weak.lock();
    if (!run || run->over_ || !run->call_) return;
    run->failure_ = Failure{{Code::DeadlineExceeded, "no first token in time"}};
    run->call_->cancel();
  });
}

void Run::on_data(std::string_view bytes) {
  if (over_ || failure_ || ended_) return;
  if (status_ != 200) {
    error_body_ += bytes.substr(0, kErrorBodyBytes - std::min(kErrorBodyBytes, error_body_.size()));
    return;
  }
  failure_ = read(bytes);
  if (failure_ && call_) call_->cancel();
  if (!failure_ && answered()) close_soon();
}

// The answer is whole: the end of its body is waited for only to keep the connection, and some
// proxies never send it.
void Run::close_soon() {
  ended_ = true;
  wait_timer_ = context_->loop.after(kLinger, [weak = weak_from_this()] {
    const auto run = weak.lock();
    if (run && run->call_) run->call_->cancel();
  });
}

std::optional<Failure> Run::failure_in(const Result<void>& outcome) {
  if (failure_) return failure_;
  if (status_ != 0 && status_ != 200) {
    return failure_of_status(status_, retry_after_, error_body_, model_);
  }
  if (status_ == 0 && !outcome) return failure_of(outcome.error());
  return complete(outcome);
}

void Run::on_end(const Result<void>& outcome) {
  call_.reset();
  wait_timer_.reset();
  if (over_) {
    // Stopped from our side. Who leaves says nothing about the provider; but one that was silent
    // for long, until the time was over, has failed all the same.
    const bool silent = told() == 0 && clock().now() - sent_ >= options().hang;
    if (silent && stopped_ == Code::DeadlineExceeded) {
      provider_->failed(pass_, clock().now(), "it did not answer in the caller's time");
    } else {
      provider_->abandoned(pass_, "");
    }
    return give_place_back();
  }
  if (const auto failure = failure_in(outcome)) return failed(*failure);
  finish();
}

void Run::finish() {
  provider_->succeeded(pass_);
  done(std::nullopt);
}

// This provider was asked, or would have been, and could not.
void Run::failed(const Failure& failure) {
  const Error error{failure.error.code,
                    without_key(failure.error.message, provider_->options().key)};
  switch (failure.blame) {
    case Blame::Provider:
      provider_->failed(pass_, clock().now(), error.message);
      break;
    case Blame::Nobody:
      provider_->abandoned(pass_, error.message);
      break;
    case Blame::Key:
      provider_->abandoned(pass_, "");
      provider_->deny(error.message);
      break;
  }
  if (failure.pause.count() > 0) provider_->pause(clock().now() + failure.pause);
  give_place_back();
  telemetry::warn("provider failed",
                  {{"provider", provider_->options().name}, {"why", error.message}});
  go_on_after(error);
}

// Before the first token the next provider may try; a begun answer is cut, and that is said.
void Run::go_on_after(const Error& error) {
  const std::string& who = provider_->options().name;
  if (told() > 0) {
    return done(Error{Code::Unavailable, fmt::format("{}: the answer was cut after {} bytes: {}",
                                                     who, told(), error.message)});
  }
  failovers_.push_back(fmt::format("{}: {}: {}", who, name(error.code), error.message));
  last_error_ = {error.code, fmt::format("{}: {}", who, error.message)};
  context_->failovers.add();
  try_next();
}

void Run::give_place_back() {
  if (std::exchange(placed_, false)) provider_->give_back(context_->loop);
}

// Ends the run from our side, in whatever phase it is.
void Run::stop(Error why) {
  if (over_) return;
  if (std::exchange(waiting_, false)) {
    provider_->stop_waiting(this);
    provider_->abandoned(pass_, "");
  }
  stopped_ = why.code;
  done(std::move(why));
  // Its on_end gives the place back and settles with the breaker.
  if (call_) call_->cancel();
}

void Run::done(std::optional<Error> error) {
  if (std::exchange(over_, true)) return;
  deadline_timer_.reset();
  wait_timer_.reset();
  if (!call_) give_place_back();
  deliver(std::move(error));
}

}  // namespace llm
