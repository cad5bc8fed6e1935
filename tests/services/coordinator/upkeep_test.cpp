#include "coordinator/upkeep.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "coordinator/config.h"
#include "json/codec.h"
#include "services/coordinator/cast_of_three.h"

namespace coordinator {
namespace {

// A characters service that lists the three once and then fails.
class ForgetfulCharacters {
 public:
  explicit ForgetfulCharacters(const std::string& run_dir) {
    node_ = messaging::Node::open({.service = "characters", .run_dir = run_dir}).value();
    node_->serve("characters.list", [this](const std::shared_ptr<messaging::Incoming>& incoming) {
      const std::lock_guard lock(mutex_);
      if (++calls_ == 1) {
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

TEST(Upkeep, KeepsTheCastWhileTheCharactersAreAway) {
  std::string folder = (std::filesystem::temp_directory_path() / "upkeep.XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  {
    ForgetfulCharacters characters(folder);
    const auto node = messaging::Node::open({.service = "coordinator", .run_dir = folder}).value();
    const auto conversations =
        Conversations::open({.path = folder + "/c.db", .weights = {}}).value();
    Cast cast;
    const Upkeep upkeep({.cast_refresh = Milliseconds(5)}, {*node, "characters"}, cast,
                        *conversations);
    // The third call is made after the failure of the second has been dealt with.
    ASSERT_TRUE(characters.wait_for_calls(3));
    EXPECT_EQ(upkeep.cast_state(), Upkeep::CastState::Known);
    EXPECT_EQ(cast.snapshot()->cast().size(), 3U);
  }
  std::filesystem::remove_all(folder);
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
