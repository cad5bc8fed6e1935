#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "quality/findings.h"

namespace quality {
namespace {

using contracts::Finding;
using contracts::FindingCode;
using contracts::Severity;

constexpr double kNumberWeight = 1.0;
constexpr double kNameWeight = 0.6;
constexpr double kSmallNumberWeight = 0.35;  // "give me five minutes"
constexpr double kMinorClaim = 0.45;
constexpr double kMajorClaim = 0.6;
constexpr std::int64_t kSmallNumber = 12;

// Capitalised, yet nothing that could be invented.
const PhraseSet& everyday_names() {
  static const PhraseSet kSet{
      {0,
       "i, im, ive, ill, id, god, jesus, lord, tv, ok, okay, mr, mrs, ms, dr, sir, monday, "
       "mondays, "
       "tuesday, tuesdays, wednesday, wednesdays, thursday, thursdays, friday, fridays, saturday, "
       "saturdays, sunday, sundays, english, american, america, american, french, italian, "
       "german, spanish, latin, greek, russian, chinese, british, european, christmas, easter, "
       "thanksgiving, halloween, mom, dad, mommy, daddy, earth, internet, hell, discord, usa, "
       "states, new, year, holy, yes, no, majesty, highness, madam, ma'am, emperor, january, "
       "february, march, april, may, june, july, august, september, october, november, december, "
       "king, queen, "
       "mayor, father, mother, uncle, aunt, grandma, grandpa, santa, ai, pope, president, city"}};
  return kSet;
}

const PhraseSet& hedges() {
  static const PhraseSet kSet{{0,
                               "like, about, around, roughly, maybe, almost, probably, nearly, "
                               "perhaps, approximately, say, another, least, under, over"}};
  return kSet;
}

// Numbers that are a way of speaking.
const PhraseSet& figures_of_speech() {
  static const PhraseSet kSet{
      {0,
       "percent, per cent, out of, in a row, hundred times, thousand times, million, one, a "
       "hundred, a thousand, number one, first, second, twice, two, zero, third of"}};
  return kSet;
}

std::vector<bool> marked_words(const Text& text, const PhraseSet& set) {
  std::vector<bool> marked(text.words.size(), false);
  for (const PhraseSet::Hit& hit : set.find(text)) {
    std::fill_n(marked.begin() + static_cast<std::ptrdiff_t>(hit.first), hit.words, true);
  }
  return marked;
}

// What is written as a mention is no claim: @somebody, <@&123>, #channel.
bool mention(const Text& text, std::size_t word) {
  const std::size_t start = text.words[word].start;
  return start > 0 && std::string_view("@&#").find(text.raw[start - 1]) != std::string_view::npos;
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
  void add(double more, std::string_view example) {
    weight += more;
    if (examples.size() < 3) examples.push_back(utf8_prefix(example, 40));
  }
};

bool states(const Reading& reading, std::int64_t value) {
  return std::any_of(reading.numbers.begin(), reading.numbers.end(),
                     [&](const Number& number) { return number.value == value; });
}

bool number_supported(const Draft& draft, std::int64_t value) {
  return std::any_of(draft.passages.begin(), draft.passages.end(),
                     [&](const auto& passage) { return states(*passage, value); }) ||
         std::any_of(draft.context.begin(), draft.context.end(),
                     [&](const Draft::Said& said) { return states(*said.reading, value); });
}

// Whether the character's own lines spell the number: "step nineteen of my scheme".
bool of_the_card(const Draft& draft, const Number& number) {
  const auto first = draft.text.words.begin() + static_cast<std::ptrdiff_t>(number.first);
  return !number.digits &&
         std::all_of(first, first + static_cast<std::ptrdiff_t>(number.words),
                     [&](const Word& w) { return draft.speaker.vocabulary.contains(w.stem); });
}

// Whether what was retrieved for the question has numbers that the draft could have got wrong.
bool numbers_known(const Draft& draft) {
  return std::any_of(draft.passages.begin(), draft.passages.end(), [&](const auto& passage) {
    const bool touched =
        std::any_of(draft.content.begin(), draft.content.end(), [&](std::uint64_t stem) {
          return std::find(passage->content.begin(), passage->content.end(), stem) !=
                 passage->content.end();
        });
    return !passage->numbers.empty() && (touched || draft.answers_question);
  });
}

// A name on somebody's card is part of this world, whoever says it.
bool known(const Draft& draft, std::uint64_t stem) {
  const auto& cast = draft.cast.profiles();
  return draft.supported(stem) ||
         std::any_of(cast.begin(), cast.end(),
                     [&](const Profile& profile) { return profile.vocabulary.contains(stem); });
}

void add_numbers(const Draft& draft, Claims& claims) {
  const std::vector<bool> figures = marked_words(draft.text, figures_of_speech());
  const std::vector<bool> hedged = marked_words(draft.text, hedges());
  const bool known = numbers_known(draft);
  for (const Number& number : read_numbers(draft.text)) {
    const auto& words = draft.text.words;
    const std::size_t last = number.first + number.words - 1;
    const bool figure = figures[number.first] || (last + 1 < words.size() && figures[last + 1]);
    const bool everyday = number.digits && (number.value == 100 || number.value == 110);
    if (everyday || (figure && number.words == 1) || mention(draft.text, number.first)) continue;
    if (number.value < 3 && !known) continue;
    if (number_supported(draft, number.value) || of_the_card(draft, number)) continue;
    double weight = kNumberWeight;
    if (!known && number.value <= kSmallNumber && !number.digits) weight = kSmallNumberWeight;
    if (number.first > 0 && hedged[number.first - 1]) weight /= 2;
    claims.add(weight, draft.text.raw.substr(words[number.first].start,
                                             words[last].end - words[number.first].start));
  }
}

void add_names(const Draft& draft, Claims& claims) {
  const Text& text = draft.text;
  const std::vector<bool> everyday = marked_words(text, everyday_names());
  bool in_name = false;
  for (std::size_t i = 0; i < text.words.size(); ++i) {
    const std::string_view written = text.written(text.words[i]);
    const bool goes_on = std::exchange(in_name, false);
    if (!named(written) || begins_sentence(text, i) || mention(text, i)) continue;
    // "Mongolia City" is Mongolia's.
    in_name = true;
    if (goes_on || everyday[i] || known(draft, text.words[i].stem)) continue;
    claims.add(kNameWeight, written);
  }
}

}  // namespace

MaybeFinding find_unsupported_claim(const Draft& draft) {
  Claims claims;
  add_numbers(draft, claims);
  add_names(draft, claims);
  // A character that is known to invent gets less credit for the same claim.
  const double risk = claims.weight * (0.8 + 0.5 * draft.speaker.character.hallucination_risk);
  if (risk < kMinorClaim) return std::nullopt;
  std::string list;
  for (const std::string_view example : claims.examples) {
    list += fmt::format("{}{}", list.empty() ? "" : ", ", example);
  }
  return Finding{
      FindingCode::UnsupportedClaim, risk >= kMajorClaim ? Severity::Major : Severity::Minor,
      fmt::format("Leave out what you were not told: {}. Say so if you do not know.", list)};
}

}  // namespace quality
