#include "quality/components.h"

#include <algorithm>
#include <cmath>

#include "quality/findings.h"

namespace quality {
namespace {

using contracts::Components;
using contracts::FindingCode;
using contracts::Severity;

constexpr std::string_view kInterjections[] = {
    "oh",     "ah",       "hey",       "well", "wow",    "ugh",  "ha",     "haha",  "hehe",
    "hehehe", "heh",      "hmm",       "aw",   "yeah",   "yep",  "yes",    "no",    "nah",
    "nope",   "damn",     "dude",      "man",  "huh",    "whoa", "okay",   "ok",    "pff",
    "alas",   "ooh",      "geez",      "jeez", "indeed", "sure", "thanks", "hello", "hi",
    "easy",   "beats me", "good lord", "holy", "ahem",   "bah"};

const PhraseSet& interjections() {
  static const PhraseSet kSet{{0, kInterjections}};
  return kSet;
}

constexpr std::string_view kSureWords[] = {
    "definitely",  "certainly",      "guaranteed", "studies show", "experts say", "in fact",
    "it is known", "everyone knows", "scientists", "undoubtedly",  "according to"};

const PhraseSet& sure_words() {
  static const PhraseSet kSet{{0, kSureWords}};
  return kSet;
}

bool marked(const Draft& draft) {
  const Marks& own = draft.voice.marks[draft.speaker.index];
  return own.phrases + own.words > 0;
}

bool emphatic(const Draft& draft) { return draft.line.find_first_of("!?") != std::string::npos; }

// The share of the line's words that the character's own lines have too. What the knowledge or the
// conversation brought in is nobody's voice and does not count.
double own_vocabulary(const Draft& draft) {
  double own = 0;
  double all = 0;
  for (const std::uint64_t stem : draft.content) {
    const bool known = draft.speaker.vocabulary.contains(stem);
    if (!known && (draft.knowledge.contains(stem) || draft.conversation.contains(stem))) continue;
    all += 1;
    own += known ? 1 : 0;
  }
  return all == 0 ? 0.5 : own / all;
}

// How sure it is that the speaker and not the best of the others said it: 0.5 when undecided.
double own_voice(const Draft& draft) {
  const double own = draft.voice.scores[draft.speaker.index];
  double other = 0;
  for (std::size_t i = 0; i < draft.voice.scores.size(); ++i) {
    if (i != draft.speaker.index) other = std::max(other, draft.voice.scores[i]);
  }
  return draft.voice.scores.size() < 2 ? 0.5 : own / (own + other);
}

double authenticity(const Draft& draft) {
  const Marks& own = draft.voice.marks[draft.speaker.index];
  const double marks = 1 - std::exp(-1.4 * own.phrases - 0.7 * own.words);
  const double vocabulary = own_vocabulary(draft);
  const double evidence = 1 - (1 - marks) * (1 - 0.95 * vocabulary * vocabulary);
  const double person = personal(draft) ? 1.0 : (emphatic(draft) || marks > 0 ? 0.7 : 0.0);
  const double shape = draft.voice.shape_fits[draft.speaker.index];
  return 5 + 40 * evidence + 22 * own_voice(draft) + 15 * shape + 18 * person;
}

std::size_t shared(const std::vector<std::uint64_t>& stems, const HashSet& with) {
  return static_cast<std::size_t>(std::count_if(
      stems.begin(), stems.end(), [&](std::uint64_t stem) { return with.contains(stem); }));
}

double flow(const Draft& draft) {
  if (draft.answered() == nullptr) return 84;
  HashSet asked;
  for (const std::uint64_t stem : draft.asked) asked.insert(stem);
  const std::size_t topic = shared(draft.content, asked);
  double score = 68 + 10.0 * static_cast<double>(std::min<std::size_t>(topic, 2));
  const std::size_t words = draft.text.words.size();
  // A short line needs no topic to be a reaction: "Beats me!"
  if (topic == 0 && words <= 14) score += 7;
  if (topic == 0 && words > 14) score -= 6;
  if (topic < 2 && shared(draft.content, draft.recent) > topic) score += 4;
  if (shared(draft.content, draft.knowledge) > 0) score += 6;
  const bool speaks = personal(draft) || marked(draft) || emphatic(draft);
  score += speaks ? 6 : -10;
  const auto hits = interjections().find(draft.text);
  if (!hits.empty() && hits.front().first < 2) score += 4;
  const bool counters =
      draft.answers_question && draft.line.ends_with('?') && draft.sentences.size() == 1;
  if (counters) score -= 5;
  return score;
}

double length_fit(std::size_t words) {
  if (words < 2) return words == 0 ? 0.1 : 0.45;
  if (words < 4) return words == 2 ? 0.7 : 0.85;
  if (words <= 45) return 1.0;
  if (words <= 70) return 0.75;
  return words <= 110 ? 0.45 : 0.2;
}

double engagement(const Draft& draft) {
  const bool hook = emphatic(draft) || marked(draft) || !interjections().find(draft.text).empty();
  HashSet distinct;
  for (const Word& word : draft.text.words) distinct.insert(word.hash);
  const double words = std::max(1.0, static_cast<double>(draft.text.words.size()));
  const double variety = std::min(1.0, static_cast<double>(distinct.size()) / (0.7 * words));
  const double spice =
      0.2 + (hook ? 0.3 : 0) + (personal(draft) ? 0.3 : (hook ? 0.15 : 0)) + 0.2 * variety;
  return 100 * length_fit(draft.text.words.size()) * spice;
}

double grounding(const Draft& draft) {
  const std::size_t supported = shared(draft.content, draft.knowledge);
  double score = 96 + (supported > 0 ? 4 : 0);
  const double risk = draft.speaker.character.hallucination_risk;
  const auto sure = static_cast<double>(sure_words().find(draft.text).size());
  if (supported == 0) score -= std::min(3.0, sure) * (2 + 8 * risk);
  // A long statement that nothing known backs and nobody vouches for.
  const bool unbacked = supported == 0 && draft.text.words.size() >= 8 && !personal(draft) &&
                        !marked(draft) && own_vocabulary(draft) < 0.5;
  return unbacked ? score - 12 : score;
}

double safety(const Draft& draft) {
  std::size_t upper = 0;
  std::size_t lower = 0;
  for (const char c : draft.line) {
    if (c >= 'A' && c <= 'Z') ++upper;
    if (c >= 'a' && c <= 'z') ++lower;
  }
  const bool shouting = draft.text.words.size() >= 4 && upper > 3 * lower;
  return shouting ? 85 : 100;
}

double cost(Severity severity) {
  switch (severity) {
    case Severity::Info:
      return 0;
    case Severity::Minor:
      return 10;
    case Severity::Major:
      return 30;
    case Severity::Critical:
      return 60;
  }
  return 0;
}

double& component_of(Components& components, FindingCode code) {
  switch (code) {
    case FindingCode::SpeaksForOthers:
    case FindingCode::LeaksPrompt:
    case FindingCode::AssistantVoice:
    case FindingCode::WrongVoice:
      return components.authenticity;
    case FindingCode::WrongLanguage:
    case FindingCode::Repetition:
    case FindingCode::OffTopic:
      return components.flow;
    case FindingCode::TooLong:
    case FindingCode::Empty:
      return components.engagement;
    case FindingCode::UnsupportedClaim:
      return components.grounding;
    case FindingCode::MentionAbuse:
    case FindingCode::Toxic:
      return components.safety;
  }
  return components.flow;
}

}  // namespace

Components score_components(const Draft& draft, const std::vector<contracts::Finding>& findings) {
  Components scores{.authenticity = authenticity(draft),
                    .flow = flow(draft),
                    .engagement = engagement(draft),
                    .grounding = grounding(draft),
                    .safety = safety(draft)};
  for (const auto& finding : findings) component_of(scores, finding.code) -= cost(finding.severity);
  for (double* score : {&scores.authenticity, &scores.flow, &scores.engagement, &scores.grounding,
                        &scores.safety}) {
    *score = std::clamp(*score, 0.0, 100.0);
  }
  return scores;
}

}  // namespace quality
