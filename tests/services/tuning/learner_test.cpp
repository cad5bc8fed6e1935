#include "tuning/learner.h"

#include <gtest/gtest.h>

#include "base/ids.h"
#include "json/codec.h"
#include "services/tuning/learned.h"
#include "store/store.h"

namespace tuning {
namespace {

class LearnerTest : public LearningTest {
 protected:
  // Somebody else's change to the file.
  void script(const std::string& sql) {
    store::Database::Options options;
    options.path = folder_.file("outcomes.db");
    options.migrations = migrations();
    const auto other = store::Database::open(std::move(options));
    ASSERT_TRUE(other.ok());
    EXPECT_TRUE(other.value()->write([&](store::Connection& db) { return db.execute(sql); }).ok());
  }
};

std::string refusal(const Config& config) {
  const auto options = Learner::options_of(config, "x");
  return options.ok() ? "" : options.error().message;
}

TEST(LearnerOptions, RefuseSettingsThatMakeNoSense) {
  Config config;
  config.variants.clear();
  EXPECT_EQ(refusal(config), "variants: there must be one");
  config.variants = {{"a", "", std::nullopt, std::nullopt}, {"a", "x", std::nullopt, std::nullopt}};
  EXPECT_EQ(refusal(config), "variants: two are named a");
  config.variants = {{"a b", "", std::nullopt, std::nullopt}};
  EXPECT_EQ(refusal(config), "variants: an id has letters, digits, '_', '-', '.' and ':'");
  config.variants = default_variants();
  config.retry_hints = {{"rudeness", {"Be kind."}}};
  EXPECT_EQ(refusal(config), "retry_hints: there is no fault rudeness");
  config.retry_hints = {{"toxic", {"Be kind."}}};
  EXPECT_EQ(refusal(config), "");
}

TEST_F(LearnerTest, AStrangerGetsEqualSharesAndAllHints) {
  const auto hints = learner_->hints("nobody");
  ASSERT_EQ(hints.variants.size(), 2U);
  EXPECT_EQ(hints.variants[0].id, "plain");
  EXPECT_NEAR(hints.variants[0].weight, 0.5, 1e-9);
  EXPECT_EQ(hints.retry.size(), 12U);
  EXPECT_EQ(hints.guidance.size(), 1U);
  EXPECT_GT(hints.generation, 0);
}

TEST_F(LearnerTest, ATurnIsLearnedFromOnce) {
  EXPECT_EQ(take({outcome("a"), outcome("a"), outcome("b")}).repeated, 1);
  const auto reply = take({outcome("a", "brief", false)});
  EXPECT_EQ(reply.accepted, 0);
  EXPECT_EQ(reply.repeated, 1);
  EXPECT_EQ(report().turns, 2);
  EXPECT_EQ(report().variants[1].turns, 0);
}

TEST_F(LearnerTest, TheVariantThatPassesMoreIsPlayedMoreAndTheGenerationRises) {
  const auto before = learner_->hints("peter").generation;
  play("plain", 40, 20);
  play("brief", 40, 39);
  EXPECT_GT(weight(1), 0.95);
  EXPECT_GT(learner_->hints("peter").generation, before);
  EXPECT_NEAR(learner_->hints("brian").variants[1].weight, 0.5, 1e-9) << "each learns alone";
}

TEST_F(LearnerTest, TheGenerationStaysWhenNothingChanges) {
  play("plain", 500, 400);
  play("brief", 500, 400);
  const auto before = learner_->generation();
  play("plain", 1, 1);
  EXPECT_EQ(learner_->generation(), before);
}

TEST_F(LearnerTest, ARestartKnowsAllThatWasLearnedAndTellsAHigherGeneration) {
  play("plain", 40, 20);
  play("brief", 40, 39);
  auto failed = outcome("f", "brief", false);
  failed.attempts.push_back(failed.attempts[0]);
  failed.attempts[1].codes.clear();
  failed.attempts[1].hints = {learner_->hints("peter").retry[5].hints[0].id};
  take({failed});
  const auto before = learner_->hints("peter");
  const auto told = report();
  open();
  const auto after = learner_->hints("peter");
  EXPECT_GT(after.generation, before.generation);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_NEAR(after.variants[i].weight, before.variants[i].weight, 0.02);
  }
  EXPECT_EQ(after.guidance, before.guidance);
  EXPECT_EQ(report().variants[1].reward_rate, told.variants[1].reward_rate);
  ASSERT_EQ(report().hints.size(), 1U);
  EXPECT_EQ(report().hints[0].helped, 1);
}

TEST_F(LearnerTest, TheFaultsOfASilenceGiveGuidanceBeforeAndAfterARestart) {
  auto silent = outcome("a", "plain", false);
  silent.status = contracts::TurnStatus::Silent;
  take({silent});
  EXPECT_EQ(learner_->hints("peter").guidance.size(), 2U);
  open();
  EXPECT_EQ(learner_->hints("peter").guidance.size(), 2U);
}

TEST_F(LearnerTest, ARepeatUsesUpNoTimeOfTheBaseline) {
  take({outcome("first", "brief")});
  for (int i = 0; i < 30; ++i) {
    auto slow = outcome("b" + std::to_string(i), "brief");
    slow.ms = 151;
    take({outcome("p" + std::to_string(i), "plain"), outcome("first", "brief"), slow});
  }
  EXPECT_EQ(report().variants[1].guards, std::vector<std::string>{"slow"});
}

// Turns of a few characters, some of which were told before, and opinions on them.
class History {
 public:
  explicit History(std::uint64_t seed) : random_(seed) {}

  std::vector<contracts::Outcome> batch() {
    std::vector<contracts::Outcome> outcomes;
    for (std::uint64_t i = 0; i <= random_.below(6); ++i) {
      const std::uint64_t again = random_.below(4);
      outcomes.push_back(again == 0 && !told_.empty() ? one_of(told_) : turn());
      told_.push_back(outcomes.back());
    }
    return outcomes;
  }
  // Also on turns that are still to come.
  contracts::FeedbackRequest opinion() {
    return {"t" + std::to_string(random_.below(static_cast<std::uint64_t>(turns_) + 5)),
            one_of(people_), static_cast<contracts::Opinion>(random_.below(4))};
  }

 private:
  template <typename T>
  const T& one_of(const std::vector<T>& list) {
    return list[random_.below(list.size())];
  }

  contracts::Outcome turn() {
    auto made = outcome("t" + std::to_string(turns_++), one_of(variants_));
    made.character = one_of(characters_);
    made.status = one_of(statuses_);
    // Of one there are nothing but silences.
    if (made.character == "lois") made.status = contracts::TurnStatus::Silent;
    made.degraded = random_.below(5) == 0;
    made.score = static_cast<double>(random_.below(100));
    made.ms = static_cast<double>(random_.below(300));
    made.attempts.resize(1 + random_.below(3));
    for (auto& attempt : made.attempts) {
      attempt.passed = random_.below(2) == 0;
      attempt.codes.clear();
      for (const FindingCode code : codes_) {
        if (random_.below(2) == 0) attempt.codes.push_back(code);
        const auto texts = default_hints().at(code);
        if (random_.below(2) == 0) attempt.hints.push_back(hint_id(code, one_of(texts)));
      }
      if (random_.below(6) == 0) attempt.fault = "unavailable: llm";
    }
    return made;
  }

  const std::vector<std::string> characters_{"peter", "brian", "lois"};
  const std::vector<std::string> people_{"meg", "chris"};
  const std::vector<std::optional<std::string>> variants_{"plain", "brief", "bygone", std::nullopt};
  const std::vector<contracts::TurnStatus> statuses_{
      contracts::TurnStatus::Said, contracts::TurnStatus::Said, contracts::TurnStatus::Silent};
  const std::vector<FindingCode> codes_{FindingCode::Repetition, FindingCode::Toxic,
                                        FindingCode::TooLong};
  Random random_;
  std::vector<contracts::Outcome> told_;
  int turns_ = 0;
};

TEST_F(LearnerTest, ARestartChangesNothingOfWhatIsTold) {
  step_ = 0;  // every change is worth telling
  // All but the generation, which a restart raises.
  const auto told = [&] {
    auto report = learner_->report({}).value();
    report.generation = 0;
    std::string all = json::encode(report);
    for (const char* name : {"peter", "brian", "lois", "stranger"}) {
      auto hints = learner_->hints(name);
      hints.generation = 0;
      all += "\n" + json::encode(hints);
    }
    return all;
  };
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    file_ = std::to_string(seed) + ".db";
    open();
    History history(seed);
    for (int i = 0; i < 20; ++i) {
      take(history.batch());
      const auto opinion = history.opinion();
      tell(opinion.turn_id, opinion.author, opinion.kind);
    }
    // What is told of one follows when there is news of him.
    std::vector<contracts::Outcome> news;
    for (const char* name : {"peter", "brian", "lois"}) {
      news.push_back(outcome(std::string("news of ") + name, "brief", false));
      news.back().character = name;
      if (news.back().character == "lois") news.back().status = contracts::TurnStatus::Silent;
    }
    take(news);
    const std::string before = told();
    open();
    EXPECT_EQ(told(), before) << "seed " << seed;
  }
}

TEST_F(LearnerTest, OnlyTurnsThatWereSaidAndJudgedCount) {
  auto silent = outcome("silent");
  silent.status = contracts::TurnStatus::Silent;
  auto faulty = outcome("faulty", "plain", false);
  faulty.attempts[0].fault = "unavailable: llm";
  faulty.degraded = true;
  auto second = outcome("second");
  second.attempts.insert(second.attempts.begin(), faulty.attempts[0]);
  take({silent, faulty, second});
  const auto variant = report().variants[0];
  EXPECT_EQ(variant.turns, 2);
  EXPECT_EQ(variant.degraded_share, 0.5);
  EXPECT_EQ(variant.pass_rate, 1) << "a draft that was not judged is nobody's fault";
}

TEST_F(LearnerTest, UnknownVariantsStandInTheReportAndNotInTheRotation) {
  take({outcome("a", "bygone"), outcome("b", std::nullopt)});
  EXPECT_EQ(learner_->hints("peter").variants.size(), 2U);
  const auto variants = report().variants;
  ASSERT_EQ(variants.size(), 4U);
  EXPECT_EQ(variants[2].variant, "");
  EXPECT_EQ(variants[3].variant, "bygone");
  EXPECT_FALSE(variants[3].configured);
  EXPECT_EQ(variants[3].weight, 0);
  EXPECT_EQ(variants[3].turns, 1);
}

TEST_F(LearnerTest, AVariantThatLeftTheConfigurationIsKeptInTheReport) {
  play("plain", 10, 9);
  play("brief", 10, 9);
  config_.variants[1].id = "short";
  open();
  EXPECT_NEAR(weight(0) + weight(1), 1, 1e-9);
  const auto variants = report().variants;
  ASSERT_EQ(variants.size(), 3U);
  EXPECT_EQ(variants[1].variant, "short");
  EXPECT_EQ(variants[1].turns, 0);
  EXPECT_EQ(variants[2].variant, "brief");
  EXPECT_EQ(variants[2].turns, 10);
}

TEST_F(LearnerTest, AVariantThatDegradesIsHeldBackAndTheReportSaysWhy) {
  play("plain", 60, 30);
  std::vector<contracts::Outcome> bad;
  for (int i = 0; i < 60; ++i) {
    bad.push_back(outcome("d" + std::to_string(i), "brief"));
    bad.back().degraded = i % 2 == 0;
  }
  take(bad);
  EXPECT_EQ(report().variants[1].guards, std::vector<std::string>{"degraded"});
  EXPECT_NEAR(weight(1), 0.02, 1e-9);
  EXPECT_EQ(learner_->guarded(), 1U);
}

TEST_F(LearnerTest, AVariantThatIsSlowerIsHeldBackAlsoAfterARestart) {
  std::vector<contracts::Outcome> turns;
  for (int i = 0; i < 30; ++i) {
    turns.push_back(outcome("p" + std::to_string(i), "plain"));
    turns.push_back(outcome("b" + std::to_string(i), "brief"));
    turns.back().ms = 151;
  }
  take(turns);
  EXPECT_EQ(report().variants[1].guards, std::vector<std::string>{"slow"});
  open();
  EXPECT_EQ(report().variants[1].guards, std::vector<std::string>{"slow"});
}

TEST_F(LearnerTest, GuidanceFollowsTheCharactersOwnFaults) {
  play("plain", 5, 0);
  EXPECT_EQ(learner_->hints("peter").guidance.size(), 2U);
  EXPECT_EQ(learner_->hints("brian").guidance.size(), 1U);
}

TEST_F(LearnerTest, TurnsWithoutAVariantAlsoGiveGuidance) {
  take({outcome("a", std::nullopt, false)});
  EXPECT_EQ(learner_->hints("peter").guidance.size(), 2U);
}

TEST_F(LearnerTest, OfCharactersBeyondTheLimitTheOutcomesAreOnlyKept) {
  config_.characters_max = 1;
  open();
  auto other = outcome("b");
  other.character = "brian";
  EXPECT_EQ(take({outcome("a"), other}).accepted, 2);
  EXPECT_EQ(report({"brian", std::nullopt}).turns, 1);
  EXPECT_EQ(report({"brian", std::nullopt}).variants[0].verdict, contracts::Verdict::Baseline);
}

TEST_F(LearnerTest, ForgetsWhatIsOlderThanItKeeps) {
  play("plain", 7, 0);
  tell("t1", "lois", contracts::Opinion::ThumbsDown);
  clock_.advance(366 * kDayMs);
  EXPECT_EQ(learner_->forget().value(), 0) << "a clock that ran ahead deletes nothing";
  play("brief", 1, 1);
  EXPECT_EQ(learner_->forget(2).value(), 8);
  EXPECT_EQ(report().turns, 1);
  EXPECT_EQ(learner_->hints("peter").guidance.size(), 1U);
}

TEST_F(LearnerTest, ATimeAheadOfTheClockIsTakenForNow) {
  auto ahead = outcome("a");
  ahead.at_ms = clock_.wall_ms() + 1000 * kDayMs;
  take({ahead});
  clock_.advance(2 * kDayMs);
  EXPECT_EQ(report({std::nullopt, 1}).turns, 0);
  EXPECT_EQ(report({std::nullopt, 3}).turns, 1);
}

TEST_F(LearnerTest, HintsOfStrangersAreKeptButNotOrderedBy) {
  auto turn = outcome("a", "plain", false);
  turn.attempts.push_back(turn.attempts[0]);
  turn.attempts[1].hints = {"repetition.ffff", "nonsense"};
  take({turn});
  ASSERT_EQ(report().hints.size(), 1U);
  EXPECT_EQ(report().hints[0].hint, "repetition.ffff");
}

TEST_F(LearnerTest, ADamagedFileStopsTheStart) {
  const std::string path = folder_.write("bad.db", std::string(4096, 'x'));
  auto options = Learner::options_of(config_, path);
  const auto opened = Learner::open(std::move(options).value(), clock_);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, Code::DataLoss);
}

TEST_F(LearnerTest, ABatchThatCannotBeWrittenIsRefusedAndNothingOfItIsLearned) {
  play("plain", 3, 3);
  script(
      "CREATE TRIGGER full BEFORE INSERT ON lines WHEN new.line = 'bad' "
      "BEGIN SELECT raise(ABORT, 'disk full'); END");
  auto bad = outcome("bad");
  bad.line = "bad";
  EXPECT_FALSE(learner_->take({outcome("good"), bad}).ok());
  EXPECT_EQ(report().turns, 3);
  EXPECT_EQ(take({outcome("good")}).accepted, 1);
  EXPECT_EQ(report().variants[0].turns, 4);
}

TEST_F(LearnerTest, WhatWasLearnedAndThenNotCommittedIsForgotten) {
  play("plain", 30, 20);
  script("CREATE TRIGGER full BEFORE UPDATE ON state BEGIN SELECT raise(ABORT, 'disk full'); END");
  std::vector<contracts::Outcome> lost;
  for (int i = 0; i < 30; ++i) lost.push_back(outcome("l" + std::to_string(i), "brief", false));
  EXPECT_FALSE(learner_->take(lost).ok());
  script("DROP TRIGGER full");
  EXPECT_EQ(take({outcome("next")}).accepted, 1);
  EXPECT_EQ(report().turns, 31);
  EXPECT_GT(weight(1), 0.1) << "nothing bad is known of it";
}

TEST_F(LearningTest, ErasesWhatIsKnownOfATurnButNotWhatWasLearnedOfIt) {
  take({outcome("t1"), outcome("t2")});
  tell("t1", "ann", contracts::Opinion::ThumbsUp);
  EXPECT_EQ(learner_->forget_turns({"t1", "never"}).value().outcomes, 1);
  EXPECT_EQ(exported(), std::vector<std::string>{"t2"});
  EXPECT_EQ(learner_->forget_turns({"t1"}).value().outcomes, 0);
  open();
  EXPECT_EQ(exported(), std::vector<std::string>{"t2"});
  EXPECT_EQ(report().turns, 2);
}

TEST_F(LearningTest, ErasesAlsoOpinionsThatWaitForTheirOutcome) {
  tell("t1", "ann", contracts::Opinion::ThumbsDown);
  EXPECT_EQ(learner_->forget_turns({"t1"}).value().outcomes, 0);
  take({outcome("t1")});
  EXPECT_EQ(exported(), std::vector<std::string>{"t1"}) << "nobody has disliked it";
}

}  // namespace
}  // namespace tuning
