#include "messaging/node.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cassert>
#include <deque>
#include <future>
#include <optional>
#include <set>
#include <utility>

#include "base/limits.h"
#include "base/loop_thread.h"
#include "json/codec.h"
#include "messaging/directory.h"
#include "messaging/envelope.h"
#include "messaging/incoming.h"
#include "messaging/look.h"
#include "messaging/sockets.h"
#include "retry/policy.h"
#include "telemetry/log.h"

namespace messaging {
namespace {

constexpr Milliseconds kScanInterval{250};
constexpr std::size_t kLookCalls = 8;
constexpr int kQuickCalls = 3;
constexpr Milliseconds kSearchInterval{20};  // for a service of which no instance is known
constexpr Milliseconds kConnecting{1000};    // then a tcp peer counts as lost until it answers
constexpr int kReceivePerTurn = 256;  // messages of one socket before the others get their turn
constexpr std::size_t kPublishing = 10'000;  // events that wait for the thread; beyond: dropped
constexpr std::int64_t kTakenBytes = kItemWindowBytes / 8;  // of items, then the peer is told

// Whoever receives more closes the connection, which would cost the other calls their answers.
std::optional<Error> too_large(std::string_view what, std::size_t bytes) {
  if (bytes <= limits::kFrameBytes) return std::nullopt;
  return Error{Code::TooLarge, fmt::format("{} has {} bytes, at most {} are allowed", what, bytes,
                                           limits::kFrameBytes)};
}

// A call that this process has made.
struct Pending {
  std::string service;
  std::string method;
  std::string body;
  CallOptions options;
  OnReply on_reply;
  OnItem on_item;
  Peer* peer = nullptr;  // while it is out
  int failures = 0;
  bool items_seen = false;
  std::int64_t untold_bytes = 0;  // of items that were taken
  TimerId deadline_timer = 0;
  TimerId retry_timer = 0;
};

class NodeImpl final : public Node, public Answering {
 public:
  NodeImpl(Options options, std::optional<Keys> keys)
      : options_(std::move(options)),
        sockets_(std::move(keys)),
        directory_(options_.directory ? options_.directory : make_run_directory(options_.run_dir)),
        random_(hash64(options_.service, static_cast<std::uint64_t>(getpid()))) {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  ~NodeImpl() override;

  void serve(std::string method, Serve handler) override {
    methods_[std::move(method)] = std::move(handler);
  }
  Result<void> bind(const std::string& http_address) override;
  void withdraw() override { messaging::withdraw(options_.run_dir, self_); }
  std::size_t serving() const override { return serving_count_; }

  CallId call(const std::string& service, std::string method, std::string body, CallOptions options,
              OnReply on_reply, OnItem on_item) override;
  void cancel(CallId id) override;
  Result<std::string> call_and_wait(const std::string& service, std::string method,
                                    std::string body, CallOptions options) override;
  void publish(std::string topic, std::string body) override;
  void subscribe(std::string topic, OnEvent on_event) override;

  void stop() override;
  bool post(std::function<void()> task) override { return loop_->post(std::move(task)); }
  bool on_thread() const override { return loop_->on_thread(); }
  TimerId after(Milliseconds delay, std::function<void()> task) override {
    assert(on_thread());
    return loop_->after(delay, std::move(task));
  }
  void cancel_timer(TimerId id) override {
    assert(on_thread());
    loop_->cancel(id);
  }

 private:
  void answer(const std::string& caller, const Envelope& envelope,
              const std::string& body) override;
  void run(const std::stop_token& stop);
  void wait_for_input();
  void look_then_sleep(Milliseconds at_most);
  bool unread() const;
  void receive();
  void receive_calls();
  void receive_events();
  bool receive_replies(Peer& peer);
  void handle_call(std::string caller, const Envelope& envelope, std::string body,
                   std::string binary);
  void handle_reply(const Envelope& envelope, std::string body);
  void handle_item(CallId id, Pending& pending, std::string body);

  void start(CallId id, Pending pending);
  void send(CallId id, Pending& pending);
  void tell(Peer& peer, const Envelope& envelope);
  void attempt_failed(CallId id, Error error);
  Peer* take_back(Pending& pending);
  void finish(CallId id, Result<std::string> result);
  Peer* choose(const std::string& service);
  void scan();
  void rescan() { scan_wanted_ = true; }
  void peer_ended(Peer* peer);
  void connection_lost(Peer& peer, std::string_view how);
  void give_up_connecting();
  void calls_failed(const Peer* peer, const std::string& why);
  Result<void> open_sockets();
  void connect_publishers(const std::vector<Instance>& found);
  void unsubscribe_from(const std::string& address);

  // Runs on the node's thread, now if we are on it; false when the node was stopped.
  bool on_loop(std::function<void()> task) {
    if (!on_thread()) return loop_->post(std::move(task));
    task();
    return true;
  }

  Options options_;
  Sockets sockets_;
  const std::shared_ptr<Directory> directory_;
  // Shared with the calls that are served: whoever holds one may drop it after the node has gone.
  const std::shared_ptr<TaskLoop> loop_ = std::make_shared<TaskLoop>();
  std::map<std::string, Serve, std::less<>> methods_;
  Instance self_;
  std::atomic<std::size_t> serving_count_{0};
  std::atomic<CallId> next_call_{1};
  std::atomic<std::size_t> calls_posted_{0};
  std::atomic<std::size_t> events_posted_{0};

  // Of the node's thread alone:
  bool stopping_ = false;
  Random random_;
  std::optional<zmq::socket_t> gatekeeper_;
  std::optional<zmq::socket_t> router_;
  std::optional<zmq::socket_t> publisher_;
  std::optional<zmq::socket_t> subscriber_;
  std::vector<pollfd> poll_items_;
  bool router_unread_ = false;  // as Peer::unread
  bool subscriber_unread_ = false;
  std::map<std::string, std::deque<OnEvent>> subscriptions_;  // stay in place while they run
  std::set<std::string> publishers_;
  std::set<std::string> wanted_;  // services that were called: each peer costs every wait something
  std::vector<std::unique_ptr<Peer>> peers_;
  // No peers any more, but a caller further up may still hold one: they go in the next turn.
  std::vector<std::unique_ptr<Peer>> ended_;
  std::unordered_map<CallId, Pending> calls_;
  std::map<std::pair<std::string, std::int64_t>, std::weak_ptr<IncomingCall>> incoming_;
  std::map<std::string, retry::Budget> budgets_;
  SteadyTime scanned_{};
  SteadyTime searched_{};
  bool scan_wanted_ = true;
  SteadyTime answered_{};
  int quick_calls_ = 0;  // in a row, each soon after the last answer

  std::jthread thread_;
};

// --- served calls -------------------------------------------------------------------------------

void NodeImpl::answer(const std::string& caller, const Envelope& envelope,
                      const std::string& body) {
  if (envelope.type != Type::Item) {
    answered_ = SystemClock::instance().now();
    --serving_count_;
    incoming_.erase({caller, envelope.id});
  }
  if (!router_) return;
  router_unread_ = true;
  const std::string head = json::encode(envelope);
  bool gone = false;
  try {
    if (router_->send(frame(caller), zmq::send_flags::sndmore | zmq::send_flags::dontwait)) {
      router_->send(frame(head), zmq::send_flags::sndmore | zmq::send_flags::dontwait);
      router_->send(frame(body), zmq::send_flags::dontwait);
      return;
    }
  } catch (const zmq::error_t& error) {
    gone = true;
    telemetry::debug("reply dropped", {{"why", error.what()}});
  }
  // A caller that does not read hears of a lost reply by its deadline, but a stream must not go on
  // with a hole.
  const auto found = incoming_.find({caller, envelope.id});
  const auto call = found == incoming_.end() ? nullptr : found->second.lock();
  if (call == nullptr) return;
  call->fall_behind();
  // Not now: a handler of this thread may be in the middle of item().
  if (gone) post([call] { call->cancel(); });
}

Result<void> NodeImpl::bind(const std::string& http_address) {
  const auto path = [&](std::string_view kind) {
    return fmt::format("{}/{}.{}.{}", options_.run_dir, options_.service, getpid(), kind);
  };
  if (options_.tcp.empty() && path("events").size() > limits::kRpcPathBytes) {
    return Error{Code::InvalidArgument,
                 fmt::format("run directory {}: socket paths would exceed {} bytes",
                             options_.run_dir, limits::kRpcPathBytes)};
  }
  self_ = {.service = options_.service,
           .pid = getpid(),
           .http = http_address,
           .key = sockets_.public_key(),
           .started = process_started(getpid())};
  if (options_.tcp.empty()) {
    self_.rpc = "ipc://" + path("rpc");
    self_.events = "ipc://" + path("events");
  }
  std::promise<Result<void>> opened;
  if (!loop_->post([&] { opened.set_value(open_sockets()); })) {
    return Error{Code::Cancelled, "shut down"};
  }
  const auto result = opened.get_future().get();
  if (!result) return result;
  return announce(options_.run_dir, self_);
}

// On the node's thread: binds, and completes self_ with the ports that were given.
Result<void> NodeImpl::open_sockets() {
  const auto address = [&](const std::string& ipc, int port) {
    if (!ipc.empty()) return ipc;
    const std::string& host = options_.tcp;
    return fmt::format("tcp://{}:{}",
                       host.find(':') == std::string::npos ? host : fmt::format("[{}]", host),
                       port == 0 ? "*" : std::to_string(port));
  };
  // What others connect to: of all addresses of this machine, the one that it reaches itself at.
  const auto reachable = [](std::string endpoint) {
    for (const auto& [any, own] :
         {std::pair<std::string_view, std::string_view>{"tcp://0.0.0.0:", "tcp://127.0.0.1:"},
          {"tcp://[::]:", "tcp://[::1]:"}}) {
      if (endpoint.starts_with(any)) endpoint.replace(0, any.size(), own);
    }
    return endpoint;
  };
  std::string now;
  try {
    gatekeeper_ = sockets_.gatekeeper();
    now = address(self_.rpc, options_.rpc_port);
    router_ = sockets_.router(now);
    router_unread_ = true;
    self_.rpc = reachable(router_->get(zmq::sockopt::last_endpoint));
    now = address(self_.events, options_.events_port);
    publisher_ = sockets_.publisher(now);
    self_.events = reachable(publisher_->get(zmq::sockopt::last_endpoint));
    return {};
  } catch (const zmq::error_t& error) {
    return Error{Code::Unavailable, fmt::format("cannot bind {}: {}", now, error.what())};
  }
}

void NodeImpl::receive_calls() {
  for (int i = 0; router_ && i < kReceivePerTurn; ++i) {
    zmq::message_t caller;
    if (!router_->recv(caller, zmq::recv_flags::dontwait)) {
      router_unread_ = false;
      return;
    }
    std::vector<zmq::message_t> frames;
    while (router_->get(zmq::sockopt::rcvmore)) {
      zmq::message_t part;
      if (!router_->recv(part)) return;
      if (frames.size() < 8) frames.push_back(std::move(part));
    }
    if (frames.size() < 2) continue;
    auto envelope = json::decode<Envelope>(frames[0].to_string_view());
    if (!envelope) continue;
    handle_call(caller.to_string(), envelope.value(), frames[1].to_string(),
                frames.size() > 2 ? frames[2].to_string() : std::string());
  }
}

void NodeImpl::handle_call(std::string caller, const Envelope& envelope, std::string body,
                           std::string binary) {
  if (envelope.type == Type::Cancel || envelope.type == Type::Taken) {
    const auto found = incoming_.find({caller, envelope.id});
    if (found == incoming_.end()) return;
    const auto call = found->second.lock();
    if (!call) return;
    return envelope.type == Type::Cancel ? call->cancel() : call->taken(envelope.bytes);
  }
  if (envelope.type != Type::Call) return;
  ++serving_count_;
  quick_calls_ = SystemClock::instance().now() - answered_ < kLook ? quick_calls_ + 1 : 0;
  auto call = std::make_shared<IncomingCall>(
      *this, loop_,
      IncomingCall::What{
          .caller = std::move(caller),
          .id = envelope.id,
          .body = std::move(body),
          .binary = std::move(binary),
          .deadline = SystemClock::instance().now() + Milliseconds(envelope.timeout_ms),
          .traceparent = envelope.traceparent});
  const auto method = methods_.find(envelope.method);
  if (method == methods_.end()) {
    call->reply(Error{Code::Unimplemented,
                      fmt::format("{} has no method {}", options_.service, envelope.method)});
  } else if (serving_count_ > options_.serving_max) {
    call->reply(Error{Code::Overloaded, fmt::format("{} serves {} calls already", options_.service,
                                                    options_.serving_max)});
  } else {
    incoming_[call->key()] = call;
    guarded([&] { method->second(std::move(call)); });
  }
}

// --- events -------------------------------------------------------------------------------------

void NodeImpl::publish(std::string topic, std::string body) {
  if (events_posted_ >= kPublishing) return;
  ++events_posted_;
  on_loop([this, topic = std::move(topic), body = std::move(body)] {
    --events_posted_;
    if (!publisher_) return;
    if (const auto error = too_large(topic, body.size())) {
      return telemetry::warn("event dropped", {{"why", error->message}});
    }
    publisher_->send(frame(topic), zmq::send_flags::sndmore | zmq::send_flags::dontwait);
    publisher_->send(frame(body), zmq::send_flags::dontwait);
  });
}

void NodeImpl::subscribe(std::string topic, OnEvent on_event) {
  on_loop([this, topic = std::move(topic), on_event = std::move(on_event)] {
    if (!subscriber_) subscriber_ = sockets_.subscriber();
    subscriber_->set(zmq::sockopt::subscribe, topic);
    subscriber_unread_ = true;
    subscriptions_[topic].push_back(on_event);
    rescan();
    scan();
  });
}

void NodeImpl::unsubscribe_from(const std::string& address) {
  if (!subscriber_) return;
  subscriber_unread_ = true;
  try {
    subscriber_->disconnect(address);
  } catch (const zmq::error_t&) {
    // It had never been connected.
  }
}

void NodeImpl::connect_publishers(const std::vector<Instance>& found) {
  if (!subscriber_) return;
  subscriber_unread_ = true;
  std::set<std::string> live;
  for (const Instance& instance : found) {
    if (sockets_.suits(instance.events)) live.insert(instance.events);
  }
  for (const std::string& address : live) {
    if (!publishers_.insert(address).second) continue;
    try {
      subscriber_->connect(address);
    } catch (const zmq::error_t& error) {
      telemetry::warn("publisher not connected", {{"events", address}, {"why", error.what()}});
    }
  }
  for (auto known = publishers_.begin(); known != publishers_.end();) {
    if (live.contains(*known)) {
      ++known;
      continue;
    }
    unsubscribe_from(*known);
    known = publishers_.erase(known);
  }
}

void NodeImpl::receive_events() {
  for (int i = 0; subscriber_ && i < kReceivePerTurn; ++i) {
    zmq::message_t topic;
    zmq::message_t body;
    if (!subscriber_->recv(topic, zmq::recv_flags::dontwait)) {
      subscriber_unread_ = false;
      return;
    }
    if (!subscriber_->get(zmq::sockopt::rcvmore) || !subscriber_->recv(body)) continue;
    const auto found = subscriptions_.find(topic.to_string());
    if (found == subscriptions_.end()) continue;
    // They may subscribe to the same topic.
    for (std::size_t j = 0; j < found->second.size(); ++j) {
      guarded([&] { found->second[j](found->first, body.to_string()); });
    }
  }
}

// --- calls --------------------------------------------------------------------------------------

CallId NodeImpl::call(const std::string& service, std::string method, std::string body,
                      CallOptions options, OnReply on_reply, OnItem on_item) {
  const CallId id = next_call_++;
  if (calls_posted_ >= options_.calls_max) {
    on_reply(Error{Code::Overloaded, "too many calls wait for the node's thread"});
    return id;
  }
  Pending pending{.service = service,
                  .method = std::move(method),
                  .body = std::move(body),
                  .options = std::move(options),
                  .on_reply = std::move(on_reply),
                  .on_item = std::move(on_item)};
  const auto moved = std::make_shared<Pending>(std::move(pending));
  ++calls_posted_;
  const bool posted = on_loop([this, id, moved] {
    --calls_posted_;
    start(id, std::move(*moved));
  });
  if (!posted) moved->on_reply(Error{Code::Cancelled, "shut down"});
  return id;
}

void NodeImpl::start(CallId id, Pending pending) {
  if (stopping_) return pending.on_reply(Error{Code::Cancelled, "shutting down"});
  if (auto error = too_large(pending.method, pending.body.size())) {
    return pending.on_reply(std::move(*error));
  }
  if (auto error = too_large("the raw part", pending.options.binary.size())) {
    return pending.on_reply(std::move(*error));
  }
  if (calls_.size() >= options_.calls_max) {
    return pending.on_reply(
        Error{Code::Overloaded, fmt::format("{} calls are under way already", calls_.size())});
  }
  const SteadyTime now = SystemClock::instance().now();
  pending.options.deadline = std::min(pending.options.deadline, now + kCallTimeMax);
  const auto left = retry::remaining(now, pending.options.deadline);
  if (left.count() <= 0) {
    return pending.on_reply(
        Error{Code::DeadlineExceeded, fmt::format("{}: no time left to call", pending.method)});
  }
  Pending& placed = calls_.emplace(id, std::move(pending)).first->second;
  placed.deadline_timer = loop_->after(left, [this, id] {
    const auto found = calls_.find(id);
    if (found == calls_.end()) return;
    const Pending& late = found->second;
    if (late.peer != nullptr) late.peer->silent = late.peer->link == Peer::Link::Up;
    finish(id, Error{Code::DeadlineExceeded,
                     fmt::format("{}: no answer in time{}", late.method,
                                 late.peer == nullptr ? " (no instance to ask)" : "")});
  });
  send(id, placed);
}

void NodeImpl::send(CallId id, Pending& pending) {
  Peer* peer = choose(pending.service);
  if (peer == nullptr) {
    return attempt_failed(
        id, {Code::Unavailable, fmt::format("no instance of {} is running", pending.service)});
  }
  const auto left = retry::remaining(SystemClock::instance().now(), pending.options.deadline);
  const Envelope envelope{.type = Type::Call,
                          .id = static_cast<std::int64_t>(id),
                          .method = pending.method,
                          .sender = options_.service,
                          .timeout_ms = left.count(),
                          .traceparent = pending.options.traceparent};
  pending.peer = peer;
  peer->unread = true;
  ++peer->in_flight;
  const auto sent = peer->socket.send(frame(json::encode(envelope)),
                                      zmq::send_flags::sndmore | zmq::send_flags::dontwait);
  if (!sent) {
    return attempt_failed(
        id, {Code::Overloaded, fmt::format("{}: its queue is full", pending.service)});
  }
  const bool raw = !pending.options.binary.empty();
  peer->socket.send(frame(pending.body), raw ? zmq::send_flags::sndmore | zmq::send_flags::dontwait
                                             : zmq::send_flags::dontwait);
  if (raw) peer->socket.send(frame(pending.options.binary), zmq::send_flags::dontwait);
}

// A word about a call, without a body.
void NodeImpl::tell(Peer& peer, const Envelope& envelope) {
  peer.unread = true;
  if (peer.socket.send(frame(json::encode(envelope)),
                       zmq::send_flags::sndmore | zmq::send_flags::dontwait)) {
    peer.socket.send(frame(""), zmq::send_flags::dontwait);
  }
}

void NodeImpl::attempt_failed(CallId id, Error error) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  Pending& pending = found->second;
  take_back(pending);
  ++pending.failures;
  retry::Budget& budget = budgets_[pending.service];
  const auto wait = retry::delay(retry::kServiceCall, pending.failures, random_);
  const bool again =
      pending.options.idempotent && !pending.items_seen && retryable(error.code) &&
      retry::may_retry(retry::kServiceCall, pending.failures, SystemClock::instance().now(), wait,
                       pending.options.deadline) &&
      budget.spend();
  if (!again) return finish(id, std::move(error));
  pending.retry_timer = loop_->after(wait, [this, id] {
    const auto waiting = calls_.find(id);
    if (waiting == calls_.end()) return;
    waiting->second.retry_timer = 0;
    send(id, waiting->second);
  });
}

// The call is not out any more; where it was.
Peer* NodeImpl::take_back(Pending& pending) {
  Peer* const peer = std::exchange(pending.peer, nullptr);
  if (peer == nullptr) return nullptr;
  --peer->in_flight;
  if (peer->withdrawn) rescan();  // it may be the last call
  return peer;
}

void NodeImpl::finish(CallId id, Result<std::string> result) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  Pending pending = std::move(found->second);
  calls_.erase(found);
  loop_->cancel(pending.deadline_timer);
  loop_->cancel(pending.retry_timer);
  Peer* const peer = take_back(pending);
  const bool abandoned = !result && (result.error().code == Code::DeadlineExceeded ||
                                     result.error().code == Code::Cancelled);
  if (peer != nullptr && abandoned) {
    tell(*peer, {.type = Type::Cancel, .id = static_cast<std::int64_t>(id)});
  }
  if (result) budgets_[pending.service].earn();
  guarded([&] { pending.on_reply(std::move(result)); });
}

void NodeImpl::cancel(CallId id) {
  const auto end = [this, id] { finish(id, Error{Code::Cancelled, "cancelled by the caller"}); };
  // On the thread, what is not there may be about to come: another thread has just called.
  if (on_thread() && calls_.contains(id)) return end();
  loop_->post(end);
}

Result<std::string> NodeImpl::call_and_wait(const std::string& service, std::string method,
                                            std::string body, CallOptions options) {
  assert(!on_thread());
  const auto answer = std::make_shared<Awaited>();
  call(service, std::move(method), std::move(body), std::move(options),
       [answer](Result<std::string> result) { answer->give(std::move(result)); }, {});
  return answer->take();
}

// Whether there may be more.
bool NodeImpl::receive_replies(Peer& peer) {
  for (int i = 0; i < kReceivePerTurn; ++i) {
    zmq::message_t head;
    if (!peer.socket.recv(head, zmq::recv_flags::dontwait)) {
      peer.unread = false;
      return false;
    }
    peer.silent = false;
    zmq::message_t body;
    while (peer.socket.get(zmq::sockopt::rcvmore)) {
      zmq::message_t part;
      if (!peer.socket.recv(part)) return false;
      if (body.size() == 0) body = std::move(part);
    }
    auto envelope = json::decode<Envelope>(head.to_string_view());
    if (envelope) handle_reply(envelope.value(), body.to_string());
  }
  return true;
}

void NodeImpl::handle_reply(const Envelope& envelope, std::string body) {
  const auto id = static_cast<CallId>(envelope.id);
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  switch (envelope.type) {
    case Type::Item:
      return handle_item(id, found->second, std::move(body));
    case Type::Reply:
      return finish(id, std::move(body));
    case Type::Error: {
      const Code code = code_from_name(envelope.code);
      Error error{code, std::move(body)};
      // Overloaded is the peer's own word; trying again at once would not help it.
      return code == Code::Unavailable ? attempt_failed(id, std::move(error))
                                       : finish(id, std::move(error));
    }
    case Type::Call:
    case Type::Cancel:
    case Type::Taken:
      return;
  }
}

void NodeImpl::handle_item(CallId id, Pending& pending, std::string body) {
  pending.items_seen = true;
  pending.untold_bytes += static_cast<std::int64_t>(body.size()) + kItemCost;
  if (pending.untold_bytes >= kTakenBytes && pending.peer != nullptr) {
    tell(*pending.peer, {.type = Type::Taken,
                         .id = static_cast<std::int64_t>(id),
                         .bytes = std::exchange(pending.untold_bytes, 0)});
  }
  if (!pending.on_item) return;
  // It may end the call, and itself with it.
  const OnItem on_item = pending.on_item;
  guarded([&] { on_item(std::move(body)); });
}

// --- peers --------------------------------------------------------------------------------------

// Power of two choices (Mitzenmacher 2001): of two random instances the less busy one. One that has
// fallen silent (stopped, or stuck) looks idle and would draw calls: it gets none while there are
// others.
Peer* NodeImpl::choose(const std::string& service) {
  if (wanted_.insert(service).second) {
    rescan();
    scan();
  }
  std::vector<Peer*> live;
  const auto gather = [&](Peer::Link link, bool silent) {
    for (const auto& peer : peers_) {
      if (peer->instance.service == service && !peer->withdrawn && peer->link == link &&
          peer->silent == silent) {
        live.push_back(peer.get());
      }
    }
  };
  const auto look = [&] {
    gather(Peer::Link::Up, false);
    if (live.empty()) gather(Peer::Link::Up, true);
    if (live.empty()) gather(Peer::Link::Connecting, false);
  };
  look();
  const SteadyTime now = SystemClock::instance().now();
  if (live.empty() && now - searched_ >= kSearchInterval) {
    searched_ = now;
    rescan();
    scan();
    look();
  }
  if (live.empty()) return nullptr;
  Peer* a = live[random_.below(live.size())];
  Peer* b = live[random_.below(live.size())];
  return a->in_flight <= b->in_flight ? a : b;
}

void NodeImpl::scan() {
  if (!directory_->changed() && !std::exchange(scan_wanted_, false)) return;
  scan_wanted_ = false;
  const auto found = directory_->instances();
  connect_publishers(found);
  std::vector<Peer*> ended;
  for (const auto& peer : peers_) {
    peer->withdrawn = std::find(found.begin(), found.end(), peer->instance) == found.end();
    if (peer->withdrawn && peer->in_flight == 0) ended.push_back(peer.get());
  }
  for (Peer* peer : ended) peer_ended(peer);
  for (const Instance& instance : found) {
    const bool self = instance.pid == getpid() && instance.service == options_.service;
    const bool wanted = wanted_.contains(instance.service);
    if (self || !wanted || !sockets_.suits(instance.rpc)) continue;
    const bool known = std::any_of(peers_.begin(), peers_.end(),
                                   [&](const auto& peer) { return peer->instance == instance; });
    if (known) continue;
    try {
      peers_.push_back(std::make_unique<Peer>(instance, sockets_));
    } catch (const std::exception& error) {
      telemetry::warn("peer not connected", {{"rpc", instance.rpc}, {"why", error.what()}});
    }
  }
}

void NodeImpl::peer_ended(Peer* peer) {
  const std::string who =
      fmt::format("{} (process {}) ended", peer->instance.service, peer->instance.pid);
  std::erase_if(publishers_, [&](const std::string& address) {
    if (address != peer->instance.events) return false;
    unsubscribe_from(address);
    return true;
  });
  const auto found = std::find_if(peers_.begin(), peers_.end(),
                                  [&](const auto& candidate) { return candidate.get() == peer; });
  ended_.push_back(std::move(*found));
  peers_.erase(found);
  rescan();  // a successor may publish at the same address
  calls_failed(peer, who);
}

// What was sent on the old connection is lost; a new one is tried from now on, and nobody is sent
// there before it is up.
void NodeImpl::connection_lost(Peer& peer, std::string_view how) {
  const std::string why =
      fmt::format("the connection to {} at {} {}", peer.instance.service, peer.instance.rpc, how);
  telemetry::debug("peer unreachable", {{"why", why}});
  try {
    peer.reconnect(sockets_);
    peer.link = Peer::Link::Lost;
  } catch (const zmq::error_t& error) {
    // No descriptor was left, say: tried again as what does not come up.
    telemetry::warn("peer not connected", {{"rpc", peer.instance.rpc}, {"why", error.what()}});
    peer.link = Peer::Link::Connecting;
    peer.connecting_since = SystemClock::instance().now();
  }
  rescan();
  calls_failed(&peer, why);
}

void NodeImpl::give_up_connecting() {
  const SteadyTime now = SystemClock::instance().now();
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    Peer& peer = *peers_[i];
    if (peer.link == Peer::Link::Connecting && now - peer.connecting_since > kConnecting) {
      connection_lost(peer, "does not come up");
    }
  }
}

void NodeImpl::calls_failed(const Peer* peer, const std::string& why) {
  std::vector<CallId> lost;
  for (const auto& [id, pending] : calls_) {
    if (pending.peer == peer) lost.push_back(id);
  }
  for (const CallId id : lost) attempt_failed(id, {Code::Unavailable, why});
}

// --- the thread ---------------------------------------------------------------------------------

void NodeImpl::run(const std::stop_token& stop) {
  const LoopThread mark;
  loop_->adopt_thread();
  const std::stop_callback wake(stop, [this] { post([] {}); });
  while (!stop.stop_requested()) {
    ended_.clear();
    wait_for_input();
    loop_->run_due();
    // Twice: what has come is mostly answered, and who answers leaves the socket unread.
    receive();
    receive();
    const SteadyTime now = SystemClock::instance().now();
    if (now - scanned_ >= kScanInterval) {
      scanned_ = now;
      scan();
      give_up_connecting();
    }
  }
  stopping_ = true;
  while (!calls_.empty()) finish(calls_.begin()->first, Error{Code::Cancelled, "shutting down"});
  loop_->close();
  router_.reset();
  publisher_.reset();
  subscriber_.reset();
  peers_.clear();
  ended_.clear();
  gatekeeper_.reset();
}

bool NodeImpl::unread() const {
  return router_unread_ || subscriber_unread_ ||
         std::any_of(peers_.begin(), peers_.end(), [](const auto& peer) { return peer->unread; });
}

void NodeImpl::receive() {
  if (router_unread_) receive_calls();
  if (subscriber_unread_) receive_events();
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    if (peers_[i]->unread) receive_replies(*peers_[i]);
  }
}

// While an answer is due, or somebody calls again and again, the thread looks for it a little
// before it sleeps.
void NodeImpl::look_then_sleep(Milliseconds at_most) {
  const bool due = !calls_.empty() && calls_.size() <= kLookCalls;  // with many, one always comes
  const bool lively = quick_calls_ >= kQuickCalls && serving_count_ <= kLookCalls;
  if ((due || lively) && at_most.count() > 0) {
    Look look;
    do {
      if (poll(poll_items_.data(), poll_items_.size(), 0) > 0) return;
    } while (look.again());
  }
  poll(poll_items_.data(), poll_items_.size(), static_cast<int>(at_most.count()));
}

// Waits on all sockets and notes which may have something. Their descriptors are asked, not the
// sockets: each of those would cost system calls of its own.
void NodeImpl::wait_for_input() {
  std::vector<pollfd>& items = poll_items_;
  items.assign(1, {loop_->wake_fd(), POLLIN, 0});
  const auto add = [&](int fd) {
    items.push_back({fd, POLLIN, 0});  // a descriptor of -1 is passed over
    return items.size() - 1;
  };
  const auto add_socket = [&](auto& socket) {
    return socket ? add(socket->get(zmq::sockopt::fd)) : 0;
  };
  const std::size_t router = add_socket(router_);
  const std::size_t subscriber = add_socket(subscriber_);
  add_socket(gatekeeper_);
  for (const auto& peer : peers_) {
    peer->poll_index = add(peer->socket.get(zmq::sockopt::fd));
    add(peer->pid_fd);
    add_socket(peer->monitor);
  }
  const bool looks_out = !peers_.empty() || subscriber_ || !calls_.empty();
  const Milliseconds at_most = looks_out ? kScanInterval : Milliseconds(60'000);
  look_then_sleep(unread() ? Milliseconds(0) : loop_->wait(at_most));
  const auto ready = [&](std::size_t index) { return index != 0 && items[index].revents != 0; };
  if (items.front().revents != 0) loop_->clear_wake();
  router_unread_ |= ready(router);
  subscriber_unread_ |= ready(subscriber);
  if (gatekeeper_) sockets_.answer(*gatekeeper_);
  std::vector<Peer*> ended;
  std::vector<Peer*> disconnected;
  for (const auto& peer : peers_) {
    peer->unread |= ready(peer->poll_index);
    if (peer->connection_lost()) disconnected.push_back(peer.get());
    if (ready(peer->poll_index + 1)) ended.push_back(peer.get());
  }
  // What they had still sent comes first; its callbacks may end other peers.
  const auto still_there = [&](const Peer* peer) {
    return std::any_of(peers_.begin(), peers_.end(),
                       [&](const auto& other) { return other.get() == peer; });
  };
  for (Peer* peer : disconnected) {
    while (still_there(peer) && receive_replies(*peer)) {
    }
    if (still_there(peer)) connection_lost(*peer, "was lost");
  }
  for (Peer* peer : ended) {
    while (still_there(peer) && receive_replies(*peer)) {
    }
    if (still_there(peer)) peer_ended(peer);
  }
}

void NodeImpl::stop() {
  messaging::withdraw(options_.run_dir, self_);
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

NodeImpl::~NodeImpl() {
  stop();
  for (const std::string& address : {self_.rpc, self_.events}) {
    if (address.starts_with("ipc://")) unlink(address.c_str() + 6);
  }
}

}  // namespace

Result<std::unique_ptr<Node>> Node::open(Options options) {
  TRY(make_run_dir(options.run_dir));
  std::optional<Keys> keys;
  if (!options.tcp.empty()) {
    if (options.keys_dir.empty()) {
      return Error{Code::InvalidArgument, "keys: a directory is required to serve over tcp"};
    }
    keys = TRY(open_keys(options.keys_dir, options.service));
  }
  return std::unique_ptr<Node>(std::make_unique<NodeImpl>(std::move(options), std::move(keys)));
}

}  // namespace messaging
