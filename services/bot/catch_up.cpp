#include "bot/catch_up.h"

#include <algorithm>
#include <utility>

#include "discord/protocol.h"
#include "telemetry/log.h"

namespace bot {
namespace {

constexpr int kTriesMax = 5;
// When a whole cast starts, each finds the same messages, and the first who asks about one says
// who may answer it: the others shall have arrived.
constexpr Milliseconds kOthersArrive{2'000};
constexpr Milliseconds kRoomPause{500};  // until some of what was handed over has its answer
constexpr std::int64_t kClocksApartMs = 300'000;  // Discord's and this machine's, at most

// What a forum calls its last message is a thread, which has messages of its own.
bool holds_messages(const discord::Channel& channel) {
  return channel.type != discord::channel_type::kGuildForum &&
         channel.type != discord::channel_type::kGuildMedia;
}

}  // namespace

CatchUp::CatchUp(IntakeOptions options, Channels& channels, Ledger& ledger, Timers& timers,
                 const Clock& clock, Listener& listener)
    : options_(std::move(options)),
      channels_(channels),
      ledger_(ledger),
      timers_(timers),
      clock_(clock),
      listener_(listener) {}

void CatchUp::new_session() {
  if (!std::exchange(begun_, true)) return go_on_after(kOthersArrive);
  for (const auto& channel : direct_) add({channel, std::nullopt});
  go_on();
}

void CatchUp::guild(const discord::Guild& guild) {
  for (const auto* const channels : {&guild.channels, &guild.threads}) {
    for (const auto& channel : *channels) {
      const auto& last = channel.last_message_id;
      if (last && young(*last) && holds_messages(channel)) add({channel.id, guild.id});
    }
  }
  go_on();
}

void CatchUp::direct(const std::string& channel) {
  std::erase(direct_, channel);
  direct_.push_back(channel);
  if (direct_.size() > kDirectMax) direct_.pop_front();
}

bool CatchUp::young(std::string_view message_id) const {
  return clock_.wall_ms() - posted_ms(message_id) <= options_.age_ms_max;
}

void CatchUp::add(Place place) {
  const auto& only = options_.channels;
  if (!only.empty() && std::find(only.begin(), only.end(), place.channel) == only.end()) return;
  const bool waits = std::any_of(places_.begin(), places_.end(),
                                 [&](const Place& each) { return each.channel == place.channel; });
  if (!waits && places_.size() < kPlacesMax) places_.push_back(std::move(place));
}

void CatchUp::go_on() {
  if (busy_) return;
  while (!found_.empty() && listener_.has_room()) {
    discord::Message message = std::move(found_.front());
    found_.pop_front();
    listener_.heard(std::move(message));
  }
  if (!found_.empty()) return go_on_after(kRoomPause);
  if (places_.empty()) return;
  const Place place = std::move(places_.front());
  places_.pop_front();
  read(place);
}

void CatchUp::go_on_after(Milliseconds pause) {
  busy_ = true;
  timers_.after(pause, [this] {
    busy_ = false;
    go_on();
  });
}

void CatchUp::read(const Place& place) {
  busy_ = true;
  channels_.recent(place.channel, [this, place](Result<Messages> page) {
    if (!page) return failed(place, page.error());
    const auto since = clock_.wall_ms() - options_.age_ms_max - kClocksApartMs;
    ledger_.answered(place.channel, since,
                     [this, place, page = std::move(page).value()](
                         const Result<std::set<std::string>>& answered) {
                       // Without the ledger the router still knows what it has answered.
                       keep(place, page, answered ? answered.value() : std::set<std::string>{});
                     });
  });
}

// A channel whose messages may not be read is no fault: there are such.
void CatchUp::failed(Place place, const Error& error) {
  if (may_pass(error.code) && ++place.tries < kTriesMax) {
    const auto pause = pause_after(place.tries);
    add(std::move(place));
    return go_on_after(pause);
  }
  telemetry::info("a channel is not caught up with",
                  {{"channel", place.channel}, {"why", error.message}});
  busy_ = false;
  go_on();
}

void CatchUp::keep(const Place& place, Messages page, const std::set<std::string>& answered) {
  std::reverse(page.begin(), page.end());
  for (auto& message : page) {
    const bool of_a_person = !message.author.bot && !message.webhook_id;
    if (!of_a_person || !young(message.id) || answered.count(message.id) > 0) continue;
    message.guild_id = place.guild;  // REST does not say
    found_.push_back(std::move(message));
  }
  busy_ = false;
  go_on();
}

}  // namespace bot
