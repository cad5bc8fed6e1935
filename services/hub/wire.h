#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fields.h"
#include "hub/snowflake.h"
#include "json/codec.h"

// Messages and what people post, in Discord's own words (API reference, "Message Object" and
// "Create Message"), and the codes that protocol.h, a client's list, has no use for. Plain values.
namespace hub {

inline constexpr int kForeignApplication = 20012;
inline constexpr int kTooManyWebhooks = 30007;
inline constexpr int kReactionBlocked = 30010;
inline constexpr int kTooManyChannels = 30013;
inline constexpr int kTooManyCommands = 30032;
inline constexpr int kNotInDirectMessages = 50003;
inline constexpr int kInvalidWebhookToken = 50027;
inline constexpr int kInvalidJson = 50109;

// "2026-11-21T21:41:04.123000+00:00"
std::string timestamp(std::int64_t wall_ms);

// `text` without what would change how the text around it looks: control characters, ends of lines
// and marks of writing direction. Names are that already, or refused.
std::string without_controls(std::string_view text);
inline bool harmless(std::string_view text) { return without_controls(text) == text; }

struct UserForm {
  std::string id;
  std::string username;
  std::string discriminator = "0";
  json::Text global_name{};
  json::Text avatar{};
  bool bot = false;
  int public_flags = 0;
  static void fields(auto& self, auto&& visit) {
    constexpr Field kOptional{.defaulted = true};
    visit("id", self.id);
    visit("username", self.username);
    visit("discriminator", self.discriminator, kOptional);
    visit("global_name", self.global_name, kOptional);
    visit("avatar", self.avatar, kOptional);
    visit("bot", self.bot, kOptional);
    visit("public_flags", self.public_flags, kOptional);
  }
};

struct AttachmentForm {
  std::string id;
  std::string filename;
  std::optional<std::string> description;
  std::string content_type;
  std::int64_t size = 0;
  std::string url;
  std::string proxy_url;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("filename", self.filename);
    visit("description", self.description);
    visit("content_type", self.content_type);
    visit("size", self.size);
    visit("url", self.url);
    visit("proxy_url", self.proxy_url);
  }
};

struct ReferenceForm {
  std::optional<std::string> message_id;
  std::optional<std::string> channel_id;
  std::optional<std::string> guild_id;
  int type = 0;
  static void fields(auto& self, auto&& visit) {
    visit("message_id", self.message_id, Field{.bytes_max = 20});
    visit("channel_id", self.channel_id, Field{.bytes_max = 20});
    visit("guild_id", self.guild_id, Field{.bytes_max = 20});
    visit("type", self.type, Field{.defaulted = true});
  }
};

// A message as the archive keeps it: what does not depend on who reads it. Reactions and the
// message that it replies to are put in when it is read.
struct MessageForm {
  std::string id;
  std::string channel_id;
  UserForm author;
  std::string content;
  std::string timestamp;
  json::Text edited_timestamp{};
  bool tts = false;
  bool mention_everyone = false;
  std::vector<UserForm> mentions;
  std::vector<std::string> mention_roles;
  std::vector<AttachmentForm> attachments;
  json::Text embeds{"[]"};
  json::Text components{"[]"};
  bool pinned = false;
  int type = 0;
  int flags = 0;
  std::optional<json::Text> nonce;
  std::optional<std::string> webhook_id;
  std::optional<std::string> application_id;
  std::optional<ReferenceForm> message_reference;
  std::optional<json::Text> interaction_metadata;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("channel_id", self.channel_id);
    visit("author", self.author);
    visit("content", self.content);
    visit("timestamp", self.timestamp);
    visit("edited_timestamp", self.edited_timestamp, Field{.defaulted = true});
    visit("tts", self.tts);
    visit("mention_everyone", self.mention_everyone);
    visit("mentions", self.mentions);
    visit("mention_roles", self.mention_roles);
    visit("attachments", self.attachments);
    visit("embeds", self.embeds);
    visit("components", self.components);
    visit("pinned", self.pinned);
    visit("type", self.type);
    visit("flags", self.flags);
    visit("nonce", self.nonce);
    visit("webhook_id", self.webhook_id);
    visit("application_id", self.application_id);
    visit("message_reference", self.message_reference);
    visit("interaction_metadata", self.interaction_metadata);
  }
};

// The form without what people wrote, for bots that may not read it.
MessageForm redacted(MessageForm form);
// The same of a message's JSON, which may have referenced_message and reactions.
std::string redacted_json(std::string_view message);
// Whether the bot reads this message all the same: it wrote it, or is mentioned.
bool reads_always(const MessageForm& form, std::string_view user);

// What a client may write as a string or as a number: nonces, and ids, which discord.py writes so.
inline std::string text_of(const json::Text& written) {
  const std::string& raw = written.text;
  return raw.size() >= 2 && raw.front() == '"' ? raw.substr(1, raw.size() - 2) : raw;
}

struct AllowedMentions {
  std::optional<std::vector<std::string>> parse;
  std::vector<json::Text> users;  // ids
  std::vector<json::Text> roles;
  bool replied_user = false;
  static void fields(auto& self, auto&& visit) {
    constexpr Field kIds{.bytes_max = 22, .items_max = 100, .defaulted = true};
    visit("parse", self.parse, Field{.bytes_max = 20, .items_max = 3});
    visit("users", self.users, kIds);
    visit("roles", self.roles, kIds);
    visit("replied_user", self.replied_user, Field{.defaulted = true});
  }
};

struct PostedReference {
  json::Text message_id;
  bool fail_if_not_exists = true;
  static void fields(auto& self, auto&& visit) {
    visit("message_id", self.message_id, Field{.bytes_max = 22});
    visit("fail_if_not_exists", self.fail_if_not_exists, Field{.defaulted = true});
  }
};

struct PostedAttachment {
  json::Text id;
  std::optional<std::string> filename;
  std::optional<std::string> description;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id, Field{.bytes_max = 32, .defaulted = true});
    visit("filename", self.filename, Field{.bytes_max = 260});
    visit("description", self.description, Field{.bytes_max = 4096});
  }
};

// The body of a POST or PATCH of a message, by whatever door. Embeds and components are kept as
// they come.
struct PostForm {
  std::optional<std::string> content;
  std::optional<json::Text> nonce;
  bool enforce_nonce = false;
  std::optional<json::Text> embeds;
  std::optional<json::Text> components;
  std::optional<AllowedMentions> allowed_mentions;
  std::optional<PostedReference> message_reference;
  std::optional<std::vector<PostedAttachment>> attachments;
  int flags = 0;
  std::optional<std::string> username;  // of a webhook's
  static void fields(auto& self, auto&& visit) {
    constexpr Field kOptional{.defaulted = true};
    visit("content", self.content);
    visit("nonce", self.nonce, Field{.bytes_max = 64});
    visit("enforce_nonce", self.enforce_nonce, kOptional);
    visit("embeds", self.embeds, Field{.bytes_max = 32 * 1024});
    visit("components", self.components, Field{.bytes_max = 32 * 1024});
    visit("allowed_mentions", self.allowed_mentions);
    visit("message_reference", self.message_reference);
    visit("attachments", self.attachments, Field{.items_max = 10});
    visit("flags", self.flags, kOptional);
    visit("username", self.username, Field{.bytes_max = 320});
  }
};

}  // namespace hub
