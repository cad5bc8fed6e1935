#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "quality/findings.h"

namespace quality {
namespace {

using contracts::Finding;
using contracts::FindingCode;
using contracts::Severity;

constexpr std::size_t kCodePointsMax = 2000;  // what Discord takes
constexpr std::size_t kBytesMajor = 1100;
constexpr std::size_t kBytesMinor = 600;
constexpr std::size_t kSentencesMajor = 10;
constexpr std::size_t kSentencesMinor = 6;
constexpr std::size_t kNameBytes = 40;
constexpr std::size_t kMentionsMax = 2;
constexpr double kNearEqual = 0.8;

bool word_byte(char c) { return read_text({&c, 1}).words.size() == 1 || c == '_'; }

// The name before a colon at the start of `text`, or nothing. A web address is no name.
std::string_view label(std::string_view text) {
  constexpr std::string_view kMarkup = "*_>[( \t\"";
  const std::size_t start = std::min(text.find_first_not_of(kMarkup), text.size());
  text.remove_prefix(start);
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon > kNameBytes) return {};
  if (text.substr(colon).starts_with("://")) return {};
  std::string_view name = text.substr(0, colon);
  while (!name.empty() && kMarkup.find(name.back()) != std::string_view::npos)
    name.remove_suffix(1);
  if (name.ends_with(')') || name.ends_with(']')) name.remove_suffix(1);
  return name.find_first_of(".!?,;\n") == std::string_view::npos ? name : std::string_view{};
}

// A label that could be anybody's name: at most two words, each with a capital.
bool looks_like_name(std::string_view name) {
  const Text words = read_text(name);
  if (words.words.empty() || words.words.size() > 2) return false;
  return std::all_of(words.words.begin(), words.words.end(), [&](const Word& word) {
    const char c = name[word.start];
    return c >= 'A' && c <= 'Z';
  });
}

bool in_context(const Draft& draft, std::string_view name) {
  return std::any_of(draft.context.begin(), draft.context.end(), [&](const Draft::Said& said) {
    return ascii_lower(said.line->author) == ascii_lower(name);
  });
}

// The beginnings of a draft where a speaker's label may stand: lines and sentences.
std::vector<std::string_view> beginnings(const Draft& draft) {
  std::vector<std::string_view> all = draft.sentences;
  std::string_view rest = draft.line;
  while (!rest.empty()) {
    all.push_back(trimmed(rest.substr(0, rest.find('\n'))));
    const std::size_t newline = rest.find('\n');
    rest = newline == std::string_view::npos ? std::string_view{} : rest.substr(newline + 1);
  }
  return all;
}

bool same_words(const Text& a, const Text& b) {
  return std::equal(a.words.begin(), a.words.end(), b.words.begin(), b.words.end(),
                    [](const Word& x, const Word& y) { return x.hash == y.hash; });
}

// The distinct words, sorted.
std::vector<std::uint64_t> word_set(const Text& text) {
  std::vector<std::uint64_t> all;
  all.reserve(text.words.size());
  for (const Word& word : text.words) all.push_back(word.hash);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

bool nearly_equal(const Text& a, const Text& b) {
  const auto sizes = std::minmax({a.words.size(), b.words.size()});
  // Sets of too different sizes cannot overlap enough, which spares building them.
  if (static_cast<double>(sizes.first) < 0.6 * static_cast<double>(sizes.second)) return false;
  const auto left = word_set(a);
  const auto right = word_set(b);
  const auto common =
      static_cast<double>(std::count_if(left.begin(), left.end(), [&](std::uint64_t hash) {
        return std::binary_search(right.begin(), right.end(), hash);
      }));
  return common > kNearEqual * (static_cast<double>(left.size() + right.size()) - common);
}

// Says the same over and over: a sentence twice, or few distinct runs of three words.
bool loops(const Draft& draft) {
  std::vector<Text> seen;
  for (const std::string_view sentence : draft.sentences) {
    Text text = read_text(sentence);
    if (text.words.size() < 3) continue;
    for (const Text& earlier : seen) {
      if (same_words(earlier, text)) return true;
    }
    if (seen.size() < 32) seen.push_back(std::move(text));
  }
  const auto& words = draft.text.words;
  if (words.size() < 20) return false;
  HashSet runs;
  for (std::size_t i = 2; i < words.size(); ++i) {
    runs.insert(words[i].hash * 31 + words[i - 1].hash * 17 + words[i - 2].hash);
  }
  return runs.size() * 2 < words.size();
}

}  // namespace

MaybeFinding find_empty(const Draft& draft) {
  if (!draft.text.words.empty()) return std::nullopt;
  const bool symbols = std::any_of(draft.line.begin(), draft.line.end(),
                                   [](char c) { return static_cast<std::uint8_t>(c) >= 0xE2; });
  return Finding{FindingCode::Empty, symbols ? Severity::Major : Severity::Critical,
                 "Say something in words: the draft has none."};
}

MaybeFinding find_too_long(const Draft& draft) {
  const std::size_t bytes = draft.line.size();
  const std::size_t sentences = draft.sentences.size();
  if (draft.code_points > kCodePointsMax) {
    return Finding{FindingCode::TooLong, Severity::Critical,
                   fmt::format("Answer in one to three short sentences: {} characters cannot be "
                               "posted, {} is the limit.",
                               draft.code_points, kCodePointsMax)};
  }
  if (bytes <= kBytesMinor && sentences <= kSentencesMinor) return std::nullopt;
  const bool major = bytes > kBytesMajor || sentences > kSentencesMajor;
  return Finding{
      FindingCode::TooLong, major ? Severity::Major : Severity::Minor,
      fmt::format("Be brief: {} sentences and {} bytes are too much for a chat; keep the "
                  "best one or two sentences.",
                  sentences, bytes)};
}

MaybeFinding find_speaks_for_others(const Draft& draft) {
  static const std::set<std::string, std::less<>> kRoles{"user", "human", "assistant", "system",
                                                         "bot"};
  std::set<std::string> strangers;
  bool own = false;
  for (const std::string_view beginning : beginnings(draft)) {
    const std::string_view name = label(beginning);
    if (name.empty()) continue;
    const Profile* profile = draft.cast.called(name);
    if (profile == &draft.speaker) {
      own = true;
    } else if (profile != nullptr || kRoles.contains(ascii_lower(name)) ||
               in_context(draft, name)) {
      return Finding{FindingCode::SpeaksForOthers, Severity::Critical,
                     fmt::format("Say only {}'s own words: the draft speaks for {}.",
                                 draft.speaker.character.name, utf8_prefix(name, kNameBytes))};
    } else if (looks_like_name(name)) {
      strangers.insert(ascii_lower(name));
    }
  }
  if (strangers.size() >= 2 || (own && !strangers.empty())) {
    return Finding{FindingCode::SpeaksForOthers, Severity::Major,
                   "Write one line of your own, not a script with several speakers."};
  }
  if (!own) return std::nullopt;
  return Finding{FindingCode::SpeaksForOthers, Severity::Minor,
                 fmt::format("Leave out your own name: do not begin with \"{}:\".",
                             draft.speaker.character.name)};
}

MaybeFinding find_mention_abuse(const Draft& draft) {
  const std::string lower = ascii_lower(draft.line);
  std::size_t mentions = 0;
  bool user = false;
  for (std::size_t at = lower.find('@'); at != std::string::npos; at = lower.find('@', at + 1)) {
    if (at > 0 && lower[at - 1] == '<') {
      user = true;
      continue;
    }
    if (at + 1 == lower.size() || !word_byte(lower[at + 1])) continue;
    if (at > 0 && word_byte(lower[at - 1])) continue;  // an address
    const std::string_view rest = std::string_view(lower).substr(at + 1);
    for (const std::string_view all : {"everyone", "here"}) {
      if (rest.starts_with(all) && (rest.size() == all.size() || !word_byte(rest[all.size()]))) {
        return Finding{FindingCode::MentionAbuse, Severity::Critical,
                       fmt::format("Do not call the whole channel: leave out @{}.", all)};
      }
    }
    ++mentions;
  }
  if (user) {
    return Finding{FindingCode::MentionAbuse, Severity::Major,
                   "Write names as plain words, without <@...> marks."};
  }
  if (mentions <= kMentionsMax) return std::nullopt;
  return Finding{FindingCode::MentionAbuse, Severity::Major,
                 fmt::format("Mention at most {} people, not {}.", kMentionsMax, mentions)};
}

MaybeFinding find_repetition(const Draft& draft) {
  const std::size_t words = draft.text.words.size();
  if (words == 0) return std::nullopt;
  MaybeFinding worst;
  for (const Draft::Said& said : draft.context) {
    if (same_words(said.text, draft.text)) {
      const std::string hint = fmt::format(
          "Say something new: {} has just said exactly this.",
          draft.cast.called(said.line->author) == &draft.speaker ? "you" : said.line->author);
      // "Hey!" answers "hey" well enough; a whole sentence said again is an echo.
      return Finding{FindingCode::Repetition, words < 3 ? Severity::Minor : Severity::Critical,
                     hint};
    }
    if (!worst && words >= 4 && nearly_equal(said.text, draft.text)) {
      worst = Finding{FindingCode::Repetition, Severity::Major,
                      "Say something new: nearly the same words were said a few lines ago."};
    }
  }
  if (!worst && loops(draft)) {
    worst = Finding{FindingCode::Repetition, Severity::Major,
                    "Say each thing once: the draft repeats itself."};
  }
  return worst;
}

}  // namespace quality
