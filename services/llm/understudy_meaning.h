#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "encoder/encoder.h"

// What sentences mean, as far as a sentence encoder tells: a question and its answer may share no
// word.
namespace llm::understudy {

// Sentences' vectors, made once and kept for the next draft. Thread-safe.
class Meanings {
 public:
  static constexpr std::size_t kKeptMax = 4096;  // 2 KB each, in two halves

  // `file` holds the encoder's weights; it is opened when it is first needed. Without it, which the
  // log is told once, there are no vectors.
  explicit Meanings(std::string file) : file_(std::move(file)) {}
  explicit Meanings(encoder::Encoder encoder) : encoder_(std::move(encoder)), opened_(true) {}

  // Whether there is an encoder.
  bool there();

  // How near each sentence is to `question`, -1 to 1. Takes some milliseconds for each sentence
  // that is new. Empty without an encoder.
  std::vector<float> nearness(std::string_view question, const std::vector<std::string>& sentences);

  std::size_t kept();  // vectors

 private:
  using VectorRef = std::shared_ptr<const encoder::Vector>;
  VectorRef vector(std::string_view sentence);

  const std::string file_;
  std::mutex mutex_;
  std::optional<encoder::Encoder> encoder_;  // never changes once it is there
  bool opened_ = false;
  std::unordered_map<std::uint64_t, VectorRef> kept_, older_;
};

}  // namespace llm::understudy
