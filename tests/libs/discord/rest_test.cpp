#include "discord/rest.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "libs/discord/fake_discord.h"

namespace discord {
namespace {

using http::Method;
using http::Response;

Response limited(std::string_view after, std::string_view scope) {
  Response response = Response::json(
      fmt::format(R"({{"message":"slow","retry_after":{},"global":{}}})", after, scope == "global"),
      429);
  response.headers.set("Retry-After", "1");
  response.headers.set("X-RateLimit-Scope", std::string(scope));
  return response;
}

class RestTest : public ::testing::Test {
 protected:
  // `answer` is told how many requests came before.
  void serve(std::function<std::optional<Response>(const http::Request&, int)> answer) {
    discord.emplace([this, answer = std::move(answer)](const http::Request& request) {
      return answer(request, count++);
    });
    connect({});
  }
  void connect(Rest::Options options) {
    if (discord) options.base_url = discord->rest();
    options.token = "secret";
    options.backoff = Milliseconds(5);
    rest.emplace(loop, std::move(options));
  }
  Rest::Done into(std::shared_ptr<Queue<Rest::Outcome>> queue) {
    return [queue](Rest::Outcome outcome) { queue->put(std::move(outcome)); };
  }
  static Rest::Outcome taken(Queue<Rest::Outcome>& queue) {
    auto outcome = queue.take();
    EXPECT_TRUE(outcome.has_value()) << "no answer";
    return outcome ? *outcome : Rest::Outcome{};
  }
  Rest::Outcome send(Rest::Request request) {
    const auto queue = std::make_shared<Queue<Rest::Outcome>>();
    rest->send(std::move(request), into(queue));
    return taken(*queue);
  }
  Rest::Outcome post(const NewMessage& message) {
    const auto queue = std::make_shared<Queue<Rest::Outcome>>();
    rest->create_message("1", message, into(queue));
    return taken(*queue);
  }

  std::atomic<int> count = 0;
  net::Loop loop;
  std::optional<FakeDiscord> discord;
  std::optional<Rest> rest;
};

TEST_F(RestTest, PostsAMessageThatCallsNobodyByAccident) {
  serve([](const http::Request&, int) { return Response::json(R"({"id":"9"})"); });
  const auto outcome =
      post({.content = "hi @everyone", .reply_to = "5", .mention_users = {"7"}, .nonce = "n1"});
  ASSERT_TRUE(outcome) << outcome.failure.error.message;
  EXPECT_EQ(outcome.reply->body, R"({"id":"9"})");
  const auto request = discord->requests.take().value();
  EXPECT_EQ(request.target, "/api/v10/channels/1/messages");
  EXPECT_EQ(request.headers.get("Authorization"), "Bot secret");
  EXPECT_EQ(request.headers.get("Content-Type"), "application/json");
  EXPECT_TRUE(request.headers.get("User-Agent")->starts_with("DiscordBot ("));
  EXPECT_EQ(request.body,
            R"({"content":"hi @everyone","nonce":"n1","enforce_nonce":true,"allowed_mentions":)"
            R"({"parse":[],"users":["7"],"replied_user":false},"message_reference":)"
            R"({"message_id":"5","fail_if_not_exists":false}})");
}

TEST_F(RestTest, EditsTypesAndAnswersInteractions) {
  serve(
      [](const http::Request&, int) { return Response{.status = 204, .headers = {}, .body = {}}; });
  const auto queue = std::make_shared<Queue<Rest::Outcome>>();
  const auto seen = [&] {
    EXPECT_TRUE(taken(*queue));
    const auto request = discord->requests.take().value();
    return fmt::format("{} {} {}", http::name(request.method), request.target, request.body);
  };
  Interaction interaction;
  interaction.id = "3";
  interaction.application_id = "4";
  interaction.token = "tok";
  rest->edit_message("1", "2", "new", into(queue));
  EXPECT_EQ(seen(), R"(PATCH /api/v10/channels/1/messages/2 {"content":"new","allowed_mentions":)"
                    R"({"parse":[],"users":[],"replied_user":false}})");
  rest->trigger_typing("1", into(queue));
  EXPECT_EQ(seen(), "POST /api/v10/channels/1/typing ");
  rest->answer_interaction(interaction, 5, "", 64, into(queue));
  EXPECT_EQ(seen(), R"(POST /api/v10/interactions/3/tok/callback {"type":5,"data":{"flags":64}})");
  rest->edit_answer(interaction, "done", into(queue));
  EXPECT_EQ(seen(), R"(PATCH /api/v10/webhooks/4/tok/messages/@original {"content":"done",)"
                    R"("allowed_mentions":{"parse":[],"users":[],"replied_user":false}})");
}

TEST_F(RestTest, WaitsOutALimitAndSendsTheSameAgain) {
  serve([](const http::Request&, int before) {
    return before == 0 ? limited("0.05", "user") : Response::json("{}");
  });
  EXPECT_TRUE(post({.content = "x", .nonce = "n"}));
  const auto first = discord->requests.take();
  const auto second = discord->requests.take();
  EXPECT_EQ(first->body, second->body);
}

TEST_F(RestTest, ALimitOfAllHoldsOtherRoutesToo) {
  std::atomic<bool> early = false;
  std::atomic<SteadyTime> until{};
  serve([&](const http::Request& request, int before) -> std::optional<Response> {
    const SteadyTime now = SystemClock::instance().now();
    if (before == 0) {
      until = now + Milliseconds(100);
      return limited("0.1", "global");
    }
    if (now < until.load() && request.path.find("guilds") != std::string::npos) early = true;
    return Response::json("{}");
  });
  const auto queue = std::make_shared<Queue<Rest::Outcome>>();
  rest->send({.path = "/channels/1"}, [&](const Rest::Outcome& outcome) { queue->put(outcome); });
  discord->requests.take();
  EXPECT_TRUE(taken(*queue));
  EXPECT_TRUE(send({.path = "/guilds/1"}));
  EXPECT_FALSE(early);
}

TEST_F(RestTest, KeepsTheOrderOfAChannelAndOneAtATime) {
  serve([](const http::Request&, int before) {
    return before == 2 ? limited("0.02", "user") : Response::json("{}");
  });
  const auto queue = std::make_shared<Queue<Rest::Outcome>>();
  for (int i = 0; i < 8; ++i) {
    rest->create_message("1", {.content = std::to_string(i), .nonce = "n"}, into(queue));
  }
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(taken(*queue));
  std::string order;
  while (!discord->requests.empty()) order += discord->requests.take()->body.substr(12, 1);
  EXPECT_EQ(order, "012234567");
}

TEST_F(RestTest, TriesAMessageWithANonceAgainAfterAFault) {
  serve([](const http::Request&, int before) {
    return before < 2 ? Response::json("oops", 502) : Response::json("{}");
  });
  EXPECT_TRUE(post({.content = "x", .nonce = "n"}));
  EXPECT_EQ(count, 3);
}

TEST_F(RestTest, DoesNotRepeatWhatMayHaveBeenCarriedOut) {
  serve([](const http::Request&, int) { return Response::json("oops", 500); });
  const auto outcome = post({.content = "x"});
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.failure.unsure);
  EXPECT_EQ(outcome.failure.status, 500);
  EXPECT_EQ(outcome.failure.error.code, Code::Unavailable) << "whoever asked may ask again";
  EXPECT_EQ(count, 1);
}

TEST_F(RestTest, IsUnsureWhenTheAnswerNeverComes) {
  serve([](const http::Request&, int) { return std::nullopt; });
  const auto outcome =
      send({.method = Method::Post, .path = "/channels/1/messages", .deadline = Milliseconds(80)});
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.failure.unsure);
  EXPECT_EQ(outcome.failure.error.code, Code::DeadlineExceeded);
}

TEST_F(RestTest, IsUnsureWhenTheConnectionBreaksUnderAPost) {
  serve([](const http::Request&, int) { return std::nullopt; });
  const auto queue = std::make_shared<Queue<Rest::Outcome>>();
  rest->send({.method = Method::Post, .path = "/channels/1/messages"}, into(queue));
  discord->requests.take();
  discord->vanish();
  const auto outcome = taken(*queue);
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.failure.unsure);
  EXPECT_EQ(outcome.failure.status, 0);
}

TEST_F(RestTest, IsSureWhenNobodyWasThere) {
  serve([](const http::Request&, int) { return Response::json("{}"); });
  connect({.deadline = Milliseconds(60)});
  discord->vanish();
  const auto outcome = send({.method = Method::Post, .path = "/channels/1/messages"});
  ASSERT_FALSE(outcome);
  EXPECT_FALSE(outcome.failure.unsure);
  EXPECT_EQ(outcome.failure.status, 0);
}

TEST_F(RestTest, SaysWhatDiscordSays) {
  serve([](const http::Request&, int) {
    return Response::json(R"({"message":"Unknown Message","code":10008})", 404);
  });
  const auto outcome = send({.path = "/channels/1/messages/2"});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.failure.status, 404);
  EXPECT_EQ(outcome.failure.code, 10008);
  EXPECT_FALSE(outcome.failure.unsure);
  EXPECT_NE(outcome.failure.error.message.find("Unknown Message"), std::string::npos);
  EXPECT_EQ(count, 1);
}

TEST_F(RestTest, UnderstandsRefusalsOfAnyForm) {
  const char* bodies[] = {"", "<html>", "[]", R"({"code":"x","message":5})", "{\"code\":1e300}"};
  serve([&](const http::Request&, int before) { return Response::json(bodies[before % 5], 400); });
  for (int i = 0; i < 5; ++i) EXPECT_EQ(send({.path = "/channels/1"}).failure.status, 400);
}

TEST_F(RestTest, AfterA401NothingMoreIsSent) {
  serve([](const http::Request& request, int) {
    return Response::json("{}", request.headers.get("Authorization") ? 401 : 200);
  });
  EXPECT_TRUE(send({.path = "/channels/1"}).failure.forbidden());
  const auto outcome = send({.path = "/channels/2"});
  EXPECT_EQ(outcome.failure.status, 401);
  EXPECT_NE(outcome.failure.error.message.find("token"), std::string::npos);
  EXPECT_EQ(count, 1);
  EXPECT_TRUE(send({.path = "/webhooks/1/t", .anonymous = true}));
}

TEST_F(RestTest, RemembersAChannelThatItMayNotSee) {
  serve([](const http::Request& request, int) {
    return request.path.find("/channels/1") == std::string::npos
               ? Response::json("{}")
               : Response::json(R"({"message":"Missing Access","code":50001})", 403);
  });
  EXPECT_EQ(send({.path = "/channels/1"}).failure.code, 50001);
  EXPECT_EQ(post({.content = "x", .nonce = "n"}).failure.code, 50001);
  EXPECT_EQ(count, 1);
  EXPECT_TRUE(send({.path = "/channels/2"}));
}

TEST_F(RestTest, AForeignMessageClosesNoChannel) {
  serve([](const http::Request& request, int) {
    return request.method == Method::Patch ? Response::json(R"({"code":50005})", 403)
                                           : Response::json("{}");
  });
  EXPECT_EQ(send({.method = Method::Patch, .path = "/channels/1/messages/2"}).failure.code, 50005);
  EXPECT_TRUE(post({.content = "x", .nonce = "n"}));
}

TEST_F(RestTest, RefusesMoreThanMayWait) {
  serve([](const http::Request&, int) { return std::nullopt; });
  connect({.waiting_max = 2});
  const auto queue = std::make_shared<Queue<Rest::Outcome>>();
  for (int i = 0; i < 3; ++i) rest->send({.path = "/channels/1"}, into(queue));
  EXPECT_EQ(taken(*queue).failure.error.code, Code::Overloaded);
}

TEST_F(RestTest, DestroyedItAnswersWhatWaits) {
  serve([](const http::Request&, int) { return std::nullopt; });
  const auto queue = std::make_shared<Queue<Rest::Outcome>>();
  for (int i = 0; i < 3; ++i) rest->send({.path = "/channels/1"}, into(queue));
  discord->requests.take();
  rest.reset();
  for (int i = 0; i < 3; ++i) {
    ASSERT_FALSE(queue->empty()) << "all callbacks come before the destructor returns";
    EXPECT_EQ(taken(*queue).failure.error.code, Code::Cancelled);
  }
}

TEST_F(RestTest, ACallbackMayDestroyIt) {
  serve([](const http::Request&, int) { return Response::json("{}"); });
  std::promise<void> gone;
  rest->send({.path = "/channels/1"}, [&](const Rest::Outcome&) {
    rest.reset();
    gone.set_value();
  });
  EXPECT_EQ(gone.get_future().wait_for(kPatience), std::future_status::ready);
}

TEST_F(RestTest, ErrorsTellNoTokenOfAnInteraction) {
  serve([](const http::Request&, int) { return std::nullopt; });
  const auto outcome = send({.method = Method::Post,
                             .path = "/interactions/1/hush-hush/callback",
                             .anonymous = true,
                             .deadline = Milliseconds(50)});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.failure.error.message.find("hush"), std::string::npos);
}

}  // namespace
}  // namespace discord
