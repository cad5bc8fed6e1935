#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <condition_variable>
#include <cstddef>
#include <ctime>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>

#include "net/outbox.h"
#include "net/session.h"
#include "net/stream.h"
#include "net/tls.h"

// One server connection. Not for other libraries: it shows Asio and Beast.
namespace net {

class Connection;
class RequestParser;

// What a door and its connections share. Loop thread only, save the members under the mutex.
struct DoorState {
  DoorState(Loop::Impl& loop_in, http::ServerOptions options_in, http::Handler handler_in)
      : loop(loop_in), options(std::move(options_in)), handler(std::move(handler_in)) {}

  Loop::Impl& loop;
  const http::ServerOptions options;
  http::Handler handler;
  UpgradeHandler upgrade;
  std::shared_ptr<TlsContext> tls;  // null on a plain door
  bool draining = false;
  std::unordered_set<Connection*> connections;
  std::time_t date_at = 0;
  std::string date;  // as the Date line of answers wants it, made once a second

  std::mutex mutex;
  std::condition_variable changed;
  std::size_t open = 0;   // connections
  bool accepting = true;  // until the accept loop has ended
};

// Serves the requests of one socket in order: reads one, has it handled, sends the answer. While
// the handler works, one read stays pending, which shows a client that goes away and holds what it
// sends ahead. Owned by its coroutine; loop thread only, save wake() and abort().
class Connection final : public Outbox::Carrier, public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<DoorState> door, Socket socket, std::string peer);
  ~Connection() override;

  // The whole life of the connection.
  Awaitable<void> run();

  void wake() override;
  void abort() override;

  // Closes now, with or without a request in flight.
  void close();
  // Closes if no request is in flight, else after its answer.
  void drain();

 private:
  enum class Phase { Idle, Reading, Answering, Refusing, Ending };

  Awaitable<bool> secure();
  Awaitable<void> say_goodbye();
  Awaitable<void> upgrade();
  Awaitable<bool> serve_one();
  Awaitable<bool> read_head();
  Awaitable<bool> read_body();
  Awaitable<bool> fill(std::size_t bytes);
  Awaitable<bool> answer();
  Awaitable<bool> send_answer();
  Awaitable<bool> send();
  std::size_t send_at_once();
  Awaitable<void> refuse();
  Awaitable<void> settle_watch();
  void refuse_with(int status, Code code, std::string message);
  void refuse_parse_error(const error_code& failed);
  bool head_acceptable();
  void build_head(const Outbox::Batch& batch);
  void watch();
  void watched(const error_code& failed, std::size_t bytes);
  void expired();

  std::shared_ptr<DoorState> door_;
  Stream stream_;
  const std::string peer_;
  Event event_;
  Watchdog watchdog_;
  std::shared_ptr<Outbox> outbox_;
  boost::beast::flat_buffer buffer_;
  std::unique_ptr<RequestParser> parser_;
  std::shared_ptr<Session> session_;  // after an upgrade, which took the stream along
  std::optional<http::Response> refusal_;
  std::string head_;
  std::string bytes_;
  Phase phase_ = Phase::Idle;
  error_code read_error_;
  bool first_request_ = true;
  bool http_1_0_ = false;
  bool head_only_ = false;
  bool keep_alive_ = true;
  bool timed_out_ = false;
  bool broken_ = false;  // nothing more can be sent
  bool read_pending_ = false;
  bool read_cancelled_ = false;
};

}  // namespace net
