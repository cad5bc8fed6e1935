#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "base/fields.h"
#include "base/result.h"

namespace tiny {

struct CountRequest {
  static constexpr std::string_view kName = "count_request";
  std::string name;
  static void fields(auto& self, auto&& visit) {
    visit("name", self.name, Field{.bytes_min = 1, .bytes_max = 16});
  }
};

struct Counted {
  static constexpr std::string_view kName = "counted";
  std::int64_t count = 0;
  static void fields(auto& self, auto&& visit) { visit("count", self.count); }
};

// Counts for a few people, by steps. Thread-safe.
class Counter {
 public:
  explicit Counter(int step) : step_(step) {}

  // Overloaded when it would have to remember too many names.
  Result<Counted> count(const std::string& name);

 private:
  int step_;
  std::mutex mutex_;
  std::map<std::string, std::int64_t> counts_;
};

}  // namespace tiny
