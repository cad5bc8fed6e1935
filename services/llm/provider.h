#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/fields.h"
#include "llm/fault.h"
#include "llm/format.h"
#include "net/net.h"
#include "retry/breaker.h"

namespace llm {

enum class ProviderKind { Ollama, OpenAi, Anthropic, Understudy };
constexpr auto enum_names(ProviderKind) {
  return EnumNames<ProviderKind, 4>{{{ProviderKind::Ollama, "ollama"},
                                     {ProviderKind::OpenAi, "openai"},
                                     {ProviderKind::Anthropic, "anthropic"},
                                     {ProviderKind::Understudy, "understudy"}}};
}

// Why a provider is never asked: its state in a word, and a sentence for the
// operator.
struct Barred {
  std::string state;
  std::string why;
  friend bool operator==(const Barred&, const Barred&) = default;
};

struct ProviderOptions {
  std::string name;
  ProviderKind kind = ProviderKind::Understudy;
  std::string url;
  std::vector<std::string> models;  // empty: what the provider lists
  int concurrency = 5;
  retry::Breaker::Options breaker = {};
  std::string key = {};          // sent as the provider wants it, shown nowhere
  std::string usual_model = {};  // for "auto", where the preferred one is not offered
  int num_ctx = 0;               // tokens that a prompt may have; 0: not known
  std::string keep_alive = {};   // of Ollama
  std::optional<Barred> barred = {};
  std::vector<std::string> more_urls = {};  // other servers that have the same
  int server = 0;                           // which of them this is
  friend bool operator==(const ProviderOptions&, const ProviderOptions&) = default;
};

struct ProviderState {
  std::string name;
  std::string kind;
  // up, down, unknown; denied (its key is refused), no_key, not_allowed
  std::string state;
  std::string breaker;  // closed, open, half_open
  std::vector<std::string> models;
  int in_flight = 0;
  int waiting = 0;
  std::string last_error;
  int server = 0;  // of several that have one name

  static void fields(auto& self, auto&& visit) {
    visit("name", self.name);
    visit("kind", self.kind);
    visit("state", self.state);
    visit("breaker", self.breaker);
    visit("last_error", self.last_error);
    visit("models", self.models);
    visit("in_flight", self.in_flight);
    visit("waiting", self.waiting);
    visit("server", self.server);
  }
};

// One server of a provider: how it is spoken to, whether it may be asked, and
// its places. Places are taken and given back on the loop's thread; all else
// may be asked from any thread.
class Provider {
 public:
  // Whoever waits for a place; told on the loop's thread.
  class Waiter {
   public:
    virtual ~Waiter() = default;
    // It has a place at `provider`, even if it has stopped waiting meanwhile.
    virtual void place_given(Provider& provider) = 0;
    // There will be no place any more.
    virtual void turned_away() = 0;
  };

  // Without a format it is the understudy, which answers in this process.
  Provider(ProviderOptions options, std::unique_ptr<talk::ProviderFormat> format);

  const ProviderOptions& options() const { return options_; }
  const talk::ProviderFormat* format() const { return format_.get(); }

  // Whether it may be asked for the model: it is configured, or listed where
  // none is. "llama3.2" is also "llama3.2:latest".
  bool offers(const std::string& model) const;
  // As offers(), but a listed one is enough: the models of embeddings need not
  // be configured.
  bool has(const std::string& model) const;
  // What "auto" means here: the preferred model if it is offered, else the
  // usual one, else the first that speaks, and rather one that is listed; may
  // be empty.
  std::string model_for(const std::string& asked, const std::string& preferred) const;
  // Whether its models are configured or have been read; whether they have been
  // read.
  bool knows_models() const;
  bool knows_list() const;
  void models_read(const Result<std::vector<std::string>>& models);
  // What is known of the same server, that was spoken to in another way so far.
  void learn_from(const Provider& before);
  // The answer to list_models(), of any status.
  void list_answered(int status, std::string_view body);

  // `wire` on its way to this provider, with what every request to it carries.
  net::ClientRequest request(talk::WireRequest wire) const;

  // Why it may not be asked now, whatever the breaker says, and for how long.
  std::optional<Failure> refusal(SteadyTime now) const;
  // It has asked to be left alone.
  void pause(SteadyTime until);
  // It refuses the key: it is out until it answers list_models() again, but for
  // a refusal.
  void deny(const std::string& why);

  // The breaker. Each pass is answered by one of the three.
  using Pass = retry::Breaker::Pass;
  std::optional<Pass> admit(SteadyTime now);
  void succeeded(Pass pass);
  void failed(Pass pass, SteadyTime now,
              const std::string& why);                // its own fault
  void abandoned(Pass pass, const std::string& why);  // says nothing about it

  ProviderState state(SteadyTime now) const;

  // How many are asking it or wait to.
  int load() const;

  // Places. True: a place is the caller's; give it back once.
  bool take_place();
  // False when `waiting_max` wait already.
  bool wait(std::shared_ptr<Waiter> waiter, std::size_t waiting_max);
  void stop_waiting(const Waiter* waiter);
  // Turns away all who wait.
  void drop_waiting();
  // The next in the queue gets the place, by a task on the loop.
  void give_back(net::Loop& loop);

 private:
  const ProviderOptions options_;
  const std::unique_ptr<talk::ProviderFormat> format_;
  const http::Headers headers_;                  // of every request
  std::deque<std::shared_ptr<Waiter>> waiting_;  // of the loop's thread

  mutable std::mutex mutex_;
  std::vector<std::string> models_;                 // configured, else listed
  std::optional<std::vector<std::string>> listed_;  // what it said last
  bool denied_ = false;
  SteadyTime paused_until_{};
  retry::Breaker breaker_;
  std::string state_ = "unknown";
  std::string last_error_;
  int in_flight_ = 0;
  int waiting_count_ = 0;
};

}  // namespace llm
