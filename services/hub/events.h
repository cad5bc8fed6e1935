#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What happens in the hub, as its Gateway tells it, and what the Gateway must know of the world.
// Everything here lives on the loop's thread.
namespace hub {

using Snowflake = std::uint64_t;

// One dispatch and who gets it: members of the channel who may view it; without a channel all
// members of the guild; with `only` exactly these users.
struct Event {
  std::string_view name;  // "MESSAGE_CREATE"; a literal
  std::string data;       // JSON of `d`
  // What of `data` bots get that may not read what people write, made when the first one is there;
  // null: all of it.
  std::string (*redact)(std::string_view data) = nullptr;
  Snowflake guild = 0;  // 0: a direct channel's, or nobody's
  Snowflake channel = 0;
  std::vector<Snowflake> only = {};
  std::vector<Snowflake> readers =
      {};                     // bots that get `data` without the intent: author, mentioned
  std::uint32_t intents = 0;  // a bot needs one of these; 0: none. People get everything
  bool people_only = false;   // such as TROUPE_STAGE
  Snowflake except = 0;       // who does not get it (the typist)
};

class Announcer {
 public:
  virtual ~Announcer() = default;
  virtual void announce(Event event) = 0;
};

// A token's owner.
struct Identity {
  Snowflake user = 0;
  bool bot = false;
  std::uint32_t intents_allowed = 0;  // of the privileged ones; others close with 4014
};

class Roster {
 public:
  virtual ~Roster() = default;
  virtual std::optional<Identity> identify(std::string_view token) const = 0;
  // Members of READY's `d` that the world knows, without braces: "user":{...},"guilds":[...],
  // "application":{...} and for people "private_channels", "read_state", "users".
  virtual std::string ready(Snowflake user) const = 0;
  // The `d` of a GUILD_CREATE for each guild of the user, with the presences that `presence` tells.
  virtual std::vector<std::string> guilds(Snowflake user) const = 0;
  virtual std::vector<Snowflake> guilds_of(Snowflake user) const = 0;
  virtual bool may_view(Snowflake user, Snowflake channel) const = 0;
  // Changes whenever may_view or a membership may have; what is kept of them is void then.
  virtual std::uint64_t generation() const = 0;
  // GUILD_MEMBERS_CHUNK (op 8): the `d` of each chunk.
  virtual std::vector<std::string> members(Snowflake user, std::string_view request) const = 0;
};

// Who is online; kept by the Gateway, asked by the world for GUILD_CREATE and member lists.
class Presences {
 public:
  virtual ~Presences() = default;
  virtual std::string_view status(Snowflake user) const = 0;  // online, idle, dnd or offline
};

}  // namespace hub
