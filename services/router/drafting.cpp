#include "router/drafting.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/ids.h"
#include "base/utf8.h"
#include "contracts/prompt_layout.h"

namespace router {
namespace {

namespace layout = contracts::prompt;

constexpr std::size_t kNotesMax = 6;
constexpr std::size_t kLoreMax = 16;

// Text from outside must not close the fence around it.
std::string without_fences(std::string text) {
  for (const std::string_view mark : {layout::kFenceClose, layout::kFenceOpen}) {
    for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
      text.replace(at, mark.size(), "[mark removed]");
    }
  }
  return text;
}

std::string knowledge_section(const TurnState& state) {
  if (!state.knowledge || state.knowledge->hits.empty()) return {};
  std::string section = fmt::format("\n\n{}\n{}", layout::kKnowledge, layout::kKnowledgeNote);
  int number = 1;
  for (const contracts::Hit& hit : state.knowledge->hits) {
    section +=
        fmt::format("\n{}{}: {}\n{}\n{}", layout::kFenceOpen, number++, without_fences(hit.title),
                    without_fences(hit.text), layout::kFenceClose);
  }
  return section;
}

// Newest first, each hint once.
std::vector<std::string> hints(const TurnState& state) {
  std::vector<std::string> found;
  for (auto attempt = state.record.attempts.rbegin(); attempt != state.record.attempts.rend();
       ++attempt) {
    if (!attempt->assessment) continue;
    for (const contracts::Finding& finding : attempt->assessment->findings) {
      if (std::find(found.begin(), found.end(), finding.hint) == found.end()) {
        found.push_back(finding.hint);
      }
    }
  }
  if (found.size() > kNotesMax) found.resize(kNotesMax);
  return found;
}

std::string notes_section(const TurnState& state, int number) {
  const Notes notes = notes_for(state, number);
  if (notes.lines.empty()) return {};
  std::string section = fmt::format("\n\n{}\nThis is draft {}.", layout::kNotes, number);
  for (const std::string& line : notes.lines) section += fmt::format("\n- {}", line);
  return section;
}

// The findings that rejected the latest draft that was judged.
std::vector<contracts::FindingCode> last_faults(const TurnState& state) {
  std::vector<contracts::FindingCode> codes;
  const auto& attempts = state.record.attempts;
  const auto judged = std::find_if(attempts.rbegin(), attempts.rend(), [](const auto& attempt) {
    return attempt.assessment.has_value();
  });
  if (judged == attempts.rend()) return codes;
  for (const contracts::Finding& finding : judged->assessment->findings) {
    if (std::find(codes.begin(), codes.end(), finding.code) == codes.end()) {
      codes.push_back(finding.code);
    }
  }
  return codes;
}

// Of each fault's hints the best one first, another with every further attempt.
void add_retry_hints(Notes& notes, const TurnState& state, int number) {
  constexpr int kTunedFrom = 4;
  constexpr std::size_t kHintsMax = 4;
  for (const contracts::FindingCode code : last_faults(state)) {
    const auto known = std::find_if(state.hints->retry.begin(), state.hints->retry.end(),
                                    [&](const auto& hints) { return hints.code == code; });
    if (known == state.hints->retry.end() || known->hints.empty()) continue;
    const auto rank = static_cast<std::size_t>(number - kTunedFrom) % known->hints.size();
    const contracts::RetryHint& hint = known->hints[rank];
    if (notes.hint_ids.size() >= kHintsMax) return;
    notes.lines.push_back(hint.text);
    notes.hint_ids.push_back(hint.id);
  }
}

std::string display_name(const TurnState& state, const contracts::Line& line) {
  if (line.kind == contracts::Kind::Human) return line.author;
  const auto found = state.names.find(line.author);
  return found == state.names.end() ? line.author : found->second;
}

}  // namespace

Notes notes_for(const TurnState& state, int number) {
  Notes notes;
  notes.lines = hints(state);
  if (number > 1 && notes.lines.empty()) notes.lines.emplace_back("Say it differently this time.");
  const contracts::Band band = band_of(number);
  if (band == contracts::Band::Standard) return notes;
  notes.lines.emplace_back("Answer the last line directly, in one or two short sentences.");
  if (state.hints) add_retry_hints(notes, state, number);
  if (band == contracts::Band::Tuned) return notes;
  if (state.hints) {
    for (const std::string& line : state.hints->guidance) notes.lines.push_back(line);
  }
  notes.lines.push_back(
      fmt::format("Sound unmistakably like {}: use one of your phrases.", state.prompt->name));
  notes.lines.emplace_back("Claim nothing that is not in the knowledge.");
  return notes;
}

const contracts::Variant* variant_of(const TurnState& state) {
  return state.hints ? contracts::draw(state.hints->variants, hash64(state.record.turn_id))
                     : nullptr;
}

contracts::ChatRequest chat_request(const TurnState& state, int number) {
  contracts::ChatRequest request;
  // A model whose every draft was rejected has had its chances: the last one is the understudy's.
  if (stands_in(state.options, number)) request.model = "understudy";
  request.max_tokens = state.prompt->max_tokens;
  request.temperature = state.prompt->temperature;
  std::string rule;
  if (const contracts::Variant* variant = variant_of(state)) {
    if (variant->temperature) request.temperature = *variant->temperature;
    // The prompt ends with its rules.
    if (!variant->text.empty()) rule = fmt::format("- {}\n", variant->text);
  }
  request.seed = static_cast<std::int64_t>(hash64(state.record.channel + state.record.message_id +
                                                      state.record.character +
                                                      state.record.regenerates.value_or(""),
                                                  static_cast<std::uint64_t>(number)) >>
                                           1U);
  std::string system = state.prompt->system;
  system.append(rule).append(knowledge_section(state)).append(notes_section(state, number));
  if (!state.prompt->post_history.empty()) system.append("\n\n").append(state.prompt->post_history);
  request.messages.reserve(state.history.size() + 1);
  request.messages.push_back({contracts::Role::System, std::move(system)});
  for (const contracts::Line& line : state.history) {
    const bool own = line.kind == contracts::Kind::Bot && line.author == state.record.character;
    request.messages.push_back(
        own ? contracts::ChatMessage{contracts::Role::Assistant, line.text}
            : contracts::ChatMessage{contracts::Role::User,
                                     fmt::format("{}: {}", display_name(state, line), line.text)});
  }
  return request;
}

contracts::AssessRequest assess_request(const TurnState& state, const std::string& draft) {
  contracts::AssessRequest request;
  request.character = state.record.character;
  request.line = draft;
  for (const contracts::Line& line : state.history)
    request.context.push_back({line.author, line.text});
  if (state.knowledge) {
    for (const contracts::Hit& hit : state.knowledge->hits) request.knowledge.push_back(hit.text);
  }
  if (state.prompt && state.prompt->lore.size() <= kLoreMax) {  // it was given that, too
    for (const std::string& text : state.prompt->lore) {
      request.knowledge.emplace_back(utf8_prefix(text, limits::kMessageBytes));
    }
  }
  request.kind = state.record.kind;
  request.message_count = state.message_count + 1;  // with the line that is answered
  return request;
}

std::string tidied_draft(std::string_view text, std::string_view name) {
  text = trimmed(text);
  // What a reasoning model thinks aloud is not said.
  constexpr std::string_view kThought = "<think>";
  constexpr std::string_view kThoughtEnd = "</think>";
  if (text.starts_with(kThought)) {
    const std::size_t end = text.find(kThoughtEnd);
    text = end == std::string_view::npos ? "" : trimmed(text.substr(end + kThoughtEnd.size()));
  }
  if (text.size() > name.size() && ascii_lower(text.substr(0, name.size())) == ascii_lower(name) &&
      text[name.size()] == ':') {
    text = trimmed(text.substr(name.size() + 1));
  }
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"' &&
      text.substr(1, text.size() - 2).find('"') == std::string_view::npos) {
    text = trimmed(text.substr(1, text.size() - 2));
  }
  return std::string(utf8_prefix(text, limits::kMessageBytes));
}

}  // namespace router
