#include "troupe/model_checks.h"

#include <gtest/gtest.h>

#include "services/troupe/checks.h"

namespace troupe {
namespace {

struct ModelChecks : testing::Test {
  FakeWorld fake;

  std::string models(std::string_view settings) {
    Findings findings;
    check_models(fake.world(), json::Document::parse(settings).value().root(), findings);
    return shown(findings);
  }
  static std::string providers(std::string_view reply) {
    Findings findings;
    check_providers(json::Document::parse(reply).value().root(), findings);
    return shown(findings);
  }
};

constexpr std::string_view kOne = R"({"ollama_url":"gpu:11434","default_model":"llama3.2:3b"})";
constexpr std::string_view kUnderstudy =
    "warn models: no model is named, so the understudy speaks, from cards and knowledge alone";

TEST_F(ModelChecks, FindAServerThatHasTheModel) {
  fake.pages["http://gpu:11434/api/tags"] = R"({"models":[{"name":"llama3.2:3b"}]})";
  EXPECT_EQ(models(kOne), "ok models: ollama at http://gpu:11434 answers and has llama3.2:3b\n");
}

TEST_F(ModelChecks, FindAServerThatDoesNotAnswer) {
  EXPECT_EQ(models(kOne),
            "fail models: ollama at http://gpu:11434 does not answer: connection refused -> "
            "OLLAMA_HOST=http://gpu:11434 ollama serve\n");
  fake.pages["http://gpu:11434/api/tags"] = "<html>";
  EXPECT_NE(models(kOne).find("does not answer: not JSON"), std::string::npos) << models(kOne);
  fake.pages["http://gpu:11434/api/tags"] = "{}";
  EXPECT_NE(models(kOne).find("does not answer as Ollama does"), std::string::npos);
}

TEST_F(ModelChecks, FindAModelThatWasNotPulled) {
  fake.pages["http://127.0.0.1:11434/api/tags"] = R"({"models":[{"name":"phi3:latest"}]})";
  EXPECT_EQ(models(R"({"providers":[{"name":"local","kind":"ollama","models":["phi3","qwen2"]}]})"),
            "fail models: local at http://127.0.0.1:11434 does not have qwen2 -> "
            "ollama pull qwen2\n");
}

TEST_F(ModelChecks, FindAServerWithoutAnyModel) {
  fake.pages["http://gpu:11434/api/tags"] = R"({"models":[]})";
  EXPECT_EQ(models(kOne),
            "fail models: ollama at http://gpu:11434 has no model at all -> "
            "OLLAMA_HOST=http://gpu:11434 ollama pull llama3.2:3b\n");
}

TEST_F(ModelChecks, SayThatTheUnderstudySpeaksWhereNoModelIsNamed) {
  EXPECT_EQ(models("{}"), std::string(kUnderstudy) +
                              " -> ollama pull llama3.2:3b && "
                              "troupe down && OLLAMA_BASE_URL=http://127.0.0.1:11434 troupe up\n");
  fake.variables["OLLAMA_HOST"] = "localhost:5";
  fake.pages["http://localhost:5/api/tags"] = R"({"models":[{"name":"phi3:latest"}]})";
  EXPECT_EQ(models("{}"), std::string(kUnderstudy) +
                              "; there is an Ollama that could be used -> "
                              "troupe down && OLLAMA_BASE_URL=http://localhost:5 troupe up\n");
}

TEST_F(ModelChecks, SayThatAKeyAloneSendsNothing) {
  fake.variables["OPENAI_API_KEY"] = "sk-secret";
  const auto without = models(R"({"providers":[{"name":"u","kind":"understudy"}]})");
  EXPECT_EQ(without,
            "warn keys: OPENAI_API_KEY is set but not used: the settings of llm name no such "
            "provider, so nothing is sent to it, and this build has none -> "
            "unset OPENAI_API_KEY\n");
  const auto able =
      models(R"({"allow_cloud":false,"providers":[{"name":"u","kind":"understudy"}]})");
  EXPECT_NE(able.find("-> troupe down && TROUPE_LLM_ALLOW_CLOUD=1 troupe up"), std::string::npos)
      << able;
  EXPECT_EQ(models(R"({"allow_cloud":true,"providers":[{"name":"u","kind":"understudy"}]})"), "");
  EXPECT_EQ(models(R"({"allow_cloud":true})"), "");
  EXPECT_EQ(models(R"({"allow_cloud":false,"chain":["openai"]})"), "");
  EXPECT_EQ(models(R"({"providers":[{"name":"o","kind":"x","key_env":"OPENAI_API_KEY"}]})"), "");
  const auto groq = models(R"({"allow_cloud":false,"providers":[)"
                           R"({"name":"g","kind":"openai","key_env":"GROQ_API_KEY"}]})");
  EXPECT_EQ(groq.find("warn keys: OPENAI_API_KEY"), 0U) << groq;
  EXPECT_EQ(models(R"({"providers":[{"name":"o","url":"https://api.openai.com/v1"}]})"), "");
}

TEST_F(ModelChecks, KnowThatAllowingCloudsUsesNoOtherKey) {
  fake.variables["GROQ_API_KEY"] = "gsk-secret";
  EXPECT_EQ(models(R"({"allow_cloud":true,"openai_url":"http://127.0.0.1:8000/v1"})"),
            "warn keys: GROQ_API_KEY is set but not used: the settings of llm name no such "
            "provider, so nothing is sent to it -> unset GROQ_API_KEY\n");
}

TEST_F(ModelChecks, TellWhichProviderAnswersAndWhichIsDown) {
  EXPECT_EQ(providers(R"({"providers":[
      {"name":"gpu","state":"down","breaker":"closed","last_error":"refused"},
      {"name":"other","state":"up","breaker":"open","last_error":"garbage"},
      {"name":"cloud","state":"denied","breaker":"closed","last_error":"HTTP 401"},
      {"name":"new","state":"unknown","breaker":"closed"},
      {"name":"understudy","state":"up","breaker":"closed"}]})"),
            "fail providers: gpu is down: refused -> troupe why\n"
            "fail providers: other is shut out after failures: garbage -> troupe why\n"
            "fail providers: cloud is denied: HTTP 401 -> troupe why\n"
            "ok providers: understudy answers first\n");
  EXPECT_EQ(providers("{}"), "");
}

TEST_F(ModelChecks, SayNothingOfRedisWhereNoneIsNamed) {
  Findings findings;
  check_redis(fake.world(), findings);
  EXPECT_EQ(shown(findings), "");
}

TEST_F(ModelChecks, SayWhyRedisDoesNotAnswerAndNeverShowItsPassword) {
  fake.variables["REDIS_URL"] = "redis://:hunter2@127.0.0.1:1/0";
  Findings findings;
  check_redis(fake.world(), findings);
  EXPECT_EQ(shown(findings),
            "fail redis: the server of REDIS_URL is not used, each service keeps a cache of its "
            "own: cannot connect: Connection refused -> redis-cli -u \"$REDIS_URL\" ping\n");
}

}  // namespace
}  // namespace troupe
