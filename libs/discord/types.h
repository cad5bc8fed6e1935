#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fields.h"
#include "json/json.h"

// What Discord v10 says to a bot, as far as a bot reads it: json::decode<discord::Message>(data).
// Unknown members are passed over; ids are strings ("snowflakes"). Plain values.
namespace discord {

struct User {
  std::string id;
  std::string username;
  std::optional<std::string> global_name;
  bool bot = false;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("username", self.username, Field{.defaulted = true});
    visit("global_name", self.global_name);
    visit("bot", self.bot, Field{.defaulted = true});
  }
};

struct Member {
  std::optional<User> user;  // not in the member of a message
  std::optional<std::string> nick;
  std::vector<std::string> roles;
  static void fields(auto& self, auto&& visit) {
    visit("user", self.user);
    visit("nick", self.nick);
    visit("roles", self.roles, Field{.defaulted = true});
  }
};

struct MessageReference {
  std::optional<std::string> message_id;
  std::optional<std::string> channel_id;
  std::optional<std::string> guild_id;
  static void fields(auto& self, auto&& visit) {
    visit("message_id", self.message_id);
    visit("channel_id", self.channel_id);
    visit("guild_id", self.guild_id);
  }
};

// The message that another one replies to.
struct Referenced {
  std::string id;
  User author;
  std::string content;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("author", self.author);
    visit("content", self.content, Field{.defaulted = true});
  }
};

struct Attachment {
  std::string id;
  std::string filename;
  std::int64_t size = 0;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("filename", self.filename, Field{.defaulted = true});
    visit("size", self.size, Field{.defaulted = true});
  }
};

struct Message {
  std::string id;
  std::string channel_id;
  std::optional<std::string> guild_id;  // absent in direct messages and in answers over REST
  int type = 0;
  User author;
  std::optional<Member> member;
  std::string content;
  std::string timestamp;
  std::vector<User> mentions;
  bool mention_everyone = false;
  std::vector<Attachment> attachments;
  std::optional<MessageReference> message_reference;
  std::optional<Referenced> referenced_message;
  std::optional<std::string> webhook_id;
  std::optional<json::Text> nonce;  // a string or an integer
  int flags = 0;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("channel_id", self.channel_id);
    visit("guild_id", self.guild_id);
    visit("type", self.type, Field{.defaulted = true});
    visit("author", self.author);
    visit("member", self.member);
    visit("content", self.content, Field{.defaulted = true});
    visit("timestamp", self.timestamp, Field{.defaulted = true});
    visit("mentions", self.mentions, Field{.defaulted = true});
    visit("mention_everyone", self.mention_everyone, Field{.defaulted = true});
    visit("attachments", self.attachments, Field{.defaulted = true});
    visit("message_reference", self.message_reference);
    visit("referenced_message", self.referenced_message);
    visit("webhook_id", self.webhook_id);
    visit("nonce", self.nonce);
    visit("flags", self.flags, Field{.defaulted = true});
  }
};

struct Emoji {
  std::optional<std::string> id;
  std::optional<std::string> name;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("name", self.name);
  }
};

// MESSAGE_REACTION_ADD and MESSAGE_REACTION_REMOVE.
struct Reaction {
  std::string user_id;
  std::string channel_id;
  std::string message_id;
  std::optional<std::string> guild_id;
  Emoji emoji;
  static void fields(auto& self, auto&& visit) {
    visit("user_id", self.user_id);
    visit("channel_id", self.channel_id);
    visit("message_id", self.message_id);
    visit("guild_id", self.guild_id);
    visit("emoji", self.emoji);
  }
};

struct Channel {
  std::string id;
  int type = 0;
  std::optional<std::string> guild_id;
  std::optional<std::string> name;
  std::optional<std::string> last_message_id;  // it may be gone; of a forum: its last thread
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("type", self.type, Field{.defaulted = true});
    visit("guild_id", self.guild_id);
    visit("name", self.name);
    visit("last_message_id", self.last_message_id);
  }
};

struct Role {
  std::string id;
  std::string name;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("name", self.name, Field{.defaulted = true});
  }
};

// GUILD_CREATE.
struct Guild {
  std::string id;
  std::string name;
  bool unavailable = false;
  std::vector<Channel> channels;
  std::vector<Channel> threads;  // the active ones that the bot may view
  std::vector<Member> members;   // of large guilds those who are online
  std::vector<Role> roles;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("name", self.name, Field{.defaulted = true});
    visit("unavailable", self.unavailable, Field{.defaulted = true});
    visit("channels", self.channels, Field{.defaulted = true});
    visit("threads", self.threads, Field{.defaulted = true});
    visit("members", self.members, Field{.items_max = 100'000, .defaulted = true});
    visit("roles", self.roles, Field{.defaulted = true});
  }
};

struct Application {
  std::string id;
  static void fields(auto& self, auto&& visit) { visit("id", self.id); }
};

struct GuildStub {
  std::string id;
  static void fields(auto& self, auto&& visit) { visit("id", self.id); }
};

struct Ready {
  User user;
  std::string session_id;
  std::string resume_gateway_url;
  std::optional<Application> application;
  std::vector<GuildStub> guilds;
  static void fields(auto& self, auto&& visit) {
    visit("user", self.user);
    visit("session_id", self.session_id);
    visit("resume_gateway_url", self.resume_gateway_url);
    visit("application", self.application);
    visit("guilds", self.guilds, Field{.items_max = 10'000, .defaulted = true});
  }
};

struct CommandOption {
  std::string name;
  int type = 3;
  std::optional<json::Text> value;
  static void fields(auto& self, auto&& visit) {
    visit("name", self.name);
    visit("type", self.type, Field{.defaulted = true});
    visit("value", self.value);
  }
};

struct CommandCall {
  std::string id;
  std::string name;
  int type = 1;
  std::optional<std::string> target_id;  // the message or user that it was called on
  std::vector<CommandOption> options;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("name", self.name);
    visit("type", self.type, Field{.defaulted = true});
    visit("target_id", self.target_id);
    visit("options", self.options, Field{.items_max = 25, .defaulted = true});
  }
};

// INTERACTION_CREATE.
struct Interaction {
  std::string id;
  std::string application_id;
  int type = 2;
  std::string token;
  std::optional<CommandCall> data;
  std::optional<std::string> guild_id;
  std::optional<std::string> channel_id;
  std::optional<Member> member;  // in guilds
  std::optional<User> user;      // in direct messages
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("application_id", self.application_id);
    visit("type", self.type);
    visit("token", self.token);
    visit("data", self.data);
    visit("guild_id", self.guild_id);
    visit("channel_id", self.channel_id);
    visit("member", self.member);
    visit("user", self.user);
  }
};

}  // namespace discord
