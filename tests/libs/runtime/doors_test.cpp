#include "runtime/doors.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "libs/runtime/kept_reply.h"
#include "messaging/client.h"
#include "support/temp_dir.h"

namespace runtime::testing {
namespace {

struct Greeting {
  static constexpr std::string_view kName = "greeting";
  std::string name;
  int times = 1;
  static void fields(auto& self, auto&& visit) {
    visit("name", self.name, Field{.bytes_min = 1, .bytes_max = 10});
    visit("times", self.times, Field{.min = 1, .max = 3, .defaulted = true});
  }
};

struct Greeted {
  static constexpr std::string_view kName = "greeted";
  std::string text;
  static void fields(auto& self, auto&& visit) { visit("text", self.text); }
};

Result<Greeted> greet(const Greeting& greeting) {
  if (greeting.name == "nobody") return Error{Code::NotFound, "name: nobody is here"};
  if (greeting.name == "bug") throw std::runtime_error("a bug");
  std::string text;
  for (int i = 0; i < greeting.times; ++i) text += "Hi " + greeting.name + "! ";
  return Greeted{text};
}

class DoorsTest : public ::testing::Test {
 protected:
  DoorsTest() {
    doors_.method<Greeting, Greeted>("stage.greet", Post("/greet"), greet);
    doors_.method<Greeting, Greeted>("stage.greet_get", Get("/greet/{name}"), greet);
    doors_.method<Greeting, Greeted>(
        "stage.deadline", Post("/deadline"),
        [](const Greeting&, const Call& call) -> Result<Greeted> {
          return Greeted{call.traceparent + (call.gone() ? " gone" : "")};
        });
    doors_.method<Greeting, Greeted>("stage.wait", Post("/wait"),
                                     [this](const Greeting&) -> Result<Greeted> {
                                       inside_.set_value();
                                       released_.wait();
                                       return Greeted{"waited"};
                                     });
    doors_.async_method<Greeting, Greeted>(
        "stage.greet_later", Post("/greet-later"),
        [this](const Greeting& greeting, const Call&, const Answer<Greeted>& answer) {
          EXPECT_TRUE(node_->on_thread());
          if (greeting.name == "bug") throw std::runtime_error("a bug");
          node_->post([answer, greeting] { answer(greet(greeting)); });
        });
    node_->bind("").value();
  }
  ~DoorsTest() override {
    asker_->stop();
    node_->stop();
  }

  http::Response over_http(http::Request request) {
    const auto reply = std::make_shared<KeptReply>();
    doors_.router().route(std::move(request), reply);
    return reply->get();
  }
  http::Response post(const std::string& path, std::string body) {
    return over_http(request(http::Method::Post, path, std::move(body)));
  }
  http::Response get(const std::string& target) {
    return over_http(request(http::Method::Get, target));
  }
  Result<std::string> over_rpc(const std::string& method, std::string body) {
    return asker_->call_and_wait("stage", method, std::move(body),
                                 {.deadline = SystemClock::instance().now() + kPatience});
  }

  support::TempDir dir_;
  std::promise<void> inside_;
  std::promise<void> release_;
  std::shared_future<void> released_ = release_.get_future().share();
  std::unique_ptr<messaging::Node> node_ =
      messaging::Node::open({.service = "stage", .run_dir = dir_.path()}).value();
  std::unique_ptr<messaging::Node> asker_ =
      messaging::Node::open({.service = "asker", .run_dir = dir_.path()}).value();
  WorkerPool workers_{1, 1};
  Doors doors_{{.service = "stage"}, *node_, workers_};
};

TEST_F(DoorsTest, ServesOneHandlerOverHttpAndRpc) {
  const auto response = post("/greet", R"({"name":"Peter","times":2})");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.get("Content-Type"), "application/json");
  EXPECT_EQ(response.body, R"({"text":"Hi Peter! Hi Peter! "})");
  EXPECT_EQ(over_rpc("stage.greet", R"({"name":"Peter"})").value(), R"({"text":"Hi Peter! "})");
}

TEST_F(DoorsTest, ReadsTheMembersOfAGetFromPathAndQuery) {
  EXPECT_EQ(get("/greet/Lois?times=2").body, R"({"text":"Hi Lois! Hi Lois! "})");
  EXPECT_EQ(get("/greet/Lois?name=other").body, R"({"text":"Hi Lois! "})");
  const auto refused = get("/greet/Lois?times=9");
  EXPECT_EQ(refused.status, 400);
  EXPECT_NE(refused.body.find("times: must be at most 3"), std::string::npos);
}

TEST_F(DoorsTest, AnswersABadRequestWithTheMemberThatIsWrong) {
  for (const auto& [body, why] : std::vector<std::pair<std::string, std::string>>{
           {R"({"name":5})", "name: must be a string"},
           {R"({})", "name: is required"},
           {R"({"name":"Peter","times":0})", "times: must be at least 1"},
           {"", "the body is empty, a JSON object is expected"},
           {"[]", "must be an object"},
           {"{\"name\":", "not JSON at byte"}}) {
    const auto response = post("/greet", body);
    EXPECT_EQ(response.status, 400) << body;
    EXPECT_NE(response.body.find("\"invalid_argument\""), std::string::npos) << response.body;
    EXPECT_NE(response.body.find(why), std::string::npos) << response.body;
    EXPECT_FALSE(over_rpc("stage.greet", body).ok());
  }
}

TEST_F(DoorsTest, AnswersAnErrorWithItsStatus) {
  EXPECT_EQ(post("/greet", R"({"name":"nobody"})").status, 404);
  const auto reply = over_rpc("stage.greet", R"({"name":"nobody"})");
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code, Code::NotFound);
  EXPECT_EQ(reply.error().message, "name: nobody is here");
}

TEST_F(DoorsTest, TurnsAnExceptionIntoAnInternalErrorAndGoesOn) {
  const auto response = post("/greet", R"({"name":"bug"})");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body.find("a bug"), std::string::npos);
  EXPECT_EQ(over_rpc("stage.greet", R"({"name":"bug"})").error().code, Code::Internal);
  EXPECT_EQ(over_rpc("stage.greet_later", R"({"name":"bug"})").error().code, Code::Internal);
  EXPECT_EQ(post("/greet-later", R"({"name":"bug"})").status, 500);
  EXPECT_EQ(post("/greet", R"({"name":"Meg"})").status, 200);
}

TEST_F(DoorsTest, AnswersLaterWhenTheHandlerDoes) {
  EXPECT_EQ(post("/greet-later", R"({"name":"Meg"})").body, R"({"text":"Hi Meg! "})");
  EXPECT_EQ(over_rpc("stage.greet_later", R"({"name":"Meg"})").value(), R"({"text":"Hi Meg! "})");
  EXPECT_EQ(post("/greet-later", R"({"name":"nobody"})").status, 404);
  EXPECT_EQ(post("/greet-later", R"({"nome":"Meg"})").status, 400);
}

TEST_F(DoorsTest, ContinuesTheTraceOfTheRequest) {
  auto traced = request(http::Method::Post, "/deadline", R"({"name":"x"})");
  traced.headers.add("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  EXPECT_TRUE(
      over_http(traced).body.starts_with(R"({"text":"00-4bf92f3577b34da6a3ce929d0e0e4736-)"));
}

TEST_F(DoorsTest, TellsAHandlerThatNobodyWaits) {
  const auto reply = std::make_shared<KeptReply>();
  reply->leave();
  doors_.router().route(request(http::Method::Post, "/deadline", R"({"name":"x"})"), reply);
  EXPECT_TRUE(reply->get().body.ends_with(" gone\"}"));
}

TEST_F(DoorsTest, AnswersOverloadedWhenTooManyCallsWait) {
  std::promise<Result<std::string>> first;
  const messaging::CallOptions options{.deadline = SystemClock::instance().now() + kPatience};
  const std::string body = R"({"name":"x"})";
  asker_->call("stage", "stage.wait", body, options,
               [&](Result<std::string> reply) { first.set_value(std::move(reply)); });
  inside_.get_future().wait();
  std::promise<Result<std::string>> second;
  asker_->call("stage", "stage.greet", body, options,
               [&](Result<std::string> reply) { second.set_value(std::move(reply)); });
  const auto third = over_rpc("stage.greet", body);
  ASSERT_FALSE(third.ok());
  EXPECT_EQ(third.error().code, Code::Overloaded);
  EXPECT_EQ(third.error().message, "stage: too many calls are waiting");
  release_.set_value();
  EXPECT_EQ(first.get_future().get().value(), R"({"text":"waited"})");
  EXPECT_EQ(second.get_future().get().value(), R"({"text":"Hi x! "})");
}

TEST_F(DoorsTest, DescribesEveryDoorAsItWasRegistered) {
  doors_.method<Greeting, Greeted>("stage.greet", Delete("/greet/{name}", "Greets no more"), greet);
  doors_.http(Get("/picture", "A picture"), {"stage.picture", {}, {}, {{200, {{"image/png"}}}}},
              [](const http::Request&, const std::shared_ptr<http::Reply>&) {});
  ASSERT_EQ(doors_.specs().size(), doors_.router().routes().size());
  const DoorSpec& posted = doors_.specs().front();
  EXPECT_EQ(posted.about.operation, "stage.greet");
  EXPECT_FALSE(posted.about.texts);
  EXPECT_EQ(posted.about.takes.at(0).schema->name, "greeting");
  EXPECT_EQ(posted.about.gives.at(200).at(0).schema->name, "greeted");
  const DoorSpec& again = doors_.specs().at(doors_.specs().size() - 2);
  EXPECT_EQ(again.about.operation, "stage.greet.DELETE");
  EXPECT_EQ(again.summary, "Greets no more");
  EXPECT_EQ(again.about.texts->name, "greeting");
  EXPECT_TRUE(again.about.takes.empty());
  EXPECT_EQ(doors_.specs().back().path, "/picture");
}

TEST_F(DoorsTest, KnowsNoOtherDoor) {
  EXPECT_EQ(get("/other").status, 404);
  EXPECT_EQ(get("/greet").status, 405);
}

}  // namespace
}  // namespace runtime::testing
