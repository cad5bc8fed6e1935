#include "llm/replays.h"

#include <gtest/gtest.h>

namespace llm {
namespace {

Replays::ToldRef told(std::string text) {
  auto one = std::make_shared<Replays::Told>();
  one->value = std::make_shared<const std::string>("kept");
  one->head = std::move(text);
  return one;
}

const auto* const kOneDialect = reinterpret_cast<const talk::Dialect*>(1);
const auto* const kOther = reinterpret_cast<const talk::Dialect*>(2);

TEST(Replays, AnAnswerIsForTheSameBytesOfTheSameTenantInTheSameDialect) {
  Replays replays;
  replays.put({kOneDialect, "lois", "question"}, told("answer"));
  const auto found = replays.find({kOneDialect, "lois", "question"});
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->head, "answer");
  EXPECT_EQ(replays.find({kOther, "lois", "question"}), nullptr);
  EXPECT_EQ(replays.find({kOneDialect, "meg", "question"}), nullptr);
  EXPECT_EQ(replays.find({kOneDialect, "lois", "question "}), nullptr);
}

TEST(Replays, ALaterAnswerReplacesAnEarlierOne) {
  Replays replays;
  replays.put({kOneDialect, "", "question"}, told("before"));
  replays.put({kOneDialect, "", "question"}, told("after"));
  EXPECT_EQ(replays.find({kOneDialect, "", "question"})->head, "after");
}

TEST(Replays, TheOldestGoAndLargeOnesNeverCome) {
  Replays replays;
  for (int i = 0; i < 1100; ++i) {
    replays.put({kOneDialect, "", std::to_string(i)}, told("answer"));
  }
  EXPECT_EQ(replays.find({kOneDialect, "", "0"}), nullptr);
  EXPECT_NE(replays.find({kOneDialect, "", "1099"}), nullptr);
  replays.put({kOneDialect, "", "large"}, told(std::string(100'000, 'x')));
  EXPECT_EQ(replays.find({kOneDialect, "", "large"}), nullptr);
}

}  // namespace
}  // namespace llm
