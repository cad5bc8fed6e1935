#include "gateway_servers.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string_view>
#include <utility>

#include "messaging/discovery.h"

namespace bench {
namespace {

namespace fs = std::filesystem;

constexpr int kStartLimitMs = 15'000;
constexpr int kPaceMs = 1;  // between the tokens of a paced stream

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// A listening socket on a free port.
int listener(std::uint16_t& port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (bind(socket, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      listen(socket, 4096) != 0) {
    return -1;
  }
  getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  port = ntohs(address.sin_port);
  return socket;
}

std::uint16_t free_port() {
  std::uint16_t port = 0;
  close(listener(port));
  return port;
}

bool listens(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = loopback(port);
  const bool connected =
      connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(socket);
  return connected;
}

// --- the model server ---------------------------------------------------------------------------

std::string whole_answer() {
  const std::string body =
      R"({"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"mock-model",)"
      R"("choices":[{"index":0,"message":{"role":"assistant","content":")" +
      std::string(380, 'a') +
      R"("},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":190,)"
      R"("completion_tokens":95,"total_tokens":285}})";
  return fmt::format(
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
      body.size(), body);
}

std::string chunk(const std::string& data) {
  const std::string event = "data: " + data + "\n\n";
  return fmt::format("{:x}\r\n{}\r\n", event.size(), event);
}

std::vector<std::string> streamed_answer(int chunks) {
  const auto event = [](std::string_view delta, std::string_view finish, std::string_view more) {
    return chunk(fmt::format(
        R"({{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,)"
        R"("model":"mock-model","choices":[{{"index":0,"delta":{{{}}},"finish_reason":{}}}]{}}})",
        delta, finish, more));
  };
  std::vector<std::string> pieces;
  pieces.push_back(
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" +
      event(R"("role":"assistant","content":"")", "null", ""));
  for (int i = 2; i < chunks; ++i) pieces.push_back(event(R"("content":"word ")", "null", ""));
  pieces.push_back(
      event("", R"("stop")", "") +
      chunk(R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,)"
            R"("model":"mock-model","choices":[],"usage":{"prompt_tokens":190,)"
            R"("completion_tokens":95,"total_tokens":285}})") +
      chunk("[DONE]") + "0\r\n\r\n");
  return pieces;
}

struct Asked {
  std::string received;
};

// Answers each whole request in `asked`; false when the connection is to be closed.
bool answer_requests(int socket, Asked& asked, const std::string& whole,
                     const std::vector<std::string>& stream) {
  static int flaky = 0;  // every third of those that ask for it fails
  for (;;) {
    const auto end = asked.received.find("\r\n\r\n");
    if (end == std::string::npos) return true;
    std::size_t length = 0;
    for (const char* name : {"Content-Length: ", "content-length: "}) {
      const auto at = asked.received.find(name);
      if (at < end) length = std::strtoul(asked.received.c_str() + at + 16, nullptr, 10);
    }
    if (asked.received.size() < end + 4 + length) return true;
    const std::string_view body = std::string_view(asked.received).substr(end + 4, length);
    if (asked.received.starts_with("GET ")) {
      constexpr std::string_view kModels = R"({"object":"list","data":[{"id":"mock-model"}]})";
      const std::string models = fmt::format(
          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
          kModels.size(), kModels);
      send(socket, models.data(), models.size(), MSG_NOSIGNAL);
    } else if (body.find(R"("stream":true)") != body.npos) {
      const bool held = body.find(R"("held":true)") != body.npos;
      const bool paced = body.find(R"("paced":true)") != body.npos;
      for (const std::string& piece : stream) {
        if (held && &piece != &stream.front() && &piece != &stream.at(1)) break;
        if (paced && &piece > &stream.at(1)) poll(nullptr, 0, kPaceMs);
        if (send(socket, piece.data(), piece.size(), MSG_NOSIGNAL) < 0) return false;
      }
    } else if (body.find(R"("flaky":true)") != body.npos && ++flaky % 3 == 2) {
      constexpr std::string_view kBroken =
          "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\n{}";
      send(socket, kBroken.data(), kBroken.size(), MSG_NOSIGNAL);
    } else if (send(socket, whole.data(), whole.size(), MSG_NOSIGNAL) < 0) {
      return false;
    }
    asked.received.erase(0, end + 4 + length);
  }
}

[[noreturn]] void serve_model(int door, int chunks) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const std::string whole = whole_answer();
  const auto stream = streamed_answer(chunks);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{.events = EPOLLIN, .data = {.fd = door}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, door, &event);
  std::map<int, Asked> connections;
  std::array<epoll_event, 64> events;
  std::array<char, 64 * 1024> piece;
  for (;;) {
    const int ready = epoll_wait(epoll, events.data(), events.size(), -1);
    for (int i = 0; i < ready; ++i) {
      const int socket = events.at(static_cast<std::size_t>(i)).data.fd;
      if (socket == door) {
        const int fresh = accept4(door, nullptr, nullptr, SOCK_CLOEXEC);
        const int on = 1;
        setsockopt(fresh, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        event = {.events = EPOLLIN, .data = {.fd = fresh}};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fresh, &event);
        continue;
      }
      const auto got = recv(socket, piece.data(), piece.size(), 0);
      Asked& asked = connections[socket];
      if (got > 0) asked.received.append(piece.data(), static_cast<std::size_t>(got));
      if (got <= 0 || !answer_requests(socket, asked, whole, stream)) {
        connections.erase(socket);
        close(socket);
      }
    }
  }
}

// --- processes ----------------------------------------------------------------------------------

std::string in_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  // Debian keeps it where only root's PATH leads.
  std::istringstream folders(std::string(path != nullptr ? path : "") + ":/usr/sbin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string candidate = folder + "/" + program;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void replace(std::string& text, std::string_view what, const std::string& with) {
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

Result<std::string> make_directory() {
  std::string directory = "/tmp/troupe-bench-XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) return Error{Code::Internal, "no directory"};
  return directory;
}

pid_t child_of(pid_t parent) {
  std::istringstream children(read_file(fmt::format("/proc/{0}/task/{0}/children", parent)));
  pid_t child = -1;
  children >> child;
  return child;
}

double cpu_of(pid_t pid) {
  clockid_t clock{};
  timespec used{};
  if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) {
    return 0;
  }
  return static_cast<double>(used.tv_sec) * 1e6 + static_cast<double>(used.tv_nsec) / 1e3;
}

long pss_of(pid_t pid) {
  std::istringstream lines(read_file(fmt::format("/proc/{}/smaps_rollup", pid)));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("Pss:")) return std::strtol(line.c_str() + 4, nullptr, 10);
  }
  return 0;
}

}  // namespace

Result<GatewayServer> GatewayServer::start_model(int chunks) {
  GatewayServer server;
  const int door = listener(server.port_);
  if (door < 0) return Error{Code::Unavailable, "no port for the model server"};
  server.pid_ = fork();
  if (server.pid_ == 0) serve_model(door, chunks);
  close(door);
  return server;
}

Result<GatewayServer> GatewayServer::start_nginx(std::uint16_t upstream) {
  const std::string program = in_path("nginx");
  if (program.empty()) return Error{Code::NotFound, "no nginx in PATH"};
  GatewayServer server;
  server.directory_ = TRY(make_directory());
  server.port_ = free_port();
  std::string config = read_file(TROUPE_NGINX_CONF);
  replace(config, "DIRECTORY", server.directory_);
  replace(config, "UPSTREAM", std::to_string(upstream));
  replace(config, "PORT", std::to_string(server.port_));
  // Started by root, the worker is another user.
  if (geteuid() == 0) config = "user root;\n" + config;
  const std::string path = server.directory_ + "/nginx.conf";
  std::ofstream(path) << config;
  server.pid_ = fork();
  if (server.pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    execl(program.c_str(), "nginx", "-e", "stderr", "-p", server.directory_.c_str(), "-c",
          path.c_str(), nullptr);
    _exit(127);
  }
  for (int waited_ms = 0; waited_ms < kStartLimitMs; waited_ms += 10) {
    server.worker_ = child_of(server.pid_);
    if (server.worker_ > 0 && listens(server.port_)) return server;
    poll(nullptr, 0, 10);
  }
  return Error{Code::Unavailable, "nginx does not start"};
}

Result<GatewayServer> GatewayServer::start_ours(std::uint16_t upstream,
                                                const std::string& settings) {
  GatewayServer server;
  server.directory_ = TRY(make_directory());
  const std::string config = server.directory_ + "/config.json";
  std::ofstream(config) << fmt::format(
      R"({{"llm":{{"port":0,"log_level":"error","providers":[{{"name":"mock","kind":"openai",)"
      R"("url":"http://127.0.0.1:{0}/v1","models":["mock-model"],"concurrency":1000}},)"
      R"({{"name":"spare","kind":"openai","url":"http://127.0.0.1:{0}/v1",)"
      R"("models":["mock-model"],"concurrency":1000}}],)"
      R"("chain":["mock","spare","understudy"]{1}}}}})",
      upstream, settings);
  const fs::path self = fs::read_symlink("/proc/self/exe");
  const std::string program = (self.parent_path().parent_path() / "bin/troupe-llm").string();
  const std::string data = server.directory_ + "/data";
  const std::string run = server.directory_ + "/run";
  server.pid_ = fork();
  if (server.pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execl(program.c_str(), "troupe-llm", "--config", config.c_str(), "--data", data.c_str(),
          "--run", run.c_str(), nullptr);
    _exit(127);
  }
  for (int waited_ms = 0; waited_ms < kStartLimitMs; waited_ms += 10) {
    for (const auto& instance : messaging::instances(run)) {
      if (instance.service != "llm" || instance.http.empty()) continue;
      server.port_ =
          static_cast<std::uint16_t>(std::stoi(instance.http.substr(instance.http.rfind(':') + 1)));
      return server;
    }
    poll(nullptr, 0, 10);
  }
  return Error{Code::Unavailable, program + " does not start"};
}

GatewayServer::GatewayServer(GatewayServer&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      worker_(other.worker_),
      port_(other.port_),
      directory_(std::exchange(other.directory_, {})) {}

GatewayServer::~GatewayServer() {
  if (pid_ > 0) {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  if (!directory_.empty()) fs::remove_all(directory_, ignored);
}

double GatewayServer::cpu_us() const { return cpu_of(worker_ > 0 ? worker_ : pid_); }

long GatewayServer::pss_kib() const { return pss_of(worker_ > 0 ? worker_ : pid_); }

}  // namespace bench
