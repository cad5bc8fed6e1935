#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "llm/completion.h"
#include "llm/provider.h"
#include "net/net.h"
#include "telemetry/metrics.h"

namespace llm {

struct ChainOptions {
  std::vector<ProviderOptions> providers;
  std::vector<std::string> chain;  // names in the order of trying
  std::string default_model;       // for "auto"; empty: the provider's first
  std::string embed_model;         // for "auto" embeddings; empty: there are none
  std::string ca_file;             // PEM, trusted instead of the system's authorities
  int num_ctx = 8192;              // of an Ollama that has none of its own
  std::string keep_alive = "10m";
  Milliseconds place_wait{5'000};  // for a place at a busy provider, before the next is asked
  Milliseconds first_token{15'000};
  Milliseconds idle{15'000};
  Milliseconds total{120'000};
  Milliseconds health_every{30'000};
  Milliseconds hang{2'000};  // silence up to a caller's deadline that counts as a fault
  std::size_t waiting_max = 256;
  std::size_t text_bytes_max = 64 * 1024;
};

// Runs a request down the chain of providers. What fails before the first token fails over unseen;
// a stream that is cut later is an error, never a short answer. Lives on the loop's thread, as do
// all its callbacks; run(), embed() and providers() may be called from any thread.
class Chain {
 public:
  struct Listener {
    // Any of the first two may be empty. on_begin comes before the first text: who speaks.
    std::function<void(std::string_view model, std::string_view provider)> on_begin;
    std::function<void(std::string_view text)> on_text;
    std::function<void(Result<Completion>)> on_done;  // once
  };
  // A run under way, which needs nobody to hold it; cancel() closes the provider's connection and
  // on_done gets Cancelled.
  class Handle {
   public:
    virtual ~Handle() = default;
    virtual void cancel() = 0;
  };
  static Result<std::unique_ptr<Chain>> open(net::Loop& loop, ChainOptions options,
                                             telemetry::Metrics& metrics);
  virtual ~Chain() = default;
  virtual std::shared_ptr<Handle> run(ChatAsk ask, SteadyTime deadline, Listener listener) = 0;
  // Asks the providers that have the model for a vector of each input; `on_done` as above, once.
  virtual std::shared_ptr<Handle> embed(EmbedAsk ask, SteadyTime deadline,
                                        std::function<void(Result<Embeddings>)> on_done) = 0;
  virtual std::vector<ProviderState> providers() const = 0;
};

}  // namespace llm
