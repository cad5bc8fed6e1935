#include "llm/intent.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "llm/route.h"

namespace llm {
namespace {

TEST(IntentOf, TellsTheFourKindsOfPromptApart) {
  EXPECT_EQ(intent_of("capital of Portugal?").intent, PromptIntent::Quick);
  EXPECT_EQ(intent_of("hey, how was your weekend? i'm so tired lol").intent, PromptIntent::Chat);
  EXPECT_EQ(intent_of("Compare the causes of the French and the Russian revolution, weigh the "
                      "arguments of historians and write a structured essay of two pages.")
                .intent,
            PromptIntent::Quality);
  EXPECT_EQ(
      intent_of("Write a Python function that reverses a linked list, with unit tests.").intent,
      PromptIntent::Code);
}

TEST(IntentOf, GivesTheProbabilityOfItsGuess) {
  for (const char* text : {"capital of Portugal?", "hello", "fix my bug: int *p; *p = 5;"}) {
    const double confidence = intent_of(text).confidence;
    EXPECT_GE(confidence, 0.25) << text;  // the best of four
    EXPECT_LE(confidence, 1.0) << text;
  }
}

TEST(IntentOf, GuessesWithoutAnyWord) {
  for (const std::string& text :
       {std::string(), std::string("   "), std::string("?"), std::string("\0\xff\x80", 3)}) {
    const Guess guess = intent_of(text);
    EXPECT_GE(guess.confidence, 0.25);
    EXPECT_LE(guess.confidence, 1.0);
  }
}

TEST(IntentOf, DoesNotReadTheMiddleOfALongText) {
  const std::string head(4096, 'a');
  const std::string tail(1024, 'b');
  const auto without = intent_features(head + tail);
  const auto with = intent_features(head + " python function class { } " + tail);
  EXPECT_EQ(without.seen, with.seen);
}

TEST(IntentOf, ReadsTheOrderBehindALongText) {
  const std::string text(100'000, 'x');
  EXPECT_NE(intent_features(text).seen,
            intent_features(text + " Why does this function not compile?").seen);
}

TEST(IntentOf, TakesNumbersForOneAnother) {
  EXPECT_EQ(intent_features("what is 12 + 34").seen, intent_features("what is 98 + 76").seen);
}

RouteAsk route_ask(PromptIntent intent) { return {.guess = {intent, 0.9}}; }

std::string best_model(const RouteAsk& ask) {
  const auto models = models_for(ask, RouteTable{});
  return models.empty() ? std::string() : models.front();
}

TEST(ModelsFor, FollowsTheTableForEachIntent) {
  EXPECT_EQ(best_model(route_ask(PromptIntent::Quick)), "gemma:2b");
  EXPECT_EQ(best_model(route_ask(PromptIntent::Chat)), "phi3:3.8b");
  EXPECT_EQ(best_model(route_ask(PromptIntent::Quality)), "mistral:7b");
  EXPECT_EQ(best_model(route_ask(PromptIntent::Code)), "mistral:7b");
}

TEST(ModelsFor, LetsTheLatencyTargetOverruleTheGuess) {
  auto ask = route_ask(PromptIntent::Quality);
  ask.latency = LatencyTarget::UltraLow;
  EXPECT_EQ(best_model(ask), "gemma:2b");
  ask.latency = LatencyTarget::Low;
  EXPECT_EQ(best_model(ask), "gemma:2b");
  ask = route_ask(PromptIntent::Chat);
  ask.latency = LatencyTarget::Low;
  EXPECT_EQ(best_model(ask), "phi3:3.8b");
  ask.latency = LatencyTarget::Quality;
  EXPECT_EQ(best_model(ask), "mistral:7b");
}

TEST(ModelsFor, PutsAHintedModelOrTierFirst) {
  auto ask = route_ask(PromptIntent::Chat);
  ask.model_hint = "mistral:7b";
  EXPECT_EQ(best_model(ask), "mistral:7b");
  ask.model_hint = "powerful";
  EXPECT_EQ(best_model(ask), "llama3.2:70b");
  ask.model_hint = "nobody:1b";
  EXPECT_EQ(best_model(ask), "phi3:3.8b");
}

TEST(ModelsFor, TakesAnUnsureGuessForChat) {
  EXPECT_EQ(best_model({.guess = {PromptIntent::Code, 0.3}}), "phi3:3.8b");
}

TEST(ModelsFor, TakesTheLongContextModelAboveItsBorder) {
  auto ask = route_ask(PromptIntent::Code);
  ask.prompt_tokens = 8193;
  EXPECT_EQ(best_model(ask), "qwen2.5:3b");
}

TEST(ModelsFor, NeverNamesAModelThatIsTooSmallForPromptAndAnswer) {
  auto ask = route_ask(PromptIntent::Chat);
  ask.prompt_tokens = 3000;
  ask.max_tokens = 1096;
  EXPECT_EQ(best_model(ask), "phi3:3.8b");
  ask.max_tokens = 1097;
  EXPECT_EQ(best_model(ask), "gemma:2b");
  ask.model_hint = "phi3:3.8b";  // nor when it is asked for
  EXPECT_EQ(best_model(ask), "gemma:2b");

  const RouteTable table;
  for (std::int64_t prompt = 0; prompt < 200'000; prompt += 997) {
    ask.prompt_tokens = prompt;
    for (const std::string& name : models_for(ask, table)) {
      for (const auto& model : table.models) {
        if (model.name != name) continue;
        EXPECT_LE(prompt + ask.max_tokens, model.context_tokens) << name;
      }
    }
  }
}

TEST(ModelsFor, NamesNoneWhenNoContextIsLargeEnough) {
  auto ask = route_ask(PromptIntent::Quick);
  ask.prompt_tokens = 131'072;
  EXPECT_TRUE(models_for(ask, RouteTable{}).empty());
  ask.prompt_tokens = 10;
  ask.max_tokens = std::numeric_limits<std::int64_t>::max();
  EXPECT_TRUE(models_for(ask, RouteTable{}).empty());
}

TEST(ModelsFor, NamesEachModelOnceAndNoneThatTheTableDoesNotKnow) {
  RouteTable table;
  table.models = {{"small", 4096}, {"large", 8192}};
  table.chat = {"large", "ghost", "large"};
  EXPECT_EQ(models_for(route_ask(PromptIntent::Chat), table),
            (std::vector<std::string>{"large", "small"}));
}

}  // namespace
}  // namespace llm
