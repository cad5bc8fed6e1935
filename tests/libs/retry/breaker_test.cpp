#include "retry/breaker.h"

#include <gtest/gtest.h>

#include "support/fake_clock.h"

namespace retry {
namespace {

using State = Breaker::State;

class BreakerTest : public ::testing::Test {
 protected:
  // Calls that go out and fail.
  void fail(int times) {
    for (int i = 0; i < times; ++i) breaker_.failed(*pass(), clock_.now());
  }
  std::optional<Breaker::Pass> pass() { return breaker_.allow(clock_.now()); }
  bool allow() { return pass().has_value(); }
  State state() const { return breaker_.state(clock_.now()); }

  support::FakeClock clock_;
  Breaker breaker_{{.failures_max = 3, .cool_down = Milliseconds(5000)}};
};

TEST_F(BreakerTest, LetsCallsPassUntilTheThirdFaultInARow) {
  fail(2);
  EXPECT_EQ(state(), State::Closed);
  EXPECT_TRUE(allow());
  fail(1);
  EXPECT_EQ(state(), State::Open);
  EXPECT_FALSE(allow());
}

TEST_F(BreakerTest, ForgetsFaultsWhenACallSucceeds) {
  fail(2);
  breaker_.succeeded(*pass());
  fail(2);
  EXPECT_EQ(state(), State::Closed);
}

TEST_F(BreakerTest, LetsOneProbePassWhenItHasCooledDown) {
  fail(3);
  clock_.advance(4999);
  EXPECT_FALSE(allow());
  clock_.advance(1);
  EXPECT_EQ(state(), State::HalfOpen);
  EXPECT_TRUE(allow());
  EXPECT_FALSE(allow());
}

TEST_F(BreakerTest, ClosesWhenTheProbeSucceeds) {
  fail(3);
  clock_.advance(5000);
  const auto probe = pass();
  ASSERT_TRUE(probe);
  breaker_.succeeded(*probe);
  EXPECT_EQ(state(), State::Closed);
  fail(2);
  EXPECT_TRUE(allow());
}

TEST_F(BreakerTest, OpensForAWholeCoolDownWhenTheProbeFails) {
  fail(3);
  clock_.advance(5000);
  fail(1);
  EXPECT_EQ(state(), State::Open);
  clock_.advance(4999);
  EXPECT_FALSE(allow());
  clock_.advance(1);
  EXPECT_TRUE(allow());
}

TEST_F(BreakerTest, LetsAnotherProbePassWhenTheFirstSaidNothing) {
  fail(3);
  clock_.advance(5000);
  const auto probe = pass();
  ASSERT_TRUE(probe);
  breaker_.abandoned(*probe);
  EXPECT_EQ(state(), State::HalfOpen);
  EXPECT_TRUE(allow());
}

TEST_F(BreakerTest, IsNotClosedByACallFromBeforeItOpened) {
  const auto slow = pass();
  fail(3);
  breaker_.succeeded(*slow);
  EXPECT_EQ(state(), State::Open);
  clock_.advance(5000);
  ASSERT_TRUE(allow());
  breaker_.succeeded(*slow);
  EXPECT_EQ(state(), State::HalfOpen);
}

TEST_F(BreakerTest, DoesNotCoolDownAnewForACallFromBeforeItOpened) {
  const auto slow = pass();
  fail(3);
  clock_.advance(4999);
  breaker_.failed(*slow, clock_.now());
  clock_.advance(1);
  const auto probe = pass();
  ASSERT_TRUE(probe);
  breaker_.failed(*slow, clock_.now());
  breaker_.abandoned(*slow);
  EXPECT_FALSE(allow());
  breaker_.succeeded(*probe);
  EXPECT_EQ(state(), State::Closed);
}

TEST_F(BreakerTest, CountsOnlyThePeersOwnFaults) {
  for (int i = 0; i < 10; ++i) {
    for (const Code code : {Code::InvalidArgument, Code::NotFound, Code::Overloaded,
                            Code::Cancelled, Code::Unauthenticated}) {
      report(breaker_, *pass(), code, clock_.now());
    }
  }
  EXPECT_EQ(state(), State::Closed);
  for (const Code code : {Code::Unavailable, Code::DeadlineExceeded, Code::Internal}) {
    EXPECT_EQ(state(), State::Closed);
    report(breaker_, *pass(), code, clock_.now());
  }
  EXPECT_EQ(state(), State::Open);
}

TEST_F(BreakerTest, TakesARefusedRequestForASignOfHealthAndARateLimitForNone) {
  fail(2);
  report(breaker_, *pass(), Code::Overloaded, clock_.now());
  report(breaker_, *pass(), Code::Unavailable, clock_.now());
  EXPECT_EQ(state(), State::Open);
  clock_.advance(5000);
  report(breaker_, *pass(), Code::Overloaded, clock_.now());
  EXPECT_EQ(state(), State::HalfOpen);
  report(breaker_, *pass(), Code::NotFound, clock_.now());
  EXPECT_EQ(state(), State::Closed);
}

TEST_F(BreakerTest, NamesItsStates) {
  EXPECT_EQ(name(State::Closed), "closed");
  EXPECT_EQ(name(State::Open), "open");
  EXPECT_EQ(name(State::HalfOpen), "half_open");
}

}  // namespace
}  // namespace retry
