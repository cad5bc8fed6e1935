#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <ctime>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "net/inlet.h"
#include "net/message.h"
#include "net/outbox.h"
#include "net/session.h"
#include "net/stream.h"
#include "net/tls.h"

// One server connection. Not for other libraries: it shows Asio.
namespace net {

class Connection;

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
  std::unordered_set<std::shared_ptr<Connection>> connections;
  std::time_t date_at = 0;
  std::string date;  // as the Date line of answers wants it, made once a second

  std::mutex mutex;
  std::condition_variable changed;
  std::size_t open = 0;   // connections
  bool accepting = true;  // until the accept loop has ended
};

// Serves the requests of one socket in order: reads one, has it handled, sends the answer. While
// the handler works the client is listened to, which shows one that goes away and holds what it
// sends ahead. Owned by its door from start() until it has closed; loop thread only, save wake(),
// hasten() and abort().
class Connection final : public Outbox::Carrier,
                         public Hasty,
                         public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<DoorState> door, Socket socket, std::string peer);
  ~Connection() override;

  void start();

  void wake() override;
  void hasten() override;
  void abort() override;
  void send_first() noexcept override;

  // Closes now, with or without a request in flight.
  void close();
  // Closes if no request is in flight, else after its answer.
  void drain();

 private:
  enum class Phase { Idle, Reading, Answering, Refusing, Lingering, Ending };

  void spawn(Awaitable<void> (Connection::*part)());
  Awaitable<void> secure();
  Awaitable<void> say_goodbye();
  Awaitable<void> run_session();

  void listen();
  void heard(const error_code& failed, std::string_view bytes);
  void await_request();
  void read(std::string_view bytes);
  void read_held();
  void keep(std::string_view bytes);
  void await_more();
  bool begin_body(std::string_view bytes);
  bool head_acceptable();
  void upgrade(std::string_view bytes);
  void answer();
  void watch();
  void glance();
  void pump();
  void pump_soon();
  void answered();
  void build_head(const Outbox::Batch& batch);
  bool send();
  bool send_at_once(std::size_t& sent);
  void sent(const error_code& failed);
  void refuse();
  void refuse_with(int status, Code code, std::string message);
  void refuse_fault(Fault fault);
  void expired();
  void end();
  void linger();
  void leave();

  std::shared_ptr<DoorState> door_;
  Stream stream_;
  const std::string peer_;
  Inlet inlet_;
  Watchdog watchdog_;
  std::shared_ptr<Outbox> outbox_;
  MessageReader reader_;
  std::string held_;  // bytes that are not read yet: a line without its end, or what came ahead
  std::optional<http::Request> request_;
  std::shared_ptr<Session> session_;          // after an upgrade, which took the stream along
  std::unique_ptr<WebSocketAccept> consent_;  // to it
  std::optional<http::Response> refusal_;
  std::string head_;
  std::string bytes_;
  std::atomic<bool> woken_ = false;  // pump() will be called
  Phase phase_ = Phase::Idle;
  bool first_request_ = true;
  bool http_1_0_ = false;
  bool head_only_ = false;
  bool keep_alive_ = true;
  bool handling_ = false;    // the handler is being called
  bool sending_ = false;     // head_ and bytes_ are on their way
  bool last_ = false;        // nothing of the answer follows them
  bool cut_ = false;         // and it is not whole
  bool read_ended_ = false;  // the client says nothing more
  bool broken_ = false;      // nothing more can be sent
  bool left_ = false;        // its door does not know it any more
};

}  // namespace net
