#include "llm/provider.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/utf8.h"
#include "llm/fault.h"

namespace llm {

namespace {

bool contains(const std::vector<std::string>& models, const std::string& model) {
  return std::any_of(models.begin(), models.end(), [&](const std::string& known) {
    return known.starts_with(model) && (known.size() == model.size() ||
                                        std::string_view(known).substr(model.size()) == ":latest");
  });
}

// Cloud providers list hundreds of models, and many of them have no chat.
bool speaks(const std::string& model) {
  const std::string name = ascii_lower(model);
  for (const auto* const other :
       {"embed", "bge-", "minilm", "rerank", "whisper", "tts", "transcribe", "realtime", "audio",
        "dall-e", "image", "sora", "moderation", "babbage", "davinci"}) {
    if (name.find(other) != name.npos) return false;
  }
  return true;
}

}  // namespace

Provider::Provider(ProviderOptions options, std::unique_ptr<talk::ProviderFormat> format)
    : options_(std::move(options)),
      format_(std::move(format)),
      headers_(format_ ? format_->headers(options_.key) : http::Headers()),
      models_(options_.models),
      breaker_(options_.breaker) {
  if (options_.barred) last_error_ = options_.barred->why;
  if (format_) return;
  state_ = "up";
  if (models_.empty()) models_ = {"understudy"};
}

bool Provider::offers(const std::string& model) const {
  const std::lock_guard lock(mutex_);
  return model == "auto" || contains(models_, model);
}

bool Provider::has(const std::string& model) const {
  const std::lock_guard lock(mutex_);
  return contains(models_, model) || (listed_ && contains(*listed_, model));
}

std::string Provider::model_for(const std::string& asked, const std::string& preferred) const {
  if (asked != "auto") return asked;
  const std::lock_guard lock(mutex_);
  const auto there = [&](const std::string& model) {
    return !listed_ || listed_->empty() || contains(*listed_, model);
  };
  std::string unlisted;
  for (const std::string* const wish : {&preferred, &options_.usual_model}) {
    if (!wish->empty() && contains(models_, *wish)) {
      if (there(*wish)) return *wish;
      if (unlisted.empty()) unlisted = *wish;
    }
  }
  for (const std::string& model : models_) {
    if (!speaks(model)) continue;
    if (there(model)) return model;
    if (unlisted.empty()) unlisted = model;
  }
  return unlisted;
}

bool Provider::knows_models() const {
  const std::lock_guard lock(mutex_);
  return !format_ || !options_.models.empty() || listed_;
}

bool Provider::knows_list() const {
  const std::lock_guard lock(mutex_);
  return !format_ || options_.barred || listed_;
}

void Provider::models_read(const Result<std::vector<std::string>>& models) {
  const std::lock_guard lock(mutex_);
  state_ = models ? "up" : "down";
  if (!models) {
    last_error_ = models.error().message;
    return;
  }
  denied_ = false;
  listed_ = models.value();
  if (options_.models.empty()) models_ = *listed_;
}

void Provider::learn_from(const Provider& before) {
  const std::scoped_lock lock(mutex_, before.mutex_);
  listed_ = before.listed_;
  state_ = before.state_;
  if (options_.models.empty() && listed_) models_ = *listed_;
}

void Provider::list_answered(int status, std::string_view body) {
  if (status == 200) return models_read(format_->read_models(body));
  const Failure failure = talk::failure_of_answer(status, {}, body, "");
  const std::string why =
      without_key(fmt::format("listing its models: {}", failure.error.message), options_.key);
  // Servers without a list, and keys that may not read it, can speak all the
  // same. No list will ever end a denial here, so it ends now: one chat finds
  // out whether the key is still refused.
  const bool unlisted = status == 403 || status == 404 || status == 405 || status == 501;
  if (unlisted && !options_.models.empty()) {
    const std::lock_guard lock(mutex_);
    denied_ = false;
    state_ = "up";
    return;
  }
  if (failure.blame == Blame::Key || status == 403) return deny(why);
  models_read(Error{failure.error.code, why});
}

net::ClientRequest Provider::request(talk::WireRequest wire) const {
  net::ClientRequest request;
  request.method = wire.method;
  request.url.reserve(options_.url.size() + wire.path.size());
  request.url.append(options_.url).append(wire.path);
  request.headers = headers_;
  for (const auto& [name, value] : wire.headers.lines()) request.headers.set(name, value);
  request.body = std::move(wire.body);
  return request;
}

std::optional<Failure> Provider::refusal(SteadyTime now) const {
  if (options_.barred) return Failure{{Code::Unavailable, options_.barred->why}, Blame::Nobody};
  const std::lock_guard lock(mutex_);
  if (denied_) return Failure{{Code::Unavailable, last_error_}, Blame::Nobody};
  if (now >= paused_until_) return std::nullopt;
  const auto left = std::chrono::ceil<std::chrono::seconds>(paused_until_ - now);
  return Failure{
      {Code::Overloaded, fmt::format("it limits the rate for another {} s", left.count())},
      Blame::Nobody,
      left};
}

void Provider::pause(SteadyTime until) {
  const std::lock_guard lock(mutex_);
  paused_until_ = std::max(paused_until_, until);
}

void Provider::deny(const std::string& why) {
  const std::lock_guard lock(mutex_);
  denied_ = true;
  last_error_ = why;
}

std::optional<Provider::Pass> Provider::admit(SteadyTime now) {
  const std::lock_guard lock(mutex_);
  return breaker_.allow(now);
}

void Provider::succeeded(Pass pass) {
  const std::lock_guard lock(mutex_);
  breaker_.succeeded(pass);
  state_ = "up";
}

void Provider::failed(Pass pass, SteadyTime now, const std::string& why) {
  const std::lock_guard lock(mutex_);
  breaker_.failed(pass, now);
  state_ = "down";
  last_error_ = why;
}

void Provider::abandoned(Pass pass, const std::string& why) {
  const std::lock_guard lock(mutex_);
  breaker_.abandoned(pass);
  if (!why.empty()) last_error_ = why;
}

ProviderState Provider::state(SteadyTime now) const {
  const std::lock_guard lock(mutex_);
  return {options_.name,
          std::string(enum_name(options_.kind)),
          options_.barred ? options_.barred->state
          : denied_       ? "denied"
                          : state_,
          std::string(retry::name(breaker_.state(now))),
          models_,
          in_flight_,
          waiting_count_,
          last_error_,
          options_.server};
}

int Provider::load() const {
  const std::lock_guard lock(mutex_);
  return in_flight_ + waiting_count_;
}

bool Provider::take_place() {
  const std::lock_guard lock(mutex_);
  if (in_flight_ >= options_.concurrency || !waiting_.empty()) return false;
  ++in_flight_;
  return true;
}

bool Provider::wait(std::shared_ptr<Waiter> waiter, std::size_t waiting_max) {
  if (waiting_.size() >= waiting_max) return false;
  waiting_.push_back(std::move(waiter));
  const std::lock_guard lock(mutex_);
  waiting_count_ = static_cast<int>(waiting_.size());
  return true;
}

void Provider::stop_waiting(const Waiter* waiter) {
  std::erase_if(waiting_, [&](const auto& other) { return other.get() == waiter; });
  const std::lock_guard lock(mutex_);
  waiting_count_ = static_cast<int>(waiting_.size());
}

void Provider::drop_waiting() {
  // Taken out first: who is turned away may stop waiting.
  const auto waiting = std::exchange(waiting_, {});
  {
    const std::lock_guard lock(mutex_);
    waiting_count_ = 0;
  }
  for (const auto& waiter : waiting) waiter->turned_away();
}

void Provider::give_back(net::Loop& loop) {
  std::shared_ptr<Waiter> next;
  if (!waiting_.empty()) {
    next = std::move(waiting_.front());
    waiting_.pop_front();
  }
  {
    const std::lock_guard lock(mutex_);
    waiting_count_ = static_cast<int>(waiting_.size());
    if (!next) --in_flight_;  // else the place goes from hand to hand
  }
  if (next) loop.post([this, next] { next->place_given(*this); });
}

}  // namespace llm
