#pragma once

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "watchdog/children.h"
#include "watchdog/log_file.h"
#include "watchdog/process.h"
#include "watchdog/supervisor.h"

namespace watchdog {

// Keeps the real processes: what the supervisor decides is done here, and what the processes write
// goes to their log files. One poll(2) loop, which the caller gives a thread.
class Keeper final : private Launcher {
 public:
  struct Options {
    Supervisor::Options supervisor;
    LogFile::Options log;
    std::filesystem::path log_folder;
    std::filesystem::path children_file;  // empty: none
    Milliseconds orphan_patience{6000};
  };

  using Orphan = std::function<void(const std::string& name, pid_t pid)>;

  // `programs` in start order. `report` is called on the thread of run(). Fails when a log file
  // cannot be opened. What an earlier watchdog has left behind is ended first, and told to
  // `orphan`.
  static Result<std::unique_ptr<Keeper>> open(
      Options options, std::vector<Program> programs, const Clock& clock, Supervisor::Report report,
      const Orphan& orphan = [](auto&&...) {});
  ~Keeper() override;

  // Starts the programs and keeps them until all are stopped after drain(). Should this thread end
  // early, the kernel sends every child SIGTERM.
  void run();

  // From any thread and from a signal handler, also before run(): stop all in reverse order; a
  // second time: kill what is left.
  void drain();
  // From any thread: the process `pid` gives no answer any more; `why` is for the report.
  void end_frozen(pid_t pid, std::string why);
  // From any thread.
  std::vector<contracts::ServiceStatus> status() const;

 private:
  struct Running {
    Process process;
    LogFile& log;
  };

  Keeper(const Options& options, std::vector<Program> programs, std::map<std::string, LogFile> logs,
         Children children, Descriptor wake, const Clock& clock, Supervisor::Report report);
  std::variant<pid_t, Exit> launch(const Program& program) override;
  void signal(pid_t pid, int signal) override;
  void wait() const;
  void wake() const;
  void obey();
  void collect();
  void copy_output(Running& running, int reads_max);
  void publish();
  int timeout_ms() const;

  const Clock& clock_;
  std::map<std::string, LogFile> logs_;
  Descriptor wake_;  // an eventfd that drain() writes
  std::map<pid_t, Running> running_;
  Children children_;
  Supervisor supervisor_;
  std::string buffer_;
  std::atomic<int> stops_asked_{0};
  int stops_obeyed_ = 0;

  mutable std::mutex mutex_;
  std::vector<contracts::ServiceStatus> status_;  // a copy for other threads
  std::map<pid_t, std::string> frozen_;           // to be ended, and why
};

}  // namespace watchdog
