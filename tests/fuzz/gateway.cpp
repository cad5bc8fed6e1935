#include <algorithm>

#include "base/utf8.h"
#include "discord/gateway_session.h"
#include "discord/text.h"
#include "discord/zlib_stream.h"
#include "fuzz/fuzz.h"
#include "support/fake_clock.h"

// A server of Discord's Gateway that says anything: lines of the input are payloads, and the input
// as a whole is a zlib stream.

namespace {

using discord::GatewaySession;

constexpr std::size_t kMessageMax = 64 * 1024;

// What may be asked of whoever carries the actions out.
void check(const GatewaySession::Actions& actions) {
  for (const auto& action : actions) {
    if (const auto* send = std::get_if<GatewaySession::Send>(&action)) {
      fuzz::require(send->text.size() <= discord::kGatewayPayloadBytes, "payloads are small");
    }
    if (const auto* close = std::get_if<GatewaySession::Close>(&action)) {
      fuzz::require(close->code >= 3000, "a close keeps the session");
    }
    if (const auto* set = std::get_if<GatewaySession::Set>(&action)) {
      fuzz::require(set->delay.count() >= 0, "no timer is in the past");
    }
    if (const auto* dispatch = std::get_if<GatewaySession::Dispatch>(&action)) {
      fuzz::require(!dispatch->name.empty() && dispatch->data().dump().size() > 0,
                    "an event has a name and data");
      fuzz::keep();
    }
  }
}

void converse(std::string_view text) {
  support::FakeClock clock;
  GatewaySession session({.token = "t"}, clock, Random(hash64(text)));
  check(session.start());
  while (!text.empty()) {
    check(session.fetched({.url = "wss://g"}));
    check(session.opened());
    const std::size_t end = std::min(text.find('\n'), text.size());
    check(session.text(text.substr(0, end)));
    clock.advance(1000);
    if (end % 2 == 0) check(session.fired(GatewaySession::Timer::Heartbeat));
    check(session.fired(GatewaySession::Timer::Next));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

fuzz::Corpus fuzz::corpus() {
  discord::Deflater deflater;
  return {.seeds = {"{\"op\":10,\"d\":{\"heartbeat_interval\":41250}}\n"
                    "{\"op\":0,\"s\":1,\"t\":\"READY\",\"d\":{\"session_id\":\"s\","
                    "\"resume_gateway_url\":\"wss://r\"}}\n"
                    "{\"op\":0,\"s\":2,\"t\":\"MESSAGE_CREATE\",\"d\":{\"id\":\"1\"}}\n"
                    "{\"op\":7,\"d\":null}\n{\"op\":9,\"d\":true}\n{\"op\":11}",
                    deflater.push("hello"), deflater.push("hello")},
          .words = {"{\"op\":", "\"d\":", "\"s\":", "\"t\":", "null", "true",
                    std::string("\0\0\xff\xff", 4), "```", "<@1>"},
          .bytes_max = 2048};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  converse(text);
  const auto info = discord::read_gateway_info(text);
  fuzz::require(!info || (!info.value().url.empty() && info.value().remaining >= 0),
                "where to connect is a place");
  discord::Inflater inflater(kMessageMax);
  for (const std::string_view piece : fuzz::pieces(text)) {
    const auto message = inflater.feed(piece);
    if (!message) break;
    fuzz::require(!message.value() || message.value()->size() <= kMessageMax, "no bomb gets in");
  }
  for (const std::string& part : discord::split_message(text, 50)) {
    fuzz::require(utf8_valid(part) && utf8_length(part) <= 50, "parts are whole and small");
  }
  return 0;
}
