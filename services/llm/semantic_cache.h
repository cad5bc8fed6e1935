#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "llm/wording.h"

// Finds the answer to a question that was asked before in other words: the nearest embedding of
// the same tenant, if what the two questions say agrees (wording.h).
namespace llm {

// The cosine of two vectors of any length; 0 when one is zero or their dimensions differ.
double cosine(std::span<const float> a, std::span<const float> b);

// An embedding without a model, of length 1 (all zero for a text without letters): hashed stems of
// the words that say something (wording.h) and 3-grams of their characters. It sees that texts
// share words, not that words share a meaning.
std::vector<float> built_in_embedding(std::string_view text);

struct SemanticCacheOptions {
  double threshold = 0.7;                    // the least cosine of a hit (bench/semantic)
  WordRule words = WordRule::Agree;          // MayDiffer only for the embeddings of a model
  std::size_t tenant_entries_max = 1024;     // bounds what one lookup reads
  std::size_t bytes_max = 16 * 1024 * 1024;  // of all tenants
  std::size_t text_bytes_max = 2048;         // longer texts are neither kept nor found
};

// It keeps embeddings, wordings and the keys of answers; the answers stay in the exact cache. When
// it is full, the tenant that uses the most gives up what it used the longest ago. Not thread-safe:
// one loop owns it. Time is passed in.
class SemanticCache {
 public:
  // What was asked. Two asks may share an answer only when `settings` are equal, which must cover
  // all but the last text: model, sampling, tools, format, system prompt, earlier messages, and the
  // name of the embedding model.
  struct Ask {
    std::string_view tenant;
    std::string_view settings;
    std::string_view text;
    std::span<const float> embedding;
  };
  struct Hit {
    std::string answer_key;
    double similarity = 0;
  };
  struct Counts {
    std::int64_t hits = 0;
    std::int64_t misses = 0;
    std::int64_t refused = 0;  // of the misses: near enough, but the wording disagreed
    std::int64_t evictions = 0;
    std::size_t entries = 0;
    std::size_t bytes = 0;
  };

  explicit SemanticCache(SemanticCacheOptions options) : options_(options) {}

  // The nearest entry that agrees.
  std::optional<Hit> find(const Ask& ask, SteadyTime now);
  // Keeps it until `expiry`; an entry of the same settings and text is replaced.
  void put(const Ask& ask, std::string answer_key, SteadyTime expiry);
  // Drops the entry that leads to an answer which is no longer there.
  void forget(std::string_view tenant, std::string_view answer_key);

  const Counts& counts() const { return counts_; }

 private:
  struct Entry {
    std::string settings;
    std::string text;
    std::vector<float> embedding;
    Wording wording;
    std::string answer_key;
    SteadyTime expiry;
    std::size_t bytes = 0;
  };
  struct Tenant {
    std::list<Entry> entries;  // the last used first
    std::size_t bytes = 0;
  };
  using Tenants = std::map<std::string, Tenant, std::less<>>;

  std::list<Entry>::iterator erase(Tenant& tenant, std::list<Entry>::iterator entry);
  void make_room(Tenant& newest);

  SemanticCacheOptions options_;
  Tenants tenants_;
  Counts counts_;
};

}  // namespace llm
