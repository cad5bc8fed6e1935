#include "llm/meaning.h"

#include <gtest/gtest.h>

#include "services/llm/fake_ollama.h"

namespace llm {
namespace {

talk::ChatAsk asking(std::string text) {
  talk::ChatAsk ask;
  ask.model = "big";
  ask.temperature = 0.0;
  ask.messages = {said("Be brief."), said(std::move(text))};
  ask.messages[0].role = talk::Role::System;
  return ask;
}

TEST(Meaning, IsOfTheLastTextAndOfAllThatTheAnswerDependsOn) {
  SemanticSettings embedded;
  embedded.embed_model = "e";
  const auto one = meaning_of(asking("Hi"), "ann", {});
  const auto other = meaning_of(asking("Hello"), "ann", {});
  ASSERT_TRUE(one && other);
  EXPECT_EQ(one->text, "Hi");
  EXPECT_EQ(one->tenant, "ann");
  EXPECT_EQ(one->settings, other->settings);
  talk::ChatAsk changed = asking("Hi");
  changed.messages[0].parts = {talk::Text{"Be long."}};
  EXPECT_NE(meaning_of(changed, "ann", {})->settings, one->settings);
  changed = asking("Hi");
  changed.max_tokens = 7;
  EXPECT_NE(meaning_of(changed, "ann", {})->settings, one->settings);
  EXPECT_NE(meaning_of(asking("Hi"), "ann", embedded)->settings, one->settings);
}

TEST(Meaning, IsNotLookedForWhereTheAnswerIsOfThisAskAlone) {
  SemanticSettings settings;
  settings.models = {"faq-*"};
  talk::ChatAsk ask = asking("Hi");
  ask.temperature = 0.5;
  EXPECT_FALSE(meaning_of(ask, "", settings));
  ask.temperature.reset();
  EXPECT_FALSE(meaning_of(ask, "", settings));
  ask.model = "faq-1";
  EXPECT_TRUE(meaning_of(ask, "", settings));
  ask.seed = 7;
  EXPECT_FALSE(meaning_of(ask, "", settings));

  ask = asking("Hi");
  ask.messages.back().role = talk::Role::Assistant;
  EXPECT_FALSE(meaning_of(ask, "", settings));
  ask = asking("Hi");
  ask.messages.back().parts.emplace_back(talk::Image{"image/png", "AAAA", ""});
  EXPECT_FALSE(meaning_of(ask, "", settings));
  EXPECT_FALSE(meaning_of(asking(std::string(3000, 'a')), "", settings));
  EXPECT_FALSE(meaning_of(asking(""), "", settings));
  ask.messages.clear();
  EXPECT_FALSE(meaning_of(ask, "", settings));
}

TEST(Meaning, IsForTheKeysThatWantIt) {
  SemanticSettings on;
  on.on = true;
  Account account;
  EXPECT_FALSE(wants_meaning({}, nullptr));
  EXPECT_FALSE(wants_meaning({}, &account));
  EXPECT_TRUE(wants_meaning(on, nullptr));
  EXPECT_TRUE(wants_meaning(on, &account));
  account.semantic = false;
  EXPECT_FALSE(wants_meaning(on, &account));
  account.semantic = true;
  EXPECT_TRUE(wants_meaning({}, &account));
}

}  // namespace
}  // namespace llm
