#include "llm/cached_chain.h"

#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace llm {
namespace {

// Answers on the loop's thread, with a number that grows with each run; when it is silent, it keeps
// its runs alive until they are cancelled, as one does that waits for a provider.
class FakeChain final : public Chain {
 public:
  explicit FakeChain(net::Loop& loop) : loop_(loop) {}

  std::shared_ptr<Handle> run(ChatAsk, SteadyTime, Listener listener) override {
    struct Running final : Handle {
      void cancel() override {
        ++chain->cancelled;
        const auto self = std::exchange(chain->running, nullptr);
        listener.on_done(Error{Code::Cancelled, "cancelled"});
        listener = {};
      }
      FakeChain* chain = nullptr;
      Listener listener;
    };
    ++runs;
    auto made = std::make_shared<Running>();
    if (silent) {
      made->chain = this;
      made->listener = std::move(listener);
      running = made;
      return made;
    }
    Completion completion = next;
    completion.text += std::to_string(runs);
    loop_.post([listener = std::move(listener), completion, result = error] {
      if (result) return listener.on_done(*result);
      if (listener.on_begin) listener.on_begin(completion.model, completion.provider);
      if (listener.on_text) listener.on_text(completion.text);
      listener.on_done(completion);
    });
    return made;
  }
  std::shared_ptr<Handle> embed(EmbedAsk, SteadyTime,
                                std::function<void(Result<Embeddings>)> on_done) override {
    loop_.post([on_done = std::move(on_done)] { on_done(Error{Code::NotFound, "none"}); });
    return nullptr;
  }
  std::vector<ProviderState> providers() const override { return {}; }

  Completion next{.text = "Line ", .model = "m", .provider = "p", .failovers = {}};
  std::optional<Error> error;
  bool silent = false;
  int runs = 0;
  int cancelled = 0;
  std::shared_ptr<Handle> running;

 private:
  net::Loop& loop_;
};

// Answers a fetch when the test says so, as one does that is far away.
class SlowCache final : public cache::Cache {
 public:
  cache::Value get(std::string_view) override { return nullptr; }
  void fetch(std::string_view, std::function<void(cache::Value)> done) override {
    waiting = std::move(done);
  }
  void put(std::string_view, cache::Value, Milliseconds) override {}
  void erase(std::string_view) override {}
  cache::Stats stats() const override { return {}; }
  bool remote() const override { return true; }

  std::function<void(cache::Value)> waiting;
};

ChatAsk ask_with_seed(std::int64_t seed) {
  ChatAsk ask;
  ask.messages = {{"user", "Hello"}};
  ask.seed = seed;
  return ask;
}

class Cached : public ::testing::Test {
 protected:
  // What was streamed, then the result's text, or the error's code.
  std::string play(ChatAsk ask) {
    std::promise<std::string> said;
    std::string heard;
    Chain::Listener listener;
    listener.on_begin = [&](std::string_view model, std::string_view provider) {
      heard += std::string(model) + "@" + std::string(provider) + " ";
    };
    listener.on_text = [&](std::string_view text) { heard += text; };
    listener.on_done = [&](const Result<Completion>& result) {
      said.set_value(heard + "|" +
                     (result ? result.value().text : std::string(name(result.error().code))));
    };
    const auto handle = cached_.run(std::move(ask), {}, std::move(listener));
    return said.get_future().get();
  }

  net::Loop loop_;
  FakeChain chain_{loop_};
  const std::unique_ptr<cache::Cache> cache_ = cache::make_memory_cache({});
  CachedChain cached_{chain_, loop_, *cache_, Milliseconds(60'000)};
};

TEST_F(Cached, ReplaysAnAnswerAsItWasStreamed) {
  EXPECT_EQ(play(ask_with_seed(1)), "m@p Line 1|Line 1");
  EXPECT_EQ(play(ask_with_seed(1)), "m@p Line 1|Line 1");
  EXPECT_EQ(chain_.runs, 1);
}

TEST_F(Cached, AsksAnewWhoeverWantsChance) {
  ChatAsk ask = ask_with_seed(1);
  ask.seed.reset();
  EXPECT_EQ(play(ask), "m@p Line 1|Line 1");
  EXPECT_EQ(play(ask), "m@p Line 2|Line 2");
  ask.temperature = 0.7;
  EXPECT_EQ(play(ask), "m@p Line 3|Line 3");
  ask.temperature = 0;
  EXPECT_EQ(play(ask), "m@p Line 4|Line 4");
  EXPECT_EQ(play(ask), "m@p Line 4|Line 4");
}

TEST_F(Cached, WhateverAnAnswerDependsOnMakesAnotherKey) {
  std::vector<ChatAsk> asks(9, ask_with_seed(1));
  asks[1].seed = 2;
  asks[2].model = "other";
  asks[3].max_tokens = 5;
  asks[4].temperature = 0.5;
  asks[5].stop = {"x"};
  asks[6].messages[0].content = "Hello!";
  asks[7].messages[0].role = "system";
  asks[8].messages.insert(asks[8].messages.begin(), {"user", ""});
  std::set<std::string> keys;
  for (const ChatAsk& ask : asks) keys.insert(cache_key(ask).value());
  EXPECT_EQ(keys.size(), asks.size());
}

TEST_F(Cached, KeepsNeitherErrorsNorAStandInsLine) {
  chain_.error = Error{Code::Unavailable, "away"};
  EXPECT_EQ(play(ask_with_seed(1)), "|unavailable");
  chain_.error.reset();
  chain_.next.failovers = {"ollama: unavailable"};
  EXPECT_EQ(play(ask_with_seed(1)), "m@p Line 2|Line 2");
  chain_.next.failovers.clear();
  EXPECT_EQ(play(ask_with_seed(1)), "m@p Line 3|Line 3");
  EXPECT_EQ(play(ask_with_seed(1)), "m@p Line 3|Line 3");
}

TEST_F(Cached, AsksAnewWhenWhatWasKeptMakesNoSense) {
  cache_->put(*cache_key(ask_with_seed(1)), std::string("{\"text\":"), Milliseconds(60'000));
  EXPECT_EQ(play(ask_with_seed(1)), "m@p Line 1|Line 1");
}

TEST_F(Cached, CanBeCancelledWhileTheCacheIsAskedAndAfterwards) {
  SlowCache slow;
  CachedChain cached(chain_, loop_, slow, Milliseconds(60'000));
  std::promise<Code> ended;
  Chain::Listener listener;
  listener.on_done = [&](const Result<Completion>& result) {
    ended.set_value(result.error().code);
  };
  const auto handle = cached.run(ask_with_seed(1), {}, std::move(listener));
  handle->cancel();
  EXPECT_EQ(ended.get_future().get(), Code::Cancelled);
  slow.waiting(nullptr);
  const auto turn_loop = [&] {
    std::promise<void> ran;
    loop_.post([&] { ran.set_value(); });
    ran.get_future().wait();
  };
  turn_loop();
  EXPECT_EQ(chain_.runs, 0);

  // From here on the doors hold the handle weakly, and so does the test.
  chain_.silent = true;
  std::promise<Code> left;
  Chain::Listener another;
  another.on_done = [&](const Result<Completion>& result) { left.set_value(result.error().code); };
  const std::weak_ptr<Chain::Handle> weak = cached.run(ask_with_seed(1), {}, std::move(another));
  std::exchange(slow.waiting, nullptr)(nullptr);
  turn_loop();
  EXPECT_EQ(chain_.runs, 1);
  ASSERT_TRUE(weak.lock()) << "the run under way keeps what can cancel it";
  weak.lock()->cancel();
  turn_loop();
  EXPECT_EQ(chain_.cancelled, 1);
  EXPECT_EQ(left.get_future().get(), Code::Cancelled);
  EXPECT_FALSE(weak.lock()) << "and is gone with its end";
}

}  // namespace
}  // namespace llm
