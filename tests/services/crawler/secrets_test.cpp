#include "crawler/secrets.h"

#include <gtest/gtest.h>

#include <string>

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

TEST(Secrets, AreFoundAmongMarksThatOnlyBeginLikeOne) {
  EXPECT_EQ(secret_in("sk-sk-sk- sk-abcdefghijklmnopqrstu1"), "an API key (sk-)");
  EXPECT_EQ(secret_in("task-sk-abcdefghijklmnopqrstu1"), "an API key (sk-)");
  EXPECT_EQ(secret_in("-----BEGIN -----BEGIN PRIVATE KEY"), "a private key");
  EXPECT_FALSE(secret_in("-----BEGIN \nPRIVATE KEY"));
  EXPECT_FALSE(secret_in("-----BEGIN " + std::string(80, 'x') + "PRIVATE KEY"));
}

// Each of these would take hours in time that grows with the square of the text.
TEST(Secrets, AreLookedForOnceAlongATextThatIsAllBeginnings) {
  constexpr std::size_t kBytes = 8UL * 1024 * 1024;
  for (const std::string prefix :
       {"AKIA", "-AKIA", "ghp_", "-ghp_", "github_pat_", "-github_pat_", "glpat-", "sk-", "sk-a-",
        "-sk_live_", "AIza", "-AIza", "xapp-", "-npm_", "xoxb-", "xox", "-----BEGIN ", "-----"}) {
    std::string text;
    text.reserve(kBytes + prefix.size());
    while (text.size() < kBytes) text += prefix;
    text += "--";  // else the last but some would be followed by as many marks as a key has
    const auto found = secret_in(text);
    if (prefix == "xoxb-") {
      EXPECT_EQ(found, "a Slack token");
    } else if (prefix.find("pat") == std::string::npos) {
      EXPECT_FALSE(found) << prefix << *found;
    }
  }
}

}  // namespace
}  // namespace crawler
