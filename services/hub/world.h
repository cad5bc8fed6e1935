#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/fields.h"
#include "base/result.h"
#include "hub/events.h"
#include "hub/snowflake.h"
#include "json/json.h"

namespace hub {

// What there is in the hub beside messages. Plain values; as fields() has them they stand in the
// archive.
struct User {
  Snowflake id = 0;  // of a bot also its application's
  std::string name;
  std::string display;
  bool bot = false;
  std::string token_hash{};  // hex of SHA-256; empty: nobody comes in as this one
  std::string account{};     // whose token stands in tokens.json: "person", a character
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("name", self.name);
    visit("display", self.display);
    visit("bot", self.bot);
    visit("token_hash", self.token_hash);
    visit("account", self.account);
  }
};

struct Role {
  Snowflake id = 0;  // of @everyone the guild's
  std::string name;
  std::uint64_t permissions = 0;
  int position = 0;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("name", self.name);
    visit("permissions", self.permissions);
    visit("position", self.position);
  }
};

struct Guild {
  Snowflake id = 0;
  std::string name;
  Snowflake owner = 0;
  std::vector<Role> roles;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("name", self.name);
    visit("owner", self.owner);
    visit("roles", self.roles);
  }
};

struct Member {
  Snowflake guild = 0;
  Snowflake user = 0;
  std::vector<Snowflake> roles{};
  std::int64_t joined_ms = 0;
  static void fields(auto& self, auto&& visit) {
    visit("guild", self.guild);
    visit("user", self.user);
    visit("roles", self.roles);
    visit("joined_ms", self.joined_ms);
  }
};

struct Overwrite {
  Snowflake id = 0;
  int type = 0;  // 0: of a role, 1: of a member
  std::uint64_t allow = 0;
  std::uint64_t deny = 0;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("type", self.type);
    visit("allow", self.allow);
    visit("deny", self.deny);
  }
};

struct Channel {
  Snowflake id = 0;
  Snowflake guild = 0;  // 0: a direct channel
  int type = 0;
  std::string name;
  std::string topic{};
  Snowflake parent = 0;
  int position = 0;
  std::vector<Overwrite> overwrites{};
  std::vector<Snowflake> recipients{};  // both sides of a direct channel
  Snowflake last_message = 0;           // not kept: the archive knows
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("guild", self.guild);
    visit("type", self.type);
    visit("name", self.name);
    visit("topic", self.topic);
    visit("parent", self.parent);
    visit("position", self.position);
    visit("overwrites", self.overwrites);
    visit("recipients", self.recipients);
  }
};

// The token opens no more than posting here and is shown to whoever manages the channel's webhooks,
// so it is kept as it is.
struct Webhook {
  Snowflake id = 0;
  Snowflake channel = 0;
  Snowflake creator = 0;
  std::string name;
  std::string token;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("channel", self.channel);
    visit("creator", self.creator);
    visit("name", self.name);
    visit("token", self.token);
  }
};

struct AppCommand {
  Snowflake id = 0;
  Snowflake application = 0;
  Snowflake guild = 0;  // 0: everywhere
  int type = 1;
  std::string name;
  std::string description{};
  json::Text options{"[]"};
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("application", self.application);
    visit("guild", self.guild);
    visit("type", self.type);
    visit("name", self.name);
    visit("description", self.description);
    visit("options", self.options);
  }
};

struct ReadMark {
  Snowflake user = 0;
  Snowflake channel = 0;
  Snowflake message = 0;
  static void fields(auto& self, auto&& visit) {
    visit("user", self.user);
    visit("channel", self.channel);
    visit("message", self.message);
  }
};

// A thing of the world as the archive keeps it; without data it is gone.
struct Change {
  std::string kind;
  std::string id;
  std::string data;
};

// Everything but messages, in memory, and who may do what there ("Permissions" of Discord's
// reference). It knows neither disk nor sockets: whoever changes it takes the changes and has them
// kept. Lives on the loop's thread.
class World final : public Roster {
 public:
  // `privileged`: the privileged intents that bots may ask for.
  World(const Clock& clock, std::uint32_t privileged) : ids(clock), privileged_(privileged) {}

  Snowflakes ids;

  // At the start: what the archive has.
  Result<void> load(const Change& kept);
  // What has changed since the last call.
  std::vector<Change> take_changes() { return std::exchange(changes_, {}); }
  bool changed() const { return !changes_.empty(); }
  // These could not be kept: they are changes again.
  void change_again(const std::vector<Change>& lost);
  // Whose presences stand in guilds.
  void watch(const Presences& presences) { presences_ = &presences; }

  const User* user(Snowflake id) const;
  const User* user_of_account(std::string_view account) const;
  const User* bot_named(std::string_view name) const;
  const Guild* guild(Snowflake id) const;
  const Channel* channel(Snowflake id) const;
  const Member* member(Snowflake guild, Snowflake user) const;
  const Webhook* webhook(Snowflake id) const;
  const AppCommand* command(Snowflake id) const;
  const std::map<Snowflake, Guild>& all_guilds() const { return guilds_; }
  std::vector<const Channel*> channels_of(Snowflake guild) const;
  std::vector<const Member*> members_of(Snowflake guild) const;
  std::vector<const Webhook*> webhooks_of(Snowflake channel) const;
  std::vector<const AppCommand*> commands_of(Snowflake application, Snowflake guild) const;
  // What may be called in a guild: its own commands and those that are everywhere.
  std::vector<const AppCommand*> commands_in(Snowflake guild) const;
  const Channel* direct_channel(Snowflake one, Snowflake other) const;
  std::vector<const Channel*> direct_channels_of(Snowflake user) const;

  // All bits when the user owns the guild or is an administrator; none without membership.
  std::uint64_t permissions(Snowflake user, const Channel& channel) const;
  std::uint64_t guild_permissions(Snowflake user, Snowflake guild) const;
  bool may(Snowflake user, const Channel& channel, std::uint64_t wanted) const {
    return (permissions(user, channel) & wanted) == wanted;
  }

  // Each replaces what has the same id.
  void put(User user);
  void put(Guild guild);
  void put(Member member);
  void put(Channel channel);
  void put(Webhook webhook);
  void put(AppCommand command);
  void put(ReadMark mark);
  void remove_channel(Snowflake id);
  void remove_webhook(Snowflake id);
  void remove_command(Snowflake id);
  void said(Snowflake channel, Snowflake message);

  std::optional<Identity> identify(std::string_view token) const override;
  std::string ready(Snowflake user) const override;
  std::vector<std::string> guilds(Snowflake user) const override;
  std::vector<Snowflake> guilds_of(Snowflake user) const override;
  bool may_view(Snowflake user, Snowflake channel) const override;
  std::uint64_t generation() const override { return generation_; }
  std::vector<std::string> members(Snowflake user, std::string_view request) const override;

 private:
  template <class T>
  void keep(std::string_view kind, std::string id, const T& thing);

  std::uint32_t privileged_;
  const Presences* presences_ = nullptr;
  std::uint64_t generation_ = 1;
  std::vector<Change> changes_;

  std::map<Snowflake, User> users_;
  std::unordered_map<std::string, Snowflake> tokens_;  // by their hashes
  std::map<Snowflake, Guild> guilds_;
  std::map<Snowflake, std::map<Snowflake, Member>> members_;  // by guild, user
  std::map<Snowflake, Channel> channels_;
  std::map<Snowflake, Webhook> webhooks_;
  std::map<Snowflake, AppCommand> commands_;
  std::map<Snowflake, std::map<Snowflake, Snowflake>> read_marks_;  // by user, channel
};

// The first start: a guild with three channels, the bots of the cast and a person. Nothing when
// there is a guild.
struct CastMember {
  std::string_view account;
  std::string_view name;
};
void seed(World& world, const std::vector<CastMember>& cast, std::string_view person,
          std::int64_t now_ms);
// A bot that is new in every guild.
const User& add_bot(World& world, std::string_view name, std::string_view account,
                    std::int64_t now_ms);

}  // namespace hub
