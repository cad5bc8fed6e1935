#include "base/utf8.h"
#include "hub/forms.h"
#include "hub/routes.h"

// Reactions, with emoji that everybody has.
namespace hub {
namespace {

namespace permission = discord::permission;

constexpr std::size_t kEmojiBytes = 64;

// Plain letters are the names of a guild's own emoji, of which there are none.
bool known_emoji(std::string_view emoji) {
  if (emoji.empty() || emoji.size() > kEmojiBytes || !utf8_valid(emoji)) return false;
  for (const char c : emoji) {
    if ((c & 0x80) != 0) return true;
  }
  return false;
}

void tell(const Stage& stage, std::string_view name, Snowflake channel_id, Snowflake message,
          std::string_view emoji, Snowflake user) {
  const Channel* const channel = stage.world.channel(channel_id);
  if (channel == nullptr) return;
  std::string data = fmt::format(
      "{{\"user_id\":\"{}\",\"channel_id\":\"{}\",\"message_id\":\"{}\",\"emoji\":{{\"id\":null,"
      "\"name\":{}}},\"burst\":false,\"type\":0",
      user, channel_id, message, json::quoted(emoji));
  if (channel->guild != 0) {
    data += fmt::format(",\"guild_id\":\"{}\"", channel->guild);
    const Member* const member = stage.world.member(channel->guild, user);
    const User* const who = stage.world.user(user);
    if (name == "MESSAGE_REACTION_ADD" && member != nullptr && who != nullptr) {
      data += ",\"member\":" + member_json(*member, *who);
    }
  }
  stage.announcer.announce(stage.event(name, *channel, data + "}",
                                       discord::intent::kGuildMessageReactions,
                                       discord::intent::kDirectMessageReactions));
}

enum class Way { Add, Remove };

void change(const Stage& stage, const Call& call, Way what, Snowflake user, std::uint64_t wanted) {
  const Channel* const channel = stage.channel(call, wanted);
  if (channel == nullptr) return;
  const std::string emoji = call->text("emoji");
  if (!known_emoji(emoji)) return call->refuse(discord::error_code::kUnknownEmoji);
  const Snowflake message = call->id("message");
  auto done = stage.on_loop<bool>(
      [&stage, call, what, user, emoji, message, id = channel->id](const Outcome<bool>& changed) {
        if (!changed) return call->refuse(changed.why);
        if (*changed) {
          tell(stage, what == Way::Add ? "MESSAGE_REACTION_ADD" : "MESSAGE_REACTION_REMOVE", id,
               message, emoji, user);
        }
        call->no_content();
      });
  if (what == Way::Add) {
    stage.archive.react(channel->id, message, emoji, user, std::move(done));
  } else {
    stage.archive.unreact(channel->id, message, emoji, user, std::move(done));
  }
}

void list(const Stage& stage, const Call& call) {
  const Channel* const channel = stage.channel(call, permission::kReadMessageHistory);
  if (channel == nullptr) return;
  const int limit = call->number("limit", 25, 1, 100);
  stage.read(call, [&stage, call, id = channel->id, message = call->id("message"),
                    emoji = call->text("emoji"), limit] {
    auto users = stage.archive.reactors(id, message, emoji, limit);
    // Who they are only the loop knows.
    stage.loop.post([&stage, call, users = std::move(users)] {
      if (!users) return call->refuse(users.why);
      std::vector<std::string> all;
      for (const Snowflake one : *users) {
        if (const User* const user = stage.world.user(one)) all.push_back(user_json(*user));
      }
      call->answer(array_of(all));
    });
  });
}

}  // namespace

void install_reactions(Rest& rest, const Stage& stage) {
  const std::string reactions = "/channels/{channel}/messages/{message}/reactions/{emoji}";
  const std::string own = reactions + "/@me";
  rest.put(own, [&](const Call& call) {
    change(stage, call, Way::Add, call->user->id,
           permission::kAddReactions | permission::kReadMessageHistory);
  });
  rest.remove(own, [&](const Call& call) {
    change(stage, call, Way::Remove, call->user->id, permission::kReadMessageHistory);
  });
  rest.remove(reactions + "/{user}", [&](const Call& call) {
    change(stage, call, Way::Remove, call->id("user"), permission::kManageMessages);
  });
  rest.get(reactions, [&](const Call& call) { list(stage, call); });
}

}  // namespace hub
