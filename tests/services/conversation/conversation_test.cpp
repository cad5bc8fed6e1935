// Three bots and a person talk for ten minutes of virtual time: the coordinator's stage and the
// router's turns in one process, on a clock that is turned from one thing to the next.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <future>
#include <map>
#include <memory>

#include "base/ids.h"
#include "base/utf8.h"
#include "coordinator/stage.h"
#include "router/turn.h"
#include "services/coordinator/cast_of_three.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace {

using contracts::Kind;
namespace action = router::action;
namespace event = router::event;

constexpr std::int64_t kDraftMs = 800;
const char* const kChannel = "c";

struct Said {
  std::int64_t at_ms;  // since the beginning
  std::string author;
  Kind kind;
};

// Plays turns as the router's executor does, a bot posting each line at once.
class Conversation {
 public:
  explicit Conversation(std::vector<std::string> participants)
      : participants_(std::move(participants)) {
    cast_.replace(coordinator::cast_of_three());
    conversations_ = coordinator::Conversations::open(
                         {.path = folder_.file("conversations.db"), .weights = {}}, clock_)
                         .value();
    stage_ =
        std::make_unique<coordinator::Stage>(coordinator::Stage::Options{}, cast_, *conversations_);
  }

  void person_says(std::int64_t at_ms, const std::string& text) {
    at(at_ms, [this, text] {
      ++epoch_;
      said.push_back({now_ms_, "ann", Kind::Human});
      for (auto& [id, turn] : organic_) {
        interrupted += turn->phase != router::Phase::Over;
        feed(turn, event::Interrupted{"interrupted_by_person"});
      }
      organic_.clear();
      contracts::OrchestrateRequest request;
      request.channel = kChannel;
      request.author = "ann";
      request.message = text;
      request.message_id = "m" + std::to_string(said.size());
      request.participants = participants_;
      request.delivery = contracts::Delivery::Bots;
      begin(router::direct_turn(next_id(), request, clock_.wall_ms(), {}));
    });
  }

  // Until nothing is to come, at most to this time.
  void run(std::int64_t until_ms) {
    while (!agenda_.empty() && agenda_.begin()->first <= until_ms) {
      const auto next = agenda_.begin();
      clock_.advance(next->first - now_ms_);
      now_ms_ = next->first;
      const auto task = std::move(next->second);
      agenda_.erase(next);
      task();
    }
    clock_.advance(until_ms - now_ms_);
    now_ms_ = until_ms;
  }

  std::vector<Said> said;
  std::vector<std::int64_t> delays;  // that the stage has asked for
  int interrupted = 0;               // turns that were under way
  int dropped = 0;                   // turns that had not begun

  double energy() { return stage_->history({kChannel}).value().energy; }
  bool idle() const { return agenda_.empty(); }

 private:
  using Turn = std::shared_ptr<router::TurnState>;

  void at(std::int64_t at_ms, std::function<void()> task) {
    agenda_.emplace(at_ms, std::move(task));
  }
  std::string next_id() { return "turn_" + std::to_string(++turns_); }

  void begin(router::TurnState state) {
    auto turn = std::make_shared<router::TurnState>(std::move(state));
    began_ms_[turn->record.turn_id] = now_ms_;
    if (turn->record.kind == contracts::TurnKind::Organic) organic_[turn->record.turn_id] = turn;
    feed(turn, event::Begin{});
  }

  void feed(const Turn& turn, router::Event happened) {
    const auto passed = static_cast<double>(now_ms_ - began_ms_[turn->record.turn_id]);
    router::Step next = router::step(std::move(*turn), std::move(happened), passed);
    *turn = std::move(next.state);
    for (const router::Action& wanted : next.actions) perform(turn, wanted);
  }

  void perform(const Turn& turn, const router::Action& wanted) {
    if (const auto* observe = std::get_if<action::Observe>(&wanted)) {
      feed(turn, event::Observed{told(observe->request)});
    } else if (const auto* prompt = std::get_if<action::FetchPrompt>(&wanted)) {
      contracts::Prompt card;
      card.character = card.name = prompt->request.character;
      card.system = "You are " + card.name + ".";
      feed(turn, event::Prompted{std::make_shared<const contracts::Prompt>(card), nullptr});
    } else if (const auto* retrieve = std::get_if<action::Retrieve>(&wanted)) {
      feed(turn, event::Retrieved{contracts::QueryReply{}, retrieve->character});
    } else if (std::holds_alternative<action::Draft>(wanted)) {
      at(now_ms_ + kDraftMs, [this, turn] {
        contracts::ChatReply draft;
        draft.text = line_of(turn->record.character);
        feed(turn, event::Drafted{draft});
      });
    } else if (std::holds_alternative<action::Assess>(wanted)) {
      contracts::Assessment verdict;
      verdict.passed = true;
      verdict.score = 80;
      feed(turn, event::Assessed{verdict});
    } else if (const auto* line = std::get_if<action::RecordLine>(&wanted)) {
      feed(turn, event::Recorded{told(line->request)});
    } else if (std::holds_alternative<action::Finish>(wanted)) {
      over(turn);
    }
  }

  // A model that calls the others for ever.
  std::string line_of(const std::string& character) {
    const auto& cast = coordinator::cast_of_three();
    std::string other;
    do other = cast[random_.below(cast.size())].name;
    while (ascii_lower(other).starts_with(character));
    return other + ", what do you think of number " + std::to_string(++lines_) + "?";
  }

  contracts::ObserveReply told(const contracts::ObserveRequest& request) {
    std::promise<contracts::ObserveReply> seen;
    stage_->observe(request, [&](auto reply) { seen.set_value(std::move(reply).value()); });
    return seen.get_future().get();
  }

  // The line is posted, and the bot that has done so asks who goes on.
  void over(const Turn& turn) {
    if (turn->record.status != contracts::TurnStatus::Said) return;
    said.push_back({now_ms_, turn->record.character, Kind::Bot});
    const contracts::FollowUpRequest request{kChannel, router::line_id(turn->record),
                                             participants_};
    const contracts::FollowUp next = stage_->follow_up(request).value();
    if (!next.character) return;
    delays.push_back(next.delay_ms);
    at(now_ms_ + std::max(std::int64_t{0}, next.delay_ms - kDraftMs), [this, next, epoch = epoch_] {
      if (epoch != epoch_) {
        ++dropped;
        return;
      }
      begin(router::organic_turn(next_id(), kChannel, next, clock_.wall_ms(), {}));
    });
  }

  const std::vector<std::string> participants_;
  support::TempDir folder_;
  support::FakeClock clock_;
  coordinator::Cast cast_;
  std::unique_ptr<coordinator::Conversations> conversations_;
  std::unique_ptr<coordinator::Stage> stage_;
  std::multimap<std::int64_t, std::function<void()>> agenda_;
  std::map<std::string, std::int64_t> began_ms_;
  std::map<std::string, Turn> organic_;
  Random random_{7};
  std::int64_t now_ms_ = 0;
  int epoch_ = 0;
  int turns_ = 0;
  int lines_ = 0;
};

constexpr std::int64_t kTenMinutesMs = 600'000;

// A line each half minute, and now and then one into the bots' talk.
void talk_for_ten_minutes(Conversation& talk) {
  const char* const lines[] = {"Hi everybody, how is your evening?", "Peter, a beer?",
                               "Brian, how is the novel?", "Stewie, what is your plan?"};
  for (std::int64_t at_ms = 0; at_ms < kTenMinutesMs - 60'000; at_ms += 30'000) {
    const auto number = static_cast<std::size_t>(at_ms / 30'000);
    talk.person_says(at_ms, lines[number % 4]);
    if (number % 5 == 3) talk.person_says(at_ms + 3'000 + 777 * at_ms / 30'000, "And why, Peter?");
  }
  talk.run(kTenMinutesMs);
}

int lines_by(const Conversation& talk, const std::string& author) {
  return static_cast<int>(std::count_if(talk.said.begin(), talk.said.end(),
                                        [&](const Said& line) { return line.author == author; }));
}

TEST(Conversation, OfThreeBotsAndAPersonLastsTenMinutesAndIsBounded) {
  Conversation talk({"peter", "brian", "stewie"});
  talk_for_ten_minutes(talk);
  EXPECT_TRUE(talk.idle()) << "nobody talks on without the person";
  int bot_lines = 0;
  for (const Said& line : talk.said) {
    bot_lines = line.kind == Kind::Human ? 0 : bot_lines + 1;
    EXPECT_LE(bot_lines, 5) << "one answer, and what the energy of 4 pays for";
  }
  for (const char* const id : {"peter", "brian", "stewie"}) EXPECT_GT(lines_by(talk, id), 3) << id;
  EXPECT_GT(talk.said.size(), 40U);
  EXPECT_LT(talk.energy(), 1);
}

TEST(Conversation, NobodySpeaksIntoAnothersTimeOrTwiceInARow) {
  Conversation talk({"peter", "brian", "stewie"});
  talk_for_ten_minutes(talk);
  for (std::size_t i = 1; i < talk.said.size(); ++i) {
    if (talk.said[i].kind == Kind::Human) continue;
    EXPECT_NE(talk.said[i].author, talk.said[i - 1].author) << "line " << i;
    EXPECT_GE(talk.said[i].at_ms - talk.said[i - 1].at_ms, kDraftMs) << "line " << i;
  }
}

TEST(Conversation, BotsTakeTheTimeThatPeopleWouldTake) {
  Conversation talk({"peter", "brian", "stewie"});
  talk_for_ten_minutes(talk);
  ASSERT_GT(talk.delays.size(), 10U);
  for (const std::int64_t delay : talk.delays) {
    EXPECT_GE(delay, 1500);
    EXPECT_LE(delay, 8000);
  }
  for (std::size_t i = 2; i < talk.said.size(); ++i) {
    if (talk.said[i].kind == Kind::Human || talk.said[i - 1].kind == Kind::Human) continue;
    EXPECT_GE(talk.said[i].at_ms - talk.said[i - 1].at_ms, 1500) << "line " << i;
  }
}

TEST(Conversation, APersonCutsOffWhatTheBotsWereAboutToSay) {
  int interrupted = 0;
  int dropped = 0;
  for (std::int64_t later_ms = 0; later_ms < 8'000; later_ms += 100) {
    Conversation talk({"peter", "brian", "stewie"});
    talk.person_says(0, "Hi everybody, how is your evening?");
    talk.person_says(1'000 + later_ms, "Peter, a beer?");
    talk.run(60'000);
    interrupted += talk.interrupted;
    dropped += talk.dropped;
    const auto second = std::find_if(talk.said.begin() + 1, talk.said.end(),
                                     [](const Said& line) { return line.kind == Kind::Human; });
    ASSERT_NE(second + 1, talk.said.end());
    EXPECT_EQ((second + 1)->author, "peter") << "the answer comes first, " << later_ms;
  }
  EXPECT_GT(interrupted, 0) << "some were drafting";
  EXPECT_GT(dropped, 0) << "some waited";
}

TEST(Conversation, NothingIsSaidByWhoIsNotThere) {
  Conversation talk({"brian", "stewie"});
  talk_for_ten_minutes(talk);
  EXPECT_EQ(lines_by(talk, "peter"), 0);
  EXPECT_GT(lines_by(talk, "brian"), 3);
  EXPECT_GT(lines_by(talk, "stewie"), 3);
}

}  // namespace
