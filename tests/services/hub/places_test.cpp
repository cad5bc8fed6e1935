#include <gtest/gtest.h>

#include <filesystem>

#include "services/hub/stand.h"

namespace hub {
namespace {

using http::Method;

TEST(Places, KeepWhoMayNotSeeAChannelOut) {
  Stand hub;
  const std::string hidden = R"({"permission_overwrites":[{"id":")" + hub.guild +
                             R"(","type":0,"deny":"1024"},{"id":")" + hub.user("brian") +
                             R"(","type":1,"allow":"1024"}]})";
  const std::string path = "/channels/" + hub.general;
  EXPECT_EQ(hub.ask(Method::Patch, path, hub.peter, hidden).code(), 50013);
  ASSERT_EQ(hub.ask(Method::Patch, path, hub.person, hidden).status, 200);
  EXPECT_EQ(hub.post(hub.messages, hub.peter, R"({"content":"x"})").code(), 50001);
  EXPECT_EQ(hub.get(hub.messages, hub.peter).code(), 50001);
  EXPECT_EQ(hub.post(hub.messages, hub.brian, R"({"content":"x"})").status, 200);
  const auto found = hub.get("/guilds/" + hub.guild + "/messages/search?content=x", hub.peter);
  EXPECT_EQ(found.json().root().find("total_results")->integer(), 0);
  EXPECT_EQ(hub.get("/guilds/" + hub.guild + "/channels", hub.peter).body.find(hub.general),
            std::string::npos);
}

TEST(Places, ThatAreGoneAreNamedToThoseOnlyWhoSawThem) {
  Stand hub;
  const std::string path = "/channels/" + hub.general;
  const std::string hidden = R"({"permission_overwrites":[{"id":")" + hub.guild +
                             R"(","type":0,"deny":"1024"},{"id":")" + hub.user("brian") +
                             R"(","type":1,"allow":"1024"}]})";
  ASSERT_EQ(hub.ask(Method::Patch, path, hub.person, hidden).status, 200);
  EXPECT_EQ(hub.ask(Method::Delete, path, hub.person).status, 200);
  EXPECT_EQ(hub.ask(Method::Delete, "/channels/" + hub.bar, hub.person).status, 200);
  const auto told = hub.told("CHANNEL_DELETE");
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].only, (std::vector<Snowflake>{*snowflake_of(hub.user("person")),
                                                  *snowflake_of(hub.user("brian"))}));
  EXPECT_TRUE(told[1].only.empty()) << "everybody saw it";
}

TEST(Places, AreDescribedWithIdsAndBitsAsStringsOrNumbers) {
  Stand hub;
  const std::string list = "/guilds/" + hub.guild + "/channels";
  const std::string category = hub.post(list, hub.person, R"({"name":"c","type":4})").text("id");
  const auto made =
      hub.post(list, hub.person,
               R"({"name":"n","parent_id":)" + category + R"(,"permission_overwrites":[{"id":)" +
                   hub.guild + R"(,"type":0,"allow":0,"deny":1024}]})");
  ASSERT_EQ(made.status, 201);
  EXPECT_EQ(made.text("parent_id"), category);
  EXPECT_EQ(made.json().root().find("permission_overwrites")->at(0).text_or("deny", ""), "1024");
}

TEST(Places, HaveNamesWithoutControlCharacters) {
  Stand hub;
  const std::string list = "/guilds/" + hub.guild + "/channels";
  for (const char* const name :
       {R"(a\nb)", R"(\u0000)", R"(\u007f)", R"(\u0085)", R"(\u202e)", R"(\u2067)"}) {
    EXPECT_EQ(hub.post(list, hub.person, std::string(R"({"name":")") + name + "\"}").code(), 50035)
        << name;
  }
  EXPECT_EQ(hub.post(list, hub.person, R"({"name":"caf\u00e9 \u2026 \ud83d\ude00"})").status, 201);
}

TEST(Places, AreMadeAndRemovedByWhoMay) {
  Stand hub;
  const std::string list = "/guilds/" + hub.guild + "/channels";
  EXPECT_EQ(hub.post(list, hub.peter, R"({"name":"x"})").code(), 50013);
  EXPECT_EQ(hub.post(list, hub.person, "{}").code(), 50035);
  EXPECT_EQ(hub.post(list, hub.person, R"({"name":"x","type":2})").code(), 50035);
  EXPECT_EQ(hub.post(list, hub.person, R"({"name":"x","parent_id":"5"})").code(), 50035);
  const auto made = hub.post(list, hub.person, R"({"name":"attic"})");
  ASSERT_EQ(made.status, 201);
  const std::string path = "/channels/" + made.text("id");
  EXPECT_EQ(hub.post(path + "/messages", hub.peter, R"({"content":"x"})").status, 200);
  EXPECT_EQ(hub.ask(Method::Delete, path, hub.person).status, 200);
  EXPECT_EQ(hub.get(path, hub.person).code(), 10003);
  EXPECT_EQ(hub.told("CHANNEL_CREATE").size(), 1U);
  EXPECT_EQ(hub.told("CHANNEL_DELETE").size(), 1U);
}

TEST(Places, HaveDirectChannelsForTwo) {
  Stand hub;
  const std::string body = R"({"recipient_id":")" + hub.user("peter") + "\"}";
  const auto opened = hub.post("/users/@me/channels", hub.person, body);
  ASSERT_EQ(opened.status, 200);
  EXPECT_EQ(hub.post("/users/@me/channels", hub.person, body).text("id"), opened.text("id"));
  const std::string path = "/channels/" + opened.text("id") + "/messages";
  EXPECT_EQ(hub.post(path, hub.peter, R"({"content":"x"})").status, 200);
  EXPECT_EQ(hub.get(path, hub.brian).code(), 50001);
  EXPECT_EQ(hub.post("/users/@me/channels", hub.person, R"({"recipient_id":"5"})").code(), 50035);
}

TEST(Places, AnswerWhatIsNotThereInDiscordsForm) {
  Stand hub;
  EXPECT_EQ(hub.get("/nowhere", hub.person).status, 404);
  const auto wrong = hub.ask(Method::Put, hub.messages, hub.person);
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.get("Allow"), "GET, POST");
  EXPECT_EQ(hub.get("/guilds/5", hub.person).code(), 10004);
  EXPECT_EQ(hub.get("/users/5", hub.person).code(), 10013);
  EXPECT_EQ(hub.get("/guilds/" + hub.guild + "/members/5", hub.person).code(), 10013);
  EXPECT_EQ(hub.get("/users/@me", hub.person.substr(1)).status, 401);
  // A bot's token without "Bot ", a person's with it.
  EXPECT_EQ(hub.get("/users/@me", hub.peter.substr(4)).status, 401);
  EXPECT_EQ(hub.get("/users/@me", "Bot " + hub.person).status, 401);
}

TEST(Places, SurviveARestart) {
  Stand hub;
  hub.say(hub.person, "kept");
  const auto mark = hub.post(hub.messages + "/7/ack", hub.person, "{}");
  EXPECT_EQ(mark.status, 200);
  World again(hub.clock, discord::intent::kAll);
  const auto kept = hub.archive->load();
  ASSERT_TRUE(kept.ok());
  for (const Change& one : kept.value()) ASSERT_TRUE(again.load(one).ok());
  const auto owner = again.identify(hub.person);
  ASSERT_TRUE(owner.has_value());
  EXPECT_NE(again.ready(owner->user).find("\"last_message_id\":\"7\""), std::string::npos);
  EXPECT_EQ(again.guilds(owner->user).size(), 1U);
  seed(again, {}, "Eve", 0);
  EXPECT_EQ(again.all_guilds().size(), 1U);
}

TEST(Places, KeepTokensAsHashesAndHandThemOutInAFile) {
  Stand hub;
  const auto kept = hub.archive->load();
  ASSERT_TRUE(kept.ok());
  for (const Change& one : kept.value()) {
    EXPECT_EQ(one.data.find(hub.person), std::string::npos);
  }
  const std::string path = hub.folder.file("tokens.json");
  const auto again = Accounts::open(hub.world, path);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again.value().token("person"), hub.person);
  std::filesystem::remove(path);
  const auto fresh = Accounts::open(hub.world, path);
  ASSERT_TRUE(fresh.ok());
  EXPECT_NE(fresh.value().token("person"), hub.person);
  EXPECT_FALSE(hub.world.identify(hub.person).has_value());
}

TEST(Places, HaveWebhooksThatSpeakUnderAnyName) {
  Stand hub;
  const std::string hooks = "/channels/" + hub.general + "/webhooks";
  EXPECT_EQ(hub.post(hooks, hub.peter, R"({"name":"x"})").code(), 50013);
  EXPECT_EQ(hub.post(hooks, hub.person, R"({"name":"Discord"})").code(), 50035);
  const auto made = hub.post(hooks, hub.person, R"({"name":"faces"})");
  const std::string path = "/webhooks/" + made.text("id") + "/" + made.text("token");
  const auto said = hub.post(path + "?wait=true", "", R"({"content":"hi","username":"Lois"})");
  ASSERT_EQ(said.status, 200);
  EXPECT_EQ(said.json().root().find("author")->text_or("username", ""), "Lois");
  EXPECT_EQ(said.text("webhook_id"), made.text("id"));
  EXPECT_EQ(hub.post(path, "", R"({"content":"hi"})").status, 204);
  EXPECT_EQ(hub.post(path, "", R"({"content":"hi","username":"Clyde"})").code(), 50035);
  EXPECT_EQ(hub.post(path + "x", "", R"({"content":"hi"})").code(), 50027);
  EXPECT_EQ(hub.post("/webhooks/5/x", "", R"({"content":"hi"})").code(), 10015);
  const std::string one = path + "/messages/" + said.text("id");
  EXPECT_EQ(hub.ask(Method::Patch, one, "", R"({"content":"ho"})").text("content"), "ho");
  EXPECT_EQ(hub.get(one, "").text("content"), "ho");
  const std::string foreign = path + "/messages/" + hub.say(hub.person, "mine");
  EXPECT_EQ(hub.ask(Method::Patch, foreign, "", R"({"content":"x"})").code(), 50005);
  EXPECT_EQ(hub.get(foreign, "").code(), 10008);
  EXPECT_EQ(hub.ask(Method::Delete, one, "").status, 204);
  EXPECT_EQ(hub.ask(Method::Delete, path, "").status, 204);
  EXPECT_EQ(hub.post(path, "", R"({"content":"hi"})").code(), 10015);
}

}  // namespace
}  // namespace hub
