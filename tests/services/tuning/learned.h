#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/fake_clock.h"
#include "support/temp_dir.h"
#include "tuning/learner.h"

namespace tuning {

// A turn of Peter's that passed at once; tests change what they are about.
inline contracts::Outcome outcome(std::string turn_id, std::optional<std::string> variant = "plain",
                                  bool passed = true) {
  contracts::Outcome made;
  made.turn_id = std::move(turn_id);
  made.channel = "c";
  made.character = "peter";
  made.variant = std::move(variant);
  made.message = "A beer?";
  made.line = "Always.";
  made.passed = passed;
  made.score = passed ? 80 : 40;
  made.ms = 100;
  made.attempts.emplace_back();
  made.attempts[0].passed = passed;
  if (!passed) made.attempts[0].codes = {contracts::FindingCode::Repetition};
  return made;
}

// A learner over a file of its own, with the shipped settings but two variants, and hands to tell
// it of turns.
class LearningTest : public ::testing::Test {
 protected:
  LearningTest() {
    config_.variants.resize(2);
    open();
  }

  void open() {
    learner_.reset();
    auto options = Learner::options_of(config_, folder_.file(file_));
    ASSERT_TRUE(options.ok()) << options.error().message;
    options.value().rotation.step = step_;
    auto opened = Learner::open(std::move(options).value(), clock_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    learner_ = std::move(opened).value();
  }

  contracts::OutcomesReply take(std::vector<contracts::Outcome> outcomes) {
    auto reply = learner_->take(outcomes);
    EXPECT_TRUE(reply.ok());
    return reply.ok() ? reply.value() : contracts::OutcomesReply{};
  }

  // `count` turns with fresh ids; the first `passed` of them pass.
  void play(const std::string& variant, int count, int passed) {
    std::vector<contracts::Outcome> outcomes;
    for (int i = 0; i < count; ++i) {
      outcomes.push_back(outcome("t" + std::to_string(++turns_), variant, i < passed));
    }
    EXPECT_EQ(take(outcomes).accepted, count);
  }

  contracts::FeedbackReply tell(const std::string& turn_id, const std::string& author,
                                contracts::Opinion kind) {
    auto reply = learner_->feedback({turn_id, author, kind});
    EXPECT_TRUE(reply.ok());
    return reply.ok() ? reply.value() : contracts::FeedbackReply{};
  }

  contracts::CharacterReport report(contracts::ReportRequest request = {}) {
    auto reply = learner_->report(request);
    EXPECT_TRUE(reply.ok());
    if (!reply.ok() || reply.value().characters.empty()) return {};
    return reply.value().characters[0];
  }

  std::vector<std::string> exported(const contracts::ExportRequest& request = {}) {
    std::vector<std::string> ids;
    const auto done = learner_->each_chosen(request, [&](const auto& rows) {
      for (const auto& row : rows) ids.push_back(row.turn.turn_id);
      return true;
    });
    EXPECT_TRUE(done.ok());
    return ids;
  }

  double weight(std::size_t variant) { return learner_->hints("peter").variants[variant].weight; }

  support::TempDir folder_;
  support::FakeClock clock_;
  std::string file_ = "outcomes.db";
  Config config_;
  double step_ = RotationOptions{}.step;
  std::unique_ptr<Learner> learner_;
  int turns_ = 0;
};

}  // namespace tuning
