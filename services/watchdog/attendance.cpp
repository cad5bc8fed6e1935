#include "watchdog/attendance.h"

#include <algorithm>

namespace watchdog {
namespace {

// Of one service; more would be strangers that answer in its name.
constexpr std::size_t kProcessesMax = 16;

}  // namespace

Attendance::Record& Attendance::record(const std::string& name, pid_t pid, SteadyTime now) {
  auto& processes = records_[name];
  if (!processes.contains(pid) && processes.size() >= kProcessesMax) {
    processes.erase(std::min_element(
        processes.begin(), processes.end(),
        [](const auto& a, const auto& b) { return a.second.heard < b.second.heard; }));
  }
  return processes.try_emplace(pid, Record{.seen = now, .heard = now}).first->second;
}

void Attendance::answered(const std::string& name, pid_t pid, bool ready, SteadyTime now) {
  Record& its = record(name, pid, now);
  its.heard = now;
  its.answered = true;
  its.lost = false;
  its.ready = ready;
  its.told = false;
}

// Which process was asked is not known: all have to answer again.
void Attendance::missed(const std::string& name) {
  const auto processes = records_.find(name);
  if (processes == records_.end()) return;
  for (auto& [pid, its] : processes->second) its.lost = true;
}

bool Attendance::ready(const std::string& name, pid_t pid, SteadyTime now) const {
  const auto processes = records_.find(name);
  if (processes == records_.end()) return false;
  const auto found = processes->second.find(pid);
  if (found == processes->second.end()) return false;
  const Record& its = found->second;
  return its.ready && !its.lost && now - its.heard <= options_.fresh;
}

std::optional<Attendance::Present> Attendance::present(const std::string& name,
                                                       SteadyTime now) const {
  std::optional<Present> found;
  const auto processes = records_.find(name);
  if (processes == records_.end()) return found;
  for (const auto& [pid, its] : processes->second) {
    const bool here = its.answered && !its.lost && now - its.heard <= options_.fresh;
    if (here && (!found || its.ready)) found = Present{pid, its.ready};
  }
  return found;
}

std::vector<Attendance::Silent> Attendance::silent(
    const std::vector<contracts::ServiceStatus>& running, SteadyTime now) {
  std::vector<Silent> found;
  for (const auto& status : running) {
    const auto pid = static_cast<pid_t>(status.pid);
    auto& processes = records_[status.name];
    std::erase_if(processes, [&](const auto& entry) {
      return entry.first != pid && now - entry.second.heard > options_.fresh;
    });
    if (pid == 0) continue;
    Record& its = record(status.name, pid, now);
    const Milliseconds silence = std::chrono::duration_cast<Milliseconds>(now - its.heard);
    const Milliseconds limit =
        its.answered ? options_.patience : std::max(options_.patience, options_.start_patience);
    if (options_.patience.count() == 0 || silence <= limit || its.told) continue;
    its.told = true;
    found.push_back({status.name, pid, silence});
  }
  return found;
}

}  // namespace watchdog
