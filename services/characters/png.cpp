#include "characters/png.h"

#include <fmt/format.h>
#include <zlib.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/utf8.h"
#include "crypto/crypto.h"

namespace characters {
namespace {

constexpr std::string_view kSignature{"\x89PNG\r\n\x1a\n", 8};
constexpr std::string_view kV2{"chara\0", 6};
constexpr std::string_view kV3{"ccv3\0", 5};
constexpr std::size_t kFrame = 12;  // length, type and checksum of a chunk
constexpr std::size_t kChunksMax = 65536;

const Bytef* bytes_of(std::string_view text) { return reinterpret_cast<const Bytef*>(text.data()); }

// The CRC of PNG annex D, over type and data.
std::uint32_t crc(std::string_view bytes) {
  return static_cast<std::uint32_t>(crc32_z(0, bytes_of(bytes), bytes.size()));
}

std::uint32_t number_at(std::string_view bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    number = number << 8U | static_cast<unsigned char>(bytes[at + i]);
  }
  return number;
}

std::string big_endian(std::uint32_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift & 255U);
  return bytes;
}

std::string chunk(std::string_view type, std::string_view data) {
  const std::string body = std::string(type).append(data);
  return big_endian(static_cast<std::uint32_t>(data.size())) + body + big_endian(crc(body));
}

Error refused(std::string_view why) {
  return Error{Code::InvalidArgument, fmt::format("PNG: {}", why)};
}

struct Chunk {
  std::string_view type;
  std::string_view data;
  std::string_view whole;
};

// Calls `visit` with each chunk up to and including IEND. What stands behind it is not looked at.
Result<void> each_chunk(std::string_view png, const std::function<void(const Chunk&)>& visit) {
  if (!is_png(png)) return refused("the signature is missing");
  std::size_t at = kSignature.size();
  for (std::size_t count = 0; count < kChunksMax; ++count) {
    if (png.size() - at < kFrame) return refused(fmt::format("cut off at byte {}", at));
    const std::size_t length = number_at(png, at);
    if (length > png.size() - at - kFrame) {
      return refused(fmt::format("the chunk at byte {} goes beyond the end", at));
    }
    const std::string_view body = png.substr(at + 4, 4 + length);
    const Chunk found{body.substr(0, 4), body.substr(4), png.substr(at, length + kFrame)};
    if (number_at(png, at + 8 + length) != crc(body)) {
      return refused(fmt::format("wrong checksum of the chunk at byte {}", at));
    }
    if ((count == 0) != (found.type == "IHDR")) return refused("it does not begin with one IHDR");
    visit(found);
    if (found.type == "IEND") return {};
    at += found.whole.size();
  }
  return refused(fmt::format("more than {} chunks", kChunksMax));
}

bool is_card(const Chunk& found) {
  return found.type == "tEXt" && (found.data.starts_with(kV2) || found.data.starts_with(kV3));
}

// The checksum of a zlib stream (RFC 1950 section 9).
}  // namespace

bool is_png(std::string_view bytes) { return bytes.starts_with(kSignature); }

Result<std::string> card_in_png(std::string_view png, std::size_t card_bytes_max) {
  std::string_view v2;
  std::string_view v3;
  TRY(each_chunk(png, [&](const Chunk& found) {
    if (!is_card(found)) return;
    const bool third = found.data.starts_with(kV3);
    auto& card = third ? v3 : v2;
    if (card.empty()) card = found.data.substr(third ? kV3.size() : kV2.size());
  }));
  const std::string_view name = v3.empty() ? "chara" : "ccv3";
  const std::string_view text = v3.empty() ? v2 : v3;
  if (text.empty()) return refused("no card in it: neither a ccv3 nor a chara text");
  if (text.size() / 4 * 3 > card_bytes_max + 3) {
    return Error{Code::TooLarge,
                 fmt::format("PNG: {} holds more than {} bytes", name, card_bytes_max)};
  }
  // Some writers break the lines, and spaces stand between no digits that matter.
  std::string digits(text);
  std::erase_if(digits, [](char c) { return c == '\n' || c == '\r' || c == ' ' || c == '\t'; });
  auto card = crypto::from_base64(digits);
  if (!card) return refused(fmt::format("{} is {}", name, card.error().message));
  return card;
}

Result<std::string> png_with_card(std::string_view png, std::string_view v2, std::string_view v3) {
  std::string out(kSignature);
  TRY(each_chunk(png, [&](const Chunk& found) {
    if (is_card(found)) return;
    if (found.type == "IEND") {
      if (!v2.empty()) out += chunk("tEXt", std::string(kV2) + crypto::base64(v2));
      if (!v3.empty()) out += chunk("tEXt", std::string(kV3) + crypto::base64(v3));
    }
    out += found.whole;
  }));
  return out;
}

std::string plain_png(std::string_view color) {
  constexpr std::uint32_t kSide = 64;
  std::uint32_t rgb = 0x888888;
  if (color.size() == 7 && color.front() == '#') {
    std::from_chars(color.data() + 1, color.data() + 7, rgb, 16);
  }
  // One bit a pixel, all 0, with a palette of one colour; each row begins with its filter, none.
  const std::string pixels((kSide / 8 + 1) * kSide, '\0');
  uLongf size = compressBound(pixels.size());
  std::string packed(size, '\0');
  compress(reinterpret_cast<Bytef*>(packed.data()), &size, bytes_of(pixels), pixels.size());
  packed.resize(size);
  return std::string(kSignature) +
         chunk("IHDR", big_endian(kSide) + big_endian(kSide) + std::string("\x01\x03\0\0\0", 5)) +
         chunk("PLTE", big_endian(rgb).substr(1)) + chunk("IDAT", packed) + chunk("IEND", "");
}

}  // namespace characters
