#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "contracts/characters.h"
#include "coordinator/attention.h"
#include "coordinator/vocabulary.h"

namespace coordinator {

// A cast with all that is derived from its cards once, for every scene. Immutable: thread-safe.
class Company {
 public:
  struct Topic {
    std::vector<std::string> stems;  // all of them name it
    double affinity = 0;             // 0 to 1
  };

  Company(std::vector<contracts::Character> cast = {});  // NOLINT: a cast is a company

  const std::vector<contracts::Character>& cast() const { return cast_; }
  const Names& names() const { return names_; }
  const Vocabulary& vocabulary() const { return vocabulary_; }
  const std::vector<Topic>& topics(std::size_t who) const { return topics_[who]; }
  std::uint64_t id() const { return id_; }  // no other company of this process has it

 private:
  std::vector<contracts::Character> cast_;
  Names names_;
  Vocabulary vocabulary_;
  std::vector<std::vector<Topic>> topics_;
  std::uint64_t id_;
};

}  // namespace coordinator
