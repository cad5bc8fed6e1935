#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "quality/findings.h"

namespace quality {
namespace {

using contracts::Finding;
using contracts::FindingCode;
using contracts::Severity;

constexpr double kOwnVoiceMax = 0.25;
constexpr double kOtherVoiceMin = 0.6;
constexpr double kMarkedVoice = 0.85;
constexpr double kCertainVoice = 0.985;
constexpr std::size_t kNewMatters = 2;
constexpr std::size_t kTopicWords = 6;  // a shorter line needs no topic to be a reaction

bool has(const PhraseSet& set, const Text& text, std::size_t until) {
  const auto hits = set.find(text);
  return std::any_of(hits.begin(), hits.end(),
                     [&](const PhraseSet::Hit& hit) { return hit.first < until; });
}

// Whether the line shares a word of meaning with the talk, or with what was retrieved for it.
bool shares_topic(const Draft& draft) {
  return std::any_of(draft.content.begin(), draft.content.end(), [&](std::uint64_t stem) {
    return draft.conversation.contains(stem) || draft.topical.contains(stem);
  });
}

// Words that neither the talk nor the character's own lines have: what the draft is about, if it is
// about something else. Whoever says "I see, dreadful!" brings up nothing.
std::size_t new_matters(const Draft& draft) {
  return static_cast<std::size_t>(
      std::count_if(draft.content.begin(), draft.content.end(), [&](std::uint64_t stem) {
        return !draft.speaker.vocabulary.contains(stem) && !draft.conversation.contains(stem) &&
               !draft.cast.name_stems().contains(stem);
      }));
}

// Whether the first whole sentence states something; a fragment leans on what was said.
bool states(const Draft& draft) {
  static const PhraseSet kVerbs{
      {0,
       "is, are, am, im, be, have, has, must, should, shall, can, cannot, cant, dont, doesnt, "
       "isnt, "
       "arent, think, believe, tried, needs, requires, knows, gets, makes, love, hate, wants, "
       "ought, may, might, prefers, taste, tastes, ive"}};
  constexpr std::size_t kSentenceWords = 3;
  constexpr std::size_t kSubjectWords = 6;
  for (const std::string_view sentence : draft.sentences) {
    const Text text = read_text(sentence);
    if (text.words.size() < kSentenceWords) continue;
    return has(kVerbs, text, kSubjectWords);
  }
  return false;
}

// Words that answer by themselves or point to what was said, up to the first word that brings up
// something of its own.
bool reacts(const Draft& draft) {
  enum Where { kAnywhere, kFirst };  // "that" and the like point back only at the beginning
  constexpr std::size_t kFirstWords = 3;
  static const PhraseSet kReactions{
      {0,
       "yes, no, nope, never, sure, thanks, thank, sorry, congratulations, welcome, hello, hi, "
       "bye, night, morning, same, i do, i did, i am, im in, i dont, i do not, no way, good, "
       "fine, of course, certainly, easy, because, please, nonsense, apologies, tell, try, then, "
       "so, too, also, not"}};
  static const PhraseSet kPointers{
      {kAnywhere,
       "it, thats, this, these, those, they, them, he, hes, she, shes, him, her, his, you, "
       "your, youre, we, us, our, its, here, theirs, their, me"},
      {kFirst, "that, one, there, such, both"}};
  const auto own = draft.speaker.phrases.find(draft.text);
  std::vector<bool> formula(draft.text.words.size(), false);
  for (const auto& hit : own) {
    std::fill_n(formula.begin() + static_cast<std::ptrdiff_t>(hit.first), hit.words, true);
  }
  std::size_t until = 0;
  std::size_t subjects = 0;
  while (until < draft.text.words.size() && subjects < 3) {
    if (!formula[until] && content_word(draft.text, draft.text.words[until])) ++subjects;
    ++until;
  }
  if (has(kReactions, draft.text, kFirstWords)) return true;
  const auto pointers = kPointers.find(draft.text);
  return std::any_of(pointers.begin(), pointers.end(), [&](const PhraseSet::Hit& hit) {
    return hit.first < (hit.tag == kFirst ? kFirstWords : until) && !formula[hit.first];
  });
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
  // Without a mark of the other's, words and rhythm must leave no doubt.
  const bool marked = theirs.phrases > 0 || theirs.words >= 2 ||
                      (theirs.words == 1 && voice.scores[best] > kMarkedVoice);
  if (!marked && voice.scores[best] < kCertainVoice) return std::nullopt;
  const auto& speaker = draft.speaker.character;
  std::string hint = fmt::format("This sounds like {}; speak as {}",
                                 draft.cast.profiles()[best].character.name, speaker.name);
  if (!speaker.phrases.empty())
    hint += fmt::format(", with words like \"{}\"", speaker.phrases.front());
  return Finding{FindingCode::WrongVoice, Severity::Major, hint + "."};
}

MaybeFinding find_off_topic(const Draft& draft) {
  if (draft.asked.empty() || draft.text.words.size() < kTopicWords) return std::nullopt;
  if (shares_topic(draft) || new_matters(draft) < kNewMatters || reacts(draft) || !states(draft)) {
    return std::nullopt;
  }
  return Finding{FindingCode::OffTopic, Severity::Major,
                 fmt::format("React to what {} has just said.", draft.answered()->line->author)};
}

bool personal(const Draft& draft) {
  static const PhraseSet kPersons{
      {0,
       "i, im, ive, ill, id, me, my, mine, myself, you, your, youre, youll, youve, yours, we, us, "
       "our, lets, dont, cant, wont, isnt, thats, theres, hes, shes, whats, aint, didnt, oh, ah, "
       "hey, wow, ugh, ha, haha, hehe, hehehe, heh, aw, yeah, yep, nah, nope, damn, dude, man, "
       "huh, whoa, okay, pff, alas, ooh, geez, jeez, yay, boy, gee, hello"}};
  return !kPersons.find(draft.text).empty();
}

}  // namespace quality
