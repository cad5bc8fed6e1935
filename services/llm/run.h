#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llm/chain.h"
#include "llm/fault.h"
#include "llm/provider.h"
#include "net/net.h"
#include "telemetry/metrics.h"

namespace llm {

// What the runs of a chain share. It lives as long as anybody who may still be called back; the
// client goes with the chain.
struct RunContext {
  RunContext(net::Loop& loop, ChainOptions options, telemetry::Metrics& metrics);

  const ChainOptions options;
  net::Loop& loop;
  std::unique_ptr<net::Client> client;
  std::vector<std::unique_ptr<Provider>> providers;  // in the order of trying
  bool closing = false;                              // of the loop's thread
  telemetry::Counter failovers;
  telemetry::Counter completions;
  telemetry::Counter failures;
  telemetry::Counter embeddings;
  telemetry::Counter embedding_failures;
  telemetry::Histogram first_token;
};

// One request on its way down the chain: places, breakers, failing over, deadline and cancelling.
// What is asked and how the answer is read is the business of those who derive from it. Belongs to
// the loop's thread, but for cancel(). Kept alive by the callbacks that wait for something; a
// handle may outlive the chain, when the run is over.
class Run : public Chain::Handle,
            public Provider::Waiter,
            public std::enable_shared_from_this<Run> {
 public:
  Run(std::shared_ptr<RunContext> context, SteadyTime deadline)
      : context_(std::move(context)), deadline_(deadline) {}

  void begin();
  void cancel() override;
  void place_given(Provider& provider) override;
  void turned_away() override;

 protected:
  // Who may be asked, in their order.
  virtual Result<std::vector<Provider*>> order() = 0;
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
  // The run is over; called once. Without an error, what complete() or ask() has left is the
  // answer.
  virtual void deliver(std::optional<Error> error) = 0;

  void send(WireRequest wire, Milliseconds first_byte, std::size_t body_bytes_max);
  void failed(const Failure& failure);
  void finish();  // answered, by provider()
  // Closes the connection unless first_token_came() is called in time.
  void limit_first_token();
  void first_token_came() { wait_timer_.reset(); }

  const ChainOptions& options() const { return context_->options; }
  RunContext& context() { return *context_; }
  Provider& provider() { return *provider_; }
  const std::vector<std::string>& failovers() const { return failovers_; }
  // The model that is asked for, for the words of a failure.
  void set_model(std::string model) { model_ = std::move(model); }
  const std::string& model() const { return model_; }

 private:
  void try_next();
  void wait_for_place();
  void on_data(std::string_view bytes);
  void close_soon();
  void on_end(const Result<void>& outcome);
  std::optional<Failure> failure_in(const Result<void>& outcome);
  void go_on_after(const Error& error);
  void give_place_back();
  void stop(Error why);
  void done(std::optional<Error> error);

  const std::shared_ptr<RunContext> context_;
  const SteadyTime deadline_;
  std::vector<Provider*> order_;
  std::size_t next_ = 0;
  std::vector<std::string> failovers_;  // "ollama: unavailable: connection refused"
  Error last_error_{Code::Unavailable, "no provider is configured"};
  std::unique_ptr<net::Loop::Timer> deadline_timer_;
  bool over_ = false;
  std::optional<Code> stopped_;  // why, when it was ended from our side

  // The attempt under way.
  Provider* provider_ = nullptr;
  Provider::Pass pass_ = 0;
  bool placed_ = false;   // it has a place to give back
  bool waiting_ = false;  // it stands in the provider's queue
  SteadyTime sent_{};
  std::string model_;
  std::shared_ptr<net::Client::Call> call_;
  std::unique_ptr<net::Loop::Timer> wait_timer_;  // for a place, the first token, the end
  int status_ = 0;
  std::string retry_after_;
  std::string error_body_;
  std::optional<Failure> failure_;  // why we closed the connection ourselves
  bool ended_ = false;              // the answer is whole, the body goes on
};

std::shared_ptr<Run> make_chat_run(std::shared_ptr<RunContext> context, ChatAsk ask,
                                   SteadyTime deadline, Chain::Listener listener);
std::shared_ptr<Run> make_embed_run(std::shared_ptr<RunContext> context, EmbedAsk ask,
                                    SteadyTime deadline,
                                    std::function<void(Result<Embeddings>)> on_done);

}  // namespace llm
