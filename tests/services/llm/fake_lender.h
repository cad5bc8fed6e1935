#pragma once

#include <algorithm>
#include <cmath>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "base/clock.h"
#include "llm/leases.h"

namespace llm::testing {

// What the scripts do in Redis, by a clock of the test.
class FakeRedis {
 public:
  explicit FakeRedis(const Clock& clock) : clock_(clock) {}

  Lent lend(const Loan& loan) {
    ++loans;
    return loan.refill_us > 0 ? rate(loan) : budget(loan);
  }
  void forget() {
    budgets.clear();
    buckets.clear();
  }
  std::int64_t held(const std::string& name) const {
    std::int64_t sum = 0;
    if (const auto found = budgets.find(name); found != budgets.end()) {
      for (const auto& [holder, amount] : found->second) sum += amount;
    }
    return sum;
  }

  std::map<std::string, std::map<std::string, std::int64_t>> budgets;
  std::map<std::string, double> buckets;  // microseconds at which it is full
  int loans = 0;

 private:
  Lent budget(const Loan& loan) {
    auto& holders = budgets[loan.name];
    holders[loan.holder] = loan.held;
    const std::int64_t left = loan.size - held(loan.name);
    const std::int64_t got = loan.want > 0 && left >= loan.need ? std::min(loan.want, left) : 0;
    holders[loan.holder] += got;
    return {got, Milliseconds(0)};
  }
  Lent rate(const Loan& loan) {
    const double now = static_cast<double>(clock_.wall_ms()) * 1000;
    const double per = static_cast<double>(loan.refill_us) / static_cast<double>(loan.size);
    double& full = buckets[loan.name];
    full = std::max(full, now);
    const double left = (static_cast<double>(loan.refill_us) - (full - now)) / per + 1e-6;
    std::int64_t got = loan.want;
    if (got > 0) {
      const double missing = static_cast<double>(loan.need) - left;
      if (missing > 0) return {0, Milliseconds(std::llround(std::ceil(missing * per / 1000)))};
      got = std::min(got, static_cast<std::int64_t>(left));
    }
    full += static_cast<double>(got) * per;
    return {got, Milliseconds(0)};
  }

  const Clock& clock_;
};

// Answers when the test says so.
class FakeLender final : public Lender {
 public:
  explicit FakeLender(FakeRedis& redis) : redis_(redis) {}

  bool works() const override { return up; }
  std::string_view state() const override { return up ? "connected" : "unavailable"; }
  void lend(Loan loan, std::function<void(std::optional<Lent>)> done) override {
    waiting.emplace_back(std::move(loan), std::move(done));
  }

  // The oldest loan; with Lost::Answer Redis has lent, and nobody hears of it.
  enum class Lost { Nothing, Answer, Loan };
  void answer_one(Lost lost = Lost::Nothing) {
    auto [loan, done] = std::move(waiting.front());
    waiting.pop_front();
    std::optional<Lent> lent;
    if (up && lost != Lost::Loan) lent = redis_.lend(loan);
    done(lost == Lost::Nothing ? lent : std::nullopt);
  }
  void answer_all() {
    while (!waiting.empty()) answer_one();
  }

  bool up = true;
  std::deque<std::pair<Loan, std::function<void(std::optional<Lent>)>>> waiting;

 private:
  FakeRedis& redis_;
};

}  // namespace llm::testing
