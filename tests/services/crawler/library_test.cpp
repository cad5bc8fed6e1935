#include "crawler/library.h"

#include <gtest/gtest.h>

#include "crawler/queue.h"
#include "services/crawler/fake_shelf.h"
#include "support/temp_dir.h"

namespace crawler {
namespace {

const Source kSource{"docs", "file", "/a.md"};

class LibraryTest : public WithLibrary {
 protected:
  Result<Receipt> deliver(const std::string& text, const std::string& print = "p") {
    Content content;
    content.title = "Title";
    content.uri = "file:///a.md";
    content.text = text;
    content.metadata = R"({"topic":"x"})";
    content.print = print;
    return library_.deliver(kSource, content);
  }
};

TEST_F(LibraryTest, NamesADocumentAfterItsSourceForEver) {
  EXPECT_EQ(document_id(kSource, 1), document_id(kSource, 1));
  EXPECT_EQ(document_id(kSource, 2), document_id(kSource, 1) + "_2");
  EXPECT_NE(document_id({"other", "file", "/a.md"}, 1), document_id(kSource, 1));
  EXPECT_NE(document_id({"docs", "fil", "e/a.md"}, 1), document_id(kSource, 1));
}

TEST_F(LibraryTest, DeliversAndRemembers) {
  EXPECT_FALSE(library_.find(kSource).value());
  const auto receipt = deliver("words").value();
  EXPECT_EQ(receipt.documents, 1);
  EXPECT_EQ(receipt.chunks, 1);
  const auto& document = shelf_.documents.at(receipt.id);
  EXPECT_EQ(document.content, "words");
  EXPECT_EQ(document.source_type, "file");
  EXPECT_EQ(document.source_id, "/a.md");
  EXPECT_EQ(document.metadata.at("topic").text, "\"x\"");
  EXPECT_EQ(document.metadata.at("source_id").text, "\"/a.md\"");
  EXPECT_EQ(library_.find(kSource).value()->print, "p");
}

TEST_F(LibraryTest, PartsALongTextAndTakesSuperfluousPartsBack) {
  const std::string paragraph(100 * 1024, 'w');
  std::string text;
  for (int i = 0; i < 12; ++i) text += paragraph + "\n\n";
  EXPECT_EQ(deliver(text).value().documents, 3);
  EXPECT_EQ(shelf_.documents.size(), 3U);
  EXPECT_EQ(deliver("short").value().documents, 1);
  EXPECT_EQ(shelf_.documents.size(), 1U);
  EXPECT_TRUE(library_.withdraw(kSource).value());
  EXPECT_TRUE(shelf_.documents.empty());
  EXPECT_FALSE(library_.withdraw(kSource).value());
}

TEST_F(LibraryTest, KnowsOfWhatItMayHaveDeliveredWhenItWasInterrupted) {
  shelf_.fail_after = 1;
  const std::string text(600 * 1024, 'w');
  EXPECT_FALSE(deliver(text).ok());
  EXPECT_EQ(shelf_.documents.size(), 1U);
  const auto known = library_.find(kSource).value();
  ASSERT_TRUE(known);
  EXPECT_EQ(known->print, "");  // so it is sent again
  shelf_.fail_after = -1;
  EXPECT_TRUE(library_.withdraw(kSource).value());
  EXPECT_TRUE(shelf_.documents.empty());
}

TEST_F(LibraryTest, TellsWhenPartOfWhatItDeliveredIsThereNoMore) {
  ASSERT_TRUE(deliver(std::string(600 * 1024, 'w')).ok());
  const Delivered delivered = *library_.find(kSource).value();
  EXPECT_TRUE(library_.holds(kSource, delivered).value());
  shelf_.documents.erase(document_id(kSource, 2));
  EXPECT_FALSE(library_.holds(kSource, delivered).value());
  shelf_.fail_after = 0;
  EXPECT_EQ(library_.holds(kSource, delivered).error().code, Code::Unavailable);
}

TEST_F(LibraryTest, ListsWhatLiesBelow) {
  for (const auto* path : {"/r/a", "/r/b/c", "/r2/d", "/r%/e", "/r"}) {
    ASSERT_TRUE(library_.deliver({"docs", "file", path}, {"t", "u", "x", "{}", "p", "", ""}).ok());
  }
  EXPECT_EQ(library_.under("docs", "file", "/r/").value(),
            (std::vector<std::string>{"/r/a", "/r/b/c"}));
  EXPECT_TRUE(library_.under("other", "file", "/r/").value().empty());
}

TEST(Parts, AreCutBetweenParagraphsThenLinesThenWords) {
  EXPECT_EQ(parts_of("aaaa\n\nbbbb", 8), (std::vector<std::string_view>{"aaaa", "\n\nbbbb"}));
  EXPECT_EQ(parts_of("aaaa\nbbbb", 6), (std::vector<std::string_view>{"aaaa", "\nbbbb"}));
  EXPECT_EQ(parts_of("aaaa bbbb", 6), (std::vector<std::string_view>{"aaaa", " bbbb"}));
  EXPECT_EQ(parts_of("ééé", 3), (std::vector<std::string_view>{"é", "é", "é"}));
}

}  // namespace
}  // namespace crawler
