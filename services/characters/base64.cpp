#include "characters/base64.h"

#include <cstddef>
#include <cstdint>

namespace characters {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8U | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (unsigned k = 0; k < 4; ++k) {
      text += i + k <= bytes.size() ? kDigits[group >> (18U - 6U * k) & 63U] : '=';
    }
  }
  return text;
}

Result<std::string> base64_decoded(std::string_view text) {
  const auto refuse = [](const char* why) { return Error{Code::InvalidArgument, why}; };
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t group = 0;
  std::size_t digits = 0;
  std::size_t padding = 0;
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == ' ' || c == '\t') continue;
    const std::size_t value = kDigits.find(c);
    if (c == '=' ? ++padding > 2 : padding > 0 || value == std::string_view::npos) {
      return refuse("is not base 64");
    }
    group = group << 6U | (c == '=' ? 0U : static_cast<std::uint32_t>(value));
    if (++digits % 4 != 0) continue;
    for (unsigned k = 0; k < 3 - padding; ++k) {
      bytes += static_cast<char>(group >> (16U - 8U * k) & 255U);
    }
    group = 0;
  }
  if (digits % 4 != 0) return refuse("is cut off base 64");
  return bytes;
}

}  // namespace characters
