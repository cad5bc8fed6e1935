#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// A new unique id: `prefix`, "_", then 26 characters of Crockford base 32 that sort by creation
// time (the ULID layout: 48 bits of milliseconds, 80 random bits). Thread-safe.
std::string make_id(std::string_view prefix);

// The 16 hexadecimal digits of a number, in small letters.
std::string& append_hex64(std::string& out, std::uint64_t number);
std::string hex64(std::uint64_t number);

// Whether `text` may be an identifier from outside: 1 to 64 of A-Z a-z 0-9 _ - . :
bool valid_id(std::string_view text);

// A deterministic 64-bit hash (FNV-1a) for seeds and spreading; not for untrusted cache keys.
std::uint64_t hash64(std::string_view text, std::uint64_t seed = 0);

// A small deterministic generator (SplitMix64, Steele et al. 2014) for seeded draws: the same seed
// gives the same draws on every machine. Not thread-safe, not for secrets.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next();
  // In [0, 1).
  double uniform();
  // In [0, bound); bound must not be 0.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }

 private:
  std::uint64_t state_;
};
