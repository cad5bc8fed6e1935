#include "coordinator/stage.h"

#include <algorithm>
#include <utility>

#include "base/ids.h"

namespace coordinator {
namespace {

using contracts::Kind;
using contracts::Line;

constexpr std::size_t kLinesTold = 20;
constexpr std::size_t kChannelsMax = 10'000;  // whose participants are remembered

std::vector<Line> last_lines(std::vector<Line> lines) {
  const std::size_t skipped = lines.size() > kLinesTold ? lines.size() - kLinesTold : 0;
  lines.erase(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(skipped));
  return lines;
}

std::uint64_t seed_of(const std::string& channel, const std::string& message_id) {
  return hash64(message_id, hash64(channel));
}

// What this speaker's lines have been like; before his first, about ten words.
std::size_t usual_bytes(const std::vector<Line>& lines, const std::string& speaker) {
  std::size_t bytes = 0;
  std::size_t count = 0;
  for (const Line& line : lines) {
    if (line.author != speaker) continue;
    bytes += line.text.size();
    ++count;
  }
  return count == 0 ? 60 : bytes / count;
}

}  // namespace

Stage::Stage(Options options, const Cast& cast, Conversations& conversations)
    : options_(std::move(options)), cast_(cast), conversations_(conversations) {}

Stage::~Stage() { conversations_.settle(); }

void Stage::observe(contracts::ObserveRequest said, Observed done) {
  const auto cast = cast_.snapshot();
  for (const contracts::Character& character : cast->cast()) {
    // A character that is taken for a person would refill the energy without end.
    if (character.id == said.line.author) said.line.kind = Kind::Bot;
  }
  if (said.line.kind == Kind::Human) remember(said.channel, said.participants);
  conversations_.observe(said, [this, channel = said.channel, kind = said.line.kind,
                                done = std::move(done)](Result<Conversation> seen) {
    if (!seen) return done(seen.error());
    done(reaction(channel, kind, std::move(seen).value()));
  });
}

// Who is not told of is there: the whole cast.
void Stage::remember(const std::string& channel, const Participants& participants) {
  const std::lock_guard lock(mutex_);
  if (!participants) {
    participants_.erase(channel);
    return;
  }
  if (participants_.size() >= kChannelsMax && !participants_.contains(channel)) {
    participants_.clear();  // they are told again with the next line
  }
  participants_[channel] = *participants;
}

Cast::Snapshot Stage::company_in(const std::string& channel) const {
  std::vector<std::string> ids;
  {
    const std::lock_guard lock(mutex_);
    const auto known = participants_.find(channel);
    if (known == participants_.end()) return cast_.snapshot();
    ids = known->second;
  }
  return cast_.among(std::move(ids));
}

bool Stage::present(const std::string& channel, const std::string& character) const {
  const std::lock_guard lock(mutex_);
  const auto known = participants_.find(channel);
  return known == participants_.end() ||
         std::find(known->second.begin(), known->second.end(), character) != known->second.end();
}

contracts::ObserveReply Stage::reaction(const std::string& channel, Kind kind,
                                        Conversation conversation) const {
  contracts::ObserveReply reply;
  reply.repeated = conversation.repeated;
  reply.answered = std::move(conversation.answered);
  reply.message_count = conversation.message_count;
  reply.energy = conversation.energy;
  if (kind == Kind::Human) {
    reply.selection = decide(channel, conversation, conversation.energy);
    reply.history = last_lines(std::move(conversation.lines));
  } else {
    reply.selection.nobody = true;
    reply.selection.reason = "not_a_person";
  }
  return reply;
}

contracts::Selection Stage::select(const contracts::SelectRequest& request) const {
  Scene scene{.history = request.history, .pending = request.pending, .energy = request.energy};
  if (request.seed) {
    scene.seed = hash64("seed", static_cast<std::uint64_t>(*request.seed));
  } else if (!scene.history.empty()) {
    scene.seed = hash64(scene.history.back().text, scene.history.size());
  }
  return coordinator::select(*cast_.with_ids(request.participants), scene, options_.weights);
}

contracts::Selection Stage::decide(const std::string& channel, Conversation& conversation,
                                   double energy) const {
  // The lines are lent to the scene: to copy them all would cost as much as the choice.
  Scene scene{.history = std::move(conversation.lines),
              .pending = {},
              .energy = energy,
              .seed = seed_of(channel, conversation.last_id),
              .quiet = conversation.quiet_until_ms > 0};
  contracts::Selection selection =
      coordinator::select(*company_in(channel), scene, options_.weights);
  conversation.lines = std::move(scene.history);
  return selection;
}

Result<contracts::FollowUp> Stage::follow_up(const contracts::FollowUpRequest& request) {
  if (request.participants) remember(request.channel, request.participants);
  constexpr int kRacesMax = 3;
  contracts::FollowUp reply;
  for (int race = 0; race < kRacesMax; ++race) {
    Conversation seen = TRY(conversations_.recent(request.channel));
    if (request.after && *request.after != seen.last_id) break;
    const bool reserved = seen.reservation && seen.reservation->after == seen.last_id &&
                          present(request.channel, seen.reservation->character);
    const double energy = seen.energy + (reserved ? seen.reservation->cost : 0);
    contracts::Selection selection = decide(request.channel, seen, energy);
    auto& speakers = selection.speakers;
    if (!speakers.empty() && seen.bot_lines == 0) {
      speakers.erase(speakers.begin());
      if (speakers.empty()) selection.reason = "superseded";
    }
    reply = {.character = std::nullopt,
             .reason = std::move(selection.reason),
             .energy = seen.energy,
             .history = last_lines(seen.lines),
             .message_count = seen.message_count,
             .scores = std::move(selection.scores)};
    if (seen.quiet_until_ms > 0) {
      reply.reason = "quiet";
      return reply;
    }
    if (!reserved && speakers.empty()) return reply;
    const std::string speaker = reserved ? seen.reservation->character : speakers.front();
    if (!reserved) {
      const double cost = std::min(energy, line_cost(seen.bot_lines + 1, options_.weights));
      auto spent = conversations_.reserve(request.channel, seen, {seen.last_id, speaker, cost});
      if (!spent && spent.error().code == Code::Conflict) continue;
      reply.energy = TRY(std::move(spent)).energy;
    }
    reply.character = speaker;
    reply.delay_ms = delay(request.channel, seen, speaker);
    return reply;
  }
  // Others keep talking: their lines have follow-ups of their own.
  reply.reason = "superseded";
  return reply;
}

std::int64_t Stage::delay(const std::string& channel, const Conversation& conversation,
                          const std::string& speaker) const {
  Random random(hash64(speaker, seed_of(channel, conversation.last_id)));
  return delay_ms(conversation.lines.back().text.size(), usual_bytes(conversation.lines, speaker),
                  conversation.bot_lines, random, options_.delays);
}

Result<contracts::QuietReply> Stage::quiet(const contracts::QuietRequest& request) {
  const Conversation conversation =
      TRY(conversations_.set_quiet(request.channel, request.minutes * std::int64_t{60'000}));
  return contracts::QuietReply{conversation.quiet_until_ms};
}

Result<contracts::ForgottenLines> Stage::forget(const contracts::ForgetLines& request) {
  return contracts::ForgottenLines{TRY(conversations_.forget_author(request.author_id))};
}

Result<contracts::Said> Stage::said(const contracts::SaidRequest& request) {
  return contracts::Said{TRY(conversations_.said(request.limit))};
}

Result<contracts::History> Stage::history(const contracts::HistoryRequest& request) {
  const Conversation conversation = TRY(conversations_.recent(request.channel));
  contracts::History history;
  history.lines = TRY(conversations_.history(request.channel, request.limit));
  if (request.answers) {
    history.answered = TRY(conversations_.answers_to(request.channel, *request.answers));
  }
  history.energy = conversation.energy;
  history.energy_max = options_.weights.energy_budget;
  history.message_count = conversation.message_count;
  history.quiet_until_ms = conversation.quiet_until_ms;
  return history;
}

}  // namespace coordinator
