#include "lexical/thesaurus.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "lexical/analyser.h"

namespace lexical {
namespace {

TEST(Thesaurus, HasTopicsOfAFewPlainLowerCaseWords) {
  for (const std::string_view topic : topics()) {
    EXPECT_TRUE(std::all_of(topic.begin(), topic.end(), [](char c) {
      return c == ' ' || c == '-' || (c >= 'a' && c <= 'z');
    })) << topic;
    const std::size_t count = tokens(topic).size();
    EXPECT_GE(count, 2U) << topic;
    EXPECT_LE(count, 32U) << topic;
  }
}

TEST(Thesaurus, SaysNoWordTwiceInATopic) {
  for (const std::string_view topic : topics()) {
    std::set<std::string> seen;
    for (const std::string& word : tokens(topic)) {
      EXPECT_TRUE(seen.insert(word).second) << word << " in: " << topic;
    }
  }
}

}  // namespace
}  // namespace lexical
