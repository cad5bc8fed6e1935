#include "quality/toxicity.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <initializer_list>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "quality/phrases.h"

namespace quality {
namespace {

// What a word can be in a sentence that does harm. A word may be several.
enum Class : std::uint64_t {
  kI = 1ULL << 0U,
  kWill = 1ULL << 1U,
  kYou = 1ULL << 2U,
  kYour = 1ULL << 3U,
  kThem = 1ULL << 4U,
  kHarm = 1ULL << 5U,
  kBody = 1ULL << 6U,
  kNot = 1ULL << 7U,
  kWish = 1ULL << 8U,
  kSomebody = 1ULL << 9U,
  kIll = 1ULL << 10U,
  kHeal = 1ULL << 11U,
  kPeople = 1ULL << 12U,
  kFolk = 1ULL << 13U,  // people only when told apart: "guys like that"
  kSort = 1ULL << 14U,
  kAre = 1ULL << 15U,
  kVermin = 1ULL << 16U,
  kOught = 1ULL << 17U,
  kDenied = 1ULL << 18U,
  kDone = 1ULL << 19U,
  kRights = 1ULL << 20U,
  kKnow = 1ULL << 21U,
  kHome = 1ULL << 22U,
  kMenace = 1ULL << 23U,
  kSeek = 1ULL << 24U,
  kAct = 1ULL << 25U,
  kAgain = 1ULL << 26U,
  kTold = 1ULL << 27U,
  kSpares = 1ULL << 28U,  // "beat you to it", "cut you a slice", "crush you at chess"
  kRid = 1ULL << 29U,
  kMay = 1ULL << 30U,
  kSickness = 1ULL << 31U,
  kGrows = 1ULL << 32U,
};
using Classes = std::vector<std::uint64_t>;

constexpr auto kWords = std::to_array<std::pair<std::uint64_t, std::string_view>>({
    {kI, "i ill im ima id ive we my me myself"},
    {kWill, "ill will shall gonna going wanna want ima would id should"},
    {kYou, "you u ya yourself yall"},
    {kYour, "your ur"},
    {kThem, "him her them em"},
    {kHarm,
     "kill murder stab shoot strangle choke smash break cut beat hurt harm drown burn poison bury "
     "gut punch hit kick whip crack snap rip slice bruise maim cripple slap knock hang skin bash"},
    {kBody,
     "hand finger face head neck throat tooth teeth nose leg arm skull bone knee jaw eye tongue "
     "rib mouth wrist ankle spine kneecap"},
    {kNot,
     "not never dont wont nobody cannot cant didnt isnt wouldnt no without neither hardly arent "
     "doesnt wasnt shouldnt aint nor none"},
    {kDenied, "shouldnt mustnt oughtnt"},
    {kWish, "hope wish pray hopefully"},
    {kMay, "may"},
    {kSickness, "tumor tumour cancer fever disease infection virus rash surgery operation"},
    {kGrows, "win wins grow spread return worse stay kill take"},
    {kSomebody,
     "you u your ur family mother father child kid infant baby wife husband brother sister son "
     "daughter parent mom dad grandma he she they him her them"},
    {kIll,
     "die dies died dead worse suffer crash flip rot choke drown bleed hurt sick starve perish "
     "cancer "
     "disease"},
    {kHeal, "better soon recover asleep laugh safe"},
    {kPeople,
     "people ppl folk believer beggar villager elderly oldies pensioner addict southerner "
     "northerner women woman females immigrant foreigner refugee migrant muslim jew christian gay "
     "lesbian gypsy mexican arab african asian disabled cripple homeless handicapped mods"},
    {kFolk, "guy anyone anybody man men kid one those creature folk people ppl"},
    {kSort, "sort kind type breed ilk like from who with"},
    {kAre, "are is were be re theyre being"},
    {kVermin,
     "vermin rat cockroach roach insect lice maggot pest infection infestation disease virus "
     "plague cancer tumor parasite leech scum filth trash garbage subhuman animal beast swine "
     "cattle livestock weed meat stain broken defective inferior lesser rot savage freak burden "
     "blight poison worm worthless useless unfit"},
    {kOught, "should ought oughta must need deserve gotta shall"},
    {kDone,
     "down poison shot burn crush exterminate lock cage drown pile beat cull sterilize wipe "
     "stamp smoke hunt whip deport expel dump herd remove flush eliminate rid swept bury hang "
     "thrown driven"},
    {kRights, "vote breed children reproduce marry exist kids"},
    {kKnow, "know found have got remember"},
    {kHome, "house home address street window door school timetable office route bedroom flat"},
    {kMenace, "sleep tonight alone dark careful scream sorry regret hurt asleep pay bleed"},
    {kSeek, "find burn torch reach"},
    {kAct, "typing type walk breathe wake speak live laugh chew dance stand"},
    {kAgain, "again anymore tomorrow"},
    {kTold,
     "call called calls calling said says told wrote writes texted heard shouted yelled named"},
    {kSpares, "to at a an some another chess checkers card cards game match race trivia bowling"},
    {kRid, "rid exterminate cull"},
});

// A step: a word of the class, at most `gap` words after the step before.
struct Step {
  std::uint64_t any = 0;
  std::size_t gap = 0;
};
struct Rule {
  std::uint64_t unless;  // classes that take the sting out when they stand between the steps
  std::array<Step, 5> steps;
};

constexpr auto kHateful = std::to_array<Rule>({
    // I will hurt you, break your fingers, burn your house down. Not at chess.
    {kNot, {{{kI, 0}, {kWill, 2}, {kHarm, 8}, {kYou, 0}}}},
    {kNot, {{{kI, 0}, {kWill, 2}, {kHarm, 8}, {kYour, 1}, {kBody, 2}}}},
    {kNot | kI, {{{kI & ~kWill, 0}, {kWill, 2}, {kHarm, 8}, {kBody, 3}}}},
    {kNot, {{{kI, 0}, {kWill, 2}, {kSeek, 2}, {kYour, 0}, {kHome, 1}}}},
    {0, {{{kI, 0}, {kKnow, 2}, {kHome, 4}, {kMenace, 16}}}},
    {0, {{{kYou, 0}, {kNot, 3}, {kAct, 3}, {kAgain, 5}}}},
    // May they come to harm.
    {kNot | kHeal | kI, {{{kWish, 0}, {kSomebody, 3}, {kIll, 5}}}},
    {kNot | kHeal | kI, {{{kWish, 0}, {kSickness, 3}, {kGrows, 3}}}},
    {kNot | kHeal | kI, {{{kMay, 0}, {kSomebody, 0}, {kIll, 4}}}},
    // Such people are vermin and should be got rid of.
    {kNot, {{{kPeople, 0}, {kAre, 6}, {kVermin, 3}}}},
    {kNot, {{{kPeople, 0}, {kOught, 5}, {kAre, 2}, {kDone, 2}}}},
    {kNot, {{{kFolk, 0}, {kSort, 0}, {kAre, 6}, {kVermin, 3}}}},
    {kNot, {{{kFolk, 0}, {kSort, 0}, {kOught, 4}, {kAre, 2}, {kDone, 2}}}},
    {kNot, {{{kPeople, 0}, {kOught, 16}, {kDone, 3}, {kThem, 3}}}},
    {0, {{{kPeople, 0}, {kDenied, 5}, {kRights, 5}}}},
    {0, {{{kPeople, 0}, {kVermin, 8}, {kRid, 16}, {kThem, 2}}}},
});

// Somebody in danger is pushed over the edge.
enum Danger { kDying, kStarving };
const PhraseSet& dangers() {
  static const PhraseSet kSet{
      {kDying,
       "bridge, pills, roof, ledge, cliff, tracks, die, dying, suicide, hurt|hurting|cutting "
       "myself, end it, hopeless, pointless, worthless, needs|need|miss|misses me, razor, rope, "
       "cant go on, no point, give up, alone"},
      {kStarving, "weight, eat, eating, eaten, meal, meals, diet, fat, body, mirror"}};
  return kSet;
}
const PhraseSet& pushes() {
  static const PhraseSet kSet{
      {kDying,
       "do us|everyone|everybody|me|yourself|them|the * favor|favour, "
       "good|great|splendid|best|fine "
       "idea, why wait, what are you waiting, go on then, go ahead and|then, just|then do it, "
       "about time, jump, nobody|no one|none would|will|needs|does"},
      {kStarving,
       "stop eating then|altogether|and|forever|entirely, starving|starve yourself|would|is|a, "
       "skip "
       "them|every|all * all|meal|meals, keep starving|skipping, until there is nothing, less of "
       "you"}};
  return kSet;
}

const std::unordered_map<std::uint64_t, std::uint64_t>& classes() {
  static const std::unordered_map<std::uint64_t, std::uint64_t> kMap = [] {
    std::unordered_map<std::uint64_t, std::uint64_t> map;
    for (const auto& [kind, words] : kWords) {
      for (const Word& word : read_text(words).words) map[word.stem] |= kind;
    }
    return map;
  }();
  return kMap;
}

// The line as classes of words. Whoever takes part in the talk is a "you".
Classes read_classes(const Draft& draft, const Text& line) {
  Classes all;
  all.reserve(line.words.size());
  for (const Word& word : line.words) {
    const auto found = classes().find(word.stem);
    std::uint64_t is = found == classes().end() ? 0 : found->second;
    const bool denied = (is & kNot) != 0 && !all.empty() && (all.back() & kOught) != 0;
    if (denied) is |= kDenied;
    const bool present =
        is == 0 && std::any_of(draft.context.begin(), draft.context.end(), [&](const auto& said) {
          return said.speaker == nullptr && said.called == word.hash;
        });
    all.push_back(present ? std::uint64_t{kYou} : is);
  }
  return all;
}

// Where the steps end that begin at `from`; 0 when they are not all there.
std::size_t reach(const Rule& rule, const Classes& line, std::size_t step, std::size_t from) {
  if (step == rule.steps.size() || rule.steps[step].any == 0) return from;
  const std::size_t until = std::min(line.size(), from + rule.steps[step].gap + 1);
  for (std::size_t i = from; i < until; ++i) {
    if ((line[i] & rule.steps[step].any) != 0) {
      if (const std::size_t end = reach(rule, line, step + 1, i + 1); end > 0) return end;
    }
    if ((line[i] & rule.unless) != 0) return 0;
  }
  return 0;
}

// A word that is told of somebody else, or of oneself.
class Excuses {
 public:
  Excuses(const Text& line, const Classes& classes) : line_(line), classes_(classes) {}

  bool excused(std::size_t first, std::size_t end) const {
    return told(first) || quoted(first, end) || of_oneself(first, end);
  }
  bool quoted(std::size_t first, std::size_t end) const;

 private:
  bool told(std::size_t first) const;
  bool of_oneself(std::size_t first, std::size_t end) const;

  const Text& line_;
  const Classes& classes_;
};

// "He called you a pig": but not "I call you a pig", and not the order to call you one.
bool Excuses::told(std::size_t first) const {
  constexpr std::size_t kReach = 5;
  for (std::size_t i = first - std::min(first, kReach); i < first; ++i) {
    if (i > 0 && (classes_[i] & kTold) != 0 && (classes_[i - 1] & (kI | kWill)) == 0) return true;
  }
  return false;
}

bool Excuses::quoted(std::size_t first, std::size_t end) const {
  const std::string_view raw = line_.raw;
  const std::size_t from = line_.words[first].start;
  const std::size_t to = line_.words[end - 1].end;
  const auto letter = [&](std::size_t at) {
    return at < raw.size() && (std::isalnum(static_cast<unsigned char>(raw[at])) != 0);
  };
  for (const char mark : {'"', '\''}) {
    std::size_t open = 0;
    for (std::size_t i = 0; i < from; ++i) {
      // An apostrophe inside a word is no mark.
      if (raw[i] == mark && !(i > 0 && letter(i - 1) && letter(i + 1))) ++open;
    }
    if (open % 2 == 1 && raw.find(mark, to) != std::string_view::npos) return true;
  }
  return false;
}

// "I'm a dumb fat idiot": as long as nobody else comes into it.
bool Excuses::of_oneself(std::size_t first, std::size_t end) const {
  constexpr std::size_t kReach = 3;
  bool own = false;
  for (std::size_t i = first - std::min(first, kReach); i < end; ++i) {
    if ((classes_[i] & (kYou | kYour | kThem | kPeople | kHarm)) != 0) return false;
    if (i < first) own = (own || (classes_[i] & kI) != 0) && (classes_[i] & kWill) == 0;
  }
  return own;
}

bool near(std::size_t a, std::size_t b) {
  constexpr std::size_t kReach = 10;
  return a != b && std::max(a, b) - std::min(a, b) <= kReach;
}

// Whether one of `a` and another one of `b` stand within a sentence's reach of each other.
bool together(const std::vector<std::size_t>& a, const std::vector<std::size_t>& b) {
  return std::any_of(a.begin(), a.end(), [&](std::size_t x) {
    return std::any_of(b.begin(), b.end(), [&](std::size_t y) { return near(x, y); });
  });
}

// By the phrases that are wrong wherever they stand, and by what they heap on each other.
Toxicity by_phrases(const Text& line, const Classes& classes, const Excuses& excuses) {
  Toxicity worst = Toxicity::None;
  std::array<std::vector<std::size_t>, kDegrades + 1> places;
  for (const PhraseSet::Hit& hit : toxic_phrases().find(line)) {
    if (excuses.excused(hit.first, hit.first + hit.words)) continue;
    if (hit.tag == kSoft) worst = std::max(worst, Toxicity::Coarse);
    if (hit.tag == kStrong) worst = std::max(worst, Toxicity::Harassing);
    if (hit.tag == kCritical) worst = Toxicity::Hateful;
    places[static_cast<std::size_t>(hit.tag)].push_back(hit.first);
  }
  if (places[kGroup].size() + places[kAbusive].size() > 2 &&
      together(places[kGroup], places[kAbusive])) {
    return Toxicity::Hateful;
  }
  if (worst >= Toxicity::Harassing || !together(places[kDegrades], places[kDegrades])) return worst;
  std::vector<std::size_t> addressed;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if ((classes[i] & (kYou | kYour)) != 0) addressed.push_back(i);
  }
  return together(places[kDegrades], addressed) ? Toxicity::Harassing : worst;
}

bool breaks_rule(const Classes& line, const Excuses& excuses) {
  return std::any_of(kHateful.begin(), kHateful.end(), [&](const Rule& rule) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      if ((line[i] & rule.steps[0].any) == 0) continue;
      const std::size_t end = reach(rule, line, 1, i + 1);
      if (end == 0 || (end < line.size() && (line[end] & kSpares) != 0)) continue;
      if (!excuses.quoted(i, end)) return true;
    }
    return false;
  });
}

bool pushes_over(const Draft& draft, const Text& line) {
  if (draft.answered() == nullptr) return false;
  const auto hits = pushes().find(line);
  if (hits.empty()) return false;
  const auto signs = dangers().find(draft.answered()->text());
  return std::any_of(hits.begin(), hits.end(), [&](const PhraseSet::Hit& push) {
    return std::any_of(signs.begin(), signs.end(),
                       [&](const PhraseSet::Hit& sign) { return sign.tag == push.tag; });
  });
}

}  // namespace

Toxicity toxicity(const Draft& draft, const Text& line) {
  const Classes classes = read_classes(draft, line);
  const Excuses excuses(line, classes);
  const Toxicity worst = by_phrases(line, classes, excuses);
  if (worst == Toxicity::Hateful) return worst;
  if (breaks_rule(classes, excuses) || pushes_over(draft, line)) return Toxicity::Hateful;
  return worst;
}

}  // namespace quality
