#include "llm/quota.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string_view>

namespace llm {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kHourMs = 60 * kMinuteMs;
constexpr std::int64_t kDayMs = 24 * kHourMs;
// How long an answer of Redis stands for others who ask for as much.
constexpr Milliseconds kDenied{100};

std::int64_t refill_ms(Window window) { return window == Window::Minute ? kMinuteMs : kHourMs; }

retry::Limiter::Options bucket_of(const Rule& rule) {
  const auto amount = static_cast<double>(rule.amount);
  return {.per_second = amount * 1000 / static_cast<double>(refill_ms(rule.window)),
          .burst = amount};
}

std::string_view word(Window window) {
  switch (window) {
    case Window::Minute:
      return "minute";
    case Window::Hour:
      return "hour";
    case Window::Day:
      return "day";
    case Window::Month:
      return "month";
  }
  return {};
}

}  // namespace

std::string Rule::text() const {
  const std::string_view an = window == Window::Hour ? "an" : "a";
  if (unit == Unit::Cost) {
    return fmt::format("a cost of {:g} {} {}", static_cast<double>(amount) / kNanos, an,
                       word(window));
  }
  return fmt::format("{} {} {} {}", amount, unit == Unit::Requests ? "requests" : "tokens", an,
                     word(window));
}

std::int64_t to_nanos(double cost) {
  constexpr double kLargest = 1e9;  // far from where an int64 ends, also after some additions
  if (!(cost > 0)) return 0;
  return static_cast<std::int64_t>(std::ceil(std::min(cost, kLargest) * kNanos));
}

Span span_of(Window window, std::int64_t wall_ms) {
  namespace chrono = std::chrono;
  const chrono::sys_days day =
      chrono::floor<chrono::days>(chrono::sys_time<Milliseconds>(Milliseconds(wall_ms)));
  const auto ms = [](chrono::sys_days at) { return at.time_since_epoch().count() * kDayMs; };
  if (window != Window::Month) return {ms(day), ms(day + chrono::days(1))};
  const chrono::year_month_day date(day);
  const auto first = date.year() / date.month() / 1;
  return {ms(first), ms(first + chrono::months(1))};
}

Quota::Quota(Rule rule, std::string name, std::string holder, int lease_requests)
    : rule_(rule),
      name_(std::move(name)),
      holder_(std::move(holder)),
      lease_requests_(lease_requests),
      bucket_(bucket_of(rule)) {}

void Quota::roll(const Moment& now) {
  if (rule_.rate() || (now.wall_ms >= span_.begin_ms && now.wall_ms < span_.end_ms)) return;
  span_ = span_of(rule_.window, now.wall_ms);
  used_ = 0;
  granted_ = 0;
  denied_ = 0;
}

void Quota::begin_with(std::int64_t used, const Moment& now) {
  roll(now);
  used_ = used;
}

void Quota::set_amount(std::int64_t amount, const Moment& now) {
  if (amount == rule_.amount) return;
  const double gone = static_cast<double>(rule_.amount) - bucket_.available(now.steady);
  rule_.amount = amount;
  bucket_ = retry::Limiter(bucket_of(rule_));
  if (gone > 0) bucket_.take(std::min(gone, static_cast<double>(amount)), now.steady);
  denied_ = 0;
}

Quota::Answer Quota::check_here(std::int64_t amount, const Moment& now) const {
  if (rule_.rate()) {
    retry::Limiter trial = bucket_;
    const auto taken = trial.take(static_cast<double>(amount), now.steady);
    if (taken) return {};
    return {Answer::Kind::No, std::min(taken.wait, Milliseconds(refill_ms(rule_.window)))};
  }
  // Written so that nothing overflows: what is used may exceed the amount, `amount` may be
  // anything.
  if (amount <= rule_.amount - used_ - reserved_) return {};
  return {Answer::Kind::No, Milliseconds(span_.end_ms - now.wall_ms)};
}

Quota::Answer Quota::check(std::int64_t amount, const Moment& now, Sharing sharing) {
  roll(now);
  if (const bool shared = sharing == Sharing::Shared; shared != shared_) {
    shared_ = shared;
    granted_ = first_ = wanted_ = denied_ = 0;
  }
  const Answer here = check_here(amount, now);
  if (here.kind != Answer::Kind::Yes || !shared_ || amount <= spare()) return here;
  if (denied_ > 0 && amount >= denied_ && now.steady < denied_until_) {
    return {Answer::Kind::No, denied_wait_};
  }
  if (first_ == 0) first_ = amount;
  wanted_ += amount;
  return {Answer::Kind::Borrow, Milliseconds(0)};
}

void Quota::reserve(std::int64_t amount, const Moment& now) {
  if (rule_.rate()) {
    bucket_.take(static_cast<double>(amount), now.steady);
    if (shared_) granted_ -= amount;
  } else {
    reserved_ += amount;
  }
}

void Quota::settle(std::int64_t reserved, std::int64_t used, const Moment& now) {
  roll(now);
  if (rule_.rate()) {
    // Less than nothing is taken to give back; what is more than the bucket holds is let go.
    bucket_.take(static_cast<double>(used - reserved), now.steady);
    if (shared_) granted_ += reserved - used;
  } else {
    reserved_ -= reserved;
    used_ += used;
  }
}

// --- borrowing ----------------------------------------------------------------------------------

// Enough for some requests such as this one, but never so much of a small limit that one instance
// leaves nothing to the others.
std::int64_t Quota::lease(std::int64_t amount) const {
  const std::int64_t most = std::max(amount, rule_.amount / 8);
  return amount > most / lease_requests_ ? most : amount * lease_requests_;
}

Loan Quota::loan(const Moment& now) const {
  Loan loan;
  loan.name = name_;
  loan.size = rule_.amount;
  if (rule_.rate()) {
    loan.refill_us = refill_ms(rule_.window) * 1000;
    loan.ttl_ms = 2 * refill_ms(rule_.window);
  } else {
    loan.name += fmt::format(":{}", span_.begin_ms / kDayMs);
    loan.holder = holder_;
    // What is in use is in use, whether Redis has lent it or not.
    loan.held = std::max(granted_, used_ + reserved_);
    loan.ttl_ms = span_.end_ms - now.wall_ms + kHourMs;
  }
  return loan;
}

std::optional<Loan> Quota::borrow(const Moment& now) {
  if (asked_ || wanted_ == 0) return std::nullopt;
  Loan loan = this->loan(now);
  const std::int64_t there = rule_.rate() ? granted_ : loan.held - used_ - reserved_;
  loan.need = std::max<std::int64_t>(first_ - there, 1);
  loan.want =
      std::max({lease_requests_ > 1 ? lease(first_) - there : 0, wanted_ - there, loan.need});
  asked_ = loan;
  asked_for_ = first_;
  first_ = wanted_ = 0;
  return loan;
}

void Quota::lent(const std::optional<Lent>& lent, const Moment& now) {
  roll(now);
  const Loan asked = *asked_;
  asked_.reset();
  first_ = wanted_ = 0;  // who waits asks again
  const bool gone =
      !rule_.rate() && !asked.name.ends_with(fmt::format(":{}", span_.begin_ms / kDayMs));
  if (gone || !shared_) return;  // a share of another window, or of another time
  if (lent && lent->amount > 0) {
    granted_ = (rule_.rate() ? granted_ : asked.held) + lent->amount;
    denied_ = 0;
    return;
  }
  denied_ = lent ? asked_for_ : 1;
  denied_until_ = now.steady + kDenied;
  denied_wait_ = kDenied;
  if (lent && rule_.rate()) {
    denied_wait_ = std::clamp(lent->wait, Milliseconds(1), Milliseconds(refill_ms(rule_.window)));
    denied_until_ = now.steady + std::min(kDenied, denied_wait_);
  } else if (lent) {
    denied_wait_ = Milliseconds(span_.end_ms - now.wall_ms);
  }
}

std::optional<Loan> Quota::give_back(Keep keep, const Moment& now) {
  roll(now);
  if (!shared_ || asked_) return std::nullopt;
  const bool some = keep == Keep::Some && lease_requests_ > 1;
  const std::int64_t surplus = spare() - (some ? lease(asked_for_) : 0);
  if (surplus <= 0) return std::nullopt;
  granted_ -= surplus;
  Loan loan = this->loan(now);
  if (rule_.rate()) loan.want = -surplus;
  return loan;
}

}  // namespace llm
