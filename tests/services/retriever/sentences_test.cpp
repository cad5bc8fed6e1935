#include "retriever/sentences.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "base/ids.h"

namespace retriever {
namespace {

encoder::Vector drawn(std::uint64_t seed) {
  Random random(seed);
  encoder::Vector vector;
  float squared = 0;
  for (float& value : vector) {
    value = static_cast<float>(random.uniform()) - 0.5F;
    squared += value * value;
  }
  for (float& value : vector) value /= std::sqrt(squared);
  return vector;
}

TEST(SentenceVectors, GiveTheCosineOfTheNearest) {
  const std::vector<encoder::Vector> vectors{drawn(1), drawn(2), drawn(3)};
  const Sentences sentences(vectors);
  EXPECT_NEAR(sentences.nearest(CodedQuestion(drawn(2))), 1, 0.003);
  const encoder::Vector question = drawn(4);
  float best = -1;
  for (const auto& vector : vectors) best = std::max(best, encoder::similarity(question, vector));
  EXPECT_NEAR(sentences.nearest(CodedQuestion(question)), best, 0.003);
}

TEST(SentenceVectors, ComeBackFromTheirBytesAsTheyWere) {
  const std::vector<encoder::Vector> vectors{drawn(1), drawn(2), encoder::Vector{}};
  const Sentences sentences(vectors);
  EXPECT_EQ(sentences.bytes().size(), 3U * 516);
  const Sentences again = Sentences::from(sentences.bytes()).value();
  EXPECT_EQ(again.count(), 3U);
  EXPECT_EQ(again.bytes(), sentences.bytes());
  const CodedQuestion question(drawn(5));
  EXPECT_EQ(again.nearest(question), sentences.nearest(question));
}

TEST(SentenceVectors, RefuseBytesThatAreNone) {
  const store::Blob bytes(516UL * 65);
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{515},
                                  std::size_t{517}, std::size_t{516UL * 65}}) {
    const auto refused = Sentences::from(std::span(bytes).first(count));
    ASSERT_FALSE(refused.ok()) << count;
    EXPECT_EQ(refused.error().code, Code::DataLoss);
  }
}

TEST(SentenceVectors, AreMadeOfAtMost64SentencesAndNeverOfNone) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "Sentence " + std::to_string(i) + " ends. ";
  EXPECT_EQ(Sentences::of(text).size(), 64U);
  EXPECT_EQ(Sentences::of("Brian is a dog. He writes.").at(1), "He writes.");
  EXPECT_EQ(Sentences::of("").size(), 1U);
}

}  // namespace
}  // namespace retriever
