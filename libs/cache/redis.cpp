#include "cache/redis.h"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "cache/redis_connection.h"
#include "retry/breaker.h"
#include "telemetry/log.h"

namespace cache {
namespace {

using Reply = RedisConnection::Reply;
using Command = RedisConnection::Command;

constexpr std::string_view kPrefix = "troupe:";
// Whether a lane's work can be done is found out by doing it, with a key of our own.
constexpr std::string_view kProofKey = "troupe:proof";
constexpr std::size_t kOperationBytes = 128;  // of a queue, beside key and value

SteadyTime now() { return SystemClock::instance().now(); }

// One call on its way to the server. Exactly one of the two callbacks is set.
struct Operation {
  std::string key;
  std::shared_ptr<const std::string> value;  // of a put
  std::string ttl_ms;                        // of a put
  Redis::OnFound found;
  Redis::OnWritten written;
  SteadyTime deadline{};  // of a get: not asked any more when its time is over

  std::size_t bytes() const {
    return kOperationBytes + key.size() + (value == nullptr ? 0 : value->size());
  }
  // Tells the caller. What a callback of somebody else throws ends nothing but itself.
  void answer(Redis::Found what) const {
    try {
      if (written) written(what.outcome != Redis::Outcome::Failed);
      if (found) found(std::move(what));
    } catch (const std::exception& error) {
      telemetry::error("callback failed", {{"why", error.what()}});
    }
  }
  void fail() const { answer({}); }
};

class Lane;

// Which lanes cannot work, and what an operator hears of it.
class Outage {
 public:
  explicit Outage(std::string server) : server_(std::move(server)) {}

  void watch(Lane* lane) {
    const std::lock_guard lock(mutex_);
    lanes_.push_back(lane);
  }
  void lane_lost(const Lane* lane, const Error& why);
  void lane_works(const Lane* lane) {
    const std::lock_guard lock(mutex_);
    std::erase(lost_, lane);
    if (lost_.empty() && std::exchange(told_, false)) {
      telemetry::info("redis is back", {{"server", server_}});
    }
  }

 private:
  const std::string server_;
  std::mutex mutex_;
  std::vector<Lane*> lanes_;
  std::vector<const Lane*> lost_;
  bool told_ = false;
};

// One thread, its connection, and the queue in front of it. Only the thread touches the connection
// and the breaker.
class Lane {
 public:
  enum class State { Connecting, Works, Refused, Away };

  Lane(const Redis::Options& options, Milliseconds timeout, Command proof, Outage& outage)
      : options_(options),
        timeout_(timeout),
        proof_(std::move(proof)),
        outage_(outage),
        breaker_({.failures_max = 1, .cool_down = options.cool_down}),
        thread_([this](const std::stop_token& stop) { run(stop); }) {}
  ~Lane() { close(); }

  State state() const { return state_; }

  // Takes the operation, or fails it at once.
  void offer(Operation operation) {
    {
      const std::lock_guard lock(mutex_);
      const bool room = queue_.size() < options_.queue_max &&
                        queue_bytes_ + operation.bytes() <= options_.queue_bytes_max;
      if (room && open_) {
        queue_bytes_ += operation.bytes();
        queue_.push_back(std::move(operation));
        if (queue_.size() == 1) arrived_.notify_one();
        return;
      }
    }
    operation.fail();
  }

  // The server may be gone: to be found out now rather than at the next heartbeat.
  void doubt() {
    const std::lock_guard lock(mutex_);
    doubtful_ = true;
    arrived_.notify_one();
  }

  void close() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void run(const std::stop_token& stop);
  bool reach();
  Result<void> prove();
  void works();
  void lost(State state, const Error& why);
  std::vector<Operation> next_batch(const std::stop_token& stop);
  void carry_out(std::vector<Operation> batch);
  static std::size_t append(std::vector<Command>& commands, const Operation& operation);
  static bool settle(const Operation& operation, std::vector<Reply>& replies, std::size_t at);
  std::deque<Operation> shut();

  const Redis::Options& options_;
  const Milliseconds timeout_;
  const Command proof_;
  Outage& outage_;
  std::atomic<State> state_ = State::Connecting;
  retry::Breaker breaker_;
  std::unique_ptr<RedisConnection> connection_;

  std::mutex mutex_;
  std::condition_variable_any arrived_;
  std::deque<Operation> queue_;
  std::size_t queue_bytes_ = 0;
  bool open_ = false;  // proven well: operations are taken
  bool doubtful_ = false;

  std::jthread thread_;  // last: it uses all of the above
};

// The other lanes look at once, so that one outage is one, also when it is over soon.
void Outage::lane_lost(const Lane* lane, const Error& why) {
  const std::lock_guard lock(mutex_);
  std::erase(lost_, lane);
  lost_.push_back(lane);
  if (std::exchange(told_, true)) return;
  telemetry::warn("redis cannot be used", {{"server", server_}, {"why", why.message}});
  for (Lane* other : lanes_) {
    if (other != lane) other->doubt();
  }
}

void Lane::run(const std::stop_token& stop) {
  // hiredis writes to sockets that a peer may have closed.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  while (!stop.stop_requested()) {
    if (state_ == State::Works) {
      carry_out(next_batch(stop));
    } else if (!reach()) {
      std::unique_lock lock(mutex_);
      arrived_.wait_for(lock, stop, options_.cool_down, [] { return false; });
    }
  }
  connection_.reset();
  for (const Operation& operation : shut()) operation.fail();
}

// Connects if need be, and proves that the lane's work can be done.
bool Lane::reach() {
  const auto pass = breaker_.allow(now());
  if (!pass) return false;
  if (connection_ == nullptr) {
    auto opened = RedisConnection::open(options_.address, options_.connect_timeout);
    if (!opened) {
      breaker_.failed(*pass, now());
      lost(State::Away, opened.error());
      return false;
    }
    connection_ = std::move(opened).value();
  }
  const auto proven = prove();
  if (!proven) {
    breaker_.failed(*pass, now());
    const bool answered = proven.error().code == Code::PermissionDenied;
    lost(answered ? State::Refused : State::Away, proven.error());
    return false;
  }
  breaker_.succeeded(*pass);
  works();
  return true;
}

// PermissionDenied: the server is there and refuses.
Result<void> Lane::prove() {
  const auto replies = TRY(connection_->exchange({proof_}, options_.connect_timeout));
  if (replies.front().kind != Reply::Kind::Refused) return {};
  return Error{Code::PermissionDenied, replies.front().text};
}

void Lane::works() {
  {
    const std::lock_guard lock(mutex_);
    open_ = true;
  }
  // Who sees that it works finds the log line that says so.
  outage_.lane_works(this);
  state_ = State::Works;
}

// Nobody waits for a server that is away: what is queued fails, and what comes, until it is back.
void Lane::lost(State state, const Error& why) {
  state_ = state;
  if (state == State::Away) connection_.reset();
  outage_.lane_lost(this, why);
  for (const Operation& operation : shut()) operation.fail();
}

std::deque<Operation> Lane::shut() {
  const std::lock_guard lock(mutex_);
  open_ = false;
  queue_bytes_ = 0;
  return std::exchange(queue_, {});
}

// Empty when none came until it is time to see whether the server still lives.
std::vector<Operation> Lane::next_batch(const std::stop_token& stop) {
  std::vector<Operation> batch;
  std::unique_lock lock(mutex_);
  arrived_.wait_for(lock, stop, options_.heartbeat,
                    [this] { return !queue_.empty() || doubtful_; });
  if (std::exchange(doubtful_, false)) return batch;
  while (!queue_.empty() && batch.size() < options_.batch_max) {
    queue_bytes_ -= queue_.front().bytes();
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return batch;
}

void Lane::carry_out(std::vector<Operation> batch) {
  std::vector<Command> commands;
  std::vector<std::size_t> firsts;  // of each operation's commands
  const SteadyTime begun = now();
  std::erase_if(batch, [&](const Operation& operation) {
    const bool late = operation.found && operation.deadline <= begun;
    if (late) operation.fail();
    return late;
  });
  for (const Operation& operation : batch) firsts.push_back(append(commands, operation));
  bool doubtful = batch.empty();
  if (!batch.empty()) {
    auto replies = connection_->exchange(commands, timeout_);
    if (!replies) {
      // First closed, then told: who is told may ask again at once, and shall not wait again.
      breaker_.failed(*breaker_.allow(now()), now());
      lost(State::Away, replies.error());
      for (const Operation& operation : batch) operation.fail();
      return;
    }
    for (std::size_t i = 0; i < batch.size(); ++i) {
      doubtful = !settle(batch[i], replies.value(), firsts[i]) || doubtful;
    }
  }
  // A refusal may be about the key or about the server, and silence may be rest or death.
  if (!doubtful) return;
  const auto proven = prove();
  if (proven) return;
  breaker_.failed(*breaker_.allow(now()), now());
  const bool answered = proven.error().code == Code::PermissionDenied;
  lost(answered ? State::Refused : State::Away, proven.error());
}

// Adds the operation's commands and tells where they begin.
std::size_t Lane::append(std::vector<Command>& commands, const Operation& operation) {
  const std::size_t first = commands.size();
  if (operation.found) {
    commands.push_back({"GET", operation.key});
    commands.push_back({"PTTL", operation.key});
  } else if (operation.value != nullptr) {
    commands.push_back({"SET", operation.key, *operation.value, "PX", operation.ttl_ms});
  } else {
    commands.push_back({"DEL", operation.key});
  }
  return first;
}

// Tells the caller; false when the server refused.
bool Lane::settle(const Operation& operation, std::vector<Reply>& replies, std::size_t at) {
  Reply& reply = replies[at];
  if (reply.kind == Reply::Kind::Refused) {
    operation.fail();
    return false;
  }
  Redis::Found found{Redis::Outcome::Miss, nullptr, Milliseconds(0)};
  if (operation.found && reply.kind == Reply::Kind::Text) {
    // -1: it stays; -2: it has just gone.
    const std::int64_t ttl = replies[at + 1].number;
    found.outcome = Redis::Outcome::Hit;
    found.value = std::make_shared<const std::string>(std::move(reply.text));
    found.ttl = ttl == -1 ? Redis::kNoTtl : Milliseconds(std::max<std::int64_t>(ttl, 0));
  }
  operation.answer(std::move(found));
  return true;
}

}  // namespace

struct Redis::Impl {
  explicit Impl(Options options_in)
      : options(std::move(options_in)),
        outage(options.address.text()),
        reading(options, options.timeout, {"GET", kProofKey}, outage),
        writing(options, options.connect_timeout, {"SET", kProofKey, "", "PX", "1000"}, outage) {
    outage.watch(&reading);
    outage.watch(&writing);
  }

  const Options options;
  Outage outage;
  Lane reading;
  Lane writing;
};

Redis::Redis(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Redis::~Redis() { close(); }

void Redis::get(std::string_view key, OnFound done) {
  Operation operation;
  operation.key = std::string(kPrefix).append(key);
  operation.found = std::move(done);
  operation.deadline = now() + impl_->options.timeout;
  impl_->reading.offer(std::move(operation));
}

void Redis::put(std::string_view key, std::shared_ptr<const std::string> value, Milliseconds ttl,
                OnWritten done) {
  if (value == nullptr || value->size() > impl_->options.value_bytes_max) return done(false);
  if (ttl <= Milliseconds(0)) return erase(key, std::move(done));
  // Longer than anything is cached, short enough for the server to add to its time.
  constexpr Milliseconds kTtlMax = std::chrono::hours(24 * 365);
  Operation operation;
  operation.key = std::string(kPrefix).append(key);
  operation.value = std::move(value);
  operation.ttl_ms = std::to_string(std::min(ttl, kTtlMax).count());
  operation.written = std::move(done);
  impl_->writing.offer(std::move(operation));
}

void Redis::erase(std::string_view key, OnWritten done) {
  Operation operation;
  operation.key = std::string(kPrefix).append(key);
  operation.written = std::move(done);
  impl_->writing.offer(std::move(operation));
}

std::string_view Redis::state() const {
  switch (impl_->reading.state()) {
    case Lane::State::Connecting:
      return "connecting";
    case Lane::State::Refused:
    case Lane::State::Away:
      return "unavailable";
    case Lane::State::Works:
      break;
  }
  switch (impl_->writing.state()) {
    case Lane::State::Connecting:
      return "connecting";
    case Lane::State::Refused:
    case Lane::State::Away:
      return "refuses writes";
    case Lane::State::Works:
      break;
  }
  return "connected";
}

void Redis::close() {
  impl_->reading.close();
  impl_->writing.close();
}

}  // namespace cache
