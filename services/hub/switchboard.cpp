#include "hub/switchboard.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <type_traits>
#include <utility>

#include "base/ids.h"
#include "discord/protocol.h"
#include "json/json.h"

namespace hub {
namespace {

namespace close_code = discord::close_code;
namespace intent = discord::intent;

constexpr std::uint16_t kNormal = 1000;
constexpr std::uint16_t kGoingAway = 1001;
constexpr std::uint16_t kTryAgainLater = 1013;
constexpr std::string_view kAck = R"({"t":null,"s":null,"op":11,"d":null})";
constexpr std::string_view kReconnect = R"({"t":null,"s":null,"op":7,"d":null})";
constexpr std::string_view kInvalidSession = R"({"t":null,"s":null,"op":9,"d":false})";

Snowflake id_of(json::Value guild) {
  const std::string_view text = guild.text_or("id", "");
  Snowflake id = 0;
  std::from_chars(text.data(), text.data() + text.size(), id);
  return id;
}

// READY's members from the roster, whose "guilds" are cut to those of the shard: a library waits
// for a GUILD_CREATE of each.
std::string members_for_shard(const std::string& members, const Shard& shard) {
  if (shard.count == 1) return members;
  const auto document = json::Document::parse("{" + members + "}");
  if (!document) return members;
  std::string cut;
  document.value().root().each_member([&](std::string_view key, json::Value value) {
    if (!cut.empty()) cut += ',';
    cut += json::quoted(key) + ":";
    if (key != "guilds") {
      cut += value.dump();
      return;
    }
    json::Writer guilds;
    guilds.begin_array();
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (shard.covers(id_of(value.at(i)))) guilds.raw(value.at(i).dump());
    }
    guilds.end_array();
    cut += guilds.take();
  });
  return cut;
}

std::string presence_update(Snowflake user, Snowflake guild, std::string_view status) {
  const std::string client = status == "offline" ? "{}" : fmt::format(R"({{"web":"{}"}})", status);
  return fmt::format(
      R"({{"user":{{"id":"{}"}},"guild_id":"{}","status":"{}","activities":[],"client_status":{}}})",
      user, guild, status, client);
}

}  // namespace

Switchboard::Switchboard(const Roster& roster, Options options, const Clock& clock)
    : roster_(roster),
      options_(std::move(options)),
      clock_(clock),
      log_(options_.events_max, options_.event_bytes_max) {}

Switchboard::ConnectionId Switchboard::open(std::unique_ptr<Line> line, const Terms& terms) {
  if (connections_.size() >= options_.connections_max) {
    line->close(kTryAgainLater, "too many connections");
    return 0;
  }
  if (!terms.version.empty() && terms.version != "10" && terms.version != "9") {
    line->close(close_code::kInvalidVersion, "only version 10 is spoken here");
    return 0;
  }
  if (!terms.encoding.empty() && terms.encoding != "json") {
    line->close(close_code::kDecodeError, "only encoding=json is spoken here");
    return 0;
  }
  line->send(fmt::format(
      R"({{"t":null,"s":null,"op":10,"d":{{"heartbeat_interval":{},"_trace":["troupe"]}}}})",
      options_.heartbeat.count()));
  const SteadyTime now = clock_.now();
  const ConnectionId id = ++last_connection_;
  Connection& made = connections_[id];
  made.id = id;
  made.line = std::move(line);
  made.beat = made.unidentified = made.minute = now;
  return id;
}

void Switchboard::heard(ConnectionId id, std::string_view text) {
  const auto found = connections_.find(id);
  if (found == connections_.end() || found->second.closed) return;
  Connection& connection = found->second;
  if (const SteadyTime now = clock_.now(); now - connection.minute >= std::chrono::minutes(1)) {
    connection.minute = now;
    connection.commands = 0;
  }
  if (++connection.commands > options_.commands_per_minute) {
    return hang_up(connection, {close_code::kRateLimited, "too many payloads in a minute"});
  }
  obey(connection, parse_command(text));
}

void Switchboard::ended(ConnectionId id, std::uint16_t code) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Seat* const seat = found->second.seat;
  leave_seat(found->second);
  connections_.erase(found);
  if (seat != nullptr && (code == kNormal || code == kGoingAway)) end(*seat);
}

void Switchboard::obey(Connection& connection, const Command& command) {
  if (const auto* closing = std::get_if<Closing>(&command)) return hang_up(connection, *closing);
  if (std::holds_alternative<Heartbeat>(command)) {
    connection.beat = clock_.now();
    return connection.line->send(std::string(kAck));
  }
  const auto* asked = std::get_if<Identify>(&command);
  const auto* resuming = std::get_if<Resume>(&command);
  if (asked != nullptr || resuming != nullptr) {
    if (connection.seat != nullptr) {
      return hang_up(connection, {close_code::kAlreadyAuthenticated, "already authenticated"});
    }
    return asked != nullptr ? identify(connection, *asked) : resume(connection, *resuming);
  }
  if (connection.seat == nullptr) {
    return hang_up(connection, {close_code::kNotAuthenticated, "not authenticated"});
  }
  if (const auto* presence = std::get_if<PresenceUpdate>(&command)) {
    connection.seat->status = presence->status;
    const Snowflake user = connection.seat->session.user();
    if (std::exchange(presences_[user].status, presence->status) != presence->status) show(user);
  } else if (const auto* members = std::get_if<RequestMembers>(&command)) {
    send_members(connection, *members);
  }
}

void Switchboard::identify(Connection& connection, const Identify& asked) {
  const auto who = roster_.identify(asked.token);
  if (!who) {
    return hang_up(connection, {close_code::kAuthenticationFailed, "authentication failed"});
  }
  const auto intents = granted_intents(*who, asked);
  if (const auto* refused = std::get_if<Closing>(&intents)) return hang_up(connection, *refused);
  if (!make_room()) return hang_up(connection, {kTryAgainLater, "too many sessions"});
  std::string id = make_id("gw");
  auto seat = std::make_unique<Seat>(
      Seat{Session(id, *who, std::get<std::uint32_t>(intents), asked.shard.value_or(Shard{})),
           asked.status});
  Seat& kept = *seats_.emplace(std::move(id), std::move(seat)).first->second;
  ++counts_.identified;
  const std::string before(status(who->user));
  take_seat(connection, kept);
  presences_[who->user].status = kept.status;
  welcome(connection);
  if (before != kept.status) show(who->user);
}

// READY, then the guilds that it names.
void Switchboard::welcome(Connection& connection) {
  Session& session = connection.seat->session;
  const Shard& shard = session.shard();
  std::string ready = fmt::format(
      R"({{"v":{},{},"session_id":"{}","resume_gateway_url":{},"shard":[{},{}],"_trace":["troupe"]}})",
      discord::kVersion, members_for_shard(roster_.ready(session.user()), shard), session.id(),
      json::quoted(options_.url), shard.index, shard.count);
  dispatch_own(connection, "READY", Session::kReady, make_tail(std::move(ready)));
  std::uint64_t number = Session::kReady;
  for (const auto& guild : guilds(session)) {
    dispatch_own(connection, "GUILD_CREATE", ++number, make_tail(guild));
  }
}

std::vector<std::string> Switchboard::guilds(const Session& session) const {
  if (!session.gets(intent::kGuilds)) return {};
  std::vector<std::string> guilds = roster_.guilds(session.user());
  if (session.shard().count == 1) return guilds;
  std::erase_if(guilds, [&](const std::string& guild) {
    const auto document = json::Document::parse(guild);
    return !document || !session.shard().covers(id_of(document.value().root()));
  });
  return guilds;
}

void Switchboard::resume(Connection& connection, const Resume& asked) {
  const auto who = roster_.identify(asked.token);
  if (!who) {
    return hang_up(connection, {close_code::kAuthenticationFailed, "authentication failed"});
  }
  const auto found = seats_.find(asked.session_id);
  if (found == seats_.end() || found->second->session.user() != who->user || asked.sequence < 1) {
    return invalidate(connection);
  }
  Seat& seat = *found->second;
  const auto after = static_cast<std::uint64_t>(asked.sequence);
  if (after > seat.session.sequence()) {
    return hang_up(connection, {close_code::kInvalidSequence, "no such sequence number yet"});
  }
  // The client knows before us that its old connection is gone.
  if (seat.connection != nullptr) {
    hang_up(*seat.connection, {close_code::kUnknownError, "resumed on another connection"});
  }
  const std::string before(status(who->user));
  take_seat(connection, seat);
  presences_[who->user].status = seat.status;
  if (!replay(connection, seat.session, after)) {
    leave_seat(connection);
    end(seat);
    return invalidate(connection);
  }
  ++counts_.resumed;
  dispatch_own(connection, "RESUMED", Session::kResumed, make_tail(R"({"_trace":["troupe"]})"));
  if (before != seat.status) show(who->user);
}

// Sends again all that came after sequence number `after`; false, and nothing is sent, when it is
// not all there any more, or is more than a send queue takes.
bool Switchboard::replay(Connection& connection, Session& session, std::uint64_t after) {
  std::vector<std::pair<std::string, Tail>> payloads;
  std::vector<std::string> guilds_now;
  std::size_t bytes = 0;
  for (std::uint64_t sequence = after + 1; sequence <= session.sequence(); ++sequence) {
    const std::uint64_t number = session.sent(sequence);
    if (number == Session::kResumed) continue;
    if (number > Session::kReady) {
      if (guilds_now.empty()) guilds_now = guilds(session);
      const std::size_t index = number - Session::kReady - 1;
      if (index >= guilds_now.size()) continue;
      payloads.emplace_back(dispatch_head("GUILD_CREATE", sequence), make_tail(guilds_now[index]));
    } else if (const EventLog::Entry* entry = log_.find(number)) {
      payloads.emplace_back(dispatch_head(entry->event.name, sequence), session.view(*entry));
    } else {
      return false;
    }
    bytes += payloads.back().first.size() + payloads.back().second->size();
    if (bytes > options_.replay_bytes_max) return false;
  }
  counts_.dispatched += payloads.size();
  for (auto& [head, tail] : payloads) connection.line->send(std::move(head), tail);
  return true;
}

void Switchboard::send_members(Connection& connection, const RequestMembers& asked) {
  const Snowflake user = connection.seat->session.user();
  for (auto& chunk : roster_.members(user, asked.request)) {
    const std::uint64_t number =
        log_.add({.name = "GUILD_MEMBERS_CHUNK", .data = std::move(chunk), .only = {user}});
    dispatch_own(connection, "GUILD_MEMBERS_CHUNK", number, log_.find(number)->data);
  }
}

void Switchboard::dispatch_own(Connection& connection, std::string_view name, std::uint64_t number,
                               const Tail& tail) {
  ++counts_.dispatched;
  connection.line->send(dispatch_head(name, connection.seat->session.next(number)), tail);
}

void Switchboard::invalidate(Connection& connection) {
  ++counts_.invalid;
  connection.unidentified = clock_.now();
  connection.line->send(std::string(kInvalidSession));
}

void Switchboard::hang_up(Connection& connection, const Closing& why) {
  ++counts_.closed;
  leave_seat(connection);
  connection.closed = true;
  connection.line->close(why.code, why.reason);
}

void Switchboard::take_seat(Connection& connection, Seat& seat) {
  connection.seat = &seat;
  seat.connection = &connection;
  ++presences_[seat.session.user()].connections;
}

void Switchboard::leave_seat(Connection& connection) {
  Seat* const seat = std::exchange(connection.seat, nullptr);
  if (seat == nullptr) return;
  seat->connection = nullptr;
  seat->away = clock_.now();
  Presence& presence = presences_[seat->session.user()];
  if (--presence.connections == 0) presence.alone = seat->away;
}

// Whether there is room for one more session; makes it when clients that are away hold too many.
bool Switchboard::make_room() {
  if (seats_.size() < options_.sessions_max) return true;
  Seat* oldest = nullptr;
  for (const auto& [id, seat] : seats_) {
    const bool away = seat->connection == nullptr;
    if (away && (oldest == nullptr || seat->away < oldest->away)) oldest = seat.get();
  }
  if (oldest == nullptr) return false;
  end(*oldest);
  return true;
}

void Switchboard::end(Seat& seat) {
  const std::string id = seat.session.id();  // the key must outlive what it is in
  seats_.erase(id);
}

void Switchboard::tick() {
  const SteadyTime now = clock_.now();
  for (auto& [id, connection] : connections_) {
    if (connection.closed) continue;
    if (now - connection.beat > options_.heartbeat * 3 / 2) {
      hang_up(connection, {close_code::kSessionTimedOut, "no heartbeat"});
    } else if (!connection.seat && now - connection.unidentified > options_.identify_timeout) {
      hang_up(connection, {close_code::kSessionTimedOut, "no identify"});
    }
  }
  std::erase_if(seats_, [&](const auto& entry) {
    const Seat& seat = *entry.second;
    return seat.connection == nullptr && now - seat.away > options_.resume_window;
  });
  std::vector<Snowflake> gone;
  for (const auto& [user, presence] : presences_) {
    const bool alone = presence.connections == 0;
    if (alone && now - presence.alone > options_.presence_grace) gone.push_back(user);
  }
  for (const Snowflake user : gone) {
    const bool was_shown = status(user) != "offline";
    presences_.erase(user);
    if (was_shown) show(user);
  }
}

void Switchboard::announce(Event event) {
  const std::uint64_t number = log_.add(std::move(event));
  const EventLog::Entry& kept = *log_.find(number);
  for (const auto& [id, seat] : seats_) {
    if (!seat->session.wants(kept.event, roster_)) continue;
    const std::uint64_t sequence = seat->session.next(number);
    if (seat->connection == nullptr) continue;
    ++counts_.dispatched;
    seat->connection->line->send(dispatch_head(kept.event.name, sequence),
                                 seat->session.view(kept));
  }
}

std::string_view Switchboard::status(Snowflake user) const {
  const auto found = presences_.find(user);
  return found == presences_.end() ? "offline" : std::string_view(found->second.status);
}

void Switchboard::show(Snowflake user) {
  const std::string shown(status(user));
  for (const Snowflake guild : roster_.guilds_of(user)) {
    announce({.name = "PRESENCE_UPDATE",
              .data = presence_update(user, guild, shown),
              .guild = guild,
              .intents = intent::kGuildPresences});
  }
}

void Switchboard::disconnect(Snowflake user, std::uint16_t code) {
  std::vector<Seat*> theirs;
  for (const auto& [id, seat] : seats_) {
    if (seat->session.user() == user) theirs.push_back(seat.get());
  }
  for (Seat* seat : theirs) {
    if (seat->connection != nullptr) hang_up(*seat->connection, {code, "the session was ended"});
    end(*seat);
  }
}

void Switchboard::reconnect_all() {
  for (auto& [id, connection] : connections_) {
    if (!connection.closed) connection.line->send(std::string(kReconnect));
  }
}

}  // namespace hub
