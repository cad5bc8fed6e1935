#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// The words of a segment as texts, sorted, and how many documents were filed with each: for
// prefixes and for spelling, not needed to find a word. Sixteen at a time share a block; each but
// the first is written as the bytes that it has in common with the one before it, and the rest.
namespace lexical {

struct VocabularyArrays {
  std::vector<std::uint32_t> starts;  // of each block in bytes
  std::vector<std::byte> bytes;
};

// Takes words in ascending order, each once.
class VocabularyBuilder {
 public:
  void add(std::string_view word, std::uint64_t documents);
  VocabularyArrays finish() { return std::move(arrays_); }

 private:
  VocabularyArrays arrays_;
  std::string before_;
  std::size_t words_ = 0;
};

// A view of such arrays. Immutable; thread-safe.
class Vocabulary {
 public:
  Vocabulary() = default;
  Vocabulary(std::span<const std::uint32_t> starts, std::span<const std::byte> bytes)
      : starts_(starts), bytes_(bytes) {}

  class Reader {
   public:
    bool done() const { return done_; }
    const std::string& word() const { return word_; }
    std::uint64_t documents() const { return documents_; }
    void next();

   private:
    friend class Vocabulary;
    Reader(const Vocabulary& words, std::size_t block);

    const std::byte* at_;
    const std::byte* end_;
    std::size_t in_block_ = 0;
    bool done_ = false;
    std::string word_;
    std::uint64_t documents_ = 0;
  };

  // From the first word that is not less than `from`.
  Reader from(std::string_view from) const;

 private:
  std::string_view head(std::size_t block) const;

  std::span<const std::uint32_t> starts_;
  std::span<const std::byte> bytes_;
};

}  // namespace lexical
