#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "quality/matter.h"
#include "quality/numbers.h"
#include "quality/text.h"

namespace quality {

// A text that was read, with what rules ask of it. Immutable.
struct Reading {
  explicit Reading(std::string_view raw);
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  const std::string raw;
  const Text text;
  const std::vector<std::uint64_t> stems;    // of all words, each once, ascending
  const std::vector<std::uint64_t> content;  // stems of its content words
  const std::vector<Number> numbers;
  const Matter matter;
};

// Remembers what was read: a line of a talk is judged against with each draft until twenty others
// have followed, and passages come again. Two generations: when the young one is full it becomes
// the old one, whose readings live on only if somebody asks for them. Thread-safe.
class Readings {
 public:
  static constexpr std::size_t kBytesMax = 256 * 1024;  // of texts, a generation

  std::shared_ptr<const Reading> of(std::string_view text);

 private:
  using Generation = std::unordered_map<std::string_view, std::shared_ptr<const Reading>>;

  void keep(std::shared_ptr<const Reading> reading);

  std::mutex mutex_;
  Generation young_;
  Generation old_;
  std::size_t young_bytes_ = 0;
};

}  // namespace quality
