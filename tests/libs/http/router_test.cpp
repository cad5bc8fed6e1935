#include "http/router.h"

#include <gtest/gtest.h>

#include <utility>

namespace http {
namespace {

// Keeps the one answer.
class KeptReply final : public Reply {
 public:
  void respond(Response response) override { answer = std::move(response); }
  void begin(int, Headers) override {}
  bool write(std::string) override { return false; }
  void end(Ending) override {}
  bool gone() const override { return false; }
  void on_gone(std::function<void()>) override {}

  Response answer;
};

class RouterTest : public testing::Test {
 protected:
  RouterTest() {
    add(Method::Get, "/");
    add(Method::Get, "/turns");
    add(Method::Post, "/turns");
    add(Method::Get, "/turns/{id}");
    add(Method::Delete, "/turns/{id}");
    add(Method::Get, "/turns/latest");
    add(Method::Get, "/turns/{id}/lines/{line}");
  }

  // Each handler says its pattern and what the parameters are.
  void add(Method method, std::string_view pattern) {
    router_.add(method, pattern, [said = std::string(pattern)](Request request, auto reply) {
      std::string text = said;
      for (const auto& [key, value] : request.params) text += " " + key + "=" + value;
      reply->respond(Response::text(text));
    });
  }

  Response answer(Method method, std::string_view path) {
    Request request;
    request.method = method;
    request.path = std::string(path);
    const auto reply = std::make_shared<KeptReply>();
    router_.route(std::move(request), reply);
    return reply->answer;
  }

  Router router_;
};

TEST_F(RouterTest, FindsLiteralsAndParameters) {
  EXPECT_EQ(answer(Method::Get, "/").body, "/");
  EXPECT_EQ(answer(Method::Get, "/turns").body, "/turns");
  EXPECT_EQ(answer(Method::Get, "/turns/t1").body, "/turns/{id} id=t1");
  EXPECT_EQ(answer(Method::Get, "/turns/t1/lines/2").body, "/turns/{id}/lines/{line} id=t1 line=2");
}

TEST_F(RouterTest, ALiteralWinsOverAParameterInAnyOrder) {
  EXPECT_EQ(answer(Method::Get, "/turns/latest").body, "/turns/latest");
  add(Method::Get, "/turns/first");
  add(Method::Get, "/turns/{other}");
  EXPECT_EQ(answer(Method::Get, "/turns/first").body, "/turns/first");
}

TEST_F(RouterTest, HeadFindsGet) { EXPECT_EQ(answer(Method::Head, "/turns").body, "/turns"); }

TEST_F(RouterTest, AnswersNotFoundWithThePath) {
  for (const std::string_view path : {"/nowhere", "/turns/", "/turns/a/b", "//", ""}) {
    EXPECT_EQ(answer(Method::Get, path).status, 404) << path;
  }
  EXPECT_NE(answer(Method::Get, "/nowhere").body.find("/nowhere"), std::string::npos);
}

TEST_F(RouterTest, NamesEachAllowedMethodOnceWhenTheMethodIsWrong) {
  const Response response = answer(Method::Put, "/turns/latest");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.headers.get("Allow"), "DELETE, GET");
  EXPECT_EQ(answer(Method::Patch, "/turns").headers.get("Allow"), "GET, POST");
}

TEST_F(RouterTest, ListsItsRoutesInOrder) {
  const auto routes = router_.routes();
  ASSERT_EQ(routes.size(), 7U);
  EXPECT_EQ(routes[2], "POST /turns");
}

}  // namespace
}  // namespace http
