#include <gtest/gtest.h>
#include <sys/stat.h>

#include <memory>

#include "characters/library.h"
#include "characters/png.h"
#include "services/characters/fixture.h"

namespace characters::testing {
namespace {

// A library with ada.json (version 1) on stage.
class PutTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_.write("ada.json", card_json("ada", "Ada"));
    open();
  }

  void open(int versions_max = 20) {
    auto opened = Library::open(folder_.path(), {}, versions_max);
    ASSERT_TRUE(opened.ok());
    library_ = std::move(opened).value();
    ASSERT_TRUE(library_->reload().ok());
  }

  Result<Put> put(std::string_view id, std::string card, std::optional<int> expected = {}) {
    return library_->put(id, {.card = std::move(card)}, expected);
  }
  std::string refusal(std::string_view id, std::string card, std::optional<int> expected = {}) {
    const auto result = put(id, std::move(card), expected);
    return result ? "no error" : result.error().message;
  }
  std::vector<int> versions(std::string_view id) {
    std::vector<int> numbers;
    const auto kept = library_->versions(id);
    if (!kept) return numbers;
    for (const Version& version : kept.value()) numbers.push_back(version.number);
    return numbers;
  }
  std::string name(std::string_view id) {
    const auto cast = library_->cast();
    const Member* member = cast->find(id);
    return member == nullptr ? "nobody" : member->card.name;
  }

  Folder folder_;
  std::unique_ptr<Library> library_;
};

using Numbers = std::vector<int>;

TEST_F(PutTest, ACardIsOnStageAndOnDiskAtOnce) {
  const auto result = put("ada", card_json("ada", "Countess"));
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result.value().version, 2);
  EXPECT_EQ(result.value().change, (Change{"ada"}));
  EXPECT_EQ(name("ada"), "Countess");
  open();
  EXPECT_EQ(name("ada"), "Countess");
  EXPECT_EQ(versions("ada"), (Numbers{1, 2}));
}

TEST_F(PutTest, TheNextReloadFindsNothingNew) {
  ASSERT_TRUE(put("ada", card_json("ada", "Countess")).ok());
  EXPECT_TRUE(library_->reload().value().changes.empty());
}

TEST_F(PutTest, ANewCharacterBeginsAtVersionOne) {
  const auto result = put("", card_json("bob", "Bob"), 0);
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result.value().id, "bob");
  EXPECT_EQ(result.value().version, 1);
}

TEST_F(PutTest, TheSameCardAgainIsNoNewVersion) {
  const auto result = put("ada", card_json("ada", "Ada"));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.value().version, 1);
  EXPECT_FALSE(result.value().change.has_value());
}

TEST_F(PutTest, AnotherVersionThanExpectedIsAConflictThatNamesThePresentOne) {
  ASSERT_TRUE(put("ada", card_json("ada", "B"), 1).ok());
  EXPECT_EQ(refusal("ada", card_json("ada", "C"), 1), "character ada is at version 2, not 1");
  EXPECT_EQ(put("ada", card_json("ada", "C"), 0).error().code, Code::Conflict);
  EXPECT_EQ(refusal("bob", card_json("bob", "Bob"), 3),
            "there is no character bob, so no version 3 of it");
  EXPECT_EQ(name("ada"), "B");
}

TEST_F(PutTest, ABadCardIsRefusedAndNothingChanges) {
  EXPECT_EQ(refusal("ada", "{}"), "spec: is required");
  EXPECT_EQ(refusal("ada", card_json("bob", "Bob")),
            "data.extensions.troupe.id: is bob, but it is put as ada");
  EXPECT_NE(refusal("ada", card_json("ada", "Ada", "none.md")).find("data.extensions.troupe.know"),
            std::string::npos);
  EXPECT_EQ(name("ada"), "Ada");
  EXPECT_EQ(versions("ada"), Numbers{1});
}

TEST_F(PutTest, ACardWithoutAnIdGetsTheOneThatItIsPutAs) {
  const std::string foreign = R"({"spec":"chara_card_v2","data":{"name":"Somebody Else"}})";
  ASSERT_TRUE(put("bob", foreign).ok());
  EXPECT_EQ(name("bob"), "Somebody Else");
  ASSERT_TRUE(put("", foreign).ok());
  EXPECT_EQ(library_->cast()->find("somebody-else")->card.raw, foreign);
}

TEST_F(PutTest, OnlyTheLastVersionsAreKept) {
  open(3);
  for (const auto* name : {"B", "C", "D", "E"}) {
    ASSERT_TRUE(put("ada", card_json("ada", name)).ok());
  }
  EXPECT_EQ(versions("ada"), (Numbers{3, 4, 5}));
  EXPECT_EQ(library_->version("ada", 4).value(), card_json("ada", "D"));
  EXPECT_EQ(library_->version("ada", 2).error().code, Code::NotFound);
  EXPECT_EQ(library_->version("bob", 1).error().code, Code::NotFound);
}

TEST_F(PutTest, AnEditByHandIsAVersionToo) {
  folder_.write("ada.json", card_json("ada", "By hand"));
  ASSERT_TRUE(library_->reload().ok());
  EXPECT_EQ(versions("ada"), (Numbers{1, 2}));
  EXPECT_EQ(library_->cast()->find("ada")->version, 2);
}

TEST_F(PutTest, ReplacesABadEditAndItsProblem) {
  folder_.write("ada.json", "{");
  ASSERT_TRUE(library_->reload().ok());
  ASSERT_EQ(library_->cast()->problems.size(), 1U);
  EXPECT_EQ(library_->cast()->problems.front().id, "ada");
  ASSERT_TRUE(put("ada", card_json("ada", "Mended")).ok());
  EXPECT_TRUE(library_->cast()->problems.empty());
}

TEST_F(PutTest, DoesNotOverwriteTheFileOfSomebodyElse) {
  folder_.write("bob.json", card_json("carl", "Carl"));
  ASSERT_TRUE(library_->reload().ok());
  EXPECT_EQ(put("bob", card_json("bob", "Bob")).error().code, Code::Conflict);
  ASSERT_TRUE(put("carl", card_json("carl", "Charles")).ok());
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "carl.json"));
}

TEST_F(PutTest, AnIdThatIsAPathStaysInTheFolder) {
  ASSERT_TRUE(put("..", card_json("..", "Dots")).ok());
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "...json"));
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / ".history" / "of-.." / "1.json"));
  EXPECT_EQ(refusal("", card_json("a/b", "Slash")),
            "data.extensions.troupe.id: must be made of A-Z a-z 0-9 _ - . :");
}

TEST_F(PutTest, KeepsThePictureThatACardCameIn) {
  const std::string card = card_json("ada", "Painted");
  const std::string picture = png_with_card(plain_png("#ff0000"), card, "").value();
  ASSERT_TRUE(library_->put("", {Form::Png, card, picture}, {}).ok());
  EXPECT_EQ(library_->carrier("ada", Form::Png).value(), picture);
  EXPECT_EQ(library_->carrier("ada", Form::Charx).value(), "");
}

TEST_F(PutTest, ARemovedCharacterIsGoneWithItsHistory) {
  EXPECT_EQ(library_->remove("ada", 2).error().code, Code::Conflict);
  EXPECT_EQ(library_->remove("ada", {}).value(), (Change{"ada", true}));
  EXPECT_EQ(name("ada"), "nobody");
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "ada.json"));
  EXPECT_EQ(library_->remove("ada", {}).error().code, Code::NotFound);
  EXPECT_EQ(put("ada", card_json("ada", "Ada")).value().version, 1);
}

TEST_F(PutTest, AFolderThatCannotBeWrittenIsSaidAndNothingChanges) {
  // A folder where the draft would be: no privilege writes through it.
  std::filesystem::create_directory(folder_.path() / "ada.json.new");
  const auto result = put("ada", card_json("ada", "B"));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, Code::Unavailable);
  EXPECT_EQ(name("ada"), "Ada");
}

TEST_F(PutTest, ACrashBeforeTheVersionWasKeptIsMadeGoodAtTheNextStart) {
  folder_.write("ada.json", card_json("ada", "Put, then killed"));
  folder_.write("ada.json.new", "half a ca");
  open();
  EXPECT_EQ(name("ada"), "Put, then killed");
  EXPECT_EQ(versions("ada"), (Numbers{1, 2}));
}

TEST_F(PutTest, AnEditThatNoReloadHasSeenYetIsNotOverwritten) {
  folder_.write("ada.json", card_json("ada", "Edited by hand"));
  EXPECT_EQ(refusal("ada", card_json("ada", "Countess"), 1),
            "character ada is at version 2, not 1");
  const auto removed = library_->remove("ada", 1);
  ASSERT_FALSE(removed.ok());
  EXPECT_EQ(removed.error().code, Code::Conflict);
  // The reload still tells of the edit.
  EXPECT_EQ(library_->reload().value().changes, (std::vector<Change>{{"ada"}}));
  ASSERT_TRUE(put("ada", card_json("ada", "Countess"), 2).ok());
  EXPECT_EQ(versions("ada"), (Numbers{1, 2, 3}));
}

TEST_F(PutTest, ACardThatAnEditHasPutThereAlreadyIsStillAChange) {
  folder_.write("ada.json", card_json("ada", "Countess"));
  const auto result = put("ada", card_json("ada", "Countess"));
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result.value().change, (Change{"ada"}));
}

TEST_F(PutTest, AnEditThatGivesTheFileToAnotherIsNotRemovedWithIt) {
  folder_.write("ada.json", card_json("bob", "Bob"));
  EXPECT_FALSE(library_->remove("ada", std::nullopt).ok());
  ASSERT_TRUE(library_->reload().ok());
  EXPECT_EQ(name("bob"), "Bob");
}

}  // namespace
}  // namespace characters::testing
