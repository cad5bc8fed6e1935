#include "llm/answer_cache.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace llm {
namespace {

talk::ChatMessage line(talk::Role role, std::string text) {
  talk::ChatMessage message;
  message.role = role;
  message.parts = {talk::Text{std::move(text)}};
  return message;
}

talk::ChatAsk repeated() {
  talk::ChatAsk ask;
  ask.model = "auto";
  ask.messages = {line(talk::Role::User, "Hello")};
  ask.seed = 1;
  return ask;
}

TEST(AnswerCache, WhateverAnAnswerDependsOnMakesAnotherKey) {
  std::vector<talk::ChatAsk> asks(20, repeated());
  asks[1].seed = 2;
  asks[2].model = "other";
  asks[3].max_tokens = 5;
  asks[4].temperature = 0.5;
  asks[5].stop = {"x"};
  asks[6].messages = {line(talk::Role::User, "Hello!")};
  asks[7].messages = {line(talk::Role::System, "Hello")};
  asks[8].messages.insert(asks[8].messages.begin(), line(talk::Role::User, ""));
  asks[9].tools = {{"look", "", "", false}};
  asks[10].tools = {{"look", "", "", true}};
  asks[11].tools = {{"look", "", "{}", false}};
  asks[12].choice.kind = talk::ToolChoice::Kind::Required;
  asks[13].format.kind = talk::Format::Kind::Json;
  asks[14].top_p = 0.5;
  asks[15].top_k = 5;
  asks[16].messages[0].parts.emplace_back(talk::Image{"image/png", "AAAA", ""});
  asks[17].messages[0].calls = {{"a", "look", "{}"}};
  asks[18].effort = talk::Effort::Low;
  asks[19].presence_penalty = 1;
  std::set<std::string> keys;
  for (const auto& ask : asks) keys.insert(answer_key(ask, ""));
  keys.insert(answer_key(repeated(), "somebody"));
  EXPECT_EQ(keys.size(), asks.size() + 1);
}

TEST(AnswerCache, HowTheAnswerIsSentMakesNoOtherKey) {
  talk::ChatAsk streamed = repeated();
  streamed.stream = true;
  streamed.include_usage = true;
  EXPECT_EQ(answer_key(streamed, ""), answer_key(repeated(), ""));
}

TEST(AnswerCache, GivesBackWhatWasKept) {
  talk::Completion completion;
  completion.parts = {talk::Thinking{"Hm.", "sig", ""}, talk::Text{"Yes.\n\"No.\""}};
  completion.calls = {{"call_1", "look", R"({"at":"it"})"}};
  completion.finish = talk::Finish::ToolCalls;
  completion.stop_sequence = "END";
  completion.model = "m";
  completion.provider = "p";
  completion.usage = {.prompt = 11, .completion = 3, .cached = 2, .reasoning = 1, .exact = true};
  const auto kept = decode_answer(encode_answer(completion));
  ASSERT_TRUE(kept.ok()) << kept.error().message;
  EXPECT_EQ(kept.value(), completion);
  EXPECT_FALSE(decode_answer("{\"text\":").ok());
}

TEST(AnswerCache, KeepsNeitherAStandInsLineNorHalfOfOne) {
  talk::Completion completion;
  EXPECT_FALSE(worth_keeping(completion)) << "nobody said that it is whole";
  completion.finish = talk::Finish::Stop;
  EXPECT_TRUE(worth_keeping(completion));
  completion.failovers = {"ollama: unavailable"};
  EXPECT_FALSE(worth_keeping(completion));
}

}  // namespace
}  // namespace llm
