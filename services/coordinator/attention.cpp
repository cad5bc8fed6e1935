#include "coordinator/attention.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>

#include "base/utf8.h"
#include "lexical/analyser.h"

namespace coordinator {
namespace {

using Form = std::vector<std::string>;  // the words of one name

bool one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool pronoun(std::string_view word) {
  return one_of(word, {"you", "i", "we", "he", "she", "it", "they", "there", "u", "ya", "this",
                       "that", "anyone", "anybody", "someone", "somebody", "everyone"});
}

bool auxiliary(std::string_view word) {
  return one_of(word,
                {"is",     "are",   "was",  "were",    "am",     "do",      "does",   "did",
                 "can",    "could", "will", "would",   "should", "have",    "has",    "had",
                 "may",    "might", "must", "isnt",    "arent",  "wasnt",   "werent", "dont",
                 "doesnt", "didnt", "cant", "couldnt", "wont",   "wouldnt", "hasnt",  "shall"});
}

// Words after which a name is an object or a subject, not somebody who is spoken to.
bool points_at(std::string_view word) {
  return auxiliary(word) ||
         one_of(word, {"about",  "of",    "with",  "to",    "from",    "for",     "than",  "by",
                       "at",     "on",    "like",  "if",    "that",    "because", "when",  "while",
                       "where",  "who",   "a",     "an",    "the",     "my",      "your",  "his",
                       "her",    "their", "our",   "this",  "those",   "these",   "love",  "hate",
                       "know",   "see",   "saw",   "seen",  "met",     "meet",    "miss",  "call",
                       "called", "named", "tell",  "told",  "ask",     "asked",   "heard", "hear",
                       "want",   "likes", "loves", "hates", "against", "without", "said",  "says"});
}

// Words after a name that make it the subject of a report: "Peter said", "Peter drinks".
bool reports(std::string_view word) {
  if (one_of(word, {"thanks", "this", "always", "yes", "whats", "hows", "wheres", "lets", "its",
                    "guys", "thats", "need", "indeed", "have", "do", "as", "us", "perhaps"})) {
    return false;
  }
  if (auxiliary(word)) return true;
  if (one_of(word, {"said", "told", "thought", "went", "came", "got", "made", "knew", "drank",
                    "ate", "just", "never", "himself"})) {
    return true;
  }
  const bool third_person = word.size() > 3 && word.ends_with('s') && !word.ends_with("ss");
  return third_person || (word.size() > 4 && word.ends_with("ed"));
}

// A text, its words, and what stands between them.
class Reading {
 public:
  explicit Reading(std::string_view text) : text_(text), words_(lexical::words(text)) {}

  std::size_t size() const { return words_.size(); }
  std::string_view word(std::size_t i) const {
    return i < words_.size() ? std::string_view(words_[i].text) : std::string_view();
  }

  bool mentioned(std::size_t i) const {
    const std::size_t start = words_[i].start;
    if (start == 0 || text_[start - 1] != '@') return false;
    return start == 1 || std::string_view(" <(,\n\t").find(text_[start - 2]) != std::string::npos;
  }

  // How the name from word `first` to word `last` is spoken of.
  double manner(std::size_t first, std::size_t last) const {
    if (mentioned(first)) return kSpokenTo;
    const std::string_view after = text_.substr(words_[last].end);
    const bool possessive = after.starts_with("'s") || after.starts_with("\xE2\x80\x99s");
    if (possessive) return kAbout;
    if (!parted(first) && points_at(word(first - 1))) return kAbout;
    // "Peter, is it true?" and "Peter do you know" speak to him; "Peter is wrong" does not.
    if (parted(last + 1) || !reports(word(last + 1))) return kSpokenTo;
    return auxiliary(word(last + 1)) && pronoun(word(last + 2)) ? kSpokenTo : kAbout;
  }

  bool matches(const Form& form, std::size_t at) const {
    if (form.empty() || at + form.size() > words_.size()) return false;
    for (std::size_t i = 0; i < form.size(); ++i) {
      if (words_[at + i].text != form[i]) return false;
    }
    return true;
  }

 private:
  // Whether punctuation, or an end of the text, stands before word i.
  bool parted(std::size_t i) const {
    if (i == 0 || i >= words_.size()) return true;
    const std::size_t from = words_[i - 1].end;
    const std::string_view gap = text_.substr(from, words_[i].start - from);
    return gap.find_first_of(",.!?:;()\n-") != std::string_view::npos;
  }

  std::string_view text_;
  std::vector<lexical::Word> words_;
};

std::vector<Form> forms(const contracts::Character& character) {
  std::vector<Form> all{lexical::tokens(character.id), lexical::tokens(character.name)};
  // "Peter" for "Peter Griffin", but not "The" for "The Judge".
  if (all[1].size() > 1 && !lexical::stopword(all[1][0])) all.push_back({all[1][0]});
  for (const std::string& alias : character.aliases) all.push_back(lexical::tokens(alias));
  return all;
}

struct Occurrence {
  std::size_t who;
  std::size_t first;
  std::size_t last;
};

std::vector<Occurrence> occurrences(const Reading& reading,
                                    const std::vector<contracts::Character>& cast) {
  std::vector<Occurrence> found;
  for (std::size_t who = 0; who < cast.size(); ++who) {
    const std::vector<Form> names = forms(cast[who]);
    for (std::size_t at = 0; at < reading.size(); ++at) {
      std::size_t length = 0;
      for (const Form& form : names) {
        if (form.size() > length && reading.matches(form, at)) length = form.size();
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
        reading.manner(i, i) == kSpokenTo) {
      return true;
    }
    if (question &&
        one_of(word, {"anyone", "anybody", "someone", "somebody", "everyone", "everybody"})) {
      return true;
    }
  }
  return false;
}

bool mentions_others(const Reading& reading, const std::vector<Occurrence>& known) {
  for (std::size_t i = 0; i < reading.size(); ++i) {
    if (!reading.mentioned(i) || one_of(reading.word(i), {"everyone", "here", "all"})) continue;
    const bool ours = std::any_of(known.begin(), known.end(), [&](const Occurrence& occurrence) {
      return occurrence.first <= i && i <= occurrence.last;
    });
    if (!ours) return true;
  }
  return false;
}

}  // namespace

Attention attention(const contracts::Line& line, const std::vector<contracts::Character>& cast) {
  const Reading reading(line.text);
  const std::vector<Occurrence> found = occurrences(reading, cast);
  Attention result;
  const double floor = speaks_to_room(reading, is_question(line.text)) ? kRoom : 0.0;
  result.strength.assign(cast.size(), floor);
  // "Peter and Brian": who stands together is spoken of in one manner.
  for (std::size_t i = 0; i < found.size();) {
    std::size_t end = i + 1;
    while (end < found.size() && chained(reading, found[end - 1], found[end])) ++end;
    const double manner = reading.manner(found[i].first, found[end - 1].last);
    for (; i < end; ++i) {
      double& strength = result.strength[found[i].who];
      strength = std::max(strength, manner);
    }
  }
  if (line.reply_to && !line.reply_to->empty()) {
    result.elsewhere = true;
    for (std::size_t who = 0; who < cast.size(); ++who) {
      if (cast[who].id != *line.reply_to) continue;
      result.strength[who] = kSpokenTo;
      result.elsewhere = false;
    }
  }
  if (floor == 0.0 && mentions_others(reading, found)) result.elsewhere = true;
  result.by_name =
      std::find(result.strength.begin(), result.strength.end(), kSpokenTo) != result.strength.end();
  return result;
}

bool is_question(std::string_view text) {
  for (std::size_t at = text.find('?'); at != std::string_view::npos; at = text.find('?', at + 1)) {
    // Inside a link a question mark is followed by more of the link.
    if (at + 1 == text.size() ||
        std::string_view(" \n\t?!.\")*_").find(text[at + 1]) != std::string_view::npos) {
      return true;
    }
  }
  const Reading reading(text);
  const std::string_view first = reading.word(0);
  if (one_of(first, {"who", "what", "when", "where", "why", "which", "how", "whose", "whom",
                     "whats", "hows", "whos", "wheres", "whys"})) {
    return true;
  }
  const std::string_view second = reading.word(1);
  if (one_of(first, {"do", "have"}) && one_of(second, {"it", "this", "that"}))
    return false;  // "Do it."
  return auxiliary(first) && pronoun(second);
}

bool goes_on(std::string_view text) {
  constexpr std::size_t kShort = 8;
  constexpr std::array<std::string_view, 6> kFirst{"and", "why", "really",
                                                   "but", "so",  "seriously"};
  constexpr std::array<std::string_view, 10> kReferring{"she", "he",  "it",   "they", "that",
                                                        "her", "him", "them", "this", "there"};
  const auto said = lexical::tokens(text);
  if (said.empty() || said.size() > kShort) return false;
  const auto among = [](const auto& list, const std::string& word) {
    return std::find(list.begin(), list.end(), word) != list.end();
  };
  return among(kFirst, said.front()) ||
         (is_question(text) && std::any_of(said.begin(), said.end(), [&](const std::string& word) {
            return among(kReferring, word);
          }));
}

bool is_greeting(std::string_view text) {
  constexpr std::size_t kWordsMax = 6;
  const Reading reading(text);
  if (reading.size() == 0) return false;
  if (one_of(reading.word(0),
             {"bye", "goodbye", "farewell", "goodnight", "thanks", "thank", "thx"})) {
    return true;
  }
  if (reading.size() > kWordsMax) return false;
  if (reading.word(0) == "good") {
    return one_of(reading.word(1), {"morning", "evening", "afternoon", "day", "night"});
  }
  return one_of(reading.word(0), {"hi", "hey", "hello", "heya", "hiya", "yo", "howdy", "greetings",
                                  "sup", "hallo", "morning", "evening", "gm"});
}

}  // namespace coordinator
