#include "llm/exchange.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "llm/doors.h"
#include "services/llm/fake_ollama.h"
#include "support/temp_dir.h"

namespace llm {
namespace {

constexpr std::string_view kChat =
    R"({"model":"big","messages":[{"role":"user","content":"Hi"}],"logit_bias":{"7":-1}})";
constexpr std::string_view kAnswer =
    R"({"id":"x-1","object":"chat.completion","created":1,"model":"big-0613","choices":[{"index":0,)"
    R"("message":{"role":"assistant","content":"Hello"},"logprobs":null,"finish_reason":"stop"}],)"
    R"("usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}})";
constexpr std::string_view kHead = R"(data: {"choices":[{"delta":{"role":"assistant"}}]})"
                                   "\n\n";
constexpr std::string_view kHello = R"(data: {"choices":[{"delta":{"content":"Hello"}}]})"
                                    "\n\n";
constexpr std::string_view kStop = R"(data: {"choices":[{"delta":{},"finish_reason":"stop"}]})"
                                   "\n\n";
constexpr std::string_view kUsage =
    R"(data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2}})"
    "\n\n";
constexpr std::string_view kEnd = "data: [DONE]\n\n";

// Lets pass whom it likes, and writes down what it is asked to settle.
class FakeGate final : public Gatekeeper {
 public:
  std::variant<AccountRef, Rejection> admit(std::string_view secret, std::string_view,
                                            std::string_view) override {
    if (secret == "wrong") return Rejection{{Code::Unauthenticated, "no such key"}};
    if (secret == "busy") {
      return Rejection{{Code::Overloaded, "too many requests"}, std::chrono::seconds(7)};
    }
    Account account;
    account.key = account.tenant = std::string(secret);
    account.admin = secret == "boss";
    return std::make_shared<const Account>(std::move(account));
  }
  std::variant<Reservation, Rejection> reserve(const AccountRef& account,
                                               const Demand& demand) override {
    if (account->key == "broke") return Rejection{{Code::Overloaded, "the budget is used up"}};
    reserved = demand.tokens;
    return std::make_shared<Claim>();
  }
  void settle(const Reservation&, std::int64_t tokens, double cost) override {
    settled.push_back({tokens, cost});
  }

  std::int64_t reserved = 0;
  std::vector<std::pair<std::int64_t, double>> settled;
};

// The doors before a chain of one server of each kind, all of which are the same fake.
class ExchangeTest : public ::testing::Test {
 protected:
  static ProviderOptions provider(std::string name, ProviderKind kind, const std::string& url,
                                  std::vector<std::string> models) {
    return {.name = std::move(name), .kind = kind, .url = url, .models = std::move(models)};
  }
  static ChainOptions options_for(const std::string& url) {
    ChainOptions options;
    options.providers = {provider("cloud", ProviderKind::OpenAi, url, {"big"}),
                         provider("local", ProviderKind::Ollama, url, {"small"}),
                         provider("claude", ProviderKind::Anthropic, url, {"haiku"}),
                         provider("understudy", ProviderKind::Understudy, "", {})};
    options.chain = {"cloud", "local", "claude", "understudy"};
    options.prices = {{"big", 1'000'000, 2'000'000}};
    return options;
  }
  void open(ChainOptions options) {
    ledger_ = Ledger::open({.folder = dir_.path()}).value();
    chain_ = Chain::open(loop_, std::move(options), metrics_,
                         {.cache = cache_.get(), .ledger = ledger_.get(), .gate = &gate_})
                 .value();
    install_dialects(doors_, {.chain = *chain_, .gate = gate_});
    server_ = net::listen(loop_, {},
                          behind_gate(gate_,
                                      [this](auto request, auto reply) {
                                        doors_.router().route(std::move(request), std::move(reply));
                                      }))
                  .value();
  }
  ~ExchangeTest() override {
    if (server_) server_->drain(Milliseconds(1000));
    chain_.reset();
    server_.reset();
  }

  net::ClientRequest post(const std::string& path, std::string_view body,
                          const std::string& key = "ann") const {
    net::ClientRequest request;
    request.method = body.empty() ? http::Method::Get : http::Method::Post;
    request.url = "http://127.0.0.1:" + std::to_string(server_->port()) + path;
    request.headers = {{"Authorization", "Bearer " + key}};
    request.body = body;
    return request;
  }
  http::Response ask(const std::string& path, std::string_view body,
                     const std::string& key = "ann") {
    auto answer = client_.fetch(post(path, body, key));
    if (answer) return std::move(answer).value();
    return http::Response::text(answer.error().message, 0);
  }
  // One request whose body is read until it ends or is cut; what came of it.
  std::string cut_body(const std::string& path, std::string_view body) {
    std::promise<std::string> ended;
    const auto text = std::make_shared<std::string>();
    net::ClientEvents events;
    events.data = [text](std::string_view bytes) { *text += bytes; };
    events.done = [text, &ended](const Result<void>& outcome) {
      ended.set_value(*text + (outcome ? "|whole" : "|cut"));
    };
    client_.send(post(path, body), std::move(events));
    return ended.get_future().get();
  }
  UsageRow used(const std::string& provider) {
    UsageQuery query;
    query.provider = provider;
    return ledger_->usage(query).value().total;
  }

  support::TempDir dir_;
  net::Loop loop_;
  net::Loop client_loop_;
  net::Client client_{client_loop_, {}};
  telemetry::Metrics metrics_;
  FakeGate gate_;
  const std::unique_ptr<cache::Cache> cache_ = cache::make_memory_cache({});
  std::unique_ptr<messaging::Node> node_ =
      messaging::Node::open({.service = "llm", .run_dir = dir_.path()}).value();
  runtime::WorkerPool workers_{1, 1};
  runtime::Doors doors_{{.service = "llm"}, *node_, workers_};
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<Chain> chain_;
  std::unique_ptr<http::Server> server_;
};

FakeOllama::Script whole(std::string_view body, int status = 200) {
  return [=](const FakeChat& chat) {
    chat.reply->respond(http::Response::json(std::string(body), status));
  };
}
FakeOllama::Script stream(std::vector<std::string_view> pieces,
                          http::Reply::Ending ending = http::Reply::Ending::Complete) {
  return [=](const FakeChat& chat) {
    chat.reply->begin(200, {{"Content-Type", "text/event-stream"}});
    for (const auto piece : pieces) chat.reply->write(std::string(piece));
    chat.reply->end(ending);
  };
}
const std::string kStreamed = std::string(kChat.substr(0, kChat.size() - 1)) + R"(,"stream":true})";

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

// --- the same dialect on both sides -------------------------------------------------------------

TEST_F(ExchangeTest, PassesAWholeAnswerOnAsItIs) {
  FakeOllama model(whole(kAnswer));
  open(options_for(model.url()));
  const auto answer = ask("/v1/chat/completions", kChat);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, kAnswer);
  EXPECT_EQ(answer.headers.get("x-troupe-provider"), "cloud");
  EXPECT_EQ(answer.headers.get("x-troupe-model"), "big");
  EXPECT_TRUE(answer.headers.get("x-request-id"));
  EXPECT_TRUE(answer.headers.get("x-troupe-overhead-ms"));
  EXPECT_EQ(model.next().request.body, kChat) << "nothing had to be changed";
  const UsageRow row = used("cloud");
  EXPECT_EQ(row.prompt_tokens, 9);
  EXPECT_EQ(row.completion_tokens, 2);
  EXPECT_EQ(row.estimated_tokens, 0);
  EXPECT_EQ(row.cost, 9 + 2 * 2);
  ASSERT_EQ(gate_.settled.size(), 1U);
  EXPECT_EQ(gate_.settled[0], std::pair(std::int64_t{11}, 13.0));
  EXPECT_EQ(gate_.reserved, static_cast<std::int64_t>(kChat.size()) / 4 + 1024);
}

TEST_F(ExchangeTest, KeepsTheClientsRequestId) {
  FakeOllama model(whole(kAnswer));
  open(options_for(model.url()));
  auto request = post("/v1/chat/completions", kChat);
  request.headers.set("X-Request-Id", "mine-1");
  EXPECT_EQ(client_.fetch(std::move(request)).value().headers.get("x-request-id"), "mine-1");
}

TEST_F(ExchangeTest, PassesAStreamOnWithoutTheUsageThatOnlyWeWanted) {
  FakeOllama model(stream({kHead, kHello, kStop, kUsage, kEnd}));
  open(options_for(model.url()));
  const auto answer = ask("/v1/chat/completions", kStreamed);
  EXPECT_EQ(answer.body,
            std::string(kHead) + std::string(kHello) + std::string(kStop) + std::string(kEnd));
  EXPECT_EQ(answer.headers.get("content-type"), "text/event-stream");
  EXPECT_EQ(answer.headers.get("x-troupe-provider"), "cloud");
  EXPECT_TRUE(has(model.next().request.body, R"("stream_options":{"include_usage":true})"));
  EXPECT_EQ(used("cloud").completion_tokens, 2);
  EXPECT_EQ(used("cloud").estimated_tokens, 0);
}

TEST_F(ExchangeTest, EstimatesAStreamWhoseUsageNobodyTold) {
  FakeOllama model(stream({kHead, kHello, kHello, kHello, kStop, kEnd}));
  open(options_for(model.url()));
  EXPECT_EQ(ask("/v1/chat/completions", kStreamed).status, 200);
  const UsageRow row = used("cloud");
  EXPECT_EQ(row.completion_tokens, 3);
  EXPECT_EQ(row.estimated_tokens, row.prompt_tokens + 3);
  EXPECT_GT(row.prompt_tokens, 0);
}

TEST_F(ExchangeTest, PassesOllamaAndAnthropicOnAsWell) {
  FakeOllama model([](const FakeChat& chat) {
    if (chat.request.path == "/messages") {
      return chat.reply->respond(http::Response::json(
          R"({"type":"message","content":[],"usage":{"input_tokens":4,"output_tokens":5}})"));
    }
    chat.answer("Hi");
  });
  open(options_for(model.url()));
  const auto ollama =
      ask("/api/chat", R"({"model":"small","messages":[{"role":"user","content":"Hi"}]})");
  EXPECT_EQ(ollama.body, text_line("Hi") + std::string(kDoneLine));
  EXPECT_EQ(ollama.headers.get("content-type"), "application/x-ndjson");
  EXPECT_TRUE(has(model.next().request.body, R"("options":{"num_ctx":8192})"));
  EXPECT_EQ(used("local").prompt_tokens, 11);
  const auto claude = ask("/v1/messages", R"({"model":"haiku","max_tokens":5,)"
                                          R"("messages":[{"role":"user","content":"Hi"}]})");
  EXPECT_TRUE(has(claude.body, R"("output_tokens":5)")) << claude.body;
  EXPECT_EQ(used("claude").prompt_tokens, 4);
}

// --- translated ---------------------------------------------------------------------------------

TEST_F(ExchangeTest, TranslatesBetweenDialects) {
  FakeOllama model([](const FakeChat& chat) { chat.answer("Hi"); });
  open(options_for(model.url()));
  const std::string messages = R"("messages":[{"role":"user","content":"Hi"}])";
  const auto openai = ask("/v1/chat/completions", R"({"model":"small",)" + messages + "}");
  EXPECT_TRUE(has(openai.body, R"("content":"Hi")")) << openai.body;
  EXPECT_TRUE(has(openai.body, R"("total_tokens":14)")) << openai.body;
  const auto claude =
      ask("/v1/messages", R"({"model":"small","max_tokens":9,"stream":true,)" + messages + "}");
  EXPECT_TRUE(claude.body.starts_with("event: message_start\n")) << claude.body;
  EXPECT_TRUE(has(claude.body, "event: message_stop\n")) << claude.body;
  const auto seed = ask("/v1/generate", R"({"model":"small","prompt":"Hi","max_tokens":5})");
  EXPECT_TRUE(has(seed.body, R"("text":"Hi")")) << seed.body;
  EXPECT_EQ(used("local").requests, 3);
}

TEST_F(ExchangeTest, StreamsTheUnderstudyInEveryDialect) {
  open(options_for("http://127.0.0.1:1"));
  const std::string ask_it = R"({"model":"understudy","max_tokens":99,"stream":true,"messages":[)"
                             R"({"role":"user","content":"Hello"}]})";
  EXPECT_TRUE(ask("/v1/chat/completions", ask_it).body.ends_with("data: [DONE]\n\n"));
  EXPECT_TRUE(has(ask("/v1/messages", ask_it).body, "event: message_stop"));
  EXPECT_TRUE(has(ask("/api/chat", ask_it).body, R"("done":true)"));
}

// --- what goes wrong ----------------------------------------------------------------------------

TEST_F(ExchangeTest, FailsOverUnseenBeforeTheFirstToken) {
  FakeOllama dead(stream({kHead}, http::Reply::Ending::Cut));
  FakeOllama model(stream({kHead, kHello, kStop, kEnd}));
  ChainOptions options = options_for(model.url());
  options.providers.push_back(provider("dying", ProviderKind::OpenAi, dead.url(), {"big"}));
  options.chain = {"dying", "cloud"};
  open(std::move(options));
  const auto answer = ask("/v1/chat/completions", kStreamed);
  EXPECT_EQ(answer.headers.get("x-troupe-provider"), "cloud");
  EXPECT_EQ(answer.body,
            std::string(kHead) + std::string(kHello) + std::string(kStop) + std::string(kEnd));
  EXPECT_EQ(used("dying").failed, 1);
  EXPECT_EQ(used("cloud").requests, 1);
}

TEST_F(ExchangeTest, SaysInTheStreamThatItIsCut) {
  FakeOllama model(stream({kHead, kHello}, http::Reply::Ending::Cut));
  open(options_for(model.url()));
  const std::string passed = cut_body("/v1/chat/completions", kStreamed);
  EXPECT_TRUE(has(passed, R"({"error":{"message":"cloud: the answer was cut)")) << passed;
  EXPECT_TRUE(passed.ends_with("|cut")) << passed;
  EXPECT_FALSE(has(passed, "[DONE]"));
  const std::string translated =
      cut_body("/v1/messages", R"({"model":"big","max_tokens":9,"stream":true,)"
                               R"("messages":[{"role":"user","content":"Hi"}]})");
  EXPECT_TRUE(has(translated, "event: error\n")) << translated;
  EXPECT_FALSE(has(translated, "message_stop"));
  EXPECT_EQ(used("cloud").cut, 2);
  EXPECT_EQ(used("cloud").completion_tokens, 2) << "a token of each was paid for";
}

TEST_F(ExchangeTest, ClosesTheProvidersConnectionWhenTheClientGoes) {
  FakeOllama model;
  open(options_for(model.url()));
  for (const std::string& body : {std::string(kChat), kStreamed}) {
    std::promise<void> ended;
    net::ClientEvents events;
    events.done = [&](const Result<void>&) { ended.set_value(); };
    const auto call = client_.send(post("/v1/chat/completions", body), std::move(events));
    const FakeChat chat = model.next();
    ASSERT_TRUE(chat.reply);
    const auto gone = std::make_shared<std::promise<void>>();
    chat.reply->on_gone([gone] { gone->set_value(); });
    call->cancel();
    EXPECT_EQ(gone->get_future().wait_for(kPatience), std::future_status::ready);
    ended.get_future().wait();
  }
  EXPECT_EQ(used("cloud").aborted, 2);
  EXPECT_GT(used("cloud").estimated_tokens, 0) << "the prompt was read";
}

TEST_F(ExchangeTest, CountsAnAnswerAsWholeWhoseClientLeavesBehindItsEnd) {
  FakeOllama model;
  open(options_for(model.url()));
  std::promise<void> told;
  std::promise<void> ended;
  const auto text = std::make_shared<std::string>();
  net::ClientEvents events;
  events.data = [&, text](std::string_view bytes) {
    *text += bytes;
    if (has(*text, "[DONE]")) told.set_value();
  };
  events.done = [&](const Result<void>&) { ended.set_value(); };
  const auto call = client_.send(post("/v1/chat/completions", kStreamed), std::move(events));
  const FakeChat chat = model.next();
  ASSERT_TRUE(chat.reply);
  const auto gone = std::make_shared<std::promise<void>>();
  chat.reply->on_gone([gone] { gone->set_value(); });
  chat.reply->begin(200, {{"Content-Type", "text/event-stream"}});
  for (const auto piece : {kHello, kStop, kUsage, kEnd}) chat.reply->write(std::string(piece));
  // Its body stays open.
  told.get_future().wait();
  call->cancel();
  ended.get_future().wait();
  EXPECT_EQ(gone->get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(used("cloud").requests, 1);
  EXPECT_EQ(used("cloud").aborted, 0);
  EXPECT_EQ(used("cloud").completion_tokens, 2);
}

TEST_F(ExchangeTest, ChargesEmbeddingsWhoseClientLeaves) {
  FakeOllama model;
  open(options_for(model.url()));
  std::promise<void> ended;
  net::ClientEvents events;
  events.done = [&](const Result<void>&) { ended.set_value(); };
  const auto call = client_.send(
      post("/v1/embeddings", R"({"model":"big","input":"as long as that"})"), std::move(events));
  const FakeChat chat = model.next();
  ASSERT_TRUE(chat.reply);
  const auto gone = std::make_shared<std::promise<void>>();
  chat.reply->on_gone([gone] { gone->set_value(); });
  call->cancel();
  EXPECT_EQ(gone->get_future().wait_for(kPatience), std::future_status::ready);
  ended.get_future().wait();
  const UsageRow books = used("cloud");
  EXPECT_EQ(books.aborted, 1);
  EXPECT_GT(books.prompt_tokens, 0);
  ASSERT_EQ(gate_.settled.size(), 1U);
  EXPECT_EQ(gate_.settled[0].first, books.prompt_tokens);
  EXPECT_EQ(gate_.settled[0].second, books.cost);
}

TEST_F(ExchangeTest, ChargesTheSearchByMeaningAndEndsItWhenTheClientGoes) {
  const std::string question =
      R"({"model":"big","temperature":0,"messages":[{"role":"user","content":"Why is it so?"}]})";
  FakeOllama model;
  ChainOptions options = options_for(model.url());
  options.providers[0].models.push_back("vec");
  options.semantic.on = true;
  options.semantic.embed_model = "vec";
  options.semantic.embed_timeout_ms = 20'000;
  open(std::move(options));
  std::promise<void> ended;
  net::ClientEvents events;
  events.done = [&](const Result<void>&) { ended.set_value(); };
  const auto call = client_.send(post("/v1/chat/completions", question), std::move(events));
  const FakeChat embedding = model.next();
  ASSERT_TRUE(embedding.reply);
  const auto gone = std::make_shared<std::promise<void>>();
  embedding.reply->on_gone([gone] { gone->set_value(); });
  call->cancel();
  EXPECT_EQ(gone->get_future().wait_for(std::chrono::seconds(5)), std::future_status::ready);
  ended.get_future().wait();
  std::promise<void> turned;  // the run ends in the turn in which it closes its connection
  loop_.post([&] { turned.set_value(); });
  turned.get_future().wait();
  ASSERT_EQ(gate_.settled.size(), 1U);
  EXPECT_EQ(gate_.settled[0].first, used("cloud").prompt_tokens);
  EXPECT_GT(gate_.settled[0].first, 0);

  auto answer =
      std::async(std::launch::async, [&] { return ask("/v1/chat/completions", question).status; });
  const FakeChat again = model.next();
  ASSERT_TRUE(again.reply);
  again.reply->respond(http::Response::json(
      R"({"data":[{"index":0,"embedding":[1,0]}],"usage":{"prompt_tokens":5,"total_tokens":5}})"));
  const FakeChat chat = model.next();
  ASSERT_TRUE(chat.reply);
  chat.reply->respond(http::Response::json(std::string(kAnswer)));
  EXPECT_EQ(answer.get(), 200);
  ASSERT_EQ(gate_.settled.size(), 2U);
  EXPECT_EQ(gate_.settled[1].first, 5 + 11);
}

TEST(Asked, SetsAsideTheMostThatItsDialectAllows) {
  const auto openai = talk::make_openai_chat();
  const auto ollama = talk::make_ollama_chat();
  const auto anthropic = talk::make_anthropic_messages();
  const auto most = [](const ChatDoor& door, const std::string& members) {
    auto asked = Asked::of(
        door, R"({"model":"m","messages":[{"role":"user","content":"x"}])" + members + "}");
    return asked ? asked.value()->most(1000).answer : -1;
  };
  const ChatDoor chats{openai.get(), ProviderKind::OpenAi, "/chat/completions"};
  EXPECT_EQ(most(chats, ""), 1000);
  EXPECT_EQ(most(chats, R"(,"max_tokens":100000,"options":{"num_predict":0})"), 100'000);
  EXPECT_EQ(most(chats, R"(,"max_tokens":20,"n":5)"), 100);
  EXPECT_EQ(most(chats, R"(,"n":5)"), 5000);
  EXPECT_EQ(most(chats, R"(,"max_tokens":9000,"max_completion_tokens":1)"), 9000);
  EXPECT_EQ(most(chats, R"(,"max_tokens":1,"max_completion_tokens":9000)"), 9000);
  EXPECT_EQ(most(chats, R"(,"max_tokens":-1)"), 1000);
  EXPECT_EQ(most(chats, R"(,"max_tokens":null)"), 1000);
  EXPECT_EQ(most(chats, R"(,"max_tokens":2e3)"), 2000);
  EXPECT_EQ(most(chats, R"(,"max_tokens":"2000")"), 2000);
  EXPECT_EQ(most(chats, R"(,"max_tokens":1e999)"), 10'000'000);
  EXPECT_EQ(most(chats, R"(,"max_tokens":20,"max_completion_tokens":-5)"), 1000);
  const ChatDoor local{ollama.get(), ProviderKind::Ollama, "/api/chat", true};
  EXPECT_EQ(most(local, R"(,"options":{"num_predict":7},"max_tokens":9,"n":3)"), 7);
  EXPECT_EQ(most(local, R"(,"options":{"num_predict":-1})"), 1000);
  EXPECT_EQ(most(local, R"(,"options":{"num_predict":0})"), 1000);
  EXPECT_EQ(most(local, R"(,"options":null)"), 1000);
  EXPECT_EQ(most(local, R"(,"options":{"num_\u0070redict":500000})"), 10'000'000);
  const ChatDoor claude{anthropic.get(), ProviderKind::Anthropic, "/messages"};
  EXPECT_EQ(most(claude, R"(,"max_tokens":50,"max_completion_tokens":1,"n":3)"), 50);
}

TEST_F(ExchangeTest, HandsOnHowLongAProviderWantsToBeLeftAlone) {
  FakeOllama model([](const FakeChat& chat) {
    http::Response response = http::Response::json(R"({"error":{"message":"slow down"}})", 429);
    response.headers.set("Retry-After", "9");
    chat.reply->respond(std::move(response));
  });
  ChainOptions options = options_for(model.url());
  options.chain = {"cloud"};
  open(std::move(options));
  for (int i = 0; i < 2; ++i) {
    const auto answer = ask("/v1/chat/completions", kChat);
    EXPECT_EQ(answer.status, 429);
    EXPECT_EQ(answer.headers.get("retry-after"), "9");
  }
  EXPECT_EQ(model.seen(), 1) << "it was left alone";
  EXPECT_EQ(chain_->providers()[0].breaker, "closed");
}

TEST_F(ExchangeTest, RefusesInTheAskersDialect) {
  FakeOllama model(whole(R"({"error":{"message":"bad"}})", 500));
  open(options_for(model.url()));
  const auto no_model =
      ask("/v1/chat/completions", R"({"model":"none","messages":[{"role":"user","content":"x"}]})");
  EXPECT_EQ(no_model.status, 404);
  EXPECT_TRUE(has(no_model.body, R"("type":)")) << no_model.body;
  EXPECT_EQ(ask("/v1/chat/completions", "nonsense").status, 400);
  EXPECT_EQ(ask("/v1/messages", R"({"model":"none"})").status, 400);
  EXPECT_TRUE(ask("/v1/messages", "nonsense").body.starts_with(R"({"type":"error")"));
  EXPECT_EQ(ask("/api/chat", "[]").status, 400);
  EXPECT_EQ(ask("/v1/chat/completions", kChat, "wrong").status, 401);
  const auto busy = ask("/v1/messages", "{}", "busy");
  EXPECT_EQ(busy.status, 429);
  EXPECT_EQ(busy.headers.get("retry-after"), "7");
  EXPECT_EQ(ask("/v1/chat/completions", kChat, "broke").status, 429);
  EXPECT_EQ(ask("/v1/chat/completions", kChat).status, 502);
  EXPECT_EQ(ask("/usage", "", "ann").status, 403);
  EXPECT_EQ(ask("/usage", "", "wrong").status, 401);
  EXPECT_EQ(ask("/chat", kChat, "ann").status, 403) << "it knows no budgets";
  EXPECT_EQ(ask("/chat", kChat, "boss").status, 404);
  EXPECT_EQ(ask("/usage", "", "boss").status, 404) << "no such door here, but it may be asked for";
}

TEST_F(ExchangeTest, SaysThatTheRequestIsAtFaultWhenTheProviderSaysSo) {
  FakeOllama model(whole(R"({"error":{"message":"messages: no","type":"invalid"}})", 400));
  ChainOptions options = options_for(model.url());
  options.chain = {"cloud"};
  open(std::move(options));
  EXPECT_EQ(ask("/v1/chat/completions", kChat).status, 400);
}

TEST_F(ExchangeTest, AnErrorInA200IsOne) {
  FakeOllama model(whole(R"({"error":{"message":"out of memory"}})"));
  ChainOptions options = options_for(model.url());
  options.chain = {"cloud"};
  open(std::move(options));
  const auto answer = ask("/v1/chat/completions", kChat);
  EXPECT_EQ(answer.status, 502);
  EXPECT_TRUE(has(answer.body, "out of memory"));
}

// --- several servers ----------------------------------------------------------------------------

TEST_F(ExchangeTest, AsksAnotherServerOfTheSameProvider) {
  FakeOllama one(whole(R"({"error":{"message":"bad"}})", 500));
  FakeOllama two(whole(kAnswer));
  ChainOptions options = options_for(one.url());
  options.providers[0].more_urls = {two.url()};
  options.chain = {"cloud"};
  open(std::move(options));
  for (int i = 0; i < 8; ++i) EXPECT_EQ(ask("/v1/chat/completions", kChat).body, kAnswer);
  EXPECT_EQ(two.seen(), 8);
  EXPECT_GT(one.seen(), 0) << "chance picks it first at times";
  EXPECT_EQ(chain_->providers().size(), 2U);
}

// --- the cache ----------------------------------------------------------------------------------

TEST_F(ExchangeTest, RepeatsAnAnswerWholeAndAsAStreamInEveryDialect) {
  FakeOllama model(whole(kAnswer));
  open(options_for(model.url()));
  const std::string asked =
      R"({"model":"big","temperature":0,"max_tokens":9,"messages":[{"role":"user","content":"Hi"}])";
  EXPECT_EQ(ask("/v1/chat/completions", asked + "}").body, kAnswer);
  EXPECT_TRUE(has(ask("/v1/chat/completions", asked + "}").body, R"("content":"Hello")"));
  const auto streamed = ask("/v1/chat/completions", asked + R"(,"stream":true})");
  EXPECT_TRUE(has(streamed.body, R"("content":"Hello")")) << streamed.body;
  EXPECT_TRUE(streamed.body.ends_with(kEnd));
  EXPECT_EQ(streamed.headers.get("x-troupe-provider"), "cloud");
  EXPECT_TRUE(has(ask("/v1/messages", asked + "}").body, R"("text":"Hello")"));
  EXPECT_EQ(model.seen(), 1);
  EXPECT_EQ(used("cloud").cached, 3);
  EXPECT_EQ(used("cloud").cost, 13) << "what is repeated costs nothing";
  ask("/v1/chat/completions", asked + "}", "bob");
  EXPECT_EQ(model.seen(), 2) << "nobody is served from another's cache";
}

TEST_F(ExchangeTest, RepeatsNothingThatWeDoNotUnderstand) {
  FakeOllama model(whole(kAnswer));
  open(options_for(model.url()));
  const std::string odd = std::string(kChat.substr(0, kChat.size() - 1)) + R"(,"seed":1})";
  for (int i = 0; i < 2; ++i) EXPECT_EQ(ask("/v1/chat/completions", odd).body, kAnswer);
  EXPECT_EQ(model.seen(), 2);
}

// --- other doors --------------------------------------------------------------------------------

TEST_F(ExchangeTest, ShowsTheModelsInEveryDialect) {
  open(options_for("http://127.0.0.1:1"));
  EXPECT_TRUE(has(ask("/v1/models", "").body, R"("id":"big")"));
  EXPECT_TRUE(has(ask("/v1/models/big", "").body, R"("owned_by":"cloud")"));
  EXPECT_EQ(ask("/v1/models/none", "").status, 404);
  EXPECT_TRUE(has(ask("/api/tags", "").body, R"("name":"small")"));
  EXPECT_EQ(ask("/api/show", R"({"model":"small"})").status, 200);
  EXPECT_EQ(ask("/api/show", R"({"model":"none"})").status, 404);
  EXPECT_TRUE(has(ask("/api/version", "").body, R"("version":)"));
  EXPECT_TRUE(has(ask("/v1/messages/count_tokens",
                      R"({"model":"haiku","messages":[{"role":"user","content":"Hi"}]})")
                      .body,
                  R"("input_tokens":)"));
}

TEST_F(ExchangeTest, PullsAModelAndTellsHowItGoes) {
  FakeOllama model(stream({"{\"status\":\"pulling\"}\n", "{\"status\":\"success\"}\n"}));
  open(options_for(model.url()));
  EXPECT_EQ(ask("/api/pull", R"({"model":"new"})").status, 403);
  const auto pulled = ask("/api/pull", R"({"model":"new"})", "boss");
  EXPECT_EQ(pulled.body, "{\"status\":\"pulling\"}\n{\"status\":\"success\"}\n");
  EXPECT_EQ(model.next().request.path, "/api/pull");
  EXPECT_EQ(ask("/api/pull", "{}", "boss").status, 400);
}

}  // namespace
}  // namespace llm
