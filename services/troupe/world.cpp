#include "troupe/world.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "base/utf8.h"
#include "net/net.h"

namespace troupe {
namespace {

constexpr Milliseconds kFetchTimeout{3'000};
constexpr Milliseconds kRunTimeout{10'000};
constexpr std::size_t kBytesMax = 1024 * 1024;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }
  void close() {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }

 private:
  int number_;
};

int left_ms(SteadyTime deadline) {
  const double left = elapsed_ms(SystemClock::instance().now(), deadline);
  return static_cast<int>(std::clamp(left, 0.0, 60'000.0));
}

Error failed(const std::string& what) {
  return Error{Code::Unavailable, fmt::format("{}: {}", what, ::strerror(errno))};
}

// --- programs -----------------------------------------------------------------------------------

// Reads both until both end; false when the time is over.
bool gather(Descriptor& output, Descriptor& error, Ran& ran, SteadyTime deadline) {
  std::array<char, 4096> piece{};
  while (output.number() >= 0 || error.number() >= 0) {
    std::array<pollfd, 2> polled{{{output.number(), POLLIN, 0}, {error.number(), POLLIN, 0}}};
    const int ready = ::poll(polled.data(), polled.size(), left_ms(deadline));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const auto take = [&](const pollfd& one, Descriptor& from, std::string& text) {
      if (one.revents == 0) return;
      const auto count = ::read(from.number(), piece.data(), piece.size());
      if (count <= 0) return from.close();
      const auto bytes = static_cast<std::size_t>(count);
      text.append(piece.data(), std::min(bytes, kBytesMax - std::min(kBytesMax, text.size())));
    };
    take(polled[0], output, ran.output);
    take(polled[1], error, ran.error);
  }
  return true;
}

// --- redis --------------------------------------------------------------------------------------

struct RedisAddress {
  std::string socket;  // path, or empty
  std::string host;
  std::string port = "6379";
  std::string password;
};

Result<RedisAddress> parse_redis(std::string_view url) {
  RedisAddress address;
  if (url.starts_with("unix://")) {
    address.socket = url.substr(7);
    return address;
  }
  if (!url.starts_with("redis://")) {
    return Error{Code::InvalidArgument, "it is neither redis://host:port nor unix:///path"};
  }
  url.remove_prefix(8);
  if (const auto at = url.rfind('@'); at != url.npos) {
    const auto who = url.substr(0, at);
    address.password = who.substr(std::min(who.size(), who.find(':') + 1));
    url.remove_prefix(at + 1);
  }
  url = url.substr(0, url.find('/'));
  if (const auto colon = url.rfind(':'); colon != url.npos) {
    address.port = url.substr(colon + 1);
    url = url.substr(0, colon);
  }
  address.host = url;
  if (address.host.empty()) return Error{Code::InvalidArgument, "it names no host"};
  return address;
}

Result<int> connected(int fd, const sockaddr* where, socklen_t bytes, SteadyTime deadline) {
  auto socket = std::make_unique<Descriptor>(fd);
  if (fd < 0) return failed("no socket");
  ::fcntl(fd, F_SETFL, O_NONBLOCK);
  if (::connect(fd, where, bytes) != 0) {
    if (errno != EINPROGRESS) return failed("cannot connect");
    pollfd waited{fd, POLLOUT, 0};
    if (::poll(&waited, 1, left_ms(deadline)) <= 0) {
      return Error{Code::DeadlineExceeded, "cannot connect in time"};
    }
    int problem = 0;
    socklen_t size = sizeof problem;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size);
    errno = problem;
    if (problem != 0) return failed("cannot connect");
  }
  const int kept = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (kept < 0) return failed("no socket");
  return kept;
}

Result<int> connect_redis(const RedisAddress& address, SteadyTime deadline) {
  if (!address.socket.empty()) {
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    if (address.socket.size() >= sizeof where.sun_path) {
      return Error{Code::InvalidArgument, "the socket's path is too long"};
    }
    std::copy(address.socket.begin(), address.socket.end(), where.sun_path);
    return connected(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
                     reinterpret_cast<const sockaddr*>(&where), sizeof where, deadline);
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int problem = ::getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &found);
  if (problem != 0) return Error{Code::Unavailable, ::gai_strerror(problem)};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, ::freeaddrinfo);
  return connected(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), found->ai_addr,
                   found->ai_addrlen, deadline);
}

// The first line of the answer to one command.
Result<std::string> redis_says(int fd, const std::vector<std::string>& words, SteadyTime deadline) {
  std::string command = fmt::format("*{}\r\n", words.size());
  for (const auto& word : words) command += fmt::format("${}\r\n{}\r\n", word.size(), word);
  if (::send(fd, command.data(), command.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(command.size())) {
    return failed("cannot send");
  }
  std::string line;
  while (line.size() < 200 && line.find('\n') == line.npos) {
    pollfd waited{fd, POLLIN, 0};
    if (::poll(&waited, 1, left_ms(deadline)) <= 0) {
      return Error{Code::DeadlineExceeded, "it does not answer"};
    }
    std::array<char, 200> piece{};
    const auto count = ::recv(fd, piece.data(), piece.size(), 0);
    if (count <= 0) return Error{Code::Unavailable, "it closed the connection"};
    line.append(piece.data(), static_cast<std::size_t>(count));
  }
  line.resize(std::min(line.size(), line.find('\n')));
  if (trimmed(line).empty()) return Error{Code::Unavailable, "it does not speak as Redis does"};
  return utf8_repaired(trimmed(line));
}

}  // namespace

Ran run_program(const std::vector<std::string>& argv, Milliseconds timeout) {
  std::array<int, 2> out{-1, -1};
  std::array<int, 2> err{-1, -1};
  if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(err.data(), O_CLOEXEC) != 0) {
    return {127, {}, ::strerror(errno)};
  }
  Descriptor output(out[0]);
  Descriptor output_end(out[1]);
  Descriptor error(err[0]);
  Descriptor error_end(err[1]);
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&files, output_end.number(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, error_end.number(), STDERR_FILENO);
  std::vector<std::string> texts = argv;
  std::vector<char*> pointers;
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  pid_t pid = 0;
  const int problem =
      ::posix_spawn(&pid, pointers.front(), &files, nullptr, pointers.data(), ::environ);
  ::posix_spawn_file_actions_destroy(&files);
  if (problem != 0) return {127, {}, ::strerror(problem)};
  output_end.close();
  error_end.close();
  Ran ran;
  if (!gather(output, error, ran, SystemClock::instance().now() + timeout)) {
    ::kill(pid, SIGKILL);
    ran.error += fmt::format("no end within {} ms", timeout.count());
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

Result<std::string> ping_redis(const std::string& url, Milliseconds timeout) {
  const auto address = TRY(parse_redis(url));
  const SteadyTime deadline = SystemClock::instance().now() + timeout;
  const Descriptor socket(TRY(connect_redis(address, deadline)));
  std::vector<std::vector<std::string>> commands = {{"PING"}};
  if (!address.password.empty()) commands.insert(commands.begin(), {"AUTH", address.password});
  Result<std::string> answer = std::string();
  for (const auto& command : commands) {
    answer = redis_says(socket.number(), command, deadline);
    if (!answer) return answer;
    if (answer.value().front() != '+') return Error{Code::Unavailable, answer.value()};
  }
  answer.value().erase(0, 1);
  return answer;
}

World real_world() {
  struct Web {
    net::Loop loop;
    net::Client client{loop, {}};
  };
  World world;
  world.fetch = [web = std::make_shared<Web>()](const std::string& url) -> Result<std::string> {
    net::ClientRequest request;
    request.url = url;
    request.connect_timeout = kFetchTimeout;
    request.first_byte_timeout = kFetchTimeout;
    request.idle_timeout = kFetchTimeout;
    request.total_timeout = kFetchTimeout;
    auto response = TRY(web->client.fetch(std::move(request)));
    if (response.status < 400) return std::move(response.body);
    return Error{Code::Unavailable, fmt::format("{} answers {}", url, response.status)};
  };
  world.run = [](const std::vector<std::string>& argv) { return run_program(argv, kRunTimeout); };
  world.variable = [](const std::string& name) -> std::string {
    const char* const value = std::getenv(name.c_str());
    return value == nullptr ? "" : value;
  };
  return world;
}

Result<json::Document> fetch_json(const World& world, const std::string& url) {
  const std::string body = TRY(world.fetch(url));
  return json::Document::parse(body);
}

}  // namespace troupe
