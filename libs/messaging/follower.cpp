#include "messaging/follower.h"

#include <mutex>
#include <utility>

namespace messaging {

// Shared with the callbacks, which may be under way when the owner goes.
struct Follower::State : std::enable_shared_from_this<State> {
  State(const Client& its_client, Options its_options, OnReply its_told)
      : client(its_client), options(std::move(its_options)), told(std::move(its_told)) {}

  // On the node's thread. A question that is out answers for an event that comes meanwhile only if
  // it is asked again afterwards.
  void ask() {
    if (asking) {
      ask_again = true;
      return;
    }
    asking = true;
    Node& node = client.node();
    node.cancel_timer(std::exchange(timer, 0));
    // Not tried again by the client: the next round does.
    node.call(client.service(), options.method, "{}",
              {.deadline = SystemClock::instance().now() + options.timeout, .idempotent = false},
              [weak = weak_from_this()](Result<std::string> body) {
                if (const auto self = weak.lock()) self->answered(std::move(body));
              });
  }

  void answered(Result<std::string> body) {
    asking = false;
    known = known || body.ok();
    {
      const std::lock_guard lock(mutex);
      if (closed) return;
      told(std::move(body));
    }
    if (std::exchange(ask_again, false)) return ask();
    timer = client.node().after(known ? options.refresh : options.retry, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->ask();
    });
  }

  const Client client;
  const Options options;
  const OnReply told;

  // Of the node's thread:
  bool asking = false;
  bool ask_again = false;
  bool known = false;
  TimerId timer = 0;

  std::mutex mutex;  // held while the owner is told, so that it does not go meanwhile
  bool closed = false;
};

Follower::Follower(const Client& client, Options options, OnReply told)
    : state_(std::make_shared<State>(client, std::move(options), std::move(told))) {
  const auto ask = [weak = std::weak_ptr(state_)] {
    if (const auto self = weak.lock()) self->ask();
  };
  client.node().subscribe(state_->options.event,
                          [ask](std::string_view, const std::string&) { ask(); });
  client.node().post(ask);
}

Follower::~Follower() {
  const std::lock_guard lock(state_->mutex);
  state_->closed = true;
}

}  // namespace messaging
