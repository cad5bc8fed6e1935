// Whole conversations among the three characters and a person: is it a talk worth listening to?
// Each seed is a channel, each turn a line of the person, put through POST /orchestrate; the router
// plays what the characters say to each other, and the next line waits until they fall silent.
//
//   bench/talk [--seeds N] [--turns N] [--show]
//
// Prints one JSON object: how many lines of a channel equal an earlier one of it (but for case and
// marks), the share of turns passed within 3 attempts, the share degraded, the share of lines whose
// best POST /voice score is the speaker's, and the characters' lines for one of the person's.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/ids.h"
#include "door.h"
#include "lexical/analyser.h"
#include "stack.h"

namespace {

constexpr std::chrono::milliseconds kPoll{15};
constexpr int kPollsMax = 400;
// Polls without news after which nobody has anything to add: several times the longest delay.
constexpr int kQuietPolls = 8;

// What the person says, by kind, so that every seed has some of each.
constexpr std::array<std::array<std::string_view, 8>, 7> kLines{{
    {"Hi everybody, how is your evening?", "Good morning, you three!", "Hello Peter!",
     "Hey Brian, how are you?", "Stewie, nice to see you.", "Good night, all of you!",
     "Thanks, you are good company!", "Hey, what's up?"},
    {"Peter, what is your favourite beer?", "Brian, which book are you reading?",
     "Stewie, what are you inventing?", "Peter, where do you work?", "Brian, what do you drink?",
     "Stewie, where is your time machine?", "Peter, how old are you?", "Brian, what scares you?"},
    {"What should I watch on television tonight?", "Who of you is the smartest?",
     "What does everybody eat on Fridays?", "Which of you would win a race?",
     "Where would you all go on vacation?", "Do any of you believe in ghosts?",
     "What was the best day of your lives?", "How do you like the weather?"},
    {"I had a terrible day at work.", "My car broke down again.", "I am thinking of a dog.",
     "It has been raining all day here.", "I think I am falling in love.",
     "I want to learn to cook something.", "My neighbour plays the trumpet at night.",
     "We are moving to a new flat in May."},
    {"Brian, what do you think of Peter?", "Stewie, what do you think of Brian?",
     "Peter, tell me about Lois.", "Peter, do you get along with Stewie?",
     "Brian, is Stewie really a genius?", "Stewie, is Peter a good father?",
     "Brian, who is your best friend?", "Peter, what about Brian?"},
    {"Peter, how do you stay so handsome?", "Brian, what is art?",
     "Stewie, is the world yours yet?", "Brian, why do you write?",
     "Peter, what would you do with a million?", "Stewie, what is the meaning of life?",
     "Brian, are you a good dog?", "Peter, what makes you happy?"},
    {"haha that is so funny", "lol", "No way!", "Really?", "I like this place.", "hmm okay",
     "You are all crazy.", "Tell me more."},
}};

struct Turn {
  std::string character;
  std::string text;
  bool passed = false;
  bool degraded = false;
  int attempts = 0;
};

struct Totals {
  int humans = 0, lines = 0, equal = 0, passed = 0, degraded = 0, voiced = 0, silent = 0;
};

std::string bare(std::string_view text) {
  std::string all;
  for (const std::string& word : lexical::tokens(text)) all += word + ' ';
  return all;
}

class Stage {
 public:
  Stage(const bench::Stack& stack, bool show) : stack_(stack), show_(show) {}

  void play(int seed, int turns) {
    const std::string channel = fmt::format("talk-{}", seed);
    Random random(static_cast<std::uint64_t>(seed) + 1);
    for (int turn = 0; turn < turns; ++turn) {
      const auto& kind = kLines[static_cast<std::size_t>(random.below(kLines.size()))];
      say(channel, kind[static_cast<std::size_t>(random.below(kind.size()))]);
    }
    judge(turns_of(channel));
    totals_.humans += turns;
  }

  const Totals& totals() const { return totals_; }

 private:
  void say(const std::string& channel, std::string_view message) {
    const auto reply = door_.post(stack_.url("router") + "/orchestrate",
                                  fmt::format(R"({{"channel":{},"author":"visitor","message":{}}})",
                                              json::quoted(channel), json::quoted(message)));
    if (!reply || reply.value().root().text_or("text", "").empty()) {
      ++totals_.silent;
      if (show_) fmt::print("silence: {}\n", message);
    }
    wait_for_silence(channel);
  }

  // Until the newest turns stay the same and none is open.
  void wait_for_silence(const std::string& channel) {
    std::string seen;
    int quiet = 0;
    for (int poll = 0; poll < kPollsMax && quiet < kQuietPolls; ++poll) {
      const auto turns = door_.get(stack_.url("router") + "/turns?limit=1&channel=" + channel);
      if (!turns) return;
      const auto list = turns.value().root().find("turns");
      const bool any = list && list->size() > 0;
      const std::string newest(any ? list->at(0).text_or("turn_id", "") : "");
      const bool open = any && list->at(0).text_or("status", "") == "open";
      quiet = !open && newest == seen ? quiet + 1 : 0;
      seen = newest;
      std::this_thread::sleep_for(kPoll);
    }
  }

  // The said turns of a channel, oldest first.
  std::vector<Turn> turns_of(const std::string& channel) {
    std::vector<Turn> turns;
    const auto reply = door_.get(stack_.url("router") + "/turns?limit=200&channel=" + channel);
    const auto list = reply ? reply.value().root().find("turns") : std::nullopt;
    for (std::size_t i = list ? list->size() : 0; i > 0; --i) {
      const json::Value turn = list->at(i - 1);
      if (turn.text_or("status", "") != "said") continue;
      const auto attempts = turn.find("attempts");
      turns.push_back({std::string(turn.text_or("character", "")),
                       std::string(turn.text_or("text", "")), turn.find("passed")->boolean(),
                       turn.find("degraded")->boolean(),
                       static_cast<int>(attempts ? attempts->size() : 0)});
    }
    return turns;
  }

  void judge(const std::vector<Turn>& turns) {
    std::set<std::string> said;
    for (const Turn& turn : turns) {
      const bool equal = !said.insert(bare(turn.text)).second;
      const bool passed = turn.passed && turn.attempts <= 3;
      const std::string voice = voice_of(turn.text);
      ++totals_.lines;
      totals_.equal += equal ? 1 : 0;
      totals_.passed += passed ? 1 : 0;
      totals_.degraded += turn.degraded ? 1 : 0;
      totals_.voiced += voice == turn.character ? 1 : 0;
      if (show_ && (equal || !passed || turn.degraded || voice != turn.character)) {
        fmt::print("{}{}{}{} as {}: {}\n", equal ? "equal " : "", passed ? "" : "not passed ",
                   turn.degraded ? "degraded " : "", turn.character, voice, turn.text);
      }
    }
  }

  std::string voice_of(const std::string& line) {
    const auto reply = door_.post(stack_.url("quality") + "/voice",
                                  fmt::format(R"({{"line":{}}})", json::quoted(line)));
    const auto scores = reply ? reply.value().root().find("scores") : std::nullopt;
    std::string best;
    double most = -1;
    if (!scores) return best;
    scores->each_member([&](std::string_view character, json::Value score) {
      if (score.number() <= most) return;
      most = score.number();
      best = character;
    });
    return best;
  }

  const bench::Stack& stack_;
  const bool show_;
  bench::Door door_;
  Totals totals_;
};

double share(int part, int of) { return of == 0 ? 0 : static_cast<double>(part) / of; }

int run(int seeds, int turns, bool show) {
  const auto stack = bench::Stack::start(bench::config_with(
      {{"coordinator", R"("delays_scale":0.001)"}, {"router", R"("follow_up_after_ms":5)"}}));
  if (!stack) {
    fmt::print(stderr, "bench/talk: {}\n", stack.error().message);
    return 1;
  }
  Stage stage(stack.value(), show);
  for (int seed = 0; seed < seeds; ++seed) stage.play(seed, turns);
  const Totals& all = stage.totals();
  fmt::print(
      "{{\"seeds\":{},\"turns\":{},\"lines\":{},\"equal_lines\":{},\"passed_within_3\":{:.3f},"
      "\"degraded_share\":{:.4f},\"in_voice_share\":{:.3f},\"lines_per_human_line\":{:.2f},"
      "\"unanswered\":{}}}\n",
      seeds, turns, all.lines, all.equal, share(all.passed, all.lines),
      share(all.degraded, all.lines), share(all.voiced, all.lines), share(all.lines, all.humans),
      all.silent);
  return all.lines > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  int seeds = 20;
  int turns = 30;
  bool show = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--show") == 0) {
      show = true;
    } else if (i + 1 < argc && std::strcmp(argv[i], "--seeds") == 0) {
      seeds = std::atoi(argv[++i]);
    } else if (i + 1 < argc && std::strcmp(argv[i], "--turns") == 0) {
      turns = std::atoi(argv[++i]);
    } else {
      fmt::print(stderr, "usage: talk [--seeds N] [--turns N] [--show]\n");
      return 2;
    }
  }
  return run(std::max(1, seeds), std::max(1, turns), show);
}
