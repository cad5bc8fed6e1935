#pragma once

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

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
  };

  // `programs` in start order. `report` is called on the thread of run(). Fails when a log file
  // cannot be opened.
  static Result<std::unique_ptr<Keeper>> open(Options options, std::vector<Program> programs,
                                              const Clock& clock, Supervisor::Report report);
  ~Keeper() override = default;

  // Starts the programs and keeps them until all are stopped after drain(). Should this thread end
  // early, the kernel sends every child SIGTERM.
  void run();

  // From any thread, also before run(): stop all in reverse order; a second time: kill what is
  // left.
  void drain();
  // From any thread.
  std::vector<contracts::ServiceStatus> status() const;

 private:
  struct Running {
    Process process;
    LogFile& log;
  };

  Keeper(Options options, std::vector<Program> programs, std::map<std::string, LogFile> logs,
         Descriptor wake, const Clock& clock, Supervisor::Report report);
  std::variant<pid_t, Exit> launch(const Program& program) override;
  void signal(pid_t pid, int signal) override;
  void wait() const;
  void obey();
  void collect();
  void copy_output(Running& running, int reads_max);
  void publish();
  int timeout_ms() const;

  const Clock& clock_;
  std::map<std::string, LogFile> logs_;
  Descriptor wake_;  // an eventfd that drain() writes
  std::map<pid_t, Running> running_;
  Supervisor supervisor_;
  std::string buffer_;
  std::atomic<int> stops_asked_{0};
  int stops_obeyed_ = 0;

  mutable std::mutex mutex_;
  std::vector<contracts::ServiceStatus> status_;  // a copy for other threads
};

}  // namespace watchdog
