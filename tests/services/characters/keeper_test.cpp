#include "characters/keeper.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "services/characters/fixture.h"

namespace characters::testing {
namespace {

// Notes what it is told; answers with `failure` when there is one.
class NotingOutside : public Outside {
 public:
  void announce(const Change& change) override { announced.push_back(change); }
  Result<void> teach(const Member& member) override {
    told.push_back("teach " + member.card.id + ": " + member.knowledge);
    return answer();
  }
  Result<void> forget(const std::string& id) override {
    told.push_back("forget " + id);
    return answer();
  }

  std::vector<std::string> take() { return std::exchange(told, {}); }

  std::vector<Change> announced;
  std::vector<std::string> told;
  std::optional<Code> failure;

 private:
  Result<void> answer() const {
    if (failure) return Error{*failure, "no"};
    return {};
  }
};

using Told = std::vector<std::string>;

class KeeperTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_.write("ada.md", "Ada counts.");
    folder_.write("ada.json", card_json("ada", "Ada", "ada.md"));
    auto opened = Library::open(folder_.path(), {});
    ASSERT_TRUE(opened.ok());
    library_ = std::move(opened).value();
    keeper_ = std::make_unique<Keeper>(*library_, outside_);
  }

  Folder folder_;
  NotingOutside outside_;
  std::unique_ptr<Library> library_;
  std::unique_ptr<Keeper> keeper_;
};

TEST_F(KeeperTest, TeachesTheKnowledgeOnce) {
  keeper_->poll();
  EXPECT_EQ(outside_.take(), (Told{"teach ada: Ada counts."}));
  keeper_->poll();
  EXPECT_EQ(outside_.take(), Told{});
  EXPECT_EQ(outside_.announced, (std::vector<Change>{{"ada"}}));
}

TEST_F(KeeperTest, TriesAgainWhileTheRetrieverIsAway) {
  outside_.failure = Code::Unavailable;
  keeper_->poll();
  keeper_->poll();
  EXPECT_EQ(keeper_->delivery(), Delivery::RetrieverAway);
  outside_.failure.reset();
  keeper_->poll();
  EXPECT_EQ(keeper_->delivery(), Delivery::Done);
  EXPECT_EQ(outside_.take().size(), 3U);
  keeper_->poll();
  EXPECT_EQ(outside_.take(), Told{});
}

TEST_F(KeeperTest, AsksOnlyOnceAPollWhileTheRetrieverIsAway) {
  folder_.write("bob.md", "Bob sings.");
  folder_.write("bob.json", card_json("bob", "Bob", "bob.md"));
  outside_.failure = Code::Unavailable;
  keeper_->poll();
  EXPECT_EQ(outside_.take().size(), 1U);
}

TEST_F(KeeperTest, GivesUpOnWhatIsRefusedForGood) {
  outside_.failure = Code::InvalidArgument;
  keeper_->poll();
  outside_.failure.reset();
  outside_.take();
  keeper_->poll();
  EXPECT_EQ(outside_.take(), Told{});
}

TEST_F(KeeperTest, TeachesWhatChangedAndForgetsWhoIsGone) {
  keeper_->poll();
  outside_.take();
  folder_.write("ada.md", "Ada counts cards.");
  keeper_->poll();
  EXPECT_EQ(outside_.take(), (Told{"teach ada: Ada counts cards."}));
  folder_.remove("ada.json");
  keeper_->poll();
  EXPECT_EQ(outside_.take(), (Told{"forget ada"}));
  EXPECT_EQ(outside_.announced.back(), (Change{"ada", true}));
}

TEST_F(KeeperTest, AnnouncesAtOnceAndTeachesAtTheNextPollWhatItIsTold) {
  keeper_->poll();
  outside_.take();
  outside_.announced.clear();
  keeper_->tell({"ada"});
  EXPECT_EQ(outside_.announced, (std::vector<Change>{{"ada"}}));
  EXPECT_EQ(keeper_->delivery(), Delivery::Done);  // nobody need wait for it
  keeper_->wait({}, Milliseconds(60'000));         // is over at once
  keeper_->poll();
  EXPECT_EQ(outside_.take(), (Told{"teach ada: Ada counts."}));
  EXPECT_EQ(keeper_->delivery(), Delivery::Done);
}

TEST_F(KeeperTest, TeachesTheLatestWhenItChangedWhileTheRetrieverWasAway) {
  outside_.failure = Code::Unavailable;
  keeper_->poll();
  outside_.take();
  outside_.failure.reset();
  folder_.write("ada.md", "Ada counts on.");
  keeper_->poll();
  EXPECT_EQ(outside_.take(), (Told{"teach ada: Ada counts on."}));
}

}  // namespace
}  // namespace characters::testing
