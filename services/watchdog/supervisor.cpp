#include "watchdog/supervisor.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>

namespace watchdog {

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

void Supervisor::launch(Entry& entry) {
  const auto launched = launcher_.launch(entry.program);
  entry.since = clock_.now();
  if (const auto* failed = std::get_if<Exit>(&launched)) {
    entry.last_exit = *failed;
    report_({Event::Kind::Exited, entry.program.name, 0, failed->text()});
    restart_later(entry);
    return;
  }
  entry.pid = std::get<pid_t>(launched);
  enter(entry, State::Running);
  report_({Event::Kind::Started, entry.program.name, entry.pid});
}

void Supervisor::restart_later(Entry& entry) {
  const auto now = clock_.now();
  if (now - entry.since >= options_.forgiven_after) {
    entry.exits.clear();
    entry.backoff = Milliseconds(0);
    entry.crash_loop_reported = false;
  }
  while (!entry.exits.empty() && now - entry.exits.front() > options_.crash_loop_window) {
    entry.exits.pop_front();
  }
  entry.exits.push_back(now);
  if (entry.exits.size() > options_.crash_loop_exits) entry.exits.pop_front();

  entry.backoff = entry.backoff.count() == 0 ? options_.backoff_first : entry.backoff * 2;
  const bool looping = entry.exits.size() == options_.crash_loop_exits;
  if (looping || entry.backoff > options_.backoff_max) entry.backoff = options_.backoff_max;
  entry.due = now + entry.backoff;
  enter(entry, looping ? State::CrashLoop : State::BackingOff);
  if (looping && !entry.crash_loop_reported) {
    entry.crash_loop_reported = true;
    report_({Event::Kind::CrashLoop, entry.program.name, 0,
             fmt::format("{} exits in {} s, the last one: {}", entry.exits.size(),
                         options_.crash_loop_window.count() / 1000, entry.last_exit->text())});
  }
}

void Supervisor::on_exit(pid_t pid, Exit exit) {
  const auto entry = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& e) { return pid != 0 && e.pid == pid; });
  if (entry == entries_.end()) return;
  entry->pid = 0;
  entry->last_exit = exit;
  report_({Event::Kind::Exited, entry->program.name, pid, exit.text(), draining_});
  if (draining_) {
    enter(*entry, State::Stopped);
    drain_next();
  } else {
    restart_later(*entry);
  }
}

void Supervisor::on_time() {
  const auto now = clock_.now();
  for (auto& entry : entries_) {
    const bool waiting = entry.state == State::BackingOff || entry.state == State::CrashLoop;
    if (waiting && now >= entry.due) {
      ++entry.restarts;
      launch(entry);
    } else if (entry.state == State::Draining && !entry.killed && now >= entry.due) {
      kill(entry);
    }
  }
}

std::optional<SteadyTime> Supervisor::next_time() const {
  std::optional<SteadyTime> next;
  for (const auto& entry : entries_) {
    const bool timed = entry.state == State::BackingOff || entry.state == State::CrashLoop ||
                       (entry.state == State::Draining && !entry.killed);
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

void Supervisor::kill(Entry& entry) {
  entry.killed = true;
  report_({Event::Kind::Killed, entry.program.name, entry.pid});
  launcher_.signal(entry.pid, SIGKILL);
}

void Supervisor::kill() {
  drain();
  for (auto& entry : entries_) {
    if (entry.pid == 0 || entry.killed) continue;
    enter(entry, State::Draining);
    kill(entry);
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
    all.push_back(std::move(status));
  }
  return all;
}

}  // namespace watchdog
