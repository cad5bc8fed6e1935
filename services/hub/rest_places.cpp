#include <algorithm>

#include "base/utf8.h"
#include "hub/forms.h"
#include "hub/routes.h"

// Users, guilds and channels.
namespace hub {
namespace {

namespace permission = discord::permission;

constexpr std::size_t kChannelsMax = 500;
constexpr std::size_t kDirectMax = 1000;  // direct channels of one user

struct OverwriteForm {
  json::Text id;
  int type = 0;
  json::Text allow{"0"};
  json::Text deny{"0"};
  static void fields(auto& self, auto&& visit) {
    constexpr Field kBits{.bytes_max = 22, .defaulted = true};
    visit("id", self.id, Field{.bytes_max = 22});
    visit("type", self.type, Field{.min = 0, .max = 1, .defaulted = true});
    visit("allow", self.allow, kBits);
    visit("deny", self.deny, kBits);
  }
};

struct ChannelForm {
  std::optional<std::string> name;
  std::optional<int> type;
  std::optional<std::string> topic;
  std::optional<json::Text> parent_id;
  std::optional<int> position;
  std::optional<std::vector<OverwriteForm>> permission_overwrites;
  static void fields(auto& self, auto&& visit) {
    visit("name", self.name, Field{.bytes_min = 1, .bytes_max = 400});
    visit("type", self.type);
    visit("topic", self.topic, Field{.bytes_max = 4096});
    visit("parent_id", self.parent_id, Field{.bytes_max = 22});
    visit("position", self.position, Field{.min = 0, .max = 10'000});
    visit("permission_overwrites", self.permission_overwrites, Field{.items_max = 100});
  }
};

struct RecipientForm {
  json::Text recipient_id;
  static void fields(auto& self, auto&& visit) {
    visit("recipient_id", self.recipient_id, Field{.bytes_max = 22});
  }
};

// Ids and bits, which discord.js writes as strings and discord.py as numbers.
std::uint64_t bits_of(const json::Text& written) {
  return snowflake_of(text_of(written)).value_or(0);
}

// Changes the channel as the form says; nothing when it may be.
std::optional<Refusal> apply(const World& world, const ChannelForm& form, Channel& channel) {
  if (form.name) {
    if (utf8_length(*form.name) > 100 || trimmed(*form.name).empty()) {
      return invalid_form("name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.");
    }
    if (!harmless(*form.name)) return unfit_name("name");
    channel.name = trimmed(*form.name);
  }
  if (form.topic) channel.topic = *form.topic;
  if (form.position) channel.position = *form.position;
  if (form.parent_id) {
    const Channel* const parent = world.channel(bits_of(*form.parent_id));
    if (parent == nullptr || parent->guild != channel.guild ||
        parent->type != discord::channel_type::kGuildCategory) {
      return invalid_form("parent_id", "CHANNEL_PARENT_INVALID", "Category does not exist");
    }
    channel.parent = parent->id;
  }
  if (form.permission_overwrites) {
    channel.overwrites.clear();
    for (const OverwriteForm& one : *form.permission_overwrites) {
      channel.overwrites.push_back(
          {bits_of(one.id), one.type, bits_of(one.allow), bits_of(one.deny)});
    }
  }
  return std::nullopt;
}

void tell(const Stage& stage, std::string_view name, const Channel& channel,
          std::vector<Snowflake> only = {}) {
  Event event{name, channel_json(stage.world, channel, 0)};
  event.guild = channel.guild;
  event.intents = discord::intent::kGuilds;
  // A channel that is gone has no members any more: those who saw it are told, or the whole guild.
  if (name != "CHANNEL_DELETE") event.channel = channel.id;
  event.only = std::move(only);
  stage.announcer.announce(std::move(event));
}

void make_channel(const Stage& stage, const Call& call) {
  const Guild* const guild = stage.guild(call);
  if (guild == nullptr) return;
  const auto bits = stage.world.guild_permissions(call->user->id, guild->id);
  if ((bits & permission::kManageChannels) == 0) {
    return call->refuse(discord::error_code::kMissingPermissions);
  }
  if (stage.world.channels_of(guild->id).size() >= kChannelsMax) {
    return call->refuse(kTooManyChannels);
  }
  const auto form = call->body<ChannelForm>();
  if (!form) return;
  Channel channel;
  channel.guild = guild->id;
  channel.type = form->type.value_or(discord::channel_type::kGuildText);
  if (channel.type != discord::channel_type::kGuildText &&
      channel.type != discord::channel_type::kGuildCategory) {
    return call->refuse(invalid_form("type", "BASE_TYPE_CHOICES", "Value must be one of (0, 4)."));
  }
  if (!form->name) {
    return call->refuse(invalid_form("name", "BASE_TYPE_REQUIRED", "This field is required"));
  }
  channel.position = static_cast<int>(stage.world.channels_of(guild->id).size());
  if (auto why = apply(stage.world, *form, channel)) return call->refuse(*why);
  channel.id = stage.world.ids.next();
  stage.world.put(channel);
  stage.commit(call, [&stage, call, channel] {
    tell(stage, "CHANNEL_CREATE", channel);
    call->answer(channel_json(stage.world, channel, call->user->id), 201);
  });
}

void edit_channel(const Stage& stage, const Call& call) {
  const Channel* const channel = stage.channel(call, 0);
  if (channel == nullptr) return;
  if (!stage.world.may(call->user->id, *channel, permission::kManageChannels)) {
    return call->refuse(discord::error_code::kMissingPermissions);
  }
  const auto form = call->body<ChannelForm>();
  if (!form) return;
  Channel changed = *channel;
  if (auto why = apply(stage.world, *form, changed)) return call->refuse(*why);
  stage.world.put(changed);
  stage.commit(call, [&stage, call, changed] {
    tell(stage, "CHANNEL_UPDATE", changed);
    call->answer(channel_json(stage.world, changed, call->user->id));
  });
}

// Who sees a channel that not everybody may see.
std::vector<Snowflake> viewers(const World& world, const Channel& channel) {
  std::vector<Snowflake> all;
  if (channel.overwrites.empty()) return all;
  for (const Member* const member : world.members_of(channel.guild)) {
    if (world.may_view(member->user, channel.id)) all.push_back(member->user);
  }
  return all;
}

void delete_channel(const Stage& stage, Poster& poster, const Call& call) {
  const Channel* const channel = stage.channel(call, permission::kManageChannels);
  if (channel == nullptr) return;
  const Channel gone = *channel;
  std::vector<Webhook> webhooks;
  for (const Webhook* const one : stage.world.webhooks_of(gone.id)) webhooks.push_back(*one);
  const auto saw = viewers(stage.world, gone);
  stage.world.remove_channel(gone.id);
  const auto changes = stage.world.take_changes();
  poster.remove_channel(
      gone.id, changes,
      [&stage, call, gone, webhooks, saw, changes](const Outcome<Nothing>& removed) {
        if (!removed) {
          // The disk still has it, and all that was said there.
          stage.world.put(gone);
          for (const Webhook& one : webhooks) stage.world.put(one);
          stage.world.change_again(changes);
          return call->refuse(removed.why);
        }
        tell(stage, "CHANNEL_DELETE", gone, saw);
        call->answer(channel_json(stage.world, gone, call->user->id));
      });
}

void open_direct(const Stage& stage, const Call& call) {
  const auto form = call->body<RecipientForm>();
  if (!form) return;
  const User* const other = stage.world.user(bits_of(form->recipient_id));
  if (other == nullptr || other == call->user) {
    return call->refuse(invalid_form("recipient_id", "INVALID_RECIPIENT", "Invalid Recipient"));
  }
  if (const Channel* const there = stage.world.direct_channel(call->user->id, other->id)) {
    return call->answer(channel_json(stage.world, *there, call->user->id));
  }
  if (stage.world.direct_channels_of(call->user->id).size() >= kDirectMax) {
    return call->refuse(kTooManyChannels);
  }
  Channel channel;
  channel.id = stage.world.ids.next();
  channel.type = discord::channel_type::kDirectMessage;
  channel.recipients = {call->user->id, other->id};
  stage.world.put(channel);
  stage.commit(call, [&stage, call, channel] {
    // Bots learn of it with its first message.
    for (const Snowflake id : channel.recipients) {
      Event event{"CHANNEL_CREATE", channel_json(stage.world, channel, id)};
      event.only = {id};
      event.people_only = true;
      stage.announcer.announce(std::move(event));
    }
    call->answer(channel_json(stage.world, channel, call->user->id));
  });
}

void answer_user(const Stage& stage, const Call& call) {
  const User* const user =
      call->text("user") == "@me" ? call->user : stage.world.user(call->id("user"));
  if (user == nullptr) return call->refuse(discord::error_code::kUnknownUser);
  call->answer(user_json(*user));
}

void answer_member(const Stage& stage, const Call& call) {
  const Guild* const guild = stage.guild(call);
  if (guild == nullptr) return;
  const Snowflake id = call->text("user") == "@me" ? call->user->id : call->id("user");
  const Member* const member = stage.world.member(guild->id, id);
  const User* const user = stage.world.user(id);
  if (user == nullptr) return call->refuse(discord::error_code::kUnknownUser);
  if (member == nullptr) return call->refuse(discord::error_code::kUnknownMember);
  call->answer(member_json(*member, *user));
}

void list_members(const Stage& stage, const Call& call) {
  const Guild* const guild = stage.guild(call);
  if (guild == nullptr) return;
  const auto limit = static_cast<std::size_t>(call->number("limit", 1, 1, 1000));
  const Snowflake after = snowflake_of(call->query("after")).value_or(0);
  std::vector<std::string> all;
  for (const Member* const member : stage.world.members_of(guild->id)) {
    const User* const user = stage.world.user(member->user);
    if (user == nullptr || member->user <= after) continue;
    if (all.size() == limit) break;
    all.push_back(member_json(*member, *user));
  }
  call->answer(array_of(all));
}

void list_channels(const Stage& stage, const Call& call) {
  const Guild* const guild = stage.guild(call);
  if (guild == nullptr) return;
  std::vector<std::string> all;
  for (const Channel* const channel : stage.world.channels_of(guild->id)) {
    if (stage.world.may_view(call->user->id, channel->id)) {
      all.push_back(channel_json(stage.world, *channel, call->user->id));
    }
  }
  call->answer(array_of(all));
}

void install_users(Rest& rest, const Stage& stage) {
  rest.get("/users/@me/guilds", [&](const Call& call) {
    std::vector<std::string> all;
    for (const Snowflake id : stage.world.guilds_of(call->user->id)) {
      const Guild& guild = *stage.world.guild(id);
      all.push_back(own_guild_json(guild, guild.owner == call->user->id,
                                   stage.world.guild_permissions(call->user->id, id)));
    }
    call->answer(array_of(all));
  });
  rest.get("/users/@me/channels", [&](const Call& call) {
    std::vector<std::string> all;
    for (const Channel* const channel : stage.world.direct_channels_of(call->user->id)) {
      all.push_back(channel_json(stage.world, *channel, call->user->id));
    }
    call->answer(array_of(all));
  });
  rest.post("/users/@me/channels", [&](const Call& call) { open_direct(stage, call); });
  rest.get("/users/{user}", [&](const Call& call) { answer_user(stage, call); });
}

}  // namespace

void install_places(Rest& rest, const Stage& stage, Poster& poster) {
  install_users(rest, stage);
  rest.get("/guilds/{guild}", [&](const Call& call) {
    if (const Guild* const guild = stage.guild(call)) call->answer(guild_json(*guild));
  });
  rest.get("/guilds/{guild}/channels", [&](const Call& call) { list_channels(stage, call); });
  rest.post("/guilds/{guild}/channels", [&](const Call& call) { make_channel(stage, call); });
  rest.get("/guilds/{guild}/members", [&](const Call& call) { list_members(stage, call); });
  rest.get("/guilds/{guild}/members/{user}", [&](const Call& call) { answer_member(stage, call); });
  rest.get("/guilds/{guild}/roles", [&](const Call& call) {
    const Guild* const guild = stage.guild(call);
    if (guild == nullptr) return;
    std::vector<std::string> all;
    for (const Role& role : guild->roles) all.push_back(role_json(role));
    call->answer(array_of(all));
  });
  rest.get("/channels/{channel}", [&](const Call& call) {
    if (const Channel* const channel = stage.channel(call, 0)) {
      call->answer(channel_json(stage.world, *channel, call->user->id));
    }
  });
  rest.patch("/channels/{channel}", [&](const Call& call) { edit_channel(stage, call); });
  rest.remove("/channels/{channel}",
              [&](const Call& call) { delete_channel(stage, poster, call); });
}

}  // namespace hub
