#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

// The numbers of Discord's API, version 10 (discord.com/developers/docs, "Opcodes and Status
// Codes", "Permissions", "Rate Limits"), for whoever speaks it: a bot as its client, the hub as its
// server. Plain constants.
namespace discord {

inline constexpr int kVersion = 10;
inline constexpr std::int64_t kEpochMs = 1'420'070'400'000;  // of snowflakes: 2015-01-01

inline constexpr std::size_t kContentCodePoints = 2000;
inline constexpr std::size_t kNonceBytes = 25;
inline constexpr std::size_t kGatewayPayloadBytes = 4096;  // sent by a client
inline constexpr int kGatewaySendsPerMinute = 120;

enum class Opcode {
  Dispatch = 0,
  Heartbeat = 1,
  Identify = 2,
  PresenceUpdate = 3,
  VoiceStateUpdate = 4,
  Resume = 6,
  Reconnect = 7,
  RequestGuildMembers = 8,
  InvalidSession = 9,
  Hello = 10,
  HeartbeatAck = 11,
};

namespace close_code {
inline constexpr std::uint16_t kUnknownError = 4000;
inline constexpr std::uint16_t kUnknownOpcode = 4001;
inline constexpr std::uint16_t kDecodeError = 4002;
inline constexpr std::uint16_t kNotAuthenticated = 4003;
inline constexpr std::uint16_t kAuthenticationFailed = 4004;
inline constexpr std::uint16_t kAlreadyAuthenticated = 4005;
inline constexpr std::uint16_t kInvalidSequence = 4007;
inline constexpr std::uint16_t kRateLimited = 4008;
inline constexpr std::uint16_t kSessionTimedOut = 4009;
inline constexpr std::uint16_t kInvalidShard = 4010;
inline constexpr std::uint16_t kShardingRequired = 4011;
inline constexpr std::uint16_t kInvalidVersion = 4012;
inline constexpr std::uint16_t kInvalidIntents = 4013;
inline constexpr std::uint16_t kDisallowedIntents = 4014;
}  // namespace close_code

namespace intent {
inline constexpr std::uint32_t kGuilds = 1U << 0;
inline constexpr std::uint32_t kGuildMembers = 1U << 1;    // privileged
inline constexpr std::uint32_t kGuildPresences = 1U << 8;  // privileged
inline constexpr std::uint32_t kGuildMessages = 1U << 9;
inline constexpr std::uint32_t kGuildMessageReactions = 1U << 10;
inline constexpr std::uint32_t kGuildMessageTyping = 1U << 11;
inline constexpr std::uint32_t kDirectMessages = 1U << 12;
inline constexpr std::uint32_t kDirectMessageReactions = 1U << 13;
inline constexpr std::uint32_t kDirectMessageTyping = 1U << 14;
inline constexpr std::uint32_t kMessageContent = 1U << 15;  // privileged
inline constexpr std::uint32_t kAll = (1U << 26) - 1;
}  // namespace intent

namespace permission {
inline constexpr std::uint64_t kKickMembers = 1ULL << 1;
inline constexpr std::uint64_t kAdministrator = 1ULL << 3;
inline constexpr std::uint64_t kManageChannels = 1ULL << 4;
inline constexpr std::uint64_t kManageGuild = 1ULL << 5;
inline constexpr std::uint64_t kAddReactions = 1ULL << 6;
inline constexpr std::uint64_t kViewChannel = 1ULL << 10;
inline constexpr std::uint64_t kSendMessages = 1ULL << 11;
inline constexpr std::uint64_t kManageMessages = 1ULL << 13;
inline constexpr std::uint64_t kEmbedLinks = 1ULL << 14;
inline constexpr std::uint64_t kAttachFiles = 1ULL << 15;
inline constexpr std::uint64_t kReadMessageHistory = 1ULL << 16;
inline constexpr std::uint64_t kMentionEveryone = 1ULL << 17;
inline constexpr std::uint64_t kManageRoles = 1ULL << 28;
inline constexpr std::uint64_t kManageWebhooks = 1ULL << 29;
inline constexpr std::uint64_t kUseApplicationCommands = 1ULL << 31;
}  // namespace permission

namespace channel_type {
inline constexpr int kGuildText = 0;
inline constexpr int kDirectMessage = 1;
inline constexpr int kGuildCategory = 4;
inline constexpr int kGuildForum = 15;
inline constexpr int kGuildMedia = 16;
}  // namespace channel_type

namespace message_type {
inline constexpr int kDefault = 0;
inline constexpr int kReply = 19;
inline constexpr int kChatInputCommand = 20;
inline constexpr int kContextMenuCommand = 23;
}  // namespace message_type

namespace message_flag {
inline constexpr int kEphemeral = 1 << 6;
inline constexpr int kLoading = 1 << 7;
}  // namespace message_flag

namespace interaction_type {
inline constexpr int kPing = 1;
inline constexpr int kApplicationCommand = 2;
}  // namespace interaction_type

namespace command_type {
inline constexpr int kChatInput = 1;
inline constexpr int kUser = 2;
inline constexpr int kMessage = 3;
}  // namespace command_type

namespace callback_type {
inline constexpr int kPong = 1;
inline constexpr int kMessage = 4;
inline constexpr int kDeferredMessage = 5;
}  // namespace callback_type

// "code" in the JSON body of a refused request.
namespace error_code {
inline constexpr int kGeneral = 0;
inline constexpr int kUnknownChannel = 10003;
inline constexpr int kUnknownGuild = 10004;
inline constexpr int kUnknownMember = 10007;
inline constexpr int kUnknownMessage = 10008;
inline constexpr int kUnknownUser = 10013;
inline constexpr int kUnknownEmoji = 10014;
inline constexpr int kUnknownWebhook = 10015;
inline constexpr int kUnknownInteraction = 10062;
inline constexpr int kUnknownCommand = 10063;
inline constexpr int kMissingAccess = 50001;
inline constexpr int kForeignMessage = 50005;
inline constexpr int kEmptyMessage = 50006;
inline constexpr int kMissingPermissions = 50013;
inline constexpr int kInvalidForm = 50035;
inline constexpr int kInteractionAnswered = 40060;
inline constexpr int kTooLarge = 40005;
}  // namespace error_code

}  // namespace discord
