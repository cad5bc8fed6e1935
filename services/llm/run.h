#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "llm/chain.h"
#include "llm/fault.h"
#include "llm/provider.h"
#include "llm/replays.h"
#include "net/net.h"
#include "runtime/worker_pool.h"
#include "telemetry/metrics.h"

namespace llm {

// What a reload changes, all at once. A run keeps that with which it began.
struct Setup {
  ChainOptions options;
  std::vector<std::shared_ptr<Provider>> providers;  // in the order of trying
  std::shared_ptr<SemanticCache> semantic;           // of the loop's thread
};
using SetupRef = std::shared_ptr<const Setup>;

// What the runs of a chain share. It lives as long as anybody who may still be
// called back; the client and the understudies' thread go with the chain.
class RunContext {
 public:
  RunContext(net::Loop& loop, SetupRef setup, telemetry::Metrics& metrics, Chain::With with);

  // From any thread.
  SetupRef setup() const;
  void adopt(SetupRef setup);
  // Turns away all who wait for a place, also at providers that are no longer asked.
  void drop_waiting();

  net::Loop& loop;
  const Chain::With with;
  std::unique_ptr<net::Client> client;
  std::unique_ptr<runtime::WorkerPool> understudies;  // likewise
  Random random;                                      // of the loop's thread
  Replays replays;                                    // likewise
  std::atomic<bool> closing = false;                  // set on the loop's thread
  telemetry::Counter failovers;
  telemetry::Counter completions;
  telemetry::Counter failures;
  telemetry::Counter embeddings;
  telemetry::Counter embedding_failures;
  telemetry::Counter cache_hits;
  telemetry::Counter semantic_hits;
  telemetry::Counter semantic_misses;
  telemetry::Histogram first_token;

 private:
  mutable std::mutex mutex_;
  SetupRef setup_;
  std::vector<std::weak_ptr<const Setup>> retired_;  // whose runs may not be over
};

// The answer of a chain that is closing.
talk::Refusal shutting_down();

// One request on its way down the chain: places, breakers, failing over,
// deadline and cancelling. What is asked and how the answer is read is the
// business of those who derive from it. Belongs to the loop's thread, but for
// cancel(). Kept alive by the callbacks that wait for something; a handle may
// outlive the chain, when the run is over.
class Run : public Chain::Handle,
            public Provider::Waiter,
            public std::enable_shared_from_this<Run> {
 public:
  Run(std::shared_ptr<RunContext> context, SteadyTime deadline);

  void begin();
  void cancel() override;
  void place_given(Provider& provider) override;
  void turned_away() override;

 protected:
  // One server, and the model that it is asked for.
  struct Candidate {
    Provider* provider = nullptr;
    std::string model;
  };
  // Who may be asked, in their order.
  virtual Result<std::vector<Candidate>> order() = 0;
  // There is a place at provider(): ends in send(), failed() or finish().
  virtual void ask() = 0;
  // A piece of the body of a 200.
  virtual std::optional<Failure> read(std::string_view bytes) = 0;
  // Whether the answer is whole, though its body has not ended.
  virtual bool answered() const { return false; }
  // The body has ended; nothing when the answer is whole.
  virtual std::optional<Failure> complete(const Result<void>& outcome) = 0;
  // How much of the answer the caller has: then nobody else can be asked.
  virtual std::size_t told() const = 0;
  // A request to provider() is over: what it has cost goes into the books.
  virtual void account(Ending ending) = 0;
  // The run is over; called once. Without an error, what complete() or ask()
  // has left is the answer.
  virtual void deliver(std::optional<talk::Refusal> refusal) = 0;

  void send(talk::WireRequest wire, Milliseconds first_byte, std::size_t body_bytes_max);
  void failed(const Failure& failure);
  void finish();  // answered, by provider(); its body may go on
  // The request itself is at fault, which says nothing about the provider. When others have been
  // asked already, who may have understood it, their fault is told.
  void reject(const Error& why);
  // Ends the run from our side, in whatever phase it is.
  void stop(Error why);
  // Ends it before anybody was asked, or with an answer that nobody had to be
  // asked for.
  void done(std::optional<talk::Refusal> refusal);
  bool over() const { return over_; }
  // Closes the connection unless first_token_came() is called in time.
  void limit_first_token();
  void first_token_came() { wait_timer_.reset(); }

  const ChainOptions& options() const { return setup_->options; }
  SemanticCache& semantic() { return *setup_->semantic; }
  const std::vector<std::shared_ptr<Provider>>& providers() const { return setup_->providers; }
  RunContext& context() { return *context_; }
  const std::shared_ptr<RunContext>& shared_context() const { return context_; }
  Provider& provider() { return *candidate_->provider; }
  const std::string& model() const { return candidate_->model; }
  bool asked_anybody() const { return candidate_ != nullptr; }
  const std::vector<std::string>& failovers() const { return failovers_; }
  // Who would be asked next.
  std::span<const Candidate> rest() const { return std::span(order_).subspan(next_); }
  SteadyTime began() const { return began_; }
  // Of the time since the beginning, what was not spent waiting for a provider.
  std::chrono::nanoseconds overhead() const;
  // Puts servers of one provider, for one model, into their order: first the less busy of two
  // picked by chance (Mitzenmacher, The Power of Two Choices in Randomized Load
  // Balancing, 2001).
  void spread(std::vector<Candidate>& candidates);

 private:
  void try_next();
  void wait_for_place();
  void on_data(std::string_view bytes);
  void end_early();
  void on_end(const Result<void>& outcome);
  void on_end_after_stop();
  void time_is_over();
  std::optional<Failure> failure_in(const Result<void>& outcome);
  void go_on_after(const Failure& failure);
  talk::Refusal last_refusal() const;
  void give_place_back();

  const std::shared_ptr<RunContext> context_;
  const SetupRef setup_;
  const SteadyTime began_;
  const SteadyTime deadline_;
  std::vector<Candidate> order_;
  std::size_t next_ = 0;
  std::vector<std::string> failovers_;  // "ollama: unavailable: connection refused"
  std::optional<talk::Refusal> last_;
  bool asked_ = false;              // somebody
  bool last_resort_ = false;        // nobody could be: now also those whose breaker is open
  std::atomic<bool> over_ = false;  // set on the loop's thread
  std::optional<Code> stopped_;     // why, when it was ended from our side
  std::chrono::nanoseconds waited_{0};

  // The attempt under way.
  const Candidate* candidate_ = nullptr;
  Provider::Pass pass_ = 0;
  bool placed_ = false;   // it has a place to give back
  bool waiting_ = false;  // it stands in the provider's queue
  SteadyTime sent_{};
  SteadyTime heard_{};  // of it last
  std::shared_ptr<net::Client::Call> call_;
  std::unique_ptr<net::Loop::Timer> wait_timer_;  // for a place, the first token, the end
  int status_ = 0;                                // of the answer; 0: there is none yet
  // What another status than 200 came with.
  struct Rest {
    http::Headers headers;
    std::string body;
  };
  std::unique_ptr<Rest> error_;
  std::optional<Failure> failure_;  // why we closed the connection ourselves
};

std::shared_ptr<Run> make_embed_run(std::shared_ptr<RunContext> context, talk::EmbedAsk ask,
                                    SteadyTime deadline, AccountRef account, OnEmbedded on_done);

}  // namespace llm
