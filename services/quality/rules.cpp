#include "quality/rules.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "quality/findings.h"

namespace quality {

namespace {

using Rule = MaybeFinding (*)(const Draft&);
using contracts::FindingCode;
using contracts::Severity;

// A later phase is only about lines that the earlier ones found speakable: nobody needs to hear
// that a threat was off topic, or what an English ear makes of a French line.
constexpr std::array<Rule, 7> kSpeakable{
    find_empty, find_too_long,      find_leaks_prompt,   find_speaks_for_others,
    find_toxic, find_mention_abuse, find_assistant_voice};
constexpr std::array<Rule, 2> kOwn{find_wrong_language, find_repetition};
constexpr std::array<Rule, 2> kTrue{find_wrong_voice, find_unsupported_claim};
constexpr std::array<Rule, 1> kFitting{find_off_topic};

Severity apply(std::span<const Rule> rules, const Draft& draft,
               std::vector<contracts::Finding>& findings) {
  Severity worst = Severity::Info;
  for (const Rule rule : rules) {
    auto finding = rule(draft);
    if (!finding) continue;
    worst = std::max(worst, finding->severity);
    findings.push_back(*std::move(finding));
    // Nothing can save a line without words or without an end; the rest would be noise.
    const auto code = findings.back().code;
    const bool shapeless = code == FindingCode::Empty || code == FindingCode::TooLong;
    if (shapeless && findings.back().severity == Severity::Critical) break;
  }
  return worst;
}

}  // namespace

std::vector<contracts::Finding> find_faults(const Draft& draft) {
  std::vector<contracts::Finding> findings;
  Severity worst = apply(kSpeakable, draft, findings);
  // One critical fault is enough: the rest waits for a draft without it.
  if (worst < Severity::Critical) worst = std::max(worst, apply(kOwn, draft, findings));
  if (worst < Severity::Major) worst = std::max(worst, apply(kTrue, draft, findings));
  if (worst < Severity::Major) apply(kFitting, draft, findings);
  std::stable_sort(findings.begin(), findings.end(),
                   [](const auto& a, const auto& b) { return a.severity > b.severity; });
  return findings;
}

}  // namespace quality
