// Calls one RPC method of a running stack and prints the reply, or the error with status 1:
// rpc-call RUN_DIRECTORY SERVICE METHOD BODY

#include <fmt/format.h>

#include "base/clock.h"
#include "messaging/node.h"

int main(int argc, char** argv) {
  if (argc != 5) {
    fmt::print(stderr, "usage: rpc-call RUN_DIRECTORY SERVICE METHOD BODY\n");
    return 2;
  }
  const auto node = messaging::Node::open({.service = "caller", .run_dir = argv[1]});
  if (!node) {
    fmt::print(stderr, "{}\n", node.error().message);
    return 1;
  }
  const auto reply = node.value()->call_and_wait(
      argv[2], argv[3], argv[4],
      {.deadline = SystemClock::instance().now() + Milliseconds(10'000)});
  node.value()->stop();
  if (!reply) {
    fmt::print(stderr, "{}: {}\n", name(reply.error().code), reply.error().message);
    return 1;
  }
  fmt::print("{}\n", reply.value());
  return 0;
}
