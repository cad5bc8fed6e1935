#pragma once

#include <deque>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "contracts/watchdog.h"
#include "retry/policy.h"
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
  enum class Kind { Started, Exited, CrashLoop, Frozen, Draining, Killed, Left };
  Kind kind = Kind::Started;
  std::string program;
  pid_t pid = 0;
  std::string detail{};     // Exited: how; CrashLoop: how often; Frozen, Killed: why
  bool expected = false;    // Exited: it had been asked to
  bool refused = false;     // Exited: it does not start with its settings
  std::string last_line{};  // Exited: the last that it wrote
};

// Decides what runs: starts programs in order, restarts what ends, stops all in reverse.
//
// A program that ends is started again after 100 ms, then 200 ms, up to 5 s; ten seconds of life
// forgive the past. Five ends in 30 s are a crash loop: reported, and restarted at the longest
// interval until it lives. One that refuses its settings is tried after 1 s, 2 s, up to 30 s: they
// may be mended meanwhile. Pure but for its Launcher: whoever owns it tells it of exits and of time
// passing. Not thread-safe.
class Supervisor {
 public:
  static constexpr int kForEver = std::numeric_limits<int>::max();
  struct Options {
    retry::Policy restart{kForEver, Milliseconds(100), 2.0, Milliseconds(5000), false};
    retry::Policy refused{kForEver, Milliseconds(1000), 2.0, Milliseconds(30'000), false};
    Milliseconds forgiven_after{10'000};
    std::size_t crash_loop_exits = 5;
    Milliseconds crash_loop_window{30'000};
    Milliseconds drain_timeout{10'000};  // from SIGTERM to SIGKILL, for each program
    Milliseconds kill_timeout{5000};     // from SIGKILL to giving the process up
  };
  using Report = std::function<void(const Event&)>;

  // `programs` as in_start_order gives them. References must outlive the supervisor.
  Supervisor(Options options, std::vector<Program> programs, Launcher& launcher, const Clock& clock,
             Report report);

  void start();
  // The process `pid` has ended, and wrote `last_line` last; unknown ones are ignored.
  void on_exit(pid_t pid, Exit exit, std::string last_line = {});
  // The process `pid` gives no answer any more: it is killed, and so restarted.
  void on_frozen(pid_t pid, const std::string& detail);
  // Does what is due: restarts, the killing of those that would not stop, and the giving up of
  // those that not even that ends.
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
    int failures = 0;              // in a row, each within forgiven_after
    int refusals = 0;              // in a row
    std::deque<SteadyTime> exits;  // of the crash loop's window, at most crash_loop_exits
    std::optional<Exit> last_exit;
    std::string last_line;
    bool crash_loop_reported = false;
    bool killed = false;
  };

  Entry* find(pid_t pid);
  void launch(Entry& entry);
  void restart_later(Entry& entry);
  // The state to wait in after the end that has just been counted.
  State count_end(Entry& entry, SteadyTime now);
  void enter(Entry& entry, State state);
  void drain_next();
  void kill(Entry& entry, std::string why);
  void give_up(Entry& entry);
  bool awaited(const Entry& entry) const;

  Options options_;
  Launcher& launcher_;
  const Clock& clock_;
  Report report_;
  std::vector<Entry> entries_;
  Random random_{0};  // the policies have no jitter
  bool draining_ = false;
};

}  // namespace watchdog
