#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "quality/findings.h"

namespace quality {
namespace {

using contracts::Finding;
using contracts::FindingCode;
using contracts::Severity;

constexpr std::size_t kStemsMin = 3;
constexpr double kSameStems = 0.6;   // of both lines together
constexpr double kSameWords = 0.65;  // stop words too
constexpr double kContained = 0.75;  // of the shorter line
constexpr std::size_t kContainedStems = 4;
constexpr std::size_t kWordOverAndOver = 4;
constexpr std::size_t kSentencesRead = 32;

bool same_words(const Text& a, const Text& b) {
  return std::equal(a.words.begin(), a.words.end(), b.words.begin(), b.words.end(),
                    [](const Word& x, const Word& y) { return x.hash == y.hash; });
}

std::size_t common(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b) {
  return static_cast<std::size_t>(std::count_if(a.begin(), a.end(), [&](std::uint64_t stem) {
    return std::find(b.begin(), b.end(), stem) != b.end();
  }));
}

// The Jaccard index of two sets that share `both`.
double jaccard(std::size_t both, std::size_t a, std::size_t b) {
  return static_cast<double>(both) / static_cast<double>(std::max<std::size_t>(1, a + b - both));
}

// Whether nearly all words are the same, whatever their order.
bool same_word_set(const Draft& draft, const Draft::Said& said) {
  const auto sizes = std::minmax({said.text().words.size(), draft.text.words.size()});
  // Sets of too different sizes cannot overlap enough.
  if (sizes.first < 4 || sizes.first * 2 < sizes.second) return false;
  const auto& theirs = said.reading->stems;
  std::size_t both = 0;
  auto other = theirs.begin();
  for (const std::uint64_t stem : draft.stems) {
    while (other != theirs.end() && *other < stem) ++other;
    both += other != theirs.end() && *other == stem ? 1 : 0;
  }
  return jaccard(both, draft.stems.size(), theirs.size()) > kSameWords;
}

// Whether the draft says again what a line said, perhaps in other words around it.
bool says_again(const Draft& draft, const Draft::Said& said) {
  const auto& theirs = said.reading->content;
  const std::size_t both = common(draft.content, theirs);
  if (both >= kStemsMin && jaccard(both, draft.content.size(), theirs.size()) >= kSameStems) {
    return true;
  }
  // To take up what a person asked is an answer; what the cast said was a line.
  const auto shorter = static_cast<double>(std::min(draft.content.size(), theirs.size()));
  if (said.speaker != nullptr && both >= kContainedStems &&
      static_cast<double>(both) >= kContained * shorter) {
    return true;
  }
  return same_word_set(draft, said);
}

// The same word many times, of all words.
bool one_word_over_and_over(const Text& text) {
  std::size_t run = 1;
  for (std::size_t i = 1; i < text.words.size(); ++i) {
    run = text.words[i].hash == text.words[i - 1].hash ? run + 1 : 1;
    if (run > kWordOverAndOver) return true;
  }
  return false;
}

// How many runs of three words were there before.
std::size_t repeated_runs(const Text& text) {
  HashSet runs;
  std::size_t again = 0;
  for (std::size_t i = 2; i < text.words.size(); ++i) {
    const std::uint64_t run =
        text.words[i].hash * 31 + text.words[i - 1].hash * 17 + text.words[i - 2].hash;
    again += runs.contains(run) ? 1 : 0;
    runs.insert(run);
  }
  return again;
}

// Says the same over and over.
bool loops(const Draft& draft) {
  struct Sentence {
    Text text;
    std::vector<std::uint64_t> content;
  };
  std::vector<Sentence> seen;
  for (const std::string_view raw : draft.sentences) {
    if (seen.size() == kSentencesRead) break;
    Sentence sentence{read_text(raw), {}};
    if (sentence.text.words.size() < 3) continue;
    sentence.content = content_stems(sentence.text);
    for (const Sentence& earlier : seen) {
      const std::size_t both = common(sentence.content, earlier.content);
      const double alike = jaccard(both, sentence.content.size(), earlier.content.size());
      if (same_words(earlier.text, sentence.text) || (both >= kStemsMin && alike > 0.8)) {
        return true;
      }
    }
    seen.push_back(std::move(sentence));
  }
  const std::size_t again = repeated_runs(draft.text);
  return one_word_over_and_over(draft.text) || (again >= 3 && again * 8 >= draft.text.words.size());
}

}  // namespace

MaybeFinding find_repetition(const Draft& draft) {
  const std::size_t words = draft.text.words.size();
  if (words == 0) return std::nullopt;
  MaybeFinding worst;
  for (const Draft::Said& said : draft.context) {
    if (same_words(said.text(), draft.text)) {
      // "Hey!" answers "hey" well enough; a whole sentence said again is an echo.
      if (words < 3) continue;
      return Finding{FindingCode::Repetition, Severity::Critical,
                     fmt::format("Say something new: {} has just said exactly this.",
                                 said.speaker == &draft.speaker ? "you" : said.line->author)};
    }
    if (!worst && words >= 4 && says_again(draft, said)) {
      worst = Finding{FindingCode::Repetition, Severity::Major,
                      "Say something new: nearly the same was said a few lines ago."};
    }
  }
  if (!worst && loops(draft)) {
    worst = Finding{FindingCode::Repetition, Severity::Major,
                    "Say each thing once: the draft repeats itself."};
  }
  return worst;
}

}  // namespace quality
