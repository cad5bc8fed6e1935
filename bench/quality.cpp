// How good the judge is: what quality says of labelled lines, and what an assessment costs.
//
//   bench/quality [--data FILE] [--show] [--rounds N]
//
// Each line of FILE (default bench/data/lines_heldout.jsonl) is a draft with its talk, what was
// retrieved for it, what is wrong with it ("codes", none: good) and whose voice it is in. The real
// reviewer judges it in this process, with the shipped cards as the characters service tells them.
// Prints one JSON object; --show lists the errors of each kind first.
//
// - gate: the score decides, with all its findings counted as the reviewer counts them (a major one
//   caps it, a critical one more so). `auc` is the chance that a good line scores over a bad one
//   in a busy channel; `pass` and `reject` are the verdicts at each band of the threshold.
// - findings: a line has a code when the reviewer names it with any severity over "info", which is
//   advice and holds nothing against a line.
// - voice: of lines that are in somebody's voice, the share where the model's first is that one.
// - cpu: microseconds of an assessment as the service makes it, with the key of its cache, in a
//   talk that grows by a line each time (20 lines and 5 passages are read); the best of the rounds.

#include "contracts/quality.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cache/cache.h"
#include "characters/card.h"
#include "characters/routes.h"
#include "characters/shipped.h"
#include "json/codec.h"
#include "quality/cached_reviewer.h"
#include "quality/draft.h"
#include "quality/relevance.h"
#include "quality/reviewer.h"

namespace {

using contracts::FindingCode;
using contracts::Severity;

// One line of the file.
struct Labelled {
  static constexpr std::string_view kName = "labelled";
  std::string id;
  std::string character;
  contracts::TurnKind kind = contracts::TurnKind::Direct;
  std::vector<FindingCode> codes;
  std::string voice;
  std::string line;
  std::vector<contracts::ContextLine> context;
  std::vector<std::string> knowledge;

  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("character", self.character);
    visit("kind", self.kind);
    visit("codes", self.codes);
    visit("voice", self.voice);
    visit("line", self.line, Field{.bytes_max = 16 * 1024});
    visit("context", self.context);
    visit("knowledge", self.knowledge, Field{.bytes_max = 16 * 1024});
  }
  bool good() const { return codes.empty(); }
  bool has(FindingCode code) const {
    return std::find(codes.begin(), codes.end(), code) != codes.end();
  }
  contracts::AssessRequest request(std::int64_t message_count) const {
    return {.character = character,
            .line = line,
            .context = context,
            .knowledge = knowledge,
            .kind = kind,
            .message_count = message_count};
  }
};

Result<std::vector<Labelled>> read_lines(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Error{Code::NotFound, fmt::format("{}: cannot be read", path)};
  std::vector<Labelled> all;
  for (std::string text; std::getline(file, text);) {
    auto line = json::decode<Labelled>(std::string_view(text));
    if (!line) {
      const std::string why = fmt::format("{}:{}: {}", path, all.size() + 1, line.error().message);
      return Error{Code::InvalidArgument, why};
    }
    all.push_back(std::move(line).value());
  }
  if (all.empty()) return Error{Code::InvalidArgument, fmt::format("{}: has no lines", path)};
  return all;
}

class ShippedCast final : public quality::CastView {
 public:
  static Result<ShippedCast> read() {
    constexpr std::size_t kRoom = 256 * 1024;
    std::vector<contracts::Character> all;
    for (const auto& file : characters::shipped_cast()) {
      if (!file.name.ends_with(".json")) continue;
      all.push_back(characters::profile(TRY(characters::parse_card(file.text)), kRoom));
    }
    return ShippedCast(std::make_shared<const quality::Cast>(std::move(all)));
  }
  std::shared_ptr<const quality::Cast> cast() const override { return cast_; }

 private:
  explicit ShippedCast(std::shared_ptr<const quality::Cast> cast) : cast_(std::move(cast)) {}
  std::shared_ptr<const quality::Cast> cast_;
};

double share(std::size_t part, std::size_t all) {
  return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
}

bool names(const contracts::Assessment& assessment, FindingCode code) {
  return std::any_of(assessment.findings.begin(), assessment.findings.end(),
                     [&](const auto& f) { return f.code == code && f.severity != Severity::Info; });
}

// An error for --show; the findings say why.
void show(bool wanted, std::string_view what, const Labelled& line,
          const contracts::Assessment& assessment) {
  if (!wanted) return;
  std::string why;
  for (const auto& finding : assessment.findings) {
    why += fmt::format(" {}:{} ({})", enum_name(finding.code), enum_name(finding.severity),
                       finding.hint);
  }
  const auto& c = assessment.components;
  fmt::print("{} {} {} {:.1f} [{:.0f} {:.0f} {:.0f} {:.0f} {:.0f}]{} | {}\n", what, line.id,
             line.character, assessment.score, c.authenticity, c.flow, c.engagement, c.grounding,
             c.safety, why, json::quoted(line.line));
}

// The area under the ROC curve: pairs of a good and a bad line in order, ties half.
double area_under_curve(const std::vector<double>& good, std::vector<double> bad) {
  if (good.empty() || bad.empty()) return 0;
  std::sort(bad.begin(), bad.end());
  double ordered = 0;
  for (const double score : good) {
    const auto [below, above] = std::equal_range(bad.begin(), bad.end(), score);
    ordered += static_cast<double>(below - bad.begin()) + static_cast<double>(above - below) / 2;
  }
  return ordered / (static_cast<double>(good.size()) * static_cast<double>(bad.size()));
}

std::string gate(const quality::Reviewer& reviewer, const std::vector<Labelled>& lines,
                 bool shown) {
  std::vector<double> good;
  std::vector<double> bad;
  std::string bands;
  for (const std::int64_t count : {3, 12, 30}) {
    std::size_t passed = 0;
    std::size_t rejected = 0;
    good.clear();
    bad.clear();
    for (const Labelled& line : lines) {
      const auto assessment = reviewer.assess(line.request(count)).value();
      (line.good() ? good : bad).push_back(assessment.score);
      if (line.good()) passed += assessment.passed ? 1 : 0;
      if (!line.good()) rejected += assessment.passed ? 0 : 1;
      if (assessment.passed == line.good()) continue;
      show(shown && count == 30, line.good() ? "REJECTED" : "PASSED", line, assessment);
    }
    bands += fmt::format(R"({}{{"message_count":{},"pass":{:.3f},"reject":{:.3f}}})",
                         bands.empty() ? "" : ",", count, share(passed, good.size()),
                         share(rejected, bad.size()));
  }
  return fmt::format(R"("gate":{{"auc":{:.4f},"bands":[{}]}})", area_under_curve(good, bad), bands);
}

struct Tally {
  std::size_t labelled = 0;
  std::size_t named = 0;
  std::size_t both = 0;
};

std::string findings(const quality::Reviewer& reviewer, const std::vector<Labelled>& lines,
                     bool shown) {
  std::map<FindingCode, Tally> tallies;
  for (const Labelled& line : lines) {
    const auto assessment = reviewer.assess(line.request(30)).value();
    for (const auto& [code, name] : enum_names(FindingCode{})) {
      const bool is = line.has(code);
      const bool said = names(assessment, code);
      Tally& tally = tallies[code];
      tally.labelled += is ? 1 : 0;
      tally.named += said ? 1 : 0;
      tally.both += is && said ? 1 : 0;
      if (is != said) {
        show(shown, fmt::format("{} {}", is ? "MISSED" : "FALSE", name), line, assessment);
      }
    }
  }
  std::string out;
  for (const auto& [code, tally] : tallies) {
    out += fmt::format(R"({}"{}":{{"lines":{},"precision":{:.3f},"recall":{:.3f}}})",
                       out.empty() ? "" : ",", enum_name(code), tally.labelled,
                       share(tally.both, tally.named), share(tally.both, tally.labelled));
  }
  return fmt::format(R"("findings":{{{}}})", out);
}

std::string voices(const quality::Reviewer& reviewer, const std::vector<Labelled>& lines,
                   bool shown) {
  Tally all;
  Tally good;
  for (const Labelled& line : lines) {
    if (line.voice == "none" || line.line.size() > limits::kMessageBytes) continue;
    const auto scores = reviewer.voice({line.line}).value().scores;
    const auto first =
        std::max_element(scores.begin(), scores.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    const bool right = first->first == line.voice;
    for (Tally* tally : {&all, &good}) {
      if (tally == &good && !line.good()) continue;
      ++tally->labelled;
      tally->both += right ? 1 : 0;
    }
    if (!right && shown) {
      fmt::print("VOICE {} {} heard as {} {:.2f} | {}\n", line.id, line.voice, first->first,
                 first->second, json::quoted(line.line));
    }
  }
  return fmt::format(R"("voice":{{"lines":{},"all":{:.3f},"good":{:.3f}}})", all.labelled,
                     share(all.both, all.labelled), share(good.both, good.labelled));
}

double cpu_us() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

// The lines as one long talk: each hears the twenty before it, and was given five passages.
std::vector<contracts::AssessRequest> one_talk(const std::vector<Labelled>& lines) {
  constexpr std::size_t kHeard = 20;
  constexpr std::size_t kPassages = 5;
  std::vector<contracts::ContextLine> talk;
  std::vector<std::string> passages;
  std::vector<contracts::AssessRequest> all;
  for (const Labelled& line : lines) {
    if (line.line.size() > limits::kMessageBytes) continue;
    talk.push_back(line.context.back());
    passages.insert(passages.end(), line.knowledge.begin(), line.knowledge.end());
    auto request = line.request(30);
    request.context.assign(talk.end() - static_cast<std::ptrdiff_t>(std::min(talk.size(), kHeard)),
                           talk.end());
    request.knowledge.assign(
        passages.end() - static_cast<std::ptrdiff_t>(std::min(passages.size(), kPassages)),
        passages.end());
    all.push_back(std::move(request));
    talk.push_back({line.character, line.line});
  }
  return all;
}

std::string cost(const quality::Reviewer& reviewer, const ShippedCast& cast,
                 const std::vector<Labelled>& lines, int rounds) {
  const auto talk = one_talk(lines);
  std::array<double, 3> least{};
  least.fill(std::numeric_limits<double>::max());
  for (int round = 0; round < rounds; ++round) {
    const auto memory = cache::make_memory_cache({.bytes_max = 4 << 20});
    const quality::CachedReviewer cached(reviewer, cast, *memory, Milliseconds(1'800'000));
    const auto each = [&](auto&& judge) {
      const double began = cpu_us();
      for (const auto& request : talk) (void)judge(request);
      return (cpu_us() - began) / static_cast<double>(talk.size());
    };
    const std::array<double, 3> now{
        each([&](const auto& request) { return cached.assess(request); }),   // all new
        each([&](const auto& request) { return cached.assess(request); }),   // all known
        each([&](const auto& request) { return reviewer.assess(request); })  // no cache
    };
    for (std::size_t i = 0; i < now.size(); ++i) least[i] = std::min(least[i], now[i]);
  }
  return fmt::format(
      R"("cpu":{{"assess_us":{:.1f},"without_cache_us":{:.1f},"from_cache_us":{:.1f}}})", least[0],
      least[2], least[1]);
}

// What ties each line to its talk, for bench/fit_relevance.py; only of lines that the rule is asked
// about.
void print_ties(const quality::Reviewer& reviewer, const quality::Cast& cast,
                const std::vector<Labelled>& lines) {
  quality::Readings readings;
  for (const Labelled& line : lines) {
    const auto request = line.request(30);
    const auto found = reviewer.assess(request).value().findings;
    const bool asked = std::all_of(found.begin(), found.end(), [](const auto& finding) {
      return finding.code == FindingCode::OffTopic || finding.severity < contracts::Severity::Major;
    });
    const quality::Profile* speaker = cast.find(line.character);
    if (!asked || speaker == nullptr) continue;
    const quality::Draft draft(request, cast, *speaker, readings);
    if (draft.answered() == nullptr) continue;
    fmt::print(R"({{"id":{},"off_topic":{},"ties":[{:.4f}]}})", json::quoted(line.id),
               line.has(FindingCode::OffTopic), fmt::join(quality::tie_values(draft), ","));
    fmt::print("\n");
  }
}

struct Arguments {
  std::string data = "bench/data/lines_heldout.jsonl";
  bool show = false;
  bool ties = false;
  int rounds = 20;
};

Result<void> run(const Arguments& arguments) {
  const auto lines = TRY(read_lines(arguments.data));
  const ShippedCast cast = TRY(ShippedCast::read());
  const quality::Reviewer reviewer({}, cast);
  if (arguments.ties) {
    print_ties(reviewer, *cast.cast(), lines);
    return {};
  }
  const auto good =
      std::count_if(lines.begin(), lines.end(), [](const auto& l) { return l.good(); });
  const std::string judged = gate(reviewer, lines, arguments.show);
  const std::string found = findings(reviewer, lines, arguments.show);
  const std::string heard = voices(reviewer, lines, arguments.show);
  fmt::print(R"({{"data":{},"lines":{},"good":{},{},{},{},{}}})", json::quoted(arguments.data),
             lines.size(), good, judged, found, heard,
             cost(reviewer, cast, lines, arguments.rounds));
  fmt::print("\n");
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--show") {
      arguments.show = true;
    } else if (flag == "--ties") {
      arguments.ties = true;
    } else if (flag == "--data" && i + 1 < argc) {
      arguments.data = argv[++i];
    } else if (flag == "--rounds" && i + 1 < argc) {
      arguments.rounds = std::max(1, std::atoi(argv[++i]));
    } else {
      fmt::print(stderr, "usage: bench/quality [--data FILE] [--show | --ties] [--rounds N]\n");
      return 2;
    }
  }
  const auto done = run(arguments);
  if (done) return 0;
  fmt::print(stderr, "bench/quality: {}\n", done.error().message);
  return 1;
}
