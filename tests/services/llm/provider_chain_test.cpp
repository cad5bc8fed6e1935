#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "libs/net/certificates.h"
#include "llm/chain.h"
#include "services/llm/fake_ollama.h"

namespace llm {
namespace {

constexpr std::string_view kHello =
    "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"
    "data: {\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}\n\n"
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n"
    "data: [DONE]\n\n";

talk::EmbedAsk embedding_ask(std::vector<std::string> inputs, std::string model = "auto") {
  talk::EmbedAsk ask;
  ask.model = std::move(model);
  ask.inputs = std::move(inputs);
  return ask;
}

// A server of OpenAI's kind with a key, before the understudy.
class ProviderChain : public ::testing::Test {
 protected:
  static ChainOptions with_cloud(const std::string& url) {
    ChainOptions options;
    options.providers = {{.name = "cloud",
                          .kind = ProviderKind::OpenAi,
                          .url = url + "/",
                          .models = {"big"},
                          .key = "sk-secret"},
                         {.name = "understudy",
                          .kind = ProviderKind::Understudy,
                          .url = {},
                          .models = {},
                          .concurrency = 1}};
    options.chain = {"cloud", "understudy"};
    options.embed_model = "vec";
    return options;
  }
  void open(ChainOptions options) {
    auto chain = Chain::open(loop_, std::move(options), metrics_);
    ASSERT_TRUE(chain.ok()) << chain.error().message;
    chain_ = std::move(chain).value();
  }

  Result<talk::Completion> say(std::string content = "Hi") {
    talk::ChatAsk ask;
    ask.model = "auto";
    ask.messages = {said(std::move(content))};
    std::promise<Result<talk::Completion>> ended;
    Chain::Listener listener;
    listener.on_done = [&](Result<talk::Completion> result) { ended.set_value(std::move(result)); };
    const auto handle = chain_->run(std::move(ask), soon(), std::move(listener));
    return ended.get_future().get();
  }
  Result<talk::Embeddings> embed(std::vector<std::string> inputs, std::string model = "auto") {
    std::promise<Result<talk::Embeddings>> ended;
    const auto handle =
        chain_->embed(embedding_ask(std::move(inputs), std::move(model)), soon(),
                      [&](Result<talk::Embeddings> result) { ended.set_value(std::move(result)); });
    return ended.get_future().get();
  }
  // The one failover of a line that the understudy had to say.
  std::string failover() {
    const auto result = say();
    EXPECT_TRUE(result.ok()) << result.error().message;
    if (!result || result.value().failovers.size() != 1) return "no failover";
    EXPECT_EQ(result.value().provider, "understudy");
    return result.value().failovers.front();
  }
  std::string embed_error(std::vector<std::string> inputs = {"a"}, std::string model = "auto") {
    const auto result = embed(std::move(inputs), std::move(model));
    if (result) return "vectors";
    return std::string(name(result.error().code)) + ": " + result.error().message;
  }
  ProviderState cloud() const { return chain_->providers().front(); }
  // Turns the loop until the cloud's state is as expected.
  bool becomes(const std::string& state) {
    const SteadyTime limit = soon();
    while (cloud().state != state && SystemClock::instance().now() < limit) turn_loop();
    return cloud().state == state;
  }
  bool becomes_idle() {
    const SteadyTime limit = soon();
    while (cloud().in_flight > 0 && SystemClock::instance().now() < limit) turn_loop();
    return cloud().in_flight == 0;
  }
  void turn_loop() {
    std::promise<void> ran;
    loop_.post([&] { ran.set_value(); });
    ran.get_future().wait();
  }
  static SteadyTime soon() { return SystemClock::instance().now() + kPatience; }

  net::Loop loop_;
  telemetry::Metrics metrics_;
  std::unique_ptr<Chain> chain_;
};

FakeOllama::Script answer(int status, std::string body, http::Headers headers = {}) {
  return [=](const FakeChat& chat) {
    http::Response response{status, headers, body};
    chat.reply->respond(std::move(response));
  };
}

TEST_F(ProviderChain, AsksWithItsKeyAndReadsTheStream) {
  FakeOllama server(answer(200, std::string(kHello)));
  open(with_cloud(server.url()));
  const auto result = say();
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result.value().text(), "Hello");
  EXPECT_EQ(result.value().model, "big");
  EXPECT_EQ(result.value().provider, "cloud");
  EXPECT_EQ(result.value().usage.prompt, 5);
  EXPECT_TRUE(result.value().usage.exact);
  const FakeChat chat = server.next();
  EXPECT_EQ(chat.request.path, "/chat/completions");
  EXPECT_EQ(chat.request.headers.get("Authorization"), "Bearer sk-secret");
}

TEST_F(ProviderChain, StopsAskingWhoRefusesTheKeyAndRepeatsNoKey) {
  for (const int status : {401, 403}) {
    FakeOllama server(answer(
        status, R"({"error":{"message":"bad key sk-secret","type":"authentication_error"}})"));
    server.set_list_status(status);
    open(with_cloud(server.url()));
    ASSERT_TRUE(becomes(status == 401 ? "denied" : "up"));  // who may not list may yet speak
    const std::string first = failover();
    EXPECT_NE(first.find("refused"), std::string::npos) << first;
    EXPECT_EQ(first.find("sk-secret"), std::string::npos) << first;
    EXPECT_TRUE(failover().starts_with("cloud: unavailable: "));
    EXPECT_LE(server.seen(), 1);
    EXPECT_EQ(cloud().state, "denied");
    EXPECT_EQ(cloud().breaker, "closed");
    EXPECT_EQ(cloud().last_error.find("sk-secret"), std::string::npos);
    chain_.reset();
  }
}

TEST_F(ProviderChain, OneRefusedChatKeepsNobodyElseOut) {
  std::atomic<bool> flagged = true;
  FakeOllama server([&](const FakeChat& chat) {
    const bool first = flagged.exchange(false);
    answer(first ? 403 : 200, first ? R"({"error":{"message":"flagged by moderation","code":403}})"
                                    : std::string(kHello))(chat);
  });
  server.set_list_status(404);
  open(with_cloud(server.url()));
  EXPECT_EQ(failover(), "cloud: unavailable: HTTP 403: access is refused: flagged by moderation");
  EXPECT_EQ(say().value().provider, "cloud");
  EXPECT_EQ(cloud().breaker, "closed");
}

TEST_F(ProviderChain, ARefusedKeyIsTriedAgainWhereNoListSaysThatItIsGood) {
  std::atomic<bool> refused = true;
  FakeOllama server([&](const FakeChat& chat) {
    const bool first = refused.exchange(false);
    answer(first ? 401 : 200, first ? "{}" : std::string(kHello))(chat);
  });
  server.set_list_status(404);
  ChainOptions options = with_cloud(server.url());
  options.health_every = Milliseconds(1);
  open(std::move(options));
  EXPECT_EQ(failover(), "cloud: unavailable: HTTP 401: the key is refused");
  const SteadyTime limit = soon();
  std::string who;
  while (who != "cloud" && SystemClock::instance().now() < limit) who = say().value().provider;
  EXPECT_EQ(who, "cloud");
}

TEST_F(ProviderChain, AnswersThoughTheConnectionStaysOpenBehindTheMark) {
  FakeOllama server;
  ChainOptions options = with_cloud(server.url());
  options.idle = options.total = std::chrono::hours(1);
  open(std::move(options));
  auto said = std::async(std::launch::async, [this] { return say(); });
  const FakeChat chat = server.next();
  ASSERT_TRUE(chat.reply);
  std::promise<void> gone;
  chat.reply->on_gone([&] { gone.set_value(); });
  chat.reply->begin(200, {{"Content-Type", "text/event-stream"}});
  chat.reply->write(std::string(kHello));
  // Without the mark's being heeded the answer would come when the server gives up.
  if (gone.get_future().wait_for(kPatience) != std::future_status::ready) {
    ADD_FAILURE() << "the connection was not closed";
    chat.reply->end(http::Reply::Ending::Complete);
  }
  const auto result = said.get();
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result.value().text(), "Hello");
  EXPECT_EQ(result.value().usage.prompt, 5);
  EXPECT_EQ(cloud().breaker, "closed");
}

TEST_F(ProviderChain, SendsNothingToABarredProvider) {
  FakeOllama server(answer(200, std::string(kHello)));
  ChainOptions options = with_cloud(server.url());
  options.providers[0].barred = Barred{"no_key", "KEY is not set"};
  open(std::move(options));
  EXPECT_EQ(failover(), "cloud: unavailable: KEY is not set");
  EXPECT_EQ(server.seen(), 0);
  EXPECT_EQ(cloud().state, "no_key");
}

TEST_F(ProviderChain, LeavesWhoLimitsTheRateAloneForAsLongAsItAsks) {
  FakeOllama server(answer(429, R"({"error":{"message":"slow down"}})", {{"Retry-After", "30"}}));
  open(with_cloud(server.url()));
  EXPECT_EQ(failover(), "cloud: overloaded: HTTP 429: slow down");
  EXPECT_TRUE(failover().starts_with("cloud: overloaded: it limits the rate for another "));
  EXPECT_EQ(server.seen(), 1);
  EXPECT_EQ(cloud().breaker, "closed");
}

TEST_F(ProviderChain, SaysWhichModelIsNotThere) {
  FakeOllama server(answer(404, R"({"error":{"message":"none","code":"model_not_found"}})"));
  open(with_cloud(server.url()));
  EXPECT_EQ(failover(), "cloud: not_found: HTTP 404: it does not have the model 'big': none");
  EXPECT_EQ(cloud().breaker, "closed");
}

TEST_F(ProviderChain, FailsOverFromWhateverIsNoStream) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"<html>welcome</html>", "cloud: unavailable: garbage in the stream: '<html>welcome</html>'"},
      {"data: {\"choices\"\n\n", "cloud: unavailable: garbage in the stream: '{\"choices\"'"},
      {"", "cloud: unavailable: the stream was cut"},
      {": still thinking\n\n", "cloud: unavailable: the stream was cut"},
      {"data: [DONE]\n\n", "cloud: unavailable: it ended without a word"},
      {R"({"error":{"message":"boom"}})", "cloud: unavailable: boom"},
      {"data: {\"error\":{\"message\":\"key sk-secret\"}}\n\n", "cloud: unavailable: key (key)"}};
  for (const auto& [body, expected] : cases) {
    FakeOllama server(answer(200, body));
    open(with_cloud(server.url()));
    EXPECT_EQ(failover().substr(0, expected.size()), expected);
    chain_.reset();
  }
}

TEST_F(ProviderChain, SendsItsKeyOnlyToAServerWithAGoodCertificate) {
  net::Authority authority;
  net::DoorExtras extras;
  extras.tls = authority.issue("IP:127.0.0.1");
  FakeOllama server(answer(200, std::string(kHello)), extras);
  ChainOptions options = with_cloud("https" + server.url().substr(4));
  open(options);
  const std::string why = failover();
  EXPECT_NE(why.find("certificate"), std::string::npos) << why;
  EXPECT_EQ(server.seen(), 0);
  chain_.reset();
  options.ca_file = authority.ca_file();
  open(options);
  EXPECT_EQ(say().value().provider, "cloud");
  EXPECT_EQ(server.next().request.headers.get("Authorization"), "Bearer sk-secret");
}

TEST_F(ProviderChain, ReadsAnAnswerThatWasNotStreamed) {
  FakeOllama server(answer(200, R"({"choices":[{"message":{"content":"Hi there"},)"
                                R"("finish_reason":"length"}]})"));
  open(with_cloud(server.url()));
  const auto result = say();
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result.value().text(), "Hi there");
  EXPECT_EQ(result.value().finish, talk::Finish::Length);
}

TEST_F(ProviderChain, DoesNotSendAPromptThatDoesNotFit) {
  FakeOllama server(answer(200, std::string(kHello)));
  ChainOptions options = with_cloud(server.url());
  options.providers[0].num_ctx = 100;
  open(std::move(options));
  ASSERT_TRUE(say(std::string(384, 'a')).ok());
  EXPECT_EQ(server.seen(), 1) << "96 tokens and 4 around them fit";
  const auto result = say(std::string(388, 'a'));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(server.seen(), 1);
  EXPECT_EQ(result.value().failovers.at(0),
            "cloud: too_large: messages: the prompt has about 101 tokens, num_ctx is 100");
  EXPECT_EQ(cloud().breaker, "closed");
}

TEST_F(ProviderChain, GivesAnOllamaTheContextLengthOfTheService) {
  FakeOllama server;
  ChainOptions options = with_cloud(server.url());
  options.providers[0].kind = ProviderKind::Ollama;
  options.num_ctx = 600;
  options.keep_alive = "3m";
  open(std::move(options));
  auto fits = std::async(std::launch::async, [this] { return say(); });
  const FakeChat chat = server.next();
  ASSERT_TRUE(chat.reply);
  EXPECT_NE(chat.request.body.find("\"num_ctx\":600"), std::string::npos);
  EXPECT_NE(chat.request.body.find("\"keep_alive\":\"3m\""), std::string::npos);
  chat.answer("Hi");
  EXPECT_TRUE(fits.get().ok());
  EXPECT_EQ(say(std::string(2401, 'a')).value().failovers.size(), 1U);
}

TEST_F(ProviderChain, DoesNotOpenWhereAKeyWouldTravelInTheOpen) {
  const auto opened = Chain::open(loop_, with_cloud("http://api.example.com/v1"), metrics_);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().message,
            "providers: cloud: url must begin with https://, because a key is sent there");
  EXPECT_EQ(Chain::open(loop_, with_cloud("api.example.com/v1"), metrics_).error().message,
            "providers: cloud: url must begin with http:// or https://");
}

// --- embeddings ---------------------------------------------------------------------------------

constexpr std::string_view kTwoVectors =
    R"({"data":[{"index":1,"embedding":[3,4]},{"index":0,"embedding":"AACAPwAAAAA="}],)"
    R"("usage":{"prompt_tokens":6}})";

// The cloud with the model of embeddings.
ChainOptions embedding(ChainOptions options) {
  options.providers[0].models = {"big", "vec"};
  return options;
}

TEST_F(ProviderChain, EmbedsInTheOrderOfTheInputs) {
  FakeOllama server(answer(200, std::string(kTwoVectors)));
  open(embedding(with_cloud(server.url())));
  const auto result = embed({"a", "b"});
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result.value().vectors, (std::vector<std::vector<float>>{{1, 0}, {3, 4}}));
  EXPECT_EQ(result.value().model, "vec");
  EXPECT_EQ(result.value().provider, "cloud");
  EXPECT_EQ(result.value().prompt_tokens, 6);
  const FakeChat chat = server.next();
  EXPECT_EQ(chat.request.path, "/embeddings");
  EXPECT_EQ(chat.request.body, R"({"model":"vec","input":["a","b"],"encoding_format":"base64"})");
}

TEST_F(ProviderChain, EmbedsWithAModelThatIsOnlyListed) {
  FakeOllama server(answer(200, R"({"data":[{"embedding":[1]}]})"));
  open(with_cloud(server.url()));
  ASSERT_TRUE(becomes("up"));
  const auto result = embed({"abcdefgh"}, "listed");
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result.value().model, "listed");
  EXPECT_TRUE(result.value().estimated);
  EXPECT_EQ(result.value().prompt_tokens, 2);
}

TEST_F(ProviderChain, EmbedsElsewhereOnlyWithTheSameModel) {
  FakeOllama broken(answer(500, "no"));
  FakeOllama other(answer(200, R"({"data":[{"embedding":[9]}]})"));
  FakeOllama second(answer(200, R"({"data":[{"embedding":[1]}]})"));
  ChainOptions options = embedding(with_cloud(broken.url()));
  for (const auto& [name, server, model] :
       {std::tuple("other", &other, "vec2"), std::tuple("second", &second, "vec")}) {
    options.providers.push_back(
        {.name = name, .kind = ProviderKind::OpenAi, .url = server->url(), .models = {model}});
  }
  options.chain = {"cloud", "other", "second", "understudy"};
  open(std::move(options));
  const auto result = embed({"a"});
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result.value().provider, "second");
  EXPECT_EQ(result.value().failovers, std::vector<std::string>{"cloud: unavailable: HTTP 500: no"});
  EXPECT_EQ(other.seen(), 0);
}

TEST_F(ProviderChain, TakesNoEmbeddingsThatCannotBe) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"nonsense", "unavailable: cloud: garbage in the stream: 'nonsense'"},
      {"{}", "unavailable: cloud: garbage in the stream: '{}'"},
      {R"({"error":{"message":"boom"}})", "unavailable: cloud: boom"},
      {R"({"data":[{"embedding":[1]}]})", "unavailable: cloud: 1 embeddings for 2 texts"},
      {R"({"data":[{"embedding":[1]},{"embedding":[1,2]}]})",
       "unavailable: cloud: its embeddings differ in length"},
      {R"({"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]})",
       "unavailable: cloud: the embeddings are not numbered one by one"},
      {R"({"data":[{"index":7,"embedding":[1]},{"embedding":[1]}]})",
       "unavailable: cloud: the embeddings are not numbered one by one"},
      {R"({"data":[{"embedding":["x"]},{"embedding":[1]}]})",
       "unavailable: cloud: an embedding is no list of finite numbers"},
      {R"({"data":[{"embedding":"AAAA"},{"embedding":[1]}]})",
       "unavailable: cloud: an embedding is no list of finite numbers"}};
  for (const auto& [body, expected] : cases) {
    FakeOllama server(answer(200, body));
    open(embedding(with_cloud(server.url())));
    EXPECT_EQ(embed_error({"a", "b"}), expected);
    chain_.reset();
  }
}

TEST_F(ProviderChain, SaysWhatToConfigureWhereNothingEmbeds) {
  FakeOllama server;
  ChainOptions without_model = with_cloud(server.url());
  without_model.embed_model.clear();
  ChainOptions without_provider = with_cloud(server.url());
  without_provider.chain = {"understudy"};
  for (const ChainOptions& options : {without_model, without_provider}) {
    open(options);
    const std::string error = embed_error();
    EXPECT_TRUE(error.starts_with("not_found: nothing embeds here")) << error;
    EXPECT_NE(error.find("TROUPE_LLM_EMBED_MODEL"), std::string::npos) << error;
    chain_.reset();
  }
  open(with_cloud(server.url()));
  ASSERT_TRUE(becomes("up"));
  EXPECT_EQ(embed_error(), "not_found: model: no provider here has 'vec' to embed with");
}

TEST_F(ProviderChain, DoesNotKnowWhoEmbedsWhileAProviderIsAway) {
  std::string url;
  {
    const FakeOllama closed;
    url = closed.url();
  }
  open(with_cloud(url));
  EXPECT_EQ(embed_error(),
            "unavailable: model: whether 'vec' is offered is not known yet: a provider is away");
}

TEST_F(ProviderChain, CancelsARequestForEmbeddings) {
  FakeOllama server;
  open(embedding(with_cloud(server.url())));
  std::promise<Code> ended;
  const auto handle = chain_->embed(
      embedding_ask({"a"}), soon(),
      [&](const Result<talk::Embeddings>& result) { ended.set_value(result.error().code); });
  const FakeChat held = server.next();
  ASSERT_TRUE(held.reply);
  handle->cancel();
  EXPECT_EQ(ended.get_future().get(), Code::Cancelled);
}

TEST_F(ProviderChain, DoesNotBlameAProviderForARequestForEmbeddingsThatIsCancelled) {
  FakeOllama server;
  ChainOptions options = embedding(with_cloud(server.url()));
  options.hang = Milliseconds(0);  // any silence is long
  options.providers[0].breaker = {.failures_max = 1, .cool_down = std::chrono::hours(1)};
  open(std::move(options));
  std::promise<void> ended;
  const auto handle = chain_->embed(embedding_ask({"a"}), soon(),
                                    [&](const Result<talk::Embeddings>&) { ended.set_value(); });
  const FakeChat held = server.next();
  ASSERT_TRUE(held.reply);
  handle->cancel();
  ended.get_future().wait();
  ASSERT_TRUE(becomes_idle());
  EXPECT_EQ(cloud().breaker, "closed");
}

// The timer of the health checks is due all the time while the chain goes.
TEST_F(ProviderChain, MayGoWhileItsHealthIsAsked) {
  FakeOllama server;
  for (int round = 0; round < 50; ++round) {
    ChainOptions options = with_cloud(server.url());
    options.health_every = Milliseconds(0);
    open(std::move(options));
    if (round % 2 == 0) {
      EXPECT_TRUE(becomes("up"));
    }
    chain_.reset();
  }
}

}  // namespace
}  // namespace llm
