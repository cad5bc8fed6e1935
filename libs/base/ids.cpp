#include "base/ids.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <stdexcept>

#include "base/clock.h"

namespace {

constexpr std::string_view kBase32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

}  // namespace

std::string make_id(std::string_view prefix) {
  std::array<std::uint8_t, 16> random{};
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    throw std::runtime_error("getrandom gave no random bytes");
  }
  std::string id(prefix);
  id += '_';
  const auto time_ms = static_cast<std::uint64_t>(SystemClock::instance().wall_ms());
  for (int shift = 45; shift >= 0; shift -= 5) id += kBase32[(time_ms >> shift) & 31U];
  for (const std::uint8_t byte : random) id += kBase32[byte & 31U];
  return id;
}

std::string& append_hex64(std::string& out, std::uint64_t number) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (int shift = 60; shift >= 0; shift -= 4) out += kDigits[(number >> shift) & 15U];
  return out;
}

std::string hex64(std::uint64_t number) {
  std::string text;
  append_hex64(text, number);
  return text;
}

bool valid_id(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == ':';
  });
}

std::uint64_t hash64(std::string_view text, std::uint64_t seed) {
  std::uint64_t hash = 14695981039346656037ULL ^ seed;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211ULL;
  }
  return hash;
}

std::uint64_t Random::next() {
  state_ += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31U);
}

double Random::uniform() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }
