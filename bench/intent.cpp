// How well the kind of a prompt is told without a model, and what it costs.
//
//   bench/intent [--data FILE] [--rounds N] [--show] [--features]
//
// Each line of FILE (default bench/data/intents_heldout.jsonl, which was never tuned on) is a
// prompt with its label. Prints one JSON object: F1 of each intent and their mean, the same of a
// baseline that sees the length only (borders fitted to this very file, so it is flattered), and
// the time of a call. --show lists the errors first: for tuning data only. --features prints what
// the classifier sees of each prompt, for bench/fit_intent.py.

#include "llm/intent.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "json/codec.h"

namespace {

using llm::kIntents;
using llm::PromptIntent;

struct Labelled {
  static constexpr std::string_view kName = "labelled_prompt";
  std::string id;
  std::string text;
  PromptIntent intent = PromptIntent::Chat;

  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("text", self.text);
    visit("intent", self.intent);
  }
};

Result<std::vector<Labelled>> read_lines(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Error{Code::NotFound, fmt::format("{}: cannot be read", path)};
  std::vector<Labelled> all;
  for (std::string text; std::getline(file, text);) {
    all.push_back(TRY(json::decode<Labelled>(std::string_view(text))));
  }
  if (all.empty()) return Error{Code::InvalidArgument, fmt::format("{}: has no lines", path)};
  return all;
}

void print_features(const std::vector<Labelled>& lines) {
  for (const Labelled& line : lines) {
    const auto features = llm::intent_features(line.text);
    fmt::print(R"({{"intent":"{}","bucket_count":{},"buckets":[{}],"shape":[{}]}})"
               "\n",
               enum_name(line.intent), features.seen.size(), fmt::join(features.buckets, ","),
               fmt::join(features.shape, ","));
  }
}

using Guesses = std::vector<std::pair<PromptIntent, PromptIntent>>;  // label, guess

std::array<double, kIntents> f1_of(const Guesses& guesses) {
  std::array<double, kIntents> scores{};
  for (std::size_t i = 0; i < kIntents; ++i) {
    int hits = 0;
    int both = 0;
    for (const auto& [label, guess] : guesses) {
      const bool labelled = label == static_cast<PromptIntent>(i);
      const bool guessed = guess == static_cast<PromptIntent>(i);
      hits += labelled && guessed;
      both += labelled + guessed;
    }
    scores[i] = both == 0 ? 0 : 2.0 * hits / both;
  }
  return scores;
}

double mean(const std::array<double, kIntents>& scores) {
  double sum = 0;
  for (const double score : scores) sum += score;
  return sum / kIntents;
}

// The best macro F1 of any rule "up to a bytes quick, up to b chat, up to c code, else quality", in
// any order of the four intents.
double by_length(const std::vector<Labelled>& lines) {
  constexpr std::array<std::size_t, 14> kBorders{20,  30,  40,  50,  60,  75,  90,
                                                 110, 130, 160, 200, 250, 320, 450};
  std::array<PromptIntent, kIntents> order{PromptIntent::Quick, PromptIntent::Chat,
                                           PromptIntent::Quality, PromptIntent::Code};
  double best = 0;
  do {
    for (std::size_t a = 0; a < kBorders.size(); ++a) {
      for (std::size_t b = a; b < kBorders.size(); ++b) {
        for (std::size_t c = b; c < kBorders.size(); ++c) {
          Guesses guesses;
          for (const Labelled& line : lines) {
            const std::size_t bytes = line.text.size();
            const std::size_t at = static_cast<std::size_t>(bytes > kBorders[a]) +
                                   (bytes > kBorders[b] ? 1 : 0) + (bytes > kBorders[c] ? 1 : 0);
            guesses.emplace_back(line.intent, order[at]);
          }
          best = std::max(best, mean(f1_of(guesses)));
        }
      }
    }
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

struct Times {
  double p50_us = 0;
  double p99_us = 0;
  double largest_text_us = 0;  // p50 of a text of 8 KB, of which 5 are read
};

template <class Call>
std::vector<double> timed(int rounds, std::size_t count, Call call) {
  std::vector<double> all;
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto from = std::chrono::steady_clock::now();
      call(i);
      const auto took = std::chrono::steady_clock::now() - from;
      all.push_back(std::chrono::duration<double, std::micro>(took).count());
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

Times times_of(const std::vector<Labelled>& lines, int rounds) {
  double sum = 0;  // keeps the calls alive
  const auto each = timed(rounds, lines.size(),
                          [&](std::size_t i) { sum += llm::intent_of(lines[i].text).confidence; });
  std::string large;
  for (std::size_t i = 0; large.size() < 8192; ++i) large += lines[i % lines.size()].text + ' ';
  const auto most =
      timed(rounds, 20, [&](std::size_t) { sum += llm::intent_of(large).confidence; });
  if (sum < 0) fmt::print(stderr, "impossible\n");
  return {each[each.size() / 2], each[each.size() * 99 / 100], most[most.size() / 2]};
}

int run(const std::string& path, int rounds, bool show, bool features) {
  const auto lines = read_lines(path);
  if (!lines) {
    fmt::print(stderr, "{}\n", lines.error().message);
    return 2;
  }
  if (features) {
    print_features(lines.value());
    return 0;
  }
  Guesses guesses;
  for (const Labelled& line : lines.value()) {
    const auto guess = llm::intent_of(line.text);
    guesses.emplace_back(line.intent, guess.intent);
    if (show && guess.intent != line.intent) {
      fmt::print("{} is {}, not {} ({:.2f}): {}\n", line.id, enum_name(line.intent),
                 enum_name(guess.intent), guess.confidence, line.text.substr(0, 120));
    }
  }
  const auto scores = f1_of(guesses);
  const Times times = times_of(lines.value(), rounds);
  fmt::print(R"({{"prompts":{},"f1":{{"quick":{:.3f},"chat":{:.3f},"quality":{:.3f},"code":{:.3f},)"
             R"("macro":{:.3f}}},"macro_by_length":{:.3f},"us":{{"p50":{:.1f},"p99":{:.1f},)"
             R"("of_8_kb":{:.1f}}}}})"
             "\n",
             guesses.size(), scores[0], scores[1], scores[2], scores[3], mean(scores),
             by_length(lines.value()), times.p50_us, times.p99_us, times.largest_text_us);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string data = "bench/data/intents_heldout.jsonl";
  int rounds = 50;
  bool show = false;
  bool features = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--show") {
      show = true;
    } else if (flag == "--features") {
      features = true;
    } else if (flag == "--data" && i + 1 < argc) {
      data = argv[++i];
    } else if (flag == "--rounds" && i + 1 < argc) {
      rounds = std::max(1, std::atoi(argv[++i]));
    } else {
      fmt::print(stderr, "usage: intent [--data FILE] [--rounds N] [--show] [--features]\n");
      return 2;
    }
  }
  return run(data, rounds, show, features);
}
