#include "quality/rules.h"

#include <algorithm>
#include <array>
#include <utility>

#include "quality/findings.h"

namespace quality {

std::vector<contracts::Finding> find_faults(const Draft& draft) {
  static constexpr std::array kRules{
      find_empty,      find_too_long,      find_speaks_for_others, find_leaks_prompt,
      find_toxic,      find_mention_abuse, find_assistant_voice,   find_wrong_language,
      find_repetition, find_wrong_voice,   find_unsupported_claim, find_off_topic};
  std::vector<contracts::Finding> findings;
  for (const auto& rule : kRules) {
    auto finding = rule(draft);
    if (!finding) continue;
    findings.push_back(*std::move(finding));
    // Nothing can save a line without words or without an end; the rest would be noise.
    const auto code = findings.back().code;
    const bool shapeless =
        code == contracts::FindingCode::Empty || code == contracts::FindingCode::TooLong;
    if (shapeless && findings.back().severity == contracts::Severity::Critical) break;
  }
  std::stable_sort(findings.begin(), findings.end(),
                   [](const auto& a, const auto& b) { return a.severity > b.severity; });
  return findings;
}

}  // namespace quality
