#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "lexical/search.h"
#include "retriever/sentences.h"

namespace retriever {

// What makes vectors of sentences. Another identity makes others, that cannot be compared.
struct SentenceEncoder {
  std::int64_t identity = 0;
  std::function<encoder::Vector(std::string_view)> encode;
};

// The vectors of chunks' sentences, in memory, to find by meaning what shares no word with a
// question. A collection is searched when those of all its chunks are here: the scores of one that
// is half known would depend on chance. A scribe (scribe.h) brings them; those of a chunk that is
// gone may stay for a moment, so whoever searches looks whether the chunk is still there. The keys
// of chunks must never be used again. Thread-safe.
class Meaning {
 public:
  struct Limits {
    std::size_t chunks_max = 2'000;          // of a collection
    std::size_t bytes_max = 64UL << 20U;     // of all vectors together
    std::size_t collections_max = 10'000UL;  // that are known by name, some 200 bytes each
  };
  explicit Meaning(SentenceEncoder encoder, Limits limits)
      : encoder_(std::move(encoder)), limits_(limits) {}

  const SentenceEncoder& encoder() const { return encoder_; }
  const Limits& limits() const { return limits_; }

  // Whether all chunks of these collections, none for all there are, can be searched.
  bool covers(const std::vector<std::string>& collections) const;
  // The chunks of these collections, none for all, whose nearest sentence has the highest cosine,
  // best first; those that are far from the text are left out.
  std::vector<lexical::Hit> search(std::string_view text,
                                   const std::vector<std::string>& collections,
                                   std::size_t count) const;

  // While it lives, chunks of the collection may change: it is not searched from now on until the
  // scribe has been there after its end.
  class Change {
   public:
    Change(Meaning* meaning, std::string collection);  // nullptr: does nothing
    ~Change();
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;

   private:
    Meaning* const meaning_;
    const std::string collection_;
    const bool noted_;
  };
  // Chunks of the collection have gone, or may have.
  void changed(const std::string& collection);

  struct Stats {
    std::size_t chunks = 0;  // that can be searched
    std::size_t bytes = 0;   // of all vectors that are here
    bool settled = false;    // nothing is on its way
  };
  Stats stats() const;

  // All below is for the scribe. The next collection to look at, taken out; none when stopped or
  // after `at_most`.
  std::optional<std::string> next(const std::stop_token& stop, Milliseconds at_most);
  // Forgets the vectors of other chunks; gives those of these that are missing, in their order.
  std::vector<std::int64_t> keep_only(const std::string& collection,
                                      const std::vector<std::int64_t>& chunks);
  // False when there is no room; nor is there later for what the collection needed then.
  bool add(const std::string& collection, std::int64_t chunk, Sentences sentences);
  bool has_room(const std::string& collection) const;
  // All its chunks are here, as far as it has not changed since next() gave it.
  void complete(const std::string& collection);
  // It is searched by words until it changes.
  void leave_out(const std::string& collection);
  // The scribe has asked for every collection that was there at the start.
  void know_all();

 private:
  using Chunks = std::map<std::int64_t, std::shared_ptr<const Sentences>>;
  using Shown = std::vector<Chunks::value_type>;
  struct Collection {
    Chunks chunks;
    std::shared_ptr<const Shown> shown;  // what is searched: all of them, when last complete
    int changes = 0;                     // under way
    bool complete = false;
    std::size_t bytes = 0;
    std::size_t lacked = 0;  // bytes for which there was no room
  };

  bool begin(const std::string& collection);
  void end(const std::string& collection);
  Collection* entry(const std::string& name);
  bool ready(const std::string& name) const;
  std::vector<std::shared_ptr<const Shown>> shown(
      const std::vector<std::string>& collections) const;

  const SentenceEncoder encoder_;
  const Limits limits_;

  mutable std::mutex mutex_;
  std::condition_variable_any told_;
  std::map<std::string, Collection> collections_;
  std::set<std::string> changed_;  // that the scribe has to look at
  std::string last_;               // that next() gave
  std::size_t bytes_ = 0;
  bool listed_ = false;    // whatever is not among collections_ has no chunks, unless
  bool overfull_ = false;  // there was no room for a name
  bool busy_ = false;      // the scribe is looking at one
};

}  // namespace retriever
