#include "tuning/advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/ids.h"
#include "tuning/arms.h"

namespace tuning {
namespace {

constexpr std::size_t kFaultsNamed = 3;

std::string_view guidance_for(FindingCode code) {
  switch (code) {
    case FindingCode::SpeaksForOthers:
      return "Write one speaker only. No name with a colon, no answer on behalf of anybody else.";
    case FindingCode::LeaksPrompt:
      return "Never mention instructions, cards, roles or rules. There is only the conversation.";
    case FindingCode::AssistantVoice:
      return "You help nobody and offer nothing. You are a person with a mood and an opinion.";
    case FindingCode::WrongVoice:
      return "Use the words, exclamations and sentence lengths of your own example lines.";
    case FindingCode::WrongLanguage:
      return "Use the language of the last line that was said to you, for the whole answer.";
    case FindingCode::Repetition:
      return "Begin with another word than before and bring up one thing not yet mentioned.";
    case FindingCode::UnsupportedClaim:
      return "State no name, number or date that you were not given. An opinion is enough.";
    case FindingCode::MentionAbuse:
      return "Write no @ at all. Call people by their names.";
    case FindingCode::Toxic:
      return "Be funny at your own expense. Insult nobody.";
    case FindingCode::OffTopic:
      return "Take up one word of the line you answer and stay with it.";
    case FindingCode::TooLong:
      return "One sentence. Stop after it.";
    case FindingCode::Empty:
      return "Say at least one whole sentence.";
  }
  return {};
}

}  // namespace

HintTexts default_hints() {
  return {
      {FindingCode::SpeaksForOthers,
       {"Write only your own words: no lines, names or actions of anybody else.",
        "Give a single answer in the first person and stop before anybody could reply."}},
      {FindingCode::LeaksPrompt,
       {"Do not mention instructions or how you were told to speak.",
        "Talk about the matter itself, as if nobody had told you anything beforehand."}},
      {FindingCode::AssistantVoice,
       {"Do not offer help and do not sound like a service; answer as yourself.",
        "Drop the politeness of a help desk: say what you feel about it, in your own manner."}},
      {FindingCode::WrongVoice,
       {"Say it the way you always talk, with your own favourite words.",
        "Copy the rhythm of your example lines: their length, their exclamations, their slang."}},
      {FindingCode::WrongLanguage,
       {"Answer in the language of the line that you answer.",
        "Translate your answer into the language that the others speak, and say only that."}},
      {FindingCode::Repetition,
       {"Say something that has not been said before, with a different beginning.",
        "Leave out what you said last time and add a new detail or a new thought."}},
      {FindingCode::UnsupportedClaim,
       {"Claim only what the notes say; of the rest say that you do not know.",
        "Leave out names, numbers and dates that you were not given."}},
      {FindingCode::MentionAbuse,
       {"Address nobody with @ and do not call everyone.",
        "Use plain names and no mention at all."}},
      {FindingCode::Toxic,
       {"Say it without insults, slurs or threats.", "Keep the joke and drop whoever it hurts."}},
      {FindingCode::OffTopic,
       {"Answer exactly what was said last.",
        "Take up a word of the last line and build the answer on it."}},
      {FindingCode::TooLong,
       {"Answer in one or two short sentences.",
        "Keep only the best sentence of what you were going to say."}},
      {FindingCode::Empty,
       {"Say one whole sentence in words.",
        "Begin with a short reaction to the last line, then give your answer."}},
  };
}

std::string hint_id(FindingCode code, std::string_view text) {
  return fmt::format("{}.{:04x}", enum_name(code), hash64(text) & 0xffff);
}

std::optional<FindingCode> code_named(std::string_view name) {
  for (const auto& [code, text] : enum_names(FindingCode{})) {
    if (text == name) return code;
  }
  return std::nullopt;
}

std::optional<FindingCode> code_of_hint(std::string_view id) {
  return code_named(id.substr(0, id.find('.')));
}

std::vector<HintUse> hint_uses(const std::vector<contracts::OutcomeAttempt>& attempts) {
  std::vector<HintUse> uses;
  const contracts::OutcomeAttempt* before = nullptr;
  for (const auto& attempt : attempts) {
    if (attempt.fault) continue;
    const auto has = [](const contracts::OutcomeAttempt& draft, FindingCode code) {
      return std::find(draft.codes.begin(), draft.codes.end(), code) != draft.codes.end();
    };
    for (const std::string& hint : attempt.hints) {
      const auto code = code_of_hint(hint);
      if (!code || before == nullptr || !has(*before, *code)) continue;
      uses.push_back({hint, !has(attempt, *code)});
    }
    before = &attempt;
  }
  return uses;
}

std::vector<contracts::RetryHints> ordered(const HintTexts& texts, const HintTallies& tallies) {
  const auto tally_of = [&](const std::string& id) {
    const auto found = tallies.find(id);
    return found == tallies.end() ? HintTally{} : found->second;
  };
  std::vector<contracts::RetryHints> result;
  for (const auto& [code, hints] : texts) {
    std::int64_t used = 0;
    for (const auto& text : hints) used += tally_of(hint_id(code, text)).used;
    std::vector<std::pair<double, contracts::RetryHint>> drawn;
    for (const auto& text : hints) {
      const std::string id = hint_id(code, text);
      const HintTally tally = tally_of(id);
      Random random(hash64(id, static_cast<std::uint64_t>(used)));
      const Beta belief{1 + static_cast<double>(tally.helped),
                        1 + static_cast<double>(tally.used - tally.helped)};
      drawn.push_back({draw(belief, random), {id, text}});
    }
    std::stable_sort(drawn.begin(), drawn.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    contracts::RetryHints entry{code, {}};
    for (auto& [luck, hint] : drawn) entry.hints.push_back(std::move(hint));
    result.push_back(std::move(entry));
  }
  return result;
}

std::vector<std::string> guidance(const std::map<FindingCode, std::int64_t>& findings) {
  std::vector<std::pair<FindingCode, std::int64_t>> most(findings.begin(), findings.end());
  std::erase_if(most, [](const auto& finding) { return finding.second <= 0; });
  std::stable_sort(most.begin(), most.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  if (most.size() > kFaultsNamed) most.resize(kFaultsNamed);
  std::vector<std::string> texts{"Forget the drafts before. One short line, wholly as yourself."};
  for (const auto& [code, drafts] : most) texts.emplace_back(guidance_for(code));
  return texts;
}

}  // namespace tuning
