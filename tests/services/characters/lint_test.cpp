#include "characters/lint.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "characters/shipped.h"
#include "services/characters/fixture.h"

namespace characters::testing {
namespace {

// "code where" of each finding on a card with these members of `data`.
std::vector<std::string> findings(const std::string& data, const Cast& cast = {},
                                  const LintLimits& limits = {}) {
  const auto card =
      parse_card(R"({"spec":"chara_card_v2","spec_version":"2.0","data":{"name":"Ada",)"
                 R"("extensions":{"troupe":{"lines":{"dodge":["Hm."]}}},)" +
                 data + "}}");
  EXPECT_TRUE(card.ok()) << (card ? "" : card.error().message);
  std::vector<std::string> found;
  if (!card) return found;
  for (const auto& finding : lint(card.value(), cast, limits)) {
    EXPECT_FALSE(finding.hint.empty());
    found.push_back(finding.code + " " + finding.where);
  }
  return found;
}

using Found = std::vector<std::string>;

constexpr const char* kGood = R"("description":"d","personality":"p","first_mes":"f")";

std::string with_entry(const std::string& entry) {
  return std::string(kGood) + R"(,"character_book":{"token_budget":50,"entries":[)" + entry + "]}";
}

TEST(Lint, HasNothingToSayAboutAGoodCard) { EXPECT_EQ(findings(kGood), Found{}); }

TEST(Lint, HasNothingBadToSayAboutTheShippedCast) {
  Cast cast;
  for (const auto& [name, text] : shipped_cast()) {
    if (!name.ends_with(".json")) continue;
    Card card = parse_card(text).value();
    const std::string id = card.id;
    cast.members[id] = std::make_shared<const Member>(Member{std::move(card), "", 1});
  }
  for (const auto& [id, member] : cast.members) {
    for (const auto& finding : lint(member->card, cast)) {
      ADD_FAILURE() << id << " " << finding.code << " " << finding.where << ": " << finding.hint;
    }
  }
}

TEST(Lint, MissesWhatACardShouldHave) {
  EXPECT_EQ(findings(R"("description":" ")"),
            (Found{"empty_member data.description", "no_voice data.personality",
                   "no_first_message data.first_mes"}));
}

TEST(Lint, SaysWhatThePromptCutsOff) {
  EXPECT_EQ(findings(std::string(R"("personality":"p","first_mes":"f","description":")") +
                     std::string(3001, 'x') + "\""),
            Found{"too_long data.description"});
}

TEST(Lint, NamesMacrosThatMeanNothing) {
  EXPECT_EQ(findings(R"("description":"{{time}} {{char}}","personality":"p","first_mes":"f")"),
            Found{"unknown_macro data.description"});
}

TEST(Lint, FindsEntriesThatCanNeverFire) {
  EXPECT_EQ(findings(with_entry(R"({"keys":[],"content":"x"})")),
            Found{"never_fires data.character_book.entries[0].keys"});
  EXPECT_EQ(findings(with_entry(R"({"keys":["k"],"content":"@@depth 1\n "})")),
            Found{"never_fires data.character_book.entries[0].content"});
  EXPECT_EQ(findings(with_entry(R"({"keys":["^k"],"content":"x","use_regex":true})")),
            Found{"regex_unsupported data.character_book.entries[0].keys"});
  EXPECT_EQ(findings(with_entry(R"({"keys":[],"content":"x","enabled":false})")), Found{});
}

TEST(Lint, NamesWhatOfAnEntryHasNoEffect) {
  EXPECT_EQ(
      findings(with_entry(R"({"keys":["k"],"content":"@@is_greeting 1\nx","selective":true})")),
      (Found{"decorator_ignored data.character_book.entries[0].content",
             "no_secondary_keys data.character_book.entries[0].secondary_keys"}));
}

TEST(Lint, FindsWhatIsOverTheBudget) {
  EXPECT_EQ(findings(with_entry(R"({"keys":["k"],"content":")" + std::string(300, 'x') + "\"}")),
            Found{"lore_over_budget data.character_book.entries[0].content"});
  const std::string constant =
      R"({"keys":[],"constant":true,"content":")" + std::string(120, 'x') + "\"}";
  EXPECT_EQ(findings(with_entry(constant + "," + constant)),
            Found{"lore_over_budget data.character_book.token_budget"});
  EXPECT_EQ(findings(kGood, {}, {.context_tokens = 1500}), Found{"prompt_over_context data"});
}

TEST(Lint, FindsNamesThatSomebodyElseAnswersTo) {
  Cast cast;
  Card other = parse_card(card_json("countess", "ADA")).value();
  cast.members["countess"] = std::make_shared<const Member>(Member{other, "", 1});
  EXPECT_EQ(findings(kGood, cast), Found{"duplicate_name data.name"});
}

TEST(Lint, NamesAFileThatWasRefused) {
  Cast cast;
  cast.problems.push_back({"ada.json", "ada", Error{Code::InvalidArgument, "spec: is required"}});
  EXPECT_EQ(findings(kGood, cast), Found{"file_refused ada.json"});
}

TEST(Lint, KnowsANewerVersionOfTheFormat) {
  const auto card = parse_card(
      R"({"spec":"chara_card_v3","spec_version":"3.1","data":{"name":"A","description":"d"}})");
  EXPECT_EQ(lint(card.value(), {}).front().code, "newer_spec");
}

}  // namespace
}  // namespace characters::testing
