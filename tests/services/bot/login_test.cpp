#include "bot/login.h"

#include "contracts/hub.h"
#include "services/bot/world.h"

namespace bot::testing {
namespace {

class LoginTest : public WorldTest {
 protected:
  void find() {
    find_account(config_, peers_, timers_, [this](const Account& found) { account_ = found; });
  }

  Config config_;
  std::optional<Account> account_;
};

TEST_F(LoginTest, ATokenLeadsToDiscord) {
  config_.token = "secret";
  find();
  EXPECT_EQ(account_->token, "secret");
  EXPECT_EQ(account_->api, "https://discord.com/api/v10");
  EXPECT_TRUE(peers_.calls.empty());
  config_.discord_api = "http://127.0.0.1:1/api/v10";
  find();
  EXPECT_EQ(account_->api, "http://127.0.0.1:1/api/v10");
}

TEST_F(LoginTest, WithoutOneTheHubIsAskedUntilItAnswers) {
  config_.character = "peter";
  peers_.fail("hub.account", Code::Unavailable);
  find();
  timers_.pass(Milliseconds(60'000));
  EXPECT_FALSE(account_);
  peers_.answer("hub.account", contracts::Account{"11", "t", "http://127.0.0.1:6020/api/v10"});
  timers_.pass(Milliseconds(5'000));
  ASSERT_TRUE(account_);
  EXPECT_EQ(account_->token, "t");
  EXPECT_EQ(account_->api, "http://127.0.0.1:6020/api/v10");
  EXPECT_EQ(peers_.last<contracts::AccountRequest>("hub.account").character, "peter");
  config_.discord_api = "http://127.0.0.1:1";
  find();
  EXPECT_EQ(account_->api, "http://127.0.0.1:1");
}

TEST(Name, MayBeThatOfACharacterOnly) {
  EXPECT_TRUE(check_name("peter").ok());
  EXPECT_TRUE(check_name("the-countess_2").ok());
  for (const char* name : {"", "..", "a/b", "Peter", "router", "hub"}) {
    EXPECT_FALSE(check_name(name).ok()) << name;
  }
}

TEST(Name, NamesTheVariableOfItsToken) {
  EXPECT_EQ(token_variable("peter"), "DISCORD_TOKEN_PETER");
  EXPECT_EQ(token_variable("the-countess"), "DISCORD_TOKEN_THE_COUNTESS");
}

}  // namespace
}  // namespace bot::testing
