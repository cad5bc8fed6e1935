#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "net/dial.h"
#include "net/inlet.h"
#include "net/message.h"
#include "net/wire.h"

// What a client's requests and connections are made of. Not for other libraries: it shows Asio.
namespace net {

class Exchange;

// Where a request goes: parsed once, for all that have the same URL.
struct Site {
  Url url;
  std::string key;  // of the connections that may be shared
};

// One kept or busy connection to a server. A plain one is always listened to, so that a
// server's close is seen while nothing is asked. Kept alive by what waits for it. Loop thread only.
struct Link : std::enable_shared_from_this<Link> {
  static constexpr std::size_t kHeadBytesMax = 64 * 1024;

  explicit Link(Loop::Impl& loop);

  // Whether the server has closed it, or said something unasked, while it was idle.
  bool stale();
  // As the server says how long it keeps it; a second less, so that a request does not cross its
  // close on the way.
  void heed(const http::Headers& headers);
  void close() {
    open = false;
    stream.close();
    watchdog.clear();
  }

  Stream stream;
  Inlet inlet;
  Watchdog watchdog;
  MessageReader reader{MessageReader::Kind::Response, {.head_bytes = kHeadBytesMax}};
  std::string held;            // of the answer: a line without its end
  std::string out;             // of the request: its head, and a short body
  std::string_view body = {};  // else the body
  SteadyTime idle_until = SteadyTime::max();
  Milliseconds keep{Milliseconds::max()};
  Exchange* exchange = nullptr;  // whom it serves
  bool kept = false;             // it has served another before
  SteadyTime reads_on{};         // behind the beginning of a stream
  bool floods = false;           // so the last one came: faster than it was handed on
  bool open = true;
};

// One request from send() to done, and what its caller holds of it: then it may outlive the client
// and the loop. Loop thread only, save cancel().
class Exchange final : public Client::Call, public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(std::shared_ptr<Client::Impl> client_in, Loop::Impl& loop_in, ClientRequest request_in,
           ClientEvents events_in)
      : client(std::move(client_in)),
        request(std::move(request_in)),
        events(std::move(events_in)),
        loop_(&loop_in) {}

  void cancel() override;

  // Ends it with `reason`, a little later.
  void stop(Error reason);
  // Allows `phase` that much time, and never more than is left of the whole.
  void allow(std::string_view phase, Milliseconds delay);
  void expired();
  // The last word, unless the exchange was stopped for another reason.
  Error failure(Code code, std::string_view what) const;
  // It has ended, and no time-out follows.
  void rest() { waiting_.reset(); }
  // Nobody is there any more whom cancel() could reach.
  void detach() {
    const std::lock_guard lock(mutex_);
    loop_ = nullptr;
  }

  std::shared_ptr<Client::Impl> client;  // until it has finished
  ClientRequest request;
  ClientEvents events;
  std::shared_ptr<const Site> site;
  std::shared_ptr<Link> link;
  Dial* dial = nullptr;
  SteadyTime total_at{};
  std::optional<Error> stopped;
  std::size_t slot = 0;   // among the client's
  bool admitted = false;  // holds one of its host's connections
  bool queued = false;    // waits for one
  bool finished = false;
  // On this connection:
  bool begun = false;     // some of the request may have reached the server
  bool sent = false;      // all of it has left
  bool answered = false;  // a byte of the response came
  error_code unsent;      // why it was not sent whole
  std::size_t body_bytes = 0;

 private:
  std::string where() const;

  std::string_view phase_ = "total";
  Milliseconds delay_{0};
  bool late_ = false;                // the time has passed, but what came meanwhile is read first
  std::optional<Watchdog> waiting_;  // while there is no connection whose watchdog would do
  std::mutex mutex_;
  Loop::Impl* loop_;
};

}  // namespace net
