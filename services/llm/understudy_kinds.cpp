#include "llm/understudy_kinds.h"

#include <algorithm>
#include <cstddef>

namespace llm::understudy {
namespace {

constexpr std::string_view kMonths =
    "january february march april may june july august september october november december";
constexpr std::string_view kWeekdays =
    "monday tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays "
    "thursdays fridays saturdays sundays";
constexpr std::string_view kColours =
    "red green blue white black yellow pink purple brown grey gray orange silver golden gold beige";
constexpr std::string_view kPeople =
    "mailman postman judge barber doctor dentist veterinarian teacher pilot officer composer "
    "director trio brigade firemen crew mayor queen king emperor candidate writer author poet "
    "captain soldier democrats republicans party team gang ducks duck band people neighbors "
    "neighbours police nurse bartender lawyer professor landlord stranger crowd";
constexpr std::string_view kClockWords =
    "at past to until till from between before after and oclock around";
constexpr std::string_view kHours =
    "one two three four five six seven eight nine ten eleven twelve noon midnight";

struct Unit {
  std::string_view words;
  unsigned kind;
};
constexpr Unit kUnits[] = {
    {"dollar dollars cent cents buck bucks euro euros", kTellsMoney},
    {"year years month months week weeks day days hour hours minute minutes second seconds night "
     "nights summer",
     kTellsSpan},
    {"pounds pound kilo kilos ounces", kTellsWeight},
    {"inches inch feet foot miles mile yards meters metres", kTellsLength},
    {"degrees degree", kTellsHeat},
};

bool number(const Token& token) {
  return (token.sorts & kNumber) != 0 && !listed("no none never every both several", token.text);
}

unsigned told_by_number(const std::vector<Token>& tokens, std::size_t i) {
  unsigned kinds = kTellsNumber;
  const std::string& text = tokens[i].text;
  for (std::size_t k = i + 1; k < std::min(tokens.size(), i + 3); ++k) {
    for (const Unit& unit : kUnits) {
      if (listed(unit.words, tokens[k].text)) kinds |= unit.kind;
    }
  }
  if (text.size() == 4 && (text.starts_with("1") || text.starts_with("20"))) kinds |= kTellsYear;
  const bool hour = listed(kHours, text);
  if (hour && i > 0 && listed(kClockWords, tokens[i - 1].text)) kinds |= kTellsClock;
  return kinds;
}

// Whether the name at `i` is given to somebody or something here, not only mentioned.
bool introduced(const std::vector<Token>& tokens, std::size_t i) {
  for (std::size_t k = i > 3 ? i - 3 : 0; k < std::min(tokens.size(), i + 3); ++k) {
    if (k < i && listed("named called name titled", tokens[k].text)) return true;
    if (k + 1 == i && listed("is was", tokens[k].text)) return true;
    const bool near = k + 2 >= i && k != i;
    if (near && (tokens[k].sorts & kPerson) != 0) return true;
  }
  return false;
}

// What "how ..." wants, at the word behind it.
Wish how_much(const std::vector<Token>& tokens, std::size_t i) {
  const std::string& word = tokens[i].text;
  const auto says = [&](std::string_view words) {
    return std::any_of(tokens.begin(), tokens.end(),
                       [&](const Token& token) { return listed(words, token.text); });
  };
  if (word == "many" || word == "often") {
    Wish wish{kTellsNumber, word == "many", 0, 0};
    for (std::size_t k = i + 1; k < tokens.size(); ++k) {
      const bool of = wish.counted == 0 && listed("of the your", tokens[k].text);
      if (tokens[k].stop && !of) break;
      if (of) continue;
      if (listed("ones people", tokens[k].text)) wish.counted = 0;
      if (listed("years yrs months weeks days hours minutes", tokens[k].text)) {
        return {kTellsSpan, true, 0, 0};
      }
      if (!tokens[k].soft) wish.counted = tokens[k].meaning;
    }
    return wish;
  }
  if (word == "much") {
    if (says("weigh")) return {kTellsWeight, true, 0, meaning("weigh")};
    const bool money = says("cost pay paid earn charge make price worth money cash spend give");
    return {money ? kTellsMoney : unsigned{kTellsNumber}, true, 0};
  }
  if (word == "long") return {kTellsSpan | kTellsLength, true, 0, 0};
  if (listed("tall high short", word)) return {kTellsLength, true, 0, meaning(word)};
  if (word == "far") return {kTellsLength | kTellsNumber, true, 0, 0};
  if (word == "heavy") return {kTellsWeight, true, 0, meaning("weigh")};
  if (listed("warm hot", word)) return {kTellsHeat, false, 0, 0};
  if (listed("big large loud fast", word)) return {kTellsNumber, false, 0, 0};
  if (word == "come") return {kTellsReason, false, 0, 0};
  return {};
}

Wish what_kind(const std::vector<Token>& tokens, std::size_t i) {
  const std::size_t last = std::min(tokens.size(), i + 4);
  for (std::size_t k = i + 1; k < last; ++k) {
    const std::string& word = tokens[k].text;
    if (word == "time") {
      const bool of =
          k + 2 < tokens.size() && tokens[k + 1].text == "of" && tokens[k + 2].text != "day";
      if (of) return {kTellsDate, false, 0, 0};
      return {kTellsClock, true, 0, 0};
    }
    if (word == "year") return {kTellsYear, true, 0, 0};
    if (listed("month date", word)) return {kTellsDate, true, 0, 0};
    if (listed("day days weekday weekdays evening evenings", word)) {
      return {kTellsWeekday | kTellsDate, word == "days" || word == "weekdays", 0, 0};
    }
    if (listed("colour color shade colours colors", word)) return {kTellsColour, true, 0, 0};
    if (listed("price cost", word)) return {kTellsMoney, true, 0, 0};
    if (listed("weight", word)) return {kTellsWeight, true, 0, 0};
    if (listed("height", word)) return {kTellsLength, true, 0, 0};
    if (word == "number") return {kTellsNumber, true, 0, 0};
    if (listed("city town state country village place street road", word)) {
      return {kTellsPlace, false, 0, 0};
    }
    if (tokens[k].stop) continue;
    break;
  }
  return {};
}

}  // namespace

unsigned kinds_told(std::string_view text, const std::vector<Token>& tokens) {
  unsigned kinds = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    if (number(token)) kinds |= told_by_number(tokens, i);
    const bool aged = token.text == "age" && i + 1 < tokens.size() && number(tokens[i + 1]);
    if (aged || (token.text == "age" && i + 2 < tokens.size() && number(tokens[i + 2]))) {
      kinds |= kTellsAge;
    }
    if (listed("noon midnight", token.text)) kinds |= kTellsClock;
    if (token.capital && listed(kMonths, token.text)) kinds |= kTellsDate;
    if (listed("christmas summer winter spring autumn childhood noon", token.text)) {
      kinds |= kTellsDate;
    }
    if (listed(kWeekdays, token.text)) kinds |= kTellsWeekday;
    if (listed(kColours, token.text)) kinds |= kTellsColour;
    if ((token.sorts & kReason) != 0 && listed("because since after until as", token.text))
      kinds |= kTellsReason;
    if (i > 0 && token.capital && listed("to from near", tokens[i - 1].text)) kinds |= kTellsPlace;
    if (i > 0 && listed(kPeople, token.text)) kinds |= kTellsWho | kTellsPeople;
    if (i > 1 && (token.sorts & kPerson) != 0) kinds |= kTellsWho | kTellsPeople;
    if (token.text == "ago") kinds |= kTellsDate;
    if (i > 0 && token.capital && (token.sorts & kTime) == 0) {
      kinds |= kTellsWho | (introduced(tokens, i) ? unsigned{kTellsName} : 0U);
    }
    const bool pair = i > 1 && token.capital && tokens[i - 1].capital &&
                      text.substr(tokens[i - 1].end, token.start - tokens[i - 1].end) == " ";
    if (pair) kinds |= kTellsFullName;
  }
  return kinds;
}

Wish wish_of(const std::vector<Token>& question) {
  const auto says = [&](std::string_view words) {
    return std::any_of(question.begin(), question.end(),
                       [&](const Token& token) { return listed(words, token.text); });
  };
  if (says("surname") || (says("last") && says("name"))) return {kTellsFullName, true, 0, 0};
  if (says("name called named names title nickname")) return {kTellsName, true, 0, 0};
  if (says("age") && says("age how what whats")) return {kTellsAge | kTellsSpan, true, 0, 0};
  if (says("who whos") && says("is") && question.size() <= 5) return {kTellsName, true, 0, 0};
  if (says("cost earn earns charge") && says("what whats")) return {kTellsMoney, true, 0, 0};
  if (says("weigh") && says("what whats")) {
    return {kTellsWeight, true, 0, meaning("weigh")};
  }
  for (std::size_t i = 0; i < question.size(); ++i) {
    const std::string& word = question[i].text;
    if (word == "how" && i + 1 < question.size()) return how_much(question, i + 1);
    if (listed("what whats which", word)) return what_kind(question, i);
    if (listed("when whens", word)) {
      return {kTellsClock | kTellsDate | kTellsWeekday | kTellsYear, true, 0, 0};
    }
    if (listed("who whos whom", word)) return {kTellsWho, true, 0, 0};
    if (listed("where wheres", word)) return {kTellsPlace, true, 0, 0};
    if (listed("why whys", word)) return {kTellsReason, true, 0, 0};
  }
  if (says("number numbers")) return {kTellsNumber, false, 0, 0};
  return {};
}

}  // namespace llm::understudy
