#include "bot/company.h"

#include <algorithm>
#include <iterator>

namespace bot {

void Company::ready(const discord::Ready& ready) {
  user_id_ = ready.user.id;
  application_ = ready.application ? ready.application->id : ready.user.id;
  guilds_.clear();  // a new session: what was left meanwhile is not told
  for (const auto& guild : ready.guilds) {
    if (guilds_.size() < kGuildsMax) guilds_.insert(guild.id);
  }
}

void Company::guild(const discord::Guild& guild) {
  if (guilds_.size() < kGuildsMax) guilds_.insert(guild.id);
  for (const auto* const all : {&guild.channels, &guild.threads}) {
    for (const auto& each : *all) channel(each.id, guild.id, each.name);
  }
}

void Company::guild_gone(const std::string& guild) {
  guilds_.erase(guild);
  std::erase_if(channels_, [&](const auto& entry) { return entry.second.guild == guild; });
}

void Company::channel(const std::string& id, const std::optional<std::string>& guild,
                      const std::optional<std::string>& name) {
  if (channels_.size() >= kChannelsMax && !has_channel(id)) return;
  Place& place = channels_[id];
  place.guild = guild;
  if (name) place.name = *name;
}

void Company::joined(contracts::BotCompany company) {
  joined_ = true;
  if (!company.complete) {
    const auto met = [&](const contracts::BotPresence& known) {
      return std::any_of(company.bots.begin(), company.bots.end(), [&](const auto& bot) {
        return bot.user_id == known.user_id || bot.character == known.character;
      });
    };
    std::erase_if(bots_, met);
    std::move(bots_.begin(), bots_.end(), std::back_inserter(company.bots));
  }
  bots_ = std::move(company.bots);
  std::erase_if(bots_, [&](const auto& bot) { return bot.character == character_; });
}

contracts::BotPresence Company::presence() const {
  return {character_, user_id_, {guilds_.begin(), guilds_.end()}};
}

std::vector<std::string> Company::participants(const std::optional<std::string>& guild) const {
  std::set<std::string> all{character_};
  for (const auto& bot : bots_) {
    const bool here = guild && std::count(bot.guilds.begin(), bot.guilds.end(), *guild) > 0;
    if (here && all.size() < 64) all.insert(bot.character);
  }
  return {all.begin(), all.end()};
}

std::vector<std::string> Company::participants_of_channel(const std::string& channel) const {
  const auto place = channels_.find(channel);
  return participants(place == channels_.end() ? std::nullopt : place->second.guild);
}

std::optional<std::string> Company::character_of(std::string_view user_id) const {
  if (user_id == user_id_) return character_;
  for (const auto& bot : bots_) {
    if (bot.user_id == user_id) return bot.character;
  }
  return std::nullopt;
}

std::optional<std::string> Company::channel_name(std::string_view id) const {
  const auto place = channels_.find(id);
  if (place == channels_.end() || place->second.name.empty()) return std::nullopt;
  return place->second.name;
}

}  // namespace bot
