#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "watchdog/program.h"

namespace watchdog {

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor();

  int number() const { return number_; }

 private:
  int number_;
};

// A child process: its pid, a descriptor that turns readable when it ends, and one for all that it
// writes to stdout and stderr.
//
// A child reads /dev/null, inherits no other descriptor and no blocked or ignored signal, and has a
// process group of its own, so that Ctrl-C in the terminal reaches the watchdog alone. It gets
// SIGTERM when the *thread* that launched it ends (prctl(2), PR_SET_PDEATHSIG): launch from one
// that lives as long as the watchdog. Not thread-safe.
class Process {
 public:
  static std::variant<Process, Exit> launch(const Program& program);
  // Kills the child when nobody reaped it, so that no child outlives its owner.
  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;

  pid_t pid() const { return pid_; }
  int end_fd() const { return end_.number(); }
  int output_fd() const { return output_.number(); }

  // SIGKILL goes to the whole process group, every other signal to the process.
  void signal(int signal);
  // How it ended, when it has; never waits. What it left behind in its process group is killed.
  std::optional<Exit> reap();
  // Leaves a child alone that no signal ends, instead of waiting for it.
  void abandon() { pid_ = 0; }
  // What it wrote, up to the size of `buffer`; empty when there is nothing now. Never waits.
  std::string_view read(std::string& buffer);
  // Whether all holders of the other end of the output have closed it.
  bool output_ended() const { return output_.number() < 0; }

 private:
  Process(pid_t pid, Descriptor end, Descriptor output);

  pid_t pid_;
  Descriptor end_;
  Descriptor output_;
};

}  // namespace watchdog
