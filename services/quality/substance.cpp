#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>

#include "base/utf8.h"
#include "quality/findings.h"

namespace quality {
namespace {

using contracts::Finding;
using contracts::FindingCode;
using contracts::Severity;

constexpr double kOwnVoiceMax = 0.25;
constexpr double kOtherVoiceMin = 0.6;
constexpr std::size_t kLongLineWords = 18;
constexpr double kNumberWeight = 1.0;
constexpr double kNameWeight = 0.6;
constexpr double kMajorClaim = 0.85;

HashSet hashes(std::initializer_list<std::string_view> words) {
  HashSet set;
  for (const std::string_view word : words) set.insert(read_word(word).hash);
  return set;
}

// Capitalised, yet nothing that could be invented.
const HashSet& everyday_names() {
  static const HashSet kSet = hashes(
      {"i",       "im",        "ive",          "ill",       "id",      "god",       "jesus",
       "lord",    "tv",        "ok",           "okay",      "mr",      "mrs",       "ms",
       "dr",      "sir",       "monday",       "mondays",   "tuesday", "wednesday", "thursday",
       "friday",  "fridays",   "saturday",     "sunday",    "sundays", "english",   "american",
       "america", "christmas", "thanksgiving", "halloween", "mom",     "dad",       "mommy",
       "daddy",   "earth",     "internet",     "hell",      "discord", "usa",       "states",
       "new",     "year",      "holy",         "yes",       "no"});
  return kSet;
}

const HashSet& hedges() {
  static const HashSet kSet = hashes({"like", "about", "around", "roughly", "maybe", "almost",
                                      "probably", "nearly", "perhaps", "approximately", "say"});
  return kSet;
}

bool digits_only(std::string_view word) {
  return std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// A number as another text may spell it: 3 is three.
bool spelled_out(const Draft& draft, std::string_view digits) {
  constexpr std::array<std::string_view, 13> kNames{"zero", "one",    "two",   "three", "four",
                                                    "five", "six",    "seven", "eight", "nine",
                                                    "ten",  "eleven", "twelve"};
  std::size_t value = kNames.size();
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value < kNames.size() && draft.supported(read_word(kNames[value]).stem);
}

// Numbers of speech rather than of fact: "100 percent", "number 1".
bool figure_of_speech(std::string_view digits) {
  return digits == "1" || digits == "2" || digits == "100" || digits == "110";
}

// Whether the word at `index` is the first of a sentence or of a quotation, where any word has a
// capital.
bool begins_sentence(const Text& text, std::size_t index) {
  if (index == 0) return true;
  const std::size_t from = text.words[index - 1].end;
  const std::string_view gap = text.raw.substr(from, text.words[index].start - from);
  return gap.find_first_of(".!?:;\"\n(*") != std::string_view::npos ||
         gap.find("\xE2\x80") != std::string_view::npos;  // dashes, ellipsis, curly quotes
}

// A word in capitals throughout is loud, not a name.
bool named(std::string_view written) {
  const bool capital = written[0] >= 'A' && written[0] <= 'Z';
  const bool loud =
      std::none_of(written.begin(), written.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  return capital && !loud && written.size() > 2;
}

struct Claims {
  double weight = 0;
  std::vector<std::string_view> examples;
};

Claims unsupported_claims(const Draft& draft) {
  Claims claims;
  const Text& text = draft.text;
  bool in_name = false;
  for (std::size_t i = 0; i < text.words.size(); ++i) {
    const std::string_view written = text.written(text.words[i]);
    const std::uint64_t stem = text.words[i].stem;
    double weight = 0;
    const bool goes_on = std::exchange(in_name, false);
    if (digits_only(written)) {
      if (figure_of_speech(written) || draft.supported(stem) || spelled_out(draft, written))
        continue;
      const bool hedged = i > 0 && hedges().contains(text.words[i - 1].hash);
      weight = hedged ? kNumberWeight / 2 : kNumberWeight;
    } else if (named(written) && !begins_sentence(text, i)) {
      if (everyday_names().contains(text.words[i].hash) || draft.supported(stem)) continue;
      in_name = true;
      // "Spooner Street" is one name.
      weight = goes_on ? 0 : kNameWeight;
    } else {
      continue;
    }
    claims.weight += weight;
    if (claims.examples.size() < 3) claims.examples.push_back(utf8_prefix(written, 40));
  }
  return claims;
}

}  // namespace

MaybeFinding find_wrong_voice(const Draft& draft) {
  const Voice& voice = draft.voice;
  const std::size_t own = draft.speaker.index;
  const auto best = static_cast<std::size_t>(
      std::max_element(voice.scores.begin(), voice.scores.end()) - voice.scores.begin());
  if (best == own || voice.scores[own] > kOwnVoiceMax || voice.scores[best] < kOtherVoiceMin) {
    return std::nullopt;
  }
  const Marks& theirs = voice.marks[best];
  const Marks& mine = voice.marks[own];
  if (mine.phrases > 0 || mine.words > 1) return std::nullopt;
  const bool marked = theirs.phrases > 0 || theirs.words >= 2;
  const bool certain = voice.scores[best] > 0.9 && voice.scores[own] < 0.05;
  if (!marked && !certain) return std::nullopt;
  const auto& speaker = draft.speaker.character;
  std::string hint = fmt::format("This sounds like {}; speak as {}",
                                 draft.cast.profiles()[best].character.name, speaker.name);
  if (!speaker.phrases.empty())
    hint += fmt::format(", with words like \"{}\"", speaker.phrases.front());
  return Finding{FindingCode::WrongVoice, Severity::Major, hint + "."};
}

MaybeFinding find_unsupported_claim(const Draft& draft) {
  if (draft.knowledge.size() == 0 && !draft.answers_question) return std::nullopt;
  const Claims claims = unsupported_claims(draft);
  if (claims.examples.empty()) return std::nullopt;
  std::string list;
  for (const std::string_view example : claims.examples) {
    list += fmt::format("{}{}", list.empty() ? "" : ", ", example);
  }
  // A character that is known to invent gets less credit for the same claim.
  const double risk = claims.weight * (0.5 + draft.speaker.character.hallucination_risk);
  return Finding{
      FindingCode::UnsupportedClaim, risk >= kMajorClaim ? Severity::Major : Severity::Minor,
      fmt::format("Leave out what you were not told: {}. Say so if you do not know.", list)};
}

MaybeFinding find_off_topic(const Draft& draft) {
  if (draft.asked.empty() || draft.text.words.size() < kLongLineWords) return std::nullopt;
  const bool related =
      std::any_of(draft.content.begin(), draft.content.end(), [&](std::uint64_t stem) {
        return draft.knowledge.contains(stem) || draft.recent.contains(stem);
      });
  if (related) return std::nullopt;
  return Finding{FindingCode::OffTopic, Severity::Minor,
                 fmt::format("React to what {} has just said.", draft.answered()->line->author)};
}

bool personal(const Draft& draft) {
  static const HashSet kPersons = hashes(
      {"i",    "im",    "ive",   "ill",   "id",     "me",   "my",   "mine",  "myself", "you",
       "your", "youre", "youll", "youve", "yours",  "we",   "us",   "our",   "lets",   "dont",
       "cant", "wont",  "isnt",  "thats", "theres", "hes",  "shes", "whats", "aint",   "didnt",
       "oh",   "ah",    "hey",   "wow",   "ugh",    "ha",   "haha", "hehe",  "hehehe", "heh",
       "aw",   "yeah",  "yep",   "nah",   "nope",   "damn", "dude", "man",   "huh",    "whoa",
       "okay", "pff",   "alas",  "ooh",   "geez",   "jeez", "yay",  "boy",   "gee",    "hello"});
  return std::any_of(draft.text.words.begin(), draft.text.words.end(),
                     [](const Word& word) { return kPersons.contains(word.hash); });
}

}  // namespace quality
