#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "libs/net/raw_peer.h"

// WebSocket frames as a test spells them, right or wrong (RFC 6455 section 5.2).
namespace net {

enum Opcode : unsigned {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10
};

struct FrameBits {
  bool fin = true;
  bool mask = true;                           // as a client must
  unsigned reserved = 0;                      // 4 is RSV1: compressed
  std::optional<std::uint64_t> claimed = {};  // instead of the real length
};

inline std::string frame(unsigned opcode, std::string_view payload, FrameBits bits = {}) {
  constexpr std::string_view kMask = "\x12\x34\x56\x78";
  const auto byte = [](std::uint64_t value) { return static_cast<char>(value & 0xff); };
  const std::uint64_t length = bits.claimed.value_or(payload.size());
  std::string out;
  out += byte((bits.fin ? 0x80U : 0U) | bits.reserved << 4U | opcode);
  const unsigned mask_bit = bits.mask ? 0x80U : 0U;
  if (length < 126) {
    out += byte(mask_bit | length);
  } else {
    const unsigned bytes = length < 65536 ? 2 : 8;
    out += byte(mask_bit | (bytes == 2 ? 126U : 127U));
    for (unsigned i = bytes; i-- > 0;) out += byte(length >> (8 * i));
  }
  if (!bits.mask) return out.append(payload);
  out.append(kMask);
  for (std::size_t i = 0; i < payload.size(); ++i) {
    out += static_cast<char>(payload[i] ^ kMask[i % kMask.size()]);
  }
  return out;
}

// The payload of a close frame.
inline std::string close_payload(unsigned code, std::string_view reason = {}) {
  std::string payload{static_cast<char>(code >> 8U), static_cast<char>(code & 0xffU)};
  return payload.append(reason);
}

struct SeenFrame {
  unsigned first = 0;  // FIN, reserved bits and opcode; 0 when the connection ended
  bool masked = false;
  std::string payload;

  unsigned opcode() const { return first & 0xfU; }
  bool compressed() const { return (first & 0x40U) != 0; }
  unsigned close_code() const {
    if (opcode() != kClose || payload.size() < 2) return 0;
    return static_cast<unsigned>(static_cast<unsigned char>(payload[0])) << 8U |
           static_cast<unsigned char>(payload[1]);
  }
};

inline SeenFrame read_frame(RawPeer& peer) {
  const auto number = [](std::string_view bytes) {
    std::uint64_t value = 0;
    for (const char c : bytes) value = value << 8U | static_cast<unsigned char>(c);
    return value;
  };
  const std::string head = peer.read_bytes(2);
  if (head.size() < 2) return {};
  SeenFrame seen;
  seen.first = static_cast<unsigned char>(head[0]);
  const unsigned second = static_cast<unsigned char>(head[1]);
  seen.masked = (second & 0x80U) != 0;
  std::uint64_t length = second & 0x7fU;
  if (length == 126) length = number(peer.read_bytes(2));
  if (length == 127) length = number(peer.read_bytes(8));
  const std::string mask = seen.masked ? peer.read_bytes(4) : std::string(4, '\0');
  seen.payload = peer.read_bytes(length);
  for (std::size_t i = 0; i < seen.payload.size(); ++i) {
    seen.payload[i] = static_cast<char>(seen.payload[i] ^ mask[i % 4]);
  }
  return seen;
}

// The example of RFC 6455 section 1.3.
inline constexpr std::string_view kHandshakeKey = "dGhlIHNhbXBsZSBub25jZQ==";
inline constexpr std::string_view kHandshakeAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

inline std::string handshake(std::string_view more = {}) {
  return fmt::format(
      "GET /chat?room=1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
      "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: {}\r\n"
      "Sec-WebSocket-Version: 13\r\n{}\r\n",
      kHandshakeKey, more);
}

}  // namespace net
