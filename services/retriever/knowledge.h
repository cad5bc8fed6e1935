#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cache/cache.h"
#include "contracts/retriever.h"
#include "retriever/index.h"
#include "retriever/settings.h"

namespace retriever {

// Answers the contract's messages from an index. Replies to queries are kept under
// rag:{query_hash}:{version}: the hash (SHA-256) covers the words, collections, filters, top_k, the
// settings and whether meaning was searched, the version is the index's. Thread-safe.
class Knowledge {
 public:
  struct Options {
    Milliseconds ttl{3'600'000};
  };
  // All must outlive it.
  Knowledge(Index& index, const Settings& settings, cache::Cache& cache, Options options)
      : index_(index), settings_(settings), cache_(cache), options_(options) {}

  Result<contracts::AddedDocument> add(const contracts::AddDocument& request);
  Result<contracts::DeletedDocument> remove(const contracts::DeleteDocument& request);
  // Waits for a cache that is remote.
  Result<contracts::QueryReply> query(const contracts::QueryRequest& request) const;
  // The same search without the cache, and what it searched for; all but the time it took.
  Result<contracts::RagTestReply> test(const contracts::RagTest& request) const;

  Result<contracts::DocumentList> documents(const contracts::ListDocuments& request) const;
  Result<contracts::StoredDocument> document(const contracts::GetDocument& request) const;
  Result<contracts::CollectionList> collections(const contracts::ListCollections& request) const;
  // Ends in time to be answered by the deadline.
  Result<contracts::DeletedCollection> remove_collection(const contracts::DeleteCollection& request,
                                                         SteadyTime deadline);

 private:
  Result<Found> search(const contracts::QueryRequest& request,
                       const contracts::RagSettings& settings, bool by_meaning) const;

  Index& index_;
  const Settings& settings_;
  cache::Cache& cache_;
  const Options options_;
};

// The hits as one text for a prompt, the best first: "[1] title", a line end, the chunk, a blank
// line. Ends before the first that does not fit: half a fact may be a wrong one.
std::string context_of(const std::vector<contracts::Hit>& hits, std::size_t tokens_max);

}  // namespace retriever
