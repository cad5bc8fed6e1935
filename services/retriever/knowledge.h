#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "contracts/retriever.h"
#include "retriever/index.h"

namespace retriever {

// Answers the contract's messages from an index. Thread-safe.
class Knowledge {
 public:
  // `index` must outlive it.
  Knowledge(Index& index, std::size_t context_tokens_max)
      : index_(index), context_tokens_max_(context_tokens_max) {}

  Result<contracts::AddedDocument> add(const contracts::AddDocument& request);
  Result<contracts::DeletedDocument> remove(const contracts::DeleteDocument& request);
  Result<contracts::QueryReply> query(const contracts::QueryRequest& request) const;
  Result<contracts::DocumentList> documents(const contracts::ListDocuments& request) const;

 private:
  Index& index_;
  const std::size_t context_tokens_max_;
};

// The hits as one text for a prompt, the best first: "[1] title", a line end, the chunk, a blank
// line. Ends before the first that does not fit: half a fact may be a wrong one.
std::string context_of(const std::vector<contracts::Hit>& hits, std::size_t tokens_max);

}  // namespace retriever
