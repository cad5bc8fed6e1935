#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "retriever/chunker.h"
#include "retriever/meaning.h"
#include "store/store.h"

namespace retriever {

struct Document {
  std::string id;  // empty: that of the same source, else a new one
  std::string collection;
  std::string source_type;
  std::string source_id;
  std::string title;
  std::string uri;
  std::string metadata = "{}";  // a JSON object
  std::string content;          // UTF-8; ill-formed bytes are replaced before spans are counted
};

struct Upserted {
  std::string id;
  std::size_t chunks = 0;
  bool unchanged = false;  // the same document was there already
};

// Whether a text is searched by related words, too.
enum class Expansion { Off, On };

struct Query {
  std::string text;
  Expansion expansion = Expansion::On;
  std::vector<std::string> collections;  // empty: all
  std::string filters;                   // a JSON object whose members the metadata must equal
  std::size_t top_k = 10;                // 1 to 50
  bool by_meaning = false;               // beside words; where Index::encoder_for() says so
};

struct Hit {
  std::string id;  // of the chunk: "document#ordinal"
  std::string document_id;
  std::string collection;
  std::string title;
  std::string uri;
  std::string text;
  double score = 0;  // of its ranks by words and by meaning, higher is better
  std::size_t start = 0;
  std::size_t end = 0;
  std::string metadata;
};

struct Found {
  std::vector<Hit> hits;
  bool by_meaning = false;  // false also when words were enough
};

struct Summary {
  std::string id;
  std::string collection;
  std::string title;
  std::string uri;
  std::size_t chunks = 0;
  std::size_t bytes = 0;
  std::int64_t created_ms = 0;
};

// A document as it was given, its content well-formed.
struct Stored {
  Document document;
  std::size_t chunks = 0;
  std::int64_t created_ms = 0;
};

struct Stats {
  std::size_t documents = 0;
  std::size_t chunks = 0;
  std::size_t bytes = 0;  // of the documents' texts
};

struct Collection {
  std::string name;
  Stats stats;
};

struct Erased {
  std::size_t documents = 0;
  bool all = false;  // false: the time was over before
};

// The knowledge base: documents and their chunks in SQLite, power-safe, searched by FTS5's BM25
// (Robertson and Zaragoza 2009; k1 1.2, b 0.75) over Porter stems, words of titles counting double,
// and by the meaning of their sentences, where that is known. The two rankings become one by
// reciprocal ranks. Thread-safe.
class Index {
 public:
  struct Options {
    std::string path;
    ChunkLimits chunks;
    std::size_t content_bytes_max = 512UL * 1024;
    std::size_t readers = 2;
    std::size_t cache_kib = 2048;  // of pages, for each connection
  };

  // `clock` and `meaning` must outlive the index. Without `meaning` words alone are searched.
  static Result<std::unique_ptr<Index>> open(Options options, const Clock& clock,
                                             Meaning* meaning = nullptr);

  // Adds a document or replaces the one with its id, without an id the one with its source. On disk
  // when it returns; a query sees the old chunks or the new ones, never both.
  Result<Upserted> upsert(Document document);
  // False when there was none.
  Result<bool> remove(const std::string& id);
  // The documents of a collection, in transactions of bounded size, the first also when it is
  // `until` already.
  Result<Erased> remove_collection(const std::string& collection, SteadyTime until);

  // The best chunks for a text, whose words are never read as query syntax. None when it has no
  // word; by words alone none when it has no word that carries meaning. By meaning is not searched
  // what words answer: where a sentence of their best hit has most of the question's.
  Result<Found> query(const Query& query) const;
  // The identity of the encoder by which these collections, none for all, can be searched by
  // meaning now; 0 when they cannot. Part of the key of whatever is cached about a query.
  std::int64_t encoder_for(const std::vector<std::string>& collections) const;

  Result<std::optional<Stored>> find(const std::string& id) const;
  // By id, those after the id `after`, which need not be there; an empty collection means all.
  Result<std::vector<Summary>> list(const std::string& collection, const std::string& after,
                                    std::size_t limit) const;
  // By name, those after the name `after`.
  Result<std::vector<Collection>> collections(const std::string& after, std::size_t limit) const;
  Result<Stats> stats() const;

  const Meaning* meaning() const { return meaning_; }

  // What the scribe needs. The keys of a collection's chunks, the newest first.
  Result<std::vector<std::int64_t>> chunk_keys(const std::string& collection,
                                               std::size_t limit) const;
  struct Vectors {
    std::int64_t chunk = 0;
    std::string text;   // of the chunk
    store::Blob bytes;  // empty: there are none of that encoder
  };
  // In their order, without chunks that are gone.
  Result<std::vector<Vectors>> vectors_of(std::span<const std::int64_t> chunks,
                                          std::int64_t encoder) const;
  // Those of chunks that are still there.
  Result<void> keep_vectors(const std::vector<Vectors>& made, std::int64_t encoder);

  // The settings that were made at run time, as one text; empty when there are none.
  Result<std::string> settings() const;
  Result<void> keep_settings(const std::string& text);

  // Grows with every change, also over restarts: part of the key of whatever is cached about this.
  std::int64_t generation() const { return version().generation; }
  // The generation with a random stamp, made with it, that no other index and no other history of
  // this one has: what is cached outside this process may come from either.
  struct Version {
    std::int64_t generation = 0;
    std::string stamp;
  };
  Version version() const;

 private:
  Index(Options options, const Clock& clock, std::unique_ptr<store::Database> database,
        Meaning* meaning);
  Result<void> change(const store::Work& work);
  void adopt(Version version);

  const Options options_;
  const Clock& clock_;
  const std::unique_ptr<store::Database> database_;
  Meaning* const meaning_;
  mutable std::mutex mutex_;
  Version version_;
};

// The words that a text is searched by, none twice by its stem, few enough for one search.
struct Terms {
  std::vector<std::string> own;      // of the text, as they stand there
  std::vector<std::string> related;  // that it may also be told in
};
Terms terms_of(std::string_view text, Expansion expansion = Expansion::On);

// The FTS5 expression for the terms of a text: quoted, joined by OR; empty when there are none.
std::string match_expression(std::string_view text, Expansion expansion = Expansion::On);

}  // namespace retriever
