#include "watchdog/supervisor.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace watchdog {
namespace {

constexpr std::size_t kLastLineBytes = 1000;

}  // namespace

Supervisor::Supervisor(Options options, std::vector<Program> programs, Launcher& launcher,
                       const Clock& clock, Report report)
    : options_(options), launcher_(launcher), clock_(clock), report_(std::move(report)) {
  for (auto& program : programs) {
    Entry entry;
    entry.program = std::move(program);
    entries_.push_back(std::move(entry));
  }
}

void Supervisor::enter(Entry& entry, State state) {
  entry.state = state;
  entry.since_ms = clock_.wall_ms();
}

void Supervisor::start() {
  for (auto& entry : entries_) launch(entry);
}

Supervisor::Entry* Supervisor::find(pid_t pid) {
  const auto entry = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& e) { return pid != 0 && e.pid == pid; });
  return entry == entries_.end() ? nullptr : &*entry;
}

void Supervisor::launch(Entry& entry) {
  const auto launched = launcher_.launch(entry.program);
  entry.since = clock_.now();
  if (const auto* failed = std::get_if<Exit>(&launched)) {
    entry.last_exit = *failed;
    entry.last_line.clear();
    report_({Event::Kind::Exited, entry.program.name, 0, failed->text()});
    restart_later(entry);
    return;
  }
  entry.pid = std::get<pid_t>(launched);
  enter(entry, State::Running);
  report_({Event::Kind::Started, entry.program.name, entry.pid});
}

contracts::ProcessState Supervisor::count_end(Entry& entry, SteadyTime now) {
  if (now - entry.since >= options_.forgiven_after) {
    entry.exits.clear();
    entry.failures = 0;
    entry.refusals = 0;
    entry.crash_loop_reported = false;
  }
  if (entry.last_exit->refused()) {
    ++entry.refusals;
    return State::Refused;
  }
  entry.refusals = 0;
  ++entry.failures;
  while (!entry.exits.empty() && now - entry.exits.front() > options_.crash_loop_window) {
    entry.exits.pop_front();
  }
  entry.exits.push_back(now);
  if (entry.exits.size() > options_.crash_loop_exits) entry.exits.pop_front();
  return entry.exits.size() == options_.crash_loop_exits ? State::CrashLoop : State::BackingOff;
}

void Supervisor::restart_later(Entry& entry) {
  const auto now = clock_.now();
  const State state = count_end(entry, now);
  Milliseconds wait = retry::delay(options_.restart, entry.failures, random_);
  if (state == State::Refused) wait = retry::delay(options_.refused, entry.refusals, random_);
  if (state == State::CrashLoop) wait = options_.restart.max;
  entry.due = now + wait;
  enter(entry, state);
  if (state == State::CrashLoop && !entry.crash_loop_reported) {
    entry.crash_loop_reported = true;
    report_(
        {.kind = Event::Kind::CrashLoop,
         .program = entry.program.name,
         .detail = fmt::format("{} exits in {} s, the last one: {}", entry.exits.size(),
                               options_.crash_loop_window.count() / 1000, entry.last_exit->text()),
         .last_line = entry.last_line});
  }
}

void Supervisor::on_exit(pid_t pid, Exit exit, std::string last_line) {
  Entry* const entry = find(pid);
  if (entry == nullptr) return;
  entry->pid = 0;
  entry->last_exit = exit;
  entry->last_line = std::move(last_line);
  report_({.kind = Event::Kind::Exited,
           .program = entry->program.name,
           .pid = pid,
           .detail = exit.text(),
           .expected = draining_,
           .refused = exit.refused(),
           .last_line = entry->last_line});
  if (draining_) {
    enter(*entry, State::Stopped);
    drain_next();
  } else {
    restart_later(*entry);
  }
}

void Supervisor::on_frozen(pid_t pid, const std::string& detail) {
  const Entry* const entry = find(pid);
  if (entry == nullptr || entry->state != State::Running) return;
  report_({Event::Kind::Frozen, entry->program.name, pid, detail});
  launcher_.signal(pid, SIGKILL);
}

void Supervisor::on_time() {
  const auto now = clock_.now();
  for (auto& entry : entries_) {
    const bool draining = entry.state == State::Draining;
    const bool waiting = entry.pid == 0 && entry.state != State::Stopped;
    if (now < entry.due || (!draining && !waiting)) continue;
    if (waiting) {
      ++entry.restarts;
      launch(entry);
    } else if (entry.killed) {
      give_up(entry);
    } else {
      kill(entry, "it did not end in time");
    }
  }
}

std::optional<SteadyTime> Supervisor::next_time() const {
  std::optional<SteadyTime> next;
  for (const auto& entry : entries_) {
    const bool timed = entry.state != State::Running && entry.state != State::Stopped;
    if (timed && (!next || entry.due < *next)) next = entry.due;
  }
  return next;
}

void Supervisor::drain() {
  if (draining_) return;
  draining_ = true;
  for (auto& entry : entries_) {
    if (entry.pid == 0) enter(entry, State::Stopped);
  }
  drain_next();
}

bool Supervisor::awaited(const Entry& entry) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& other) {
    const auto& after = other.program.after;
    return other.state != State::Stopped &&
           std::find(after.begin(), after.end(), entry.program.name) != after.end();
  });
}

void Supervisor::drain_next() {
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (entry->state != State::Running || awaited(*entry)) continue;
    enter(*entry, State::Draining);
    entry->due = clock_.now() + options_.drain_timeout;
    report_({Event::Kind::Draining, entry->program.name, entry->pid});
    launcher_.signal(entry->pid, SIGTERM);
  }
}

void Supervisor::kill(Entry& entry, std::string why) {
  entry.killed = true;
  entry.due = clock_.now() + options_.kill_timeout;
  report_({Event::Kind::Killed, entry.program.name, entry.pid, std::move(why)});
  launcher_.signal(entry.pid, SIGKILL);
}

// A process in an uninterruptible wait of the kernel takes no signal.
void Supervisor::give_up(Entry& entry) {
  report_({Event::Kind::Left, entry.program.name, entry.pid, "not even SIGKILL ends it"});
  entry.pid = 0;
  enter(entry, State::Stopped);
  drain_next();
}

void Supervisor::kill() {
  drain();
  for (auto& entry : entries_) {
    if (entry.pid == 0 || entry.killed) continue;
    enter(entry, State::Draining);
    kill(entry, "a second request to stop");
  }
}

bool Supervisor::drained() const {
  return draining_ && std::all_of(entries_.begin(), entries_.end(),
                                  [](const Entry& entry) { return entry.state == State::Stopped; });
}

std::vector<contracts::ServiceStatus> Supervisor::status() const {
  std::vector<contracts::ServiceStatus> all;
  for (const auto& entry : entries_) {
    contracts::ServiceStatus status;
    status.name = entry.program.name;
    status.pid = entry.pid;
    status.state = entry.state;
    status.restarts = entry.restarts;
    status.since_ms = entry.since_ms;
    if (entry.last_exit) status.last_exit = entry.last_exit->text();
    if (!entry.last_line.empty()) {
      status.last_line = utf8_prefix(utf8_repaired(entry.last_line), kLastLineBytes);
    }
    all.push_back(std::move(status));
  }
  return all;
}

}  // namespace watchdog
