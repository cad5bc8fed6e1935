#include <gtest/gtest.h>

#include "base/limits.h"
#include "libs/messaging/fixture.h"

namespace messaging::testing {
namespace {

class Events : public Stack {
 protected:
  // Publishes until `seen` is ready: a subscription takes a moment to arrive.
  template <class T>
  bool publish_until(std::future<T>& seen, const std::string& topic, const std::string& body) {
    for (int i = 0; i < 3000; ++i) {
      server_->publish(topic, body);
      if (seen.wait_for(Milliseconds(10)) == std::future_status::ready) return true;
    }
    return false;
  }
};

// Gives the first event and ignores the rest.
class First {
 public:
  OnEvent on_event() {
    return [this](std::string_view topic, const std::string& body) {
      if (!std::exchange(seen_, true)) event_.set_value(std::string(topic) + "=" + body);
    };
  }
  std::future<std::string> future() { return event_.get_future(); }

 private:
  bool seen_ = false;
  std::promise<std::string> event_;
};

TEST_F(Events, ReachEverySubscriberOfTheirTopic) {
  First one;
  First two;
  asker_->subscribe("turn.line", one.on_event());
  asker_->subscribe("turn.line", two.on_event());
  start_server();
  auto first = one.future();
  auto second = two.future();
  ASSERT_TRUE(publish_until(first, "turn.line", "hello"));
  EXPECT_EQ(first.get(), "turn.line=hello");
  EXPECT_EQ(second.get(), "turn.line=hello");
}

TEST_F(Events, MatchTheirTopicWhole) {
  First exact;
  std::atomic<int> wrong{0};
  asker_->subscribe("turn", [&](std::string_view, const std::string&) { ++wrong; });
  asker_->subscribe("turn.line", exact.on_event());
  start_server();
  auto seen = exact.future();
  ASSERT_TRUE(publish_until(seen, "turn.line", "x"));
  EXPECT_EQ(wrong, 0);
}

TEST_F(Events, ReachASubscriberThatComesLater) {
  start_server();
  server_->publish("turn.line", "lost");
  First late;
  asker_->subscribe("turn.line", late.on_event());
  auto seen = late.future();
  ASSERT_TRUE(publish_until(seen, "turn.line", "heard"));
  EXPECT_EQ(seen.get(), "turn.line=heard");
}

TEST_F(Events, ComeFromEveryPublisher) {
  start_server();
  const auto third = open("third");
  third->bind("").value();
  First a;
  First b;
  asker_->subscribe("a", a.on_event());
  asker_->subscribe("b", b.on_event());
  auto from_server = a.future();
  auto from_third = b.future();
  ASSERT_TRUE(publish_until(from_server, "a", "1"));
  for (int i = 0; i < 3000; ++i) {
    third->publish("b", "2");
    if (from_third.wait_for(Milliseconds(10)) == std::future_status::ready) break;
  }
  EXPECT_EQ(from_third.get(), "b=2");
}

TEST_F(Events, MayBeSubscribedToFromTheirOwnCallback) {
  start_server();
  std::atomic<int> later{0};
  std::promise<void> second;
  bool first = true;
  asker_->subscribe("turn.line", [&](std::string_view, const std::string&) {
    if (!std::exchange(first, false)) return;
    for (int i = 0; i < 100; ++i) {
      asker_->subscribe("turn.line", [&](std::string_view, const std::string&) { ++later; });
    }
  });
  asker_->subscribe("turn.line", [&, told = false](std::string_view, const std::string&) mutable {
    if (!std::exchange(told, true)) second.set_value();
  });
  auto seen = second.get_future();
  ASSERT_TRUE(publish_until(seen, "turn.line", "x"));
  settle(*asker_);
  EXPECT_GE(later, 100);
}

TEST_F(Events, ThatAreTooLargeAreDroppedAndCostNoOther) {
  start_server();
  First early;
  First after;
  asker_->subscribe("early", early.on_event());
  asker_->subscribe("late", after.on_event());
  auto connected = early.future();
  ASSERT_TRUE(publish_until(connected, "early", "x"));
  server_->publish("late", std::string(limits::kFrameBytes + 1, 'x'));
  server_->publish("late", "small");
  EXPECT_EQ(after.future().get(), "late=small");
}

TEST_F(Events, OfANodeThatServesNothingGoNowhere) {
  asker_->publish("turn.line", "nobody");
  settle(*asker_);
}

}  // namespace
}  // namespace messaging::testing
