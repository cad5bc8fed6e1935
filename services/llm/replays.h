#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "cache/cache.h"
#include "llm/asked.h"
#include "llm/talk.h"

namespace llm {

// Whole answers from the cache as they were told, by the very bytes of the question: who asks the
// same again gets them without anybody reading question and answer anew, which is most of what a
// hit costs. A short cut and no second cache: an answer counts only while the cache has the value
// that it was made of. On one thread.
class Replays {
 public:
  struct Question {
    const talk::Dialect* dialect = nullptr;
    std::string_view tenant;
    std::string_view body;
  };
  struct Told {
    std::string cache_key;
    cache::Value value;       // what the cache had
    std::string asked_model;  // as the gate wants to know it
    Asked::Most most;
    std::string model;
    std::string provider;
    talk::Usage usage;
    std::string head;  // the body up to the answer's id
    std::string tail;  // and from there on; empty when the dialect gives answers no id
  };
  using ToldRef = std::shared_ptr<const Told>;

  // Null when there is none.
  ToldRef find(const Question& question) const;
  void put(const Question& question, ToldRef told);

 private:
  struct Entry {
    const talk::Dialect* dialect = nullptr;
    std::string tenant;
    std::string body;
    ToldRef told;
    bool asked_in(const Question& question) const;
  };
  using Entries = std::unordered_map<std::uint64_t, Entry>;

  // When the newer ones are full, the older ones go: what is asked for often is put again.
  Entries newer_;
  Entries older_;
  std::size_t newer_bytes_ = 0;
};

}  // namespace llm
