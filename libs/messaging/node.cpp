#include "messaging/node.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cassert>
#include <future>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <zmq.hpp>

#include "base/limits.h"
#include "json/codec.h"
#include "messaging/discovery.h"
#include "messaging/envelope.h"
#include "retry/policy.h"
#include "telemetry/log.h"

namespace messaging {
namespace {

constexpr Milliseconds kScanInterval{250};
constexpr Milliseconds kStampSettles{100};
constexpr std::chrono::microseconds kLook{300};
constexpr std::size_t kLookCalls = 8;
constexpr Milliseconds kSearchInterval{20};  // for a service of which no instance is known
constexpr int kQueuedMessages = 10'000;      // of one peer and direction; above calls_max
constexpr int kReceivePerTurn = 256;  // messages of one socket before the others get their turn

zmq::message_t frame(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

// Whoever receives more closes the connection, which would cost the other calls their answers.
std::optional<Error> too_large(std::string_view what, std::size_t bytes) {
  if (bytes <= limits::kFrameBytes) return std::nullopt;
  return Error{Code::TooLarge, fmt::format("{} has {} bytes, at most {} are allowed", what, bytes,
                                           limits::kFrameBytes)};
}

// Another process that serves: its socket, and a descriptor that tells when it ends.
struct Peer {
  Instance instance;
  zmq::socket_t socket;
  int pid_fd = -1;
  std::size_t in_flight = 0;
  std::size_t poll_index = 0;
  bool readable = false;
  bool withdrawn = false;  // ends once its calls have

  Peer(Instance what, zmq::context_t& context)
      : instance(std::move(what)), socket(context, zmq::socket_type::dealer) {
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::sndhwm, kQueuedMessages);
    socket.set(zmq::sockopt::rcvhwm, kQueuedMessages);
    socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(limits::kFrameBytes));
    socket.connect(instance.rpc);
    pid_fd = static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(instance.pid), 0));
  }
  ~Peer() {
    if (pid_fd >= 0) close(pid_fd);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
};

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
  TimerId deadline_timer = 0;
  TimerId retry_timer = 0;
};

class NodeImpl;

class IncomingCall final : public Incoming, public std::enable_shared_from_this<IncomingCall> {
 public:
  IncomingCall(NodeImpl& node, std::string caller, std::int64_t id, std::string body,
               SteadyTime deadline, std::string traceparent);
  ~IncomingCall() override;

  const std::string& body() const override { return body_; }
  SteadyTime deadline() const override { return deadline_; }
  const std::string& traceparent() const override { return traceparent_; }
  bool gone() const override { return cancelled_ || SystemClock::instance().now() > deadline_; }
  bool item(std::string body) override;
  void reply(Result<std::string> body) override;
  void on_gone(std::function<void()> callback) override;
  void cancel();
  std::pair<std::string, std::int64_t> key() const { return {caller_, id_}; }

 private:
  void send(Envelope envelope, std::string body, bool last);

  NodeImpl& node_;  // to be used on its loop only
  std::shared_ptr<TaskLoop> loop_;
  std::string caller_;
  std::int64_t id_;
  std::string body_;
  SteadyTime deadline_;
  std::string traceparent_;
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> answered_{false};

  std::mutex mutex_;
  std::function<void()> on_gone_;
};

class NodeImpl final : public Node {
 public:
  explicit NodeImpl(Options options)
      : options_(std::move(options)),
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
  void post(std::function<void()> task) override { loop_->post(std::move(task)); }
  bool on_thread() const override { return loop_->on_thread(); }
  TimerId after(Milliseconds delay, std::function<void()> task) override {
    assert(on_thread());
    return loop_->after(delay, std::move(task));
  }
  void cancel_timer(TimerId id) override {
    assert(on_thread());
    loop_->cancel(id);
  }

  const std::shared_ptr<TaskLoop>& loop() const { return loop_; }
  // Sends to whoever called us; on the node's thread.
  void answer(const std::string& caller, const Envelope& envelope, const std::string& body,
              bool last);

 private:
  void run(const std::stop_token& stop);
  void wait_for_input();
  void look_then_sleep(Milliseconds at_most);
  void receive_calls();
  void receive_events();
  void receive_replies(Peer& peer);
  void handle_call(std::string caller, const Envelope& envelope, std::string body);
  void handle_reply(const Envelope& envelope, std::string body);

  void start(CallId id, Pending pending);
  void send(CallId id, Pending& pending);
  void attempt_failed(CallId id, Error error);
  void finish(CallId id, Result<std::string> result);
  Peer* choose(const std::string& service);
  void scan();
  void peer_ended(Peer* peer);
  void connect_publishers(const std::vector<Instance>& found);
  void unsubscribe_from(const std::string& address);

  // Runs on the node's thread, now if we are on it; false when the node was stopped.
  bool on_loop(std::function<void()> task) {
    if (!on_thread()) return loop_->post(std::move(task));
    task();
    return true;
  }

  Options options_;
  zmq::context_t context_{1};
  // Shared with the calls that are served: whoever holds one may drop it after the node has gone.
  const std::shared_ptr<TaskLoop> loop_ = std::make_shared<TaskLoop>();
  std::map<std::string, Serve, std::less<>> methods_;
  Instance self_;
  std::atomic<std::size_t> serving_count_{0};
  std::atomic<CallId> next_call_{1};

  // Of the node's thread alone:
  bool stopping_ = false;
  Random random_;
  std::unique_ptr<zmq::socket_t> router_;
  std::unique_ptr<zmq::socket_t> publisher_;
  std::unique_ptr<zmq::socket_t> subscriber_;
  std::vector<zmq::pollitem_t> poll_items_;
  bool router_readable_ = false;
  bool subscriber_readable_ = false;
  std::map<std::string, std::vector<OnEvent>> subscriptions_;
  std::set<std::string> publishers_;
  std::vector<std::unique_ptr<Peer>> peers_;
  // No peers any more, but a caller further up may still hold one: they go in the next turn.
  std::vector<std::unique_ptr<Peer>> ended_;
  std::unordered_map<CallId, Pending> calls_;
  std::map<std::pair<std::string, std::int64_t>, std::weak_ptr<IncomingCall>> incoming_;
  std::map<std::string, retry::Budget> budgets_;
  SteadyTime scanned_{};
  SteadyTime searched_{};
  std::int64_t scanned_stamp_ = -1;

  std::jthread thread_;
};

// --- served calls -------------------------------------------------------------------------------

IncomingCall::IncomingCall(NodeImpl& node, std::string caller, std::int64_t id, std::string body,
                           SteadyTime deadline, std::string traceparent)
    : node_(node),
      loop_(node.loop()),
      caller_(std::move(caller)),
      id_(id),
      body_(std::move(body)),
      deadline_(deadline),
      traceparent_(std::move(traceparent)) {}

IncomingCall::~IncomingCall() {
  if (!answered_) reply(Error{Code::Internal, "the handler gave no answer"});
}

void IncomingCall::on_gone(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (!cancelled_) {
      on_gone_ = std::move(callback);
      return;
    }
  }
  loop_->post(std::move(callback));
}

void IncomingCall::cancel() {
  std::function<void()> callback;
  {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    callback = std::exchange(on_gone_, {});
  }
  if (callback && !answered_) guarded(callback);
}

bool IncomingCall::item(std::string body) {
  if (gone() || answered_ || body.size() > limits::kFrameBytes) return false;
  send(Envelope{.type = Type::Item, .id = id_}, std::move(body), false);
  return true;
}

void IncomingCall::reply(Result<std::string> body) {
  if (answered_.exchange(true)) return;
  {
    // What it holds may hold this call.
    const std::lock_guard lock(mutex_);
    on_gone_ = {};
  }
  if (body) {
    if (auto error = too_large("the reply", body.value().size())) body = std::move(*error);
  }
  Envelope envelope{.type = Type::Reply, .id = id_};
  if (body) {
    send(std::move(envelope), std::move(body).value(), true);
  } else {
    envelope.type = Type::Error;
    envelope.code = name(body.error().code);
    send(std::move(envelope), std::move(body).error().message, true);
  }
}

void IncomingCall::send(Envelope envelope, std::string body, bool last) {
  // The loop runs nothing after its node has stopped.
  auto task = [&node = node_, caller = caller_, envelope = std::move(envelope),
               body = std::move(body), last] { node.answer(caller, envelope, body, last); };
  if (loop_->on_thread()) {
    task();
  } else {
    loop_->post(std::move(task));
  }
}

void NodeImpl::answer(const std::string& caller, const Envelope& envelope, const std::string& body,
                      bool last) {
  if (last) {
    --serving_count_;
    incoming_.erase({caller, envelope.id});
  }
  if (!router_) return;
  try {
    if (!router_->send(frame(caller), zmq::send_flags::sndmore | zmq::send_flags::dontwait)) {
      return;  // the caller does not read; its deadline will tell it
    }
    router_->send(frame(json::encode(envelope)),
                  zmq::send_flags::sndmore | zmq::send_flags::dontwait);
    router_->send(frame(body), zmq::send_flags::dontwait);
  } catch (const zmq::error_t& error) {
    telemetry::debug("reply dropped", {{"why", error.what()}});  // the caller has gone
  }
}

Result<void> NodeImpl::bind(const std::string& http_address) {
  const auto path = [&](std::string_view kind) {
    return fmt::format("{}/{}.{}.{}", options_.run_dir, options_.service, getpid(), kind);
  };
  if (path("events").size() > limits::kRpcPathBytes) {
    return Error{Code::InvalidArgument,
                 fmt::format("run directory {}: socket paths would exceed {} bytes",
                             options_.run_dir, limits::kRpcPathBytes)};
  }
  self_ = {options_.service,          getpid(), http_address, "ipc://" + path("rpc"),
           "ipc://" + path("events"), {}};
  std::promise<Result<void>> bound;
  post([&] {
    try {
      router_ = std::make_unique<zmq::socket_t>(context_, zmq::socket_type::router);
      router_->set(zmq::sockopt::linger, 200);
      router_->set(zmq::sockopt::sndhwm, kQueuedMessages);
      router_->set(zmq::sockopt::rcvhwm, kQueuedMessages);
      router_->set(zmq::sockopt::router_mandatory, 1);
      router_->set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(limits::kFrameBytes));
      router_->bind(self_.rpc);
      if (!publisher_) {
        publisher_ = std::make_unique<zmq::socket_t>(context_, zmq::socket_type::pub);
        publisher_->set(zmq::sockopt::linger, 0);
        publisher_->bind(self_.events);
      }
      bound.set_value({});
    } catch (const zmq::error_t& error) {
      bound.set_value(
          Error{Code::Unavailable, fmt::format("cannot bind {}: {}", self_.rpc, error.what())});
    }
  });
  const auto result = bound.get_future().get();
  if (!result) return result;
  return announce(options_.run_dir, self_);
}

void NodeImpl::receive_calls() {
  for (int i = 0; router_ && i < kReceivePerTurn; ++i) {
    zmq::message_t caller;
    if (!router_->recv(caller, zmq::recv_flags::dontwait)) return;
    std::vector<zmq::message_t> frames;
    while (router_->get(zmq::sockopt::rcvmore)) {
      zmq::message_t part;
      if (!router_->recv(part)) return;
      if (frames.size() < 8) frames.push_back(std::move(part));
    }
    if (frames.size() < 2) continue;
    auto envelope = json::decode<Envelope>(frames[0].to_string_view());
    if (!envelope) continue;
    handle_call(caller.to_string(), envelope.value(), frames[1].to_string());
  }
}

void NodeImpl::handle_call(std::string caller, const Envelope& envelope, std::string body) {
  if (envelope.type == Type::Cancel) {
    const auto found = incoming_.find({caller, envelope.id});
    if (found == incoming_.end()) return;
    if (const auto call = found->second.lock()) call->cancel();
    return;
  }
  if (envelope.type != Type::Call) return;
  ++serving_count_;
  auto call = std::make_shared<IncomingCall>(
      *this, caller, envelope.id, std::move(body),
      SystemClock::instance().now() + Milliseconds(envelope.timeout_ms), envelope.traceparent);
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
  on_loop([this, topic = std::move(topic), body = std::move(body)] {
    if (!publisher_) return;
    publisher_->send(frame(topic), zmq::send_flags::sndmore | zmq::send_flags::dontwait);
    publisher_->send(frame(body), zmq::send_flags::dontwait);
  });
}

void NodeImpl::subscribe(std::string topic, OnEvent on_event) {
  on_loop([this, topic = std::move(topic), on_event = std::move(on_event)] {
    if (!subscriber_) {
      subscriber_ = std::make_unique<zmq::socket_t>(context_, zmq::socket_type::sub);
      subscriber_->set(zmq::sockopt::linger, 0);
    }
    subscriber_->set(zmq::sockopt::subscribe, topic);
    subscriptions_[topic].push_back(on_event);
    scanned_stamp_ = -1;
    scan();
  });
}

void NodeImpl::unsubscribe_from(const std::string& address) {
  try {
    if (subscriber_) subscriber_->disconnect(address);
  } catch (const zmq::error_t&) {
    // It had never been connected.
  }
}

void NodeImpl::connect_publishers(const std::vector<Instance>& found) {
  if (!subscriber_) return;
  std::set<std::string> live;
  for (const Instance& instance : found) {
    if (!instance.events.empty()) live.insert(instance.events);
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
    if (!subscriber_->recv(topic, zmq::recv_flags::dontwait)) return;
    if (!subscriber_->get(zmq::sockopt::rcvmore) || !subscriber_->recv(body)) continue;
    const auto found = subscriptions_.find(topic.to_string());
    if (found == subscriptions_.end()) continue;
    for (const OnEvent& on_event : found->second) {
      guarded([&] { on_event(found->first, body.to_string()); });
    }
  }
}

// --- calls --------------------------------------------------------------------------------------

CallId NodeImpl::call(const std::string& service, std::string method, std::string body,
                      CallOptions options, OnReply on_reply, OnItem on_item) {
  const CallId id = next_call_++;
  Pending pending{.service = service,
                  .method = std::move(method),
                  .body = std::move(body),
                  .options = std::move(options),
                  .on_reply = std::move(on_reply),
                  .on_item = std::move(on_item)};
  const auto moved = std::make_shared<Pending>(std::move(pending));
  const bool posted = on_loop([this, id, moved] { start(id, std::move(*moved)); });
  if (!posted) moved->on_reply(Error{Code::Cancelled, "shut down"});
  return id;
}

void NodeImpl::start(CallId id, Pending pending) {
  if (stopping_) return pending.on_reply(Error{Code::Cancelled, "shutting down"});
  if (auto error = too_large(pending.method, pending.body.size())) {
    return pending.on_reply(std::move(*error));
  }
  if (calls_.size() >= options_.calls_max) {
    return pending.on_reply(
        Error{Code::Overloaded, fmt::format("{} calls are under way already", calls_.size())});
  }
  const auto left = retry::remaining(SystemClock::instance().now(), pending.options.deadline);
  if (left.count() <= 0) {
    return pending.on_reply(
        Error{Code::DeadlineExceeded, fmt::format("{}: no time left to call", pending.method)});
  }
  Pending& placed = calls_.emplace(id, std::move(pending)).first->second;
  placed.deadline_timer = loop_->after(left, [this, id] {
    const auto found = calls_.find(id);
    if (found == calls_.end()) return;
    const Pending& late = found->second;
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
  ++peer->in_flight;
  const auto sent = peer->socket.send(frame(json::encode(envelope)),
                                      zmq::send_flags::sndmore | zmq::send_flags::dontwait);
  if (!sent) {
    return attempt_failed(
        id, {Code::Overloaded, fmt::format("{}: its queue is full", pending.service)});
  }
  peer->socket.send(frame(pending.body), zmq::send_flags::dontwait);
}

void NodeImpl::attempt_failed(CallId id, Error error) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  Pending& pending = found->second;
  if (pending.peer != nullptr) --pending.peer->in_flight;
  pending.peer = nullptr;
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

void NodeImpl::finish(CallId id, Result<std::string> result) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  Pending pending = std::move(found->second);
  calls_.erase(found);
  loop_->cancel(pending.deadline_timer);
  loop_->cancel(pending.retry_timer);
  if (pending.peer != nullptr) {
    --pending.peer->in_flight;
    if (pending.peer->withdrawn) scanned_stamp_ = -1;  // it may be the last call
    const bool abandoned = !result && (result.error().code == Code::DeadlineExceeded ||
                                       result.error().code == Code::Cancelled);
    if (abandoned) {
      const Envelope cancel{.type = Type::Cancel, .id = static_cast<std::int64_t>(id)};
      if (pending.peer->socket.send(frame(json::encode(cancel)),
                                    zmq::send_flags::sndmore | zmq::send_flags::dontwait)) {
        pending.peer->socket.send(frame(""), zmq::send_flags::dontwait);
      }
    }
  }
  if (result) budgets_[pending.service].earn();
  guarded([&] { pending.on_reply(std::move(result)); });
}

void NodeImpl::cancel(CallId id) {
  on_loop([this, id] { finish(id, Error{Code::Cancelled, "cancelled by the caller"}); });
}

Result<std::string> NodeImpl::call_and_wait(const std::string& service, std::string method,
                                            std::string body, CallOptions options) {
  assert(!on_thread());
  std::promise<Result<std::string>> promise;
  auto future = promise.get_future();
  call(service, std::move(method), std::move(body), std::move(options),
       [&](Result<std::string> result) { promise.set_value(std::move(result)); }, {});
  return future.get();
}

void NodeImpl::receive_replies(Peer& peer) {
  for (int i = 0; i < kReceivePerTurn; ++i) {
    zmq::message_t head;
    if (!peer.socket.recv(head, zmq::recv_flags::dontwait)) return;
    zmq::message_t body;
    while (peer.socket.get(zmq::sockopt::rcvmore)) {
      zmq::message_t part;
      if (!peer.socket.recv(part)) return;
      if (body.size() == 0) body = std::move(part);
    }
    auto envelope = json::decode<Envelope>(head.to_string_view());
    if (envelope) handle_reply(envelope.value(), body.to_string());
  }
}

void NodeImpl::handle_reply(const Envelope& envelope, std::string body) {
  const auto id = static_cast<CallId>(envelope.id);
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  switch (envelope.type) {
    case Type::Item:
      found->second.items_seen = true;
      if (found->second.on_item) guarded([&] { found->second.on_item(std::move(body)); });
      return;
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
      return;
  }
}

// --- peers --------------------------------------------------------------------------------------

// Power of two choices (Mitzenmacher 2001): of two random instances the less busy one.
Peer* NodeImpl::choose(const std::string& service) {
  std::vector<Peer*> live;
  const auto look = [&] {
    for (const auto& peer : peers_) {
      if (peer->instance.service == service && !peer->withdrawn) live.push_back(peer.get());
    }
  };
  look();
  const SteadyTime now = SystemClock::instance().now();
  if (live.empty() && now - searched_ >= kSearchInterval) {
    searched_ = now;
    scanned_stamp_ = -1;
    scan();
    look();
  }
  if (live.empty()) return nullptr;
  Peer* a = live[random_.below(live.size())];
  Peer* b = live[random_.below(live.size())];
  return a->in_flight <= b->in_flight ? a : b;
}

void NodeImpl::scan() {
  const std::int64_t stamp = run_dir_stamp(options_.run_dir);
  if (stamp == scanned_stamp_) return;
  // File times tick coarsely: a young stamp may be shared by a change still to come.
  const bool settled =
      SystemClock::instance().wall_ms() - stamp / 1'000'000 > kStampSettles.count();
  scanned_stamp_ = settled ? stamp : -1;
  const auto found = instances(options_.run_dir);
  connect_publishers(found);
  std::vector<Peer*> ended;
  for (const auto& peer : peers_) {
    peer->withdrawn = std::find(found.begin(), found.end(), peer->instance) == found.end();
    if (peer->withdrawn && peer->in_flight == 0) ended.push_back(peer.get());
  }
  for (Peer* peer : ended) peer_ended(peer);
  for (const Instance& instance : found) {
    if (instance.rpc.empty() || (instance.pid == getpid() && instance.service == options_.service))
      continue;
    const bool known = std::any_of(peers_.begin(), peers_.end(),
                                   [&](const auto& peer) { return peer->instance == instance; });
    if (known) continue;
    try {
      peers_.push_back(std::make_unique<Peer>(instance, context_));
    } catch (const zmq::error_t& error) {
      telemetry::warn("peer not connected", {{"rpc", instance.rpc}, {"why", error.what()}});
    }
  }
}

void NodeImpl::peer_ended(Peer* peer) {
  std::vector<CallId> lost;
  for (const auto& [id, pending] : calls_) {
    if (pending.peer == peer) lost.push_back(id);
  }
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
  for (const CallId id : lost) attempt_failed(id, {Code::Unavailable, who});
}

// --- the thread ---------------------------------------------------------------------------------

void NodeImpl::run(const std::stop_token& stop) {
  loop_->adopt_thread();
  const std::stop_callback wake(stop, [this] { post([] {}); });
  while (!stop.stop_requested()) {
    ended_.clear();
    wait_for_input();
    loop_->run_due();
    if (router_readable_) receive_calls();
    if (subscriber_readable_) receive_events();
    for (std::size_t i = 0; i < peers_.size(); ++i) {
      if (peers_[i]->readable) receive_replies(*peers_[i]);
    }
    const SteadyTime now = SystemClock::instance().now();
    if (now - scanned_ >= kScanInterval) {
      scanned_ = now;
      scan();
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
}

// While an answer is due the thread looks for it a little, giving way to whoever can run, before it
// sleeps: waking a core that sleeps costs more than most answers take.
void NodeImpl::look_then_sleep(Milliseconds at_most) {
  const SteadyTime end = SystemClock::instance().now() + kLook;
  const bool few = !calls_.empty() && calls_.size() <= kLookCalls;  // with many, one always comes
  while (few && at_most.count() > 0 && SystemClock::instance().now() < end) {
    if (zmq::poll(poll_items_, Milliseconds(0)) > 0) return;
    sched_yield();
  }
  zmq::poll(poll_items_, at_most);
}

// Waits on all sockets and notes which have something: asking a ZeroMQ socket costs system calls.
void NodeImpl::wait_for_input() {
  std::vector<zmq::pollitem_t>& items = poll_items_;
  items.assign(1, {nullptr, loop_->wake_fd(), ZMQ_POLLIN, 0});
  const auto add_socket = [&](zmq::socket_t& socket) {
    items.push_back({socket.handle(), 0, ZMQ_POLLIN, 0});
    return items.size() - 1;
  };
  const std::size_t router = router_ ? add_socket(*router_) : 0;
  const std::size_t subscriber = subscriber_ ? add_socket(*subscriber_) : 0;
  for (const auto& peer : peers_) {
    peer->poll_index = add_socket(peer->socket);
    items.push_back({nullptr, peer->pid_fd, ZMQ_POLLIN, 0});  // a descriptor of -1 is passed over
  }
  const bool looks_out = !peers_.empty() || subscriber_ || !calls_.empty();
  try {
    look_then_sleep(loop_->wait(looks_out ? kScanInterval : Milliseconds(60'000)));
  } catch (const zmq::error_t& error) {
    if (error.num() != EINTR) throw;
  }
  const auto ready = [&](std::size_t index) { return index != 0 && items[index].revents != 0; };
  router_readable_ = ready(router);
  subscriber_readable_ = ready(subscriber);
  std::vector<Peer*> ended;
  for (const auto& peer : peers_) {
    peer->readable = ready(peer->poll_index);
    if (ready(peer->poll_index + 1)) ended.push_back(peer.get());
  }
  for (Peer* peer : ended) {
    receive_replies(*peer);  // what it had still sent
    const bool known = std::any_of(peers_.begin(), peers_.end(),
                                   [&](const auto& other) { return other.get() == peer; });
    if (known) peer_ended(peer);
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
  const auto made = make_run_dir(options.run_dir);
  if (!made) return made.error();
  return std::unique_ptr<Node>(std::make_unique<NodeImpl>(std::move(options)));
}

}  // namespace messaging
