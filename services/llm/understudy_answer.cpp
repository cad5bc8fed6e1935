#include "llm/understudy_answer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <unordered_set>

#include "base/ids.h"
#include "base/utf8.h"
#include "lexical/sentences.h"
#include "llm/understudy_kinds.h"

namespace llm::understudy {
namespace {

constexpr std::size_t kFactsMax = 768;
constexpr std::size_t kFactBytesMax = 360;
constexpr std::size_t kFactWordsMin = 3;
constexpr std::size_t kLineBytesMax = 4096;  // of a line that is read for its words
constexpr std::size_t kMatchesMax = 8;
constexpr std::size_t kTalkWordsMax = 24;  // of a sentence that is said unasked
constexpr double kMet = 0.45;              // a head word counts as met
constexpr double kConfident = 0.5;         // a sentence is said as the answer

constexpr std::string_view kIntroductions =
    "in on at when after before every once as during for while since until although though by "
    "with last today now sometimes usually often each from most";
constexpr std::string_view kReferring = "it they them he she him his her there those this that its";

bool is_name(std::string_view word, std::string_view name) {
  return !name.empty() && same(word, name.substr(0, name.find(' ')));
}

bool possessive(std::string_view text, const Token& token) {
  const std::string_view rest = text.substr(token.end);
  return rest.starts_with("'s") || rest.starts_with("\xE2\x80\x99s");
}

// Whether a sentence may be said at all: no heading, no question, no mark of the prompt, no order
// that somebody planted in a text.
bool speakable(std::string_view text) {
  return text.size() <= kFactBytesMax && text.front() != '#' && text.back() != '?' &&
         text.back() != ':' && text.find("<<<") == std::string_view::npos &&
         text.find(">>>") == std::string_view::npos;
}

bool planted(std::string_view text, const std::vector<Token>& tokens) {
  const bool suspect = std::any_of(tokens.begin(), tokens.end(),
                                   [](const Token& token) { return token.sorts & kSuspect; });
  if (!suspect) return false;
  const std::string lower = ascii_lower(text);
  for (const std::string_view mark : {"as an ai", "language model", "instructions", "system prompt",
                                      "roleplay", "you are ", "you must "}) {
    if (lower.find(mark) != std::string::npos) return true;
  }
  return false;
}

// "Chris is 14 and draws well", "He is a dog of 8 years": an age without the word.
bool tells_age(std::string_view text, const std::vector<Token>& tokens) {
  bool copula = false;
  for (std::size_t i = 1; i < std::min<std::size_t>(tokens.size(), 12); ++i) {
    const Token& token = tokens[i];
    if (!copula) {
      copula = i <= 5 && token.text == "is";
      if (!copula) continue;
    }
    if ((token.sorts & kNumber) == 0) continue;
    const bool last = i + 1 == tokens.size();
    if (!last && tokens[i + 1].text == "age") return true;
    if (!last && listed("year years", tokens[i + 1].text)) {
      return tokens[i - 1].text == "of" || (i + 2 < tokens.size() && tokens[i + 2].text == "old");
    }
    const bool bare = last || tokens[i + 1].text == "and" || text.substr(token.end, 1) == ",";
    if (bare && tokens[i - 1].text == "is") return true;
  }
  return false;
}

// Whether the word at `i` begins a place: "in the closet", but not "in May" or "on 2 batteries".
bool tells_place(std::string_view text, const std::vector<Token>& tokens, std::size_t i) {
  const bool by = tokens[i].text == "by";
  if (((tokens[i].sorts & kPlace) == 0 && !by) || i + 1 == tokens.size()) {
    return tokens[i].text == "street";
  }
  const auto timely = [&](std::size_t at) {
    return at < tokens.size() &&
           ((tokens[at].sorts & (kTime | kNumber)) != 0 ||
            listed("day days time times age way mood weekend judge", tokens[at].text));
  };
  if (!listed("in at on by", tokens[i].text)) return true;
  if (listed("it them him", tokens[i + 1].text)) return false;
  const bool article =
      listed("the a an his her their its", tokens[i + 1].text) || possessive(text, tokens[i + 1]);
  if (by) return article && !timely(i + 2);
  const bool address =
      (tokens[i + 1].sorts & kNumber) != 0 && i + 2 < tokens.size() && tokens[i + 2].capital;
  return address || (!timely(i + 1) && !(article && timely(i + 2)));
}

// "on an Olivetti typewriter from 1962": the typewriter.
std::uint64_t place_named(const std::vector<Token>& tokens, std::size_t i) {
  std::uint64_t named = tokens[i].meaning;
  for (++i; i < tokens.size() && tokens[i].stop; ++i) continue;
  for (; i < tokens.size() && !tokens[i].stop; ++i) named = tokens[i].meaning;
  return named;
}

constexpr std::string_view kThinking =
    "thinks thought believes says said considers finds regards trusts distrusts approves";
constexpr std::string_view kHaving =
    "has have had owns own drives drive keeps keep rides wears plays bought holds writes";

// Notes whose name the capitalised word at `i` is: "a girl named Olivia" names the girl, "his boss
// at the plant is Angela" the boss.
void note_named(Fact& fact, const std::vector<Token>& tokens, std::size_t i, const Scene& scene) {
  fact.named.push_back(tokens[i].meaning);
  const bool told = tokens[i - 1].text == "is" || tokens[i - 1].text == "was";
  for (std::size_t k = 0; told && k < i; ++k) {
    if (tokens[k].stop || tokens[k].soft || is_name(tokens[k].text, scene.name)) continue;
    fact.named_things.push_back(tokens[k].meaning);
    break;
  }
  for (std::size_t k = i; k > 0; --k) {
    const Token& before = tokens[k - 1];
    if (before.stop || before.capital || listed("named called name titled", before.text)) continue;
    fact.named_things.push_back(before.meaning);
    return;
  }
}

void note_kinds(Fact& fact, const std::vector<Token>& tokens, const Scene& scene) {
  bool copula = false;
  std::size_t since_number = 9;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    if (tells_place(fact.text, tokens, i)) fact.places.push_back(place_named(tokens, i));
    const bool counts =
        (token.sorts & kNumber) != 0 && !listed("once twice half every never", token.text);
    since_number = counts ? 0 : since_number + 1;
    // "a list of enemies, which has 83 names"
    if (since_number == 0 && i >= 3 && listed("has have", tokens[i - 1].text)) {
      fact.counted.push_back(tokens[i - 2].meaning);
      fact.counted.push_back(tokens[i - 3].meaning);
    }
    if (i > 0 && token.capital && listed("is called named", tokens[i - 1].text)) {
      fact.introduces = token.meaning;
    }
    if (since_number > 0 && since_number <= 3) fact.counted.push_back(token.meaning);
    if (i <= 3 && fact.has_at == 0 && listed(kHaving, token.text)) {
      fact.has_at = std::max<std::size_t>(fact.said.size(), 1);
    }
    fact.view = fact.view || (i == 1 && listed(kThinking, token.text));
    fact.sorts |= token.sorts;
    fact.names = fact.names || (token.sorts & kPerson) != 0 ||
                 (token.capital && !token.stop && (token.sorts & kTime) == 0 &&
                  !is_name(token.text, scene.name));
    if (i > 0 && token.capital && !is_name(token.text, scene.name)) {
      note_named(fact, tokens, i, scene);
    }
    if (!token.stop) fact.said.emplace_back(token.meaning, 1.0);
    if (token.text == "favourite" || token.text == "favorite") {
      fact.favourite = fact.said.size();
      fact.favourite_end = fact.favourite + 2;
    } else if (fact.favourite > 0 && !copula && listed("is are was were", token.text)) {
      fact.favourite_end = fact.said.size();
      copula = true;
    }
  }
  fact.age = tells_age(fact.text, tokens);
  fact.kinds = kinds_told(fact.text, tokens) | (fact.age ? unsigned{kTellsAge} : 0U) |
               (fact.places.empty() ? 0U : unsigned{kTellsPlace});
  fact.of_self = fact.subject == Subject::Self && is_name(tokens.front().text, scene.name) &&
                 !possessive(fact.text, tokens.front());
  if (fact.age && !fact.said.empty()) {
    const bool his = fact.subject == Subject::Self;
    fact.said.insert(his ? fact.said.begin() + 1 : fact.said.end(), {meaning("age"), 1.0});
  }
  fact.own_said = fact.said.size();
}

struct Met {
  double how = 0;      // 0 to 1
  std::size_t at = 0;  // where among what the sentence says
};

// How well `fact` meets one asked meaning. Two kinds of a thing tell more than one.
Met met(const Fact& fact, std::uint64_t asked, const std::vector<std::uint64_t>& kinds) {
  Met best;
  double found = 0;
  for (std::size_t i = 0; i < fact.said.size(); ++i) {
    const auto& [said, directness] = fact.said[i];
    double how = said == asked ? directness : 0;
    if (how == 0 && !kinds.empty() && std::find(kinds.begin(), kinds.end(), said) != kinds.end()) {
      how = 0.8 * directness;
    }
    if (how == 0) continue;
    ++found;
    if (how > best.how) best = {how, i};
  }
  if (found > 1) best.how += 0.03;
  return best;
}

// "My favourite snack is ..., and my couch is orange" does not tell a favourite colour: what is
// asked for must follow the word, or be said outright to be liked.
bool tells_favourite(const Fact& fact, const Met& head) {
  if (fact.text.find(" more than ") != std::string_view::npos) return false;
  if (fact.favourite == 0) return head.how >= 1.0 && met(fact, meaning("favourite"), {}).how > 0;
  return head.at >= fact.favourite && head.at < fact.favourite_end;
}

bool meets_expectation(const Fact& fact, Expect expect) {
  switch (expect) {
    case Expect::Anything:
      return true;
    case Expect::Name:
      return fact.names;
    case Expect::Place:
      return !fact.places.empty();
    case Expect::Time:
      return (fact.sorts & (kTime | kNumber)) != 0;
    case Expect::Count:
      return (fact.sorts & kNumber) != 0;
    case Expect::Age:
      return fact.age;
    case Expect::Content:
      return fact.text.find(" is about ") != std::string_view::npos ||
             fact.text.find(" was about ") != std::string_view::npos;
    case Expect::Reason:
      return true;  // weighed in the score
  }
  return true;
}

// Whether it is the kind of sentence that the question wants, whatever its words.
bool fits(const Fact& fact, const Question& question) {
  if (question.has) {
    const bool his = fact.related && !fact.of_self && fact.subject != Subject::Other;
    if (fact.view || (fact.of_self && fact.has_at == 0) || (!fact.of_self && !his)) return false;
  }
  if (question.job) {
    const Met work = met(fact, meaning("job"), {});
    if (work.how < 1.0 || work.at > 1) return false;
    // Nor what he once did, or what he is busy with.
    for (const std::string_view other : {"working on ", " worked "}) {
      if (fact.text.find(other) != std::string_view::npos) return false;
    }
  }
  // "How old are you?" asks for no daughter's age, and no car's.
  if (question.expect == Expect::Age && question.to_self && question.heads.size() <= 1) {
    return fact.of_self;
  }
  if (question.expect == Expect::Name && question.whom == 0 && fact.view) return false;
  // "I write on an old typewriter" does not tell where the typewriter is.
  if (question.expect == Expect::Place &&
      std::all_of(fact.places.begin(), fact.places.end(), [&](std::uint64_t place) {
        return std::find(question.heads.begin(), question.heads.end(), place) !=
               question.heads.end();
      })) {
    return false;
  }
  if (question.counted == 0) return true;
  const auto& kinds = kinds_of(question.counted);
  return std::any_of(fact.counted.begin(), fact.counted.end(), [&](std::uint64_t thing) {
    return thing == question.counted || std::find(kinds.begin(), kinds.end(), thing) != kinds.end();
  });
}

// Whether the head word that was `found` in the sentence stands there in the role asked for.
bool meets_head(const Fact& fact, const Question& question, std::uint64_t head, const Met& found) {
  if (found.how < kMet) return false;
  // "Who wrote your favourite book?": the book itself does not meet "wrote".
  if (question.expect == Expect::Name && found.how < 1.0 && head == meaning("write")) return false;
  // "Do you have a car?": "his Prius" is one; of a thing of his, the thing itself must be it.
  if (question.has && (fact.of_self ? found.at < fact.has_at : found.at > 2)) return false;
  // "When is your birthday?" is not answered by what he does on his daughter's.
  const bool person = fact.subject == Subject::SelfsPerson || fact.subject == Subject::SelfsWoman;
  return !(question.to_self && question.heads.size() == 1 && person && found.at > 2);
}

// How many words of the last lines a follow-up must share. A bare "why?" goes on about little but
// them, so one common word is chance; not so if it is the thing that the line before began with,
// or the kind of sentence is rare.
std::size_t context_needed(const Fact& fact, const Question& question) {
  if (!question.heads.empty() || question.expect == Expect::Content) return 1;
  const bool same_thing =
      !question.subject.empty() && question.expect == Expect::Place &&
      std::all_of(question.subject.begin(), question.subject.end(),
                  [&](std::uint64_t thing) { return met(fact, thing, {}).how >= 1.0; });
  return same_thing ? 1 : 2;
}

Expect expected(const std::vector<Token>& tokens) {
  const auto says = [&](std::string_view words) {
    return std::any_of(tokens.begin(), tokens.end(),
                       [&](const Token& token) { return listed(words, token.text); });
  };
  if (tokens.empty()) return Expect::Anything;
  if (says("age") && says("age what whats how")) return Expect::Age;
  if (listed("what whats", tokens.front().text)) {
    if (tokens.back().text == "about" && tokens.size() > 2) return Expect::Content;
    if (says("address")) return Expect::Place;
    if (says("name called named title titled")) return Expect::Name;
  }
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string_view word = tokens[i].text;
    const std::string_view next = i + 1 < tokens.size() ? tokens[i + 1].text : std::string_view();
    if (listed("who whos whom whose", word)) return Expect::Name;
    if (word == "where" || word == "wheres") return Expect::Place;
    if (word == "when" || (word == "what" && listed("time year day month", next))) {
      return Expect::Time;
    }
    if (word == "how" && listed("many much long tall heavy often far", next)) return Expect::Count;
    if (word == "why" || (word == "how" && next == "come")) return Expect::Reason;
    if (listed("what whats which how", word)) return Expect::Anything;
  }
  return Expect::Anything;
}

// The sentence that asks: the last with a question mark, else the whole line.
std::string_view asking(std::string_view line) {
  line = utf8_prefix(line, kLineBytesMax);
  std::string_view found = line;
  for (const std::string_view sentence : lexical::sentences(line)) {
    if (sentence.ends_with('?')) found = sentence;
  }
  // "What is your favourite beer, and can you describe it?": the first of two is answered.
  const std::size_t second = found.find(", and ");
  found = second != std::string_view::npos && second > 16 ? found.substr(0, second) : found;
  for (const std::string_view front : {"is it true that ", "is it true "}) {
    if (same(found.substr(0, front.size()), front)) return found.substr(front.size());
  }
  return found;
}

// "What car do you have?", "Do you own a car?": a thing that he has, not one that he speaks of.
bool asks_for_having(const std::vector<Token>& tokens) {
  if (tokens.size() < 4) return false;
  if (tokens[0].text == "have" && tokens[1].text == "you" && tokens[2].text == "got") return true;
  for (std::size_t i = 0; i + 2 < tokens.size(); ++i) {
    if (!listed("do does", tokens[i].text)) continue;
    const bool verb = listed("have own drive keep play", tokens[i + 2].text);
    const bool ends = i + 3 == tokens.size();
    if (!verb || tokens[i + 1].text != "you") continue;
    return i == 0 ? !ends && listed("have own keep", tokens[i + 2].text) : ends && i >= 2;
  }
  return false;
}

// "How many jazz records do you own?": the records.
std::uint64_t counted_in(const std::vector<Token>& tokens) {
  std::uint64_t found = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].text != "many" || i == 0 || tokens[i - 1].text != "how") continue;
    for (++i; i < tokens.size() && !tokens[i].stop; ++i) {
      if (tokens[i].soft || (tokens[i].sorts & kTime) != 0) break;
      found = tokens[i].meaning;
    }
  }
  return found;
}

void push_once(std::vector<std::uint64_t>& list, std::uint64_t item) {
  if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
}

// What the last two lines and the rest of this one were about.
void add_context(const Scene& scene, Question& question) {
  const std::size_t first = scene.turns.size() > 2 ? scene.turns.size() - 2 : 0;
  for (std::size_t i = first; i < scene.turns.size(); ++i) {
    for (const Token& token : read_words(utf8_prefix(scene.turns[i].text, kLineBytesMax))) {
      if (token.stop || token.soft || is_name(token.text, scene.name)) continue;
      if (is_name(token.text, scene.author)) continue;
      push_once(question.context, token.meaning);
    }
  }
  for (const Token& token : read_words(utf8_prefix(scene.line, kLineBytesMax))) {
    if (!token.stop && !token.soft) push_once(question.context, token.meaning);
  }
  // What is asked now is no sign that a sentence goes on about what was said before.
  for (const std::uint64_t head : question.heads) std::erase(question.context, head);
}

// "My time machine runs on spite.": the machine.
std::vector<std::uint64_t> subject_of_own_line(const Scene& scene) {
  std::vector<std::uint64_t> found;
  if (scene.turns.empty() || !scene.turns.back().own) return found;
  const auto tokens = read_words(utf8_prefix(scene.turns.back().text, kLineBytesMax));
  for (std::size_t i = 1; i < tokens.size(); ++i) {
    if (found.empty() && tokens[i - 1].text != "my") continue;
    if (tokens[i].stop) break;
    found.push_back(tokens[i].meaning);
    if (!tokens[i].soft) break;
  }
  return found;
}

// "What does X do?" asks for a job without the word.
bool asks_for_job(const std::vector<Token>& tokens) {
  return tokens.size() >= 3 && tokens.back().text == "do" &&
         listed("what whats", tokens.front().text) && listed("do does did", tokens[1].text);
}

// Whether a passage that begins with "He" is about the character, as its title says.
bool starts_with_self(const Scene& scene, std::string_view title,
                      const std::vector<Token>& tokens) {
  return listed("he she his her", tokens.front().text) && !title.empty() &&
         is_name(title.substr(0, title.find_first_of(" .,")), scene.name);
}

// Which pronoun the text about the character uses for him or her.
bool speaks_of_a_woman(const Scene& scene) {
  const auto count = [](std::string_view text, std::string_view word) {
    int found = 0;
    for (std::size_t at = text.find(word); at != std::string_view::npos;
         at = text.find(word, at + 1)) {
      ++found;
    }
    return found;
  };
  const auto balance = [&](std::string_view text) {
    return count(text, "She ") + count(text, " she ") + count(text, " her ") - count(text, "He ") -
           count(text, " he ") - count(text, " his ") - count(text, " him ");
  };
  int all = balance(scene.who);
  for (const Passage& passage : scene.passages) {
    if (all != 0) break;
    all = balance(passage.text);
  }
  return all > 0;
}

void sort_matches(std::vector<Match>& matches) {
  std::stable_sort(matches.begin(), matches.end(),
                   [](const Match& a, const Match& b) { return a.score > b.score; });
  if (matches.size() > kMatchesMax) matches.resize(kMatchesMax);
}

// "Where do you hide the machine?": where it stands will do.
void place_verbs_are_soft(Question& question) {
  if (question.expect != Expect::Place || question.heads.size() < 2) return;
  for (const std::string_view word : {"hide", "park", "stand", "store"}) {
    if (std::erase(question.heads, meaning(word)) > 0) push_once(question.softs, meaning(word));
  }
}

// What kind of answer it wants, beyond its words.
void note_wish(const std::vector<Token>& tokens, Question& question) {
  question.job = question.heads.size() == 1 && question.heads.front() == meaning("job") &&
                 !tokens.empty() && listed("what whats where wheres", tokens.front().text);
  // "What did you name your boat?" is not met by any name beside a boat.
  if (question.expect == Expect::Name && tokens.size() > 1 && listed("do did", tokens[1].text)) {
    push_once(question.heads, meaning("name"));
  }
  question.has = asks_for_having(tokens);
  question.counted = counted_in(tokens);
  place_verbs_are_soft(question);
}

// Nothing but generic words: then they are what is asked for ("What do you hate?").
void promote_softs(Question& question) {
  for (const std::string_view word : {"favourite", "hate", "watch", "play", "read", "wear"}) {
    const auto soft = std::find(question.softs.begin(), question.softs.end(), meaning(word));
    if (soft != question.softs.end()) question.heads.push_back(*soft);
  }
}

}  // namespace

std::string cleaned(std::string_view sentence) {
  sentence = trimmed(sentence);
  if (sentence.starts_with("- ") || sentence.starts_with("* ")) sentence.remove_prefix(2);
  const std::size_t digits = sentence.find_first_not_of("0123456789");
  if (digits != std::string_view::npos && digits > 0 && sentence.substr(digits).starts_with(". ")) {
    sentence.remove_prefix(digits + 2);
  }
  std::string line;
  line.reserve(sentence.size());
  for (const char c : sentence) {
    if (c == '*' || c == '`') continue;
    const char shown = static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    if (shown == ' ' && (line.empty() || line.back() == ' ')) continue;
    line += shown;
  }
  return line;
}

std::vector<std::string_view> questions_in(std::string_view line) {
  const std::string_view whole = utf8_prefix(line, kLineBytesMax);
  std::string_view asks = whole;
  for (const std::string_view sentence : lexical::sentences(whole)) {
    if (sentence.ends_with('?')) asks = sentence;
  }
  const std::size_t parting = asks.find(" and ");
  if (parting == std::string_view::npos) return {whole};
  const std::string_view rest = asks.substr(parting + 5);
  const std::string second = ascii_lower(rest.substr(0, rest.find(' ')));
  const std::string first = ascii_lower(asks.substr(0, asks.find(' ')));
  constexpr std::string_view kAsking = "who what where when why how which whats whos";
  const bool two = listed(kAsking, second) && listed(kAsking, first);
  if (!two) return {whole};
  return {asks.substr(0, parting), rest};
}

Question read_question(const Scene& scene, std::string_view asked) {
  Question question;
  const std::vector<Token> tokens = read_words(asking(asked));
  question.expect = expected(tokens);
  bool mine = false;
  bool words = false;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    if (listed("you your yours youre yourself u ur", token.text) ||
        is_name(token.text, scene.name)) {
      question.to_self = true;
    } else if (listed("my mine i me", token.text)) {
      // "What was it, I mean?" asks nothing about the asker; "what am I?" does.
      const bool asks =
          i > 0 && listed("am do did was should can could will have", tokens[i - 1].text);
      mine = mine || listed("my mine", token.text) || (token.text == "i" && asks);
    } else if (listed(kReferring, token.text)) {
      question.leans = true;
    }
    if (token.stop || token.text == "you" || is_name(token.text, scene.name)) continue;
    // A time machine is not any machine.
    const bool named = token.text == "time" && i + 1 < tokens.size() && !tokens[i + 1].stop;
    push_once(token.soft && !named ? question.softs : question.heads, token.meaning);
    words = words || token.soft || (token.sorts & kNumber) == 0;
    question.likes = question.likes || token.meaning == meaning("favourite");
    question.favourite = question.favourite || listed("favourite favorite fave", token.text);
  }
  if (!words) question.heads.clear();  // "What is 2 + 2?" is about no text
  // A set phrase swallows its "you": "where are you from" still asks about him.
  const std::string lower = ascii_lower(utf8_prefix(asked, kLineBytesMax));
  if (lower.find("you") != std::string::npos) question.to_self = true;
  if (asks_for_job(tokens)) push_once(question.heads, meaning("job"));
  note_wish(tokens, question);
  question.to_asker = mine && !question.to_self && scene.scripted;
  if (tokens.size() <= 5 && question.expect == Expect::Name && question.heads.size() == 1) {
    question.whom = question.heads.front();
  }
  const bool elliptic =
      !tokens.empty() && question.heads.size() <= 1 &&
      (tokens.size() <= 2 || (tokens.size() <= 5 && listed("and but", tokens.front().text)) ||
       (tokens.size() <= 4 && listed("what how", tokens.front().text) &&
        tokens[1].text == "about"));
  // "Did you win?" asks about what was just told.
  const bool outcome = tokens.size() <= 4 && question.heads.size() == 1 && !scene.turns.empty() &&
                       question.heads.front() == meaning("win");
  question.leans = (question.leans && question.heads.size() <= 1) || elliptic || outcome;
  if (question.leans) add_context(scene, question);
  if (question.leans) question.subject = subject_of_own_line(scene);
  if (question.heads.empty() && !question.leans) promote_softs(question);
  question.open = question.heads.empty() && !question.leans && !tokens.empty() &&
                  listed("tell say talk share give", tokens.front().text);
  return question;
}

Knowledge::Knowledge(const Scene& scene) {
  female_ = speaks_of_a_woman(scene);
  for (const Passage& passage : scene.passages) read_passage(scene, passage);
  // The description introduces the character to a model; said aloud it would be a recital.
  if (!scene.scripted) read_passage(scene, {scene.name, scene.who});
  borrow_from_before();
  link_persons();
}

void Knowledge::read_passage(const Scene& scene, const Passage& passage) {
  bool first = true;
  for (const std::string_view sentence : lexical::sentences(passage.text)) {
    if (facts_.size() >= kFactsMax) break;
    if (!speakable(sentence) || !known_.insert(hash64(sentence)).second) continue;
    const std::vector<Token> tokens = read_words(sentence);
    if (tokens.size() < kFactWordsMin || planted(sentence, tokens)) continue;
    Fact fact;
    fact.text = sentence;
    fact.words = tokens.size();
    fact.previous = facts_.empty() ? 0 : facts_.size() - 1;
    fact.leans = (tokens.front().sorts & kLeaning) != 0;
    if (first && fact.leans && !starts_with_self(scene, passage.title, tokens)) continue;
    if (first && fact.leans) {
      fact.subject = Subject::Self;
      fact.related = true;
      fact.leans = false;
    } else {
      settle_subject(scene, fact, tokens);
    }
    note_kinds(fact, tokens, scene);
    note_persons(tokens);
    facts_.push_back(std::move(fact));
    first = false;
  }
}

// "his wife Lois", "a son called Chris", "Peter's boss is Angela".
void Knowledge::note_persons(const std::vector<Token>& tokens) {
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
    if ((tokens[i].sorts & kPerson) == 0) continue;
    const bool linked = listed("is called named", tokens[i + 1].text) && i + 2 < tokens.size();
    const Token& name = tokens[i + (linked ? 2 : 1)];
    if (name.capital && !name.stop) persons_.emplace_back(name.meaning, tokens[i].meaning);
  }
}

void Knowledge::settle_subject(const Scene& scene, Fact& fact,
                               const std::vector<Token>& tokens) const {
  const auto self = std::find_if(tokens.begin(), tokens.end(), [&](const Token& token) {
    return is_name(token.text, scene.name);
  });
  fact.related = self != tokens.end();
  const std::string_view front = tokens.front().text;
  const bool leads = self == tokens.begin() || (fact.related && listed(kIntroductions, front));
  if (leads) {
    fact.subject = Subject::Self;
    if (!possessive(fact.text, *self)) return;
    const auto last = std::min(tokens.end(), self + 4);
    for (auto token = self + 1; token < last && !listed("is was are", token->text); ++token) {
      if ((token->sorts & kPerson) == 0) continue;
      fact.subject = (token->sorts & kWoman) != 0 ? Subject::SelfsWoman : Subject::SelfsPerson;
    }
    return;
  }
  if (fact.leans && listed("he his him she her", front) && !facts_.empty()) {
    const Fact& before = facts_.back();
    const bool woman = listed("she her", front);
    fact.subject = Subject::Unclear;
    if (before.subject == Subject::Self && woman == female_) fact.subject = Subject::Self;
    if (before.subject == Subject::Other && !before.subject_name.empty()) {
      fact.subject = Subject::Other;
      fact.subject_name = before.subject_name;
    }
    fact.leans = fact.subject == Subject::Unclear;
    fact.related = fact.related || fact.subject == Subject::Self;
    return;
  }
  fact.subject = fact.leans ? Subject::Unclear : Subject::Other;
  if (scene.other(fact.text.substr(tokens.front().start, tokens.front().end)) != nullptr) {
    fact.subject_name =
        fact.text.substr(tokens.front().start, tokens.front().end - tokens.front().start);
  }
}

// "It costs three dollars." also speaks of what the sentence before it named.
void Knowledge::borrow_from_before() {
  for (std::size_t i = 1; i < facts_.size(); ++i) {
    Fact& fact = facts_[i];
    if (!fact.subject_name.empty())
      fact.said.emplace_back(meaning(ascii_lower(fact.subject_name)), 1.0);
    if (!fact.leans) continue;
    const Fact& before = facts_[fact.previous];
    fact.related = fact.related || before.related;
    for (const auto& [said, directness] : before.said) {
      if (directness == 1.0) fact.said.emplace_back(said, 0.5);
    }
  }
}

// A sentence that names Lois also speaks of the wife.
void Knowledge::link_persons() {
  for (Fact& fact : facts_) {
    const std::size_t count = fact.said.size();
    for (std::size_t i = 0; i < count; ++i) {
      for (const auto& [name, role] : persons_) {
        if (fact.said[i].first != name || fact.said[i].second < 1.0) continue;
        fact.said.emplace_back(role, 0.6);
        fact.related = true;
        break;
      }
    }
  }
}

double Knowledge::rarity(std::uint64_t asked) const {
  const auto& kinds = kinds_of(asked);
  const auto count = std::count_if(facts_.begin(), facts_.end(), [&](const Fact& fact) {
    return met(fact, asked, kinds).how > 0;
  });
  return std::log(1.0 + static_cast<double>(facts_.size()) / (1.0 + static_cast<double>(count)));
}

std::optional<double> Knowledge::score(const Fact& fact, const Question& question,
                                       const std::vector<Asked>& asked) const {
  if (!fits(fact, question)) return std::nullopt;
  double all = 1e-9;
  double covered = 0;
  double early = 0;
  std::size_t context_met = 0;
  bool favourite = false;
  bool own = fact.subject == Subject::Self;
  bool direct = question.heads.empty();
  for (const Asked& term : asked) {
    const Met found = met(fact, term.meaning, kinds_of(term.meaning));
    if (term.head && !meets_head(fact, question, term.meaning, found)) return std::nullopt;
    const bool told = term.head && tells_favourite(fact, found);
    if (term.head && question.favourite && !told) return std::nullopt;
    favourite = favourite || (told && fact.favourite > 0);
    direct = direct || (term.head && found.how > 0.5);
    if (term.context && found.how >= 0.5) ++context_met;
    if (term.head && found.at < fact.own_said) {
      early += 1.0 - static_cast<double>(found.at) / static_cast<double>(fact.own_said);
    }
    // "Are you married?" is as much about him as "Peter's wife is Lois" is.
    own = own || (term.head && found.at <= 2 && fact.subject != Subject::Other);
    all += term.weight;
    covered += term.weight * found.how;
  }
  if (!direct) return std::nullopt;
  if (question.leans && context_met < context_needed(fact, question)) return std::nullopt;
  double score = covered / all + 0.1 - 0.0025 * static_cast<double>(fact.words);
  if (!question.heads.empty()) score += 0.15 * early / static_cast<double>(question.heads.size());
  // What was said before is a hint for a follow-up, not a measure of how well it is answered.
  if (question.leans) score += 0.4;
  if (question.expect == Expect::Reason && (fact.sorts & kReason) == 0) {
    // "Why do you bark at the mailman?": the fact alone is an answer of sorts, if it is this one.
    if (question.heads.size() < 2) return std::nullopt;
    score -= 0.15;
  }
  if (question.to_self) score += fact.related ? 0.1 : -0.4;
  if (question.to_self && own) score += 0.15;
  if (question.likes && favourite) score += 0.2;
  if (question.expect == Expect::Time && (fact.sorts & kTime) != 0) score += 0.08;
  if (question.whom != 0 && fact.introduces == question.whom) score += 0.3;
  if (question.whom != 0 && !fact.said.empty() && fact.said.front().first == question.whom) {
    score += 0.2;
  }
  return fact.leans ? score - 0.05 : score;
}

std::vector<Match> Knowledge::answers(const Question& question) const {
  std::vector<Match> matches;
  const bool nothing = question.heads.empty() && question.context.empty() && !question.open;
  if (question.to_asker || nothing) return matches;
  std::vector<Asked> asked;
  for (const auto head : question.heads) asked.push_back({head, rarity(head), true, false});
  for (const auto soft : question.softs) asked.push_back({soft, 0.5 * rarity(soft), false, false});
  for (const auto said : question.context) {
    asked.push_back({said, 0.3 * rarity(said), false, true});
  }
  for (std::size_t i = 0; i < facts_.size(); ++i) {
    const Fact& fact = facts_[i];
    if (question.open) {
      if (fact.subject == Subject::Self && !fact.leans) matches.push_back({i, kConfident});
    } else if (meets_expectation(fact, question.expect)) {
      const auto found = score(fact, question, asked);
      if (found && *found >= kConfident) matches.push_back({i, *found});
    }
  }
  if (!question.open) sort_matches(matches);
  return matches;
}

bool Knowledge::knows(std::uint64_t asked) const {
  return std::any_of(facts_.begin(), facts_.end(),
                     [&](const Fact& fact) { return met(fact, asked, {}).how >= 1.0; });
}

std::vector<Match> Knowledge::related(const std::vector<std::uint64_t>& things) const {
  std::vector<Match> matches;
  std::vector<std::pair<std::uint64_t, double>> asked;
  for (const std::uint64_t thing : things) asked.emplace_back(thing, rarity(thing));
  for (std::size_t i = 0; i < facts_.size(); ++i) {
    const Fact& fact = facts_[i];
    if (fact.subject != Subject::Self || fact.leans || fact.words > kTalkWordsMax) continue;
    double score = 0;
    for (const auto& [said, weight] : asked) {
      if (met(fact, said, {}).how >= 1.0) score += weight;
    }
    if (score > 0.5) matches.push_back({i, score});
  }
  sort_matches(matches);
  return matches;
}

}  // namespace llm::understudy
