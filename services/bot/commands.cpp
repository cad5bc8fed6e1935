#include "bot/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/utf8.h"
#include "bot/why.h"
#include "contracts/coordinator.h"
#include "discord/protocol.h"
#include "discord/text.h"
#include "json/json.h"

namespace bot {
namespace {

constexpr std::string_view kRegenerate = "Regenerate";
constexpr std::string_view kWhy = "Why did you say that?";
constexpr Milliseconds kWithin{60'000};
constexpr std::string_view kNotMine = "That is not a line of mine.";

std::string asker(const discord::Interaction& interaction) {
  if (interaction.member && interaction.member->user) return interaction.member->user->id;
  return interaction.user ? interaction.user->id : "";
}

// The number of an option, which comes as JSON; at most a day.
int minutes_of(const discord::CommandCall& call) {
  int minutes = 10;
  for (const auto& option : call.options) {
    if (option.name != "minutes" || !option.value) continue;
    const std::string& text = option.value->text;
    int given = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), given);
    if (read.ec == std::errc()) minutes = std::clamp(given, 0, 1440);
  }
  return minutes;
}

std::string failed(std::string_view what, const Error& error) {
  const bool later = retryable(error.code);
  return fmt::format("{} did not work: {}.{}", what, error.message,
                     later ? " Please try again in a moment." : "");
}

}  // namespace

std::string Commands::definitions() {
  json::Writer writer;
  const auto command = [&](int type, std::string_view name, std::string_view description,
                           std::string_view options) {
    writer.begin_object();
    writer.key("type");
    writer.integer(type);
    writer.key("name");
    writer.string(name);
    if (type == discord::command_type::kChatInput) {
      writer.key("description");
      writer.string(description);
    }
    if (!options.empty()) {
      writer.key("options");
      writer.raw(options);
    }
    writer.end_object();
  };
  namespace type = discord::command_type;
  writer.begin_array();
  command(type::kMessage, kRegenerate, "", "");
  command(type::kMessage, kWhy, "", "");
  command(type::kChatInput, "regenerate", "Say the last line differently", "");
  command(type::kChatInput, "why", "Tell how the last line came about", "");
  command(type::kChatInput, "quiet", "Keep quiet in this channel unless spoken to",
          R"([{"type":4,"name":"minutes","description":"for how long; 0: speak again",)"
          R"("min_value":0,"max_value":1440,"required":false}])");
  command(type::kChatInput, "forget", "Erase what you have said and what was answered", "");
  writer.end_array();
  return writer.take();
}

void Commands::called(const discord::Interaction& interaction) {
  if (interaction.type != discord::interaction_type::kApplicationCommand) return;
  interactions_.defer(interaction, [this, interaction](bool stands) {
    if (stands) deferred(interaction);
  });
}

void Commands::deferred(const discord::Interaction& interaction) {
  if (under_way_ >= kUnderWayMax) {
    return interactions_.answer(interaction, "Too much at once. Please try again in a moment.");
  }
  ++under_way_;
  dispatch(interaction, [this, interaction](const std::string& text) {
    --under_way_;
    interactions_.answer(interaction, text);
  });
}

// `tell` is called once by each of these.
void Commands::dispatch(const discord::Interaction& interaction, const Told& tell) {
  const std::string name = interaction.data ? interaction.data->name : "";
  if (!interaction.channel_id || asker(interaction).empty()) return tell("Who asks, and where?");
  if (name == kRegenerate || name == "regenerate") return regenerate(interaction, tell);
  if (name == kWhy || name == "why") return why(interaction, tell);
  if (name == "quiet") return quiet(interaction, tell);
  if (name == "forget") return forget(interaction, tell);
  tell("I do not know that command.");
}

void Commands::with_line(const discord::Interaction& interaction, const Told& tell, OnLine then) {
  const auto& target = interaction.data->target_id;
  const auto found = [tell, then = std::move(then), target, channel = *interaction.channel_id](
                         const Result<std::optional<Standing>>& line) {
    if (!line) return tell(failed("Looking for the line", line.error()));
    // Elsewhere people may be who do not see this channel.
    if (line.value() && line.value()->channel == channel) return then(*line.value());
    tell(target ? std::string(kNotMine) : "I have not said anything here yet.");
  };
  if (target) return ledger_.find(*target, found);
  ledger_.last_in(*interaction.channel_id, found);
}

void Commands::why(const discord::Interaction& interaction, const Told& tell) {
  const auto& target = interaction.data->target_id;
  if (!target) {
    return with_line(interaction, tell,
                     [this, tell](const Standing& line) { tell_turn(line.turn_id, tell); });
  }
  ledger_.find(*target, [this, tell, id = *target, channel = *interaction.channel_id](
                            const Result<std::optional<Standing>>& line) {
    if (!line || !line.value()) return tell_posted(id, channel, tell);  // perhaps another bot's
    if (line.value()->channel != channel) return tell(std::string(kNotMine));
    tell_turn(line.value()->turn_id, tell);
  });
}

void Commands::tell_turn(const std::string& turn_id, const Told& tell) {
  peers_.ask<contracts::TurnRecord>("router", "router.turn", contracts::TurnQuery{turn_id}, kWithin,
                                    [tell](const Result<contracts::TurnRecord>& turn) {
                                      if (turn) return tell(bot::why(turn.value()));
                                      tell(failed("Looking it up", turn.error()));
                                    });
}

void Commands::tell_posted(const std::string& message_id, const std::string& channel,
                           const Told& tell) {
  contracts::TurnsQuery query;
  query.posted = message_id;
  peers_.ask<contracts::TurnList>("router", "router.turns", query, kWithin,
                                  [tell, channel](const Result<contracts::TurnList>& list) {
                                    if (!list) return tell(failed("Looking it up", list.error()));
                                    const auto& turns = list.value().turns;
                                    const bool here =
                                        !turns.empty() && turns.front().channel == channel;
                                    tell(here ? bot::why(turns.front()) : std::string(kNotMine));
                                  });
}

void Commands::regenerate(const discord::Interaction& interaction, const Told& tell) {
  with_line(interaction, tell, [this, interaction, tell](const Standing& line) {
    contracts::RegenerateRequest request;
    request.turn_id = line.turn_id;
    request.author = asker(interaction);
    request.request_id = interaction.id.substr(0, 32);
    peers_.ask<contracts::TurnReply>(
        "router", "router.regenerate", request, kWithin,
        [this, line, tell](const Result<contracts::TurnReply>& turn) {
          if (!turn && turn.error().code == Code::Conflict) {
            return tell("Only an answer to a person can be said anew.");
          }
          if (!turn) return tell(failed("Regenerating", turn.error()));
          if (turn.value().text.empty()) return tell("I have nothing better to say.");
          replace(line, turn.value(), tell);
        });
  });
}

// The new line takes as many messages as the old one has: it is cut, or messages go.
void Commands::replace(const Standing& line, const contracts::TurnReply& turn, const Told& tell) {
  const auto texts = discord::split_message(discord::without_mentions(turn.text));
  struct Edits {
    std::size_t left;
    std::optional<Error> error;
    Standing kept;
  };
  auto edits = std::make_shared<Edits>(
      Edits{line.message_ids.size(), std::nullopt, {line.turn_id, line.channel, {}}});
  for (std::size_t i = 0; i < line.message_ids.size(); ++i) {
    const std::string text = i < texts.size() ? texts[i] : "";
    if (!text.empty()) edits->kept.message_ids.push_back(line.message_ids[i]);
    channels_.edit(line.channel, line.message_ids[i], text,
                   [this, edits, turn, tell](const Posted& edited) {
                     if (edited.failure) edits->error = edited.failure->error;
                     if (--edits->left > 0) return;
                     if (edits->error) return tell(failed("Editing the line", *edits->error));
                     replaced(edits->kept, turn, tell);
                   });
  }
}

void Commands::replaced(const Standing& line, const contracts::TurnReply& turn, const Told& tell) {
  if (line.message_ids.empty()) return tell("There is nothing left to edit.");
  ledger_.replaced(line, turn.turn_id, clock_.wall_ms());
  contracts::OrganicNotification note;
  note.channel = line.channel;
  note.character = company_.character();
  note.message = std::string(utf8_prefix(turn.text, limits::kMessageBytes));
  note.message_id = line.message_ids.front();
  note.turn_id = turn.turn_id;
  note.participants = company_.participants_of_channel(line.channel);
  note.delivery = contracts::Delivery::Bots;
  // That the record knows where its line stands is a convenience: nobody waits for it.
  peers_.ask<contracts::OrganicReply>("router", "router.organic_notification", note, kWithin,
                                      [](const Result<contracts::OrganicReply>&) {});
  tell("Done.");
}

void Commands::quiet(const discord::Interaction& interaction, const Told& tell) {
  const int minutes = minutes_of(*interaction.data);
  peers_.ask<contracts::QuietReply>(
      "coordinator", "coordinator.quiet", contracts::QuietRequest{*interaction.channel_id, minutes},
      kWithin, [tell, minutes](const Result<contracts::QuietReply>& reply) {
        if (!reply) return tell(failed("Keeping quiet", reply.error()));
        if (minutes == 0) return tell("We are back.");
        tell(fmt::format("For {} minute{} only who is spoken to by name answers here.", minutes,
                         minutes == 1 ? "" : "s"));
      });
}

void Commands::forget(const discord::Interaction& interaction, const Told& tell) {
  peers_.ask<contracts::ForgetReply>(
      "router", "router.forget", contracts::ForgetRequest{asker(interaction)}, kWithin,
      [tell](const Result<contracts::ForgetReply>& reply) {
        if (!reply) return tell(failed("Forgetting", reply.error()));
        const auto& gone = reply.value();
        tell(
            fmt::format("Forgotten: {} lines, {} turns and {} notes on how they went. What stands "
                        "in the channel is yours to delete.",
                        gone.lines, gone.turns, gone.outcomes));
      });
}

}  // namespace bot
