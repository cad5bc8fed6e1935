#include "crawler/secrets.h"

#include <gtest/gtest.h>

namespace crawler {
namespace {

TEST(Secrets, AreKnownByTheirFilesNames) {
  for (const auto* name : {"credentials.json", "Credentials.JSON", "id_rsa", "id_ed25519",
                           "server.pem", "x.KEY", ".env", ".env.local", "prod.env", "a.p12"}) {
    EXPECT_EQ(secret_name(name), "may hold credentials") << name;
  }
  EXPECT_EQ(secret_name(".hidden"), "hidden");
  for (const auto* name : {"readme.md", "keyboard.txt", "environment.md", "id_rsa.md"}) {
    EXPECT_FALSE(secret_name(name)) << name;
  }
}

TEST(Secrets, AreFoundInTextAndNamedWithoutBeingSaid) {
  const std::string letters(40, 'a');
  const std::pair<std::string, const char*> cases[] = {
      {"-----BEGIN PRIVATE KEY-----", "a private key"},
      {"x\n-----BEGIN OPENSSH PRIVATE KEY-----\n", "a private key"},
      {"key AKIAABCDEFGHIJKLMNOP.", "an AWS access key"},
      {"token=ghp_" + letters, "a GitHub token"},
      {"github_pat_11ABCDEFG0abcdefghijkl_mn", "a GitHub token"},
      {"OPENAI_API_KEY=sk-proj-abc123def456ghi789jkl", "an API key (sk-)"},
      {"xoxb-123456789012-abcdef", "a Slack token"},
      {"AIza" + std::string(35, 'b'), "a Google API key"},
      {"glpat-" + std::string(20, 'c'), "a GitLab token"}};
  for (const auto& [text, what] : cases) EXPECT_EQ(secret_in(text), what) << text;
}

TEST(Secrets, AreNotSeenInOrdinaryWords) {
  for (const auto* text :
       {"", "-----BEGIN CERTIFICATE-----", "AKIA", "TAKIAABCDEFGHIJKLMNOP", "AKIAABCDEFGHIJKLMNOPQ",
        "ghp_short", "sk-", "the risk-assessment-of-everything-around-here-2024",
        "sk-a-very-long-hyphenated-word-list", "xoxo-hugs-and-kisses", "xox"}) {
    EXPECT_FALSE(secret_in(text)) << text;
  }
}

}  // namespace
}  // namespace crawler
