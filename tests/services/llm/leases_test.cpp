#include "llm/leases.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <list>
#include <mutex>
#include <random>

#include "libs/cache/redis_server.h"
#include "llm/accounts.h"
#include "net/net.h"
#include "services/llm/fake_lender.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace llm {
namespace {

using cache::testing::eventually;
using cache::testing::RedisServer;

// A lender, and the loop of its callbacks: a task runs on whichever thread posts it, one at a time.
class Borrower {
 public:
  // However busy the machine is, Redis is in time unless a test stops it.
  explicit Borrower(const cache::RedisAddress& address,
                    Milliseconds timeout = cache::testing::kPatience)
      : lender_(
            options(address, timeout),
            [this](const std::function<void()>& task) {
              const std::lock_guard lock(mutex_);
              task();
              done_.notify_all();
            },
            [this] { ++beats_; }) {}

  RedisLender& lender() { return lender_; }
  bool becomes(std::string_view state) {
    return eventually([&] { return lender_.state() == state; });
  }
  std::optional<Lent> lend(const Loan& loan) {
    bool answered = false;
    std::optional<Lent> result;
    lender_.lend(loan, [&](std::optional<Lent> lent) {
      result = lent;
      answered = true;
    });
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(done_.wait_for(lock, cache::testing::kPatience, [&] { return answered; }));
    return result;
  }
  int beats() {
    const std::lock_guard lock(mutex_);
    return beats_;
  }

 private:
  static RedisLender::Options options(const cache::RedisAddress& address, Milliseconds timeout) {
    return {.address = address,
            .timeout = timeout,
            .cool_down = Milliseconds(20),
            .heartbeat = Milliseconds(20)};
  }

  std::mutex mutex_;
  std::condition_variable done_;
  int beats_ = 0;
  RedisLender lender_;  // the last: it calls back
};

Loan budget(std::string holder, std::int64_t held, std::int64_t want, std::int64_t need) {
  Loan loan;
  loan.name = "alice:20000";
  loan.holder = std::move(holder);
  loan.size = 1000;
  loan.held = held;
  loan.ttl_ms = 60'000;
  loan.want = want;
  loan.need = need;
  return loan;
}

Loan rate(std::int64_t want, std::int64_t need) {
  Loan loan;
  loan.name = "alice:rate";
  loan.size = 100;
  loan.refill_us = 360'000'000'000;  // nothing refills while the test runs
  loan.ttl_ms = 60'000;
  loan.want = want;
  loan.need = need;
  return loan;
}

TEST(RedisLender, LendsOfABudgetWhatTheOthersHaveLeft) {
  const RedisServer server;
  Borrower borrower(server.address());
  ASSERT_TRUE(borrower.becomes("connected"));
  EXPECT_EQ(borrower.lend(budget("one", 0, 600, 1))->amount, 600);
  EXPECT_EQ(borrower.lend(budget("two", 0, 600, 1))->amount, 400);
  EXPECT_EQ(borrower.lend(budget("two", 400, 1, 1))->amount, 0);
  EXPECT_EQ(borrower.lend(budget("one", 100, 0, 0))->amount, 0);  // brings 500 back
  EXPECT_EQ(borrower.lend(budget("two", 400, 600, 501))->amount, 0);
  EXPECT_EQ(borrower.lend(budget("two", 400, 600, 500))->amount, 500);
  EXPECT_EQ(server.ask({"HGET", "troupe:llm:limit:alice:20000", "two"}), "900");
  EXPECT_NE(server.ask({"PTTL", "troupe:llm:limit:alice:20000"}), "-1");
}

TEST(RedisLender, LendsOfARateWhatIsInTheBucketAndSaysWhenThereIsMore) {
  const RedisServer server;
  Borrower borrower(server.address());
  ASSERT_TRUE(borrower.becomes("connected"));
  EXPECT_EQ(borrower.lend(rate(60, 1))->amount, 60);
  EXPECT_EQ(borrower.lend(rate(60, 1))->amount, 40);
  const auto refused = borrower.lend(rate(1, 1));
  EXPECT_EQ(refused->amount, 0);
  EXPECT_GT(refused->wait, Milliseconds(3'000'000));
  EXPECT_LE(refused->wait, Milliseconds(3'600'000));
  borrower.lend(rate(-30, 0));
  EXPECT_EQ(borrower.lend(rate(31, 31))->amount, 0);
  EXPECT_EQ(borrower.lend(rate(40, 30))->amount, 30);
}

// The tests of quotas and accounts believe the model.
TEST(RedisLender, AnswersAsTheModelOfTheTestsDoes) {
  const RedisServer server;
  Borrower borrower(server.address());
  ASSERT_TRUE(borrower.becomes("connected"));
  const support::FakeClock clock;
  testing::FakeRedis model(clock);
  std::mt19937 random(1);
  const auto draw = [&](std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(0, most)(random);
  };
  for (int i = 0; i < 1000; ++i) {
    const std::int64_t need = draw(100);
    const Loan loan = draw(3) > 0
                          ? budget(draw(1) == 0 ? "one" : "two", draw(800), need + draw(100), need)
                          : rate(draw(2) == 0 ? -draw(20) : draw(10) + 1, draw(1) + 1);
    const auto lent = borrower.lend(loan);
    const Lent expected = model.lend(loan);
    ASSERT_TRUE(lent.has_value());
    ASSERT_EQ(std::max<std::int64_t>(lent->amount, 0), std::max<std::int64_t>(expected.amount, 0))
        << i;
  }
}

TEST(RedisLender, IsAwayWithItsServerAnswersWithNothingAndComesBack) {
  RedisServer server;
  Borrower borrower(server.address());
  ASSERT_TRUE(borrower.becomes("connected"));
  EXPECT_TRUE(borrower.lender().works());
  server.kill_now();
  ASSERT_TRUE(borrower.becomes("unavailable"));
  EXPECT_FALSE(borrower.lender().works());
  EXPECT_FALSE(borrower.lend(budget("one", 0, 1, 1)).has_value());
  const int beats = borrower.beats();
  EXPECT_TRUE(eventually([&] { return borrower.beats() > beats + 1; }));
  server.start();
  ASSERT_TRUE(borrower.becomes("connected"));
  EXPECT_EQ(borrower.lend(budget("one", 0, 1, 1))->amount, 1);
}

TEST(RedisLender, NoticesAFrozenServerAndWaitsForItNoLongerThanItsTimeOut) {
  RedisServer server;
  Borrower borrower(server.address(), Milliseconds(300));
  ASSERT_TRUE(borrower.becomes("connected"));
  server.freeze();
  EXPECT_FALSE(borrower.lend(budget("one", 0, 1, 1)).has_value());
  EXPECT_TRUE(borrower.becomes("unavailable"));
  server.thaw();
  EXPECT_TRUE(borrower.becomes("connected"));
}

TEST(RedisLender, IsOfNoUseWhenTheServerRefusesTheScripts) {
  const RedisServer server({"--rename-command", "EVAL", ""});
  Borrower borrower(server.address());
  EXPECT_TRUE(borrower.becomes("unavailable"));
  EXPECT_FALSE(borrower.lend(budget("one", 0, 1, 1)).has_value());
}

TEST(RedisLender, SendsWhatIsBroughtBackBeforeItEnds) {
  const RedisServer server;
  {
    Borrower borrower(server.address());
    ASSERT_TRUE(borrower.becomes("connected"));
    borrower.lend(budget("one", 0, 600, 1));
    borrower.lender().lend(budget("one", 100, 0, 0), [](const auto&) {});
  }
  EXPECT_EQ(server.ask({"HGET", "troupe:llm:limit:alice:20000", "one"}), "100");
}

// One instance of several: its own accounts, connection, and thread that stands for its loop.
class Instance {
 public:
  Instance(const RedisServer& server, const std::string& name, int lease_requests) {
    Accounts::Settings settings;
    settings.lease_requests = lease_requests;
    settings.keys.emplace_back().name = "guest";
    settings.keys.back().tokens_per_day = 1000;
    Accounts::Options options;
    options.instance = name;
    options.clock = &clock_;
    auto opened = Accounts::open(settings, options, metrics_);
    accounts_ = std::move(opened).value();
    share_through_redis(accounts_,
                        {.address = server.address(), .timeout = cache::testing::kPatience},
                        [this](std::function<void()> task) { loop_.post(std::move(task)); });
  }

  bool shares() {
    return eventually([&] { return accounts_->state() == "shared"; });
  }
  // `count` requests at a time, each for `tokens`, until all of them are refused.
  void begin(int count, std::int64_t tokens) {
    left_ = count;
    loop_.post([this, count, tokens] {
      for (int i = 0; i < count; ++i) ask(tokens);
    });
  }
  bool ended() {
    return eventually([&] { return left_ == 0; });
  }
  std::int64_t used() const { return used_; }

 private:
  void ask(std::int64_t tokens) {
    auto account = std::get<AccountRef>(accounts_->admit("", "127.0.0.1", "/"));
    auto answer = accounts_->reserve(account, {"m", tokens, 0});
    if (auto* const reservation = std::get_if<Reservation>(&answer)) {
      // Every other one uses half of what it has reserved.
      const std::int64_t used = ++settled_ % 2 == 0 ? tokens : (tokens + 1) / 2;
      used_ += used;
      accounts_->settle(*reservation, used, 0);
      return loop_.post([this, tokens] { ask(tokens); });
    }
    const auto& rejection = std::get<Rejection>(answer);
    if (rejection.lease == 0) return static_cast<void>(--left_);
    accounts_->wait(rejection.lease, [this, tokens] { ask(tokens); });
  }

  const support::FakeClock clock_;
  telemetry::Metrics metrics_;
  net::Loop loop_;
  std::shared_ptr<Accounts> accounts_;
  std::atomic<int> left_ = 0;
  std::atomic<std::int64_t> used_ = 0;
  int settled_ = 0;
};

TEST(SharedAccounts, OfSeveralInstancesAtOnceUseABudgetUpToItsLastTokenAndNoFurther) {
  for (const int lease_requests : {1, 8}) {
    const RedisServer server;
    std::list<Instance> instances;
    for (const char* const name : {"one", "two", "three"}) {
      instances.emplace_back(server, name, lease_requests);
    }
    for (Instance& instance : instances) ASSERT_TRUE(instance.shares());
    for (Instance& instance : instances) instance.begin(8, 7);
    for (Instance& instance : instances) ASSERT_TRUE(instance.ended());
    std::int64_t used = 0;
    for (const Instance& instance : instances) used += instance.used();
    EXPECT_LE(used, 1000);
    // Less than a request is left with each, or in its lease.
    EXPECT_GT(used, 1000 - 3 * 7 * (lease_requests + 8)) << lease_requests;
    // What is left is found by whoever comes last and asks for little.
    instances.front().begin(1, 1);
    ASSERT_TRUE(instances.front().ended());
  }
}

TEST(InstanceName, StaysTheSameAndIsAnErrorWhereNothingCanBeWritten) {
  const support::TempDir dir;
  const auto name = instance_name(dir.file("instance"));
  ASSERT_TRUE(name.ok());
  EXPECT_GE(name.value().size(), 16U);
  EXPECT_EQ(instance_name(dir.file("instance")).value(), name.value());
  std::ofstream(dir.file("empty")) << '\n';
  EXPECT_NE(instance_name(dir.file("empty")).value(), "");
  EXPECT_EQ(instance_name(dir.file("none/instance")).error().code, Code::Unavailable);
}

}  // namespace
}  // namespace llm
