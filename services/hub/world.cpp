#include "hub/world.h"

#include <algorithm>

#include "base/utf8.h"
#include "crypto/crypto.h"
#include "hub/forms.h"
#include "hub/wire.h"
#include "json/codec.h"

namespace hub {
namespace {

namespace permission = discord::permission;

constexpr std::uint64_t kAllBits = (1ULL << 50) - 1;
constexpr std::size_t kMembersInChunk = 1000;
// What anybody may in a new guild, and what both sides of a direct channel may.
constexpr std::uint64_t kEverybody = permission::kViewChannel | permission::kSendMessages |
                                     permission::kEmbedLinks | permission::kAttachFiles |
                                     permission::kReadMessageHistory | permission::kAddReactions |
                                     permission::kUseApplicationCommands;

template <class Map>
auto* found(Map& map, Snowflake id) {
  const auto it = map.find(id);
  return it == map.end() ? nullptr : &it->second;
}

template <class T, class Take>
Result<void> read(const Change& kept, Take take) {
  T thing = TRY(json::decode<T>(std::string_view(kept.data)));
  take(std::move(thing));
  return {};
}

}  // namespace

template <class T>
void World::keep(std::string_view kind, std::string id, const T& thing) {
  changes_.push_back({std::string(kind), std::move(id), json::encode(thing)});
}

Result<void> World::load(const Change& kept) {
  if (kept.kind == "user") return read<User>(kept, [&](User it) { put(std::move(it)); });
  if (kept.kind == "guild") return read<Guild>(kept, [&](Guild it) { put(std::move(it)); });
  if (kept.kind == "member") return read<Member>(kept, [&](Member it) { put(std::move(it)); });
  if (kept.kind == "channel") return read<Channel>(kept, [&](Channel it) { put(std::move(it)); });
  if (kept.kind == "webhook") return read<Webhook>(kept, [&](Webhook it) { put(std::move(it)); });
  if (kept.kind == "command")
    return read<AppCommand>(kept, [&](AppCommand it) { put(std::move(it)); });
  if (kept.kind == "read") return read<ReadMark>(kept, [&](ReadMark it) { put(it); });
  return {};
}

const User* World::user(Snowflake id) const { return found(users_, id); }
const Guild* World::guild(Snowflake id) const { return found(guilds_, id); }
const Channel* World::channel(Snowflake id) const { return found(channels_, id); }
const Webhook* World::webhook(Snowflake id) const { return found(webhooks_, id); }
const AppCommand* World::command(Snowflake id) const { return found(commands_, id); }

const Member* World::member(Snowflake guild, Snowflake user) const {
  const auto* const members = found(members_, guild);
  return members == nullptr ? nullptr : found(*members, user);
}

const User* World::user_of_account(std::string_view account) const {
  for (const auto& [id, user] : users_) {
    if (user.account == account) return &user;
  }
  return nullptr;
}

const User* World::bot_named(std::string_view name) const {
  for (const auto& [id, user] : users_) {
    if (user.bot && user.name == name) return &user;
  }
  return nullptr;
}

std::vector<const Channel*> World::channels_of(Snowflake guild) const {
  std::vector<const Channel*> all;
  for (const auto& [id, channel] : channels_) {
    if (channel.guild == guild) all.push_back(&channel);
  }
  return all;
}

std::vector<const Member*> World::members_of(Snowflake guild) const {
  std::vector<const Member*> all;
  if (const auto* const members = found(members_, guild)) {
    for (const auto& [id, member] : *members) all.push_back(&member);
  }
  return all;
}

std::vector<const Webhook*> World::webhooks_of(Snowflake channel) const {
  std::vector<const Webhook*> all;
  for (const auto& [id, webhook] : webhooks_) {
    if (webhook.channel == channel) all.push_back(&webhook);
  }
  return all;
}

std::vector<const AppCommand*> World::commands_of(Snowflake application, Snowflake guild) const {
  std::vector<const AppCommand*> all;
  for (const auto& [id, command] : commands_) {
    if (command.application == application && command.guild == guild) all.push_back(&command);
  }
  return all;
}

std::vector<const AppCommand*> World::commands_in(Snowflake guild) const {
  std::vector<const AppCommand*> all;
  for (const auto& [id, command] : commands_) {
    if ((command.guild == 0 || command.guild == guild) &&
        (guild == 0 || member(guild, command.application) != nullptr)) {
      all.push_back(&command);
    }
  }
  return all;
}

const Channel* World::direct_channel(Snowflake one, Snowflake other) const {
  for (const Channel* const channel : direct_channels_of(one)) {
    const auto& both = channel->recipients;
    if (std::find(both.begin(), both.end(), other) != both.end()) return channel;
  }
  return nullptr;
}

std::vector<const Channel*> World::direct_channels_of(Snowflake user) const {
  std::vector<const Channel*> all;
  for (const auto& [id, channel] : channels_) {
    const auto& both = channel.recipients;
    if (channel.guild == 0 && std::find(both.begin(), both.end(), user) != both.end()) {
      all.push_back(&channel);
    }
  }
  return all;
}

std::uint64_t World::guild_permissions(Snowflake user, Snowflake id) const {
  const Guild* const its = guild(id);
  const Member* const self = member(id, user);
  if (its == nullptr || self == nullptr) return 0;
  if (its->owner == user) return kAllBits;
  std::uint64_t bits = 0;
  for (const Role& role : its->roles) {
    const bool has = role.id == id || std::find(self->roles.begin(), self->roles.end(), role.id) !=
                                          self->roles.end();
    if (has) bits |= role.permissions;
  }
  return (bits & permission::kAdministrator) != 0 ? kAllBits : bits;
}

// First what is said of @everyone, then of the member's roles together, then of the member
// ("Permission Overwrites").
std::uint64_t World::permissions(Snowflake user, const Channel& channel) const {
  if (channel.guild == 0) {
    const auto& both = channel.recipients;
    return std::find(both.begin(), both.end(), user) != both.end() ? kEverybody : 0;
  }
  std::uint64_t bits = guild_permissions(user, channel.guild);
  const Member* const self = member(channel.guild, user);
  if (self == nullptr || bits == kAllBits) return bits;
  Overwrite roles, own;
  for (const Overwrite& overwrite : channel.overwrites) {
    if (overwrite.type == 0 && overwrite.id == channel.guild) {
      bits = (bits & ~overwrite.deny) | overwrite.allow;
    } else if (overwrite.type == 0 && std::find(self->roles.begin(), self->roles.end(),
                                                overwrite.id) != self->roles.end()) {
      roles.allow |= overwrite.allow;
      roles.deny |= overwrite.deny;
    } else if (overwrite.type == 1 && overwrite.id == user) {
      own = overwrite;
    }
  }
  bits = (bits & ~roles.deny) | roles.allow;
  bits = (bits & ~own.deny) | own.allow;
  // Who does not see a channel can do nothing there.
  return (bits & permission::kViewChannel) == 0 ? 0 : bits;
}

void World::put(User user) {
  ids.seen(user.id);
  User& kept = users_[user.id];
  if (!kept.token_hash.empty()) tokens_.erase(kept.token_hash);
  kept = std::move(user);
  if (!kept.token_hash.empty()) tokens_[kept.token_hash] = kept.id;
  keep("user", text_of(kept.id), kept);
}

void World::put(Guild guild) {
  ids.seen(guild.id);
  ++generation_;
  for (const Role& role : guild.roles) ids.seen(role.id);
  keep("guild", text_of(guild.id), guild);
  guilds_[guild.id] = std::move(guild);
}

void World::put(Member member) {
  ++generation_;
  keep("member", fmt::format("{}/{}", member.guild, member.user), member);
  members_[member.guild][member.user] = std::move(member);
}

void World::put(Channel channel) {
  ids.seen(channel.id);
  ++generation_;
  keep("channel", text_of(channel.id), channel);
  channels_[channel.id] = std::move(channel);
}

void World::put(Webhook webhook) {
  ids.seen(webhook.id);
  keep("webhook", text_of(webhook.id), webhook);
  webhooks_[webhook.id] = std::move(webhook);
}

void World::put(AppCommand command) {
  ids.seen(command.id);
  keep("command", text_of(command.id), command);
  commands_[command.id] = std::move(command);
}

void World::put(ReadMark mark) {
  keep("read", fmt::format("{}/{}", mark.user, mark.channel), mark);
  read_marks_[mark.user][mark.channel] = mark.message;
}

void World::remove_channel(Snowflake id) {
  ++generation_;
  for (const Webhook* const webhook : webhooks_of(id)) remove_webhook(Snowflake{webhook->id});
  for (auto& [user, marks] : read_marks_) {
    if (marks.erase(id) != 0) changes_.push_back({"read", fmt::format("{}/{}", user, id), {}});
  }
  channels_.erase(id);
  changes_.push_back({"channel", text_of(id), {}});
}

void World::remove_webhook(Snowflake id) {
  webhooks_.erase(id);
  changes_.push_back({"webhook", text_of(id), {}});
}

void World::remove_command(Snowflake id) {
  commands_.erase(id);
  changes_.push_back({"command", text_of(id), {}});
}

void World::change_again(const std::vector<Change>& lost) {
  const auto again = [this](const auto& map, const Change& change) {
    const auto* const its = found(map, snowflake_of(change.id).value_or(0));
    if (its == nullptr) return changes_.push_back({change.kind, change.id, {}});
    keep(change.kind, change.id, *its);
  };
  for (const Change& change : lost) {
    // As it is now: what was changed since may have been kept.
    if (change.kind == "user")
      again(users_, change);
    else if (change.kind == "guild")
      again(guilds_, change);
    else if (change.kind == "channel")
      again(channels_, change);
    else if (change.kind == "webhook")
      again(webhooks_, change);
    else if (change.kind == "command")
      again(commands_, change);
    else
      changes_.push_back(change);
  }
}

void World::said(Snowflake channel, Snowflake message) {
  ids.seen(message);
  if (Channel* const its = found(channels_, channel)) {
    its->last_message = std::max(its->last_message, message);
  }
}

std::optional<Identity> World::identify(std::string_view token) const {
  if (token.starts_with("Bot ")) token.remove_prefix(4);
  const auto owner = tokens_.find(crypto::hex(crypto::sha256(token)));
  if (owner == tokens_.end()) return std::nullopt;
  const User& its = users_.at(owner->second);
  return Identity{its.id, its.bot, its.bot ? privileged_ : discord::intent::kAll};
}

std::string World::ready(Snowflake user) const {
  const User* const self = this->user(user);
  if (self == nullptr) return {};
  std::vector<std::string> stubs;
  for (const Snowflake id : guilds_of(user)) {
    stubs.push_back(fmt::format("{{\"id\":\"{}\",\"unavailable\":true}}", id));
  }
  std::string members = fmt::format(
      "\"user\":{},\"guilds\":{}",
      with_members(user_json(*self),
                   "\"verified\":true,\"mfa_enabled\":false,\"email\":null,\"flags\":0"),
      array_of(stubs));
  if (self->bot) {
    return members + fmt::format(",\"application\":{{\"id\":\"{}\",\"flags\":{}}}", user,
                                 (1 << 13) | (1 << 15) | (1 << 19));
  }
  std::vector<std::string> direct, known, marks;
  for (const Channel* const channel : direct_channels_of(user)) {
    direct.push_back(channel_json(*this, *channel, user));
  }
  for (const auto& [id, other] : users_) {
    if (known.size() == kMembersInChunk) break;
    if (id != user) known.push_back(user_json(other));
  }
  const auto* const own = found(read_marks_, user);
  for (const auto& [channel, message] : own == nullptr ? std::map<Snowflake, Snowflake>{} : *own) {
    marks.push_back(fmt::format("{{\"id\":\"{}\",\"last_message_id\":\"{}\",\"mention_count\":0}}",
                                channel, message));
  }
  return members + fmt::format(",\"private_channels\":{},\"read_state\":{},\"users\":{}",
                               array_of(direct), array_of(marks), array_of(known));
}

std::vector<std::string> World::guilds(Snowflake user) const {
  std::vector<std::string> all;
  for (const Snowflake id : guilds_of(user)) {
    all.push_back(whole_guild_json(*this, *guild(id), user, presences_));
  }
  return all;
}

std::vector<Snowflake> World::guilds_of(Snowflake user) const {
  std::vector<Snowflake> all;
  for (const auto& [id, members] : members_) {
    if (members.contains(user) && guilds_.contains(id)) all.push_back(id);
  }
  return all;
}

bool World::may_view(Snowflake user, Snowflake id) const {
  const Channel* const its = channel(id);
  return its != nullptr && may(user, *its, permission::kViewChannel);
}

namespace {

// The `d` of op 8 ("Request Guild Members").
struct MembersAsked {
  json::Text guild_id;
  std::string query;
  int limit = 0;
  std::vector<json::Text> user_ids;
  bool presences = false;
  std::optional<std::string> nonce;
  static void fields(auto& self, auto&& visit) {
    visit("guild_id", self.guild_id);
    visit("query", self.query, Field{.bytes_max = 100, .defaulted = true});
    visit("limit", self.limit, Field{.min = 0, .max = 1000, .defaulted = true});
    visit("user_ids", self.user_ids, Field{.items_max = 100, .defaulted = true});
    visit("presences", self.presences, Field{.defaulted = true});
    visit("nonce", self.nonce, Field{.bytes_max = 32});
  }
};

}  // namespace

std::vector<std::string> World::members(Snowflake user, std::string_view request) const {
  const auto asked = json::decode<MembersAsked>(request);
  const auto id = asked ? snowflake_of(text_of(asked.value().guild_id)) : std::nullopt;
  if (!id || member(*id, user) == nullptr) return {};
  const MembersAsked& ask = asked.value();
  const auto wanted = [&](const User& one) {
    const std::string text = text_of(one.id);
    if (!ask.user_ids.empty()) {
      return std::any_of(ask.user_ids.begin(), ask.user_ids.end(),
                         [&](const json::Text& asked_id) { return text_of(asked_id) == text; });
    }
    return ascii_lower(one.name).starts_with(ascii_lower(ask.query));
  };
  std::vector<std::vector<std::string>> chunks(1);
  std::size_t count = 0;
  for (const Member* const one : members_of(*id)) {
    const User* const its = this->user(one->user);
    if (its == nullptr || !wanted(*its)) continue;
    if (ask.limit > 0 && count == static_cast<std::size_t>(ask.limit)) break;
    if (chunks.back().size() == kMembersInChunk) chunks.emplace_back();
    chunks.back().push_back(member_json(*one, *its));
    ++count;
  }
  std::vector<std::string> all;
  for (const auto& chunk : chunks) {
    all.push_back(fmt::format(
        "{{\"guild_id\":\"{}\",\"members\":{},\"chunk_index\":{},\"chunk_count\":{}{}}}", *id,
        array_of(chunk), all.size(), chunks.size(),
        ask.nonce ? ",\"nonce\":" + json::quoted(*ask.nonce) : std::string{}));
  }
  return all;
}

const User& add_bot(World& world, std::string_view name, std::string_view account,
                    std::int64_t now_ms) {
  User bot;
  bot.id = world.ids.next();
  bot.name = bot.display = name;
  bot.bot = true;
  bot.account = account;
  const Snowflake id = bot.id;
  world.put(std::move(bot));
  for (const auto& [guild, its] : world.all_guilds()) {
    world.put(Member{guild, id, {}, now_ms});
  }
  return *world.user(id);
}

void seed(World& world, const std::vector<CastMember>& cast, std::string_view person,
          std::int64_t now_ms) {
  if (!world.all_guilds().empty()) return;
  User owner;
  owner.id = world.ids.next();
  owner.name = owner.display = person;
  owner.account = "person";
  const Snowflake owner_id = owner.id;
  world.put(std::move(owner));

  Guild guild{world.ids.next(), "Troupe", owner_id, {}};
  guild.roles.push_back({guild.id, "@everyone", kEverybody, 0});
  const Snowflake guild_id = guild.id;
  world.put(std::move(guild));
  world.put(Member{guild_id, owner_id, {}, now_ms});

  Channel category;
  category.id = world.ids.next();
  category.guild = guild_id;
  category.type = discord::channel_type::kGuildCategory;
  category.name = "Text";
  const Snowflake parent = category.id;
  world.put(std::move(category));
  int position = 0;
  for (const auto& [name, topic] : {std::pair{"general", "Everybody, about everything"},
                                    std::pair{"bar", "A martini, a beer and a bottle of warm milk"},
                                    std::pair{"lab", "Behind the toy shelf; knock first"}}) {
    Channel channel;
    channel.id = world.ids.next();
    channel.guild = guild_id;
    channel.name = name;
    channel.topic = topic;
    channel.parent = parent;
    channel.position = position++;
    world.put(std::move(channel));
  }
  for (const CastMember& one : cast) add_bot(world, one.name, one.account, now_ms);
}

}  // namespace hub
