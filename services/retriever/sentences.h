#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "encoder/encoder.h"
#include "store/store.h"
#include "vector/codes.h"

namespace retriever {

// A question's vector, made ready to be compared with many.
class CodedQuestion {
 public:
  explicit CodedQuestion(const encoder::Vector& vector);
  vector::CodeQuery query() const { return {codes_.data(), scale_ / 2, 0, 256 * sum_}; }

 private:
  std::array<std::int8_t, encoder::kDimension> codes_{};
  float scale_ = 0;
  std::int32_t sum_ = 0;
};

// The vectors of a chunk's sentences: of each 512 signed bytes and a scale, 516 bytes on disk, 520
// in memory. Immutable, so thread-safe.
class Sentences {
 public:
  static constexpr std::size_t kMax = 64;  // of a chunk; what stands behind them only words find

  // The first kMax sentences of a text, as they are to be encoded; never none.
  static std::vector<std::string_view> of(std::string_view text);

  // At most kMax vectors.
  explicit Sentences(std::span<const encoder::Vector> vectors);
  // DataLoss when bytes() has not written them.
  static Result<Sentences> from(std::span<const std::byte> bytes);
  store::Blob bytes() const;

  // The cosine of the question and the sentence that is nearest to it.
  float nearest(const CodedQuestion& question) const;
  std::size_t count() const { return factors_.size(); }
  std::size_t memory() const;

 private:
  Sentences() = default;

  std::vector<vector::Line> codes_;  // each byte 128 above its value
  std::vector<vector::Factor> factors_;
};

}  // namespace retriever
