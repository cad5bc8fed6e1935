#include "crawler/extractor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "base/line.h"
#include "base/utf8.h"
#include "json/codec.h"
#include "retry/policy.h"

namespace crawler {
namespace {

constexpr std::size_t kOutputBytesMax = 4 * kTextBytesMax;
constexpr std::size_t kReasonBytesMax = 500;
constexpr int kRefused = 3;

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { close(); }
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
};

struct Pipe {
  Fd read;
  Fd write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error{Code::Unavailable, "no pipe"};
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

// The child and our ends of its pipes; ended and reaped when dropped.
struct Child {
  pid_t pid = -1;
  Fd in;
  Fd out;
  Fd err;

  Child() = default;
  Child(Child&& other) noexcept
      : pid(std::exchange(other.pid, -1)),
        in(std::move(other.in)),
        out(std::move(other.out)),
        err(std::move(other.err)) {}
  ~Child() {
    if (pid <= 0) return;
    ::kill(pid, SIGKILL);
    wait();
  }
  int wait() {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    pid = -1;
    return status;
  }
};

Result<Child> start(const std::string& program, std::vector<std::string> arguments) {
  Pipe in = TRY(make_pipe());
  Pipe out = TRY(make_pipe());
  Pipe err = TRY(make_pipe());
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, in.read.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, out.write.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, err.write.get(), STDERR_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &broken_pipe);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::array<char*, 1> environment{nullptr};  // it has no need of our secrets
  Child child;
  const int failed = ::posix_spawn(&child.pid, program.c_str(), &files, &attributes, argv.data(),
                                   environment.data());
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) {
    child.pid = -1;
    return Error{Code::Unavailable, fmt::format("{} cannot be started", program)};
  }
  child.in = std::move(in.write);
  child.out = std::move(out.read);
  child.err = std::move(err.read);
  ::fcntl(child.in.get(), F_SETFL, O_NONBLOCK);
  return child;
}

// Reads what there is; false at the end, or when it is more than `bytes_max`.
bool take(Fd& from, std::string& into, std::size_t bytes_max) {
  std::array<char, 65536> piece{};
  const ssize_t got = ::read(from.get(), piece.data(), piece.size());
  if (got > 0) into.append(piece.data(), static_cast<std::size_t>(got));
  return got > 0 && into.size() <= bytes_max;
}

struct Said {
  std::string out;
  std::string err;
};

// Feeds the child and hears it out, until both of its ends are closed.
Result<Said> converse(Child& child, std::string_view bytes, Milliseconds timeout) {
  const SteadyTime end = SystemClock::instance().now() + timeout;
  Said said;
  while (child.out.open() || child.err.open()) {
    std::array<pollfd, 3> ends{
        {{child.in.get(), POLLOUT, 0}, {child.out.get(), POLLIN, 0}, {child.err.get(), POLLIN, 0}}};
    const auto left = retry::remaining(SystemClock::instance().now(), end);
    if (left.count() == 0) return Error{Code::DeadlineExceeded, "reading it takes too long"};
    if (::poll(ends.data(), ends.size(), static_cast<int>(left.count())) < 0 && errno != EINTR) {
      return Error{Code::Unavailable, "cannot wait for the reader"};
    }
    if (child.in.open() && ends[0].revents != 0) {
      const ssize_t sent = ::write(child.in.get(), bytes.data(), bytes.size());
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
      if ((sent < 0 && errno != EAGAIN) || bytes.empty()) child.in.close();
    }
    if (ends[1].revents != 0 && !take(child.out, said.out, kOutputBytesMax)) child.out.close();
    if (ends[2].revents != 0 && !take(child.err, said.err, kReasonBytesMax)) child.err.close();
  }
  return said;
}

}  // namespace

Extractor::Extractor(Options options) : options_(std::move(options)), free_(options_.processes) {}

Result<Extracted> Extractor::read(Format format, std::string_view bytes, const std::string& charset,
                                  std::string_view name) {
  Extracted extracted;
  switch (format) {
    case Format::Markdown:
    case Format::Plain:
      extracted = TRY(read_text(format, bytes, name));
      break;
    case Format::Html:
      extracted = TRY(run("html", bytes, charset));
      break;
    case Format::Pdf:
      extracted = TRY(run("pdf", bytes, {}));
      break;
  }
  if (trimmed(extracted.title).empty()) {
    extracted.title = utf8_prefix(utf8_repaired(name), 500);
  }
  if (trimmed(extracted.text).empty()) return Error{Code::InvalidArgument, "it has no text"};
  return extracted;
}

Result<Extracted> Extractor::run(const std::string& format, std::string_view bytes,
                                 const std::string& charset) {
  if (!free_.try_acquire_for(options_.timeout)) {
    return Error{Code::Overloaded, "too many files are being read at the same time"};
  }
  struct Release {
    std::counting_semaphore<>& semaphore;
    ~Release() { semaphore.release(); }
  };
  const Release release{free_};
  Child child = TRY(start(options_.program, {format, charset}));
  const Said said = TRY(converse(child, bytes, options_.timeout));
  const int status = child.wait();
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    auto extracted = json::decode<Extracted>(std::string_view(said.out));
    if (extracted) return extracted;
    return Error{Code::Unavailable, "it cannot be read: the reader made nonsense of it"};
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == kRefused) {
    return Error{Code::InvalidArgument, one_line(trimmed(said.err))};
  }
  // 127: the program is not there, which posix_spawn may tell only so.
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
    return Error{Code::Unavailable, fmt::format("{} cannot be started", options_.program)};
  }
  return Error{Code::Unavailable, "it cannot be read: the reader broke down over it"};
}

}  // namespace crawler
