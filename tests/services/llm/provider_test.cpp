#include "llm/provider.h"

#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

namespace llm {
namespace {

// Writes down what it is told, and from which thread.
class Guest : public Provider::Waiter {
 public:
  explicit Guest(net::Loop& loop) : loop_(loop) {}

  void place_given(Provider&) override { placed += loop_.on_loop_thread() ? 1 : 1000; }
  void turned_away() override { ++away; }

  int placed = 0;
  int away = 0;

 private:
  net::Loop& loop_;
};

class ProviderTest : public ::testing::Test {
 protected:
  static Provider ollama(int concurrency = 5, std::vector<std::string> models = {},
                         retry::Breaker::Options breaker = {}) {
    return Provider({.name = "local",
                     .kind = ProviderKind::Ollama,
                     .url = {},
                     .models = std::move(models),
                     .concurrency = concurrency,
                     .breaker = breaker},
                    talk::make_ollama_provider({}));
  }
  static Provider ollama_with(std::vector<std::string> models) {
    return ollama(5, std::move(models));
  }
  std::shared_ptr<Guest> guest() { return std::make_shared<Guest>(loop_); }
  // Runs `task` on the loop, where places belong, and what it posts there.
  void on_loop(const std::function<void()>& task) {
    std::promise<void> ran;
    loop_.post([&] {
      task();
      loop_.post([&] { ran.set_value(); });
    });
    ran.get_future().wait();
  }
  static SteadyTime after(std::chrono::seconds delay) { return SteadyTime{} + delay; }

  net::Loop loop_;
};

using std::chrono::seconds;

TEST_F(ProviderTest, GivesAsManyPlacesAsItHas) {
  Provider provider = ollama(2);
  on_loop([&] {
    EXPECT_TRUE(provider.take_place());
    EXPECT_TRUE(provider.take_place());
    EXPECT_FALSE(provider.take_place());
    EXPECT_EQ(provider.state({}).in_flight, 2);
    provider.give_back(loop_);
    EXPECT_EQ(provider.state({}).in_flight, 1);
    EXPECT_TRUE(provider.take_place());
  });
}

TEST_F(ProviderTest, HandsAPlaceToThoseWhoWaitInTheirOrder) {
  Provider provider = ollama(1);
  const auto first = guest();
  const auto second = guest();
  on_loop([&] {
    EXPECT_TRUE(provider.take_place());
    EXPECT_TRUE(provider.wait(first, 2));
    EXPECT_TRUE(provider.wait(second, 2));
    EXPECT_EQ(provider.state({}).waiting, 2);
    provider.give_back(loop_);
    EXPECT_EQ(first->placed, 0) << "never from inside give_back()";
  });
  EXPECT_EQ(first->placed, 1);
  EXPECT_EQ(second->placed, 0);
  EXPECT_EQ(provider.state({}).in_flight, 1);
  EXPECT_EQ(provider.state({}).waiting, 1);
  on_loop([&] { provider.give_back(loop_); });
  EXPECT_EQ(second->placed, 1);
}

TEST_F(ProviderTest, LetsNobodyPassThoseWhoWait) {
  Provider provider = ollama(1);
  const auto waiter = guest();
  on_loop([&] {
    EXPECT_TRUE(provider.wait(waiter, 1));
    EXPECT_FALSE(provider.take_place());
    provider.stop_waiting(waiter.get());
    EXPECT_TRUE(provider.take_place());
  });
}

TEST_F(ProviderTest, LimitsThoseWhoWait) {
  Provider provider = ollama();
  on_loop([&] {
    EXPECT_TRUE(provider.wait(guest(), 2));
    EXPECT_TRUE(provider.wait(guest(), 2));
    EXPECT_FALSE(provider.wait(guest(), 2));
    EXPECT_EQ(provider.state({}).waiting, 2);
  });
}

TEST_F(ProviderTest, ForgetsWhoStoppedWaiting) {
  Provider provider = ollama(1);
  const auto gone = guest();
  const auto next = guest();
  on_loop([&] {
    EXPECT_TRUE(provider.take_place());
    EXPECT_TRUE(provider.wait(gone, 9));
    EXPECT_TRUE(provider.wait(next, 9));
    provider.stop_waiting(gone.get());
    provider.stop_waiting(gone.get());
    EXPECT_EQ(provider.state({}).waiting, 1);
    provider.give_back(loop_);
  });
  EXPECT_EQ(gone->placed, 0);
  EXPECT_EQ(next->placed, 1);
}

TEST_F(ProviderTest, TellsThoseWhoWaitThatThereWillBeNoPlace) {
  Provider provider = ollama(1);
  const auto waiter = guest();
  on_loop([&] {
    EXPECT_TRUE(provider.wait(waiter, 1));
    provider.drop_waiting();
    provider.give_back(loop_);
  });
  EXPECT_EQ(waiter->away, 1);
  EXPECT_EQ(waiter->placed, 0);
  EXPECT_EQ(provider.state({}).waiting, 0);
}

TEST_F(ProviderTest, IsLeftAloneAfterThreeFaultsInARow) {
  Provider provider = ollama();
  for (int fault = 0; fault < 3; ++fault) {
    provider.failed(*provider.admit(after(seconds(1))), after(seconds(1)), "refused");
  }
  EXPECT_FALSE(provider.admit(after(seconds(2))));
  const ProviderState state = provider.state(after(seconds(2)));
  EXPECT_EQ(state.breaker, "open");
  EXPECT_EQ(state.state, "down");
  EXPECT_EQ(state.last_error, "refused");
}

TEST_F(ProviderTest, ForgivesFaultsAfterASuccess) {
  Provider provider = ollama();
  for (int round = 0; round < 5; ++round) {
    const auto pass = *provider.admit(after(seconds(1)));
    provider.failed(pass, after(seconds(1)), "refused");
    provider.failed(pass, after(seconds(1)), "refused");
    provider.succeeded(pass);
  }
  EXPECT_TRUE(provider.admit(after(seconds(1))));
  EXPECT_EQ(provider.state(after(seconds(1))).state, "up");
}

TEST_F(ProviderTest, CountsNoFaultWhenACallSaysNothingAboutIt) {
  Provider provider = ollama();
  for (int call = 0; call < 10; ++call) {
    provider.abandoned(*provider.admit(after(seconds(1))), "HTTP 429");
  }
  EXPECT_EQ(provider.state(after(seconds(1))).breaker, "closed");
  EXPECT_EQ(provider.state(after(seconds(1))).state, "unknown");
  EXPECT_EQ(provider.state(after(seconds(1))).last_error, "HTTP 429");
}

TEST_F(ProviderTest, AdmitsOneProbeAfterTheCoolDown) {
  Provider provider = ollama(5, {}, {.failures_max = 1, .cool_down = seconds(5)});
  provider.failed(*provider.admit(after(seconds(1))), after(seconds(1)), "refused");
  EXPECT_FALSE(provider.admit(after(seconds(5))));
  EXPECT_EQ(provider.state(after(seconds(6))).breaker, "half_open");
  auto probe = provider.admit(after(seconds(6)));
  ASSERT_TRUE(probe);
  EXPECT_FALSE(provider.admit(after(seconds(6))));
  provider.abandoned(*probe, "");
  probe = provider.admit(after(seconds(6)));
  ASSERT_TRUE(probe) << "a cancelled probe frees the way";
  provider.failed(*probe, after(seconds(7)), "refused");
  EXPECT_FALSE(provider.admit(after(seconds(8))));
  probe = provider.admit(after(seconds(12)));
  ASSERT_TRUE(probe);
  provider.succeeded(*probe);
  EXPECT_EQ(provider.state(after(seconds(12))).breaker, "closed");
}

TEST_F(ProviderTest, OffersWhatItListed) {
  Provider provider = ollama();
  EXPECT_FALSE(provider.knows_models());
  EXPECT_FALSE(provider.offers("a"));
  EXPECT_TRUE(provider.offers("auto"));
  EXPECT_EQ(provider.model_for("auto", "b"), "");
  provider.models_read(std::vector<std::string>{"a", "b"});
  EXPECT_TRUE(provider.knows_models());
  EXPECT_TRUE(provider.offers("a"));
  EXPECT_FALSE(provider.offers("c"));
  EXPECT_EQ(provider.state({}).state, "up");
}

TEST_F(ProviderTest, TakesThePreferredModelOnlyWhereItIsOffered) {
  Provider provider = ollama_with({"a", "b"});
  EXPECT_EQ(provider.model_for("auto", ""), "a");
  EXPECT_EQ(provider.model_for("auto", "b"), "b");
  EXPECT_EQ(provider.model_for("auto", "c"), "a");
  EXPECT_EQ(provider.model_for("b", "a"), "b");
}

TEST_F(ProviderTest, KeepsTheModelsThatAreConfigured) {
  Provider provider = ollama_with({"a"});
  provider.models_read(std::vector<std::string>{"b"});
  EXPECT_TRUE(provider.offers("a"));
  EXPECT_FALSE(provider.offers("b"));
}

TEST_F(ProviderTest, KeepsItsListWhenItCannotBeReadAgain) {
  Provider provider = ollama();
  provider.models_read(std::vector<std::string>{"a"});
  provider.models_read(Error{Code::Unavailable, "gone"});
  EXPECT_TRUE(provider.offers("a"));
  EXPECT_EQ(provider.state({}).state, "down");
  EXPECT_EQ(provider.state({}).last_error, "gone");
}

TEST_F(ProviderTest, KnowsThatThereAreNoModelsOnceItHasRead) {
  Provider provider = ollama();
  provider.models_read(Error{Code::Unavailable, "away"});
  EXPECT_FALSE(provider.knows_models());
  provider.models_read(std::vector<std::string>{});
  EXPECT_TRUE(provider.knows_models());
}

TEST_F(ProviderTest, IsAlwaysThereAsTheUnderstudy) {
  const Provider provider(ProviderOptions{}, nullptr);
  EXPECT_TRUE(provider.knows_models());
  EXPECT_EQ(provider.state({}).state, "up");
  EXPECT_EQ(provider.model_for("auto", "llama"), "understudy");
}

TEST_F(ProviderTest, TakesAModelForItsLatestTag) {
  Provider provider = ollama();
  provider.models_read(std::vector<std::string>{"llama3.2:latest"});
  EXPECT_TRUE(provider.offers("llama3.2"));
  EXPECT_TRUE(provider.has("llama3.2:latest"));
  EXPECT_FALSE(provider.offers("llama3.2:1b"));
}

TEST_F(ProviderTest, DoesNotSpeakWithAModelThatOnlyEmbeds) {
  Provider provider = ollama();
  provider.models_read(std::vector<std::string>{"nomic-embed-text:latest", "bge-m3", "phi3"});
  EXPECT_EQ(provider.model_for("auto", ""), "phi3");
  EXPECT_EQ(provider.model_for("bge-m3", ""), "bge-m3") << "who asks for it by name gets it";
  provider.models_read(std::vector<std::string>{"nomic-embed-text:latest"});
  EXPECT_EQ(provider.model_for("auto", ""), "");
}

TEST_F(ProviderTest, RatherTakesAConfiguredModelThatIsThere) {
  Provider provider = ollama_with({"gone", "there"});
  EXPECT_EQ(provider.model_for("auto", ""), "gone") << "nothing has been listed yet";
  provider.models_read(std::vector<std::string>{"there:latest", "embedder"});
  EXPECT_EQ(provider.model_for("auto", ""), "there");
  EXPECT_EQ(provider.model_for("auto", "gone"), "there");
  EXPECT_FALSE(provider.offers("embedder"));
  EXPECT_TRUE(provider.has("embedder"));
  provider.models_read(std::vector<std::string>{"embedder"});
  EXPECT_EQ(provider.model_for("auto", ""), "gone") << "asked for, it is a clear fault";
}

TEST_F(ProviderTest, HasAUsualModelWhereThePreferredIsNotOffered) {
  Provider provider(ProviderOptions{.name = "cloud",
                                    .kind = ProviderKind::OpenAi,
                                    .url = {},
                                    .models = {},
                                    .usual_model = "mini"},
                    talk::make_ollama_provider({}));
  provider.models_read(std::vector<std::string>{"dall-e-3", "huge", "mini"});
  EXPECT_EQ(provider.model_for("auto", "llama3.2"), "mini");
  EXPECT_EQ(provider.model_for("auto", "huge"), "huge");
  provider.models_read(std::vector<std::string>{"dall-e-3", "huge"});
  EXPECT_EQ(provider.model_for("auto", ""), "huge");
}

TEST_F(ProviderTest, IsOutWhileItsKeyIsRefused) {
  Provider provider = ollama();
  provider.models_read(std::vector<std::string>{"a"});
  EXPECT_FALSE(provider.refusal({}));
  provider.deny("HTTP 401: the key is refused");
  ASSERT_TRUE(provider.refusal({}));
  EXPECT_EQ(provider.refusal({})->error.message, "HTTP 401: the key is refused");
  EXPECT_EQ(provider.state({}).state, "denied");
  provider.models_read(std::vector<std::string>{"a"});
  EXPECT_FALSE(provider.refusal({}));
  EXPECT_EQ(provider.state({}).state, "up");
}

TEST_F(ProviderTest, IsAskedAgainAfterARefusedKeyThoughItHasNoList) {
  for (const int status : {403, 404, 405, 501}) {
    Provider provider = ollama_with({"m"});
    provider.deny("HTTP 401: the key is refused");
    provider.list_answered(500, "no");
    EXPECT_TRUE(provider.refusal({})) << "a broken server says nothing about the key";
    provider.list_answered(status, R"({"error":"no"})");
    EXPECT_FALSE(provider.refusal({})) << status;
    EXPECT_EQ(provider.state({}).state, "up") << status;
  }
}

TEST_F(ProviderTest, IsLeftAloneAsLongAsItAsks) {
  Provider provider = ollama();
  provider.pause(after(seconds(5)));
  provider.pause(after(seconds(3)));
  ASSERT_TRUE(provider.refusal(after(seconds(4))));
  EXPECT_EQ(provider.refusal(after(seconds(4)))->error.code, Code::Overloaded);
  EXPECT_EQ(provider.refusal(after(seconds(4)))->error.message,
            "it limits the rate for another 1 s");
  EXPECT_FALSE(provider.refusal(after(seconds(5))));
  EXPECT_EQ(provider.state(after(seconds(4))).breaker, "closed");
}

TEST_F(ProviderTest, IsNeverAskedWhenItIsBarred) {
  const Provider provider(ProviderOptions{.name = "cloud",
                                          .kind = ProviderKind::OpenAi,
                                          .url = {},
                                          .models = {},
                                          .barred = Barred{"no_key", "KEY is not set"}},
                          talk::make_ollama_provider({}));
  EXPECT_EQ(provider.refusal({})->error.message, "KEY is not set");
  EXPECT_EQ(provider.state({}).state, "no_key");
  EXPECT_EQ(provider.state({}).last_error, "KEY is not set");
}

TEST_F(ProviderTest, UnderstandsWhateverIsAnsweredInsteadOfAList) {
  struct Case {
    int status;
    std::vector<std::string> configured;
    std::string state;
    std::string error;
  };
  const std::vector<Case> cases{
      {200, {}, "up", ""},
      {401, {}, "denied", "listing its models: HTTP 401: the key is refused"},
      {401, {"m"}, "denied", "listing its models: HTTP 401: the key is refused"},
      {403, {}, "denied", "listing its models: HTTP 403: access is refused: no"},
      {403, {"m"}, "up", ""},
      {404, {"m"}, "up", ""},
      {404, {}, "down", "listing its models: HTTP 404: no"},
      {500, {"m"}, "down", "listing its models: HTTP 500: no"}};
  for (const auto& [status, configured, state, error] : cases) {
    Provider provider = ollama_with(configured);
    provider.list_answered(status, status == 200 ? R"({"models":[]})" : R"({"error":"no"})");
    EXPECT_EQ(provider.state({}).state, state) << status;
    EXPECT_EQ(provider.state({}).last_error, error) << status;
  }
}

TEST_F(ProviderTest, SendsItsKeyAndShowsItNowhere) {
  Provider provider(ProviderOptions{.name = "cloud",
                                    .kind = ProviderKind::OpenAi,
                                    .url = "https://host/v1",
                                    .models = {},
                                    .key = "sk-secret"},
                    talk::make_ollama_provider({}));
  const auto request = provider.request({http::Method::Post, "/chat", "{}"});
  EXPECT_EQ(request.url, "https://host/v1/chat");
  EXPECT_EQ(request.headers.get("Authorization"), "Bearer sk-secret");
  EXPECT_EQ(request.headers.get("Content-Type"), "application/json");
  provider.list_answered(500, R"({"error":"no sk-secret here"})");
  EXPECT_EQ(provider.state({}).last_error, "listing its models: HTTP 500: no (key) here");
}

}  // namespace
}  // namespace llm
