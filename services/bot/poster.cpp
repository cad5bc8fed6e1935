#include "bot/poster.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "bot/intake.h"
#include "crypto/crypto.h"
#include "discord/protocol.h"
#include "discord/text.h"
#include "telemetry/log.h"

namespace bot {
namespace {

// Where to begin to look for a message that answers none: clocks may differ by some minutes.
std::string snowflake_before(std::int64_t wall_ms) {
  constexpr std::int64_t kClocksApartMs = 300'000;
  const auto since = std::max<std::int64_t>(wall_ms - kClocksApartMs - discord::kEpochMs, 0);
  return fmt::format("{}", static_cast<std::uint64_t>(since) << 22U);
}

std::string text_of(const std::vector<Part>& parts) {
  std::string text;
  for (const Part& part : parts) {
    if (part.state == PartState::Sent) text += (text.empty() ? "" : "\n") + part.content;
  }
  return text;
}

}  // namespace

std::string nonce_of(std::string_view turn_id, int part) {
  const std::string digest = crypto::sha256(fmt::format("{}\n{}", turn_id, part));
  return crypto::base64url(digest).substr(0, discord::kNonceBytes);
}

Poster::Poster(Options options, Ledger& ledger, Channels& channels, Timers& timers,
               const Clock& clock, Silences& silences, std::function<void(const Said&)> said)
    : options_(options),
      ledger_(ledger),
      channels_(channels),
      timers_(timers),
      clock_(clock),
      silences_(silences),
      said_(std::move(said)) {}

std::vector<Part> Poster::parts_of(const contracts::SpeakRequest& line) const {
  std::vector<Part> parts;
  const auto now_ms = clock_.wall_ms();  // one for all: recover() reads lines in this order
  for (auto& text : discord::split_message(discord::without_mentions(line.text))) {
    Part part;
    part.turn_id = line.turn_id;
    part.number = static_cast<int>(parts.size());
    part.channel = line.channel;
    part.content = std::move(text);
    part.nonce = nonce_of(line.turn_id, part.number);
    part.reply_to = line.reply_to.value_or("");
    part.created_ms = now_ms;
    parts.push_back(std::move(part));
  }
  return parts;
}

void Poster::say(const contracts::SpeakRequest& line, Done done) {
  const auto under_way = works_.find(line.turn_id);
  if (under_way != works_.end()) {
    if (under_way->second.waiting.size() >= options_.lines_max) {
      return done(Error{Code::Overloaded, "too many wait for this line"});
    }
    return under_way->second.waiting.push_back(std::move(done));
  }
  if (works_.size() >= options_.lines_max) {
    silences_.note(line.channel, line.reply_to.value_or(""), silence::kOverloaded);
    return done(Error{Code::Overloaded, "too many lines are being posted"});
  }
  auto parts = parts_of(line);
  if (parts.empty()) return done(Error{Code::InvalidArgument, "text: is blank"});
  works_[line.turn_id].waiting.push_back(std::move(done));
  ledger_.claim(std::move(parts), [this, turn_id = line.turn_id](Result<std::vector<Part>> stands) {
    claimed(turn_id, std::move(stands));
  });
}

void Poster::claimed(const std::string& turn_id, Result<std::vector<Part>> parts) {
  const auto found = works_.find(turn_id);
  if (found == works_.end()) return;
  if (parts) {
    found->second.parts = std::move(parts).value();
    return step(turn_id);
  }
  telemetry::error("line not posted: the ledger cannot be written",
                   {{"turn", turn_id}, {"why", parts.error().message}});
  silences_.note("", turn_id, silence::kNotWritten);
  const auto waiting = std::move(found->second.waiting);
  works_.erase(found);
  for (const Done& done : waiting) done(parts.error());
}

void Poster::recover() {
  ledger_.unfinished([this](Result<std::vector<Part>> parts) {
    if (!parts) {
      telemetry::error("ledger not read", {{"why", parts.error().message}});
      return;
    }
    std::vector<std::string> turns;
    for (Part& part : parts.value()) {
      if (turns.empty() || turns.back() != part.turn_id) {
        if (works_.count(part.turn_id) > 0) continue;  // asked for again already
        turns.push_back(part.turn_id);
      }
      Work& work = works_[part.turn_id];
      work.sent_once = true;  // for all that is known
      work.parts.push_back(std::move(part));
    }
    for (const auto& turn_id : turns) step(turn_id);
  });
}

Part* Poster::pending(Work& work) const {
  const auto next = std::find_if(work.parts.begin(), work.parts.end(),
                                 [](const Part& part) { return part.state == PartState::Pending; });
  return next == work.parts.end() ? nullptr : &*next;
}

void Poster::step(const std::string& turn_id) {
  const auto found = works_.find(turn_id);
  if (found == works_.end()) return;
  Work& work = found->second;
  const Part* part = pending(work);
  if (part == nullptr) return finish(turn_id);
  if (clock_.wall_ms() - part->created_ms < options_.nonce_lives.count()) {
    return post(turn_id, *part);
  }
  if (work.sent_once) return look(turn_id, *part);
  give_up(work, PartState::Refused, "unavailable");  // Discord could not be reached all the time
  finish(turn_id);
}

void Poster::post(const std::string& turn_id, const Part& part) {
  discord::NewMessage message;
  message.content = part.content;
  message.nonce = part.nonce;
  if (part.number == 0 && !part.reply_to.empty()) message.reply_to = part.reply_to;
  channels_.post(part.channel, std::move(message),
                 [this, turn_id](Posted result) { posted(turn_id, std::move(result)); });
}

void Poster::posted(const std::string& turn_id, Posted result) {
  const auto found = works_.find(turn_id);
  if (found == works_.end()) return;
  Work& work = found->second;
  if (!result.failure) {
    settle(work, PartState::Sent, result.message_id);
    return step(turn_id);
  }
  const discord::Failure& failure = *result.failure;
  work.sent_once = work.sent_once || failure.unsure;
  const bool lasting = failure.status >= 400 && failure.status < 500 && failure.status != 429;
  if (!lasting && (failure.unsure || may_pass(failure.error.code))) return again(turn_id, work);
  telemetry::warn("line not posted", {{"turn", turn_id},
                                      {"status", failure.status},
                                      {"code", failure.code},
                                      {"why", failure.error.message}});
  give_up(work, PartState::Refused, failure.forbidden() ? silence::kForbidden : silence::kRefused);
  finish(turn_id);
}

void Poster::again(const std::string& turn_id, Work& work) {
  timers_.after(pause_after(++work.tries), [this, turn_id] { step(turn_id); });
}

void Poster::look(const std::string& turn_id, const Part& part) {
  const std::string after =
      part.reply_to.empty() ? snowflake_before(part.created_ms) : part.reply_to;
  channels_.find_own(
      part.channel, after, part.content,
      [this, turn_id](const Result<std::string>& message) { looked(turn_id, message); });
}

void Poster::looked(const std::string& turn_id, const Result<std::string>& found) {
  const auto entry = works_.find(turn_id);
  if (entry == works_.end()) return;
  Work& work = entry->second;
  if (found && !found.value().empty()) {
    settle(work, PartState::Sent, found.value());
    return step(turn_id);
  }
  if (!found && may_pass(found.error().code) && ++work.looks <= options_.looks_max) {
    return again(turn_id, work);
  }
  telemetry::warn("a line may have been posted and is not posted again",
                  {{"turn", turn_id}, {"why", found ? "not found" : found.error().message}});
  give_up(work, PartState::Unsure, silence::kUnsureSent);
  finish(turn_id);
}

void Poster::settle(Work& work, PartState state, const std::string& message_id) {
  Part& part = *pending(work);
  part.state = state;
  part.message_id = message_id;
  work.tries = work.looks = 0;
  ledger_.settle(part);
}

// The part in hand ends as `state`; those behind it were never tried.
void Poster::give_up(Work& work, PartState state, std::string_view reason) {
  work.reason = std::string(reason);
  settle(work, state, "");
  while (pending(work) != nullptr) settle(work, PartState::Refused, "");
}

void Poster::finish(const std::string& turn_id) {
  const auto found = works_.find(turn_id);
  const Work work = std::move(found->second);
  works_.erase(found);
  const Part& first = work.parts.front();
  if (!work.reason.empty()) silences_.note(first.channel, first.reply_to, work.reason);
  contracts::SpeakReply reply;
  bool told = true;
  for (const Part& part : work.parts) {
    if (part.state == PartState::Sent) reply.message_ids.push_back(part.message_id);
    reply.unsure = reply.unsure || part.state == PartState::Unsure;
    told = told && part.told;
  }
  const bool nothing = reply.message_ids.empty();
  if (!told && nothing) ledger_.told(turn_id);
  if (!told && !nothing) {
    said_({turn_id, first.channel, text_of(work.parts), reply.message_ids.front(),
           !first.reply_to.empty()});
  }
  for (const Done& done : work.waiting) {
    if (nothing && !reply.unsure) {
      // For good: to ask once more changes nothing.
      done(Error{Code::Conflict,
                 work.reason.empty() ? "the line was refused" : "not posted: " + work.reason});
    } else {
      done(reply);
    }
  }
}

}  // namespace bot
