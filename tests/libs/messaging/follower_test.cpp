#include "messaging/follower.h"

#include <gtest/gtest.h>

#include <optional>

#include "libs/messaging/fixture.h"

namespace messaging::testing {
namespace {

class Following : public Stack {
 protected:
  Following() {
    asker_ = open("asker");
    teller_ = open("teller");
    teller_->serve("tell", questions_.serve());
    EXPECT_TRUE(teller_->bind("").ok());
  }

  void follow(Milliseconds refresh) {
    follower_.emplace(Client(*asker_, "teller"),
                      Follower::Options{.method = "tell", .event = "changed", .refresh = refresh},
                      [this](const Result<std::string>& body) {
                        const std::lock_guard lock(mutex_);
                        told_.push_back(body ? body.value() : std::string(name(body.error().code)));
                        heard_.notify_all();
                      });
  }
  bool wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    return heard_.wait_for(lock, kPatience, [&] { return told_.size() >= count; });
  }

  Held questions_;
  std::unique_ptr<Node> asker_;
  std::unique_ptr<Node> teller_;
  std::mutex mutex_;
  std::condition_variable heard_;
  std::vector<std::string> told_;
  std::optional<Follower> follower_;
};

constexpr Milliseconds kNever{24 * 3600 * 1000};

TEST_F(Following, AsksUntilItIsToldAndAgainWhenTheEventComes) {
  follow(kNever);
  questions_.take()->reply(Error{Code::Internal, "not yet"});
  questions_.take()->reply(std::string("one"));
  ASSERT_TRUE(wait_for(2));
  // An event may be lost while the two are connecting: it is sent until it is heard.
  std::shared_ptr<Incoming> question;
  std::jthread publisher([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      teller_->publish("changed", "{}");
      std::this_thread::yield();
    }
  });
  question = questions_.take();
  publisher.request_stop();
  publisher.join();
  ASSERT_TRUE(question);
  question->reply(std::string("two"));
  ASSERT_TRUE(wait_for(3));
  const std::lock_guard lock(mutex_);
  EXPECT_EQ(told_.at(0), "internal");
  EXPECT_EQ(told_.at(1), "one");
  EXPECT_EQ(told_.at(2), "two");
}

TEST_F(Following, AsksNowAndThen) {
  follow(Milliseconds(1));
  for (const char* body : {"one", "two", "three"}) questions_.take()->reply(std::string(body));
  ASSERT_TRUE(wait_for(3));
}

TEST_F(Following, TellsNothingAfterItsEnd) {
  follow(kNever);
  const auto question = questions_.take();
  follower_.reset();
  question->reply(std::string("late"));
  // A later call's answer comes behind the late one.
  auto later = std::async(std::launch::async,
                          [&] { return asker_->call_and_wait("teller", "tell", "{}", once()); });
  questions_.take()->reply(std::string("later"));
  EXPECT_EQ(later.get().value(), "later");
  const std::lock_guard lock(mutex_);
  EXPECT_TRUE(told_.empty());
}

}  // namespace
}  // namespace messaging::testing
