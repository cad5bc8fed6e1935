#include "hub/forms.h"

#include <algorithm>

namespace hub {
namespace {

constexpr std::size_t kMembersShown = 250;  // in a GUILD_CREATE; the rest by op 8 or REST

class Object : public json::Writer {
 public:
  Object() { begin_object(); }
  void id(std::string_view name, Snowflake value) {
    key(name);
    if (value == 0) return null();
    string(text_of(value));
  }
  void text(std::string_view name, std::string_view value) {
    key(name);
    string(value);
  }
  void text_or_null(std::string_view name, std::string_view value) {
    key(name);
    value.empty() ? null() : string(value);
  }
  void number(std::string_view name, std::int64_t value) {
    key(name);
    integer(value);
  }
  void flag(std::string_view name, bool value) {
    key(name);
    boolean(value);
  }
  void bits(std::string_view name, std::uint64_t value) { text(name, text_of(value)); }
  void json(std::string_view name, std::string_view value) {
    key(name);
    raw(value);
  }
  std::string finish() {
    end_object();
    return take();
  }
};

void member_members(Object& out, const Member& member) {
  out.key("roles");
  out.begin_array();
  for (const Snowflake role : member.roles) out.string(text_of(role));
  out.end_array();
  out.json("nick", "null");
  out.json("avatar", "null");
  out.text("joined_at", timestamp(member.joined_ms));
  out.json("premium_since", "null");
  out.flag("deaf", false);
  out.flag("mute", false);
  out.flag("pending", false);
  out.number("flags", 0);
}

void guild_members(Object& out, const Guild& guild) {
  out.id("id", guild.id);
  out.text("name", guild.name);
  for (const char* const none : {"icon", "description", "splash", "banner", "afk_channel_id",
                                 "system_channel_id", "rules_channel_id", "vanity_url_code"}) {
    out.json(none, "null");
  }
  out.id("owner_id", guild.owner);
  out.number("afk_timeout", 300);
  for (const char* const zero : {"verification_level", "default_message_notifications",
                                 "explicit_content_filter", "mfa_level", "system_channel_flags",
                                 "premium_tier", "premium_subscription_count", "nsfw_level"}) {
    out.number(zero, 0);
  }
  out.text("preferred_locale", "en-US");
  out.flag("premium_progress_bar_enabled", false);
  for (const char* const none : {"emojis", "stickers", "features"}) out.json(none, "[]");
  out.key("roles");
  out.begin_array();
  for (const Role& role : guild.roles) out.raw(role_json(role));
  out.end_array();
}

std::string presence_json(Snowflake user, std::string_view status) {
  Object out;
  out.json("user", fmt::format("{{\"id\":\"{}\"}}", user));
  out.text("status", status);
  out.json("activities", "[]");
  out.json("client_status", "{}");
  return out.finish();
}

// Of a large guild whoever is there, and always the reader.
std::vector<const Member*> shown_members(const World& world, const Guild& guild, Snowflake reader,
                                         const Presences* presences) {
  std::vector<const Member*> all = world.members_of(guild.id);
  if (all.size() <= kMembersShown) return all;
  const auto there = [&](const Member* one) {
    return one->user == reader ||
           (presences != nullptr && presences->status(one->user) != "offline");
  };
  std::stable_partition(all.begin(), all.end(), there);
  std::stable_partition(all.begin(), all.end(), [&](auto* one) { return one->user == reader; });
  all.resize(kMembersShown);
  return all;
}

}  // namespace

UserForm user_form(const User& user) {
  UserForm form;
  form.id = text_of(user.id);
  form.username = user.name;
  if (user.display != user.name) form.global_name.text = json::quoted(user.display);
  form.bot = user.bot;
  return form;
}

std::string user_json(const User& user) { return json::encode(user_form(user)); }

std::string member_json(const Member& member) {
  Object out;
  member_members(out, member);
  return out.finish();
}

std::string member_json(const Member& member, const User& user) {
  Object out;
  out.json("user", user_json(user));
  member_members(out, member);
  return out.finish();
}

std::string role_json(const Role& role) {
  Object out;
  out.id("id", role.id);
  out.text("name", role.name);
  out.bits("permissions", role.permissions);
  out.number("position", role.position);
  out.number("color", 0);
  out.flag("hoist", false);
  out.flag("managed", false);
  out.flag("mentionable", false);
  out.json("icon", "null");
  out.json("unicode_emoji", "null");
  out.number("flags", 0);
  return out.finish();
}

std::string channel_json(const World& world, const Channel& channel, Snowflake reader) {
  Object out;
  out.id("id", channel.id);
  out.number("type", channel.type);
  out.number("flags", 0);
  if (channel.type != discord::channel_type::kGuildCategory) {
    out.id("last_message_id", channel.last_message);
  }
  if (channel.guild == 0) {
    out.key("recipients");
    out.begin_array();
    for (const Snowflake id : channel.recipients) {
      const User* const other = id == reader ? nullptr : world.user(id);
      if (other != nullptr) out.raw(user_json(*other));
    }
    out.end_array();
    return out.finish();
  }
  out.id("guild_id", channel.guild);
  out.text("name", channel.name);
  out.text_or_null("topic", channel.topic);
  out.number("position", channel.position);
  out.id("parent_id", channel.parent);
  out.flag("nsfw", false);
  out.number("rate_limit_per_user", 0);
  out.key("permission_overwrites");
  out.begin_array();
  for (const Overwrite& overwrite : channel.overwrites) {
    Object one;
    one.id("id", overwrite.id);
    one.number("type", overwrite.type);
    one.bits("allow", overwrite.allow);
    one.bits("deny", overwrite.deny);
    out.raw(one.finish());
  }
  out.end_array();
  return out.finish();
}

std::string guild_json(const Guild& guild) {
  Object out;
  guild_members(out, guild);
  return out.finish();
}

std::string own_guild_json(const Guild& guild, bool owner, std::uint64_t permissions) {
  Object out;
  out.id("id", guild.id);
  out.text("name", guild.name);
  out.json("icon", "null");
  out.json("banner", "null");
  out.flag("owner", owner);
  out.bits("permissions", permissions);
  out.json("features", "[]");
  return out.finish();
}

std::string whole_guild_json(const World& world, const Guild& guild, Snowflake reader,
                             const Presences* presences) {
  std::vector<std::string> channels, members, present;
  for (const Channel* const channel : world.channels_of(guild.id)) {
    if (world.may_view(reader, channel->id)) {
      channels.push_back(channel_json(world, *channel, reader));
    }
  }
  for (const Member* const member : shown_members(world, guild, reader, presences)) {
    const User* const user = world.user(member->user);
    if (user == nullptr) continue;
    members.push_back(member_json(*member, *user));
    const std::string_view status =
        presences == nullptr ? "offline" : presences->status(member->user);
    if (status != "offline") present.push_back(presence_json(member->user, status));
  }
  const auto count = world.members_of(guild.id).size();
  const Member* const self = world.member(guild.id, reader);
  Object out;
  guild_members(out, guild);
  out.text("joined_at", timestamp(self == nullptr ? made_ms(guild.id) : self->joined_ms));
  out.flag("large", count > kMembersShown);
  out.flag("unavailable", false);
  out.number("member_count", static_cast<std::int64_t>(count));
  out.json("channels", array_of(channels));
  out.json("members", array_of(members));
  out.json("presences", array_of(present));
  for (const char* const none : {"threads", "voice_states", "stage_instances",
                                 "guild_scheduled_events", "soundboard_sounds"}) {
    out.json(none, "[]");
  }
  return out.finish();
}

std::string webhook_json(const World& world, const Webhook& webhook) {
  Object out;
  out.id("id", webhook.id);
  out.number("type", 1);
  out.id("channel_id", webhook.channel);
  const Channel* const channel = world.channel(webhook.channel);
  out.id("guild_id", channel == nullptr ? 0 : channel->guild);
  out.text("name", webhook.name);
  out.json("avatar", "null");
  out.json("application_id", "null");
  out.text("token", webhook.token);
  if (const User* const creator = world.user(webhook.creator)) {
    out.json("user", user_json(*creator));
  }
  return out.finish();
}

std::string command_json(const AppCommand& command) {
  Object out;
  out.id("id", command.id);
  out.id("application_id", command.application);
  if (command.guild != 0) out.id("guild_id", command.guild);
  out.number("type", command.type);
  out.text("name", command.name);
  out.json("name_localizations", "null");
  out.text("description", command.description);
  out.json("description_localizations", "null");
  if (command.type == discord::command_type::kChatInput) out.json("options", command.options.text);
  out.json("default_member_permissions", "null");
  out.flag("dm_permission", true);
  out.flag("nsfw", false);
  out.id("version", command.id);
  return out.finish();
}

std::string application_json(const World& world, const User& bot) {
  Object out;
  out.id("id", bot.id);
  out.text("name", bot.display);
  out.json("icon", "null");
  out.text("description", "");
  out.flag("bot_public", true);
  out.flag("bot_require_code_grant", false);
  out.text("verify_key", "");
  // Discord's bits for bots that few guilds have: presence, members and message content.
  out.number("flags", (1 << 13) | (1 << 15) | (1 << 19));
  out.json("bot", user_json(bot));
  // Of all bots: whoever owns the guild. discord.py logs in nowhere without.
  const auto& guilds = world.all_guilds();
  const User* const owner = guilds.empty() ? nullptr : world.user(guilds.begin()->second.owner);
  if (owner != nullptr) out.json("owner", user_json(*owner));
  out.json("team", "null");
  return out.finish();
}

std::string array_of(const std::vector<std::string>& items) {
  std::string all = "[";
  for (const std::string& item : items) {
    if (all.size() > 1) all += ',';
    all += item;
  }
  return all += ']';
}

std::string with_members(std::string_view object, std::string_view members) {
  std::string all(object.substr(0, object.size() - 1));
  if (all.size() > 1 && !members.empty()) all += ',';
  all += members;
  return all += '}';
}

}  // namespace hub
