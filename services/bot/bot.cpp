#include "bot/bot.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/limits.h"
#include "base/utf8.h"
#include "json/codec.h"
#include "telemetry/log.h"

namespace bot {
namespace {

constexpr Milliseconds kJoinEvery{5'000};  // the router forgets who is silent for half a minute
constexpr Milliseconds kJoinWithin{2'000};
constexpr Milliseconds kAnnounceWithin{10'000};
constexpr int kAnnounceTries = 30;
constexpr std::size_t kAnnouncingMax = 256;  // beyond, the next start tells the router
constexpr Milliseconds kForgetEvery{3'600'000};

Listener::Options listener_options(const Config& config) {
  Listener::Options options;
  options.intake.channels = config.channels;
  options.intake.age_ms_max = config.answer_within_ms;
  options.messages_max = static_cast<std::size_t>(config.messages_max);
  return options;
}

Typist::Options typist_options(const Config& config) {
  Typist::Options options;
  options.begin_after = Milliseconds(config.typing_after_ms);
  return options;
}

Poster::Options poster_options(const Config& config) {
  Poster::Options options;
  options.lines_max = static_cast<std::size_t>(config.messages_max);
  return options;
}

telemetry::Counter lines(telemetry::Metrics& metrics, const std::string& result) {
  return metrics.counter("troupe_bot_lines_total", "Lines of the character, by what became of them",
                         {{"result", result}});
}

// Reads what the Gateway sent; what cannot be read is passed over, as other events still come.
template <class T>
std::optional<T> read(std::string_view name, json::Value data) {
  auto decoded = json::decode<T>(data);
  if (decoded) return std::move(decoded).value();
  telemetry::warn("an event cannot be read", {{"event", name}, {"why", decoded.error().message}});
  return std::nullopt;
}

}  // namespace

Bot::Bot(const Config& config, World world, Silences& silences, telemetry::Metrics& metrics)
    : config_(config),
      world_(world),
      lines_said_(lines(metrics, "said")),
      lines_not_said_(lines(metrics, "not_said")),
      company_(config.character),
      typist_(typist_options(config), world.channels, world.timers, world.clock),
      poster_(poster_options(config), world.ledger, world.channels, world.timers, world.clock,
              silences, [this](const Poster::Said& line) { announce(line, 0); }),
      listener_(listener_options(config), company_, world.peers, world.timers, world.clock,
                silences,
                [this](const contracts::SpeakRequest& line) {
                  speak(line, [](const Result<contracts::SpeakReply>&) {});
                }),
      catch_up_(listener_options(config).intake, world.channels, world.ledger, world.timers,
                world.clock, listener_),
      feedback_(company_, world.ledger, world.peers),
      commands_(company_, world.ledger, world.channels, world.interactions, world.peers,
                world.clock) {}

void Bot::dispatch(std::string_view name, json::Value data) {
  if (name == "READY") {
    if (const auto event = read<discord::Ready>(name, data)) ready(*event);
  } else if (name == "GUILD_CREATE") {
    if (const auto event = read<discord::Guild>(name, data)) guild(*event);
  } else if (name == "GUILD_DELETE") {
    guild_deleted(data);
  } else if (name == "CHANNEL_CREATE" || name == "CHANNEL_UPDATE") {
    const auto event = read<discord::Channel>(name, data);
    if (event) company_.channel(event->id, event->guild_id, event->name);
  } else if (name == "CHANNEL_DELETE") {
    company_.channel_gone(std::string(data.text_or("id", "")));
  } else if (name == "MESSAGE_CREATE") {
    if (auto event = read<discord::Message>(name, data)) message(std::move(*event));
  } else if (name == "MESSAGE_REACTION_ADD") {
    reaction(data, Feedback::Change::Added);
  } else if (name == "MESSAGE_REACTION_REMOVE") {
    reaction(data, Feedback::Change::Removed);
  } else if (name == "INTERACTION_CREATE") {
    if (const auto event = read<discord::Interaction>(name, data)) commands_.called(*event);
  }
}

void Bot::ready(const discord::Ready& ready) {
  company_.ready(ready);
  telemetry::info("logged in", {{"user", ready.user.id}, {"guilds", ready.guilds.size()}});
  catch_up_.new_session();
  if (std::exchange(begun_, true)) return join();
  poster_.recover();
  forget_old();
  join_again(0);
}

void Bot::guild(const discord::Guild& guild) {
  if (guild.unavailable) return;
  // What was written before somebody invited the bot is not for it.
  const bool of_old = company_.in_guild(guild.id);
  company_.guild(guild);
  if (of_old) catch_up_.guild(guild);
  if (company_.known()) join();  // the others shall know before the next message
  if (config_.register_commands) {
    world_.interactions.install(company_.application(), guild.id, Commands::definitions());
  }
}

void Bot::guild_deleted(json::Value data) {
  const auto unavailable = data.find("unavailable");
  if (unavailable && unavailable->boolean()) return;  // an outage; it comes back
  company_.guild_gone(std::string(data.text_or("id", "")));
}

void Bot::message(discord::Message message) {
  if (!company_.has_channel(message.channel_id)) {  // a thread, a direct message
    company_.channel(message.channel_id, message.guild_id);
  }
  if (!message.guild_id) catch_up_.direct(message.channel_id);
  listener_.heard(std::move(message));
}

void Bot::reaction(json::Value data, Feedback::Change change) {
  const auto event = read<discord::Reaction>("MESSAGE_REACTION", data);
  const auto member = data.find("member");
  const auto user = member ? member->find("user") : std::nullopt;
  const auto bot = user ? user->find("bot") : std::nullopt;
  if (event && !(bot && bot->boolean())) feedback_.reacted(*event, change);
}

void Bot::typing(const contracts::TurnTyping& event) {
  if (event.character != company_.character()) return;
  if (!event.typing) return typist_.end(event.channel);
  // The router also plays where there is no Discord.
  if (company_.has_channel(event.channel)) typist_.begin(event.channel);
}

void Bot::speak(const contracts::SpeakRequest& line, Poster::Done done) {
  poster_.say(line, [this, channel = line.channel,
                     done = std::move(done)](const Result<contracts::SpeakReply>& reply) {
    typist_.end(channel);
    (reply && !reply.value().message_ids.empty() ? lines_said_ : lines_not_said_).add();
    done(reply);
  });
}

void Bot::join() {
  world_.peers.ask<contracts::BotCompany>("router", "router.join", company_.presence(), kJoinWithin,
                                          [this](Result<contracts::BotCompany> company) {
                                            if (company) met(std::move(company).value());
                                          });
}

void Bot::met(contracts::BotCompany company) {
  company_.joined(std::move(company));
  listener_.company_known();
}

// Often at first, when the others of the cast are just arriving.
void Bot::join_again(int tries) {
  join();
  const auto pause = std::min(kJoinEvery, Milliseconds(250 << std::min(tries, 5)));
  world_.timers.after(pause, [this, tries] { join_again(std::min(tries + 1, 5)); });
}

// Tells the router that a line stands in its channel, until it has heard.
void Bot::announce(const Poster::Said& line, int tries) {
  if (tries == 0 && announcing_ >= kAnnouncingMax) return;
  if (tries == 0) ++announcing_;
  contracts::OrganicNotification note;
  note.channel = line.channel;
  note.character = company_.character();
  note.message = std::string(utf8_prefix(line.text, limits::kMessageBytes));
  note.message_id = line.message_id;
  if (line.of_router) note.turn_id = line.turn_id;
  note.participants = company_.participants_of_channel(line.channel);
  note.delivery = contracts::Delivery::Bots;
  world_.peers.ask<contracts::OrganicReply>(
      "router", "router.organic_notification", note, kAnnounceWithin,
      [this, line, tries](const Result<contracts::OrganicReply>& reply) {
        if (!reply && may_pass(reply.error().code) && tries < kAnnounceTries) {
          return world_.timers.after(pause_after(tries + 1),
                                     [this, line, tries] { announce(line, tries + 1); });
        }
        --announcing_;
        const bool unknown = !reply && reply.error().code == Code::NotFound && line.of_router;
        // An answer's turn was known, and has been forgotten since: so it stays.
        if (unknown && !line.answer) {
          // A line that somebody had posted at our own door: news to the conversation.
          Poster::Said of_others = line;
          of_others.of_router = false;
          return announce(of_others, 0);
        }
        if (!reply) {
          telemetry::warn("the router does not hear of a line",
                          {{"turn", line.turn_id}, {"why", reply.error().message}});
        }
        // What it refuses once it would refuse at every start.
        if (reply || !may_pass(reply.error().code)) world_.ledger.told(line.turn_id);
      });
}

void Bot::forget_old() {
  world_.ledger.forget(world_.clock.wall_ms() - config_.ledger_days * 86'400'000LL);
  world_.timers.after(kForgetEvery, [this] { forget_old(); });
}

}  // namespace bot
