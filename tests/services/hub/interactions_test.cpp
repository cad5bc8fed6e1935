#include <gtest/gtest.h>

#include <future>

#include "services/hub/stand.h"

namespace hub {
namespace {

using http::Method;

class Interacting : public ::testing::Test {
 protected:
  // Peter's command /why, called by the person; the event that Peter got.
  void call(Stand& hub) {
    const std::string list =
        "/applications/" + hub.user("peter") + "/guilds/" + hub.guild + "/commands";
    const auto made =
        hub.ask(Method::Put, list, hub.peter, R"([{"name":"why","description":"Why?"}])");
    ASSERT_EQ(made.status, 200);
    command_ = made.json().root().at(0).text_or("id", "");
    ASSERT_EQ(hub.post("/interactions", hub.person, asked(hub, command_)).status, 204);
    const auto told = hub.told("INTERACTION_CREATE");
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(text_of(told[0].only.front()), hub.user("peter"));
    const auto event = json::Document::parse(told[0].data);
    ASSERT_TRUE(event.ok());
    const std::string id(event.value().root().text_or("id", ""));
    const std::string token(event.value().root().text_or("token", ""));
    callback_ = "/interactions/" + id + "/" + token + "/callback";
    webhook_ = "/webhooks/" + hub.user("peter") + "/" + token;
  }
  static std::string asked(Stand& hub, const std::string& command) {
    return R"({"type":2,"application_id":")" + hub.user("peter") + R"(","channel_id":")" +
           hub.general + R"(","data":{"id":")" + command + R"(","name":"why"}})";
  }
  std::string command_, callback_, webhook_;
};

TEST_F(Interacting, AnAnswerIsSaidInTheChannel) {
  Stand hub;
  call(hub);
  EXPECT_EQ(hub.post(callback_, "", R"({"type":4,"data":{"content":"because"}})").status, 204);
  EXPECT_EQ(hub.told("MESSAGE_CREATE").size(), 1U);
  EXPECT_EQ(hub.post(callback_, "", R"({"type":4,"data":{"content":"again"}})").code(), 40060);
  EXPECT_EQ(hub.get(webhook_ + "/messages/@original", "").text("content"), "because");
}

// The disk holds the first answer up until the second has been asked for.
TEST_F(Interacting, OfTwoAnswersAtOnceOneIsTaken) {
  Stand hub;
  call(hub);
  std::promise<void> gate;
  hub.archive->keep({},
                    [open = gate.get_future().share()](const Outcome<Nothing>&) { open.wait(); });
  const std::string body = R"({"type":4,"data":{"content":"because"}})";
  const auto ask = [&] {
    http::Request request;
    request.method = Method::Post;
    http::set_target(request, "/api/v10" + callback_);
    request.body = body;
    const auto reply = std::make_shared<PromisedReply>();
    hub.loop.post([&hub, request, reply] { hub.rest.route(request, reply); });
    return reply->promise.get_future();
  };
  auto first = ask();
  auto second = ask();
  hub.on_loop([] {});
  gate.set_value();
  EXPECT_EQ(first.get().status, 204);
  EXPECT_EQ(second.get().status, 400);
  EXPECT_EQ(hub.told("MESSAGE_CREATE").size(), 1U);
}

TEST_F(Interacting, ARefusedAnswerMayBeGivenAgain) {
  Stand hub;
  call(hub);
  EXPECT_EQ(hub.post(callback_, "", R"({"type":4,"data":{"content":""}})").code(), 50006);
  EXPECT_EQ(hub.post(callback_, "", R"({"type":4,"data":{"content":"because"}})").status, 204);
}

TEST_F(Interacting, AnEphemeralAnswerReachesItsInvokerOnly) {
  Stand hub;
  call(hub);
  const std::string body = R"({"type":4,"data":{"content":"psst","flags":64}})";
  EXPECT_EQ(hub.post(callback_, "", body).status, 204);
  const auto told = hub.told("MESSAGE_CREATE");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].only, std::vector<Snowflake>{*snowflake_of(hub.user("person"))});
  EXPECT_EQ(hub.get(hub.messages, hub.person).body, "[]");
  const std::string original = webhook_ + "/messages/@original";
  EXPECT_EQ(hub.ask(Method::Patch, original, "", R"({"content":"sh"})").text("content"), "sh");
  EXPECT_EQ(hub.told("MESSAGE_UPDATE").size(), 1U);
  EXPECT_EQ(hub.ask(Method::Delete, original, "").status, 204);
}

TEST_F(Interacting, ADeferredAnswerIsFilledInLater) {
  Stand hub;
  call(hub);
  EXPECT_EQ(hub.post(webhook_, "", R"({"content":"early"})").code(), 10062);
  EXPECT_EQ(hub.post(callback_, "", R"({"type":5})").status, 204);
  EXPECT_NE(hub.told("MESSAGE_CREATE")[0].data.find("\"flags\":128"), std::string::npos);
  EXPECT_EQ(hub.post(webhook_, "", R"({"content":"thought"})").text("content"), "thought");
  const auto original = hub.get(webhook_ + "/messages/@original", "");
  EXPECT_EQ(original.text("content"), "thought");
  EXPECT_EQ(original.json().root().find("flags")->integer(), 0);
  EXPECT_EQ(hub.post(webhook_, "", R"({"content":"more"})").status, 200);
  EXPECT_EQ(hub.told("MESSAGE_CREATE").size(), 2U);
}

TEST_F(Interacting, WhatIsWrongIsRefused) {
  Stand hub;
  call(hub);
  EXPECT_EQ(hub.post("/interactions", hub.person, asked(hub, "5")).code(), 10063);
  EXPECT_EQ(hub.post("/interactions", hub.peter, asked(hub, command_)).code(), 20001);
  EXPECT_EQ(hub.post("/interactions/5/x/callback", "", R"({"type":4})").code(), 10062);
  EXPECT_EQ(hub.post(callback_, "", R"({"type":9})").code(), 50035);
  EXPECT_EQ(hub.post(callback_, "", R"({"type":4,"data":{}})").code(), 50006);
  const std::string foreign = "/applications/" + hub.user("peter") + "/commands";
  EXPECT_EQ(hub.get(foreign, hub.brian).code(), 20012);
  EXPECT_EQ(hub.post(foreign, hub.peter, R"({"name":"Big","description":"x"})").code(), 50035);
  EXPECT_EQ(hub.post(foreign, hub.peter, R"({"name":"big"})").code(), 50035);
}

TEST_F(Interacting, WhoGetsNoAnswerIsTold) {
  Stand hub({.messages = 1000, .others = 1000, .global_per_second = 1000}, Milliseconds(0));
  call(hub);
  // The timer is due: it runs before a task that comes after it has been served.
  while (hub.told("MESSAGE_CREATE").empty()) {
  }
  const auto told = hub.told("MESSAGE_CREATE");
  EXPECT_NE(told[0].data.find("did not respond"), std::string::npos);
  EXPECT_EQ(told[0].only, std::vector<Snowflake>{*snowflake_of(hub.user("person"))});
  EXPECT_EQ(hub.post(callback_, "", R"({"type":4,"data":{"content":"late"}})").code(), 10062);
}

}  // namespace
}  // namespace hub
