#include "llm/leases.h"

#include <fmt/format.h>
#include <signal.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "cache/redis_connection.h"
#include "crypto/crypto.h"
#include "telemetry/log.h"

namespace llm {
namespace {

using Reply = cache::RedisConnection::Reply;
using Command = cache::RedisConnection::Command;
using Done = std::function<void(std::optional<Lent>)>;

constexpr std::string_view kPrefix = "troupe:llm:limit:";

// A bucket as the moment at which it is full again (as retry::Limiter keeps it), in microseconds of
// Redis' clock. KEYS: the bucket; ARGV: size, microseconds to refill, want, need, ttl. Gives what
// was taken, or less than 0: the milliseconds until as much may be there.
constexpr std::string_view kRate = R"(
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local size, refill = tonumber(ARGV[1]), tonumber(ARGV[2])
local want, need = tonumber(ARGV[3]), tonumber(ARGV[4])
local per = refill / size
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local left = (refill - (full - now)) / per
local got = want
if want > 0 then
  if left + 0.000001 < need then return -math.ceil((need - left) * per / 1000) end
  got = math.min(want, math.floor(left + 0.000001))
end
redis.call('SET', KEYS[1], string.format('%.0f', full + got * per), 'PX', ARGV[5])
return got
)";

// A window as what each holder has of it. KEYS: the window; ARGV: size, holder, held, want, need,
// ttl. Gives what was taken, or 0.
constexpr std::string_view kBudget = R"(
local size, held = tonumber(ARGV[1]), tonumber(ARGV[3])
local want, need = tonumber(ARGV[4]), tonumber(ARGV[5])
local left = size - held
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if all[i] ~= ARGV[2] then left = left - tonumber(all[i + 1]) end
end
local got = 0
if want > 0 and left >= need then got = math.min(want, left) end
redis.call('HSET', KEYS[1], ARGV[2], string.format('%.0f', held + got))
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return got
)";

SteadyTime now() { return SystemClock::instance().now(); }

struct Order {
  Loan loan;
  Done done;
};

// The words of a command, which only refers to them.
std::vector<std::string> words_of(const Loan& loan) {
  const auto text = [](std::int64_t number) { return std::to_string(number); };
  std::vector<std::string> words{"EVAL", std::string(loan.refill_us > 0 ? kRate : kBudget), "1",
                                 std::string(kPrefix) + loan.name, text(loan.size)};
  if (loan.refill_us > 0) {
    words.push_back(text(loan.refill_us));
  } else {
    words.push_back(loan.holder);
    words.push_back(text(loan.held));
  }
  for (const std::int64_t number : {loan.want, loan.need, loan.ttl_ms}) {
    words.push_back(text(number));
  }
  return words;
}

}  // namespace

struct RedisLender::Impl {
  enum class State { Connecting, Works, Away };

  Impl(Options options_in, Post post_in, std::function<void()> beat_in)
      : options(std::move(options_in)),
        post(std::move(post_in)),
        beat(std::move(beat_in)),
        thread([this](const std::stop_token& stop) { run(stop); }) {}

  void run(const std::stop_token& stop);
  void beat_when_due();
  bool reach();
  void lost(const Error& why);
  std::vector<Order> next_batch(const std::stop_token& stop);
  bool carry_out(std::vector<Order> batch);
  void answer(std::vector<Order> batch, std::vector<std::optional<Lent>> answers) const;
  void fail(std::vector<Order> batch) const {
    std::vector<std::optional<Lent>> nothing(batch.size());
    answer(std::move(batch), std::move(nothing));
  }

  const Options options;
  const Post post;
  const std::function<void()> beat;
  std::atomic<State> state = State::Connecting;
  // Of the thread.
  std::unique_ptr<cache::RedisConnection> connection;
  SteadyTime next_beat{};
  bool told = false;  // that it is away

  std::mutex mutex;
  std::condition_variable_any arrived;
  std::deque<Order> queue;

  std::jthread thread;  // last: it uses all of the above
};

void RedisLender::Impl::run(const std::stop_token& stop) {
  // hiredis writes to sockets that a peer may have closed.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  while (!stop.stop_requested()) {
    beat_when_due();
    if (connection == nullptr && !reach()) {
      std::unique_lock lock(mutex);
      arrived.wait_for(lock, stop, options.cool_down, [] { return false; });
      continue;
    }
    carry_out(next_batch(stop));
  }
  // What is brought back at the end.
  while (connection != nullptr) {
    auto batch = next_batch(stop);
    if (batch.empty() || !carry_out(std::move(batch))) break;
  }
}

void RedisLender::Impl::beat_when_due() {
  if (now() < next_beat) return;
  next_beat = now() + options.heartbeat;
  post(beat);
}

// Connected, and the scripts may run.
bool RedisLender::Impl::reach() {
  auto opened = cache::RedisConnection::open(options.address, options.timeout);
  if (!opened) return lost(opened.error()), false;
  connection = std::move(opened).value();
  Loan proof{.name = "proof", .holder = "proof", .ttl_ms = 1000};
  if (!carry_out({Order{std::move(proof), [](const auto&) {}}})) return false;
  if (std::exchange(told, false)) telemetry::info("limits are shared again");
  state = State::Works;
  return true;
}

// Nobody waits for a server that is away: what is queued fails, and what comes.
void RedisLender::Impl::lost(const Error& why) {
  connection.reset();
  state = State::Away;
  if (!std::exchange(told, true)) {
    telemetry::warn("limits are not shared",
                    {{"server", options.address.text()}, {"why", why.message}});
  }
  std::vector<Order> left;
  {
    const std::lock_guard lock(mutex);
    left.assign(std::make_move_iterator(queue.begin()), std::make_move_iterator(queue.end()));
    queue.clear();
  }
  fail(std::move(left));
}

// Empty when none came for the time of a heartbeat.
std::vector<Order> RedisLender::Impl::next_batch(const std::stop_token& stop) {
  std::vector<Order> batch;
  std::unique_lock lock(mutex);
  arrived.wait_for(lock, stop, options.heartbeat, [this] { return !queue.empty(); });
  while (!queue.empty() && batch.size() < options.batch_max) {
    batch.push_back(std::move(queue.front()));
    queue.pop_front();
  }
  return batch;
}

// False: the connection is lost. A server that refuses a script is of no use for limits either.
bool RedisLender::Impl::carry_out(std::vector<Order> batch) {
  std::vector<std::vector<std::string>> words;
  for (const Order& order : batch) words.push_back(words_of(order.loan));
  if (batch.empty()) words.push_back({"PING"});  // silence may be rest or death
  std::vector<Command> commands;
  for (const auto& each : words) commands.emplace_back(each.begin(), each.end());
  auto replies = connection->exchange(commands, options.timeout);
  std::optional<Error> failed;
  if (!replies) failed = replies.error();
  std::vector<std::optional<Lent>> answers;
  for (std::size_t i = 0; !failed && i < batch.size(); ++i) {
    const Reply& reply = replies.value()[i];
    if (reply.kind != Reply::Kind::Number) {
      failed = Error{Code::Unavailable, fmt::format("a loan is refused: {}", reply.text)};
    }
    answers.push_back(reply.number < 0 ? Lent{0, Milliseconds(-reply.number)}
                                       : Lent{reply.number, Milliseconds(0)});
  }
  if (failed) {
    // First known, then told: who is told asks again at once, and then does without.
    lost(*failed);
    fail(std::move(batch));
    return false;
  }
  answer(std::move(batch), std::move(answers));
  return true;
}

void RedisLender::Impl::answer(std::vector<Order> batch,
                               std::vector<std::optional<Lent>> answers) const {
  if (batch.empty()) return;
  post([batch = std::move(batch), answers = std::move(answers)] {
    for (std::size_t i = 0; i < batch.size(); ++i) batch[i].done(answers[i]);
  });
}

RedisLender::RedisLender(Options options, Post post, std::function<void()> beat)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(post), std::move(beat))) {}

RedisLender::~RedisLender() = default;

bool RedisLender::works() const { return impl_->state == Impl::State::Works; }

std::string_view RedisLender::state() const {
  switch (impl_->state) {
    case Impl::State::Connecting:
      return "connecting";
    case Impl::State::Works:
      return "connected";
    case Impl::State::Away:
      break;
  }
  return "unavailable";
}

void RedisLender::lend(Loan loan, std::function<void(std::optional<Lent>)> done) {
  {
    const std::lock_guard lock(impl_->mutex);
    // The state is set before the queue is emptied: nothing stays behind in it.
    if (works() && impl_->queue.size() < impl_->options.queue_max) {
      impl_->queue.push_back({std::move(loan), std::move(done)});
      impl_->arrived.notify_one();
      return;
    }
  }
  impl_->post([done = std::move(done)] { done(std::nullopt); });
}

Result<std::string> instance_name(const std::string& path) {
  std::string name;
  if (std::ifstream file(path); file >> name && !name.empty() && name.size() <= 64) return name;
  name = crypto::random_token(12);
  // Renamed, so that no crash leaves half a name.
  const std::string draft = path + ".new";
  std::ofstream file(draft);
  file << name << '\n';
  file.close();
  std::error_code failed;
  if (file) std::filesystem::rename(draft, path, failed);
  if (!file || failed) return Error{Code::Unavailable, fmt::format("cannot write {}", path)};
  return name;
}

}  // namespace llm
