#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "quality/findings.h"
#include "quality/relevance.h"

namespace quality {
namespace {

using contracts::Finding;
using contracts::FindingCode;
using contracts::Severity;

constexpr double kOwnVoiceMax = 0.25;
constexpr double kOtherVoiceMin = 0.6;
constexpr double kMarkedVoice = 0.85;
constexpr double kCertainVoice = 0.985;
constexpr double kOffTopicOdds = 0;       // of a logarithm: even
constexpr double kCertainlyOffTopic = 2;  // seven to one: worth a draft
constexpr double kRecites = 0.75;
constexpr std::size_t kTopicWords = 6;  // a shorter line needs no topic to be a reaction

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
  if (draft.answered() == nullptr || draft.text.words.size() < kTopicWords) return std::nullopt;
  const Relevance found = relevance(draft);
  if (found.off_topic_odds < kOffTopicOdds) return std::nullopt;
  // Whoever retrieved a passage may have seen a tie that no word shows: to say what it says costs
  // points and brings a hint, but is better than to say nothing.
  const bool certain = found.off_topic_odds >= kCertainlyOffTopic && found.recital < kRecites;
  return Finding{FindingCode::OffTopic, certain ? Severity::Major : Severity::Minor,
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
