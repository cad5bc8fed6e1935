#pragma once

#include <string>

#include "cache/cache.h"
#include "quality/reviewer.h"

namespace quality {

// A reviewer that remembers what it said of a line. The key is
// qc:{response_hash}:{character}:{type}; the hash (SHA-256) covers the line, its last 20 lines,
// knowledge, threshold, settings and the cast. Thread-safe.
class CachedReviewer {
 public:
  // All must outlive it.
  CachedReviewer(const Reviewer& reviewer, const CastView& view, cache::Cache& cache,
                 Milliseconds ttl)
      : reviewer_(reviewer), view_(view), cache_(cache), ttl_(ttl) {}

  // As Reviewer::assess(); errors are not remembered. Waits for a cache that is remote.
  Result<contracts::Assessment> assess(const contracts::AssessRequest& request) const;

 private:
  const Reviewer& reviewer_;
  const CastView& view_;
  cache::Cache& cache_;
  Milliseconds ttl_;
};

}  // namespace quality
