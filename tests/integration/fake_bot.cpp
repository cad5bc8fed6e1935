// A character's bot as the router sees it, without a Discord: prints each line that it is asked to
// post, of which it says that it has, and each event that is for bots, as {topic: message}. It ends
// with its standard input.
// fake-bot RUN_DIRECTORY CHARACTER

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "contracts/bot.h"
#include "json/codec.h"
#include "messaging/node.h"

namespace {

// On the node's thread alone.
void show(std::string_view topic, const std::string& body) {
  fmt::print("{{\"{}\":{}}}\n", topic, body);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: fake-bot RUN_DIRECTORY CHARACTER\n");
    return 2;
  }
  const auto node = messaging::Node::open({.service = argv[2], .run_dir = argv[1]});
  if (!node) {
    fmt::print(stderr, "{}\n", node.error().message);
    return 1;
  }
  int posted = 0;
  node.value()->serve("bot.speak", [&](const std::shared_ptr<messaging::Incoming>& call) {
    show("bot.speak", call->body());
    contracts::SpeakReply reply;
    reply.message_ids = {fmt::format("{}-{}", argv[2], ++posted)};
    call->reply(json::encode(reply));
  });
  for (const char* const topic : {"turn.typing", "turn.record"})
    node.value()->subscribe(topic, show);
  if (const auto bound = node.value()->bind(""); !bound) {
    fmt::print(stderr, "{}\n", bound.error().message);
    return 1;
  }
  while (std::getchar() != EOF) {
  }
  node.value()->stop();
  return 0;
}
