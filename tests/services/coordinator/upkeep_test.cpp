#include "coordinator/upkeep.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "coordinator/config.h"
#include "json/codec.h"
#include "services/coordinator/cast_of_three.h"
#include "support/temp_dir.h"

namespace coordinator {
namespace {

// A characters service that lists the three so many times and then fails.
class ForgetfulCharacters {
 public:
  explicit ForgetfulCharacters(const std::string& run_dir, int known) {
    node_ = messaging::Node::open({.service = "characters", .run_dir = run_dir}).value();
    node_->serve("characters.list",
                 [this, known](const std::shared_ptr<messaging::Incoming>& incoming) {
                   const std::lock_guard lock(mutex_);
                   if (++calls_ <= known) {
                     incoming->reply(json::encode(contracts::CharacterList{cast_of_three()}));
                   } else {
                     incoming->reply(Error{Code::Unavailable, "gone"});
                   }
                   called_.notify_all();
                 });
    EXPECT_TRUE(node_->bind("").ok());
  }

  bool wait_for_calls(int count) {
    std::unique_lock lock(mutex_);
    return called_.wait_for(lock, std::chrono::seconds(20), [&] { return calls_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable called_;
  int calls_ = 0;
  std::unique_ptr<messaging::Node> node_;
};

// An upkeep beside such characters, after three questions; the third is asked once the answer to
// the second has been dealt with.
struct Outcome {
  Upkeep::CastState state;
  std::size_t cast;
};

Outcome after_three_questions(int known, Milliseconds awaited) {
  const support::TempDir folder;
  ForgetfulCharacters characters(folder.path(), known);
  const auto node =
      messaging::Node::open({.service = "coordinator", .run_dir = folder.path()}).value();
  const auto conversations =
      Conversations::open({.path = folder.file("c.db"), .weights = {}}).value();
  Cast cast;
  const Upkeep upkeep({.cast_refresh = Milliseconds(5), .cast_awaited = awaited},
                      {*node, "characters"}, cast, *conversations);
  EXPECT_TRUE(characters.wait_for_calls(3));
  return {upkeep.cast_state(), cast.snapshot()->cast().size()};
}

TEST(Upkeep, KeepsTheCastWhileTheCharactersAreAway) {
  const Outcome outcome = after_three_questions(1, Milliseconds(0));
  EXPECT_EQ(outcome.state, Upkeep::CastState::Known);
  EXPECT_EQ(outcome.cast, 3U);
}

TEST(Upkeep, DoesWithoutCharactersThatDoNotComeInTime) {
  EXPECT_EQ(after_three_questions(0, Milliseconds(0)).state, Upkeep::CastState::Away);
}

// Else a stack that has just started says that it is ready, and nobody answers.
TEST(Upkeep, AwaitsTheCharactersThatStartBesideIt) {
  EXPECT_EQ(after_three_questions(0, std::chrono::hours(1)).state, Upkeep::CastState::Loading);
}

TEST(Config, SomeWeightsMayBeSetAndTheOthersStand) {
  const auto config = json::decode<Config>(std::string_view(
      R"({"weights":{"topic":40},"delays":{"scale":0.5},"delays_scale":0.1,"retention_days":7,
          "quiet_asked_minutes":1,
          "cache_kib":1,"cast_refresh_ms":1000})"));
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config.value().weights.topic, 40);
  EXPECT_EQ(config.value().weights.addressed, 100);
  EXPECT_EQ(config.value().scaled_delays().scale, 0.1) << "the shorthand wins";
}

}  // namespace
}  // namespace coordinator
