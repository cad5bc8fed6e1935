#include <gtest/gtest.h>
#include <sys/stat.h>

#include "contracts/conversation.h"
#include "json/json.h"
#include "libs/runtime/kept_reply.h"
#include "runtime/runtime.h"
#include "support/temp_dir.h"

namespace runtime::testing {
namespace {

class ProcessTest : public ::testing::Test {
 protected:
  ProcessTest() {
    Settings settings;
    settings.data = dir_.file("data");
    settings.run = dir_.file("run");
    process_ = Process::open("stage", settings, R"j({"key":"(set)"})j").value();
  }

  http::Response get(const std::string& path) {
    const auto reply = std::make_shared<KeptReply>();
    process_->doors().router().route(request(http::Method::Get, path), reply);
    return reply->get();
  }
  std::string service_state(const std::string& name) {
    const auto health = json::Document::parse(get("/health").body).value();
    return std::string(health.root().find("services")->text_or(name, "absent"));
  }

  support::TempDir dir_;
  std::unique_ptr<Process> process_;
};

TEST_F(ProcessTest, IsHealthyAndReadyWhenItNeedsNobody) {
  const auto response = get("/health");
  EXPECT_EQ(response.status, 200);
  const auto health = json::Document::parse(response.body).value();
  EXPECT_EQ(health.root().text_or("status", ""), "healthy");
  EXPECT_EQ(health.root().text_or("service", ""), "stage");
  EXPECT_TRUE(health.root().find("ready")->boolean());
  EXPECT_EQ(get("/ready").status, 200);
}

TEST_F(ProcessTest, DescribesItsDoorsWhereTheyWereAskedFor) {
  auto asked = request(http::Method::Get, "/openapi.json");
  asked.headers.set("Host", "localhost:6099");
  const auto reply = std::make_shared<KeptReply>();
  process_->doors().router().route(asked, reply);
  const auto document = json::Document::parse(reply->get().body).value();
  EXPECT_EQ(document.root().find("servers")->dump(), R"([{"url":"http://localhost:6099"}])");
  for (const char* path : {"/health", "/ready", "/metrics", "/config", "/openapi.json"}) {
    EXPECT_TRUE(document.root().find("paths")->find(path)) << path;
  }
}

TEST_F(ProcessTest, OpensNoDoorToOtherMachinesWithoutKeys) {
  Settings settings;
  settings.data = dir_.file("other");
  settings.run = dir_.file("other-run");
  settings.bind = "0.0.0.0";
  const auto refused = Process::open("open", settings, "{}");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message,
            "bind: 0.0.0.0 can be reached from other machines; that needs rpc=tcp and keys=DIR, as "
            "in compose/");
  for (const char* other : {"127.example.org", "192.0.2.1", "::", ""}) {
    settings.bind = other;
    EXPECT_FALSE(Process::open("open", settings, "{}").ok()) << other;
  }
  settings.bind = "0.0.0.0";
  settings.rpc = Transport::Tcp;
  settings.keys = dir_.file("keys");
  EXPECT_TRUE(Process::open("open", settings, "{}").ok());
}

TEST_F(ProcessTest, SpeaksOverTcpToThoseOfTheSameKeys) {
  const auto open = [&](const std::string& service) {
    Settings settings;
    settings.data = dir_.file("data");
    settings.run = dir_.file("tcp-run");
    settings.rpc = Transport::Tcp;
    settings.keys = dir_.file("keys");
    return Process::open(service, settings, "{}").value();
  };
  const auto judge = open("judge");
  ASSERT_TRUE(judge->node().bind("").ok());
  const auto asker = open("asker");
  const auto pong = asker->client("judge").call<Pong>(
      "ping", contracts::Empty{},
      {.deadline = SystemClock::instance().now() + Milliseconds(30'000)});
  ASSERT_TRUE(pong.ok()) << pong.error().message;
  EXPECT_EQ(pong.value().service, "judge");
}

TEST_F(ProcessTest, IsNotReadyUntilItsPeersAreThere) {
  process_->client("judge");
  EXPECT_EQ(get("/ready").status, 503);
  EXPECT_EQ(get("/health").status, 200);
  EXPECT_EQ(service_state("judge"), "unavailable");
}

TEST_F(ProcessTest, IsReadyAndDegradedWithoutAnOptionalPeer) {
  process_->client("tuning", Process::Need::Optional);
  EXPECT_EQ(get("/ready").status, 200);
  const auto health = json::Document::parse(get("/health").body).value();
  EXPECT_EQ(health.root().text_or("status", ""), "degraded");
}

TEST_F(ProcessTest, ShowsItsOwnChecks) {
  bool good = false;
  process_->check("index", [&good] { return Process::State{good ? "loaded" : "loading", good}; });
  EXPECT_EQ(get("/ready").status, 503);
  EXPECT_EQ(service_state("index"), "loading");
  good = true;
  EXPECT_EQ(get("/ready").status, 200);
  EXPECT_EQ(service_state("index"), "loaded");
}

TEST_F(ProcessTest, ShowsItsMetricsAndItsConfiguration) {
  EXPECT_NE(get("/metrics").body.find("troupe_process_uptime_seconds"), std::string::npos);
  EXPECT_EQ(get("/config").body, R"j({"key":"(set)"})j");
}

TEST_F(ProcessTest, MakesAPrivateDataDirectory) {
  const auto path = process_->data_dir();
  ASSERT_TRUE(path.ok());
  EXPECT_EQ(path.value(), dir_.file("data/stage"));
  struct stat status {};
  ASSERT_EQ(stat(path.value().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

TEST_F(ProcessTest, AnswersPing) {
  process_->node().bind("").value();
  const auto asker =
      messaging::Node::open({.service = "asker", .run_dir = dir_.file("run")}).value();
  const auto pong =
      messaging::Client(*asker, "stage")
          .call<Pong>("ping", Pong{}, {.deadline = SystemClock::instance().now() + kPatience});
  ASSERT_TRUE(pong.ok());
  EXPECT_EQ(pong.value().service, "stage");
  EXPECT_TRUE(pong.value().ready);
}

}  // namespace
}  // namespace runtime::testing
