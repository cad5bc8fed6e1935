#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cache/cache.h"
#include "llm/chain.h"

namespace llm {

// A chain that remembers answers, under llm:{prompt_hash}:{settings_hash}. Only who asks for the
// same answer again gets it: with a seed, or at temperature 0; the router's seeds are of one
// message in one channel, so no line comes up in another conversation. What is kept is replayed as
// it was said, streamed where a stream is asked for. Kept are whole answers of the provider that
// was asked first: a stand-in's line must not outlive its reason. Threads as Chain.
class CachedChain final : public Chain {
 public:
  // All must outlive it, and `cache` must be closed or idle when it goes.
  CachedChain(Chain& chain, net::Loop& loop, cache::Cache& cache, Milliseconds ttl);

  std::shared_ptr<Handle> run(ChatAsk ask, SteadyTime deadline, Listener listener) override;
  std::shared_ptr<Handle> embed(EmbedAsk ask, SteadyTime deadline,
                                std::function<void(Result<Embeddings>)> on_done) override {
    return chain_.embed(std::move(ask), deadline, std::move(on_done));
  }
  std::vector<ProviderState> providers() const override { return chain_.providers(); }

 private:
  Chain& chain_;
  net::Loop& loop_;
  cache::Cache& cache_;
  Milliseconds ttl_;
};

// The key of an ask, or nothing when two answers to it may differ.
std::optional<std::string> cache_key(const ChatAsk& ask);

}  // namespace llm
