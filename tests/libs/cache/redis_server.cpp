#include "libs/cache/redis_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <mutex>
#include <stdexcept>

#include "cache/redis_connection.h"

namespace cache::testing {
namespace {

// Reads what the server logs until it says that it is ready.
void await_ready(int output) {
  std::string log;
  std::array<char, 4096> buffer{};
  pollfd ready{output, POLLIN, 0};
  while (log.find("eady to accept connections") == std::string::npos) {
    const int count = poll(&ready, 1, static_cast<int>(kPatience.count()));
    const ssize_t size = count == 1 ? read(output, buffer.data(), buffer.size()) : 0;
    if (size <= 0) throw std::runtime_error("redis-server does not start: " + log);
    log.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace

bool eventually(const std::function<bool()>& condition) {
  std::mutex mutex;
  std::condition_variable never;
  const SteadyTime deadline = SystemClock::instance().now() + kPatience;
  while (!condition()) {
    if (SystemClock::instance().now() > deadline) return false;
    std::unique_lock lock(mutex);
    never.wait_for(lock, Milliseconds(5));
  }
  return true;
}

RedisServer::RedisServer(std::vector<std::string> arguments) : arguments_(std::move(arguments)) {
  start();
}

RedisServer::~RedisServer() {
  if (pid_ > 0) kill_now();
}

void RedisServer::start() {
  std::vector<std::string> words{"redis-server", "--port", "0",        "--unixsocket",
                                 address().path, "--save", "",         "--appendonly",
                                 "no",           "--dir",  dir_.path()};
  words.insert(words.end(), arguments_.begin(), arguments_.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("no process");
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    execvp(pointers.front(), pointers.data());
    _exit(2);
  }
  close(ends[1]);
  output_ = ends[0];
  await_ready(output_);
}

void RedisServer::kill_now() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
  close(output_);
}

void RedisServer::freeze() {
  kill(pid_, SIGSTOP);
  int status = 0;
  waitpid(pid_, &status, WUNTRACED);
}

void RedisServer::thaw() { kill(pid_, SIGCONT); }

RedisAddress RedisServer::address() const {
  RedisAddress address;
  address.path = dir_.file("redis.sock");
  return address;
}

std::string RedisServer::ask(const std::vector<std::string>& words) const {
  const auto connection = RedisConnection::open(address(), kPatience).value();
  const auto reply = connection->exchange({{words.begin(), words.end()}}, kPatience).value().at(0);
  switch (reply.kind) {
    case RedisConnection::Reply::Kind::Text:
    case RedisConnection::Reply::Kind::Refused:
      return reply.text;
    case RedisConnection::Reply::Kind::Number:
      return std::to_string(reply.number);
    case RedisConnection::Reply::Kind::Nil:
      break;
  }
  return "(nil)";
}

long RedisServer::info(const std::string& name) const {
  const std::string all = ask({"INFO", "everything"});
  const std::size_t at = all.find("\n" + name + ":");
  if (at == std::string::npos) throw std::runtime_error("INFO has no " + name);
  return std::stol(all.substr(at + name.size() + 2));
}

FakeServer::FakeServer(Answer answer) : answer_(std::move(answer)) {
  listener_ = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const plain = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, plain, size) != 0 || listen(listener_, 16) != 0 ||
      getsockname(listener_, plain, &size) != 0) {
    throw std::runtime_error("no port");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
}

FakeServer::~FakeServer() {
  thread_.request_stop();
  thread_.join();
  close(listener_);
}

RedisAddress FakeServer::address() const {
  RedisAddress address;
  address.host = "127.0.0.1";
  address.port = port_;
  return address;
}

void FakeServer::serve(const std::stop_token& stop) {
  constexpr int kLookMs = 5;  // how often the end is looked for
  std::array<char, 65536> buffer{};
  std::vector<pollfd> sockets{{listener_, POLLIN, 0}};
  while (!stop.stop_requested()) {
    if (poll(sockets.data(), sockets.size(), kLookMs) <= 0) continue;
    for (std::size_t i = sockets.size(); i-- > 1;) {
      if (sockets[i].revents == 0) continue;
      const ssize_t size = read(sockets[i].fd, buffer.data(), buffer.size());
      const std::string reply =
          size > 0 ? answer_({buffer.data(), static_cast<std::size_t>(size)}) : "";
      if (size > 0 && send(sockets[i].fd, reply.data(), reply.size(), MSG_NOSIGNAL) >= 0) continue;
      close(sockets[i].fd);
      sockets.erase(sockets.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (sockets.front().revents == 0) continue;
    sockets.push_back({accept(listener_, nullptr, nullptr), POLLIN, 0});
    ++connections_;
  }
  for (std::size_t i = 1; i < sockets.size(); ++i) close(sockets[i].fd);
}

}  // namespace cache::testing
