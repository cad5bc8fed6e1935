#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "contracts/router.h"
#include "discord/types.h"

namespace bot {

// Who and where a bot is: its account, guilds and channels as the Gateway tells, and the other bots
// of the cast as the router does. Plain data of the loop's thread.
class Company {
 public:
  explicit Company(std::string character) : character_(std::move(character)) {}

  void ready(const discord::Ready& ready);
  void guild(const discord::Guild& guild);
  void guild_gone(const std::string& guild);
  bool in_guild(const std::string& id) const { return guilds_.count(id) > 0; }
  // A channel that a guild has, or that a message came from.
  void channel(const std::string& id, const std::optional<std::string>& guild,
               const std::optional<std::string>& name = {});
  void channel_gone(const std::string& id) { channels_.erase(id); }
  // Who was known stays so as long as the router may not have met him again.
  void joined(contracts::BotCompany company);

  const std::string& character() const { return character_; }
  const std::string& user_id() const { return user_id_; }
  const std::string& application() const { return application_; }
  // The bot knows itself and who else there is.
  bool known() const { return !user_id_.empty() && joined_; }
  contracts::BotPresence presence() const;

  // The characters whose bots are in the guild; of a direct message (no guild) this one alone.
  std::vector<std::string> participants(const std::optional<std::string>& guild) const;
  std::vector<std::string> participants_of_channel(const std::string& channel) const;
  std::optional<std::string> character_of(std::string_view user_id) const;
  std::optional<std::string> channel_name(std::string_view id) const;
  bool has_channel(const std::string& id) const { return channels_.count(id) > 0; }

 private:
  struct Place {
    std::optional<std::string> guild;
    std::string name;
  };
  static constexpr std::size_t kChannelsMax = 100'000;
  static constexpr std::size_t kGuildsMax = 2500;  // beyond, Discord asks for several processes

  const std::string character_;
  std::string user_id_;
  std::string application_;
  bool joined_ = false;
  std::set<std::string> guilds_;
  std::map<std::string, Place, std::less<>> channels_;
  std::vector<contracts::BotPresence> bots_;  // of the others
};

}  // namespace bot
