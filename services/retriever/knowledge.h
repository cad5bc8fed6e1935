#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cache/cache.h"
#include "contracts/retriever.h"
#include "retriever/index.h"

namespace retriever {

// Answers the contract's messages from an index. Replies to queries are kept under
// rag:{query_hash}:{version}: the hash (SHA-256) covers the words, collections, filters, top_k and
// what a context may hold, the version is the index's. Thread-safe.
class Knowledge {
 public:
  struct Options {
    std::size_t context_tokens_max = 10'000;
    Milliseconds ttl{3'600'000};
  };
  // All must outlive it.
  Knowledge(Index& index, cache::Cache& cache, Options options)
      : index_(index), cache_(cache), options_(options) {}

  Result<contracts::AddedDocument> add(const contracts::AddDocument& request);
  Result<contracts::DeletedDocument> remove(const contracts::DeleteDocument& request);
  // Waits for a cache that is remote.
  Result<contracts::QueryReply> query(const contracts::QueryRequest& request) const;
  Result<contracts::DocumentList> documents(const contracts::ListDocuments& request) const;

 private:
  Result<contracts::QueryReply> searched(const contracts::QueryRequest& request,
                                         std::int64_t generation) const;

  Index& index_;
  cache::Cache& cache_;
  const Options options_;
};

// The hits as one text for a prompt, the best first: "[1] title", a line end, the chunk, a blank
// line. Ends before the first that does not fit: half a fact may be a wrong one.
std::string context_of(const std::vector<contracts::Hit>& hits, std::size_t tokens_max);

}  // namespace retriever
