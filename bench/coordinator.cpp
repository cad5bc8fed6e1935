// Who speaks next: how often the coordinator chooses as people labelled, and how lively its stage
// is.
//
//   bench/coordinator [--data FILE] [--show] [--scenes N]
//
// FILE (default bench/data/situations_tuning.jsonl) has one situation a line: {"id", "history",
// "pending"?, "energy"?, "expect": [ids, the most likely first; empty: nobody], "why"}. Each is
// chosen for as POST /select does it, with the shipped cast. A choice is right when its first
// speaker is expected, a silence when nobody is. --show prints what was not right. --scenes plays N
// seeded scenes on a stage instead and counts the characters' lines. Prints one JSON object.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "characters/card.h"
#include "characters/routes.h"
#include "characters/shipped.h"
#include "json/codec.h"
#include "services/coordinator/scenes.h"
#include "stack.h"

namespace {

using coordinator::Theatre;

struct Situation {
  std::string id;
  std::vector<contracts::Line> history;
  std::vector<std::string> pending;
  std::optional<double> energy;
  std::vector<std::string> expect;
  std::string why;

  std::string kind() const { return expect.empty() ? "nobody" : expect.front(); }
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("history", self.history);
    visit("pending", self.pending, Field{.defaulted = true});
    visit("energy", self.energy);
    visit("expect", self.expect);
    visit("why", self.why, Field{.defaulted = true});
  }
};

struct Options {
  std::string data = "bench/data/situations_tuning.jsonl";
  bool show = false;
  int scenes = 0;
};

[[noreturn]] void fail(const std::string& why) {
  fmt::print(stderr, "{}\n", why);
  std::exit(2);
}

std::vector<contracts::Character> shipped() {
  std::vector<contracts::Character> cast;
  for (const auto& file : characters::shipped_cast()) {
    if (!file.name.ends_with(".json")) continue;
    cast.push_back(characters::profile(characters::parse_card(file.text).value()));
  }
  return cast;
}

std::vector<Situation> situations(const std::string& path) {
  std::vector<Situation> all;
  std::ifstream file(path);
  if (!file) fail("cannot read " + path);
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) continue;
    auto situation = json::decode<Situation>(std::string_view(line));
    if (!situation) fail(fmt::format("{}:{}: {}", path, all.size() + 1, situation.error().message));
    all.push_back(std::move(situation).value());
  }
  return all;
}

void show(const Situation& situation, const contracts::Selection& selection) {
  fmt::print("{}: {} expected, {} chosen ({}): {}\n", situation.id,
             fmt::join(situation.expect, " or "), fmt::join(selection.speakers, ", "),
             selection.reason, situation.why);
  for (const auto& line : situation.history) fmt::print("    {}: {}\n", line.author, line.text);
  for (const auto& [id, table] : selection.scores) {
    fmt::print("    {:>8}", id);
    for (const auto& [term, value] : table) {
      if (value != 0) fmt::print(" {} {:g}", term, value);
    }
    fmt::print("\n");
  }
}

struct Tally {
  int right = 0;
  int all = 0;
  double recall() const { return all == 0 ? 0 : static_cast<double>(right) / all; }
};

void measure(const Options& options) {
  Theatre theatre(shipped());
  std::map<std::string, Tally> classes;
  std::vector<double> us;  // of each choice
  for (const Situation& situation : situations(options.data)) {
    contracts::SelectRequest request;
    request.participants = {"peter", "brian", "stewie"};
    request.history = situation.history;
    request.pending = situation.pending;
    request.energy = situation.energy;
    const SteadyTime start = SystemClock::instance().now();
    const contracts::Selection selection = theatre.stage().select(request);
    us.push_back(elapsed_ms(start, SystemClock::instance().now()) * 1000);
    const auto& expect = situation.expect;
    const bool right =
        expect.empty() || selection.nobody
            ? expect.empty() && selection.nobody
            : std::find(expect.begin(), expect.end(), selection.speakers.front()) != expect.end();
    Tally& tally = classes[situation.kind()];
    ++tally.all;
    tally.right += right ? 1 : 0;
    if (!right && options.show) show(situation, selection);
  }
  json::Writer out;
  double recalls = 0;
  Tally sum;
  out.begin_object();
  out.key("recall");
  out.begin_object();
  for (const auto& [name, tally] : classes) {
    out.key(name);
    out.real(tally.recall());
    recalls += tally.recall();
    sum.right += tally.right;
    sum.all += tally.all;
  }
  out.end_object();
  out.key("balanced_accuracy");
  out.real(classes.empty() ? 0 : recalls / static_cast<double>(classes.size()));
  out.key("accuracy");
  out.real(sum.recall());
  out.key("choice_us_p50");
  out.real(bench::quantile(us, 0.5));
  out.key("n");
  out.integer(sum.all);
  out.end_object();
  fmt::print("{}\n", out.text());
}

void play(int scenes) {
  const coordinator::Liveness live = coordinator::live(shipped(), scenes);
  const auto per_line = [&](int count) {
    return static_cast<double>(count) / std::max(1, live.people_lines);
  };
  json::Writer out;
  out.begin_object();
  for (const auto& [name, count] :
       {std::pair("scenes", live.scenes), std::pair("people_lines", live.people_lines),
        std::pair("bot_lines_most", live.bot_lines_most),
        std::pair("open_questions", live.questions), std::pair("unanswered", live.unanswered)}) {
    out.key(name);
    out.integer(count);
  }
  out.key("bot_lines_per_line");
  out.real(per_line(live.bot_lines));
  out.key("share_with_more_than_one");
  out.real(per_line(live.talks));
  out.end_object();
  fmt::print("{}\n", out.text());
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    const auto value = [&] {
      if (i + 1 >= argc) fail(flag + " needs a value");
      return std::string(argv[++i]);
    };
    if (flag == "--show") {
      options.show = true;
    } else if (flag == "--data") {
      options.data = value();
    } else if (flag == "--scenes") {
      options.scenes = std::atoi(value().c_str());
      if (options.scenes < 1 || options.scenes > 100'000) fail("--scenes takes 1 to 100000");
    } else {
      fail("usage: coordinator [--data FILE] [--show] [--scenes N]");
    }
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  if (options.scenes > 0) {
    play(options.scenes);
  } else {
    measure(options);
  }
  return 0;
}
