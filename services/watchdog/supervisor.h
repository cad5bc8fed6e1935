#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "contracts/watchdog.h"
#include "watchdog/program.h"

namespace watchdog {

// What the supervisor needs done in the world; the tests' is a list of what was asked.
class Launcher {
 public:
  virtual ~Launcher() = default;
  // The new process's id, or why there is none.
  virtual std::variant<pid_t, Exit> launch(const Program& program) = 0;
  virtual void signal(pid_t pid, int signal) = 0;
};

// Something that an operator may want to know.
struct Event {
  enum class Kind { Started, Exited, CrashLoop, Draining, Killed };
  Kind kind = Kind::Started;
  std::string program;
  pid_t pid = 0;
  std::string detail{};     // Exited: how; CrashLoop: how often
  bool expected = false;    // Exited: it had been asked to
  std::string last_line{};  // Exited: the last that it wrote
};

// Decides what runs: starts programs in order, restarts what ends, stops all in reverse.
//
// A program that ends is started again after 100 ms, then 200 ms, up to 5 s; ten seconds of life
// forgive the past. Five ends in 30 s are a crash loop: reported, and restarted at the longest
// interval until it lives. Pure but for its Launcher: whoever owns it tells it of exits and of time
// passing. Not thread-safe.
class Supervisor {
 public:
  struct Options {
    Milliseconds backoff_first{100};
    Milliseconds backoff_max{5000};
    Milliseconds forgiven_after{10'000};
    std::size_t crash_loop_exits = 5;
    Milliseconds crash_loop_window{30'000};
    Milliseconds drain_timeout{10'000};  // from SIGTERM to SIGKILL, for each program
  };
  using Report = std::function<void(const Event&)>;

  // `programs` as in_start_order gives them. References must outlive the supervisor.
  Supervisor(Options options, std::vector<Program> programs, Launcher& launcher, const Clock& clock,
             Report report);

  void start();
  // The process `pid` has ended; unknown ones are ignored.
  void on_exit(pid_t pid, Exit exit);
  // Does what is due: restarts, and the killing of those that would not stop.
  void on_time();
  // When on_time() is due next; nothing when only an exit can change anything.
  std::optional<SteadyTime> next_time() const;

  // Stops everything: a program is asked to end when all that were started after it have ended.
  void drain();
  // Kills what still runs; for a second request to stop.
  void kill();
  // All programs are stopped, after drain().
  bool drained() const;

  std::vector<contracts::ServiceStatus> status() const;

 private:
  using State = contracts::ProcessState;
  struct Entry {
    Program program;
    State state = State::Stopped;
    pid_t pid = 0;
    SteadyTime since{};         // the start of the present life, when there is one
    SteadyTime due{};           // of the restart, or of the kill when draining
    std::int64_t since_ms = 0;  // wall time of the last change of state
    std::int64_t restarts = 0;
    Milliseconds backoff{0};
    std::deque<SteadyTime> exits;  // of the crash loop's window, at most crash_loop_exits
    std::optional<Exit> last_exit;
    bool crash_loop_reported = false;
    bool killed = false;
  };

  void launch(Entry& entry);
  void restart_later(Entry& entry);
  void enter(Entry& entry, State state);
  void drain_next();
  void kill(Entry& entry);
  bool awaited(const Entry& entry) const;

  Options options_;
  Launcher& launcher_;
  const Clock& clock_;
  Report report_;
  std::vector<Entry> entries_;
  bool draining_ = false;
};

}  // namespace watchdog
