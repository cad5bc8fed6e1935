#include "net_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include "net/net.h"

namespace bench {
namespace {

constexpr std::string_view kBody = "hello\n";
constexpr int kStartLimitMs = 10'000;

// In the child: ends with its parent, and serves until then.
[[noreturn]] void serve_ours(int port_pipe, std::size_t connections) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  net::Loop loop;
  http::ServerOptions options;
  options.limits.connections = connections;
  options.limits.idle_timeout = Milliseconds(3'600'000);
  const auto door =
      net::listen(loop, options, [](http::Request, std::shared_ptr<http::Reply> reply) {
        reply->respond(http::Response::text(std::string(kBody)));
      });
  if (!door) _exit(1);
  const std::uint16_t port = door.value()->port();
  if (write(port_pipe, &port, sizeof port) != sizeof port) _exit(1);
  for (;;) pause();
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

std::uint16_t free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  bind(socket, reinterpret_cast<const sockaddr*>(&address), size);
  getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  close(socket);
  return ntohs(address.sin_port);
}

bool listens(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = loopback(port);
  const bool connected =
      connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(socket);
  return connected;
}

std::optional<std::string> in_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  // Debian keeps it where only root's PATH leads.
  std::string folders = std::string(path != nullptr ? path : "") + ":/usr/sbin";
  while (!folders.empty()) {
    const std::string folder = folders.substr(0, folders.find(':'));
    folders.erase(0, folder.size() + 1);
    const std::string candidate = folder + "/" + program;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return std::nullopt;
}

// As lean as nginx is: no logs, no limit on a connection's requests.
std::string nginx_config(const std::string& directory, std::uint16_t port) {
  std::string temporary_folders;
  for (const std::string_view name : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    temporary_folders += fmt::format("  {}_temp_path {}/{};\n", name, directory, name);
  }
  return fmt::format(
      "daemon off;\nmaster_process off;\npid {0}/pid;\nerror_log stderr crit;\n"
      "events {{ worker_connections 1024; use epoll; }}\n"
      "http {{\n  access_log off;\n  keepalive_requests 1000000000;\n  keepalive_timeout 3600s;\n"
      "  tcp_nodelay on;\n{1}"
      "  server {{ listen 127.0.0.1:{2}; default_type text/plain; return 200 \"hello\\n\"; "
      "}}\n}}\n",
      directory, temporary_folders, port);
}

}  // namespace

Result<ServerProcess> ServerProcess::start_ours(std::size_t connections) {
  std::array<int, 2> port_pipe{};
  if (pipe2(port_pipe.data(), O_CLOEXEC) != 0) return Error{Code::Internal, "no pipe"};
  ServerProcess server;
  server.pid_ = fork();
  if (server.pid_ == 0) serve_ours(port_pipe[1], connections);
  close(port_pipe[1]);
  const auto got = read(port_pipe[0], &server.port_, sizeof server.port_);
  close(port_pipe[0]);
  if (got != sizeof server.port_) return Error{Code::Unavailable, "our server does not start"};
  return server;
}

Result<ServerProcess> ServerProcess::start_nginx() {
  const auto program = in_path("nginx");
  if (!program) return Error{Code::NotFound, "no nginx in PATH"};
  ServerProcess server;
  server.directory_ = "/tmp/troupe-bench-XXXXXX";
  if (mkdtemp(server.directory_.data()) == nullptr) return Error{Code::Internal, "no directory"};
  server.port_ = free_port();
  const std::string config = server.directory_ + "/nginx.conf";
  std::ofstream(config) << nginx_config(server.directory_, server.port_);
  server.pid_ = fork();
  if (server.pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execl(program->c_str(), "nginx", "-e", "stderr", "-p", server.directory_.c_str(), "-c",
          config.c_str(), nullptr);
    _exit(127);
  }
  for (int waited_ms = 0; waited_ms < kStartLimitMs; waited_ms += 10) {
    if (listens(server.port_)) return server;
    poll(nullptr, 0, 10);
  }
  return Error{Code::Unavailable, "nginx does not start"};
}

ServerProcess::ServerProcess(ServerProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      port_(other.port_),
      directory_(std::exchange(other.directory_, {})) {}

ServerProcess::~ServerProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (!directory_.empty()) std::filesystem::remove_all(directory_);
}

double ServerProcess::cpu_us() const {
  clockid_t clock{};
  timespec used{};
  if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) * 1e6 + static_cast<double>(used.tv_nsec) / 1e3;
}

long ServerProcess::pss_kib() const {
  std::ifstream file(fmt::format("/proc/{}/smaps_rollup", pid_));
  std::string word;
  long kib = 0;
  while (file >> word) {
    if (word == "Pss:") file >> kib;
  }
  return kib;
}

}  // namespace bench
