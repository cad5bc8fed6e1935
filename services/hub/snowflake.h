#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "discord/protocol.h"
#include "hub/events.h"

// Ids as Discord makes them ("Snowflakes" of its reference): 42 bits of milliseconds since 2015, 22
// that keep ids of one millisecond apart. On the wire they are decimal strings.
namespace hub {

inline std::string text_of(Snowflake id) { return fmt::format_int(id).str(); }

inline std::optional<Snowflake> snowflake_of(std::string_view text) {
  Snowflake id = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, id);
  // The database keeps them as integers with a sign.
  if (read.ec != std::errc{} || read.ptr != end || id == 0 || id > INT64_MAX) return std::nullopt;
  return id;
}

inline std::int64_t made_ms(Snowflake id) {
  return static_cast<std::int64_t>(id >> 22U) + discord::kEpochMs;
}

// The least id that is made at that time.
inline Snowflake first_of(std::int64_t wall_ms) {
  return static_cast<Snowflake>(std::max<std::int64_t>(0, wall_ms - discord::kEpochMs)) << 22U;
}

// Makes ids that grow, also when the machine's clock goes back. Not thread-safe.
class Snowflakes {
 public:
  explicit Snowflakes(const Clock& clock) : clock_(clock) {}

  Snowflake next() {
    last_ = std::max(last_ + 1, first_of(clock_.wall_ms()));
    return last_;
  }
  // That id is in use.
  void seen(Snowflake id) { last_ = std::max(last_, id); }

 private:
  const Clock& clock_;
  Snowflake last_ = 0;
};

}  // namespace hub
