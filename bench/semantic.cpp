// What the semantic cache takes for the same question, and what it costs.
//
//   bench/semantic [--data FILE] [--from N] [--show]
//
// Each line of FILE (default bench/data/paraphrases.jsonl) is a pair of prompts, labelled as asking
// for the same or not; --from N leaves out the first N. The first of each pair is put into the
// cache, the second looked up, at several thresholds. Prints one JSON object a threshold: the share
// of the same that hit, the share of the different that hit (false), and the same two without the
// guards on the wording. A last object has the time of a lookup among 1,000 entries of one tenant.
// --show lists false hits and, at the default threshold, what refused each of the same.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "json/codec.h"
#include "llm/semantic_cache.h"

namespace {

struct Labelled {
  static constexpr std::string_view kName = "labelled_pair";
  std::string id;
  std::string a;
  std::string b;
  bool same = false;

  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("a", self.a);
    visit("b", self.b);
    visit("same", self.same);
  }
};

Result<std::vector<Labelled>> read_pairs(const std::string& path, std::size_t skipped) {
  std::ifstream file(path);
  if (!file) return Error{Code::NotFound, fmt::format("{}: cannot be read", path)};
  std::vector<Labelled> all;
  std::size_t number = 0;
  for (std::string text; std::getline(file, text);) {
    if (number++ < skipped) continue;
    all.push_back(TRY(json::decode<Labelled>(std::string_view(text))));
  }
  if (all.empty()) return Error{Code::InvalidArgument, fmt::format("{}: has no pairs", path)};
  return all;
}

struct Shares {
  int same = 0, different = 0;
  int hits = 0, false_hits = 0;            // with the guards
  int bare_hits = 0, bare_false_hits = 0;  // by similarity alone
};

bool hits(const Labelled& pair, double threshold) {
  llm::SemanticCache cache({.threshold = threshold});
  const auto a = llm::built_in_embedding(pair.a);
  const auto b = llm::built_in_embedding(pair.b);
  const SteadyTime start{};
  cache.put({"tenant", "settings", pair.a, a}, "answer", start + Milliseconds(1));
  return cache.find({"tenant", "settings", pair.b, b}, start).has_value();
}

Shares shares_at(const std::vector<Labelled>& pairs, double threshold, bool show) {
  Shares shares;
  for (const Labelled& pair : pairs) {
    const double similarity =
        llm::cosine(llm::built_in_embedding(pair.a), llm::built_in_embedding(pair.b));
    const bool hit = hits(pair, threshold);
    const bool bare = similarity >= threshold;
    (pair.same ? shares.same : shares.different) += 1;
    (pair.same ? shares.hits : shares.false_hits) += hit;
    (pair.same ? shares.bare_hits : shares.bare_false_hits) += bare;
    if (show && hit != pair.same) {
      const auto why = llm::disagreement(llm::wording_of(pair.a), llm::wording_of(pair.b));
      fmt::print("{} {} ({:.2f}, guard {}): {} | {}\n", hit ? "FALSE HIT" : "miss", pair.id,
                 similarity, static_cast<int>(why), pair.a, pair.b);
    }
  }
  return shares;
}

double share(int count, int of) { return of == 0 ? 0 : 100.0 * count / of; }

// Median microseconds of a lookup that misses among 1,000 entries: it compares all of them.
double lookup_us(const std::vector<Labelled>& pairs) {
  llm::SemanticCache cache({});
  const SteadyTime expiry = SteadyTime{} + Milliseconds(1);
  for (int i = 0; i < 1000; ++i) {
    const std::string text =
        fmt::format("{} {}", pairs[static_cast<std::size_t>(i) % pairs.size()].a, i);
    cache.put({"tenant", "settings", text, llm::built_in_embedding(text)}, "answer", expiry);
  }
  std::vector<double> times;
  for (const Labelled& pair : pairs) {
    const auto embedding = llm::built_in_embedding(pair.b);
    const auto from = std::chrono::steady_clock::now();
    (void)cache.find({"tenant", "settings", pair.b, embedding}, SteadyTime{});
    const auto took = std::chrono::steady_clock::now() - from;
    times.push_back(std::chrono::duration<double, std::micro>(took).count());
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  std::string data = "bench/data/paraphrases.jsonl";
  std::size_t skipped = 0;
  bool show = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--show") {
      show = true;
    } else if (flag == "--data" && i + 1 < argc) {
      data = argv[++i];
    } else if (flag == "--from" && i + 1 < argc) {
      skipped = std::strtoul(argv[++i], nullptr, 10);
    } else {
      fmt::print(stderr, "usage: semantic [--data FILE] [--from N] [--show]\n");
      return 2;
    }
  }
  const auto pairs = read_pairs(data, skipped);
  if (!pairs) {
    fmt::print(stderr, "{}\n", pairs.error().message);
    return 2;
  }
  const double usual = llm::SemanticCacheOptions{}.threshold;
  if (show) shares_at(pairs.value(), usual, show);
  std::vector<double> thresholds{0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95};
  thresholds.push_back(usual);
  for (const double threshold : thresholds) {
    const Shares found = shares_at(pairs.value(), threshold, false);
    fmt::print(R"({{"threshold":{:.2f},"same":{},"different":{},"hit_percent":{:.1f},)"
               R"("false_hit_percent":{:.1f},"by_similarity_alone":{{"hit_percent":{:.1f},)"
               R"("false_hit_percent":{:.1f}}}}})"
               "\n",
               threshold, found.same, found.different, share(found.hits, found.same),
               share(found.false_hits, found.different), share(found.bare_hits, found.same),
               share(found.bare_false_hits, found.different));
  }
  fmt::print(R"({{"lookup_among_1000_us":{:.0f}}})"
             "\n",
             lookup_us(pairs.value()));
}
