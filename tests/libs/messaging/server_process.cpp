#include "libs/messaging/server_process.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <future>
#include <stdexcept>
#include <vector>

#include "messaging/node.h"

namespace messaging::testing {
namespace {

constexpr int kPatienceMs = 30'000;

void sign() {
  if (write(STDOUT_FILENO, "!", 1) != 1) _exit(3);
}

}  // namespace

ServerProcess::ServerProcess(const std::string& run_dir) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("no process");
  if (pid_ == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    execl("/proc/self/exe", "server", "--serve", run_dir.c_str(), nullptr);
    _exit(2);
  }
  close(ends[1]);
  signs_ = ends[0];
  await_sign();
}

ServerProcess::~ServerProcess() {
  if (pid_ > 0) kill_now();
  close(signs_);
}

void ServerProcess::wait_for_hold() { await_sign(); }

void ServerProcess::kill_now() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void ServerProcess::freeze() const { kill(pid_, SIGSTOP); }

void ServerProcess::go_on() const { kill(pid_, SIGCONT); }

void ServerProcess::await_sign() {
  pollfd ready{signs_, POLLIN, 0};
  char byte = 0;
  if (poll(&ready, 1, kPatienceMs) != 1 || read(signs_, &byte, 1) != 1) {
    throw std::runtime_error("the server process gave no sign");
  }
}

int serve_until_killed(const std::string& run_dir) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  auto node = Node::open({.service = ServerProcess::kService, .run_dir = run_dir}).value();
  std::vector<std::shared_ptr<Incoming>> held;
  node->serve("echo", [](const std::shared_ptr<Incoming>& call) { call->reply(call->body()); });
  node->serve("hold", [&held](const std::shared_ptr<Incoming>& call) {
    held.push_back(call);
    sign();
  });
  std::vector<std::shared_ptr<Incoming>> leaving;
  std::promise<void> end;
  node->serve("farewell", [&](const std::shared_ptr<Incoming>& call) {
    leaving.push_back(call);
    if (leaving.size() < std::stoul(call->body())) return;
    for (const auto& each : leaving) each->reply(std::string("farewell"));
    end.set_value();
  });
  if (!node->bind("")) return 1;
  sign();
  end.get_future().wait();
  return 0;
}

}  // namespace messaging::testing
