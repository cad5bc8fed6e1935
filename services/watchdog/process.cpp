#include "watchdog/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <map>

namespace watchdog {
namespace {

Exit not_started(int error) { return Exit{Exit::Kind::NotStarted, error}; }

struct Pipe {
  Descriptor read;
  Descriptor write;
};

std::optional<Pipe> open_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

// As a plain system call: glibc 2.36 declares pidfd_open without extern "C".
int open_pidfd(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

// The arrays that execve wants, made before the fork: a child of a process with threads may not
// allocate.
class Image {
 public:
  explicit Image(const Program& program) : argv_text_(program.argv) {
    std::map<std::string, std::string> env;
    for (char** entry = ::environ; *entry != nullptr; ++entry) {
      const std::string_view text(*entry);
      const auto equals = text.find('=');
      if (equals != text.npos) env[std::string(text.substr(0, equals))] = text.substr(equals + 1);
    }
    for (const auto& [name, value] : program.env) env[name] = value;
    for (const auto& [name, value] : env) env_text_.push_back(name + "=" + value);
    argv_ = pointers(argv_text_);
    env_ = pointers(env_text_);
  }
  Image(const Image&) = delete;

  const char* path() const { return argv_[0]; }
  char* const* argv() const { return argv_.data(); }
  char* const* env() const { return env_.data(); }

 private:
  static std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (auto& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
  }

  std::vector<std::string> argv_text_;
  std::vector<std::string> env_text_;
  std::vector<char*> argv_;
  std::vector<char*> env_;
};

void reset_signals() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &standard, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// The child's side of launch(): only what signal-safety(7) allows. Returns never; an error goes
// through `failed` as an errno.
[[noreturn]] void become(const Image& image, pid_t parent, int null, int output, int failed) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  // The parent may have ended before the line above.
  if (::getppid() != parent) ::_exit(127);
  reset_signals();
  if (::dup2(null, STDIN_FILENO) >= 0 && ::dup2(output, STDOUT_FILENO) >= 0 &&
      ::dup2(output, STDERR_FILENO) >= 0) {
    // On a kernel without it, what is ours closes by O_CLOEXEC all the same.
    ::close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC);
    ::execve(image.path(), image.argv(), image.env());
  }
  const int error = errno;
  [[maybe_unused]] const auto written = ::write(failed, &error, sizeof error);
  ::_exit(127);
}

}  // namespace

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

Process::Process(pid_t pid, Descriptor end, Descriptor output)
    : pid_(pid), end_(std::move(end)), output_(std::move(output)) {}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      end_(std::move(other.end_)),
      output_(std::move(other.output_)) {}

Process::~Process() {
  if (pid_ == 0) return;
  signal(SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::variant<Process, Exit> Process::launch(const Program& program) {
  if (program.argv.empty()) return not_started(EINVAL);
  const Image image(program);
  const Descriptor null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  auto output = open_pipe();
  auto failed = open_pipe();
  if (null.number() < 0 || !output || !failed) return not_started(errno);
  ::fcntl(output->read.number(), F_SETFL, O_NONBLOCK);

  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return not_started(errno);
  if (pid == 0) {
    become(image, parent, null.number(), output->write.number(), failed->write.number());
  }
  // Both sides set the group, so that it stands whoever runs first.
  ::setpgid(pid, pid);
  failed->write = Descriptor();
  output->write = Descriptor();
  int error = 0;
  // Ends at once: with the exec, which closes the pipe, or with what became() reports.
  if (::read(failed->read.number(), &error, sizeof error) == sizeof error) {
    ::waitpid(pid, nullptr, 0);
    return not_started(error);
  }
  Process process(pid, Descriptor(open_pidfd(pid)), std::move(output->read));
  if (process.end_fd() < 0) return not_started(errno);
  return process;
}

void Process::signal(int signal) {
  if (pid_ != 0) ::kill(signal == SIGKILL ? -pid_ : pid_, signal);
}

std::optional<Exit> Process::reap() {
  siginfo_t info{};
  const auto id = static_cast<id_t>(pid_);
  if (pid_ == 0 || ::waitid(P_PID, id, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return {};
  if (info.si_pid != pid_) return {};
  // Before the wait that frees its number: nobody else's group can carry it yet.
  ::kill(-pid_, SIGKILL);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = 0;
  if (WIFSIGNALED(status)) return Exit{Exit::Kind::Signal, WTERMSIG(status)};
  return Exit{Exit::Kind::Code, WEXITSTATUS(status)};
}

std::string_view Process::read(std::string& buffer) {
  if (output_ended()) return {};
  const auto count = ::read(output_.number(), buffer.data(), buffer.size());
  if (count > 0) return {buffer.data(), static_cast<std::size_t>(count)};
  if (count == 0 || (errno != EAGAIN && errno != EINTR)) output_ = Descriptor();
  return {};
}

}  // namespace watchdog
