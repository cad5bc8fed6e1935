#include "quality/reviewer.h"

#include <gtest/gtest.h>

#include <memory>

#include "cache/cache.h"
#include "json/codec.h"
#include "quality/cached_reviewer.h"
#include "services/quality/stage.h"

namespace quality::test {
namespace {

using contracts::FindingCode;
using contracts::Severity;

class Review : public ::testing::Test {
 protected:
  const FixedCast cast_{shipped_cast()};
  const Reviewer reviewer_{{}, cast_};
};

TEST_F(Review, NeedsMoreOfALineTheBusierTheChannelIs) {
  auto request = draft("peter", "Hey!");
  const auto threshold = [&](std::int64_t lines, contracts::TurnKind kind) {
    request.message_count = lines;
    request.kind = kind;
    return reviewer_.assess(request).value().threshold;
  };
  const auto direct = contracts::TurnKind::Direct;
  EXPECT_EQ(threshold(0, direct), 30.0);
  EXPECT_EQ(threshold(6, direct), 30.0);
  EXPECT_EQ(threshold(7, direct), 60.0);
  EXPECT_EQ(threshold(20, direct), 60.0);
  EXPECT_EQ(threshold(21, direct), 75.0);
  const auto organic = contracts::TurnKind::Organic;
  EXPECT_EQ(threshold(6, organic), 32.0);
  EXPECT_EQ(threshold(20, organic), 62.0);
  EXPECT_EQ(threshold(21, organic), 77.0);
}

TEST_F(Review, CountsTheContextWhenNobodyTellsTheLines) {
  auto request = draft("peter", "Hey!", std::vector<std::string>(7, "something"));
  request.message_count.reset();
  EXPECT_EQ(reviewer_.assess(request).value().threshold, 60.0);
  request.context.pop_back();
  EXPECT_EQ(reviewer_.assess(request).value().threshold, 30.0);
}

TEST_F(Review, TheScoreIsTheWeightedSumOfTheComponents) {
  for (const char* line : {"Holy crap, beer!", "How can I assist you today?", "Brian: Hello.", "",
                           "What the deuce! Blast!", "Beer is good. I like beer."}) {
    const auto assessment = reviewer_.assess(draft("peter", line, {"beer?"})).value();
    const auto& parts = assessment.components;
    EXPECT_NEAR(assessment.score,
                0.25 * parts.authenticity + 0.30 * parts.flow + 0.20 * parts.engagement +
                    0.20 * parts.grounding + 0.05 * parts.safety,
                0.011)
        << line;
  }
}

TEST_F(Review, ACriticalFindingRejectsInAnyChannel) {
  auto request = draft("peter", "Brian: Frankly, no.");
  request.message_count = 0;
  const auto assessment = reviewer_.assess(request).value();
  EXPECT_FALSE(assessment.passed);
  EXPECT_LE(assessment.score, 25.01);
}

TEST_F(Review, AMajorFindingRejectsInAnyChannel) {
  auto request = draft("peter", "What the deuce! Kneel before my throne, you simpleton!");
  for (const int count : {0, 7, 21}) {
    request.message_count = count;
    const auto assessment = reviewer_.assess(request).value();
    EXPECT_FALSE(assessment.passed);
    EXPECT_LT(assessment.score, assessment.threshold);
  }
  EXPECT_LE(reviewer_.assess(request).value().score, 55.01);
}

TEST_F(Review, TheMostSevereFindingComesFirst) {
  const auto assessment =
      reviewer_.assess(draft("peter", "Peter: Oh shit, hey @everyone, beer!")).value();
  ASSERT_GE(assessment.findings.size(), 3U);
  EXPECT_EQ(assessment.findings.front().code, FindingCode::MentionAbuse);
  EXPECT_EQ(assessment.findings.back().severity, Severity::Info);
}

TEST_F(Review, ACriticalFaultEndsTheReview) {
  const std::vector<std::string> talk{"peter: I love cold beer and wings."};
  const auto spoken = [&](const std::string& line) {
    return found(reviewer_.assess(draft("peter", line, talk)).value(), FindingCode::Repetition);
  };
  EXPECT_TRUE(spoken("I love cold beer and wings."));
  EXPECT_FALSE(spoken("I love cold beer and wings. @everyone"));
}

TEST_F(Review, EveryFindingSaysWhatToDo) {
  for (const char* line :
       {"", "Brian: Hello.", "{{char}} waves.", "Go kill yourself!", "@everyone beer",
        "How can I assist you today?", "Ich trinke sehr gern Bier und das ist nicht schlecht.",
        "Say it again, dude!", "What the deuce! Kneel, you simpleton!", "I met Madonna 512 times!",
        "Oh man, the giraffe is the best animal of the savanna!"}) {
    const auto assessment =
        reviewer_.assess(draft("peter", line, {"peter: Say it again, dude!", "what time?"}))
            .value();
    ASSERT_FALSE(assessment.findings.empty()) << line;
    for (const auto& finding : assessment.findings) EXPECT_GT(finding.hint.size(), 15U) << line;
  }
}

TEST_F(Review, ACharacterThatInventsIsGroundedLess) {
  const char* line = "I tell you, everyone knows that is definitely how it works.";
  EXPECT_LT(reviewer_.assess(draft("peter", line)).value().components.grounding,
            reviewer_.assess(draft("brian", line)).value().components.grounding);
}

TEST_F(Review, ChangedSettingsHoldFromTheNextLineOn) {
  Reviewer reviewer({}, cast_);
  const auto request = draft("peter", "Holy crap, beer!", {"beer?"});
  const auto before = reviewer.assess(request).value();
  auto options = *reviewer.options();
  options.thresholds.hot = 99.5;
  options.weights = {.authenticity = 0, .flow = 0, .engagement = 0, .grounding = 100, .safety = 0};
  reviewer.set_options(options);
  const auto after = reviewer.assess(request).value();
  EXPECT_EQ(before.threshold, 75.0);
  EXPECT_EQ(after.threshold, 99.5);
  EXPECT_EQ(after.score, after.components.grounding);
  EXPECT_NE(after.score, before.score);
}

TEST_F(Review, SharesOfAComponentChangeItsScore) {
  Reviewer reviewer({}, cast_);
  const auto request = draft("peter", "Beer.", {"beer?"});
  auto options = *reviewer.options();
  options.parts.engagement = {.length = 0, .questions = 100, .humour = 0};
  reviewer.set_options(options);
  EXPECT_LT(reviewer.assess(request).value().components.engagement,
            reviewer_.assess(request).value().components.engagement);
}

TEST_F(Review, SaysTheSameEveryTime) {
  const auto request =
      draft("peter", "Holy crap, I love beer, and 77 other things!", {"anna: beer?"});
  EXPECT_EQ(json::encode(reviewer_.assess(request).value()),
            json::encode(Reviewer({}, cast_).assess(request).value()));
}

TEST_F(Review, AnUnknownCharacterIsNotFound) {
  const auto assessment = reviewer_.assess(draft("lois", "Hello!"));
  ASSERT_FALSE(assessment.ok());
  EXPECT_EQ(assessment.error().code, Code::NotFound);
  EXPECT_EQ(assessment.error().message, "character: 'lois' is unknown");
}

TEST(ReviewWithoutCast, IsUnavailable) {
  const FixedCast none;
  const Reviewer reviewer({}, none);
  EXPECT_EQ(reviewer.assess(draft("peter", "Hello!")).error().code, Code::Unavailable);
  EXPECT_EQ(reviewer.voice({"Hello!"}).error().code, Code::Unavailable);
}

TEST(ReviewOfOneCharacter, WorksWithAnEmptyCard) {
  contracts::Character ada;
  ada.id = ada.name = "ada";
  const FixedCast cast({ada});
  const Reviewer reviewer({}, cast);
  EXPECT_TRUE(
      reviewer.assess(draft("ada", "I would love to see that engine of yours!")).value().passed);
  EXPECT_EQ(reviewer.voice({"Hello!"}).value().scores.at("ada"), 1.0);
}

TEST_F(Review, HostileLinesAreJudgedLikeOthers) {
  std::string emoji;
  for (int i = 0; i < 500; ++i) emoji += "\xF0\x9F\x98\x80";
  for (const std::string& line :
       {std::string(100'000, 'a'), std::string(100'000, '\xFF'), std::string(1500, '\x80'),
        std::string("Hey \xC3\x28 dude \xF0\x9F"), emoji, std::string(1800, '@'),
        std::string(1800, ':'), std::string(1800, '.'), std::string("a\0b", 3),
        std::string(900, '\n') + "Brian: hi", std::string(4000, '<') + "[[[[",
        std::string("((((: :"), std::string(1500, '9'), std::string(3000, '"') + " says \"",
        "k" + std::string(1800, '.') + "k", std::string("## ") + std::string(1500, '#'),
        std::string(700, '*') + "Brian"}) {
    const auto assessment = reviewer_.assess(draft("peter", line, {line.substr(0, 4000)}));
    ASSERT_TRUE(assessment.ok());
    EXPECT_GE(assessment.value().score, 0.0);
    EXPECT_LE(assessment.value().score, 100.0);
  }
  EXPECT_FALSE(reviewer_.assess(draft("peter", std::string(100'000, 'a'))).value().passed);
  EXPECT_FALSE(reviewer_.assess(draft("peter", emoji)).value().passed);
}

TEST_F(Review, VoiceScoresSumToOne) {
  for (const char* line : {"Holy crap!", "", "\xFF\xFE", "It is a line."}) {
    double sum = 0;
    const auto voice = reviewer_.voice({line}).value();
    for (const auto& [id, score] : voice.scores) sum += score;
    EXPECT_NEAR(sum, 1.0, 1e-9) << line;
  }
}

class Cached : public Review {
 protected:
  const std::unique_ptr<cache::Cache> cache_ = cache::make_memory_cache({});
  const CachedReviewer cached_{reviewer_, cast_, *cache_, Milliseconds(1000)};
};

TEST_F(Cached, TheSecondVerdictIsTheFirstOne) {
  const auto request = draft("peter", "Holy crap, beer!", {"anna: beer?"}, {"Beer is cold."});
  const auto first = cached_.assess(request);
  const auto second = cached_.assess(request);
  EXPECT_EQ(json::encode(first.value()), json::encode(second.value()));
  EXPECT_EQ(cache_->stats().hits, 1U);
}

TEST_F(Cached, WhateverTheVerdictDependsOnMakesAnotherEntry) {
  const auto request = draft("peter", "Holy crap, beer!", {"anna: beer?"}, {"Beer is cold."});
  (void)cached_.assess(request);
  auto other = request;
  other.line += "!";
  (void)cached_.assess(other);
  other = request;
  other.character = "brian";
  (void)cached_.assess(other);
  other = request;
  other.context.front().text = "wine?";
  (void)cached_.assess(other);
  other = request;
  other.knowledge.push_back("Wine is red.");
  (void)cached_.assess(other);
  other = request;
  other.message_count = 3;
  (void)cached_.assess(other);
  other = request;
  other.kind = contracts::TurnKind::Organic;
  (void)cached_.assess(other);
  EXPECT_EQ(cache_->stats().hits, 0U);
  EXPECT_EQ(cache_->stats().entries, 7U);
}

TEST_F(Cached, AVerdictOfOtherSettingsIsNotServed) {
  Reviewer reviewer({}, cast_);
  const CachedReviewer cached(reviewer, cast_, *cache_, Milliseconds(1000));
  const auto request = draft("peter", "Holy crap, beer!", {"anna: beer?"});
  (void)cached.assess(request);
  auto options = *reviewer.options();
  options.thresholds.hot = 80;
  reviewer.set_options(options);
  EXPECT_EQ(cached.assess(request).value().threshold, 80.0);
  options.parts.safety = {.content = 100, .language = 0, .community = 0};
  reviewer.set_options(options);
  (void)cached.assess(request);
  EXPECT_EQ(cache_->stats().hits, 0U);
  EXPECT_EQ(cache_->stats().entries, 3U);
}

TEST_F(Cached, AnErrorIsNotKept) {
  EXPECT_FALSE(cached_.assess(draft("lois", "Hello!")).ok());
  EXPECT_EQ(cache_->stats().entries, 0U);
}

}  // namespace
}  // namespace quality::test
