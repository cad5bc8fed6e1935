#include "lexical/dictionary.h"

#include <algorithm>
#include <bit>

namespace lexical {
namespace {

constexpr std::size_t kKeysPerBucket = 8;  // on average, at most; at least half as many
constexpr unsigned kBucketBitsMax = 26;
constexpr unsigned kLowBits = 32;

unsigned bucket_bits(std::size_t keys) {
  return std::min(kBucketBitsMax, static_cast<unsigned>(std::bit_width(keys / kKeysPerBucket)));
}

}  // namespace

DictionaryArrays DictionaryBuilder::finish() {
  const unsigned bits = bucket_bits(keys_.size());
  DictionaryArrays arrays;
  arrays.starts.reserve((std::size_t{1} << bits) + 1);
  arrays.low.reserve(keys_.size());
  const bool with_middle = bits < kKeyBits - kLowBits;
  for (const TermKey key : keys_) {
    const std::size_t bucket = key >> (kKeyBits - bits);
    while (arrays.starts.size() <= bucket) {
      arrays.starts.push_back(static_cast<std::uint32_t>(arrays.low.size()));
    }
    arrays.low.push_back(static_cast<std::uint32_t>(key));
    if (with_middle) arrays.middle.push_back(static_cast<std::uint16_t>(key >> kLowBits));
  }
  arrays.starts.resize((std::size_t{1} << bits) + 1, static_cast<std::uint32_t>(keys_.size()));
  arrays.values = std::move(values_);
  keys_ = {};
  values_ = {};
  return arrays;
}

Dictionary::Dictionary(std::span<const std::uint32_t> starts, std::span<const std::uint32_t> low,
                       std::span<const std::uint16_t> middle, std::span<const std::uint32_t> values)
    : starts_(starts),
      low_(low),
      middle_(middle),
      values_(values),
      shift_(kKeyBits - static_cast<unsigned>(std::bit_width(starts.size() - 1) - 1)) {}

std::optional<std::uint32_t> Dictionary::find(TermKey key) const {
  if (low_.empty()) return std::nullopt;
  const std::size_t bucket = key >> shift_;
  const auto low = static_cast<std::uint32_t>(key);
  const auto middle = static_cast<std::uint16_t>(key >> kLowBits);
  for (std::uint32_t i = starts_[bucket]; i < starts_[bucket + 1]; ++i) {
    if (low_[i] == low && (middle_.empty() || middle_[i] == middle)) return values_[i];
  }
  return std::nullopt;
}

void Dictionary::Reader::settle() {
  const Dictionary& from = *dictionary_;
  if (done()) return;
  while (from.starts_[bucket_ + 1] <= at_) ++bucket_;
  key_ = from.low_[at_];
  if (!from.middle_.empty()) key_ |= TermKey{from.middle_[at_]} << kLowBits;
  if (from.shift_ < kKeyBits) key_ |= TermKey{bucket_} << from.shift_;
}

}  // namespace lexical
