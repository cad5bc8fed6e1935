#include "quality/relevance.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "lexical/thesaurus.h"
#include "quality/numbers.h"

namespace quality {
namespace {

using Stems = std::vector<std::uint64_t>;

constexpr std::size_t kRecentLines = 4;
constexpr std::size_t kOpeningWords = 3;

enum Cue {
  kLeans,      // begins by taking up what was said
  kPointsAt,   // points at something that only the talk can have named
  kYou,
  kBroaches,   // brings up a matter of its own
  kSelf,
  kComforts,
  kTurns,      // says that it changes the subject
  kAnswers,    // yes, no and their kin
  kGrounds,    // because, since
  kPlaces,
  kIs,         // a verb that states
};

const PhraseSet& cues() {
  static const PhraseSet kSet{
      {kLeans,
       "and, but, so, then, that, thats, it, its, this, these, those, because, or, same, wait, "
       "ohhh, oh, in that case, which, thanks, thank, congratulations, congrats, welcome, hello, "
       "hi, bye, morning, night, good, nonsense, really, again, still, too, already, he, she, "
       "they, theyre, hes, shes, what, why, how, who, whose, where, when, meanwhile, at least, "
       "only, even, also, neither, me too, me neither, both, there, here, now, there is, excellent, "
       "wonderful, delightful, splendid, easy, depends, beats me, not, tell"},
      {kPointsAt,
       "it, that, thats, its, this, these, those, they, them, their, theyre, he, hes, she, shes, "
       "him, her, his, hers, one, there, such, same, both, another, either, neither, so, again, "
       "too, either, instead"},
      {kYou, "you, your, youre, youll, youve, youd, yours, yourself, u, ur, ya"},
      {kBroaches,
       "who else, whats * awesome|sweet|great|cool, this one time, one time, did i ever tell, let "
       "it be, ever noticed|notice|wonder, reminds me of, fun fact, guess what, in|of|by my "
       "empire|reign, have|had|has always thought|believed|maintained|held|said, was invented, "
       "is|are|was|were the|a|an * most|best|only|finest|greatest|worst, how awesome|sweet, people "
       "say, they say, heres the thing, a theory, true story, thinks|think * should"},
      {kSelf, "i, im, ive, ill, id, my, mine, me, myself"},
      {kComforts,
       "sorry, big|a hug, come here, sit down|here|beside|with, okay, alright, take care, dont "
       "worry, help, breathe, proud, brave, get|feel better, here for, be fine, poor, hope, "
       "hang in, kettle, courage, safe, well done, congratulations, good luck, luck, weep, cry"},
      {kTurns,
       "change the|of subject, changing the subject, new topic, before that, by the way, anyway, "
       "speaking of, reminds me, before i forget, forget|never|enough that|mind|of, real quick, "
       "on another, more important, one more thing, apropos, which reminds, moving on, that said, "
       "while were at, meanwhile, off topic, unrelated, quick question"},
      {kAnswers,
       "yes, yeah, yep, yup, yea, aye, no, nope, nah, never, sure, of course, certainly, "
       "absolutely, i do, i dont, i did, i didnt, im not, i havent, i can, "
       "i cant, i would, i will, i wont, indeed, obviously, naturally, maybe, "
       "perhaps, definitely, you bet, hardly, i suppose so, i dont know, "
       "beats me, no idea, ask, depends, gladly, none, nobody, nothing"},
      {kGrounds, "because, since, so that, reason, due to, thanks to, why, cause, cuz"},
      {kPlaces,
       "in, at, on, near, behind, under, upstairs, home, next to, across, from, beside, inside, "
       "outside, over there, down"},
      {kIs,
       "is, are, was, were, be, has, have, had, must, should, shall, can, cannot, cant, dont, "
       "doesnt, isnt, arent, need, needs, requires, gets, makes, ought, may, might, will, taste, "
       "tastes, prefer, prefers, didnt, wasnt, ask, asked, deserve, deserves"}};
  return kSet;
}

// What a question asks for.
enum Asked { kNumber, kPlace, kReason, kYesNo, kAdvice };
const PhraseSet& questions() {
  static const PhraseSet kSet{
      {kNumber,
       "how many, how much, how old, how long, how tall, how far, how often, how fast, what time, "
       "when, which year, what year, what day, how big, how heavy"},
      {kPlace, "where, which city, which street, wheres"},
      {kReason, "why, how come, what for"},
      {kYesNo,
       "do|does|did|is|are|was|were|can|could|will|would|have|has|should|shall|u you|he|she|it|"
       "they|we|i|u|there|this|that|the|ever, or not, or no, wanna, you coming, right"},
      {kAdvice,
       "how do i, how do you|we, how to, how can i, can|could you|u|somebody|anyone|someone * "
       "explain|proofread|check|tell|help|recommend|look|fix|send|pass|read, difference between, "
       "should i, what do i, what does, whats the, anyone know, do you know, does anyone, who is, "
       "how does, how is, i need"}};
  return kSet;
}

using Topics = std::vector<std::uint16_t>;

const std::unordered_map<std::uint64_t, Topics>& topics_by_stem() {
  static const std::unordered_map<std::uint64_t, Topics> kMap = [] {
    std::unordered_map<std::uint64_t, Topics> map;
    std::uint16_t index = 0;
    for (const std::string_view topic : lexical::topics()) {
      for (const Word& word : read_text(topic).words) map[word.stem].push_back(index);
      ++index;
    }
    return map;
  }();
  return kMap;
}

// The everyday topics of some stems, each once, in order.
Topics topics_of(const Stems& stems) {
  Topics all;
  for (const std::uint64_t stem : stems) {
    const auto found = topics_by_stem().find(stem);
    if (found != topics_by_stem().end()) {
      all.insert(all.end(), found->second.begin(), found->second.end());
    }
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

bool is_in(const Stems& stems, std::uint64_t stem) {
  return std::find(stems.begin(), stems.end(), stem) != stems.end();
}

std::size_t shared(const Stems& some, const Stems& others) {
  return static_cast<std::size_t>(std::count_if(
      some.begin(), some.end(), [&](std::uint64_t stem) { return is_in(others, stem); }));
}

template <class T>
std::size_t common(const std::vector<T>& a, const std::vector<T>& b) {
  std::size_t count = 0;
  auto x = a.begin();
  auto y = b.begin();
  while (x != a.end() && y != b.end()) {
    if (*x == *y) ++count;
    const bool step = *x <= *y;
    if (*y <= *x) ++y;
    if (step) ++x;
  }
  return count;
}

// A draft and the talk, cut down to what carries a subject.
struct Subjects {
  Stems line;
  Stems answered;
  Stems recent;
  Topics line_topics;
  Topics answered_topics;
  Topics recent_topics;
  bool first_tied = false;
  std::size_t first = 0;  // the word where the line's own subject begins
  std::vector<bool> formula;
};

const HashSet& weak_stems() {
  static const HashSet kStems = [] {
    HashSet stems;
    constexpr std::string_view kWords =
        "thing people know think good great best better bad want make made say said says go goes "
        "went come came time day one two first last man guy dude buddy dear fellow girl boy old new "
        "little big back never always still ever even yes yeah hey okay ok right got take took put "
        "let look see saw need love hate nobody somebody everybody anybody nothing something "
        "anything everything way lot thank sure maybe perhaps rather quite actually anyway today "
        "tonight tomorrow yesterday week year keep gonna gotta without every enough many long tell "
        "told ask lol haha ha im ive also though already around away ago since another next give "
        "gave done three half least whole real whoa damn heh hehehe does anyone someone everyone "
        "holy crap oh sir frankly suppose believe merely heavens deuce blast find whoever favorite "
        "favourite sweet awesome";
    stems.insert_stems(read_text(kWords));
    return stems;
  }();
  return kStems;
}

void add(Stems& to, const Stems& from, const Draft& draft) {
  for (const std::uint64_t stem : from) {
    if (weak_stems().contains(stem) || draft.cast.name_stems().contains(stem)) continue;
    if (!is_in(to, stem)) to.push_back(stem);
  }
}

Subjects read_subjects(const Draft& draft) {
  Subjects subjects;
  subjects.formula.assign(draft.text.words.size(), false);
  for (const auto& hit : draft.speaker.phrases.find(draft.text)) {
    std::fill_n(subjects.formula.begin() + static_cast<std::ptrdiff_t>(hit.first), hit.words, true);
  }
  // Turns of speech that speak to nobody in particular.
  static const PhraseSet kIdle{
      {0,
       "let|lemme me tell you, lemme tell you, tell|assure you, you know, you can, you could, you "
       "cant, you see, lets be honest, so to speak, as it happens, if you ask me, you guys, mind "
       "you"}};
  for (const auto& hit : kIdle.find(draft.text)) {
    std::fill_n(subjects.formula.begin() + static_cast<std::ptrdiff_t>(hit.first), hit.words, true);
  }
  Stems own;
  subjects.first = draft.text.words.size();
  for (std::size_t i = 0; i < draft.text.words.size(); ++i) {
    const Word& word = draft.text.words[i];
    if (subjects.formula[i] || !content_word(draft.text, word)) continue;
    own.push_back(word.stem);
    if (subjects.first > i && !weak_stems().contains(word.stem)) subjects.first = i;
  }
  add(subjects.line, own, draft);
  const Draft::Said* answered = draft.answered();
  if (answered != nullptr) add(subjects.answered, draft.asked, draft);
  const std::size_t from = draft.context.size() - std::min(draft.context.size(), kRecentLines);
  for (std::size_t i = from; i < draft.context.size(); ++i) {
    if (&draft.context[i] != answered) {
      add(subjects.recent, draft.context[i].reading->content, draft);
    }
  }
  subjects.line_topics = topics_of(subjects.line);
  subjects.answered_topics = topics_of(subjects.answered);
  subjects.recent_topics = topics_of(subjects.recent);
  if (!subjects.line.empty()) {
    const std::uint64_t stem = subjects.line.front();
    const Topics topics = topics_of({stem});
    subjects.first_tied = is_in(subjects.answered, stem) || is_in(subjects.recent, stem) ||
                          common(topics, subjects.answered_topics) > 0 ||
                          common(topics, subjects.recent_topics) > 0;
  }
  return subjects;
}

// How the line lies to the passages that were retrieved for it.
struct Recital {
  double covered = 0;   // the share of the line's subjects that one passage has
  double unasked = 0;   // the same, when that passage has no tie to the talk
  double better = 0;    // 1 when another passage fits the question and this one less
  double answered = 0;  // covered, when that passage fits the question
};
Recital read_recital(const Draft& draft, const Subjects& subjects) {
  Recital recital;
  double fit_of_best = 0;
  double fit_max = 0;
  for (const auto& passage : draft.passages) {
    Stems known;
    add(known, passage->content, draft);
    const double covered = static_cast<double>(shared(subjects.line, known)) /
                           std::max(1.0, static_cast<double>(subjects.line.size()));
    const Stems& about = known;
    const double fit =
        static_cast<double>(shared(about, subjects.answered)) +
        0.5 * static_cast<double>(common(topics_of(about), subjects.answered_topics) > 0) +
        0.5 * static_cast<double>(shared(about, subjects.recent) > 0);
    fit_max = std::max(fit_max, fit);
    if (covered <= recital.covered) continue;
    recital.covered = covered;
    fit_of_best = fit;
  }
  if (fit_of_best == 0) recital.unasked = recital.covered;
  if (fit_of_best > 0) recital.answered = recital.covered;
  recital.better = recital.covered > 0.25 && fit_max > fit_of_best ? 1 : 0;
  return recital;
}

double one(bool is) { return is ? 1.0 : 0.0; }

}  // namespace

const std::array<Tie, kTies>& ties() {
  static constexpr std::array<Tie, kTies> kAll{{
#include "quality/relevance_weights.inc"
  }};
  return kAll;
}

TieValues tie_values(const Draft& draft) {
  const Subjects subjects = read_subjects(draft);
  const Recital recital = read_recital(draft, subjects);
  std::array<bool, kIs + 1> has{};
  std::array<bool, kIs + 1> opens{};
  bool points_before = false;
  bool states = false;
  std::size_t start = 0;
  while (start < subjects.formula.size() && subjects.formula[start]) ++start;
  for (const PhraseSet::Hit& hit : cues().find(draft.text)) {
    if (subjects.formula[hit.first]) continue;
    const auto cue = static_cast<std::size_t>(hit.tag);
    has[cue] = true;
    if (hit.first < start + (cue == kAnswers ? 2 : kOpeningWords)) opens[cue] = true;
    if (cue == kPointsAt && hit.first <= subjects.first) points_before = true;
    if (cue == kIs && hit.first < start + 8) states = true;
  }
  std::array<bool, kAdvice + 1> asked{};
  bool asked_you = false;
  const Draft::Said* answered = draft.answered();
  if (answered != nullptr) {
    for (const PhraseSet::Hit& hit : questions().find(answered->text())) {
      asked[static_cast<std::size_t>(hit.tag)] = true;
    }
    static const PhraseSet kToYou{{0, "you, your, youre, youve, u, ur, yours"}};
    asked_you = !kToYou.find(answered->text()).empty();
  }
  const bool named =
      std::any_of(draft.context.begin(), draft.context.end(), [&](const Draft::Said& said) {
        if (said.speaker == &draft.speaker) return false;
        const std::uint64_t name = read_word(said.line->author).hash;
        return std::any_of(draft.text.words.begin(), draft.text.words.end(),
                           [&](const Word& word) { return word.hash == name; });
      });
  const auto words = static_cast<double>(draft.text.words.size());
  const auto numbers = read_numbers(draft.text);
  const bool number = std::any_of(numbers.begin(), numbers.end(),
                                  [](const Number& n) { return n.value != 1; });
  std::size_t hobby = 0;
  for (const std::uint64_t stem : subjects.line) {
    hobby += draft.speaker.vocabulary.contains(stem) && !draft.conversation.contains(stem) ? 1 : 0;
  }
  const bool question = draft.answers_question;
  std::size_t fresh = 0;
  for (const std::uint64_t stem : subjects.line) {
    fresh += is_in(subjects.answered, stem) || is_in(subjects.recent, stem) ? 0 : 1;
  }
  const double echo = static_cast<double>(shared(subjects.line, subjects.answered));
  const double echo_recent = static_cast<double>(shared(subjects.line, subjects.recent));
  const double topic =
      static_cast<double>(common(subjects.line_topics, subjects.answered_topics));
  const double topic_recent =
      static_cast<double>(common(subjects.line_topics, subjects.recent_topics));
  const bool untied = echo + echo_recent + topic + topic_recent == 0 && recital.answered < 0.3;
  const bool adrift = untied && !points_before && !opens[kLeans] && !opens[kAnswers] &&
                      !has[kYou] && !named && !has[kComforts] && !has[kTurns];
  const bool fragment = draft.sentences.size() > 1 && read_text(draft.sentences.front()).words.size() < 5;
  return {1.0,
          std::min(2.0, echo),
          one(echo == 0 && echo_recent > 0),
          one(topic > 0),
          one(topic > 2),
          one(topic_recent > 0),
          one(untied),
          recital.covered,
          recital.unasked,
          recital.better,
          recital.answered,
          one(draft.passages.empty()),
          one(has[kYou]),
          one(opens[kYou]),
          one(named),
          one(draft.line.find('?') != std::string::npos),
          one(opens[kLeans]),
          one(points_before),
          one(adrift),
          std::min(30.0, words) / 30,
          one(words < 7),
          static_cast<double>(std::min<std::size_t>(fresh, 6)) / 6,
          one(fresh < 2),
          one(opens[kSelf]),
          one(opens[kSelf] && question && !asked_you),
          one(states),
          one(states && untied),
          one(asked[kNumber] && number),
          one(asked[kNumber] && !number && !opens[kAnswers]),
          one(opens[kAnswers]),
          one(has[kComforts]),
          one(has[kTurns]),
          one(asked[kAdvice] && !has[kYou]),
          one(question && untied),
          one(subjects.first_tied),
          one(has[kBroaches]),
          static_cast<double>(std::min<std::size_t>(hobby, 4)) / 4,
          one(fragment),
          one(adrift && question),
          one(adrift && words > 6 && fresh > 2)};
}

double off_topic_odds(const Draft& draft) {
  const TieValues values = tie_values(draft);
  double odds = 0;
  for (std::size_t i = 0; i < values.size(); ++i) odds += values[i] * ties()[i].weight;
  return odds;
}

}  // namespace quality
