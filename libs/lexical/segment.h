#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "lexical/dictionary.h"
#include "lexical/postings.h"
#include "lexical/vocabulary.h"

// A closed set of documents with their posting lists, in memory or in a mapped file of the same
// arrays. A document's slot is its rank by id, so that ties and ranges of ids cost nothing.
// Immutable; thread-safe. What was deleted since is kept beside it, by the Index.
namespace lexical {

inline constexpr std::uint32_t kSegmentDocumentsMax = 1U
                                                      << 24U;  // a slot shares 32 bits with a code
inline constexpr std::size_t kSegmentPostingBytesMax = 3'500'000'000;  // offsets have 32 bits

struct SegmentArrays {
  std::vector<std::uint64_t> ids;  // ascending
  DictionaryArrays lists;          // where in postings
  DictionaryArrays singles;        // terms of one document: slot << 8 | code
  std::vector<std::byte> postings;
  std::vector<std::byte> positions;
  VocabularyArrays words;
};

// Takes the posting lists of a segment by ascending key.
class SegmentWriter {
 public:
  // About so many bytes of postings and positions will come.
  SegmentWriter(std::size_t posting_bytes, std::size_t position_bytes)
      : postings_(posting_bytes, position_bytes) {}

  // `list` ascends and is not empty.
  void add(TermKey key, std::span<const Posting> list);
  std::size_t posting_bytes() const { return postings_.postings().size(); }
  // How many documents the word's list has; 0 where none was added.
  std::uint32_t documents(TermKey word) const;
  SegmentArrays finish(std::vector<std::uint64_t> ids, VocabularyArrays words);

 private:
  DictionaryBuilder lists_;
  DictionaryBuilder singles_;
  PostingWriter postings_;
  std::vector<std::pair<TermKey, std::uint32_t>> words_;  // of each word's list the documents
};

class Segment {
 public:
  static std::shared_ptr<const Segment> of(SegmentArrays arrays);
  // As segment::File::open; all of it is verified.
  static Result<std::shared_ptr<const Segment>> open(const std::string& path);
  ~Segment();
  Result<void> save(const std::string& path) const;

  std::uint32_t documents() const { return static_cast<std::uint32_t>(ids_.size()); }
  std::span<const std::uint64_t> ids() const { return ids_; }
  std::optional<std::uint32_t> slot(std::uint64_t id) const;

  // Empty where no document has the term.
  PostingList list(TermKey key) const;
  const Vocabulary& words() const { return words_; }
  std::size_t bytes() const;
  std::size_t posting_bytes() const { return postings_.size(); }
  std::size_t position_bytes() const { return positions_.size(); }

  // Goes through all terms by ascending key.
  class Reader {
   public:
    explicit Reader(const Segment& segment);
    bool done() const { return lists_.done() && singles_.done(); }
    TermKey key() const { return single_ ? singles_.key() : lists_.key(); }
    // The term's only posting, if it is filed without a list.
    std::optional<Posting> single() const;
    PostingList list() const;
    void next();

   private:
    void choose() {
      single_ = lists_.done() || (!singles_.done() && singles_.key() < lists_.key());
    }

    const Segment* segment_;
    Dictionary::Reader lists_;
    Dictionary::Reader singles_;
    bool single_ = false;
  };

 private:
  struct Views;  // the arrays as they are named in a file

  explicit Segment(const Views& views, std::shared_ptr<const void> owner);
  PostingList list_at(TermKey key, std::uint32_t at) const;

  std::shared_ptr<const void> owner_;  // of the memory that all spans are in
  std::unique_ptr<const Views> views_;
  std::span<const std::uint64_t> ids_;
  Dictionary lists_;
  Dictionary singles_;
  std::span<const std::byte> postings_;
  std::span<const std::byte> positions_;
  Vocabulary words_;
};

}  // namespace lexical
