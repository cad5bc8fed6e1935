#include "troupe/chat.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/ids.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "contracts/coordinator.h"
#include "messaging/follower.h"

namespace troupe {
namespace {

// The router's own deadline for a turn ends it long before.
constexpr Milliseconds kTurnTimeout{600'000};
constexpr Milliseconds kQueryTimeout{5'000};
// A typing event may be lost, or its line may never come.
constexpr Milliseconds kTypingMax{30'000};
constexpr std::size_t kShownMax = 256;
constexpr int kHistoryLines = 12;

messaging::CallOptions within(Milliseconds timeout) {
  return {.deadline = SystemClock::instance().now() + timeout};
}

contracts::OrchestrateRequest request_of(const Options& options, const std::string& text) {
  contracts::OrchestrateRequest request;
  request.channel = options.channel;
  request.author = options.author;
  request.message = text;
  request.message_id = make_id("line");  // so that asking again is the same question
  return request;
}

Result<contracts::CharacterList> fetch_characters(messaging::Node& node) {
  return messaging::Client(node, "characters")
      .call<contracts::CharacterList>("characters.list", contracts::Empty{}, within(kQueryTimeout));
}

Cast fetch_cast(messaging::Node& node) {
  auto list = fetch_characters(node);
  return list ? Cast(std::move(list).value().characters) : Cast();
}

Result<contracts::TurnRecord> fetch_record(const messaging::Client& router,
                                           const std::string& turn_id) {
  return router.call<contracts::TurnRecord>("router.turn", contracts::TurnQuery{turn_id},
                                            within(kQueryTimeout));
}

constexpr std::string_view kCommands =
    "  /why   why the latest line was said, or not\n"
    "  /good  the latest line was good; /bad: it was not. The cast learns from both\n"
    "  /again another line instead of the latest\n"
    "  /quiet [minutes]: only who is spoken to by name answers; /quiet off ends it\n"
    "  /who   who is in the cast\n"
    "  /quit  leave; so does Ctrl-D";

}  // namespace

Chat::Chat(const Options& options, Style style, messaging::Node& node, Terminal& terminal)
    : options_(options), style_(style), node_(node), terminal_(terminal), router_(node, "router") {}

void Chat::run() {
  meet(fetch_characters(node_));
  show_history();
  listen();
  // A character may come, go or change while people talk.
  const messaging::Follower follower(
      messaging::Client(node_, "characters"),
      {.method = "characters.list", .event = "character.changed"},
      [this](const Result<std::string>& body) {
        if (body) meet(json::decode<contracts::CharacterList>(std::string_view(body.value())));
      });
  if (terminal_.has_person()) {
    terminal_.print(fmt::format("You are {} in {}. /help says what else there is.\n",
                                options_.author, options_.channel));
  }
  while (const auto line = terminal_.read_line()) {
    const std::string text(trimmed(line->text));
    if (text.empty()) continue;
    if (line->cut > 0) {
      terminal_.print(
          fmt::format("(that line was too long: its last {} bytes are left out, {} fit)", line->cut,
                      limits::kMessageBytes));
    }
    if (text.front() == '/') {
      if (!obey(text)) break;
      continue;
    }
    say(text);
    wait_without_person();
  }
  if (!terminal_.has_person() && options_.follow_ms > 0) {
    // Nothing is waited for but the time: what comes meanwhile is shown as it comes.
    std::unique_lock lock(mutex_);
    answered_.wait_for(lock, Milliseconds(options_.follow_ms), [] { return false; });
  }
  {
    const std::lock_guard lock(mutex_);
    leaving_ = true;  // what is cancelled now is nobody's failure
  }
  node_.stop();
}

std::shared_ptr<const Cast> Chat::cast() {
  const std::lock_guard lock(mutex_);
  return cast_;
}

// While the characters are away, those that were known stay.
void Chat::meet(const Result<contracts::CharacterList>& list) {
  if (!list) return;
  auto cast = std::make_shared<const Cast>(list.value().characters);
  const std::lock_guard lock(mutex_);
  cast_ = std::move(cast);
}

void Chat::show_history() {
  const auto history =
      messaging::Client(node_, "coordinator")
          .call<contracts::History>("coordinator.history",
                                    contracts::HistoryRequest{options_.channel, kHistoryLines},
                                    within(kQueryTimeout));
  if (!history) return terminal_.print(failure("no history", history.error(), style_));
  for (const auto& line : history.value().lines) {
    terminal_.print(spoken(*cast(), line.author, line.text, style_));
  }
}

void Chat::listen() {
  node_.subscribe("turn.line", [this](std::string_view, const std::string& body) {
    const auto line = json::decode<contracts::TurnLine>(std::string_view(body));
    if (line) on_line(line.value());
  });
  node_.subscribe("conversation.message", [this](std::string_view, const std::string& body) {
    const auto message = json::decode<contracts::ConversationMessage>(std::string_view(body));
    if (message) on_message(message.value());
  });
  node_.subscribe("turn.typing", [this](std::string_view, const std::string& body) {
    const auto typing = json::decode<contracts::TurnTyping>(std::string_view(body));
    if (typing) on_typing(typing.value());
  });
}

bool Chat::obey(const std::string& command) {
  if (command == "/quit") return false;
  if (command == "/why") {
    explain();
  } else if (command == "/good") {
    rate(contracts::Opinion::ThumbsUp);
  } else if (command == "/bad") {
    rate(contracts::Opinion::ThumbsDown);
  } else if (command == "/again") {
    again();
  } else if (command == "/quiet" || command.starts_with("/quiet ")) {
    hush(trimmed(std::string_view(command).substr(6)));
  } else if (command == "/who") {
    terminal_.print(cast_list(*cast(), style_));
  } else if (command == "/help") {
    terminal_.print(kCommands);
  } else {
    terminal_.print(fmt::format("There is no {}.\n{}", command, kCommands));
  }
  return true;
}

void Chat::say(const std::string& text) {
  const auto request = request_of(options_, text);
  {
    const std::lock_guard lock(mutex_);
    ++under_way_;
    own_messages_.push_back(*request.message_id);
    if (own_messages_.size() > kShownMax) own_messages_.pop_front();
    typing_.clear();  // a person's line ends what the characters were about to say
  }
  terminal_.status({});
  terminal_.print(spoken(*cast(), options_.author, text, style_));
  router_.call<contracts::TurnReply>(
      "router.orchestrate", request, within(kTurnTimeout),
      [this](const Result<contracts::TurnReply>& reply) { on_reply(reply); });
}

void Chat::hush(std::string_view how_long) {
  contracts::QuietRequest request{.channel = options_.channel};
  if (how_long == "off") {
    request.minutes = 0;
  } else if (!how_long.empty()) {
    const char* const end = how_long.data() + how_long.size();
    const auto read = std::from_chars(how_long.data(), end, request.minutes);
    if (read.ec != std::errc() || read.ptr != end || request.minutes < 1 ||
        request.minutes > 1440) {
      return terminal_.print("For how many minutes, 1 to 1440? /quiet 30, or /quiet off");
    }
  }
  const auto reply =
      messaging::Client(node_, "coordinator")
          .call<contracts::QuietReply>("coordinator.quiet", request, within(kQueryTimeout));
  if (!reply) return terminal_.print(failure("nothing changed", reply.error(), style_));
  terminal_.print(request.minutes == 0
                      ? std::string("All may speak again.")
                      : fmt::format("Quiet for {} minutes: only who is spoken to by name answers.",
                                    request.minutes));
}

void Chat::explain() {
  std::string turn_id;
  {
    const std::lock_guard lock(mutex_);
    if (!shown_.empty()) turn_id = shown_.back();
  }
  if (turn_id.empty()) return terminal_.print("Nothing has been said yet.");
  const auto record = fetch_record(router_, turn_id);
  terminal_.print(record ? why_report(record.value(), *cast(), style_)
                         : failure("no record", record.error(), style_));
}

void Chat::rate(contracts::Opinion opinion) {
  contracts::FeedbackRequest request;
  {
    const std::lock_guard lock(mutex_);
    request.turn_id = said_;
  }
  if (request.turn_id.empty()) return terminal_.print("Nothing has been said yet.");
  request.author = options_.author;
  request.kind = opinion;
  const auto reply =
      messaging::Client(node_, "tuning")
          .call<contracts::FeedbackReply>("tuning.feedback", request, within(kQueryTimeout));
  if (!reply) return terminal_.print(failure("not noted", reply.error(), style_));
  terminal_.print(reply.value().accepted ? "(noted)" : "(that was noted before)");
}

void Chat::again() {
  contracts::RegenerateRequest request;
  {
    const std::lock_guard lock(mutex_);
    request.turn_id = said_;
    if (!said_.empty()) ++under_way_;
  }
  if (request.turn_id.empty()) return terminal_.print("Nothing has been said yet.");
  request.author = options_.author;
  request.request_id = make_id("again");
  router_.call<contracts::TurnReply>(
      "router.regenerate", request, within(kTurnTimeout),
      [this](const Result<contracts::TurnReply>& reply) { on_reply(reply); });
  wait_without_person();
}

// A script's lines are sent one after the other's answer; each call has a deadline, so one comes.
void Chat::wait_without_person() {
  if (terminal_.has_person()) return;
  std::unique_lock lock(mutex_);
  answered_.wait(lock, [&] { return under_way_ == 0; });
}

void Chat::on_reply(const Result<contracts::TurnReply>& reply) {
  if (reply) {
    const bool silent = reply.value().character.empty();
    show_line(reply.value().turn_id, reply.value().character,
              silent ? reply.value().reason : reply.value().text);
  }
  std::unique_lock lock(mutex_);
  const bool failed = !reply && !leaving_;
  lock.unlock();
  if (failed) terminal_.print(failure("no answer", reply.error(), style_));
  lock.lock();
  --under_way_;
  answered_.notify_all();
}

void Chat::on_line(const contracts::TurnLine& line) {
  if (line.channel == options_.channel) show_line(line.turn_id, line.character, line.text);
}

// What other people say in the channel.
void Chat::on_message(const contracts::ConversationMessage& message) {
  if (message.channel != options_.channel) return;
  {
    const std::lock_guard lock(mutex_);
    const bool own = std::find(own_messages_.begin(), own_messages_.end(), message.message_id) !=
                     own_messages_.end();
    if (leaving_ || own) return;
  }
  terminal_.print(spoken(*cast(), message.author, message.text, style_));
}

void Chat::on_typing(const contracts::TurnTyping& typing) {
  if (typing.channel != options_.channel) return;
  set_typing(typing.character, typing.typing);
  if (!typing.typing) return;
  node_.after(kTypingMax, [this, who = typing.character] { set_typing(who, false); });
}

// Of a turn that ended in silence `character` is empty and `text` is the reason.
void Chat::show_line(const std::string& turn_id, const std::string& character,
                     const std::string& text) {
  {
    const std::lock_guard lock(mutex_);
    if (leaving_ || std::find(shown_.begin(), shown_.end(), turn_id) != shown_.end()) return;
    shown_.push_back(turn_id);
    if (shown_.size() > kShownMax) shown_.pop_front();
    if (!character.empty()) said_ = turn_id;
  }
  set_typing(character, false);
  terminal_.print(character.empty() ? silence(text, style_)
                                    : spoken(*cast(), character, text, style_));
}

void Chat::set_typing(const std::string& character, bool typing) {
  std::string status;
  {
    const std::lock_guard lock(mutex_);
    std::erase(typing_, character);
    if (typing) typing_.push_back(character);
    status = troupe::typing(*cast_, typing_);
  }
  terminal_.status(std::move(status));
}

// --- one-shots ----------------------------------------------------------------------------------

Result<int> ask(const Options& options, Style style, messaging::Node& node) {
  if (options.words.empty()) return Error{Code::InvalidArgument, "ask what?"};
  std::string question;
  for (const auto& word : options.words) question += (question.empty() ? "" : " ") + word;
  const messaging::Client router(node, "router");
  const auto reply = TRY(router.call<contracts::TurnReply>(
      "router.orchestrate", request_of(options, utf8_repaired(question)), within(kTurnTimeout)));
  fmt::print("{}\n", reply.character.empty()
                         ? silence(reply.reason, style)
                         : spoken(fetch_cast(node), reply.character, reply.text, style));
  return 0;
}

Result<int> why(const Options& options, Style style, messaging::Node& node) {
  const messaging::Client router(node, "router");
  contracts::TurnRecord record;
  if (!options.words.empty()) {
    record = TRY(fetch_record(router, options.words.front()));
  } else {
    auto latest = TRY(router.call<contracts::TurnList>(
        "router.turns", contracts::TurnsQuery{std::nullopt, 1}, within(kQueryTimeout)));
    if (latest.turns.empty()) return Error{Code::NotFound, "nothing has been said yet"};
    record = std::move(latest.turns.front());
  }
  fmt::print("{}", why_report(record, fetch_cast(node), style));
  return 0;
}

}  // namespace troupe
