#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/fields.h"

namespace messaging {

// Who calls with more time has this much.
inline constexpr Milliseconds kCallTimeMax = std::chrono::hours(24);

enum class Type { Call, Item, Reply, Error, Cancel, Taken };
constexpr auto enum_names(Type) {
  return EnumNames<Type, 6>{{{Type::Call, "call"},
                             {Type::Item, "item"},
                             {Type::Reply, "reply"},
                             {Type::Error, "error"},
                             {Type::Cancel, "cancel"},
                             {Type::Taken, "taken"}}};
}

// The first frame of every RPC message; the body follows, and behind the body of a call raw bytes
// when there are any. Time is sent as what is left, so clocks need not agree.
struct Envelope {
  static constexpr std::string_view kName = "envelope";
  Type type = Type::Call;
  std::int64_t id = 0;
  std::string method{};
  std::string sender{};
  std::int64_t timeout_ms = 0;
  std::string traceparent{};
  std::string code{};      // of an error; the body is its message
  std::int64_t bytes = 0;  // of items (and kItemCost each) taken since the caller last said so

  static void fields(auto& self, auto&& visit) {
    visit("type", self.type);
    visit("id", self.id);
    if (self.type == Type::Call) {
      visit("method", self.method, Field{.bytes_max = 128, .defaulted = true});
      visit("sender", self.sender, Field{.bytes_max = 64, .defaulted = true});
      visit("timeout_ms", self.timeout_ms,
            Field{.min = 0, .max = double{kCallTimeMax.count()}, .defaulted = true});
      visit("traceparent", self.traceparent, Field{.bytes_max = 64, .defaulted = true});
    }
    if (self.type == Type::Error) {
      visit("code", self.code, Field{.bytes_max = 64, .defaulted = true});
    }
    if (self.type == Type::Taken) {
      visit("bytes", self.bytes, Field{.min = 0, .defaulted = true});
    }
  }
};

}  // namespace messaging
