#include "net/websocket.h"

#include <algorithm>
#include <future>
#include <variant>

#include "base/utf8.h"
#include "fuzz/door.h"
#include "net/net.h"

// Any bytes after a WebSocket handshake: messages are within their limits and the same however the
// bytes are split; what comes back are frames that a client may rely on, ended by a close.
namespace {

constexpr std::size_t kMessageMax = 512;

constexpr std::string_view kHandshake =
    "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

// A client's frame, masked with zeros so that mutations of the payload mean something.
std::string frame(unsigned first, std::string_view payload) {
  std::string bytes(1, static_cast<char>(first));
  if (payload.size() < 126) {
    bytes += static_cast<char>(0x80U | payload.size());
  } else {
    bytes += static_cast<char>(0x80U | 126U);
    bytes += static_cast<char>(payload.size() >> 8U);
    bytes += static_cast<char>(payload.size() & 0xFFU);
  }
  return bytes + std::string(4, '\0') + std::string(payload);
}

// Whatever the input began, this ends it: as the rest of a payload, or as a frame that no client
// may send (not masked).
std::string ending() { return std::string(2 * kMessageMax, '\0'); }

// The door's side of a connection: frames as they would be echoed.
struct Side {
  std::vector<std::string> messages;
  std::promise<void> ended;
};
std::shared_ptr<Side> side;  // of the next connection

std::variant<net::WebSocketAccept, http::Response> echo(const http::Request&) {
  net::WebSocketAccept accept;
  accept.options.message_bytes = kMessageMax;
  accept.opened = [here = side](const std::shared_ptr<net::WebSocket>& socket) {
    net::WebSocketEvents events;
    events.message = [here, socket](net::WebSocket::Kind kind, std::string message) {
      const bool text = kind == net::WebSocket::Kind::Text;
      fuzz::require(message.size() <= kMessageMax, "no message is over the limit");
      fuzz::require(!text || utf8_valid(message), "text is UTF-8");
      here->messages.push_back((text ? '\x81' : '\x82') + message);
      socket->send(kind, std::move(message));
    };
    events.ended = [here](const net::WebSocketEnd&) { here->ended.set_value(); };
    return events;
  };
  return accept;
}

// What the frames say, save pongs, which may be left out (RFC 6455 section 5.5.3): kinds and
// payloads. They must be a server's.
std::vector<std::string> frames(const fuzz::Heard& heard) {
  std::string_view rest = heard.bytes;
  const auto head = rest.find("\r\n\r\n");
  fuzz::require(head != std::string_view::npos && rest.starts_with("HTTP/1.1 101 "), "it opens");
  rest.remove_prefix(head + 4);
  std::vector<std::string> all;
  while (rest.size() >= 2) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(rest[at]); };
    const unsigned kind = byte(0);
    std::size_t size = byte(1);
    fuzz::require(size < 127, "a server masks nothing, and this one says little at a time");
    std::size_t start = 2;
    if (size == 126 && rest.size() >= 4) {
      size = static_cast<std::size_t>(byte(2)) << 8U | byte(3);
      start = 4;
    }
    if (rest.size() < start + size) break;
    fuzz::require(kind == 0x81 || kind == 0x82 || kind == 0x88 || kind == 0x8A || kind == 0x89,
                  "frames are whole and have known kinds");
    const std::string payload(rest.substr(start, size));
    fuzz::require(kind != 0x81 || utf8_valid(payload), "text is UTF-8");
    if (kind < 0x89) all.push_back(static_cast<char>(kind) + payload);
    rest.remove_prefix(start + size);
    if (kind == 0x88) break;
  }
  fuzz::require(rest.empty() || heard.reset, "nothing follows a close");
  return all;
}

void check_close(const std::vector<std::string>& said) {
  if (said.empty() || said.back()[0] != '\x88') return;
  const std::string& close = said.back();
  if (close.size() == 1) return;
  fuzz::require(close.size() >= 3, "a close has a code or nothing");
  const int code = static_cast<unsigned char>(close[1]) << 8 | static_cast<unsigned char>(close[2]);
  // Above 2999 it is the client's own, given back.
  fuzz::require((code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
                    code >= 3000,
                "a close code is one that may be sent");
  fuzz::require(utf8_valid(std::string_view(close).substr(3)), "a close reason is UTF-8");
}

// The messages that the door saw, all of them; of the echoes a close may overtake the last.
std::vector<std::string> messages(std::uint16_t port, const std::vector<std::string_view>& parts) {
  side = std::make_shared<Side>();
  const auto here = side;
  const auto said = frames(fuzz::converse(port, kHandshake, parts));
  check_close(said);
  here->ended.get_future().wait();
  for (std::size_t i = 0; i < said.size() && said[i][0] != '\x88'; ++i) {
    fuzz::require(i < here->messages.size() && said[i] == here->messages[i], "echoes are echoes");
  }
  return here->messages;
}

}  // namespace

fuzz::Corpus fuzz::corpus() {
  return {.seeds = {frame(0x81, "hello"), frame(0x82, std::string("\x00\xff\x80", 3)),
                    frame(0x01, "hel") + frame(0x80, "lo"), frame(0x89, "ping") + frame(0x81, "x"),
                    frame(0x88,
                          "\x03\xe8"
                          "bye"),
                    frame(0x81, "caf\xc3") + frame(0x80, "\xa9"),
                    frame(0x01, "caf\xc3") + frame(0x89, "p") + frame(0x80, "\xa9"),
                    frame(0x81, std::string(200, 'a')), frame(0xC1, "reserved")},
          .words = {frame(0x80, ""), frame(0x89, ""), frame(0x88, "\x03\xe9"), frame(0x01, "a"),
                    frame(0x8A, ""), "\x81\xfe", "\x81\xff", "\xc1", "\x83\x80", "\xed\xa0\x80",
                    frame(0x88, "\x03\xed")},
          .bytes_max = 1024};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static net::Loop loop;
  static const auto server =
      net::listen(loop, fuzz::door_options(), fuzz::echo, {.tls = {}, .upgrade = echo});
  fuzz::require(server.ok(), "there is a door");
  const std::uint16_t port = server.value()->port();

  const std::string text = std::string(fuzz::text_of(data, size)) + ending();
  const auto whole = messages(port, {text});
  if (!whole.empty()) fuzz::keep();
  const std::size_t cut = hash64(text) % text.size();
  const std::string_view view = text;
  fuzz::require(whole == messages(port, {view.substr(0, cut), view.substr(cut)}),
                "the split does not change what is understood");
  return 0;
}
