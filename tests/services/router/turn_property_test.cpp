#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/ids.h"
#include "services/router/play.h"

namespace router::testing {
namespace {

// Plays a turn as an executor would, with every reply, fault, delay and interruption drawn.
class Storm {
 public:
  explicit Storm(std::uint64_t seed) : random_(seed), play_(begun()) {}

  void run() {
    feed(event::Begin{});
    while (play_.state.phase != Phase::Over) {
      ASSERT_FALSE(outstanding_.empty()) << "the turn waits for nothing";
      ASSERT_LT(++steps_, 500);
      if (random_.below(12) == 0) {
        feed(noise());
      } else {
        const auto at = static_cast<std::ptrdiff_t>(random_.below(outstanding_.size()));
        const Action action = outstanding_[static_cast<std::size_t>(at)];
        outstanding_.erase(outstanding_.begin() + at);
        feed(answer(action));
      }
    }
    for (int i = 0; i < 20; ++i) feed(noise());
    check();
  }

 private:
  TurnState begun() {
    TurnOptions options;
    options.attempts_max = 1 + static_cast<int>(random_.below(10));
    contracts::OrchestrateRequest request = a_message();
    if (random_.below(2) == 0) request.character = "stewie";
    const std::string id = "turn_" + std::to_string(random_.below(1000));
    if (random_.below(3) != 0) return direct_turn(id, request, 0, options);
    contracts::FollowUp plan;
    plan.character = "stewie";
    plan.history = {bot("brian", "Well.")};
    return organic_turn(id, "griffin-house", plan, 0, options);
  }

  bool one_in(std::uint64_t n) { return random_.below(n) == 0; }
  Error drawn_fault() { return {one_in(2) ? Code::Unavailable : Code::DeadlineExceeded, "drawn"}; }

  contracts::Prompt prompt() {
    contracts::Prompt drawn = a_prompt();
    if (one_in(10)) drawn.dodges.clear();
    return drawn;
  }
  contracts::ChatReply draft() {
    const std::string text = "draft " + std::to_string(++drafts_);
    drafted_.insert(text);
    return a_draft(text);
  }
  contracts::Assessment verdict() {
    if (one_in(6)) return passed(80);
    return rejected(random_.uniform() * 60, {finding("hint " + std::to_string(random_.below(9)),
                                                     one_in(5) ? contracts::Severity::Critical
                                                               : contracts::Severity::Minor)});
  }

  Event answer(const Action& action) {
    const bool broken = one_in(8);
    if (std::holds_alternative<action::Wait>(action)) return event::Waited{};
    if (std::holds_alternative<action::Observe>(action)) {
      if (broken) return event::Observed{drawn_fault()};
      return event::Observed{one_in(5) ? seen({}) : seen({"stewie"})};
    }
    if (std::holds_alternative<action::FetchPrompt>(action)) {
      if (broken) return event::Prompted{drawn_fault()};
      return prompted(prompt());
    }
    if (std::holds_alternative<action::Retrieve>(action)) {
      if (broken) return event::Retrieved{drawn_fault()};
      return event::Retrieved{some_knowledge()};
    }
    if (std::holds_alternative<action::Draft>(action)) {
      if (broken) return event::Drafted{drawn_fault()};
      return event::Drafted{draft()};
    }
    if (std::holds_alternative<action::Assess>(action)) {
      if (broken) return event::Assessed{drawn_fault()};
      return event::Assessed{verdict()};
    }
    if (broken) return event::Recorded{drawn_fault()};
    return event::Recorded{seen({})};
  }

  // What may come at any time: the deadline, a person, answers nobody waits for any more.
  Event noise() {
    switch (random_.below(6)) {
      case 1:
        return event::Interrupted{"drawn"};
      case 2:
        return foreign(Phase::Drafting, event::Drafted{a_draft("foreign")});
      case 3:
        return foreign(Phase::Assessing, event::Assessed{passed(99)});
      case 4:
        return foreign(Phase::Recording, event::Recorded{seen({})});
      case 5:
        return foreign(Phase::Waiting, event::Waited{});
      default:
        return event::DeadlineReached{};
    }
  }
  // An executor never answers what was not asked, so a foreign event is sent in other phases only.
  Event foreign(Phase taken, Event event) {
    return play_.state.phase == taken ? Event(event::DeadlineReached{}) : event;
  }

  void feed(const Event& event) {
    const bool was_over = play_.state.phase == Phase::Over;
    play_.feed(event, random_.uniform() * (one_in(10) ? 8000 : 300));
    EXPECT_TRUE(!was_over || play_.silent());
    for (const Action& action : play_.actions) {
      if (std::holds_alternative<action::Finish>(action)) {
        ++finishes_;
        continue;
      }
      asked_ += std::holds_alternative<action::Draft>(action) ? 1 : 0;
      outstanding_.push_back(action);
    }
  }

  void check() const {
    const contracts::TurnRecord& record = play_.state.record;
    EXPECT_EQ(finishes_, 1);
    EXPECT_LE(asked_, play_.state.options.attempts_max);
    EXPECT_EQ(record.attempts.size(), static_cast<std::size_t>(asked_));
    EXPECT_NE(record.status, contracts::TurnStatus::Open);
    EXPECT_FALSE(record.reason.empty());
    const bool said = record.status == contracts::TurnStatus::Said;
    EXPECT_EQ(said, !record.text.empty());
    EXPECT_EQ(record.passed, record.reason == "passed");
    if (!said) return;
    const auto dodges = a_prompt().dodges;
    const bool dodged = std::find(dodges.begin(), dodges.end(), record.text) != dodges.end();
    // A card without dodges leaves plain ones.
    EXPECT_TRUE(!dodged || record.reason == "dodge");
    EXPECT_EQ(record.model == "card", record.reason == "dodge");
    EXPECT_EQ(drafted_.contains(record.text), record.reason != "dodge") << record.text;
    EXPECT_TRUE(record.degraded || record.reason == "passed");
    EXPECT_TRUE(reply_of(play_.state).ok());
  }

  Random random_;
  Play play_;
  std::vector<Action> outstanding_;
  std::set<std::string> drafted_;
  int steps_ = 0;
  int drafts_ = 0;
  int asked_ = 0;
  int finishes_ = 0;
};

TEST(TurnProperty, EveryStormEndsOnceInSilenceADraftOrADodge) {
  for (std::uint64_t seed = 0; seed < 5000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Storm(seed).run();
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace router::testing
