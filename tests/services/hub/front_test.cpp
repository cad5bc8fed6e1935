#include "hub/front.h"

#include <gtest/gtest.h>

#include "services/hub/stand.h"

namespace hub {
namespace {

class Fronted : public ::testing::Test {
 protected:
  Fronted() {
    front_.set_url("http://127.0.0.1:6020");
    front_.install(hub_.rest);
  }
  Answered ask(http::Method method, const std::string& target, const std::string& peer,
               std::string body = {}) {
    http::Request request;
    request.method = method;
    http::set_target(request, target);
    request.peer = peer;
    request.body = std::move(body);
    const auto reply = std::make_shared<PromisedReply>();
    auto answer = reply->promise.get_future();
    hub_.loop.post([&] {
      front_.handler(hub_.rest, [](const http::Request&, const std::shared_ptr<http::Reply>& to) {
        to->respond(http::Response::text("the operator's"));
      })(std::move(request), reply);
    });
    http::Response response = answer.get();
    return {response.status, response.headers, response.body};
  }
  Answered session(const std::string& peer, std::string body = {}) {
    return ask(http::Method::Post, "/api/v10/session", peer, std::move(body));
  }

  Stand hub_;
  Config config_;
  Accounts accounts_ = Accounts::open(hub_.world, hub_.folder.file("tokens.json")).value();
  Front front_{hub_.stage, config_, accounts_, *hub_.attachments, PageFiles{}};
};

TEST_F(Fronted, ASessionIsForPeopleAtThisMachine) {
  for (const char* const peer : {"127.0.0.1", "127.8.0.1", "::1", "::ffff:127.0.0.1"}) {
    const auto given = session(peer);
    EXPECT_EQ(given.status, 200) << peer;
    EXPECT_EQ(given.text("token"), hub_.person);
    EXPECT_EQ(given.json().root().find("user")->text_or("username", ""), "Ada");
  }
  for (const char* const peer : {"10.0.0.1", "192.168.127.1", "fe80::1", "", "1270.0.0.1"}) {
    EXPECT_EQ(session(peer).status, 403) << peer;
  }
}

TEST_F(Fronted, AnOpenSessionIsForWhoeverReachesTheHub) {
  config_.open_session = true;
  EXPECT_EQ(session("10.0.0.1").text("token"), hub_.person);
}

TEST_F(Fronted, ThePersonIsRenamedAndEverybodyHears) {
  const auto renamed = session("127.0.0.1", R"({"name":" Grace "})");
  EXPECT_EQ(renamed.json().root().find("user")->text_or("username", ""), "Grace");
  EXPECT_EQ(hub_.told("USER_UPDATE").size(), 1U);
  EXPECT_EQ(hub_.told("GUILD_MEMBER_UPDATE").size(), 1U);
  EXPECT_EQ(session("127.0.0.1", R"({"name":"Grace"})").status, 200);
  EXPECT_EQ(hub_.told("USER_UPDATE").size(), 1U) << "nothing has changed";
  EXPECT_EQ(hub_.get("/users/@me", hub_.person).text("username"), "Grace");
}

TEST_F(Fronted, ANameThatIsNoneIsRefused) {
  for (const char* const body : {R"({"name":""})", R"({"name":5})", R"({"name":"a\nb"})",
                                 R"({"name":"123456789012345678901234567890123"})", "{"}) {
    EXPECT_EQ(session("127.0.0.1", body).status, 400) << body;
  }
  EXPECT_TRUE(hub_.told("USER_UPDATE").empty());
}

TEST_F(Fronted, EachPathHasItsOwner) {
  const auto at = [&](http::Method method, const std::string& path) {
    return ask(method, path, "127.0.0.1");
  };
  EXPECT_EQ(at(http::Method::Get, "/api/v10/gateway").text("url"), "ws://127.0.0.1:6020/gateway");
  EXPECT_EQ(at(http::Method::Get, "/api/gateway").status, 200);
  EXPECT_EQ(at(http::Method::Get, "/api/v10/gateway/bot").status, 401);
  EXPECT_EQ(at(http::Method::Get, "/health").body, "the operator's");
  EXPECT_EQ(at(http::Method::Post, "/bots").body, "the operator's");
  EXPECT_EQ(at(http::Method::Delete, "/").body, "the operator's");
  EXPECT_NE(at(http::Method::Get, "/").body.find("not installed"), std::string::npos);
  EXPECT_EQ(at(http::Method::Get, "/attachments/1/2/x?hm=y").status, 404);
  EXPECT_EQ(at(http::Method::Get, "/attachments/").status, 404);
}

TEST_F(Fronted, BotsAreAddedFromThisMachine) {
  EXPECT_EQ(ask(http::Method::Post, "/bots", "10.0.0.1").status, 403);
  EXPECT_EQ(ask(http::Method::Post, "/bots", "::1").status, 200);
  config_.open_session = true;
  EXPECT_EQ(ask(http::Method::Post, "/bots", "10.0.0.1").status, 200);
}

TEST_F(Fronted, TheGatewaysAddressIsSafeWhereTheHubsIs) {
  front_.set_url("https://troupe.example");
  EXPECT_EQ(front_.gateway_url(), "wss://troupe.example/gateway");
}

}  // namespace
}  // namespace hub
