#include "llm/routes.h"

#include <gtest/gtest.h>

#include <cstring>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "contracts/llm.h"
#include "json/codec.h"
#include "support/temp_dir.h"

namespace llm {
namespace {

constexpr std::chrono::seconds kLong{20};

// Embeds as it is told to, at once or never.
class EmbeddingChain final : public Chain {
 public:
  class Running final : public Handle {
   public:
    explicit Running(EmbeddingChain& chain) : chain_(chain) {}
    void cancel() override {
      if (auto done = std::exchange(chain_.waiting, {})) {
        done(Error{Code::Cancelled, "cancelled"}, {});
      }
      chain_.cancelled.set_value();
    }

   private:
    EmbeddingChain& chain_;
  };

  std::shared_ptr<Handle> chat(ChatTask) override { return nullptr; }
  Replays::ToldRef told(const Replays::Question&) override { return nullptr; }
  void told_again(const Replays::Told&, const AccountRef&) override {}
  std::shared_ptr<Handle> pull(std::string, const std::string&,
                               std::function<bool(std::string_view)>,
                               std::function<void(Result<void>)>) override {
    return nullptr;
  }
  std::vector<talk::ModelInfo> models() const override { return {}; }
  std::shared_ptr<Handle> embed(talk::EmbedAsk ask, SteadyTime, AccountRef,
                                OnEmbedded on_done) override {
    asked = std::move(ask);
    running = std::make_shared<Running>(*this);
    if (answer) {
      on_done(*answer, {});
    } else {
      waiting = std::move(on_done);
      held.set_value();
    }
    return running;
  }
  Result<std::function<void()>> change(ChainOptions) override {
    return std::function<void()>([] {});
  }
  void close() override {}
  std::vector<ProviderState> providers() const override { return {}; }

  std::optional<Result<talk::Embeddings>> answer;
  talk::EmbedAsk asked;
  std::shared_ptr<Running> running;
  OnEmbedded waiting;
  std::promise<void> held;
  std::promise<void> cancelled;
};

class EmbedMethod : public ::testing::Test {
 protected:
  EmbedMethod() {
    install_routes(doors_, chain_, nullptr);
    node_->bind("").value();
  }
  ~EmbedMethod() override {
    asker_->stop();
    node_->stop();
  }

  // The reply or the error; the items are kept.
  std::string call(std::string body) {
    std::promise<std::string> replied;
    asker_->call(
        "llm", "llm.embed", std::move(body), {.deadline = SystemClock::instance().now() + kLong},
        [&](Result<std::string> reply) {
          replied.set_value(reply ? reply.value()
                                  : std::string(name(reply.error().code)) + ": " +
                                        reply.error().message);
        },
        [&](std::string item) { items_.push_back(std::move(item)); });
    return replied.get_future().get();
  }

  support::TempDir dir_;
  EmbeddingChain chain_;
  std::unique_ptr<messaging::Node> node_ =
      messaging::Node::open({.service = "llm", .run_dir = dir_.path()}).value();
  std::unique_ptr<messaging::Node> asker_ =
      messaging::Node::open({.service = "asker", .run_dir = dir_.path()}).value();
  runtime::WorkerPool workers_{1, 1};
  runtime::Doors doors_{{.service = "llm"}, *node_, workers_};
  std::vector<std::string> items_;
};

TEST_F(EmbedMethod, SendsTheVectorsAsRawBytesBeforeTheReply) {
  talk::Embeddings embeddings;
  embeddings.vectors = {{1.5F, -2.0F}, {0.0F, 4.0F}};
  embeddings.model = "vec";
  embeddings.provider = "local";
  embeddings.prompt_tokens = 6;
  embeddings.failovers = {"other: unavailable: away"};
  chain_.answer = embeddings;
  EXPECT_EQ(call(R"({"inputs":["one","two"],"dimensions":2})"),
            R"({"model":"vec","provider":"local","dimensions":2,"count":2,"prompt_tokens":6,)"
            R"("estimated":false,"failovers":["other: unavailable: away"]})");
  EXPECT_EQ(chain_.asked.model, "auto");
  EXPECT_EQ(chain_.asked.inputs, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(chain_.asked.dimensions, 2);
  ASSERT_EQ(items_.size(), 2U);
  for (std::size_t i = 0; i < items_.size(); ++i) {
    std::vector<float> vector(2);
    ASSERT_EQ(items_[i].size(), 8U);
    std::memcpy(vector.data(), items_[i].data(), 8);
    EXPECT_EQ(vector, embeddings.vectors[i]);
  }
}

TEST_F(EmbedMethod, CarriesAsManyVectorsAsItAllows) {
  talk::Embeddings embeddings;
  embeddings.vectors.assign(contracts::kEmbedInputsMax, std::vector<float>(3072, 1.0F));
  chain_.answer = embeddings;
  const auto reply =
      json::decode<contracts::EmbedReply>(std::string_view(call(R"({"inputs":["a"]})")));
  ASSERT_TRUE(reply.ok()) << reply.error().message;
  EXPECT_EQ(reply.value().count, 256);
  EXPECT_EQ(items_.size(), 256U);
}

TEST_F(EmbedMethod, NamesWhatIsWrongWithARequest) {
  chain_.answer = Error{Code::NotFound, "nothing embeds here"};
  EXPECT_EQ(call("{}"), "invalid_argument: inputs: is required");
  EXPECT_EQ(call(R"({"inputs":[]})"), "invalid_argument: inputs: must not be empty");
  EXPECT_EQ(call(R"({"inputs":["a",""]})"), "invalid_argument: inputs[1]: must not be empty");
  EXPECT_EQ(call(R"({"inputs":["a"],"dimensions":0})"),
            "invalid_argument: dimensions: must be at least 1");
  contracts::EmbedRequest many;
  many.inputs.assign(257, "a");
  EXPECT_EQ(call(json::encode(many)),
            "invalid_argument: inputs: has 257 items, at most 256 are allowed");
  EXPECT_TRUE(call("nonsense").starts_with("invalid_argument: "));
  EXPECT_EQ(call(R"({"inputs":["a"]})"), "not_found: nothing embeds here");
  EXPECT_TRUE(items_.empty());
}

TEST_F(EmbedMethod, IsCancelledWithItsCall) {
  std::promise<void> replied;
  const auto id = asker_->call("llm", "llm.embed", R"({"inputs":["a"]})",
                               {.deadline = SystemClock::instance().now() + kLong},
                               [&](const Result<std::string>& reply) {
                                 EXPECT_EQ(reply.error().code, Code::Cancelled);
                                 replied.set_value();
                               });
  chain_.held.get_future().wait();
  asker_->cancel(id);
  replied.get_future().wait();
  EXPECT_EQ(chain_.cancelled.get_future().wait_for(kLong), std::future_status::ready);
}

}  // namespace
}  // namespace llm
