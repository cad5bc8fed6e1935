#include "llm/accounts.h"

#include <gtest/gtest.h>

#include <random>

#include "crypto/crypto.h"
#include "services/llm/fake_lender.h"
#include "support/fake_clock.h"

namespace llm {
namespace {

using support::FakeClock;
using testing::FakeLender;
using testing::FakeRedis;

constexpr std::string_view kHere = "127.0.0.1";

KeySettings key(std::string name, std::string_view secret) {
  KeySettings settings;
  settings.name = std::move(name);
  settings.sha256 = crypto::hex(crypto::sha256(secret));
  return settings;
}

// The accounts of a test, and what a request would do with them.
struct World {
  explicit World(Accounts::Settings settings_in = {}) : settings(std::move(settings_in)) {}

  Result<void> opened() {
    Accounts::Options options;
    options.variable = [this](const std::string& name) { return variables[name]; };
    options.spent = [this](std::int64_t day,
                           std::int64_t month) -> Result<std::map<std::string, Ledger::Spent>> {
      asked.push_back({day, month});
      if (books_fail) return Error{Code::DataLoss, "the books are torn"};
      return books;
    };
    options.instance = instance;
    options.clock = &clock;
    gate = TRY(Accounts::open(settings, options, metrics));
    return {};
  }
  Accounts& open() {
    const auto done = opened();
    EXPECT_TRUE(done) << done.error().message;
    return *gate;
  }
  Result<void> configure(const Accounts::Settings& next) {
    return gate->configure(next, TRY(gate->read_books()));
  }
  // 0: it passes.
  int admit(std::string_view secret, std::string_view peer = kHere) {
    auto answer = gate->admit(secret, peer, "/v1/models");
    if (auto* const account = std::get_if<AccountRef>(&answer)) return last = *account, 0;
    return note(std::get<Rejection>(answer));
  }
  int reserve(std::int64_t tokens, double cost = 0, std::string_view model = "m") {
    auto answer = gate->reserve(last, {model, tokens, cost});
    if (auto* const given = std::get_if<Reservation>(&answer)) return held = *given, 0;
    return note(std::get<Rejection>(answer));
  }
  int note(const Rejection& rejection) {
    why = rejection.error.message;
    retry_after = rejection.retry_after.count();
    lease = rejection.lease;
    return http_status(rejection.error.code);
  }
  double refused(const std::string& reason) {
    return metrics.counter("troupe_llm_refusals_total", "", {{"reason", reason}}).value();
  }

  Accounts::Settings settings;
  FakeClock clock{20'000 * 86'400'000LL + 23 * 3'600'000};
  telemetry::Metrics metrics;
  std::map<std::string, std::string> variables;
  std::map<std::string, Ledger::Spent> books;
  std::vector<std::pair<std::int64_t, std::int64_t>> asked;
  bool books_fail = false;
  std::string instance = "here";
  std::shared_ptr<Accounts> gate;
  AccountRef last;
  Reservation held;
  std::string why;
  std::int64_t retry_after = 0;
  std::uint64_t lease = 0;
};

TEST(KeyIn, ReadsEachOfTheThreeHeaders) {
  EXPECT_EQ(key_in({{"Authorization", "Bearer s1"}}), "s1");
  EXPECT_EQ(key_in({{"authorization", "bearer   s1"}}), "s1");
  EXPECT_EQ(key_in({{"X-Api-Key", "s2"}}), "s2");
  EXPECT_EQ(key_in({{"API-Key", "s3"}}), "s3");
  EXPECT_EQ(key_in({{"Authorization", "Basic abc"}, {"api-key", "s3"}}), "s3");
  EXPECT_EQ(key_in({{"Authorization", "Bearer "}}), "");
  EXPECT_EQ(key_in({{"Authorization", "Bear"}}), "");
  EXPECT_EQ(key_in({}), "");
}

TEST(Pattern, HasStarsThatStandForAnything) {
  EXPECT_TRUE(matches("gpt-4o", "gpt-4o"));
  EXPECT_FALSE(matches("gpt-4o", "gpt-4o-mini"));
  EXPECT_TRUE(matches("gpt-*", "gpt-4o-mini"));
  EXPECT_TRUE(matches("*:3b", "llama3.2:3b"));
  EXPECT_TRUE(matches("*llama*3b*", "llama3.2:3b"));
  EXPECT_FALSE(matches("*llama*7b", "llama3.2:3b"));
  EXPECT_TRUE(matches("*", ""));
  EXPECT_FALSE(matches("", "a"));
  EXPECT_FALSE(matches("a*a", "a"));
}

TEST(Network, ContainsAddressesOfBothFamilies) {
  const auto contains = [](std::string_view network, std::string_view address) {
    return Network::parse(network).value().contains(address);
  };
  EXPECT_TRUE(contains("10.0.0.0/8", "10.255.1.2"));
  EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.1"));
  EXPECT_TRUE(contains("10.1.2.128/25", "10.1.2.200"));
  EXPECT_FALSE(contains("10.1.2.128/25", "10.1.2.100"));
  EXPECT_TRUE(contains("192.0.2.1", "::ffff:192.0.2.1"));
  EXPECT_FALSE(contains("192.0.2.1", "192.0.2.2"));
  EXPECT_TRUE(contains("0.0.0.0/0", "8.8.8.8"));
  EXPECT_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(contains("fe80::/10", "fe80::1%eth0"));
  EXPECT_TRUE(contains("::/0", "10.0.0.1"));
  EXPECT_FALSE(contains("10.0.0.0/8", "nobody"));
  for (const std::string_view bad :
       {"", "10.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "::1/129", "10.0.0.0/8x"}) {
    EXPECT_EQ(Network::parse(bad).error().code, Code::InvalidArgument) << bad;
  }
}

TEST(Accounts, WithoutKeysLetEverybodyOnThisMachinePassWhateverKeyTheyBring) {
  World world;
  world.open();
  for (const std::string_view peer : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_EQ(world.admit("", peer), 0) << peer;
    EXPECT_EQ(world.admit("sk-anything", peer), 0) << peer;
  }
  EXPECT_EQ(world.last->key, "");
  EXPECT_TRUE(world.last->admin);
  EXPECT_EQ(world.reserve(1'000'000, 1000), 0);
  world.gate->settle(world.held, 1, 1);
  for (const std::string_view peer : {"192.168.1.2", "::", "::2", ""}) {
    EXPECT_EQ(world.admit("", peer), 401) << peer;
  }
  EXPECT_EQ(world.gate->state(), "local");
}

TEST(Accounts, KnowAKeyByItsDigestOrByAVariableAndByBothWhileItIsReplaced) {
  World world;
  world.settings.keys = {key("alice", "old-key"), key("bob", "bobs-key")};
  world.settings.keys[0].key_env = "ALICE_KEY";
  world.settings.keys[0].admin = true;
  world.variables["ALICE_KEY"] = " new-key\n";
  world.open();
  EXPECT_EQ(world.admit("old-key"), 0);
  EXPECT_EQ(world.admit("new-key", "192.168.1.2"), 0);
  EXPECT_EQ(world.last->key, "alice");
  EXPECT_EQ(world.last->tenant, "alice");
  EXPECT_TRUE(world.last->admin);
  EXPECT_EQ(world.admit("bobs-key"), 0);
  EXPECT_EQ(world.last->key, "bob");
  EXPECT_FALSE(world.last->admin);
  EXPECT_EQ(world.admit("bobs-kez"), 401);
  EXPECT_EQ(world.why, "this API key is not known");
  EXPECT_EQ(world.admit(""), 401);
  EXPECT_EQ(world.why, "an API key is missing");
  EXPECT_EQ(world.refused("key"), 2);
}

TEST(Accounts, CompareTheWholeDigest) {
  World world;
  world.settings.keys = {key("alice", "s")};
  char& last = world.settings.keys[0].sha256.back();
  last = last == '0' ? '1' : '0';
  world.open();
  EXPECT_EQ(world.admit("s"), 401);
}

TEST(Accounts, RefuseSettingsThatCannotBeAndSayWhich) {
  const auto refusal = [](std::vector<KeySettings> keys) {
    World world;
    world.settings.keys = std::move(keys);
    const auto done = world.opened();
    return done ? "" : done.error().message;
  };
  KeySettings guest;
  guest.name = "guest";
  KeySettings other = guest;
  other.name = "other";
  EXPECT_EQ(refusal({guest, other}),
            "api_keys: 'other': another entry is for those without a key already");
  EXPECT_EQ(refusal({key("a", "1"), key("a", "2")}),
            "api_keys: 'a': a name that no other key has is missing");
  EXPECT_EQ(refusal({key("a", "1"), key("b", "1")}),
            "api_keys: 'b': another entry has the same key");
  KeySettings bad = key("a", "1");
  bad.sha256 = "abc";
  EXPECT_EQ(refusal({bad}), "api_keys: 'a': sha256 is not 64 hexadecimal digits");
  bad.sha256 = "abcd";
  EXPECT_EQ(refusal({bad}), "api_keys: 'a': sha256 is not 64 hexadecimal digits");
  bad.sha256.clear();
  bad.key_env = "NOT_SET";
  EXPECT_EQ(refusal({bad}), "api_keys: 'a': NOT_SET is not set");
  bad = key("a", "1");
  bad.addresses = {"here"};
  EXPECT_EQ(refusal({bad}), "api_keys: 'a': 'here' is no range of addresses such as 10.0.0.0/8");
}

TEST(Accounts, HoldAKeyToItsAddressesAndModels) {
  World world;
  world.settings.keys = {key("alice", "s")};
  world.settings.keys[0].addresses = {"10.0.0.0/8", "::1"};
  world.settings.keys[0].models = {"llama3*", "phi3:3.8b"};
  world.open();
  EXPECT_EQ(world.admit("s", "10.1.2.3"), 0);
  EXPECT_EQ(world.admit("s", "::1"), 0);
  EXPECT_EQ(world.admit("s", kHere), 403);
  EXPECT_EQ(world.why, "the key 'alice' may not be used from 127.0.0.1");
  EXPECT_EQ(world.reserve(1, 0, "llama3.2:3b"), 0);
  EXPECT_EQ(world.reserve(1, 0, ""), 0);  // not chosen yet
  EXPECT_EQ(world.reserve(1, 0, "mistral:7b"), 403);
  EXPECT_EQ(world.why, "the key 'alice' may not use the model 'mistral:7b'");
  EXPECT_TRUE(world.last->may_use("phi3:3.8b"));
  EXPECT_FALSE(world.last->may_use("phi3"));
}

// DESIGN section 6: 100 a minute from an address; 1000 an hour for anybody, 5000 with a key, the
// premium key unlimited.
TEST(Accounts, ExpressThePoliciesOfTheDesign) {
  World world;
  world.settings.requests_per_minute_per_address = 100;
  KeySettings guest;
  guest.name = "guest";
  guest.requests_per_hour = 1000;
  world.settings.keys = {guest, key("member", "m"), key("premium", "p")};
  world.settings.keys[1].requests_per_hour = 5000;
  world.open();
  // Each from as many addresses as it takes.
  const auto passed = [&](std::string_view secret, int tries) {
    int count = 0;
    for (int i = 0; i < tries; ++i) {
      const std::string peer = "10.0." + std::to_string(i / 100 % 250) + ".1";
      count += world.admit(secret, peer) == 0 ? 1 : 0;
      if (i % 6000 == 5999) world.clock.advance(1);
    }
    return count;
  };
  EXPECT_EQ(passed("", 1100), 1000);
  EXPECT_EQ(world.retry_after, 4);  // 3.6 s a request
  world.clock.advance(60'000);
  EXPECT_EQ(passed("m", 5100), 5000);
  world.clock.advance(60'000);
  EXPECT_EQ(passed("p", 20'000), 20'000);
  world.clock.advance(60'000);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(world.admit("p", "10.9.9.9"), 0);
  EXPECT_EQ(world.admit("p", "10.9.9.9"), 429);
  EXPECT_EQ(world.why, "100 requests a minute may come from one address");
  EXPECT_EQ(world.admit("guess", "10.9.9.9"), 429);  // before anybody hears whether it is right
  EXPECT_EQ(world.admit("p", "10.9.9.8"), 0);
}

TEST(Accounts, HoldAKeyToItsRequestsAMinute) {
  World world;
  world.settings.keys = {key("alice", "s"), key("bob", "b")};
  world.settings.keys[0].requests_per_minute = 3;
  world.open();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(world.admit("s"), 0);
  EXPECT_EQ(world.admit("s"), 429);
  EXPECT_EQ(world.retry_after, 20);
  EXPECT_EQ(world.why, "the key 'alice' may use 3 requests a minute, and too little of it is left");
  EXPECT_EQ(world.admit("b"), 0);
  world.clock.advance(20'000);
  EXPECT_EQ(world.admit("s"), 0);
  EXPECT_EQ(world.refused("requests"), 1);
}

TEST(Accounts, ReserveSettleAndGiveBackWhatWasDropped) {
  World world;
  world.settings.keys = {key("alice", "s")};
  world.settings.keys[0].tokens_per_day = 1000;
  world.settings.keys[0].cost_per_month = 0.5;
  world.open();
  ASSERT_EQ(world.admit("s"), 0);
  EXPECT_EQ(world.reserve(600, 0.2), 0);
  const Reservation first = world.held;
  EXPECT_EQ(world.reserve(401), 429);
  EXPECT_EQ(world.retry_after, 3600);  // until midnight
  EXPECT_EQ(world.reserve(400, 0.2), 0);
  EXPECT_EQ(world.reserve(1), 429);
  world.held.reset();  // aborted, with nothing used
  world.gate->settle(first, 100, 0.1);
  world.gate->settle(first, 900, 0.1);  // said twice, counted once
  EXPECT_EQ(world.reserve(901), 429);
  EXPECT_EQ(world.reserve(1, 0.41), 429);
  EXPECT_EQ(world.why,
            "the key 'alice' may use a cost of 0.5 a month, and too little of it is left");
  EXPECT_EQ(world.reserve(900, 0.4), 0);
  EXPECT_EQ(world.refused("tokens"), 3);
  EXPECT_EQ(world.refused("cost"), 1);
}

TEST(Accounts, SayOfWhatCanNeverPassThatItIsTooLargeAndNotToBeTriedAgain) {
  World world;
  world.settings.keys = {key("alice", "s")};
  world.settings.keys[0].tokens_per_minute = 1000;
  world.settings.keys[0].cost_per_day = 0.5;
  world.open();
  ASSERT_EQ(world.admit("s"), 0);
  EXPECT_EQ(world.reserve(1001), 413);
  EXPECT_EQ(world.retry_after, 0);
  EXPECT_EQ(world.why,
            "the key 'alice' may use 1000 tokens a minute, and this request may come to 1001");
  EXPECT_EQ(world.reserve(10, 0.75), 413);
  EXPECT_EQ(world.why,
            "the key 'alice' may use a cost of 0.5 a day, and this request may come to 0.75");
  EXPECT_EQ(world.reserve(1000, 0.5), 0);
}

TEST(Accounts, BeginWithWhatTheBooksSayOfDayAndMonth) {
  World world;
  world.settings.keys = {key("alice", "s")};
  world.settings.keys[0].tokens_per_day = 1000;
  world.settings.keys[0].cost_per_month = 3;
  world.settings.keys.push_back(key("bob", "b"));
  world.settings.keys[1].tokens_per_day = 1000;
  world.books["alice"] = {.day_tokens = 900, .month_tokens = 7000, .month_cost = 2.5};
  world.open();
  EXPECT_EQ(world.asked, (std::vector<std::pair<std::int64_t, std::int64_t>>{{20'000, 19'997}}))
      << "once for all keys";
  ASSERT_EQ(world.admit("s"), 0);
  EXPECT_EQ(world.reserve(101), 429);
  EXPECT_EQ(world.reserve(1, 0.6), 429);
  EXPECT_EQ(world.reserve(100, 0.5), 0);
  World torn;
  torn.settings = world.settings;
  torn.books_fail = true;
  EXPECT_EQ(torn.opened().error().code, Code::DataLoss);
}

TEST(Accounts, ReadTheBooksOnlyWhenToldTo) {
  World world;
  world.settings.keys = {key("alice", "s")};
  world.open();
  world.books["bob"] = {.day_tokens = 900};
  const auto books = world.gate->read_books().value();
  EXPECT_EQ(world.asked.size(), 2U);
  auto next = world.settings;
  next.keys.push_back(key("bob", "b"));
  next.keys.back().tokens_per_day = 1000;
  // On the loop, which must not wait for the disk.
  ASSERT_TRUE(world.gate->configure(next, books));
  EXPECT_EQ(world.asked.size(), 2U);
  ASSERT_EQ(world.admit("b"), 0);
  EXPECT_EQ(world.reserve(101), 429);
  EXPECT_EQ(world.reserve(100), 0);
}

TEST(Accounts, OfABudgetThatAReloadAddsCountWhatIsUnderWay) {
  World world;
  world.settings.keys = {key("alice", "s")};
  world.settings.keys[0].tokens_per_month = 10'000;
  world.open();
  ASSERT_EQ(world.admit("s"), 0);
  ASSERT_EQ(world.reserve(700), 0);
  const Reservation under_way = world.held;
  auto next = world.settings;
  next.keys[0].tokens_per_day = 1000;
  next.keys[0].cost_per_day = 3;
  ASSERT_TRUE(world.configure(next));
  ASSERT_EQ(world.admit("s"), 0);
  world.gate->settle(under_way, 600, 2);
  world.gate->settle(under_way, 600, 2);
  EXPECT_EQ(world.reserve(401), 429);
  EXPECT_EQ(world.reserve(400, 1.1), 429);
  EXPECT_EQ(world.reserve(400, 1), 0);
}

TEST(Accounts, RefillNothingWhenAReloadChangesARate) {
  World world;
  world.settings.keys = {key("alice", "s")};
  world.settings.keys[0].requests_per_minute = 10;
  world.settings.requests_per_minute_per_address = 10;
  world.open();
  for (int i = 0; i < 10; ++i) ASSERT_EQ(world.admit("s"), 0);
  ASSERT_EQ(world.admit("s"), 429);
  auto next = world.settings;
  next.keys[0].requests_per_minute = 12;
  ASSERT_TRUE(world.configure(next));
  EXPECT_EQ(world.admit("s"), 429) << "by its address";
  next.requests_per_minute_per_address = 0;
  ASSERT_TRUE(world.configure(next));
  EXPECT_EQ(world.admit("s"), 0);
  EXPECT_EQ(world.admit("s"), 0);
  EXPECT_EQ(world.admit("s"), 429) << "10 of the 12 were used";
  next.requests_per_minute_per_address = 4;
  next.keys[0].requests_per_minute = 0;
  ASSERT_TRUE(world.configure(next));
  for (int i = 0; i < 4; ++i) ASSERT_EQ(world.admit("s"), 0);
  next.requests_per_minute_per_address = 5;
  ASSERT_TRUE(world.configure(next));
  EXPECT_EQ(world.admit("s"), 429);
  world.clock.advance(std::chrono::seconds(12));
  EXPECT_EQ(world.admit("s"), 0) << "one of five";
}

TEST(Accounts, TakeOtherSettingsWithoutForgettingWhatWasUsedAndNoneWhenOneIsWrong) {
  World world;
  world.settings.keys = {key("alice", "s"), key("bob", "b")};
  world.settings.keys[0].tokens_per_day = 1000;
  world.open();
  ASSERT_EQ(world.admit("s"), 0);
  ASSERT_EQ(world.reserve(700), 0);
  const Reservation under_way = world.held;
  auto next = world.settings;
  next.keys[0].tokens_per_day = 5000;
  next.keys[1].sha256 = "wrong";
  EXPECT_FALSE(world.configure(next));
  EXPECT_EQ(world.reserve(301), 429);
  next.keys.pop_back();
  EXPECT_TRUE(world.configure(next));
  EXPECT_EQ(world.admit("b"), 401);
  ASSERT_EQ(world.admit("s"), 0);
  EXPECT_EQ(world.reserve(4301), 429);
  world.gate->settle(under_way, 500, 0);
  EXPECT_EQ(world.reserve(4500), 0);
  next.keys[0] = key("carol", "c");
  EXPECT_TRUE(world.configure(next));
  world.held.reset();  // of a key that is gone
  EXPECT_EQ(world.reserve(1'000'000), 0);
}

// --- shared -------------------------------------------------------------------------------------

struct SharedWorld : World {
  SharedWorld(FakeRedis& redis, std::string name, Accounts::Settings settings_in)
      : World(std::move(settings_in)) {
    instance = std::move(name);
    open();
    auto owned = std::make_unique<FakeLender>(redis);
    lender = owned.get();
    gate->borrow_from(std::move(owned));
  }
  // As the exchange does: waits for the lease, asks again.
  void ask(std::string_view secret, std::function<void(int)> done) {
    const int status = admit(secret);
    if (status != 429 || lease == 0) return done(status);
    gate->wait(lease, [this, secret, done] { ask(secret, done); });
  }
  FakeLender* lender = nullptr;
};

Accounts::Settings shared_settings(int lease_requests) {
  Accounts::Settings settings;
  settings.lease_requests = lease_requests;
  settings.keys = {key("alice", "s")};
  settings.keys[0].requests_per_minute = 60;
  settings.keys[0].tokens_per_day = 1000;
  return settings;
}

TEST(SharedAccounts, AnswerWhoWaitsInOrderAndTogetherAdmitAsManyAsTheLimitSays) {
  const FakeClock clock;
  FakeRedis redis(clock);
  SharedWorld one(redis, "one", shared_settings(1));
  SharedWorld two(redis, "two", shared_settings(1));
  std::vector<int> statuses;
  for (int i = 0; i < 50; ++i) {
    one.ask("s", [&](int status) { statuses.push_back(status); });
    two.ask("s", [&](int status) { statuses.push_back(status); });
  }
  EXPECT_TRUE(statuses.empty());
  EXPECT_EQ(one.gate->state(), "shared");
  while (!one.lender->waiting.empty() || !two.lender->waiting.empty()) {
    one.lender->answer_all();
    two.lender->answer_all();
  }
  EXPECT_EQ(statuses.size(), 100U);
  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), 0), 60);
  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), 429), 40);
  EXPECT_LE(redis.loans, 10);  // not one for each
}

TEST(SharedAccounts, SettleIntoRedisWhatEachDoesNotNeed) {
  const FakeClock clock;
  FakeRedis redis(clock);
  SharedWorld one(redis, "one", shared_settings(1));
  one.ask("s", [](int) {});
  one.lender->answer_all();
  EXPECT_EQ(one.reserve(800), 429);
  EXPECT_NE(one.lease, 0U);
  one.lender->answer_all();
  EXPECT_EQ(one.reserve(800), 0);
  EXPECT_EQ(redis.held("alice:1:2:20000"), 800);
  one.gate->settle(one.held, 50, 0);
  one.lender->answer_all();
  EXPECT_EQ(redis.held("alice:1:2:20000"), 50);
  // What was dropped goes back with the next beat.
  EXPECT_EQ(one.reserve(100), 429);
  one.lender->answer_all();
  EXPECT_EQ(one.reserve(100), 0);
  one.held.reset();
  one.gate->beat();
  one.lender->answer_all();
  EXPECT_EQ(redis.held("alice:1:2:20000"), 50);
}

TEST(SharedAccounts, GoOnByThemselvesWhenRedisGoesAndShareAgainWhenItIsBack) {
  const FakeClock clock;
  FakeRedis redis(clock);
  SharedWorld one(redis, "one", shared_settings(4));
  std::vector<int> statuses;
  one.ask("s", [&](int status) { statuses.push_back(status); });
  one.lender->up = false;
  one.lender->answer_all();
  EXPECT_EQ(statuses, std::vector<int>{0});
  EXPECT_EQ(one.gate->state(), "unavailable");
  one.gate->beat();
  EXPECT_NE(one.metrics.text().find("troupe_llm_limits_shared 0"), std::string::npos);
  for (int i = 0; i < 59; ++i) EXPECT_EQ(one.admit("s"), 0);
  EXPECT_EQ(one.admit("s"), 429);
  EXPECT_EQ(one.lease, 0U);
  EXPECT_EQ(one.reserve(600), 0);
  one.lender->up = true;
  one.clock.advance(1000);
  EXPECT_EQ(one.admit("s"), 429);
  EXPECT_NE(one.lease, 0U);
  EXPECT_EQ(one.reserve(100), 429);
  one.lender->answer_all();
  EXPECT_GE(redis.held("alice:1:2:20000"), 700);
}

TEST(SharedAccounts, AskNoMoreThanIsBoundedAndOutliveTheirAnswers) {
  const FakeClock clock;
  FakeRedis redis(clock);
  SharedWorld one(redis, "one", shared_settings(1));
  int answered = 0;
  for (int i = 0; i < 1024; ++i) one.ask("s", [&](int) { ++answered; });
  EXPECT_EQ(one.lender->waiting.size(), 1U);
  EXPECT_EQ(answered, 0);
  one.ask("s", [&](int status) {
    EXPECT_EQ(status, 429);
    ++answered;
  });
  EXPECT_EQ(answered, 1);
  EXPECT_EQ(one.why, "too many requests wait for their limit");
  auto late = std::move(one.lender->waiting.front().second);
  one.gate.reset();
  late(Lent{1, Milliseconds(0)});
  EXPECT_EQ(answered, 1);
}

}  // namespace
}  // namespace llm
