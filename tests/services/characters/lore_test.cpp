#include "characters/lore.h"

#include <gtest/gtest.h>

#include <map>

#include "base/ids.h"
#include "base/utf8.h"
#include "services/characters/fixture.h"

namespace characters::testing {
namespace {

using Talk = std::vector<contracts::Line>;
using Names = std::vector<std::string>;

contracts::Line human(std::string text) { return line("vera", std::move(text)); }
contracts::Line ada(std::string text) { return line("ada", std::move(text), contracts::Kind::Bot); }

LoreEntry entry(std::string name, Names keys, std::string content = "") {
  LoreEntry made;
  made.content = content.empty() ? "About " + name + "." : std::move(content);
  made.name = std::move(name);
  made.keys = std::move(keys);
  read_decorators(made);
  return made;
}

std::vector<Fired> fire(const Lorebook& book, const Talk& talk, const LoreLimits& limits = {}) {
  return fired(book, talk, "ada", {.character = "Ada", .user = "Vera"}, limits);
}

// The names of the entries that get into the prompt, in their order.
Names names(const Lorebook& book, const Talk& talk, const LoreLimits& limits = {}) {
  Names found;
  for (const Fired& one : fire(book, talk, limits)) {
    if (!one.dropped) found.push_back(one.entry->name);
  }
  return found;
}

Lorebook book_of(std::vector<LoreEntry> entries) {
  Lorebook book;
  book.entries = std::move(entries);
  return book;
}

TEST(Lore, FiresOnAKeyInAnyCaseAndSaysWhy) {
  const auto book = book_of({entry("engine", {"engine"}), entry("tea", {"tea"})});
  const auto all = fire(book, {human("Tell me about the ENGINE, {{char}}!")});
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all.front().why, "key 'engine'");
  EXPECT_EQ(all.front().text, "About engine.");
  EXPECT_EQ(all.front().tokens, 4U);
}

// What the router keeps prompts by.
TEST(Lore, FiresTheSameInTalksWithTheSameCues) {
  auto selective = entry("pair", {"tea"}, "Tea and milk. The engine runs.");
  selective.selective = true;
  selective.secondary_keys = {"milk"};
  Lorebook book = book_of({entry("engine", {"ENGINE", "steam"}), std::move(selective),
                           entry("no", {"steam"}, "@@exclude_keys rain\nSteam."),
                           entry("deep", {"runs"}, "It runs.")});
  book.recursive = true;
  const Cues cues = cues_of(book);
  ASSERT_TRUE(cues.known);
  EXPECT_EQ(cues.keys, (Names{"engine", "milk", "rain", "runs", "steam", "tea"}));
  const Names words{"Engine", "milk", "Rain", "runs", "steam", "tea", "hello", "so"};
  Random random(7);
  std::map<Names, Names> fired_by_cues;
  for (int i = 0; i < 2000; ++i) {
    Talk talk;
    for (int line = 0; line < 10; ++line) {
      talk.push_back(human(random.below(5) == 0 ? words[random.below(words.size())] : "hm"));
    }
    std::string recent;
    for (std::size_t at = talk.size() - 8; at < talk.size(); ++at) {
      recent += ascii_lower(talk[at].text) + " ";
    }
    Names present;
    for (const std::string& key : cues.keys) {
      if (recent.find(key) != std::string::npos) present.push_back(key);
    }
    const auto [known, fresh] = fired_by_cues.emplace(present, names(book, talk));
    if (!fresh) {
      EXPECT_EQ(known->second, names(book, talk));
    }
  }
  EXPECT_GT(fired_by_cues.size(), 20U);
}

TEST(Lore, HasNoCuesWhereMoreThanKeysDecides) {
  auto cased = entry("engine", {"Engine"});
  cased.case_sensitive = true;
  EXPECT_FALSE(cues_of(book_of({cased})).known);
  auto deep = entry("deep", {"deep"});
  deep.scan_depth = 2;
  EXPECT_FALSE(cues_of(book_of({deep, entry("tea", {"tea"})})).known);
  EXPECT_FALSE(cues_of(book_of({entry("late", {"late"}, "@@activate_only_after 3\nLate.")})).known);
  EXPECT_TRUE(cues_of(book_of({})).known);
}

TEST(Lore, ReplacesMacrosInWhatItAdds) {
  const auto book = book_of({entry("x", {"x"}, "{{char}} likes {{user}}.{{// no}}")});
  EXPECT_EQ(fire(book, {human("x")}).front().text, "Ada likes Vera.");
}

TEST(Lore, MindsTheCaseWhenToldTo) {
  auto one = entry("engine", {"Engine"});
  one.case_sensitive = true;
  const auto book = book_of({one});
  EXPECT_EQ(names(book, {human("the engine")}), Names{});
  EXPECT_EQ(names(book, {human("the Engine")}), Names{"engine"});
}

TEST(Lore, NeedsASecondKeyWhenSelective) {
  auto one = entry("engine", {"engine"});
  one.selective = true;
  one.secondary_keys = {"steam", "coal"};
  const auto book = book_of({one});
  EXPECT_EQ(names(book, {human("an engine")}), Names{});
  EXPECT_EQ(fire(book, {human("an engine with coal")}).front().why, "keys 'engine' and 'coal'");
}

TEST(Lore, AlwaysAddsWhatIsConstantAndNeverWhatIsDisabledOrEmpty) {
  auto constant = entry("constant", {});
  constant.constant = true;
  auto disabled = constant;
  disabled.enabled = false;
  auto empty = constant;
  empty.content = " \n";
  EXPECT_EQ(names(book_of({disabled, constant, empty}), {}), Names{"constant"});
  EXPECT_FALSE(disabled.can_fire());
  EXPECT_FALSE(empty.can_fire());
}

TEST(Lore, LooksOnlyAtTheLastLinesOfTheTalk) {
  auto book =
      book_of({entry("engine", {"engine"}), entry("deep", {"engine"}, "@@scan_depth 3\nx")});
  book.scan_depth = 2;
  EXPECT_EQ(names(book, {human("engine"), human("a"), human("b")}), Names{"deep"});
  EXPECT_EQ(names(book, {human("engine"), human("b")}), (Names{"engine", "deep"}));
  book.scan_depth = 0;
  EXPECT_EQ(names(book, {human("engine")}), Names{"deep"});
}

TEST(Lore, ScansWhatFiredWhenTheBookSaysSo) {
  auto book = book_of({entry("engine", {"engine"}, "It runs on steam."),
                       entry("steam", {"steam"}, "Steam is hot.{{hidden_key:kettle}}"),
                       entry("kettle", {"kettle"})});
  EXPECT_EQ(names(book, {human("engine")}), Names{"engine"});
  book.recursive = true;
  EXPECT_EQ(names(book, {human("engine")}), (Names{"engine", "steam", "kettle"}));
  EXPECT_EQ(fire(book, {human("engine")})[1].why, "key 'steam' in another entry");
}

TEST(Lore, EndsWhenEntriesCallEachOther) {
  auto book = book_of({entry("a", {"b", "start"}, "a"), entry("b", {"a"}, "b")});
  book.recursive = true;
  EXPECT_EQ(names(book, {human("start")}), (Names{"a", "b"}));
}

TEST(Lore, StandsInTheOrderOfInsertion) {
  auto first = entry("first", {"x"});
  auto second = entry("second", {"x"});
  first.insertion_order = 1;
  second.insertion_order = 2;
  EXPECT_EQ(names(book_of({second, first}), {human("x")}), (Names{"first", "second"}));
}

TEST(Lore, DropsTheLeastImportantBeyondTheBudget) {
  auto low = entry("low", {"x"}, std::string(40, 'a'));
  auto high = entry("high", {"x"}, std::string(40, 'b'));
  low.priority = 1;
  high.priority = 2;
  auto book = book_of({low, high});
  book.token_budget = 15;
  EXPECT_EQ(names(book, {human("x")}), Names{"high"});
  book.token_budget = 20;
  EXPECT_EQ(names(book, {human("x")}), (Names{"low", "high"}));
  EXPECT_EQ(names(book, {human("x")}, {.token_budget = 10}), Names{"high"});
  book.token_budget = 0;
  EXPECT_EQ(names(book, {human("x")}), Names{});
}

TEST(Lore, ObeysDecorators) {
  const Talk talk{ada("Hello."), human("engine")};
  const auto fires = [&](const std::string& head) {
    return !names(book_of({entry("e", {"engine"}, head + "\nText.")}), talk).empty();
  };
  EXPECT_TRUE(fires("@@activate_only_after 1"));
  EXPECT_FALSE(fires("@@activate_only_after 2"));
  EXPECT_TRUE(fires("@@activate_only_every 1"));
  EXPECT_FALSE(fires("@@activate_only_every 2"));
  EXPECT_FALSE(fires("@@dont_activate"));
  EXPECT_TRUE(fires("@@dont_activate\n@@activate"));
  EXPECT_FALSE(fires("@@exclude_keys tea, engine"));
  EXPECT_FALSE(fires("@@additional_keys coal"));
  EXPECT_TRUE(fires("@@additional_keys coal,hello"));
  EXPECT_TRUE(fires("@@unheard_of 3"));
}

TEST(Lore, TakesDecoratorsOffTheText) {
  const auto plain = entry("e", {}, "@@position scenario\n\n@@ignore_on_max_context\n\nText.\n@@x");
  EXPECT_EQ(plain.content, "Text.\n@@x");
  EXPECT_EQ(plain.place, Place::Scenario);
  EXPECT_TRUE(plain.first_to_go);
  EXPECT_TRUE(plain.unsupported.empty());
  EXPECT_EQ(entry("e", {}, "@@depth 4").content, "");
}

TEST(Lore, FollowsAFallbackOnlyWhenTheDecoratorIsUnknown) {
  const auto unknown = entry("e", {}, "@@risu_only 4\n@@@agn_only 4\n@@@activate_only_after 7\nx");
  EXPECT_EQ(unknown.only_after, 7);
  EXPECT_EQ(unknown.unsupported, (Names{"risu_only", "agn_only"}));
  const auto known = entry("e", {}, "@@depth 1\n@@@activate_only_after 7\n@@depth 9\nx");
  EXPECT_EQ(known.only_after, 0);
  EXPECT_EQ(known.depth, 1);
}

TEST(Lore, MatchesExpressionsThatArePlainAlternatives) {
  auto one = entry("e", {"/Cat|dog/i", "Bird"});
  one.use_regex = true;
  read_regex_keys(one);
  EXPECT_TRUE(one.regex_understood);
  EXPECT_EQ(one.keys, (Names{"Cat", "dog", "Bird"}));
  EXPECT_FALSE(one.case_sensitive);
}

TEST(Lore, NeverFiresOnOtherExpressions) {
  for (const auto* pattern : {"/(a+)+b/", "^x$", "a.c", "/a||b/", "//"}) {
    auto one = entry("e", {pattern, "x"});
    one.use_regex = true;
    read_regex_keys(one);
    EXPECT_FALSE(one.can_fire()) << pattern;
    EXPECT_EQ(names(book_of({one}), {human("x aab")}), Names{}) << pattern;
  }
}

TEST(Lore, SearchesNoFurtherThanItsLimit) {
  const auto book = book_of({entry("engine", {"engine"}), entry("tea", {"tea"})});
  const Talk talk{human("the engine drinks tea")};
  EXPECT_EQ(names(book, talk, {.search_bytes_max = 1000}), (Names{"engine", "tea"}));
  EXPECT_EQ(names(book, talk, {.search_bytes_max = 50}), Names{"engine"});
}

}  // namespace
}  // namespace characters::testing
