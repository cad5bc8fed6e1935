#include "router/executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <utility>

#include "base/ids.h"
#include "base/utf8.h"
#include "json/codec.h"
#include "telemetry/log.h"
#include "telemetry/trace.h"

namespace router {
namespace {

using contracts::Delivery;
using contracts::TurnKind;
using contracts::TurnStatus;

constexpr std::size_t kScenesMax = 10'000;
constexpr int kAnswersMax = 16;  // to one message
constexpr std::size_t kSaidMax = 256;
constexpr int kSaidAsked = 256;   // more than are said until a turn is on disk as open
constexpr int kSaidThatFit = 64;  // of the longest there are into one frame
constexpr std::int64_t kDayMs = 24LL * 3600 * 1000;
constexpr std::size_t kTalkBytes = 600;  // kept of each channel, for a question that refers back

std::string key_of(const std::string& channel, const std::string& message_id,
                   const std::string& character) {
  // With their lengths, so that no two triples make the same key.
  return fmt::format("turn:{}:{}{}:{}{}", channel.size(), channel, message_id.size(), message_id,
                     character);
}

std::string again_key(const std::string& turn_id, const std::string& request_id) {
  return fmt::format("again:{}:{}{}", turn_id.size(), turn_id, request_id);
}

const SystemClock& clock() { return SystemClock::instance(); }

bool among(const std::optional<std::vector<std::string>>& participants, const std::string& who) {
  return !participants ||
         std::find(participants->begin(), participants->end(), who) != participants->end();
}

// Where people have accounts one of them may be named as a character is, by its id or its name.
bool is_called_as(const std::string& author, const std::map<std::string, std::string>& names) {
  const std::string called = ascii_lower(trimmed(author));
  return std::any_of(names.begin(), names.end(), [&](const auto& entry) {
    return called == ascii_lower(entry.first) || called == ascii_lower(entry.second);
  });
}

std::string with_another_name(const std::string& author) {
  constexpr std::string_view kMark = " (a person)";
  return std::string(utf8_prefix(author, limits::kIdBytes - kMark.size())).append(kMark);
}

// What an asker's time leaves for the turn: its line has to be recorded and the answer to get back.
double time_for_turn(const runtime::Call& call) {
  const double left = elapsed_ms(clock().now(), call.deadline);
  return std::max(1.0, left - std::max(50.0, left / 20));
}

}  // namespace

Executor::Executor(Options options, Peers peers, TurnStore& store, Tuner& tuner, Bots& bots,
                   cache::Cache& repeats, telemetry::Metrics& metrics)
    : options_(options),
      peers_(std::move(peers)),
      store_(store),
      tuner_(tuner),
      bots_(bots),
      node_(peers_.llm.node()),
      repeats_(repeats),
      born_(make_id("turn")),
      turns_said_(
          metrics.counter("troupe_router_turns_total", "Turns by outcome", {{"outcome", "said"}})),
      turns_silent_(metrics.counter("troupe_router_turns_total", "Turns by outcome",
                                    {{"outcome", "silent"}})),
      turns_interrupted_(metrics.counter("troupe_router_turns_total", "Turns by outcome",
                                         {{"outcome", "interrupted"}})),
      attempts_(metrics.counter("troupe_router_attempts_total", "Drafts asked for")),
      degraded_(metrics.counter("troupe_router_degraded_total", "Turns that were degraded")),
      repeats_answered_(
          metrics.counter("troupe_router_repeats_total", "Repeated messages answered from before")),
      open_(metrics.gauge("troupe_router_turns_open", "Turns under way")),
      seconds_(metrics.histogram("troupe_router_turn_seconds", "From trigger to line said")) {}

// --- doors --------------------------------------------------------------------------------------

void Executor::orchestrate(const contracts::OrchestrateRequest& request, const runtime::Call& call,
                           runtime::Answer<contracts::TurnReply> answer) {
  if (trimmed(request.message).empty()) {
    return answer(Error{Code::InvalidArgument, "message: must not be blank"});
  }
  if (request.character && !among(request.participants, *request.character)) {
    return answer(Error{Code::InvalidArgument,
                        fmt::format("character: '{}' is no participant", *request.character)});
  }
  const bool of_account = request.kind == TurnKind::Direct && request.author_id;
  if (of_account && is_called_as(request.author, names_)) {
    contracts::OrchestrateRequest renamed = request;
    renamed.author = with_another_name(request.author);
    if (!is_called_as(renamed.author, names_)) {
      return orchestrate(renamed, call, std::move(answer));
    }
  }
  if (request.kind == TurnKind::Direct && names_.contains(request.author)) {
    return answer(Error{Code::InvalidArgument,
                        fmt::format("author: '{}' is a character of the cast, and what a character "
                                    "says is organic",
                                    request.author)});
  }
  if (!request.message_id) return begin_turn(request, call, {}, std::move(answer));
  std::string key = key_of(request.channel, *request.message_id, request.character.value_or(""));
  if (!repeats_.remote()) {
    if (answered_before(key, repeats_.get(key), answer)) return;
    return begin_turn(request, call, std::move(key), std::move(answer));
  }
  if (answered_before(key, nullptr, answer)) return;
  repeats_.fetch(key, [this, node = &node_, request, call, key,
                       answer = std::move(answer)](cache::Value known) {
    node->post([=, this, known = std::move(known)] {
      // Meanwhile the same message may have come once more.
      if (!answered_before(key, known, answer)) begin_turn(request, call, key, answer);
    });
  });
}

bool Executor::answered_before(const std::string& repeat_key, const cache::Value& known,
                               const runtime::Answer<contracts::TurnReply>& answer) {
  if (const auto running = in_flight_.find(repeat_key); running != in_flight_.end()) {
    turns_.at(running->second).answers.push_back(answer);
    return true;
  }
  if (known == nullptr) return false;
  auto reply = json::decode<contracts::TurnReply>(std::string_view(*known));
  if (!reply) return false;
  repeats_answered_.add();
  answer(std::move(reply));
  return true;
}

void Executor::begin_turn(const contracts::OrchestrateRequest& request, const runtime::Call& call,
                          std::string repeat_key, runtime::Answer<contracts::TurnReply> answer) {
  if (turns_.size() >= options_.turns_max) {
    return answer(
        Error{Code::Overloaded, fmt::format("{} turns are under way already", turns_.size())});
  }
  interrupt(request.channel, "interrupted_by_person");
  Scene& scene = scene_of(request.channel);
  scene.delivery = request.delivery;
  scene.participants = request.participants;
  const std::string turn_id = make_id("turn");
  TurnOptions turn = options_.turn;
  // Nobody restarts the clock: an asker with less time gets a turn with less time.
  turn.deadline_ms = std::min(turn.deadline_ms, time_for_turn(call));
  TurnState state = direct_turn(turn_id, request, clock().wall_ms(), turn);
  node_.publish("conversation.message",
                json::encode(contracts::ConversationMessage{
                    request.channel, state.record.message_id, request.author, request.message}));
  if (!request.character) state.guess = guessed_speaker(request.message, names_);
  if (!among(request.participants, state.guess)) state.guess.clear();
  start(std::move(state), call.traceparent, std::move(repeat_key), {std::move(answer)});
}

void Executor::regenerate(const contracts::RegenerateRequest& request, const runtime::Call& call,
                          runtime::Answer<contracts::TurnReply> answer) {
  std::string key;
  if (request.request_id) {
    key = again_key(request.turn_id, *request.request_id);
    if (answered_before(key, repeats_.get(key), answer)) return;
  }
  const auto found = store_.find(request.turn_id);
  if (!found) return answer(found.error());
  const contracts::TurnRecord& earlier = found.value();
  if (earlier.kind != TurnKind::Direct || earlier.status != TurnStatus::Said) {
    return answer(Error{
        Code::Conflict,
        fmt::format("turn_id: turn '{}' has said no line to a person's message", earlier.turn_id)});
  }
  if (turns_.size() >= options_.turns_max) {
    return answer(
        Error{Code::Overloaded, fmt::format("{} turns are under way already", turns_.size())});
  }
  tuner_.unwanted(request.turn_id, request.author);
  interrupt(earlier.channel, "interrupted_by_person");
  // After a restart nothing else tells that bots are there.
  if (earlier.posted_id) scene_of(earlier.channel).delivery = Delivery::Bots;
  TurnOptions turn = options_.turn;
  turn.deadline_ms = std::min(turn.deadline_ms, time_for_turn(call));
  TurnState state = regenerating_turn(make_id("turn"), earlier, clock().wall_ms(), turn);
  state.record.request_id = request.request_id;
  start(std::move(state), call.traceparent, std::move(key), {std::move(answer)});
}

void Executor::organic_notification(const contracts::OrganicNotification& request,
                                    const runtime::Call& call,
                                    runtime::Answer<contracts::OrganicReply> answer) {
  Scene& scene = scene_of(request.channel);
  scene.delivery = request.delivery;
  if (request.participants) scene.participants = request.participants;
  if (request.turn_id) return line_posted(request, call, answer);
  contracts::ObserveRequest observe;
  observe.channel = request.channel;
  observe.message_id = request.message_id.value_or(make_id("line"));
  observe.line = {.author = request.character,
                  .text = request.message,
                  .kind = contracts::Kind::Bot,
                  .reply_to = std::nullopt};
  const messaging::CallOptions options{.deadline = call.deadline, .traceparent = call.traceparent};
  const std::uint64_t epoch = scene.epoch;
  peers_.coordinator.call<contracts::ObserveReply>(
      "coordinator.observe", observe, options,
      [this, channel = request.channel, after = observe.message_id, options, epoch,
       answer](const Result<contracts::ObserveReply>& seen) {
        if (!seen) return answer(seen.error());
        if (seen.value().repeated) {
          return answer(contracts::OrganicReply{std::nullopt, 0, "repeated"});
        }
        answer_follow_up(channel, after, epoch, options, answer);
      });
}

// The conversation has the line already; its record is told where it stands, before who goes on.
void Executor::line_posted(const contracts::OrganicNotification& request, const runtime::Call& call,
                           const runtime::Answer<contracts::OrganicReply>& answer) {
  const messaging::CallOptions options{.deadline = call.deadline, .traceparent = call.traceparent};
  const std::string message_id = request.message_id.value_or(*request.turn_id);
  store_.posted(
      *request.turn_id, message_id,
      [this, node = &node_, channel = request.channel, message_id, options, answer,
       epoch = scene_of(request.channel).epoch](const Result<contracts::TurnRecord>& found) {
        node->post([=, this] {
          if (!found) return answer(found.error());
          const contracts::TurnRecord& record = found.value();
          if (record.channel != channel) {
            return answer(Error{Code::InvalidArgument,
                                fmt::format("channel: turn '{}' is of another", record.turn_id)});
          }
          if (record.posted_id) {
            return answer(contracts::OrganicReply{std::nullopt, 0, "repeated"});
          }
          answer_follow_up(channel, line_id(record), epoch, options, answer);
        });
      });
}

// `epoch`: of the channel when the line was told of.
void Executor::answer_follow_up(const std::string& channel, const std::string& after,
                                std::uint64_t epoch, const messaging::CallOptions& options,
                                const runtime::Answer<contracts::OrganicReply>& answer) {
  peers_.coordinator.call<contracts::FollowUp>(
      "coordinator.follow_up",
      contracts::FollowUpRequest{channel, after, scene_of(channel).participants}, options,
      [this, channel, epoch, answer](const Result<contracts::FollowUp>& next) {
        if (!next) return answer(next.error());
        const contracts::FollowUp& plan = next.value();
        if (scene_of(channel).epoch != epoch) {
          return answer(contracts::OrganicReply{std::nullopt, 0, "interrupted_by_person"});
        }
        if (plan.character) play_later(channel, plan, Milliseconds(plan.delay_ms));
        answer(contracts::OrganicReply{plan.character, plan.delay_ms, plan.reason});
      });
}

bool Executor::silence(const std::string& author_id) {
  std::vector<std::string> theirs;
  for (const auto& [turn_id, running] : turns_) {
    if (running.state.record.author_id == author_id) theirs.push_back(turn_id);
  }
  for (const std::string& turn_id : theirs) apply(turn_id, event::Interrupted{"forgotten"});
  return !theirs.empty();
}

void Executor::forget(const std::vector<contracts::TurnRecord>& records) {
  for (const contracts::TurnRecord& record : records) {
    repeats_.erase(key_of(record.channel, record.message_id, record.character));
    repeats_.erase(key_of(record.channel, record.message_id, {}));
    if (record.regenerates && record.request_id) {
      repeats_.erase(again_key(*record.regenerates, *record.request_id));
    }
    if (const auto scene = scenes_.find(record.channel); scene != scenes_.end()) {
      scene->second.talk.clear();
    }
  }
}

void Executor::recall(const contracts::TurnRecord& record) {
  remember_said(record);
  if (!repeats_.remote()) remember_reply(record);
}

void Executor::settle_recovered(std::vector<contracts::TurnRecord> records) {
  unsettled_.assign(std::make_move_iterator(records.begin()),
                    std::make_move_iterator(records.end()));
  settle_next();
}

void Executor::settle_next() {
  if (unsettled_.empty()) return ask_what_was_said(kSaidAsked);
  contracts::HistoryRequest question;
  question.channel = unsettled_.front().channel;
  question.limit = 1;
  question.answers = unsettled_.front().message_id;
  peers_.coordinator.call<contracts::History>(
      "coordinator.history", question,
      {.deadline = clock().now() + options_.recover_timeout, .idempotent = true},
      [this](const Result<contracts::History>& reply) {
        contracts::TurnRecord record = std::move(unsettled_.front());
        unsettled_.pop_front();
        if (reply) {
          settle(std::move(record), reply.value().answered);
          return settle_next();
        }
        // What has ended us may have ended the coordinator, too.
        telemetry::warn("a recovered turn is not settled yet",
                        {{"turn", record.turn_id}, {"why", reply.error().message}});
        unsettled_.push_back(std::move(record));
        node_.after(options_.recover_again, [this] { settle_next(); });
      });
}

// Only at the start: a turn that ends within open_after is not on disk until it is over, so a crash
// in between leaves a line without any record.
void Executor::ask_what_was_said(int lines) {
  peers_.coordinator.call<contracts::Said>(
      "coordinator.said", contracts::SaidRequest{lines},
      {.deadline = clock().now() + options_.recover_timeout, .idempotent = true},
      [this, lines](const Result<contracts::Said>& reply) {
        if (reply) {
          for (const contracts::SaidLine& line : reply.value().lines) take_back(line);
          return;
        }
        telemetry::warn("lines of a former process are not known yet",
                        {{"why", reply.error().message}});
        const bool large = reply.error().code == Code::TooLarge;
        const int next = large ? std::min(lines, kSaidThatFit) : lines;
        node_.after(options_.recover_again, [this, next] { ask_what_was_said(next); });
      });
}

void Executor::take_back(const contracts::SaidLine& line) {
  const std::int64_t oldest = clock().wall_ms() - options_.retention_days * kDayMs;
  if (line.turn_id >= born_ || line.at_ms < oldest) return;
  const auto known = store_.find(line.turn_id);
  if (known || known.error().code != Code::NotFound) return;
  contracts::TurnRecord record;
  record.turn_id = line.turn_id;
  record.channel = line.channel;
  record.message_id = line.message_id;
  const bool organic = line.message_id.empty() || line.message_id == line.turn_id + ".in";
  record.kind = organic ? TurnKind::Organic : TurnKind::Direct;
  record.author = line.author;
  record.author_id = line.author_id;
  record.message = line.message;
  record.started_ms = line.at_ms;
  close_as_said(std::move(record), line.character, line.text);
}

void Executor::settle(contracts::TurnRecord record,
                      const std::vector<contracts::Answered>& answered) {
  const auto own = std::find_if(answered.begin(), answered.end(), [&](const auto& answer) {
    return answer.turn_id == record.turn_id;
  });
  if (own != answered.end()) return close_as_said(std::move(record), own->character, own->text);
  store_.closed(record, [](const Result<void>&) {});
}

// A crash came between a line and its record.
void Executor::close_as_said(contracts::TurnRecord record, const std::string& character,
                             const std::string& text) {
  record.status = TurnStatus::Said;
  record.reason = "recovered";
  record.degraded = true;
  record.character = character;
  record.text = text;
  store_.closed(record, [turn_id = record.turn_id](const Result<void>& written) {
    if (written) return;
    telemetry::error("turn record not stored",
                     {{"turn", turn_id}, {"why", written.error().message}});
  });
  recall(record);
}

// Lines that the conversation holds to a message that came again: each has its record from here on,
// on disk before the asker hears of it, because the asker's own turn is closed after it.
void Executor::adopt(const std::string& turn_id, const std::vector<contracts::Answered>& answered) {
  const auto running = turns_.find(turn_id);
  if (running == turns_.end()) return;
  const contracts::TurnRecord& asking = running->second.state.record;
  for (const contracts::Answered& answer : answered) {
    if (answer.turn_id.empty() || turns_.contains(answer.turn_id)) continue;
    auto found = store_.find(answer.turn_id);
    if (!found && found.error().code != Code::NotFound) continue;
    contracts::TurnRecord record;
    if (found) {
      record = std::move(found).value();
      if (record.status == TurnStatus::Said) continue;
    } else {
      record.turn_id = answer.turn_id;
      record.channel = asking.channel;
      record.message_id = asking.message_id;
      record.author = asking.author;
      record.author_id = asking.author_id;
      record.message = asking.message;
      record.started_ms = asking.started_ms;
    }
    close_as_said(std::move(record), answer.character, answer.text);
  }
}

void Executor::remember_said(const contracts::TurnRecord& record) {
  if (record.status != TurnStatus::Said) return;
  std::deque<std::uint64_t>& said = scene_of(record.channel).said;
  said.push_back(said_key(record.text));
  if (said.size() > kSaidMax) said.pop_front();
  scene_of(record.channel).talk = utf8_prefix(record.message + " " + record.text, kTalkBytes);
}

void Executor::remember_reply(const contracts::TurnRecord& record) {
  if (record.status != TurnStatus::Said || record.kind == TurnKind::Organic) return;
  const std::string reply = json::encode(reply_of(record));
  if (record.regenerates) {  // who repeats the message has not asked for another line
    if (!record.request_id) return;
    return repeats_.put(again_key(*record.regenerates, *record.request_id), reply,
                        options_.repeat_ttl);
  }
  repeats_.put(key_of(record.channel, record.message_id, record.character), reply,
               options_.repeat_ttl);
  // Who asked nobody in particular gets the first that answered.
  const std::string any = key_of(record.channel, record.message_id, {});
  if (repeats_.get(any) == nullptr) repeats_.put(any, reply, options_.repeat_ttl);
}

// --- turns --------------------------------------------------------------------------------------

void Executor::start(TurnState state, std::string traceparent, std::string repeat_key,
                     Answers answers) {
  const std::string turn_id = state.record.turn_id;
  state.names = names_;
  const Scene& scene = scene_of(state.record.channel);
  state.said.assign(scene.said.begin(), scene.said.end());
  if (state.record.kind == TurnKind::Direct) state.talk = scene.talk;
  plan_flush();
  if (!repeat_key.empty()) in_flight_[repeat_key] = turn_id;
  open_.add(1);
  Running& running = turns_[turn_id];
  const auto whole = Milliseconds(static_cast<std::int64_t>(state.options.deadline_ms));
  running.state = std::move(state);
  running.began = clock().now();
  running.deadline = running.began + whole;
  running.traceparent = telemetry::child_traceparent(traceparent);
  running.repeat_key = std::move(repeat_key);
  running.answers = std::move(answers);
  running.delivery = scene.delivery;
  // What the conversation could not tell of after a crash is written however young it is.
  const contracts::TurnRecord& record = running.state.record;
  if (record.kind == TurnKind::Organic || record.regenerates) {
    store_.opened(record);
    running.on_disk = true;
  }
  running.deadline_timer =
      node_.after(whole, [this, turn_id] { apply(turn_id, event::DeadlineReached{}); });
  apply(turn_id, event::Begin{});
}

void Executor::plan_flush() {
  if (std::exchange(flush_planned_, true)) return;
  node_.after(options_.open_after, [this] {
    flush_planned_ = false;
    flush();
  });
}

// Turns that are young are left for the next time: most are over by then, and are written once.
void Executor::flush() {
  const SteadyTime old = clock().now() - options_.open_after;
  for (auto& [turn_id, running] : turns_) {
    if (running.on_disk || running.state.phase == Phase::Over) continue;
    if (running.began > old) {
      plan_flush();
      continue;
    }
    // Without its drafts: of a turn that a crash has ended there is no outcome to tell.
    contracts::TurnRecord open = running.state.record;
    open.attempts.clear();
    open.text.clear();  // whether it was said the coordinator knows
    store_.opened(open);
    running.on_disk = true;
  }
  store_.flush();
}

void Executor::apply(const std::string& turn_id, Event event) {
  const auto found = turns_.find(turn_id);
  if (found == turns_.end()) return;
  Step next = step(std::move(found->second.state), std::move(event),
                   elapsed_ms(found->second.began, clock().now()));
  found->second.state = std::move(next.state);
  // An action may fail at once and end the turn: what follows it is void then.
  for (const Action& action : next.actions) {
    const auto still = turns_.find(turn_id);
    if (still == turns_.end()) return;
    const bool over = still->second.state.phase == Phase::Over;
    if (!over || std::holds_alternative<action::Finish>(action)) perform(turn_id, action);
  }
}

template <class E, class Reply, class Request>
void Executor::ask(const std::string& turn_id, const messaging::Client& peer, std::string method,
                   const Request& request, const std::string& whom) {
  constexpr bool kDraft = std::is_same_v<E, event::Drafted>;
  constexpr bool kRecord = std::is_same_v<E, event::Recorded>;
  const SteadyTime now = clock().now();
  const SteadyTime soon = now + options_.stage_timeout;
  Running& running = turns_.at(turn_id);
  // Only the model may take all the time there is; a line that is decided is recorded in any case.
  const SteadyTime deadline = kDraft    ? running.deadline
                              : kRecord ? std::max(running.deadline, soon)
                                        : std::min(running.deadline, soon);
  // `llm` fails over by itself. What it could not save is a failed attempt, on the record, and not
  // a call to be made again unseen.
  const auto id = std::make_shared<messaging::CallId>(0);
  *id = peer.call<Reply>(
      std::move(method), request,
      {.deadline = deadline, .traceparent = running.traceparent, .idempotent = !kDraft},
      [this, turn_id, id, whom](Result<Reply> reply) {
        if (const auto found = turns_.find(turn_id); found != turns_.end()) {
          found->second.calls.erase(*id);
        }
        if constexpr (std::is_same_v<E, event::Observed>) {
          if (reply && reply.value().repeated && answer_from_store(turn_id)) return;
        }
        if constexpr (std::is_same_v<Reply, contracts::ObserveReply>) {
          if (reply && reply.value().repeated) adopt(turn_id, reply.value().answered);
        }
        if constexpr (std::is_same_v<E, event::Retrieved>) {
          apply(turn_id, E{std::move(reply), whom});
        } else {
          apply(turn_id, E{std::move(reply)});
        }
      });
  if (const auto found = turns_.find(turn_id); found != turns_.end()) {
    found->second.calls.insert(*id);
  }
}

// The coordinator knows the message, our cache does not any more: a look at the disk, which is
// rare.
bool Executor::answer_from_store(const std::string& turn_id) {
  const auto running = turns_.find(turn_id);
  if (running == turns_.end()) return false;
  const contracts::TurnRecord& record = running->second.state.record;
  if (record.regenerates) return false;
  const auto said = store_.said_to(record.channel, record.message_id);
  if (!said) return false;
  const auto& asked_for = running->second.state.asked_for;
  const auto earlier =
      std::find_if(said.value().begin(), said.value().end(), [&](const auto& other) {
        return !other.regenerates && (!asked_for || *asked_for == other.character);
      });
  if (earlier == said.value().end()) return false;
  repeats_answered_.add();
  apply(turn_id, event::SaidBefore{reply_of(*earlier)});
  return true;
}

void Executor::perform(const std::string& turn_id, const Action& action) {
  if (const auto* observe = std::get_if<action::Observe>(&action)) {
    ask<event::Observed, contracts::ObserveReply>(turn_id, peers_.coordinator,
                                                  "coordinator.observe", observe->request);
  } else if (const auto* prompt = std::get_if<action::FetchPrompt>(&action)) {
    fetch_prompt(turn_id, prompt->request);
  } else if (const auto* retrieve = std::get_if<action::Retrieve>(&action)) {
    ask<event::Retrieved, contracts::QueryReply>(turn_id, peers_.retriever, "retriever.query",
                                                 retrieve->request, retrieve->character);
  } else if (const auto* draft = std::get_if<action::Draft>(&action)) {
    attempts_.add();
    type_soon(turn_id);
    ask<event::Drafted, contracts::ChatReply>(turn_id, peers_.llm, "llm.chat", draft->request);
  } else if (const auto* assess = std::get_if<action::Assess>(&action)) {
    ask<event::Assessed, contracts::Assessment>(turn_id, peers_.quality, "quality.assess",
                                                assess->request);
  } else if (const auto* line = std::get_if<action::RecordLine>(&action)) {
    ask<event::Recorded, contracts::ObserveReply>(turn_id, peers_.coordinator,
                                                  "coordinator.observe", line->request);
  } else if (const auto* wait = std::get_if<action::Wait>(&action)) {
    turns_.at(turn_id).wait_timer =
        node_.after(Milliseconds(static_cast<std::int64_t>(wait->ms)),
                    [this, turn_id] { apply(turn_id, event::Waited{}); });
  } else {
    finish(turn_id);
  }
}

void Executor::fetch_prompt(const std::string& turn_id, const contracts::PromptRequest& request) {
  const auto hints = tuner_.hints(request.character);
  if (const auto kept = prompts_.find(request)) {
    return apply(turn_id, event::Prompted{kept, hints});
  }
  const Running& running = turns_.at(turn_id);
  peers_.characters.call<contracts::Prompt>(
      "characters.prompt", request,
      {.deadline = std::min(running.deadline, clock().now() + options_.stage_timeout),
       .traceparent = running.traceparent},
      [this, turn_id, hints, request](Result<contracts::Prompt> reply) {
        if (!reply) return apply(turn_id, event::Prompted{reply.error(), hints});
        const auto prompt = std::make_shared<const contracts::Prompt>(std::move(reply).value());
        prompts_.keep(request, prompt);
        apply(turn_id, event::Prompted{prompt, hints});
      });
}

void Executor::finish(const std::string& turn_id) {
  const Running& running = turns_.at(turn_id);
  node_.cancel_timer(running.deadline_timer);
  node_.cancel_timer(running.wait_timer);
  node_.cancel_timer(running.typing_timer);
  for (const messaging::CallId id : std::set(running.calls)) node_.cancel(id);
  // The record is on disk before anybody hears of the line. Until then the turn stays where those
  // who repeat its message find it.
  store_.closed(running.state.record, [this, turn_id, node = &node_](const Result<void>& written) {
    node->post([this, turn_id, written] {
      conclude(std::move(turns_.extract(turn_id).mapped()), written);
    });
  });
}

void Executor::conclude(Running running, const Result<void>& written) {
  contracts::TurnRecord& record = running.state.record;
  open_.add(-1);
  if (!written) {
    // What was said was said; whoever asked must know that there is no record of it.
    telemetry::error("turn record not stored",
                     {{"turn", record.turn_id}, {"why", written.error().message}});
    record.degraded = true;
    record.reason += ", not recorded";
  }
  tuner_.closed(record);
  if (!running.repeat_key.empty()) in_flight_.erase(running.repeat_key);
  if (const auto scene = scenes_.find(record.channel); scene != scenes_.end()) {
    scene->second.organic.erase(record.turn_id);
  }
  count(record);
  telemetry::info("turn", {{"turn", record.turn_id},
                           {"status", enum_name(record.status)},
                           {"reason", record.reason},
                           {"character", record.character},
                           {"attempts", record.attempts.size()},
                           {"ms", record.ms}});
  if (record.status == TurnStatus::Said) {
    seconds_.observe(record.ms / 1000);
    for (const double ms : running.state.draft_ms) draft_ms_ = 0.8 * draft_ms_ + 0.2 * ms;
    remember_said(record);
    remember_reply(record);
    node_.publish("turn.line", json::encode(contracts::TurnLine{
                                   record.turn_id, record.channel, record.character,
                                   running.state.prompt->name, record.text, record.kind}));
    deliver(running);
  } else if (running.typing) {
    publish_typing(record.channel, record.character, false);
  }
  if (record.status == TurnStatus::Silent && running.delivery == Delivery::Bots) {
    // Each bot asks, and all are to get the same answer.
    repeats_.put(key_of(record.channel, record.message_id, {}), json::encode(reply_of(record)),
                 options_.repeat_ttl);
  }
  ended(record);
  const auto reply = reply_of(running.state);
  for (const auto& answer : running.answers) answer(reply);
}

void Executor::count(const contracts::TurnRecord& record) {
  if (record.degraded) degraded_.add();
  switch (record.status) {
    case TurnStatus::Said:
      turns_said_.add();
      break;
    case TurnStatus::Silent:
      turns_silent_.add();
      break;
    case TurnStatus::Open:
    case TurnStatus::Interrupted:
      turns_interrupted_.add();
      break;
  }
}

void Executor::ended(const contracts::TurnRecord& record) {
  node_.publish("turn.record",
                json::encode(contracts::TurnEnded{record.turn_id, record.channel, record.message_id,
                                                  record.character, record.status, record.reason}));
}

// A line that nobody asked for is handed to its bot; who has asked posts it himself. Either tells
// when it is posted, and only then may another go on.
void Executor::deliver(const Running& running) {
  const contracts::TurnRecord& record = running.state.record;
  if (running.delivery == Delivery::Stage) return plan_follow_up(record.channel, line_id(record));
  if (record.kind == TurnKind::Organic) hand_to_bot(record);
}

void Executor::hand_to_bot(const contracts::TurnRecord& record) {
  contracts::TurnRecord kept = record;
  bots_.speak(
      record.character, {record.channel, record.turn_id, record.text, std::nullopt},
      [this, channel = record.channel, epoch = scene_of(record.channel).epoch] {
        return scene_of(channel).epoch == epoch;
      },
      [this, kept = std::move(kept)](const Result<contracts::SpeakReply>& spoken) mutable {
        if (spoken) return;
        telemetry::warn("undelivered", {{"turn", kept.turn_id},
                                        {"character", kept.character},
                                        {"why", spoken.error().message}});
        kept.reason = "undelivered";
        publish_typing(kept.channel, kept.character, false);
        store_.amend(kept.turn_id, kept.reason, [turn_id = kept.turn_id](const auto& written) {
          if (written) return;
          telemetry::error("turn record not stored",
                           {{"turn", turn_id}, {"why", written.error().message}});
        });
        ended(kept);
      });
}

// --- what happens by itself ---------------------------------------------------------------------

Executor::Scene& Executor::scene_of(const std::string& channel) {
  if (scenes_.size() >= kScenesMax && !scenes_.contains(channel)) {
    std::erase_if(scenes_, [](const auto& entry) {
      return entry.second.timer == 0 && entry.second.organic.empty();
    });
  }
  Scene& scene = scenes_[channel];
  if (scene.epoch == 0) scene.epoch = ++epochs_;
  return scene;
}

void Executor::drop_plan(const std::string& channel, Scene& scene) {
  node_.cancel_timer(std::exchange(scene.timer, 0));
  node_.cancel_timer(std::exchange(scene.typing_timer, 0));
  if (const std::string who = std::exchange(scene.typing, {}); !who.empty()) {
    publish_typing(channel, who, false);
  }
}

// A person speaks: queued and unfinished lines of the characters are dropped.
void Executor::interrupt(const std::string& channel, const std::string& reason) {
  Scene& scene = scene_of(channel);
  scene.epoch = ++epochs_;
  drop_plan(channel, scene);
  for (const std::string& turn_id : std::exchange(scene.organic, {})) {
    apply(turn_id, event::Interrupted{reason});
  }
}

void Executor::plan_follow_up(const std::string& channel, const std::string& after) {
  Scene& scene = scene_of(channel);
  drop_plan(channel, scene);
  scene.timer = node_.after(options_.follow_up_after, [this, channel, after, epoch = scene.epoch] {
    scene_of(channel).timer = 0;
    ask_follow_up(channel, after, epoch);
  });
}

void Executor::ask_follow_up(const std::string& channel, const std::string& after,
                             std::uint64_t epoch) {
  peers_.coordinator.call<contracts::FollowUp>(
      "coordinator.follow_up",
      contracts::FollowUpRequest{channel, after, scene_of(channel).participants},
      {.deadline = clock().now() + options_.stage_timeout,
       .traceparent = telemetry::new_traceparent()},
      [this, channel, epoch](const Result<contracts::FollowUp>& next) {
        if (!next || scene_of(channel).epoch != epoch) return;
        telemetry::info("follow-up", {{"channel", channel},
                                      {"character", next.value().character.value_or("")},
                                      {"reason", next.value().reason},
                                      {"energy", next.value().energy}});
        if (!next.value().character) return;
        play_later(channel, next.value(),
                   Milliseconds(next.value().delay_ms) - options_.follow_up_after);
      });
}

void Executor::play_later(const std::string& channel, const contracts::FollowUp& follow_up,
                          Milliseconds delay) {
  Scene& scene = scene_of(channel);
  drop_plan(channel, scene);
  // The line should come when the delay is over, so drafting begins earlier.
  const Milliseconds wait = std::max(Milliseconds(0), delay - draft_estimate());
  scene.typing_timer = node_.after(wait * 2 / 5, [this, channel, who = *follow_up.character] {
    Scene& now = scene_of(channel);
    now.typing_timer = 0;
    now.typing = who;
    publish_typing(channel, who, true);
  });
  scene.timer = node_.after(wait, [this, channel, follow_up] {
    Scene& now = scene_of(channel);
    now.timer = 0;
    const bool typing = !std::exchange(now.typing, {}).empty();
    if (turns_.size() >= options_.turns_max) {
      if (typing) publish_typing(channel, *follow_up.character, false);
      return;
    }
    TurnState state =
        organic_turn(make_id("turn"), channel, follow_up, clock().wall_ms(), options_.turn);
    now.organic.insert(state.record.turn_id);
    start(std::move(state), telemetry::new_traceparent(), {}, {});
  });
}

void Executor::type(Running& running) {
  if (std::exchange(running.typing, true)) return;
  publish_typing(running.state.record.channel, running.state.record.character, true);
}

// A bot's direct answer is mostly there before it would be seen typing.
void Executor::type_soon(const std::string& turn_id) {
  Running& running = turns_.at(turn_id);
  const bool direct = running.state.record.kind == TurnKind::Direct;
  if (!direct || running.delivery == Delivery::Stage) return type(running);
  if (running.typing || running.typing_timer != 0) return;
  running.typing_timer = node_.after(options_.typing_after, [this, turn_id] {
    const auto found = turns_.find(turn_id);
    if (found != turns_.end() && found->second.state.phase != Phase::Over) type(found->second);
  });
}

void Executor::publish_typing(const std::string& channel, const std::string& character,
                              bool typing) {
  node_.publish("turn.typing", json::encode(contracts::TurnTyping{channel, character, typing}));
}

// --- the cast -----------------------------------------------------------------------------------

void Executor::begin() {
  cast_.emplace(
      peers_.characters,
      messaging::Follower::Options{.method = "characters.list", .event = "character.changed"},
      [this](const Result<std::string>& body) { cast_told(body); });
  node_.post([this] { forget_old(); });
}

void Executor::cast_told(const Result<std::string>& body) {
  const auto list = body ? json::decode<contracts::CharacterList>(std::string_view(body.value()))
                         : Result<contracts::CharacterList>(body.error());
  if (!list) return;
  prompts_.clear();
  names_.clear();
  for (const auto& character : list.value().characters) names_[character.id] = character.name;
}

void Executor::forget_old() {
  store_.forget(clock().wall_ms() - options_.retention_days * kDayMs);
  node_.after(options_.forget_every, [this] { forget_old(); });
}

}  // namespace router
