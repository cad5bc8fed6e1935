#include "retriever/sentences.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "lexical/sentences.h"
#include "vector/kernels.h"

namespace retriever {
namespace {

constexpr std::size_t kRowBytes = encoder::kDimension;
constexpr std::size_t kStoredBytes = kRowBytes + sizeof(float);
constexpr std::size_t kRowLines = kRowBytes / sizeof(vector::Line);
constexpr int kOffset = 128;

float scale_of(const encoder::Vector& vector) {
  float largest = 0;
  for (const float value : vector) largest = std::max(largest, std::abs(value));
  return largest / 127;
}

int code_of(float value, float scale) {
  return scale == 0 ? 0 : static_cast<int>(std::lround(value / scale));
}

}  // namespace

CodedQuestion::CodedQuestion(const encoder::Vector& vector) : scale_(scale_of(vector)) {
  for (std::size_t i = 0; i < vector.size(); ++i) {
    codes_[i] = static_cast<std::int8_t>(code_of(vector[i], scale_));
    sum_ += codes_[i];
  }
}

std::vector<std::string_view> Sentences::of(std::string_view text) {
  auto sentences = lexical::sentences(text);
  if (sentences.empty()) sentences.push_back(text);
  if (sentences.size() > kMax) sentences.resize(kMax);
  return sentences;
}

Sentences::Sentences(std::span<const encoder::Vector> vectors)
    : codes_(vectors.size() * kRowLines), factors_(vectors.size()) {
  auto* code = reinterpret_cast<std::uint8_t*>(codes_.data());
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    factors_[i].scale = scale_of(vectors[i]);
    for (const float value : vectors[i]) {
      *code++ = static_cast<std::uint8_t>(code_of(value, factors_[i].scale) + kOffset);
    }
  }
}

Result<Sentences> Sentences::from(std::span<const std::byte> bytes) {
  const std::size_t count = bytes.size() / kStoredBytes;
  if (count == 0 || count > kMax || count * kStoredBytes != bytes.size()) {
    return Error(Code::DataLoss, fmt::format("{} bytes are no sentences' vectors", bytes.size()));
  }
  Sentences sentences;
  sentences.codes_.resize(count * kRowLines);
  sentences.factors_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::byte* row = bytes.data() + i * kStoredBytes;
    std::memcpy(&sentences.factors_[i].scale, row, sizeof(float));
    std::memcpy(&sentences.codes_[i * kRowLines], row + sizeof(float), kRowBytes);
  }
  return sentences;
}

store::Blob Sentences::bytes() const {
  store::Blob bytes(factors_.size() * kStoredBytes);
  for (std::size_t i = 0; i < factors_.size(); ++i) {
    std::byte* row = bytes.data() + i * kStoredBytes;
    std::memcpy(row, &factors_[i].scale, sizeof(float));
    std::memcpy(row + sizeof(float), &codes_[i * kRowLines], kRowBytes);
  }
  return bytes;
}

float Sentences::nearest(const CodedQuestion& question) const {
  std::array<float, kMax> scores;
  const vector::CodeRows rows{reinterpret_cast<const std::uint8_t*>(codes_.data()), kRowBytes,
                              factors_.data()};
  vector::kernels().score_i8_many(question.query(), rows, 0, factors_.size(), scores.data());
  return *std::max_element(scores.begin(),
                           scores.begin() + static_cast<std::ptrdiff_t>(factors_.size()));
}

std::size_t Sentences::memory() const {
  return sizeof(Sentences) + codes_.size() * sizeof(vector::Line) +
         factors_.size() * sizeof(vector::Factor);
}

}  // namespace retriever
