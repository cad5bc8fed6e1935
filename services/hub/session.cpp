#include "hub/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "discord/protocol.h"
#include "json/json.h"

namespace hub {
namespace {

namespace close_code = discord::close_code;
namespace intent = discord::intent;

constexpr std::uint32_t kPrivileged =
    intent::kGuildMembers | intent::kGuildPresences | intent::kMessageContent;
constexpr std::size_t kSeenMax = 1024;
constexpr std::int64_t kShardsMax = 16'384;
constexpr Closing kUndecodable{close_code::kDecodeError, "the payload could not be decoded"};

// What others may be shown of a status; none for a word that is no status.
std::optional<std::string> shown_status(std::string_view status) {
  constexpr std::array<std::string_view, 4> kShown{"online", "idle", "dnd", "offline"};
  if (status == "invisible") return "offline";
  if (std::find(kShown.begin(), kShown.end(), status) == kShown.end()) return std::nullopt;
  return std::string(status);
}

std::optional<Shard> read_shard(json::Value value) {
  if (!value.is(json::Kind::Array) || value.size() != 2) return std::nullopt;
  const json::Value index = value.at(0);
  const json::Value count = value.at(1);
  if (!index.is(json::Kind::Integer) || !count.is(json::Kind::Integer)) return std::nullopt;
  if (index.integer() < 0 || index.integer() >= count.integer()) return std::nullopt;
  if (count.integer() > kShardsMax) return std::nullopt;
  return Shard{static_cast<std::uint64_t>(index.integer()),
               static_cast<std::uint64_t>(count.integer())};
}

// Clients write a bot's token here without the word that it has in a header; both are understood.
std::string read_token(json::Value data) {
  std::string_view token = data.text_or("token", "");
  if (token.starts_with("Bot ")) token.remove_prefix(4);
  return std::string(token);
}

Command read_identify(json::Value data) {
  Identify identify;
  identify.token = read_token(data);
  if (identify.token.empty()) return kUndecodable;
  if (const auto intents = data.find("intents"); intents && intents->is(json::Kind::Integer)) {
    identify.intents = intents->integer();
  }
  if (const auto shard = data.find("shard"); shard && !shard->is(json::Kind::Null)) {
    const auto read = read_shard(*shard);
    if (!read) return Closing{close_code::kInvalidShard, "shard must be [index, count]"};
    identify.shard = *read;
  }
  if (const auto presence = data.find("presence")) {
    identify.status = shown_status(presence->text_or("status", "online")).value_or("online");
  }
  return identify;
}

Command read_resume(json::Value data) {
  Resume resume{read_token(data), std::string(data.text_or("session_id", "")), 0};
  if (resume.token.empty() || resume.session_id.empty()) return kUndecodable;
  // Without a number nothing is known to have arrived: as good as too old.
  if (const auto sequence = data.find("seq")) resume.sequence = sequence->integer();
  return resume;
}

Command read_presence(json::Value data) {
  auto status = shown_status(data.text_or("status", ""));
  if (!status) return kUndecodable;
  return PresenceUpdate{std::move(*status)};
}

}  // namespace

Command parse_command(std::string_view text) {
  if (text.size() > discord::kGatewayPayloadBytes) {
    return Closing{close_code::kDecodeError, "the payload exceeds 4096 bytes"};
  }
  const auto document = json::Document::parse(text);
  if (!document) return kUndecodable;
  const auto op = document.value().root().find("op");
  if (!op || !op->is(json::Kind::Integer)) return kUndecodable;
  if (op->integer() == static_cast<int>(discord::Opcode::Heartbeat)) return Heartbeat{};
  const auto data = document.value().root().find("d");
  const bool has_data = data && data->is(json::Kind::Object);
  const auto with_data = [&](auto&& read) {
    return has_data ? read(*data) : Command{kUndecodable};
  };
  switch (op->integer()) {
    case static_cast<int>(discord::Opcode::Identify):
      return with_data(read_identify);
    case static_cast<int>(discord::Opcode::PresenceUpdate):
      return with_data(read_presence);
    case static_cast<int>(discord::Opcode::VoiceStateUpdate):
      return VoiceStateUpdate{};
    case static_cast<int>(discord::Opcode::Resume):
      return with_data(read_resume);
    case static_cast<int>(discord::Opcode::RequestGuildMembers):
      return with_data([](json::Value d) { return Command{RequestMembers{d.dump()}}; });
    default:
      return Closing{close_code::kUnknownOpcode, "unknown opcode"};
  }
}

std::variant<std::uint32_t, Closing> granted_intents(const Identity& who, const Identify& asked) {
  if (!who.bot) return intent::kAll;
  const std::int64_t intents = asked.intents.value_or(-1);
  if (intents < 0 || intents > intent::kAll) {
    return Closing{close_code::kInvalidIntents, "intents are missing or not valid"};
  }
  const auto granted = static_cast<std::uint32_t>(intents);
  if ((granted & kPrivileged & ~who.intents_allowed) != 0) {
    return Closing{close_code::kDisallowedIntents, "a privileged intent is not allowed"};
  }
  return granted;
}

std::string dispatch_head(std::string_view name, std::uint64_t sequence) {
  return fmt::format(R"({{"t":"{}","s":{},"op":0,"d":)", name, sequence);
}

bool Session::wants(const Event& event, const Roster& roster) {
  if (event.except != 0 && event.except == who_.user) return false;
  if (who_.bot && event.people_only) return false;
  if (event.intents != 0 && !gets(event.intents)) return false;
  if (!shard_.covers(event.guild)) return false;
  if (!event.only.empty()) {
    return std::find(event.only.begin(), event.only.end(), who_.user) != event.only.end();
  }
  return sees(event.guild, event.channel, roster);
}

bool Session::sees(Snowflake guild, Snowflake channel, const Roster& roster) {
  const Snowflake place = channel != 0 ? channel : guild;
  if (place == 0) return false;
  if (const std::uint64_t now = roster.generation();
      now != generation_ || seen_.size() > kSeenMax) {
    generation_ = now;
    seen_.clear();
  }
  for (const auto& [known, visible] : seen_) {
    if (known == place) return visible;
  }
  bool visible = false;
  if (channel != 0) {
    visible = roster.may_view(who_.user, channel);
  } else {
    const auto guilds = roster.guilds_of(who_.user);
    visible = std::find(guilds.begin(), guilds.end(), guild) != guilds.end();
  }
  seen_.emplace_back(place, visible);
  return visible;
}

const Tail& Session::view(const EventLog::Entry& entry) const {
  const Event& event = entry.event;
  if (event.guild == 0 || gets(intent::kMessageContent)) return entry.data;
  const bool reader =
      std::find(event.readers.begin(), event.readers.end(), who_.user) != event.readers.end();
  return reader ? entry.data : entry.redacted();
}

std::uint64_t Session::next(std::uint64_t number) {
  ++sequence_;
  const bool goes_on =
      !runs_.empty() && number == runs_.back().number + (sequence_ - runs_.back().sequence);
  if (goes_on) return sequence_;
  if (runs_.size() == kRunsMax) runs_.erase(runs_.begin(), runs_.begin() + kRunsMax / 2);
  runs_.push_back({sequence_, number});
  return sequence_;
}

std::uint64_t Session::sent(std::uint64_t sequence) const {
  if (sequence > sequence_) return 0;
  const auto after =
      std::upper_bound(runs_.begin(), runs_.end(), sequence,
                       [](std::uint64_t wanted, const Run& run) { return wanted < run.sequence; });
  if (after == runs_.begin()) return 0;
  const Run& run = *std::prev(after);
  return run.number + (sequence - run.sequence);
}

}  // namespace hub
