// One RPC between two processes over ipc://: round trip of a 1 KB body as a blocking caller and as
// a service on its loop sees it, and calls per second with many in flight. The server answers on
// its node's thread, so this is the messaging library alone. Beside it, in the same run, the round
// trip of bare ZeroMQ sockets with the same frames: nothing on top of them can be faster.
//
//   bench/rpc [--calls N] [--in-flight N]
//
// Prints one JSON object.

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <future>
#include <vector>
#include <zmq.hpp>

#include "messaging/node.h"
#include "stack.h"

namespace {

const SystemClock& clock() { return SystemClock::instance(); }

// The other process: answers every body with itself until it is told to end.
int serve(const std::string& run_dir) {
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigprocmask(SIG_BLOCK, &ending, nullptr);
  const auto node = messaging::Node::open({.service = "echo", .run_dir = run_dir}).value();
  node->serve("echo",
              [](const std::shared_ptr<messaging::Incoming>& call) { call->reply(call->body()); });
  if (!node->bind("")) return 1;
  int got = 0;
  sigwait(&ending, &got);
  return 0;
}

messaging::CallOptions soon() { return {.deadline = clock().now() + Milliseconds(5000)}; }

std::vector<double> round_trips_us(messaging::Node& node, const std::string& body, int calls) {
  std::vector<double> samples;
  for (int i = 0; i < calls; ++i) {
    const SteadyTime began = clock().now();
    if (!node.call_and_wait("echo", "echo", body, soon())) continue;
    samples.push_back(elapsed_ms(began, clock().now()) * 1000);
  }
  return samples;
}

// As a service on the loop calls: the answer's callback makes the next call.
std::vector<double> loop_round_trips_us(messaging::Node& node, const std::string& body, int calls) {
  std::vector<double> samples;
  std::promise<void> all;
  SteadyTime began;
  std::function<void()> next = [&] {
    began = clock().now();
    node.call("echo", "echo", body, soon(), [&](const Result<std::string>& reply) {
      if (reply) samples.push_back(elapsed_ms(began, clock().now()) * 1000);
      if (--calls > 0) return next();
      all.set_value();
    });
  };
  node.post(next);
  all.get_future().wait();
  return samples;
}

double calls_per_second(messaging::Node& node, const std::string& body, int in_flight, int calls) {
  std::promise<void> all;
  std::atomic<int> left = calls;
  std::atomic<int> to_send = calls - in_flight;
  std::function<void()> next = [&] {
    node.call("echo", "echo", body, soon(), [&](const Result<std::string>&) {
      if (to_send.fetch_sub(1) > 0) next();
      if (--left == 0) all.set_value();
    });
  };
  const SteadyTime began = clock().now();
  for (int i = 0; i < in_flight; ++i) next();
  all.get_future().wait();
  return calls / (elapsed_ms(began, clock().now()) / 1000);
}

// Two processes, a DEALER and a ROUTER; no thread but ZeroMQ's own.
std::vector<double> bare_round_trips_us(const std::string& directory, const std::string& body,
                                        int calls) {
  const std::string address = "ipc://" + directory + "/bare";
  const pid_t server = fork();
  if (server == 0) {
    zmq::context_t context;
    zmq::socket_t socket(context, zmq::socket_type::router);
    socket.bind(address);
    while (true) {
      zmq::message_t part;
      if (!socket.recv(part)) _exit(1);
      const bool more = socket.get(zmq::sockopt::rcvmore) != 0;
      socket.send(part, more ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
  }
  zmq::context_t context;
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  socket.connect(address);
  const std::string envelope(150, 'e');
  std::vector<double> samples;
  for (int i = 0; i < calls; ++i) {
    const SteadyTime began = clock().now();
    socket.send(zmq::buffer(envelope), zmq::send_flags::sndmore);
    socket.send(zmq::buffer(body), zmq::send_flags::none);
    zmq::message_t part;
    while (socket.recv(part) && socket.get(zmq::sockopt::rcvmore) != 0) {
    }
    samples.push_back(elapsed_ms(began, clock().now()) * 1000);
  }
  kill(server, SIGKILL);
  waitpid(server, nullptr, 0);
  return samples;
}

}  // namespace

int main(int argc, char** argv) {
  int calls = 5000;
  int in_flight = 128;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--calls") == 0) calls = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--in-flight") == 0) in_flight = std::atoi(argv[i + 1]);
  }
  std::string directory = "/tmp/troupe-bench-XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) return 1;
  const pid_t server = fork();
  if (server == 0) return serve(directory);
  {
    const auto node = messaging::Node::open({.service = "asker", .run_dir = directory}).value();
    const std::string body = "{\"text\":\"" + std::string(1000, 'x') + "\"}";
    round_trips_us(*node, body, 200);
    const auto samples = round_trips_us(*node, body, calls);
    const auto on_loop = loop_round_trips_us(*node, body, calls);
    const double rate = calls_per_second(*node, body, in_flight, calls * 4);
    const auto bare = bare_round_trips_us(directory, body, calls);
    fmt::print(
        "{{\"p50_us\":{:.0f},\"p99_us\":{:.0f},\"loop_p50_us\":{:.0f},\"loop_p99_us\":{:.0f},",
        bench::quantile(samples, 0.5), bench::quantile(samples, 0.99),
        bench::quantile(on_loop, 0.5), bench::quantile(on_loop, 0.99));
    fmt::print("\"bare_zmq_p50_us\":{:.0f},\"in_flight\":{},\"calls_per_s\":{:.0f}}}\n",
               bench::quantile(bare, 0.5), in_flight, rate);
  }
  kill(server, SIGTERM);
  waitpid(server, nullptr, 0);
  std::filesystem::remove_all(directory);
  return 0;
}
