#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "llm/understudy_words.h"

// What kind of answer a sentence can give, and a question wants: "how much" wants money, and
// "costs 11 dollars" tells it. Pure; thread-safe.
namespace llm::understudy {

enum Kind : unsigned {
  kTellsMoney = 1,
  kTellsSpan = 2,      // "3 hours", "8 years"
  kTellsClock = 4,     // "at seven", "half past eight"
  kTellsDate = 8,      // a month
  kTellsWeekday = 16,  // "on Tuesdays"
  kTellsYear = 32,     // "1962"
  kTellsColour = 64,
  kTellsWeight = 128,
  kTellsLength = 256,  // inches, feet, miles
  kTellsHeat = 512,
  kTellsNumber = 1024,  // any
  kTellsName = 2048,    // introduces somebody or something: "a girl named Olivia", "my cousin Bob"
  kTellsPlace = 4096,
  kTellsReason = 8192,
  kTellsFullName = 16384,  // two capitalised words in a row
  kTellsAge = 32768,
  kTellsWho = 65536,      // names or mentions somebody
  kTellsPeople = 131072,  // mentions somebody by what he is: "a retired judge"
};

struct Wish {
  unsigned kinds = 0;          // any of them; 0: no kind in particular
  bool strict = false;         // without it the sentence is no answer
  std::uint64_t counted = 0;   // "how many toppings": what the number should stand by
  std::uint64_t measured = 0;  // "how tall": what the sentence must speak of
};

// The kinds that the sentence `text` with these tokens tells, but for kTellsPlace.
unsigned kinds_told(std::string_view text, const std::vector<Token>& tokens);

Wish wish_of(const std::vector<Token>& question);

}  // namespace llm::understudy
