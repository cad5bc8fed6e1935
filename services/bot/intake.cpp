#include "bot/intake.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/limits.h"
#include "base/utf8.h"
#include "bot/silences.h"
#include "discord/protocol.h"
#include "discord/text.h"

namespace bot {
namespace {

std::string display_name(const discord::Message& message) {
  const auto given = [](const std::optional<std::string>& name) { return name && !name->empty(); };
  const discord::User& author = message.author;
  std::string name = author.username;
  if (given(author.global_name)) name = *author.global_name;
  if (message.member && given(message.member->nick)) name = *message.member->nick;
  name = std::string(utf8_prefix(name, limits::kIdBytes));
  return trimmed(name).empty() ? "someone" : name;
}

// "peter" -> "Peter": as people write it; the coordinator does not mind.
std::string called(std::string character) {
  if (!character.empty() && character[0] >= 'a' && character[0] <= 'z') {
    character[0] = static_cast<char>(character[0] - 'a' + 'A');
  }
  return character;
}

// A person may be named as a character is, who is not spoken to thereby.
std::string person_called(const std::string& name, const std::vector<std::string>& characters) {
  const auto in_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  const std::string lower = ascii_lower(name);
  for (const auto& character : characters) {
    const auto at = lower.find(character);
    if (at == std::string::npos) continue;
    const auto end = at + character.size();
    const bool whole =
        (at == 0 || !in_word(lower[at - 1])) && (end == lower.size() || !in_word(lower[end]));
    if (whole) return "someone";
  }
  return name;
}

std::string text_of(const discord::Message& message, const Company& company) {
  const auto user_name = [&](std::string_view id) -> std::optional<std::string> {
    if (auto character = company.character_of(id)) return called(std::move(*character));
    for (const auto& user : message.mentions) {
      if (user.id != id) continue;
      return person_called(user.global_name.value_or(user.username),
                           company.participants(message.guild_id));
    }
    return std::nullopt;
  };
  std::string text = discord::readable(
      message.content, user_name, [&](std::string_view id) { return company.channel_name(id); });
  text = std::string(trimmed(text));
  if (text.empty() || !message.referenced_message) return text;
  const auto answered = company.character_of(message.referenced_message->author.id);
  if (!answered) return text;
  const std::string address = "@" + called(*answered);
  return text.find(address) == std::string::npos ? address + " " + text : text;
}

std::string_view silence_of(const discord::Message& message, const Company& company,
                            const IntakeOptions& options, std::int64_t now_ms) {
  if (message.author.id == company.user_id()) return silence::kOwnMessage;
  if (message.webhook_id) return silence::kWebhook;
  if (company.character_of(message.author.id)) return silence::kCastBot;
  if (message.author.bot) return silence::kForeignBot;
  namespace type = discord::message_type;
  if (message.type != type::kDefault && message.type != type::kReply) {
    return silence::kSystemMessage;
  }
  const auto& allowed = options.channels;
  if (!allowed.empty() &&
      std::find(allowed.begin(), allowed.end(), message.channel_id) == allowed.end()) {
    return silence::kOtherChannel;
  }
  if (now_ms - posted_ms(message.id) > options.age_ms_max) return silence::kTooOld;
  return {};
}

}  // namespace

std::int64_t posted_ms(std::string_view message_id) {
  std::uint64_t id = 0;
  std::from_chars(message_id.data(), message_id.data() + message_id.size(), id);
  return static_cast<std::int64_t>(id >> 22U) + discord::kEpochMs;
}

std::variant<contracts::OrchestrateRequest, std::string_view> take_in(
    const discord::Message& message, const Company& company, const IntakeOptions& options,
    std::int64_t now_ms) {
  if (const auto reason = silence_of(message, company, options, now_ms); !reason.empty()) {
    return reason;
  }
  const std::string text = text_of(message, company);
  // Also what the bot is not allowed to read: its MESSAGE_CONTENT intent is off.
  if (text.empty()) return silence::kEmptyMessage;
  contracts::OrchestrateRequest request;
  request.channel = message.channel_id;
  request.author = display_name(message);
  request.author_id = message.author.id;
  request.message = std::string(utf8_prefix(text, limits::kMessageBytes));
  request.message_id = message.id;
  request.participants = company.participants(message.guild_id);
  request.delivery = contracts::Delivery::Bots;
  if (!message.guild_id) request.character = company.character();
  return request;
}

}  // namespace bot
