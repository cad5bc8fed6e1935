#include "llm/config.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace llm {
namespace {

using Environment = std::map<std::string, std::string>;
using Names = std::vector<std::string>;

ChainOptions options_of(const Config& config, const Environment& environment = {}) {
  auto options = chain_options(config, [&](const std::string& name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  });
  EXPECT_TRUE(options.ok()) << options.error().message;
  return std::move(options).value();
}

ProviderOptions provider_of(const ChainOptions& options, const std::string& name) {
  for (const auto& provider : options.providers) {
    if (provider.name == name) return provider;
  }
  ADD_FAILURE() << "no " << name;
  return options.providers.front();
}

Config with_provider(std::string name, std::string url, std::string key_env) {
  Config config;
  Config::Provider provider;
  provider.name = std::move(name);
  provider.kind = ProviderKind::OpenAi;
  provider.url = std::move(url);
  provider.key_env = std::move(key_env);
  config.providers = {provider};
  return config;
}

TEST(Settings, AloneMeanTheUnderstudy) { EXPECT_EQ(options_of({}).chain, Names{"understudy"}); }

TEST(Settings, AKeyInTheEnvironmentAloneSendsNothing) {
  const Environment key{{"OPENAI_API_KEY", "sk-1"}};
  EXPECT_EQ(options_of({}, key).chain, Names{"understudy"});
  Config config;
  config.openai_url = "http://127.0.0.1:8000/v1";
  EXPECT_EQ(options_of(config, key).chain, Names{"understudy"}) << "nor to any other server";
  config.openai_url = "https://api.groq.com/openai/v1";
  EXPECT_EQ(options_of(config, {}).chain, Names{"understudy"});
}

TEST(Settings, AKeyIsUsedWhereItIsAllowed) {
  Config config;
  config.allow_cloud = true;
  EXPECT_EQ(options_of(config).chain, Names{"understudy"}) << "there is no key";
  const auto options = options_of(config, {{"OPENAI_API_KEY", " sk-1\n"}});
  EXPECT_EQ(options.chain, (Names{"openai", "understudy"}));
  const auto openai = provider_of(options, "openai");
  EXPECT_EQ(openai.url, "https://api.openai.com/v1");
  EXPECT_EQ(openai.key, "sk-1");
  EXPECT_EQ(openai.usual_model, "gpt-4o-mini");
  EXPECT_FALSE(openai.barred);
  config.openai_url = "https://api.groq.com/openai/v1";
  config.ollama_url = "localhost:11434";
  const auto both = options_of(config, {{"OPENAI_API_KEY", "sk-1"}});
  EXPECT_EQ(both.chain, (Names{"ollama", "openai", "understudy"}));
  EXPECT_EQ(provider_of(both, "openai").url, "https://api.groq.com/openai/v1");
  EXPECT_EQ(provider_of(both, "ollama").url, "http://localhost:11434");
}

TEST(Settings, TheChainNamesOpenAiAsWell) {
  Config config;
  config.chain = {"openai", "understudy"};
  const auto options = options_of(config, {{"OPENAI_API_KEY", "sk-1"}});
  EXPECT_EQ(options.chain, config.chain);
  EXPECT_EQ(provider_of(options, "openai").key, "sk-1");
  const auto without = options_of(config);
  ASSERT_TRUE(provider_of(without, "openai").barred);
  EXPECT_EQ(provider_of(without, "openai").barred->why, "OPENAI_API_KEY is not set");
}

TEST(Settings, AServerOfTheOwnNetworkNeedsNoKeyAndNoLeave) {
  Config config;
  config.openai_url = "http://127.0.0.1:8000/v1";
  const auto options = options_of(config);
  EXPECT_EQ(options.chain, (Names{"openai", "understudy"}));
  EXPECT_FALSE(provider_of(options, "openai").barred);
}

TEST(Settings, AnOllamaBeyondTheNetworkNeedsLeave) {
  Config config;
  config.ollama_url = "https://ollama.example.com";
  const auto barred = provider_of(options_of(config), "ollama").barred;
  ASSERT_TRUE(barred);
  EXPECT_EQ(barred->state, "not_allowed");
  EXPECT_NE(barred->why.find("TROUPE_LLM_ALLOW_CLOUD=1"), std::string::npos);
  config.allow_cloud = true;
  EXPECT_FALSE(provider_of(options_of(config), "ollama").barred);
  config.allow_cloud = false;
  config.chain = {"ollama"};
  EXPECT_FALSE(provider_of(options_of(config), "ollama").barred);
}

TEST(Settings, AConfiguredProviderJoinsWithTheKeyOfItsVariable) {
  const Config config = with_provider("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY");
  const auto options = options_of(config, {{"GROQ_API_KEY", "gsk-1"}, {"OPENAI_API_KEY", "sk-1"}});
  EXPECT_EQ(options.chain, (Names{"groq", "understudy"}));
  EXPECT_EQ(provider_of(options, "groq").key, "gsk-1");
  EXPECT_EQ(provider_of(options_of(with_provider("o", "", "")), "o").url,
            "https://api.openai.com/v1");
}

TEST(Settings, AProviderWithoutAUsableKeyIsBarredAndSaysWhy) {
  const Config config = with_provider("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY");
  for (const auto& [key, why] : std::vector<std::pair<std::string, std::string>>{
           {"", "GROQ_API_KEY is not set"},
           {" \n", "GROQ_API_KEY is not set"},
           {"gsk\r\nX-Evil: 1", "GROQ_API_KEY holds what can be no key"}}) {
    const auto options = options_of(config, {{"GROQ_API_KEY", key}});
    const auto groq = provider_of(options, "groq");
    ASSERT_TRUE(groq.barred) << why;
    EXPECT_EQ(groq.barred->state, "no_key");
    EXPECT_EQ(groq.barred->why, why);
    EXPECT_EQ(groq.key, "");
  }
}

TEST(Settings, DoNotRepeatAKeyThatStandsWhereItsVariableBelongs) {
  const auto options = chain_options(with_provider("o", "", "sk-secret-1"),
                                     [](const std::string&) { return std::string(); });
  ASSERT_FALSE(options.ok());
  EXPECT_EQ(options.error().message,
            "providers: o: key_env must be the name of an environment variable");
}

}  // namespace
}  // namespace llm
