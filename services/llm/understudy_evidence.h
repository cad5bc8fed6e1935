#pragma once

#include <string_view>
#include <vector>

#include "llm/understudy_answer.h"

// Answers to questions whose words no sentence repeats: "how sweet do you like your morning cup?"
// meets "puts 5 sugars in his coffee" over the topics that their words share. Every word of the
// question is a clue, worth the more the fewer sentences it fits; a sentence that tells the kind of
// thing asked for (money, a name, a time) gains, and one that cannot is out. Pure; thread-safe.
namespace llm::understudy {

// The sentences that answer `line`, best first, at most four; none when the evidence is thin.
// Those of `full` meet every word that matters, which counts for them.
std::vector<Match> by_evidence(const Scene& scene, const std::vector<Fact>& facts,
                               std::string_view line, const std::vector<Match>& full);

// Takes out of `matches` what cannot be the kind of answer that `line` asks for.
void keep_fitting(const std::vector<Fact>& facts, std::string_view line,
                  std::vector<Match>& matches);

}  // namespace llm::understudy
