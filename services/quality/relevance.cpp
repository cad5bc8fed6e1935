#include "quality/relevance.h"

#include <algorithm>
#include <vector>

#include "quality/matter.h"
#include "quality/numbers.h"

namespace quality {
namespace {

using Topics = std::vector<std::uint16_t>;
using Flags = std::vector<bool>;

constexpr std::size_t kRecentLines = 4;
constexpr std::size_t kOpeningWords = 2;
constexpr std::size_t kStatingWords = 8;
constexpr double kTouches = 0.2;
constexpr double kFits = 0.3;  // share of a line that makes a passage its source

enum Cue {
  kLeans,     // begins by taking up what was said
  kPointsAt,  // points at something that only the talk can have named
  kYou,
  kBroaches,  // brings up a matter of its own
  kSelf,
  kComforts,
  kTurns,    // says that it changes the subject
  kDodges,   // owns that it has no answer
  kAnswers,  // yes, no and their kin
  kGrounds,  // because, since
  kPlaces,
  kIs,  // a verb that states
};

const PhraseSet& cues() {
  static const PhraseSet kSet{
      {kLeans,
       "and, but, so, then, that, thats, it, its, this, these, those, because, or, same, wait, "
       "ohhh, in that case, which, thanks, thank, congratulations, congrats, welcome, hello, hi, "
       "bye, good morning|night|luck|evening, nonsense, really, again, he, she, they, theyre, hes, "
       "shes, what did|do|are|is|was|were|a, why, how is|was|dare|did|are|do|delightfully|very, "
       "whose, where, when, at least, only if, me too|neither, both, there|here is|are|it|you, "
       "excellent, wonderful, delightful, splendid, easy, depends, beats me, not"},
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
       "change|changing the|of|my|this subject, new topic, before that, before i forget, forget "
       "that, never mind|mind|that, enough of|about, real quick, on another, more important, one "
       "more thing, moving on, while were at, off topic, unrelated, quick question"},
      {kDodges,
       "answer, reply, question, lost the|my thread|train, ask me, later, give|gimme|gimmie me|a "
       "minute|moment|second, brain, ignorant, uninformed, the matter, no idea, dont know, return "
       "to that|it|this, audience, is calling, remind me, escapes me, on the tip, my education|"
       "memory|spies, knows|know nothing, ask somebody|someone|again, look it up, suspended, "
       "silence"},
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

// Turns of speech that speak to nobody in particular, and sounds that open a line.
enum Empty { kIdle, kSound };
const PhraseSet& empty_phrases() {
  static const PhraseSet kSet{
      {kIdle,
       "let|lemme me tell you, lemme tell you, tell|assure you, you know, you can, you could, you "
       "cant, you see, lets be honest, so to speak, as it happens, if you ask me, you guys, mind "
       "you"},
      {kSound,
       "oh, ah, man, hey, well, whoa, blast, dude, guys, buddy, wow, ugh, aw, okay, ok, yeah, good "
       "heavens, heavens, holy crap, dear fellow, so, like, damn, ha, heh, hehehe, now"}};
  return kSet;
}

bool akin(const Subject& a, const Subject& b) { return a.stem == b.stem || a.kin == b.kin; }

bool is_in(const std::vector<Subject>& subjects, const Subject& subject) {
  return std::any_of(subjects.begin(), subjects.end(),
                     [&](const Subject& other) { return akin(subject, other); });
}

bool share_one(const Topics& a, const Topics& b) {
  auto x = a.begin();
  auto y = b.begin();
  while (x != a.end() && y != b.end()) {
    if (*x == *y) return true;
    *x < *y ? ++x : ++y;
  }
  return false;
}

void mark(Flags& flags, const PhraseSet::Hit& hit) {
  std::fill_n(flags.begin() + static_cast<std::ptrdiff_t>(hit.first), hit.words, true);
}

double one(bool is) { return is ? 1.0 : 0.0; }
double of_most(std::size_t count, std::size_t most) {
  return static_cast<double>(std::min(count, most)) / static_cast<double>(most);
}

// A draft and its talk, cut down to what carries a subject.
class Comparison {
 public:
  explicit Comparison(const Draft& draft) : draft_(draft) {
    read_line();
    read_talk();
    read_passages();
    read_cues();
  }
  TieValues values() const;
  double recital() const { return recital_; }
  bool better_passage() const { return another_fits_ && recital_ > kFits; }

 private:
  enum Asked { kNumber, kAdvice, kHowAreYou, kAbout, kAskedKinds };
  bool name(const Subject& subject) const {
    return draft_.cast.name_stems().contains(subject.stem);
  }
  bool speaks_of_the_named() const;
  void read_line();
  void read_talk();
  int asked_for(const Matter& passage) const;
  void read_passages();
  void read_cues();
  bool has(Cue cue) const { return has_[cue]; }
  bool opens(Cue cue) const { return opens_[cue]; }
  bool misses_number() const;
  bool states_number() const;
  bool names_somebody() const;

  const Draft& draft_;
  Flags formula_;          // words that are a habit of the speaker's, or idle
  std::size_t start_ = 0;  // the first word that is no sound and no habit
  std::size_t first_ = 0;  // the word of the first subject
  std::vector<Subject> line_;
  Topics topics_;
  std::size_t echoes_ = 0;         // subjects of the answered line
  std::size_t recent_echoes_ = 0;  // subjects of the other lines only
  bool topic_ = false;
  bool recent_topic_ = false;
  bool first_tied_ = false;
  double recital_ = 0;         // the share of the line's subjects that one passage has
  int fit_ = 0;                // of that passage to the talk
  bool another_fits_ = false;  // better, one that the line does not touch
  std::array<bool, kIs + 1> has_{};
  std::array<bool, kIs + 1> opens_{};
  std::array<bool, kAskedKinds> asked_{};
  bool points_before_ = false;  // to something before the line has named anything
  bool states_ = false;
  bool expounds_ = false;  // "The whale, frankly, is ...": on a subject of its own
};

void Comparison::read_line() {
  const Text& text = draft_.text;
  formula_.assign(text.words.size(), false);
  for (const auto& hit : draft_.speaker.phrases.find(text)) mark(formula_, hit);
  Flags sound = formula_;
  for (const auto& hit : empty_phrases().find(text)) {
    mark(hit.tag == kIdle ? formula_ : sound, hit);
  }
  while (start_ < sound.size() && (sound[start_] || formula_[start_])) ++start_;
  first_ = text.words.size();
  for (std::size_t i = 0; i < text.words.size(); ++i) {
    if (formula_[i]) continue;
    const auto subject = read_subject(text, text.words[i]);
    if (!subject) continue;
    first_ = std::min(first_, i);
    const bool known = std::any_of(line_.begin(), line_.end(), [&](const Subject& other) {
      return other.stem == subject->stem;
    });
    if (!known && !name(*subject)) line_.push_back(*subject);
  }
  topics_ = topics_of(line_);
}

void Comparison::read_talk() {
  const Draft::Said* answered = draft_.answered();
  std::vector<bool> in_answered(line_.size(), false);
  std::vector<bool> in_recent(line_.size(), false);
  const Topics first = line_.empty() ? Topics{} : topics_of({line_.front()});
  const std::size_t from = draft_.context.size() - std::min(draft_.context.size(), kRecentLines);
  for (std::size_t i = 0; i < draft_.context.size(); ++i) {
    const Draft::Said& said = draft_.context[i];
    if (i < from && &said != answered) continue;
    const Matter& matter = said.reading->matter;
    auto& in = &said == answered ? in_answered : in_recent;
    for (std::size_t j = 0; j < line_.size(); ++j) {
      if (is_in(matter.subjects, line_[j])) in[j] = true;
    }
    if (share_one(topics_, matter.topics)) (&said == answered ? topic_ : recent_topic_) = true;
    if (share_one(first, matter.topics)) first_tied_ = true;
  }
  for (std::size_t j = 0; j < line_.size(); ++j) {
    if (in_answered[j]) ++echoes_;
    if (in_recent[j] && !in_answered[j]) ++recent_echoes_;
  }
  if (!line_.empty() && (in_answered[0] || in_recent[0])) first_tied_ = true;
}

// How much a passage has to do with the talk; what is answered counts twice.
int Comparison::asked_for(const Matter& passage) const {
  const Draft::Said* answered = draft_.answered();
  const std::size_t from = draft_.context.size() - std::min(draft_.context.size(), kRecentLines);
  int fit = 0;
  for (std::size_t i = from; i < draft_.context.size(); ++i) {
    const Matter& said = draft_.context[i].reading->matter;
    const int weight = &draft_.context[i] == answered ? 2 : 1;
    for (const Subject& subject : said.subjects) {
      if (!name(subject) && is_in(passage.subjects, subject)) fit += weight;
    }
    if (share_one(said.topics, passage.topics)) fit += weight;
  }
  return fit;
}

void Comparison::read_passages() {
  int most = 0;
  for (const auto& passage : draft_.passages) {
    std::size_t covered = 0;
    for (const Subject& subject : line_) {
      covered += is_in(passage->matter.subjects, subject) ? 1 : 0;
    }
    const double share =
        static_cast<double>(covered) / static_cast<double>(std::max<std::size_t>(1, line_.size()));
    const int fit = asked_for(passage->matter);
    if (share < kTouches) most = std::max(most, fit);
    if (share <= recital_) continue;
    recital_ = share;
    fit_ = fit;
  }
  another_fits_ = most > fit_;
}

void Comparison::read_cues() {
  for (const PhraseSet::Hit& hit : cues().find(draft_.text)) {
    if (formula_[hit.first]) continue;
    const auto cue = static_cast<std::size_t>(hit.tag);
    has_[cue] = true;
    if (hit.first < start_ + kOpeningWords) opens_[cue] = true;
    if (cue == kPointsAt && hit.first <= first_) points_before_ = true;
    if (cue != kIs) continue;
    if (hit.first < start_ + kStatingWords) states_ = true;
    if (first_ > start_ + 1 || hit.first <= first_) continue;
    const auto at = [&](std::size_t i) {
      return formula_.begin() + static_cast<std::ptrdiff_t>(i);
    };
    if (std::count(at(first_), at(hit.first), false) < 4) expounds_ = !first_tied_;
  }
  const Draft::Said* answered = draft_.answered();
  if (answered == nullptr) return;
  static const PhraseSet kQuestions{
      {kNumber,
       "how many, how much, how old, how long, how tall, how far, how often, how fast, what time, "
       "when, which year, what year, what day, how big, how heavy"},
      {kHowAreYou,
       "how are|r you|u|ya|things|we, hows it, how is it going, hows everything|life|your|things, "
       "whats up, what is up, wassup, sup, who are you, whats your name, what are you doing, how "
       "do "
       "you feel, how did you sleep, how was your, whats new, you|u okay|ok, you there"},
      {kAbout,
       "what do you think, your opinion, opinion on|of|about, how do you like, do you like, tell "
       "me|us about, what about, thoughts on, get along with, what is * like, what do u think"},
      {kAdvice,
       "how do i, how do you|we, how to, how can i, can|could you|u|somebody|anyone|someone * "
       "explain|proofread|check|tell|help|recommend|look|fix|send|pass|read, difference between, "
       "should i, what do i, what does, whats the, anyone know, do you know, does anyone, who is, "
       "how does, how is, i need"}};
  for (const PhraseSet::Hit& hit : kQuestions.find(answered->text())) {
    asked_[static_cast<std::size_t>(hit.tag)] = true;
  }
}

bool Comparison::misses_number() const {
  if (!asked_[kNumber] || opens(kAnswers)) return false;
  return !states_number();
}

bool Comparison::states_number() const {
  const auto numbers = read_numbers(draft_.text);
  return std::any_of(numbers.begin(), numbers.end(), [](const Number& n) { return n.value != 1; });
}

bool Comparison::names_somebody() const {
  return std::any_of(draft_.context.begin(), draft_.context.end(), [&](const Draft::Said& said) {
    if (said.speaker == &draft_.speaker) return false;
    return std::any_of(draft_.text.words.begin(), draft_.text.words.end(),
                       [&](const Word& word) { return word.hash == said.called; });
  });
}

// Whether somebody of the cast other than the speaker is in the answered line and in this one.
bool Comparison::speaks_of_the_named() const {
  const Draft::Said* answered = draft_.answered();
  if (answered == nullptr) return false;
  return std::any_of(draft_.text.words.begin(), draft_.text.words.end(), [&](const Word& word) {
    return draft_.cast.name_stems().contains(word.stem) &&
           !draft_.speaker.names.contains(word.hash) && content_word(draft_.text, word) &&
           std::any_of(answered->text().words.begin(), answered->text().words.end(),
                       [&](const Word& other) { return other.hash == word.hash; });
  });
}

TieValues Comparison::values() const {
  const std::size_t words = draft_.text.words.size();
  const std::size_t fresh = line_.size() - echoes_ - recent_echoes_;
  const auto hobby = std::count_if(line_.begin(), line_.end(), [&](const Subject& subject) {
    return draft_.speaker.vocabulary.contains(subject.stem) &&
           !draft_.conversation.contains(subject.stem);
  });
  const bool named = names_somebody();
  const bool untied = echoes_ + recent_echoes_ == 0 && !topic_ && !recent_topic_ &&
                      !(fit_ > 0 && recital_ > kFits) && !(asked_[kNumber] && states_number());
  const bool of_named = speaks_of_the_named();
  const bool adrift = untied && !of_named && !has(kDodges) && !points_before_ && !opens(kLeans) &&
                      !opens(kAnswers) && !has(kYou) && !named && !has(kComforts) && !has(kTurns);
  const bool fragment =
      draft_.sentences.size() > 1 && read_text(draft_.sentences.front()).words.size() < 5;
  return {1.0,
          of_most(echoes_, 2),
          one(echoes_ == 0 && recent_echoes_ > 0),
          one(topic_),
          one(recent_topic_),
          one(first_tied_),
          one(untied),
          one(untied && draft_.answers_question),
          one(untied && states_),
          recital_,
          one(fit_ == 0) * recital_,
          one(better_passage()),
          one(draft_.passages.empty()),
          one(has(kYou)),
          one(named),
          one(opens(kLeans)),
          one(opens(kAnswers)),
          one(points_before_),
          one(has(kPointsAt)),
          one(of_named),
          one(has(kDodges)),
          one(asked_[kHowAreYou]),
          one(asked_[kAbout]),
          one(has(kComforts)),
          one(has(kTurns)),
          one(fragment),
          one(adrift),
          one(adrift && draft_.answers_question),
          one(adrift && words > 6 && fresh > 2),
          of_most(words, 30),
          of_most(fresh, 6),
          of_most(static_cast<std::size_t>(hobby), 4),
          one(opens(kSelf)),
          one(expounds_),
          one(has(kBroaches)),
          one(misses_number()),
          one(asked_[kAdvice] && !has(kYou))};
}

// In the order of the values.
constexpr std::array<Tie, kTies> kAll{{
    {"bias", -7.45},
    {"echo", -0.74},
    {"echo_recent", 0.00},
    {"topic", 0.00},
    {"topic_recent", 0.00},
    {"first_tied", 0.00},
    {"untied", 0.38},
    {"untied_question", 0.46},
    {"untied_statement", 0.87},
    {"recital", 3.23},
    {"unasked_recital", 2.89},
    {"better_passage", 0.93},
    {"no_passage", -0.88},
    {"you", -0.93},
    {"named", -0.56},
    {"leans", -1.05},
    {"answers", -1.04},
    {"points", 0.00},
    {"points_late", -0.10},
    {"of_named", -0.09},
    {"dodges", -0.03},
    {"asked_how_are_you", -1.22},
    {"asked_about", -1.48},
    {"comforts", -0.55},
    {"turns", -0.07},
    {"fragment", -0.52},
    {"adrift", 0.52},
    {"adrift_question", 0.00},
    {"adrift_long", 1.39},
    {"length", 1.38},
    {"fresh", 2.45},
    {"hobby", 0.00},
    {"self", 0.88},
    {"expounds", 0.61},
    {"broaches", 2.20},
    {"misses_number", 1.23},
    {"misses_advice", 1.85},
}};

}  // namespace

const std::array<Tie, kTies>& ties() { return kAll; }

Relevance relevance(const Draft& draft) {
  const Comparison comparison(draft);
  const TieValues values = comparison.values();
  Relevance relevance{.off_topic_odds = 0,
                      .recital = comparison.recital(),
                      .better_passage = comparison.better_passage()};
  for (std::size_t i = 0; i < values.size(); ++i) {
    relevance.off_topic_odds += values[i] * kAll[i].weight;
  }
  return relevance;
}

TieValues tie_values(const Draft& draft) { return Comparison(draft).values(); }

}  // namespace quality
