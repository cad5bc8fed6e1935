#include "bot/why.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "base/line.h"
#include "base/utf8.h"
#include "discord/text.h"

namespace bot {
namespace {

constexpr std::size_t kQuotedBytes = 160;
constexpr std::size_t kAttemptsTold = 4;
constexpr std::size_t kSourcesTold = 5;

std::string quote(std::string_view text) {
  const std::string line = one_line(text);
  const auto part = utf8_prefix(line, kQuotedBytes);
  return fmt::format("“{}{}”", part, part.size() < line.size() ? "…" : "");
}

std::string considered(const contracts::TurnRecord& turn) {
  std::vector<std::pair<double, std::string>> all;
  for (const auto& [character, terms] : turn.scores) {
    double total = 0;
    std::vector<std::pair<double, std::string>> parts;
    for (const auto& [term, value] : terms) {
      if (term == "total") {
        total = value;
      } else if (std::abs(value) >= 0.5) {
        parts.emplace_back(value, fmt::format("{} {:+.0f}", term, value));
      }
    }
    std::sort(parts.rbegin(), parts.rend());
    std::string text = fmt::format("{} {:.0f}", character, total);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      text += (i == 0 ? " (" : ", ") + parts[i].second;
    }
    all.emplace_back(total, parts.empty() ? text : text + ")");
  }
  std::sort(all.rbegin(), all.rend());
  std::string told;
  for (const auto& [total, text] : all) told += (told.empty() ? "" : "; ") + text;
  return told;
}

std::string attempt_told(const contracts::Attempt& attempt) {
  std::string text = fmt::format("\n{}. ", attempt.number);
  if (attempt.fault) return text + "failed: " + quote(*attempt.fault);
  text += quote(attempt.text);
  if (!attempt.assessment) return text;
  const auto& verdict = *attempt.assessment;
  text += fmt::format(" {:.0f} of 100, {} ({:.0f} needed)", verdict.score,
                      verdict.passed ? "passed" : "sent back", verdict.threshold);
  for (std::size_t i = 0; i < verdict.findings.size(); ++i) {
    text += (i == 0 ? ": " : ", ") + std::string(enum_name(verdict.findings[i].code));
  }
  return text;
}

std::string trigger(const contracts::TurnRecord& turn) {
  const auto who = turn.character.empty() ? std::string("Nobody") : turn.character;
  if (turn.kind == contracts::TurnKind::Organic) {
    return fmt::format("**{}** went on by itself.", who);
  }
  return fmt::format("**{}** answered {}: {}", who, turn.author, quote(turn.message));
}

}  // namespace

std::string why(const contracts::TurnRecord& turn) {
  std::string text = trigger(turn);
  if (!turn.scores.empty()) text += "\n**Considered:** " + considered(turn);
  text += "\n**Read:** ";
  if (turn.sources.empty()) text += "nothing that would have helped";
  for (std::size_t i = 0; i < std::min(turn.sources.size(), kSourcesTold); ++i) {
    const auto& source = turn.sources[i];
    text += (i == 0 ? "" : ", ") + one_line(source.title.empty() ? source.uri : source.title);
  }
  text += fmt::format("\n**Drafts:** {}", turn.attempts.size());
  // The last ones count most: one of them was said.
  const auto skipped = turn.attempts.size() - std::min(turn.attempts.size(), kAttemptsTold);
  for (std::size_t i = skipped; i < turn.attempts.size(); ++i) {
    text += attempt_told(turn.attempts[i]);
  }
  text += fmt::format("\n**Said because:** {}{}", turn.reason, turn.degraded ? " (degraded)" : "");
  if (!turn.model.empty()) text += fmt::format(", model {}", turn.model);
  text += fmt::format("\n**Took:** {:.0f} ms", turn.ms);
  auto parts = discord::split_message(discord::without_mentions(text));
  return parts.empty() ? std::string("There is nothing to tell.") : std::move(parts.front());
}

}  // namespace bot
