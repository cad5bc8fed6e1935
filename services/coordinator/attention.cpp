#include "coordinator/attention.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "coordinator/hush.h"
#include "coordinator/reading.h"
#include "coordinator/thesaurus.h"

namespace coordinator {
namespace {

using Form = Names::Form;

struct Occurrence {
  std::size_t who;
  std::size_t first;
  std::size_t last;
  double manner = kAbout;
};

bool matches(const Reading& reading, const Form& form, std::size_t at) {
  if (form.empty() || at + form.size() > reading.size()) return false;
  for (std::size_t i = 0; i < form.size(); ++i) {
    std::string_view word = reading.word(at + i);
    if (!word.starts_with(form[i])) return false;
    // "peterrr" calls Peter, too.
    for (word.remove_prefix(form[i].size()); !word.empty(); word.remove_prefix(1)) {
      if (word.front() != form[i].back() || form[i].size() < 3) return false;
    }
  }
  return true;
}

std::vector<Form> forms_of(const contracts::Character& character) {
  std::vector<Form> all{lexical::tokens(character.id), lexical::tokens(character.name)};
  // "Peter" for "Peter Griffin", but not "The" for "The Judge".
  if (all[1].size() > 1 && !lexical::stopword(all[1][0])) all.push_back({all[1][0]});
  for (const std::string& alias : character.aliases) all.push_back(lexical::tokens(alias));
  return all;
}

// "not you, Peter", "please not Stewie", "anyone but Brian", "Peter, not you".
bool let_out(const Reading& reading, std::size_t first, std::size_t last) {
  if (reading.word(last + 1) == "not" && one_of(reading.word(last + 2), {"you", "u"})) return true;
  if (reading.begins(first)) return false;
  const std::string_view before = reading.word(first - 1);
  const std::string_view further = reading.word(first - 2);
  if (one_of(before, {"except", "besides"})) return true;
  if (before == "not") return further != "why" && further != "or";
  if (one_of(before, {"you", "u", "again"})) return further == "not";
  if (before == "of") return further == "instead";
  if (before == "than") return one_of(further, {"rather", "other"});
  return before == "but" &&
         one_of(further, {"anyone", "anybody", "everyone", "everybody", "all", "someone"});
}

// Where a name is spoken to although the words before it point at it: "I meant Stewie", "the
// question was for Peter", "what about Brian?", "let Stewie answer".
bool turned_to(const Reading& reading, std::size_t first, std::size_t last) {
  const std::string_view before = reading.word(first - 1);
  const std::string_view further = reading.word(first - 2);
  if (one_of(before, {"meant", "mean", "asking", "addressing"})) return true;
  if (before == "about") return one_of(further, {"what", "how", "hbu", "wbu"});
  if (before == "from") return one_of(further, {"hear", "answer", "word", "opinion"});
  if (one_of(before, {"let", "want", "need"})) {
    return one_of(reading.word(last + 1),
                  {"answer", "speak", "talk", "explain", "say", "try", "handle"}) ||
           (before == "let" ? reading.parted(last + 1) : reading.word(last + 1) == "to");
  }
  if (before != "for" && before != "to") return false;
  if (reading.begins(first - 1) && reading.parted(last + 1)) return true;
  return one_of(further, {"was", "is", "were", "question", "questions", "one", "meant", "this",
                          "thats", "talking", "speaking", "over", "back", "turning", "addressed",
                          "directed", "switching", "next"});
}

// How the name from word `first` to word `last` is spoken of.
double manner(const Reading& reading, std::size_t first, std::size_t last) {
  if (let_out(reading, first, last)) return kNotYou;
  if (reading.mentioned(first)) return kSpokenTo;
  if (reading.possessive(last)) return kAbout;
  if (turned_to(reading, first, last)) return kSpokenTo;
  // "The dog" calls somebody at the beginning of a sentence only: "walk the dog, please".
  if (last > first && lexical::stopword(reading.word(first)) && !reading.begins(first)) {
    return kAbout;
  }
  // "..., but you do, Brian" and "but you do brian"
  if (auxiliary(reading.word(first - 1)) && one_of(reading.word(first - 2), {"you", "u"})) {
    return kSpokenTo;
  }
  const std::string_view before = reading.word(first - 1);
  if (!reading.parted(first) && (points_at(before) || asks(before))) return kAbout;
  // "Peter, is it true?" and "Peter do you know" speak to him; "Peter is wrong" does not.
  const std::string_view after = reading.word(last + 1);
  if (reading.parted(last + 1) || !reports(after)) return kSpokenTo;
  return auxiliary(after) && pronoun(reading.word(last + 2)) ? kSpokenTo : kAbout;
}

std::vector<Occurrence> occurrences(const Reading& reading, const Roster& roster) {
  std::vector<Occurrence> found;
  for (std::size_t who = 0; who < roster.size(); ++who) {
    const std::vector<Form>& names = roster.names(who);
    for (std::size_t at = 0; at < reading.size(); ++at) {
      std::size_t length = 0;
      for (const Form& form : names) {
        if (form.size() > length && matches(reading, form, at)) length = form.size();
      }
      if (length == 0) continue;
      found.push_back({who, at, at + length - 1});
      at += length - 1;
    }
  }
  std::sort(found.begin(), found.end(),
            [](const Occurrence& a, const Occurrence& b) { return a.first < b.first; });
  return found;
}

bool chained(const Reading& reading, const Occurrence& a, const Occurrence& b) {
  return b.first == a.last + 2 && one_of(reading.word(a.last + 1), {"and", "or"});
}

// "Peter and Brian": who stands together is spoken of in one manner. "Brian, ...: Peter or Stewie?"
// gives a choice of two to somebody else.
void judge(const Reading& reading, std::vector<Occurrence>& found, bool question) {
  bool addressed = false;
  for (std::size_t i = 0; i < found.size();) {
    std::size_t end = i + 1;
    while (end < found.size() && chained(reading, found[end - 1], found[end])) ++end;
    double how = manner(reading, found[i].first, found[end - 1].last);
    const bool choice = end > i + 1 && reading.word(found[i].last + 1) == "or" && question;
    if (how == kSpokenTo && choice && addressed) how = kAbout;
    addressed = addressed || how == kSpokenTo;
    for (; i < end; ++i) found[i].manner = how;
  }
}

// "Sorry Stewie, wrong guy, I meant Peter": who was named before the correction is let out.
void correct(const Reading& reading, std::vector<Occurrence>& found) {
  for (Occurrence& occurrence : found) {
    if (occurrence.manner != kSpokenTo) continue;
    const std::size_t end = reading.sentence_end(occurrence.last);
    for (std::size_t i = occurrence.last + 1; i < end; ++i) {
      const std::string_view next = reading.word(i + 1);
      const bool wrong = reading.word(i) == "wrong" &&
                         one_of(next, {"guy", "one", "person", "bot", "name", "dog", "baby"});
      const bool another =
          one_of(reading.word(i), {"meant", "mean"}) &&
          std::any_of(found.begin(), found.end(), [&](const Occurrence& other) {
            return other.first == i + 1 && other.who != occurrence.who && other.manner == kSpokenTo;
          });
      if (wrong || another) occurrence.manner = kNotYou;
    }
  }
}

bool speaks_to_room(const Reading& reading, bool question) {
  for (std::size_t i = 0; i < reading.size(); ++i) {
    const std::string_view word = reading.word(i);
    const std::string_view next = reading.word(i + 1);
    if (reading.mentioned(i) && one_of(word, {"everyone", "here", "all", "everybody"})) return true;
    if (word == "you" && one_of(next, {"all", "guys", "two", "three", "both", "lot"})) return true;
    if (one_of(word, {"all", "both", "any", "one", "each"}) && next == "of" &&
        reading.word(i + 2) == "you") {
      return true;
    }
    if (one_of(word, {"everyone", "everybody", "guys", "folks", "yall", "gang"}) &&
        manner(reading, i, i) == kSpokenTo) {
      return true;
    }
    if (question &&
        one_of(word, {"anyone", "anybody", "someone", "somebody", "everyone", "everybody"})) {
      return true;
    }
  }
  return false;
}

// "Does anyone else know?", "and from our expert?": the call goes past those who have spoken.
bool calls_others(const Reading& reading) {
  for (std::size_t i = 0; i < reading.size(); ++i) {
    const std::string_view next = reading.word(i + 1);
    if (next == "else" && one_of(reading.word(i), {"anyone", "anybody", "someone", "somebody",
                                                   "everyone", "everybody", "who"})) {
      return true;
    }
    if (reading.word(i) == "and" && reading.begins(i) && one_of(next, {"from", "for", "according"}))
      return true;
    if (one_of(next, {"others", "rest"}) && reading.word(i) == "the") return true;
  }
  return false;
}

bool says_you(const Reading& reading, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) {
    if (one_of(reading.word(i), {"you", "u", "your", "ur"})) return true;
  }
  return false;
}

// Whether a common first name at i is a call, not half the name of somebody famous: "jane you ...",
// but not "jane austen", "coltrane or miles".
bool calls(const Reading& reading, std::size_t i) {
  if (manner(reading, i, i) != kSpokenTo) return false;
  if (!reading.parted(i) &&
      one_of(reading.word(i - 1), {"and", "or", "vs", "king", "queen", "best"}))
    return false;
  const std::string_view next = reading.word(i + 1);
  if (next == "and" || next == "or" || next == "vs") return false;
  return reading.parted(i + 1) || lexical::stopword(next) || interjection(next) || asks(next) ||
         pronoun(next) || auxiliary(next) ||
         one_of(next, {"look",  "ask",      "check", "come",  "call", "tell", "thanks", "remember",
                       "bring", "send",     "stop",  "guess", "get",  "help", "take",   "give",
                       "hurry", "congrats", "happy", "text",  "say",  "meet", "pick",   "wake",
                       "try",   "x",        "xx",    "ur",    "im",   "ill",  "youre",  "ive",
                       "dont",  "uncle",    "aunt",  "still", "today"});
}

// Whether an unknown word at i stands where the name of somebody stands who is spoken to: "leo did
// you ...", "ok leo, ...", "thanks leo".
bool vocative(const Reading& reading, std::size_t i) {
  const std::string_view word = reading.word(i);
  if (word.size() < 2 || lexical::stopword(word) || interjection(word) || courtesy(word) ||
      asks(word) || points_at(word) || pronoun(word) ||
      one_of(word,
             {"guys",      "folks",   "people",    "gang",    "everybody", "yall",  "bots",
              "today",     "tonight", "tomorrow",  "lots",    "again",     "maybe", "think",
              "thought",   "bet",     "guess",     "hope",    "wish",      "love",  "like",
              "tell",      "show",    "give",      "what",    "yesterday", "later", "sometimes",
              "meanwhile", "however", "otherwise", "besides", "instead",   "plus",  "still",
              "yet",       "huh",     "eh",        "though",  "tho",       "tbh",   "imo",
              "idk",       "hooray",  "question",  "help",    "thing",     "news"}) ||
      word.ends_with("ly") || word.ends_with("ing") || word.ends_with("ed")) {
    return false;
  }
  const std::size_t begin = reading.sentence_begin(i);
  const std::size_t point = reading.past_interjections(begin);
  const std::string_view next = reading.word(i + 1);
  const bool ends = i + 1 == reading.sentence_end(i) || reading.parted(i + 1);
  const bool greeted = i > begin && !reading.parted(i) && courtesy(reading.word(i - 1));
  if (greeted && (i == begin + 1 || i == point + 1 || courtesy(reading.word(i - 2)))) {
    return ends || next == "for" || pronoun(next);
  }
  const bool listed = word.ends_with('s');  // "pancakes, waffles or toast?"
  if (i == reading.sentence_end(i) - 1 && i >= begin + 3 && reading.parted(i) && !listed) {
    return says_you(reading, begin, i);  // "did you lock it, leo?"
  }
  // "movie you regret?" asks about movies.
  if (i != point || has_topic(lexical::stem(word))) return false;
  if (ends) {
    return i + 2 < reading.sentence_end(i) && !listed &&
           (auxiliary(next) || asks(next) || one_of(next, {"you", "your", "i", "we", "please"}));
  }
  if (asks(next)) {
    return says_you(reading, i + 2, reading.sentence_end(i));  // "leo where are you"
  }
  if (one_of(next, {"you", "your", "u", "ur", "youre"})) return true;
  return auxiliary(next) && one_of(reading.word(i + 2), {"you", "u", "we", "your"});
}

// Whether somebody is spoken to by a name that is nobody's in the cast.
bool speaks_to_people(const Reading& reading, const std::vector<Occurrence>& known,
                      const Roster& roster, const std::string& author) {
  for (std::size_t i = 0; i < reading.size(); ++i) {
    const bool ours = std::any_of(known.begin(), known.end(), [&](const Occurrence& occurrence) {
      return occurrence.first <= i && i <= occurrence.last;
    });
    const std::string_view word = reading.word(i);
    if (ours || word == author) continue;
    if (reading.mentioned(i) && !one_of(word, {"everyone", "here", "all", "everybody"})) {
      return true;
    }
    const bool known_person = roster.knows_person(word);
    if (known_person       ? manner(reading, i, i) == kSpokenTo
        : given_name(word) ? calls(reading, i)
                           : vocative(reading, i)) {
      return true;
    }
  }
  return false;
}

// Who is named in a sentence that asks for quiet is let out; where nobody is, all are.
void hush(const Reading& reading, std::vector<Occurrence>& found, Attention& result) {
  for (std::size_t begin = 0; begin < reading.size();) {
    const std::size_t end = reading.sentence_end(begin);
    if (hushes(reading, begin, end)) {
      result.quiet = true;
      std::vector<bool> named(result.strength.size());
      for (Occurrence& occurrence : found) {
        if (occurrence.first < begin || occurrence.first >= end) continue;
        if (occurrence.manner != kSpokenTo || reading.word(occurrence.first - 1) == "let") continue;
        occurrence.manner = kNotYou;
        named[occurrence.who] = true;
      }
      const auto count = std::count(named.begin(), named.end(), true);
      if (count == 0 || count == std::ssize(named)) result.quiet_all = true;
    }
    begin = end;
  }
}

}  // namespace

Names::Names(const std::vector<contracts::Character>& cast) {
  for (const contracts::Character& character : cast) {
    ids.push_back(character.id);
    forms.push_back(forms_of(character));
  }
}

bool Roster::knows_person(std::string_view name) const {
  return std::find(people_.begin(), people_.end(), name) != people_.end();
}

std::optional<std::size_t> Roster::find(std::string_view id) const {
  const auto found = std::find(cast_.ids.begin(), cast_.ids.end(), id);
  if (found == cast_.ids.end()) return std::nullopt;
  return static_cast<std::size_t>(found - cast_.ids.begin());
}

Attention attention(const contracts::Line& line, const Roster& roster) {
  const Reading reading(line.text);
  const bool question = is_question(line.text);
  std::vector<Occurrence> found = occurrences(reading, roster);
  Attention result;
  result.question = question;
  result.strength.assign(roster.size(), 0.0);
  judge(reading, found, question);
  correct(reading, found);
  if (line.kind == contracts::Kind::Human) hush(reading, found, result);
  result.others = calls_others(reading);
  result.elsewhere = speaks_to_people(reading, found, roster, line.author);
  if (result.elsewhere && result.quiet_all) result.quiet = result.quiet_all = false;
  result.room = !result.elsewhere && !result.quiet && speaks_to_room(reading, question);
  if (result.room) result.strength.assign(roster.size(), kRoom);
  for (const Occurrence& occurrence : found) {
    double& strength = result.strength[occurrence.who];
    if (strength == kSpokenTo) continue;
    strength = occurrence.manner == kNotYou ? kNotYou : std::max(strength, occurrence.manner);
  }
  // "Someone other than Peter", "not again, Peter": then it is for the rest.
  const auto& strengths = result.strength;
  const bool somebody = std::find(strengths.begin(), strengths.end(), kSpokenTo) != strengths.end();
  const bool let_go = std::find(strengths.begin(), strengths.end(), kNotYou) != strengths.end();
  if (let_go && !somebody && !result.quiet && !result.elsewhere) {
    for (double& strength : result.strength) strength = strength == kNotYou ? kNotYou : kRoom;
  }
  if (line.reply_to && !line.reply_to->empty()) {
    if (const auto who = roster.find(*line.reply_to)) {
      double& strength = result.strength[*who];
      // Who is called by name comes before him whose line is answered.
      if (strength != kNotYou && !somebody) strength = kSpokenTo;
    } else if (line.kind == contracts::Kind::Human || question || is_greeting(line.text)) {
      // A character's answer to somebody is for all to hear, unless it asks or greets him.
      result.elsewhere = true;
    }
  }
  result.by_name =
      std::find(result.strength.begin(), result.strength.end(), kSpokenTo) != result.strength.end();
  return result;
}

bool asks_for_quiet(std::string_view text) {
  constexpr std::size_t kBareWords = 3;  // "quiet please"
  const Reading reading(text);
  for (std::size_t begin = 0; begin < reading.size();) {
    const std::size_t end = reading.sentence_end(begin);
    if (hushes(reading, begin, end)) {
      if (end - begin <= kBareWords && !one_of(reading.word(begin), {"shush", "hush"})) return true;
      for (std::size_t i = begin; i < end; ++i) {
        if (one_of(reading.word(i),
                   {"guys", "everyone", "everybody", "all", "both", "bots", "folks", "us"})) {
          return true;
        }
      }
    }
    begin = end;
  }
  return false;
}

namespace {

// Whether the sentence whose point is word i begins as questions do.
bool begins_as_question(const Reading& reading, std::size_t i) {
  const std::string_view first = reading.word(i);
  const std::string_view second = reading.word(i + 1);
  if (one_of(first, {"when", "where"}) && pronoun(second)) return false;  // "When I was young, ..."
  if (asks(first)) return !(first == "what" && (second == "a" || second == "an"));
  if (asks(second) && one_of(first, {"for", "to", "by", "with", "in", "at", "from", "of", "since"}))
    return true;
  if (one_of(first, {"do", "have"}) && one_of(second, {"it", "this", "that"}))
    return false;  // "Do it."
  return auxiliary(first) && pronoun(second);
}

}  // namespace

bool is_question(std::string_view text) {
  for (std::size_t at = text.find('?'); at != std::string_view::npos; at = text.find('?', at + 1)) {
    // Inside a link a question mark is followed by more of the link.
    if (at + 1 == text.size() ||
        std::string_view(" \n\t?!.\")*_").find(text[at + 1]) != std::string_view::npos) {
      return true;
    }
  }
  const Reading reading(text);
  for (std::size_t begin = 0; begin < reading.size(); begin = reading.sentence_end(begin)) {
    if (begins_as_question(reading, reading.past_interjections(begin))) return true;
    // "told by who lol"
    std::size_t last = reading.sentence_end(begin) - 1;
    while (last > begin && interjection(reading.word(last))) --last;
    if (last > begin && one_of(reading.word(last), {"who", "what", "where", "why", "whom"})) {
      return !one_of(reading.word(last - 1), {"so", "or", "know", "and"});
    }
  }
  return false;
}

bool goes_on(std::string_view text) {
  constexpr std::size_t kShort = 16;
  const Reading reading(text);
  if (reading.size() == 0 || reading.size() > kShort) return false;
  const std::size_t point = reading.past_interjections(0);
  for (std::size_t i = 0; i <= point; ++i) {
    if (one_of(reading.word(i), {"and", "why", "really", "but", "so", "seriously"})) return true;
  }
  const bool question = is_question(text);
  for (std::size_t i = 0; i < reading.size(); ++i) {
    const std::string_view word = reading.word(i);
    if (question && one_of(word, {"she", "he", "it", "they", "that", "her", "him", "them", "this",
                                  "there", "you", "your", "u", "then", "those", "these"})) {
      return true;
    }
  }
  // Too short to be about something else.
  constexpr std::size_t kBare = 5;
  return question && reading.size() <= kBare;
}

bool is_farewell(std::string_view text) {
  const Reading reading(text);
  const std::string_view first =
      reading.word(reading.size() == 0 ? 0 : reading.past_interjections(0));
  return one_of(first, {"bye", "goodbye", "farewell", "goodnight", "thanks", "thank", "thx", "ty"});
}

bool is_nod(std::string_view text) {
  const Reading reading(text);
  for (std::size_t i = 0; i < reading.size(); ++i) {
    if (!interjection(reading.word(i))) return false;
  }
  return reading.size() > 0;
}

bool answers(std::string_view text) {
  const Reading reading(text);
  const std::string_view first = reading.word(0);
  const std::string_view second = reading.word(1);
  if (one_of(first, {"me", "you"})) return second == "too" || second == "neither";
  if (first == "i") return one_of(second, {"do", "did", "am", "can", "will", "have", "know"});
  if (is_question(text)) return false;
  return one_of(first, {"yes",    "yep",     "yeah",    "yup",   "no",      "nope",   "nah",
                        "same",   "sure",    "ok",      "okay",  "k",       "thanks", "thx",
                        "thank",  "ty",      "true",    "np",    "agreed",  "lol",    "haha",
                        "lmao",   "exactly", "perfect", "great", "awesome", "deal",   "yay",
                        "almost", "maybe",   "done",    "sorry", "dont",    "depends"});
}

bool is_greeting(std::string_view text) {
  constexpr std::size_t kWordsMax = 6;
  const Reading reading(text);
  if (reading.size() == 0) return false;
  if (is_farewell(text)) return true;
  if (reading.size() > kWordsMax) return false;
  if (reading.word(0) == "good") {
    return one_of(reading.word(1), {"morning", "evening", "afternoon", "day", "night"});
  }
  return one_of(reading.word(0), {"hi", "hey", "hello", "heya", "hiya", "yo", "howdy", "greetings",
                                  "sup", "hallo", "morning", "evening", "gm"});
}

}  // namespace coordinator
