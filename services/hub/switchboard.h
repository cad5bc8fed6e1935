#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "hub/event_log.h"
#include "hub/events.h"
#include "hub/session.h"

namespace hub {

// One connection as the switchboard sees it. Neither call may call back.
class Line {
 public:
  virtual ~Line() = default;
  virtual void send(std::string text) = 0;
  // A dispatch: its head and its end, which is kept as it is while it waits.
  virtual void send(std::string head, const Tail& tail) = 0;
  virtual void close(std::uint16_t code, std::string_view reason) = 0;
};

// The server's side of the Gateway without sockets: who is connected, which session is whose, who
// gets what, and who is online. Connections are numbers; time comes from the clock and tick(). Not
// thread-safe.
class Switchboard final : public Announcer, public Presences {
 public:
  struct Options {
    Milliseconds heartbeat{41'250};
    Milliseconds identify_timeout{30'000};
    Milliseconds resume_window{120'000};  // a session without connection is kept as long
    Milliseconds presence_grace{5'000};   // from the last connection's end to "offline"
    int commands_per_minute = 120;        // of one connection
    std::size_t connections_max = 4096;
    std::size_t sessions_max = 8192;  // with those without connection; the oldest of these go
    std::size_t events_max = 4096;    // kept for Resume
    std::size_t event_bytes_max = 8 * 1024 * 1024;
    std::size_t replay_bytes_max = 2 * 1024 * 1024;   // of one Resume; must fit the send queue
    std::string url = "ws://127.0.0.1:6020/gateway";  // READY's resume_gateway_url
  };

  struct Counts {
    std::uint64_t dispatched = 0;  // that a connection was there for
    std::uint64_t identified = 0;
    std::uint64_t resumed = 0;
    std::uint64_t invalid = 0;  // Resumes that got op 9
    std::uint64_t closed = 0;   // by us, for a breach
  };

  using ConnectionId = std::uint64_t;

  // `roster` and `clock` must outlive it.
  Switchboard(const Roster& roster, Options options, const Clock& clock);

  // What a connection asked for in its URL.
  struct Terms {
    std::string version;   // empty: 10
    std::string encoding;  // empty: json
  };
  // A connection has come: it is told Hello, or is closed. 0 when it was closed.
  ConnectionId open(std::unique_ptr<Line> line, const Terms& terms);
  // It said something. A number that is not there any more is ignored, here and below.
  void heard(ConnectionId id, std::string_view text);
  // It has ended. With 1000 or 1001 by the client its session ends too; else that may be resumed.
  void ended(ConnectionId id, std::uint16_t code);
  // Closes who is silent, forgets who stays away. To be called a few times per heartbeat.
  void tick();

  void announce(Event event) override;
  std::string_view status(Snowflake user) const override;
  // Ends every session of the user.
  void disconnect(Snowflake user, std::uint16_t code);
  // Op 7 to everybody.
  void reconnect_all();

  std::size_t sessions() const { return seats_.size(); }
  std::size_t connections() const { return connections_.size(); }
  const Counts& counts() const { return counts_; }
  Milliseconds heartbeat() const { return options_.heartbeat; }
  void set_url(std::string url) { options_.url = std::move(url); }

 private:
  struct Seat;
  struct Connection {
    ConnectionId id = 0;
    std::unique_ptr<Line> line;
    Seat* seat = nullptr;       // once it has identified or resumed
    bool closed = false;        // by us; it ends soon
    SteadyTime beat{};          // the last heartbeat, or when it opened
    SteadyTime unidentified{};  // since when it owes an Identify
    SteadyTime minute{};        // start of the minute whose commands are counted
    int commands = 0;
  };
  // A session and who carries it.
  struct Seat {
    Session session;
    std::string status;                // what its client wants to be shown as
    Connection* connection = nullptr;  // none: away
    SteadyTime away{};                 // since
  };
  struct Presence {
    std::string status;
    std::size_t connections = 0;
    SteadyTime alone{};  // since when there are none
  };

  void obey(Connection& connection, const Command& command);
  void identify(Connection& connection, const Identify& asked);
  void welcome(Connection& connection);
  std::vector<std::string> guilds(const Session& session) const;
  void resume(Connection& connection, const Resume& asked);
  bool replay(Connection& connection, Session& session, std::uint64_t after);
  void send_members(Connection& connection, const RequestMembers& asked);
  void dispatch_own(Connection& connection, std::string_view name, std::uint64_t number,
                    const Tail& tail);
  void invalidate(Connection& connection);
  void hang_up(Connection& connection, const Closing& why);
  void take_seat(Connection& connection, Seat& seat);
  void leave_seat(Connection& connection);
  bool make_room();
  void end(Seat& seat);
  void show(Snowflake user);

  const Roster& roster_;
  Options options_;
  const Clock& clock_;
  EventLog log_;
  Counts counts_;
  ConnectionId last_connection_ = 0;
  std::unordered_map<ConnectionId, Connection> connections_;
  std::unordered_map<std::string, std::unique_ptr<Seat>> seats_;  // by session id
  std::unordered_map<Snowflake, Presence> presences_;
};

}  // namespace hub
