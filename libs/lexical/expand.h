#pragma once

#include <memory>
#include <span>
#include <vector>

#include "lexical/search.h"

// The posting lists of a query's terms, found or made. Not thread-safe: one a query.
namespace lexical {

struct ResolvedTerm {
  const QueryTerm* term = nullptr;
  std::vector<PostingList> lists;  // one a part
  std::uint64_t documents = 0;
};

class Resolver {
 public:
  explicit Resolver(std::span<const Part> parts) : parts_(parts) {}
  ResolvedTerm resolve(const QueryTerm& term);

 private:
  PostingList phrase(const Segment& segment, std::span<const QueryTerm::PhraseWord> words);
  PostingList any(const Segment& segment, std::span<const TermKey> words);
  PostingList keep(std::span<const Posting> list);

  std::span<const Part> parts_;
  std::vector<std::unique_ptr<PostingWriter>> made_;  // lists lie in their memory
};

}  // namespace lexical
