#include "lexical/vocabulary.h"

#include <algorithm>

#include "lexical/bytes.h"

namespace lexical {
namespace {

constexpr std::size_t kWordsPerBlock = 16;

std::string_view text(const std::byte* at, std::size_t length) {
  return {reinterpret_cast<const char*>(at), length};
}

}  // namespace

void VocabularyBuilder::add(std::string_view word, std::uint64_t documents) {
  std::size_t common = 0;
  if (words_++ % kWordsPerBlock == 0) {
    arrays_.starts.push_back(static_cast<std::uint32_t>(arrays_.bytes.size()));
  } else {
    const auto differ = std::mismatch(word.begin(), word.end(), before_.begin(), before_.end());
    common = static_cast<std::size_t>(differ.first - word.begin());
    put_varint(arrays_.bytes, common);
  }
  put_varint(arrays_.bytes, word.size() - common);
  put_raw(arrays_.bytes, word.data() + common, word.size() - common);
  put_varint(arrays_.bytes, documents);
  before_ = word;
}

std::string_view Vocabulary::head(std::size_t block) const {
  const std::byte* at = bytes_.data() + starts_[block];
  const std::size_t length = get_varint(at);
  return text(at, length);
}

Vocabulary::Reader Vocabulary::from(std::string_view from) const {
  std::size_t low = 0;
  std::size_t high = starts_.size();
  while (low < high) {  // the first block whose head is greater
    const std::size_t middle = (low + high) / 2;
    if (head(middle) <= from) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  Reader reader(*this, low == 0 ? 0 : low - 1);
  while (!reader.done() && reader.word() < from) reader.next();
  return reader;
}

Vocabulary::Reader::Reader(const Vocabulary& words, std::size_t block)
    : at_(words.bytes_.data()), end_(words.bytes_.data() + words.bytes_.size()) {
  if (block < words.starts_.size()) at_ += words.starts_[block];
  next();
}

void Vocabulary::Reader::next() {
  if (at_ == end_) {
    done_ = true;
    return;
  }
  word_.resize(in_block_++ % kWordsPerBlock == 0 ? 0 : get_varint(at_));
  const std::size_t length = get_varint(at_);
  word_ += text(at_, length);
  at_ += length;
  documents_ = get_varint(at_);
}

}  // namespace lexical
