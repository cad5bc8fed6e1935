#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "hub/event_log.h"
#include "hub/events.h"

// One client's part of the Gateway, pure: what it may say, and what of all that happens it is sent.
namespace hub {

// Which guilds a connection is for: those with (id >> 22) % count == index.
struct Shard {
  std::uint64_t index = 0;
  std::uint64_t count = 1;

  // Direct channels, which have no guild, are the first shard's.
  bool covers(Snowflake guild) const { return (guild >> 22U) % count == index; }
};

// What a client says (op 1, 2, 3, 6, 8; op 4 asks for a voice channel, of which there are none).
struct Heartbeat {};
struct Identify {
  std::string token;
  std::optional<std::int64_t> intents;
  std::optional<Shard> shard;
  std::string status = "online";
};
struct PresenceUpdate {
  std::string status;
};
struct VoiceStateUpdate {};
struct Resume {
  std::string token;
  std::string session_id;
  std::int64_t sequence = 0;
};
struct RequestMembers {
  std::string request;  // JSON of `d`
};
// What it said ends the connection.
struct Closing {
  std::uint16_t code = 0;
  std::string_view reason;
};
using Command = std::variant<Closing, Heartbeat, Identify, PresenceUpdate, VoiceStateUpdate, Resume,
                             RequestMembers>;

// Reads one payload of at most discord::kGatewayPayloadBytes: what is none is a Closing with 4001
// or 4002.
Command parse_command(std::string_view text);

// The intents of a bot's Identify, or why it may not have them (4013, 4014); people get everything.
std::variant<std::uint32_t, Closing> granted_intents(const Identity& who, const Identify& asked);

// The payload of one dispatch up to its Tail.
std::string dispatch_head(std::string_view name, std::uint64_t sequence);

// A session: one stream of numbered events, which survives its connection. Remembers for Resume
// which event it sent under which number, in runs, since most sessions are sent most events. Not
// thread-safe.
class Session {
 public:
  static constexpr std::size_t kRunsMax = 512;
  // Numbers of what is not in the log of events, because it is this session's own: READY, then the
  // GUILD_CREATEs, which are made anew when they are sent again; and RESUMED, which is not.
  static constexpr std::uint64_t kReady = std::uint64_t{1} << 63U;
  static constexpr std::uint64_t kResumed = kReady - 1;

  Session(std::string id, const Identity& who, std::uint32_t intents, Shard shard)
      : id_(std::move(id)), who_(who), intents_(intents), shard_(shard) {}

  const std::string& id() const { return id_; }
  Snowflake user() const { return who_.user; }
  const Shard& shard() const { return shard_; }
  bool gets(std::uint32_t intents) const { return !who_.bot || (intents_ & intents) != 0; }

  // Whether it is sent the event.
  bool wants(const Event& event, const Roster& roster);
  // The event's `d` for this session: a bot without the intent does not read what people write,
  // unless it speaks to the bot.
  const Tail& view(const EventLog::Entry& entry) const;

  // The sequence number under which it is sent event `number` of the log.
  std::uint64_t next(std::uint64_t number);
  std::uint64_t sequence() const { return sequence_; }
  // What it was sent under that sequence number; 0 when that is not known any more.
  std::uint64_t sent(std::uint64_t sequence) const;

 private:
  // From `sequence` on, up to the next run, event numbers grow with sequence numbers.
  struct Run {
    std::uint64_t sequence;
    std::uint64_t number;
  };

  bool sees(Snowflake guild, Snowflake channel, const Roster& roster);

  std::string id_;
  Identity who_;
  std::uint32_t intents_;
  Shard shard_;
  std::uint64_t sequence_ = 0;
  std::vector<Run> runs_;
  std::uint64_t generation_ = 0;
  std::vector<std::pair<Snowflake, bool>> seen_;  // by guild or channel; void with the generation
};

}  // namespace hub
