#include "bot/search.h"

#include <gtest/gtest.h>

#include <string>

namespace bot::testing {
namespace {

std::string message(const std::string& id, const std::string& author, const std::string& text) {
  return R"({"id":")" + id + R"(","channel_id":"70","author":{"id":")" + author +
         R"("},"content":")" + text + R"("})";
}

TEST(Search, FindsTheBotsOwnMessageWithItsText) {
  const std::string page = "[" + message("12", "99", "Nyehehe.") + "," +
                           message("11", "5", "Something else.") + "," +
                           message("10", "5", "Nyehehe.") + "]";
  const auto found = search_page(page, "5", "Nyehehe. \n", "9");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found.value().found, "10");
}

TEST(Search, AShortPageIsTheLast) {
  const auto none = search_page("[]", "5", "Nyehehe.", "9");
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none.value().found, "");
  EXPECT_EQ(none.value().after, "9");
  EXPECT_TRUE(none.value().last);
}

TEST(Search, AFullPageLeadsOnBehindItsYoungest) {
  std::string page = "[" + message("109", "99", "x");
  for (int id = 99; id > 0; --id) page += "," + message(std::to_string(id), "99", "x");
  const auto none = search_page(page + "]", "5", "Nyehehe.", "0");
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none.value().last);
  EXPECT_EQ(none.value().after, "109") << "as a number, not as text";
}

TEST(Search, MessagesOfAPageComeTheNewestFirst) {
  const auto page = messages_of("[" + message("9", "1", "old") + "," + message("101", "2", "new") +
                                "," + message("99", "3", "middle") + "]");
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page.value().size(), 3U);
  EXPECT_EQ(page.value()[0].content, "new");
  EXPECT_EQ(page.value()[1].content, "middle");
  EXPECT_EQ(page.value()[2].content, "old");
  EXPECT_FALSE(messages_of("[5]").ok());
}

TEST(Search, WhatIsNoPageIsAnError) {
  EXPECT_FALSE(search_page("{}", "5", "x", "0").ok());
  EXPECT_FALSE(search_page("[{}]", "5", "x", "0").ok());
  EXPECT_FALSE(search_page("<html>", "5", "x", "0").ok());
}

}  // namespace
}  // namespace bot::testing
