#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cache/cache.h"
#include "llm/asked.h"
#include "llm/gatekeeper.h"
#include "llm/ledger.h"
#include "llm/meaning.h"
#include "llm/prices.h"
#include "llm/provider.h"
#include "llm/replays.h"
#include "llm/route.h"
#include "llm/talk.h"
#include "llm/understudy.h"
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
  Milliseconds whole{60'000};  // for an answer that is not streamed, at one provider
  Milliseconds idle{15'000};
  Milliseconds total{120'000};
  Milliseconds health_every{30'000};
  Milliseconds hang{2'000};  // silence up to a caller's deadline that counts as a fault
  std::size_t waiting_max = 256;
  std::size_t text_bytes_max = 64 * 1024;  // of an answer to our own services
  std::vector<Price> prices = {};
  RouteTable routes = {};  // for "auto" without a default_model
  Milliseconds cache_ttl{3'600'000};
  SemanticSettings semantic = {};
};

// Who speaks, told when the first token is there.
struct Speaker {
  std::string_view model;
  std::string_view provider;
  std::chrono::nanoseconds overhead{0};  // of the time since the request, what was not the provider
  std::int64_t prompt_tokens = 0;        // estimated; 0 when nobody had to know
  std::chrono::nanoseconds first_token{0};  // since the request; 0 where tokens are not seen
  bool passes = false;                      // the provider's own bytes follow
  std::string_view cache = {};              // "exact" or "semantic" when it was kept there
};

// Hears the answer to one chat, on the loop's thread: begin(), pieces, and one
// of the last three; or the last alone. What comes before the first token is
// not told, so that another provider may still be asked.
class Audience {
 public:
  virtual ~Audience() = default;
  virtual void begin(const Speaker& speaker) = 0;
  // A piece in our words; they are sent on with flush(). Both false when nobody
  // listens any more.
  virtual void delta(const talk::Delta& delta) = 0;
  virtual bool flush() = 0;
  // A piece of the stream as the provider has written it.
  virtual bool pass(std::string_view bytes) = 0;

  // The body of a whole answer as the provider has written it.
  virtual void answer(std::string body, const Speaker& speaker) = 0;
  // The whole answer, or the end of the stream, whose parts then are not all in
  // it.
  virtual void done(const talk::Completion& completion, const Speaker& speaker) = 0;
  virtual void failed(const talk::Refusal& refusal, const Speaker& speaker) = 0;
};

// One chat on its way.
struct ChatTask {
  std::unique_ptr<Asked> asked;
  AccountRef account = nullptr;
  Reservation reservation = {};  // of the gate that the chain has
  Asked::Most most = {};         // what that was made for
  SteadyTime deadline{};
  std::unique_ptr<Audience> audience;
};

// What the providers have had for a request, also for one that failed; as in the books.
struct Paid {
  std::int64_t tokens = 0;
  double cost = 0;
};
using OnEmbedded = std::function<void(Result<talk::Embeddings>, const Paid&)>;

// Runs a request down the chain of providers. What fails before the first token
// fails over unseen; a stream that is cut later is an error, never a short
// answer. Lives on the loop's thread, as do all its callbacks.
class Chain {
 public:
  struct Listener {
    // Any of the first two may be empty: then the answer comes as a whole.
    // on_begin comes before the first text: who speaks.
    std::function<void(std::string_view model, std::string_view provider)> on_begin;
    std::function<void(std::string_view text)> on_text;
    std::function<void(Result<talk::Completion>)> on_done;  // once
  };
  // A run under way, which needs nobody to hold it; cancel() closes the
  // provider's connection and on_done gets Cancelled. From any thread.
  class Handle {
   public:
    virtual ~Handle() = default;
    virtual void cancel() = 0;
  };
  // What the chain works with; each may be missing, and must outlive it.
  struct With {
    cache::Cache* cache = nullptr;  // of answers; closed or idle when the chain goes
    Ledger* ledger = nullptr;
    Gatekeeper* gate = nullptr;
    understudy::Meanings* meanings = nullptr;  // for the understudy; else it goes by words alone
  };
  static Result<std::unique_ptr<Chain>> open(net::Loop& loop, ChainOptions options,
                                             telemetry::Metrics& metrics, With with);
  static Result<std::unique_ptr<Chain>> open(net::Loop& loop, ChainOptions options,
                                             telemetry::Metrics& metrics) {
    return open(loop, std::move(options), metrics, With{});
  }
  virtual ~Chain() = default;
  // All from any thread.
  virtual std::shared_ptr<Handle> chat(ChatTask task) = 0;
  // The answer to these bytes when it was told from the cache before and is there still, else null;
  // and a note that it was told again, for the books. On the loop's thread, else null.
  virtual Replays::ToldRef told(const Replays::Question& question) = 0;
  virtual void told_again(const Replays::Told& told, const AccountRef& account) = 0;
  // A chat for those who speak no dialect.
  std::shared_ptr<Handle> run(talk::ChatAsk ask, SteadyTime deadline, Listener listener);
  // Asks the providers that have the model for a vector of each input;
  // `on_done` as above, once.
  virtual std::shared_ptr<Handle> embed(talk::EmbedAsk ask, SteadyTime deadline, AccountRef account,
                                        OnEmbedded on_done) = 0;
  std::shared_ptr<Handle> embed(talk::EmbedAsk ask, SteadyTime deadline,
                                std::function<void(Result<talk::Embeddings>)> on_done) {
    return embed(std::move(ask), deadline, nullptr,
                 [on_done = std::move(on_done)](Result<talk::Embeddings> found, const Paid&) {
                   on_done(std::move(found));
                 });
  }
  // The change to other providers, tables and time-outs (all but ca_file), which the returned
  // function makes; an Error when they cannot be. What is under way ends as it began. A provider
  // that stays what it was keeps its places, its breaker and its health; of a new one the list of
  // models is read first, for some seconds at most. Not on the loop's thread.
  virtual Result<std::function<void()>> change(ChainOptions options) = 0;
  // Ends all that is under way and whatever is asked from now on: streams with an error, in the
  // asker's words. Not on the loop's thread.
  virtual void close() = 0;
  virtual std::vector<ProviderState> providers() const = 0;
  // The models that may be asked for, "auto" first.
  virtual std::vector<talk::ModelInfo> models() const = 0;
  // Has an Ollama server of that name, or the first there is, fetch a model.
  // `on_piece` gets what it says of its progress, as lines of JSON, and says
  // whether anybody still listens.
  virtual std::shared_ptr<Handle> pull(std::string body, const std::string& provider,
                                       std::function<bool(std::string_view)> on_piece,
                                       std::function<void(Result<void>)> on_done) = 0;
};

}  // namespace llm
