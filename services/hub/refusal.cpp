#include "hub/refusal.h"

#include "discord/protocol.h"
#include "hub/wire.h"
#include "json/json.h"

namespace hub {
namespace {

struct Row {
  int code;
  int status;
  std::string_view message;
};

constexpr Row kRows[] = {
    {discord::error_code::kUnknownChannel, 404, "Unknown Channel"},
    {discord::error_code::kUnknownGuild, 404, "Unknown Guild"},
    {discord::error_code::kUnknownMember, 404, "Unknown Member"},
    {discord::error_code::kUnknownMessage, 404, "Unknown Message"},
    {discord::error_code::kUnknownUser, 404, "Unknown User"},
    {discord::error_code::kUnknownEmoji, 400, "Unknown Emoji"},
    {discord::error_code::kUnknownWebhook, 404, "Unknown Webhook"},
    {discord::error_code::kUnknownInteraction, 404, "Unknown interaction"},
    {discord::error_code::kUnknownCommand, 404, "Unknown application command"},
    {discord::error_code::kMissingAccess, 403, "Missing Access"},
    {discord::error_code::kForeignMessage, 403, "Cannot edit a message authored by another user"},
    {discord::error_code::kEmptyMessage, 400, "Cannot send an empty message"},
    {discord::error_code::kMissingPermissions, 403, "Missing Permissions"},
    {discord::error_code::kInvalidForm, 400, "Invalid Form Body"},
    {discord::error_code::kInteractionAnswered, 400, "Interaction has already been acknowledged."},
    {discord::error_code::kTooLarge, 413, "Request entity too large"},
    {kForeignApplication, 403, "You are not authorized to perform this action on this application"},
    {kReactionBlocked, 400, "Maximum number of reactions reached (20)"},
    {kTooManyChannels, 400, "Maximum number of guild channels reached (500)"},
    {kTooManyWebhooks, 400, "Maximum number of webhooks reached (15)"},
    {kTooManyCommands, 400, "Maximum number of application commands reached (100)"},
    {kInvalidWebhookToken, 401, "Invalid Webhook Token"},
    {kNotInDirectMessages, 403, "Cannot execute action on a DM channel"},
    {kInvalidJson, 400, "The request body contains invalid JSON."},
};

}  // namespace

std::string Refusal::json() const {
  json::Writer writer;
  writer.begin_object();
  writer.key("message");
  writer.string(message);
  writer.key("code");
  writer.integer(code);
  if (!errors.empty()) {
    writer.key("errors");
    writer.raw(errors);
  }
  writer.end_object();
  return writer.take();
}

Refusal refusal(int code) {
  for (const Row& row : kRows) {
    if (row.code == code) return {row.status, code, std::string(row.message)};
  }
  return {400, code, "Bad Request"};
}

Refusal invalid_form(std::string_view member, std::string_view kind, std::string_view message) {
  json::Writer writer;
  writer.begin_object();
  writer.key(member);
  writer.begin_object();
  writer.key("_errors");
  writer.begin_array();
  writer.begin_object();
  writer.key("code");
  writer.string(kind);
  writer.key("message");
  writer.string(message);
  writer.end_object();
  writer.end_array();
  writer.end_object();
  writer.end_object();
  Refusal why = refusal(discord::error_code::kInvalidForm);
  why.errors = writer.take();
  return why;
}

Refusal unfit_name(std::string_view member) {
  return invalid_form(member, "STRING_TYPE_REGEX", "Control characters are not allowed.");
}

Refusal refusal_of(const Error& error) {
  if (error.code == Code::Overloaded) return {503, 0, "The service is overloaded"};
  if (retryable(error.code)) return {503, 0, "The hub cannot use its disk now"};
  return {500, 0, "Internal Server Error"};
}

}  // namespace hub
