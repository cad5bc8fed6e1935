#include "characters/library.h"

#include <gtest/gtest.h>

#include <memory>

#include "services/characters/fixture.h"

namespace characters::testing {
namespace {

// A library over a folder that each test writes into.
class LibraryTest : public ::testing::Test {
 protected:
  void open() {
    auto opened = Library::open(folder_.path(), shipped_cast());
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    library_ = std::move(opened).value();
  }

  Reload reload() {
    auto reloaded = library_->reload();
    if (!reloaded) {
      ADD_FAILURE() << reloaded.error().message;
      return {};
    }
    return std::move(reloaded).value();
  }

  Folder folder_;
  std::unique_ptr<Library> library_;
};

using Changes = std::vector<Change>;

TEST_F(LibraryTest, FillsTheFolderWithTheShippedCastAtTheFirstStart) {
  open();
  EXPECT_EQ(reload().changes, (Changes{{"brian"}, {"peter"}, {"stewie"}}));
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "peter.md"));
  EXPECT_EQ(library_->cast()->others_than("brian").size(), 2U);
}

TEST_F(LibraryTest, FillsAnEmptyFolder) {
  std::filesystem::create_directories(folder_.path());
  open();
  EXPECT_EQ(reload().changes.size(), 3U);
}

TEST_F(LibraryTest, LeavesAnExistingFolderToItsOwner) {
  folder_.write("ada.json", card_json("ada", "Ada"));
  open();
  EXPECT_EQ(reload().changes, (Changes{{"ada"}}));
}

TEST_F(LibraryTest, FindsNothingNewInAnUnchangedFolder) {
  open();
  reload();
  const auto before = library_->cast();
  EXPECT_TRUE(reload().changes.empty());
  EXPECT_EQ(library_->cast()->find("peter"), before->find("peter"));
}

TEST_F(LibraryTest, NoticesAddedChangedAndRemovedCards) {
  folder_.write("ada.json", card_json("ada", "Ada"));
  folder_.write("bob.json", card_json("bob", "Bob"));
  open();
  reload();
  folder_.write("ada.json", card_json("ada", "Ada Lovelace"));
  folder_.remove("bob.json");
  folder_.write("cy.json", card_json("cy", "Cy"));
  EXPECT_EQ(reload().changes, (Changes{{"ada"}, {"bob", true}, {"cy"}}));
  EXPECT_EQ(library_->cast()->find("ada")->card.name, "Ada Lovelace");
  EXPECT_EQ(library_->cast()->find("bob"), nullptr);
}

TEST_F(LibraryTest, NoticesAChangedKnowledgeFile) {
  folder_.write("ada.md", "Ada counts.");
  folder_.write("ada.json", card_json("ada", "Ada", "ada.md"));
  open();
  reload();
  folder_.write("ada.md", "Ada counts cards.");
  EXPECT_EQ(reload().changes, (Changes{{"ada"}}));
  EXPECT_EQ(library_->cast()->find("ada")->knowledge, "Ada counts cards.");
}

TEST_F(LibraryTest, GivesACharacterThatChangesItsIdANewPlace) {
  folder_.write("ada.json", card_json("ada", "Ada"));
  open();
  reload();
  folder_.write("ada.json", card_json("countess", "Ada"));
  EXPECT_EQ(reload().changes, (Changes{{"ada", true}, {"countess"}}));
}

TEST_F(LibraryTest, ReportsABrokenCardOnceAndKeepsTheOldOne) {
  folder_.write("ada.json", card_json("ada", "Ada"));
  open();
  reload();
  folder_.write("ada.json", "{\"spec\":");
  const Reload broken = reload();
  ASSERT_EQ(broken.problems.size(), 1U);
  EXPECT_EQ(broken.problems.front().file, "ada.json");
  EXPECT_TRUE(broken.changes.empty());
  EXPECT_EQ(library_->cast()->find("ada")->card.name, "Ada");
  EXPECT_TRUE(reload().problems.empty());
  folder_.write("ada.json", card_json("ada", "Mended"));
  EXPECT_EQ(reload().changes, (Changes{{"ada"}}));
}

TEST_F(LibraryTest, WaitsForAMissingKnowledgeFile) {
  folder_.write("ada.json", card_json("ada", "Ada", "ada.md"));
  open();
  EXPECT_EQ(reload().problems.size(), 1U);
  folder_.write("ada.md", "Ada counts.");
  EXPECT_EQ(reload().changes, (Changes{{"ada"}}));
}

TEST_F(LibraryTest, RefusesASecondCardWithTheSameIdUntilTheFirstIsGone) {
  folder_.write("ada.json", card_json("ada", "Ada"));
  folder_.write("twin.json", card_json("ada", "Twin"));
  open();
  const Reload first = reload();
  ASSERT_EQ(first.problems.size(), 1U);
  EXPECT_EQ(first.problems.front().file, "twin.json");
  EXPECT_EQ(first.problems.front().error.code, Code::Conflict);
  EXPECT_TRUE(reload().problems.empty());
  folder_.remove("ada.json");
  EXPECT_EQ(reload().changes, (Changes{{"ada"}}));
  EXPECT_EQ(library_->cast()->find("ada")->card.name, "Twin");
}

TEST_F(LibraryTest, ASnapshotOutlivesAReload) {
  folder_.write("ada.json", card_json("ada", "Ada"));
  open();
  reload();
  const auto snapshot = library_->cast();
  folder_.remove("ada.json");
  reload();
  EXPECT_EQ(snapshot->find("ada")->card.name, "Ada");
}

TEST(Library, RefusesAFolderThatIsAFile) {
  const Folder folder;
  std::ofstream(folder.path()) << "x";
  EXPECT_FALSE(Library::open(folder.path(), {}).ok());
}

TEST_F(LibraryTest, FillsAFolderThatIsNamedWithASlashAtItsEnd) {
  auto opened = Library::open(folder_.path().string() + "/", shipped_cast());
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ(opened.value()->reload().value().changes.size(), 3U);
}

}  // namespace
}  // namespace characters::testing
