#include "retry/breaker.h"

#include <gtest/gtest.h>

#include "support/fake_clock.h"

namespace retry {
namespace {

using State = Breaker::State;

class BreakerTest : public ::testing::Test {
 protected:
  void fail(int times) {
    for (int i = 0; i < times; ++i) breaker_.failed(clock_.now());
  }
  bool allow() { return breaker_.allow(clock_.now()); }
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
  breaker_.succeeded();
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
  ASSERT_TRUE(allow());
  breaker_.succeeded();
  EXPECT_EQ(state(), State::Closed);
  fail(2);
  EXPECT_TRUE(allow());
}

TEST_F(BreakerTest, OpensForAWholeCoolDownWhenTheProbeFails) {
  fail(3);
  clock_.advance(5000);
  ASSERT_TRUE(allow());
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
  ASSERT_TRUE(allow());
  breaker_.abandoned();
  EXPECT_EQ(state(), State::HalfOpen);
  EXPECT_TRUE(allow());
}

TEST_F(BreakerTest, NamesItsStates) {
  EXPECT_EQ(name(State::Closed), "closed");
  EXPECT_EQ(name(State::Open), "open");
  EXPECT_EQ(name(State::HalfOpen), "half_open");
}

}  // namespace
}  // namespace retry
