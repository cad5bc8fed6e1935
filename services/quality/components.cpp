#include "quality/components.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "quality/findings.h"

namespace quality {
namespace {

using contracts::Components;
using contracts::FindingCode;
using contracts::Severity;

constexpr std::string_view kInterjections = R"(
    oh, ah, hey, well, wow, ugh, ha, haha, hehe, hehehe, heh, hmm, aw, yeah, yep, yes, no, nah,
    nope, damn, dude, man, huh, whoa, okay, ok, pff, alas, ooh, geez, jeez, indeed, sure, thanks,
    hello, hi, easy, beats me, good lord, holy, ahem, bah)";

const PhraseSet& interjections() {
  static const PhraseSet kSet{{0, kInterjections}};
  return kSet;
}

constexpr std::string_view kSureWords = R"(
    definitely, certainly, guaranteed, studies show, experts say, in fact, it is known,
    everyone knows, scientists, undoubtedly, according to)";

const PhraseSet& sure_words() {
  static const PhraseSet kSet{{0, kSureWords}};
  return kSet;
}

// The mean of scores by their shares.
struct Part {
  double share;
  double score;
};
double mean(std::initializer_list<Part> parts) {
  double all = 0;
  double sum = 0;
  for (const Part& part : parts) {
    all += part.share;
    sum += part.share * std::clamp(part.score, 0.0, 100.0);
  }
  return all > 0 ? sum / all : 0;
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

double authenticity(const Draft& draft, const contracts::AuthenticityParts& parts) {
  const Marks& own = draft.voice.marks[draft.speaker.index];
  const double marks = 1 - std::exp(-1.4 * own.phrases - 0.7 * own.words);
  const double vocabulary = own_vocabulary(draft);
  const double evidence = 1 - (1 - marks) * (1 - 0.95 * vocabulary * vocabulary);
  const double person = personal(draft) ? 1.0 : (emphatic(draft) || marks > 0 ? 0.7 : 0.0);
  const double score = mean({{parts.consistency, 55 * own_voice(draft) + 45 * person},
                             {parts.markers, 12 + 88 * evidence},
                             {parts.style, 100 * draft.voice.shape_fits[draft.speaker.index]}});
  // A word or two have no voice of their own to miss.
  return draft.text.words.size() < 4 ? std::max(score, 65.0) : score;
}

std::size_t shared(const std::vector<std::uint64_t>& stems, const HashSet& with) {
  return static_cast<std::size_t>(std::count_if(
      stems.begin(), stems.end(), [&](std::uint64_t stem) { return with.contains(stem); }));
}

// Whether the line takes up what was said.
double awareness(const Draft& draft) {
  HashSet asked;
  for (const std::uint64_t stem : draft.asked) asked.insert(stem);
  const std::size_t topic = shared(draft.content, asked);
  double score = 64 + 16.0 * static_cast<double>(std::min<std::size_t>(topic, 2));
  // A short line needs no topic to be a reaction: "Beats me!"
  if (topic == 0) score += draft.text.words.size() <= 14 ? 12 : -8;
  if (topic < 2 && shared(draft.content, draft.recent) > topic) score += 7;
  if (shared(draft.content, draft.knowledge) > 0) score += 10;
  return score;
}

// Whether it reads as the next turn of a talk.
double follow_up(const Draft& draft) {
  double score = personal(draft) || marked(draft) || emphatic(draft) ? 86 : 50;
  const auto hits = interjections().find(draft.text);
  if (!hits.empty() && hits.front().first < 2) score += 10;
  const bool counters =
      draft.answers_question && draft.line.ends_with('?') && draft.sentences.size() == 1;
  return counters ? score - 12 : score;
}

// Who speaks unasked joins what the others talk about.
double organic(const Draft& draft) {
  if (draft.kind == contracts::TurnKind::Direct) return 88;
  const bool joins = shared(draft.content, draft.recent) > 0 || draft.text.words.size() <= 14;
  return joins ? 96 : 76;
}

double flow(const Draft& draft, const contracts::FlowParts& parts) {
  if (draft.answered() == nullptr) return 84;
  return mean({{parts.awareness, awareness(draft)},
               {parts.follow_up, follow_up(draft)},
               {parts.organic, organic(draft)}});
}

double length_fit(std::size_t words) {
  if (words < 2) return words == 0 ? 0.1 : 0.75;
  if (words < 4) return words == 2 ? 0.8 : 0.9;
  if (words <= 45) return 1.0;
  if (words <= 70) return 0.75;
  return words <= 110 ? 0.45 : 0.2;
}

double engagement(const Draft& draft, const contracts::EngagementParts& parts) {
  const bool hook = emphatic(draft) || marked(draft) || !interjections().find(draft.text).empty();
  HashSet distinct;
  for (const Word& word : draft.text.words) distinct.insert(word.hash);
  const double words = std::max(1.0, static_cast<double>(draft.text.words.size()));
  const double variety = std::min(1.0, static_cast<double>(distinct.size()) / (0.7 * words));
  const double fit = length_fit(draft.text.words.size());
  const double turns = personal(draft) ? 100 : (hook ? 55 : 0);
  const double colour = (hook ? 65 : 0) + 35 * variety;
  // Nobody reads to the joke in a wall of text.
  return fit * mean({{parts.length, 100}, {parts.questions, turns}, {parts.humour, colour}});
}

double grounding(const Draft& draft, const contracts::GroundingParts& parts) {
  const std::size_t supported = shared(draft.content, draft.knowledge);
  if (supported > 0) return 100;
  // A long statement that nothing known backs and nobody vouches for.
  const bool unbacked = draft.text.words.size() >= 8 && !personal(draft) && !marked(draft) &&
                        own_vocabulary(draft) < 0.5;
  const double risk = draft.speaker.character.hallucination_risk;
  const auto sure = static_cast<double>(sure_words().find(draft.text).size());
  return mean({{parts.facts, unbacked ? 77.0 : 97.0},
               {parts.confidence, 97 - std::min(3.0, sure) * (8 + 32 * risk)},
               {parts.risk, 100 - 15 * risk}});
}

double safety(const Draft& draft, const contracts::SafetyParts& parts) {
  std::size_t upper = 0;
  std::size_t lower = 0;
  for (const char c : draft.line) {
    if (c >= 'A' && c <= 'Z') ++upper;
    if (c >= 'a' && c <= 'z') ++lower;
  }
  const bool shouting = draft.text.words.size() >= 4 && upper > 3 * lower;
  const bool mentions = draft.line.find('@') != std::string::npos;
  // What is said is judged by the findings, which are taken off below.
  return mean({{parts.content, 100},
               {parts.language, shouting ? 40.0 : 100.0},
               {parts.community, mentions ? 90.0 : 100.0}});
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

Components score_components(const Draft& draft, const std::vector<contracts::Finding>& findings,
                            const contracts::QualityParts& parts) {
  Components scores{.authenticity = authenticity(draft, parts.authenticity),
                    .flow = flow(draft, parts.flow),
                    .engagement = engagement(draft, parts.engagement),
                    .grounding = grounding(draft, parts.grounding),
                    .safety = safety(draft, parts.safety)};
  for (const auto& finding : findings) component_of(scores, finding.code) -= cost(finding.severity);
  for (double* score : {&scores.authenticity, &scores.flow, &scores.engagement, &scores.grounding,
                        &scores.safety}) {
    *score = std::clamp(*score, 0.0, 100.0);
  }
  return scores;
}

}  // namespace quality
