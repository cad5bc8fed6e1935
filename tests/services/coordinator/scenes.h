#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "contracts/characters.h"
#include "contracts/coordinator.h"
#include "coordinator/cast.h"
#include "coordinator/conversations.h"
#include "coordinator/stage.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace coordinator {

// A stage over a file of its own, on which people's lines are said and the characters that are
// chosen say what a script gives them, as the router would have it.
class Theatre {
 public:
  using Says = std::function<std::string(const std::string& character)>;

  explicit Theatre(std::vector<contracts::Character> characters) {
    cast_.replace(std::move(characters));
    restart();
  }

  void restart() {
    stage_.reset();
    conversations_.reset();
    conversations_ =
        Conversations::open(
            {.path = folder_.file("conversations.db"), .weights = {}, .cache_bytes = 1024 * 1024},
            clock_)
            .value();
    stage_ = std::make_unique<Stage>(Stage::Options{}, cast_, *conversations_);
  }

  void pass(std::int64_t ms) { clock_.advance(ms); }

  Stage& stage() { return *stage_; }
  Conversations& conversations() { return *conversations_; }

  contracts::ObserveReply say(const std::string& channel, contracts::Line line) {
    clock_.advance(1000);
    contracts::ObserveRequest request;
    request.channel = channel;
    request.message_id = "m" + std::to_string(next_++);
    request.line = std::move(line);
    std::promise<contracts::ObserveReply> told;
    stage_->observe(std::move(request), [&](Result<contracts::ObserveReply> seen) {
      told.set_value(std::move(seen).value());
    });
    return told.get_future().get();
  }

  // A person's line and all that follows it. Returns how many lines the characters said; at
  // `lines_max` it gives up waiting for an end.
  int play(const std::string& channel, contracts::Line line, const Says& says, int lines_max = 50) {
    const auto selection = say(channel, std::move(line)).selection;
    int said = 0;
    std::string speaker = selection.nobody ? std::string() : selection.speakers.front();
    while (!speaker.empty() && said < lines_max) {
      say(channel, {speaker, says(speaker), contracts::Kind::Bot, std::nullopt});
      ++said;
      const auto next = stage_->follow_up({.channel = channel}).value();
      clock_.advance(next.delay_ms);
      speaker = next.character.value_or("");
    }
    return said;
  }

 private:
  support::TempDir folder_;
  support::FakeClock clock_;
  Cast cast_;
  std::unique_ptr<Conversations> conversations_;
  std::unique_ptr<Stage> stage_;
  int next_ = 0;
};

// What follows the lines of people in seeded scenes.
struct Liveness {
  int scenes = 0;
  int people_lines = 0;
  int bot_lines = 0;
  int bot_lines_most = 0;  // after one line
  int questions = 0;       // by people, to all or to nobody by name
  int unanswered = 0;      // of these questions
  int talks = 0;           // people's lines that more than one bot line followed
};

// Scenes of five lines by one person or two, half of them about nobody's topics; the characters say
// lines of their own cards.
Liveness live(const std::vector<contracts::Character>& cast, int scenes);

}  // namespace coordinator
