#include "watchdog/children.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>
#include <vector>

#include "watchdog/process.h"

namespace watchdog {
namespace {

constexpr Milliseconds kKillPatience{5000};

std::string first_line(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// When the process began, as boot and clock tick (proc(5), field 22 of stat); empty when it has
// ended, a zombie included.
std::string birth_of(pid_t pid) {
  const std::string stat = first_line(fmt::format("/proc/{}/stat", pid));
  const auto name_end = stat.rfind(')');
  if (name_end == stat.npos) return {};
  std::istringstream rest(stat.substr(name_end + 1));
  const std::vector<std::string> fields{std::istream_iterator<std::string>(rest), {}};
  if (fields.size() < 20 || fields[0] == "Z" || fields[0] == "X") return {};
  return first_line("/proc/sys/kernel/random/boot_id") + "/" + fields[19];
}

struct Orphan {
  pid_t pid;
  std::string name;
  Descriptor end;

  // As plain system calls: glibc 2.36 declares pidfd_open without extern "C".
  void signal(int number) const {
    ::syscall(SYS_pidfd_send_signal, end.number(), number, nullptr, 0);
  }
  bool ends_by(SteadyTime deadline) const {
    const auto left =
        std::chrono::ceil<Milliseconds>(deadline - SystemClock::instance().now()).count();
    pollfd waited{end.number(), POLLIN, 0};
    return ::poll(&waited, 1, static_cast<int>(std::max<Milliseconds::rep>(0, left))) > 0;
  }
};

std::vector<Orphan> orphans_of(const std::filesystem::path& file) {
  std::vector<Orphan> found;
  std::ifstream lines(file);
  pid_t pid = 0;
  std::string birth;
  std::string name;
  while (lines >> pid >> birth >> name) {
    if (pid <= 0) continue;
    Orphan orphan{pid, name, Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)))};
    // Looked at after the descriptor is open: from here on it can be nobody else.
    if (orphan.end.number() >= 0 && birth_of(pid) == birth) found.push_back(std::move(orphan));
  }
  return found;
}

}  // namespace

void Children::add(pid_t pid, const std::string& name) {
  children_[pid] = {name, birth_of(pid)};
  save();
}

void Children::remove(pid_t pid) {
  children_.erase(pid);
  save();
}

// A file that cannot be written costs only what a successor could have mended.
void Children::save() const {
  if (file_.empty()) return;
  const std::filesystem::path fresh = file_.string() + ".new";
  {
    std::ofstream file(fresh, std::ios::trunc);
    for (const auto& [pid, child] : children_) {
      if (!child.birth.empty()) file << fmt::format("{} {} {}\n", pid, child.birth, child.name);
    }
    file.flush();
    if (!file) return;  // a full disk: the old list knows more than half of a new one
  }
  std::error_code ignored;
  std::filesystem::rename(fresh, file_, ignored);
}

void Children::end_orphans(Milliseconds patience,
                           const std::function<void(const std::string& name, pid_t pid)>& ended) {
  const auto orphans = orphans_of(file_);
  for (const auto& orphan : orphans) {
    orphan.signal(SIGTERM);
    orphan.signal(SIGCONT);
  }
  const SteadyTime deadline = SystemClock::instance().now() + patience;
  for (const auto& orphan : orphans) {
    if (!orphan.ends_by(deadline)) {
      // With all that it has started: each child has a process group of its own.
      if (::getpgid(orphan.pid) == orphan.pid) ::kill(-orphan.pid, SIGKILL);
      orphan.signal(SIGKILL);
      orphan.ends_by(SystemClock::instance().now() + kKillPatience);
    }
    ended(orphan.name, orphan.pid);
  }
}

}  // namespace watchdog
