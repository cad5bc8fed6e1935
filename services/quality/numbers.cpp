#include "quality/numbers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <unordered_map>

namespace quality {
namespace {

struct Named {
  std::string_view words;  // cardinal and ordinal
  std::int64_t value;
};
constexpr std::array kNames{Named{"zero", 0},
                            Named{"one first", 1},
                            Named{"two second twice", 2},
                            Named{"three third thrice", 3},
                            Named{"four fourth", 4},
                            Named{"five fifth", 5},
                            Named{"six sixth", 6},
                            Named{"seven seventh", 7},
                            Named{"eight eighth", 8},
                            Named{"nine ninth", 9},
                            Named{"ten tenth", 10},
                            Named{"eleven eleventh", 11},
                            Named{"twelve twelfth dozen noon midnight", 12},
                            Named{"thirteen thirteenth", 13},
                            Named{"fourteen fourteenth", 14},
                            Named{"fifteen fifteenth", 15},
                            Named{"sixteen sixteenth", 16},
                            Named{"seventeen seventeenth", 17},
                            Named{"eighteen eighteenth", 18},
                            Named{"nineteen nineteenth", 19},
                            Named{"twenty twentieth", 20},
                            Named{"thirty thirtieth", 30},
                            Named{"forty fortieth", 40},
                            Named{"fifty fiftieth", 50},
                            Named{"sixty sixtieth", 60},
                            Named{"seventy seventieth", 70},
                            Named{"eighty eightieth", 80},
                            Named{"ninety ninetieth", 90},
                            Named{"hundred hundredth", 100},
                            Named{"thousand thousandth", 1000},
                            Named{"million", 1'000'000}};

using Values = std::unordered_map<std::uint64_t, std::int64_t>;

const Values& values() {
  static const Values kValues = [] {
    Values all;
    for (const Named& named : kNames) {
      for (const Word& word : read_text(named.words).words) all.emplace(word.hash, named.value);
    }
    return all;
  }();
  return kValues;
}

const Word& conjunction() {
  static const Word kAnd = read_word("and");
  return kAnd;
}

// The value of digits, with or without an ending: 12, 1940s, 9th.
bool read_digits(std::string_view written, std::int64_t& value) {
  const auto [end, error] = std::from_chars(written.data(), written.data() + written.size(), value);
  const auto left = written.data() + written.size() - end;
  return error == std::errc() && end != written.data() && left <= 2;
}

// A number in words as it grows: "two hundred and twelve" is 2, times 100, plus 12.
class Spelled {
 public:
  explicit Spelled(std::int64_t first) { take(first); }

  // Whether `more` can go on the number: hundreds after units, thousands once and before the rest.
  bool take(std::int64_t more) {
    if (more >= 1000) {
      if (more >= scale_) return false;
      total_ += std::max<std::int64_t>(1, group_) * more;
      scale_ = more;
      group_ = 0;
    } else if (more == 100) {
      if (group_ >= 100) return false;
      group_ = std::max<std::int64_t>(1, group_) * 100;
    } else {
      const bool tens = last_ >= 20 && last_ < 100 && more < 10;
      if (last_ >= 0 && last_ < 100 && !tens) return false;
      group_ += more;
    }
    last_ = more;
    return true;
  }
  bool takes_and() const { return last_ >= 100; }
  std::int64_t value() const { return total_ + group_; }

 private:
  std::int64_t total_ = 0;
  std::int64_t group_ = 0;
  std::int64_t scale_ = 1'000'000'000;
  std::int64_t last_ = -1;
};

// Reads on from the word at `at`, whose value is known.
Number read_words(const Text& text, std::size_t at, std::int64_t value) {
  Spelled spelled(value);
  Number number{value, at, 1, false};
  for (std::size_t i = at + 1; i < text.words.size(); ++i) {
    const bool joined = text.words[i].hash == conjunction().hash && spelled.takes_and();
    if (joined && ++i == text.words.size()) break;
    const auto next = values().find(text.words[i].hash);
    if (next == values().end() || !spelled.take(next->second)) break;
    number.words = i + 1 - at;
  }
  number.value = spelled.value();
  return number;
}

}  // namespace

std::vector<Number> read_numbers(const Text& text) {
  std::vector<Number> all;
  for (std::size_t i = 0; i < text.words.size(); ++i) {
    const std::string_view written = text.written(text.words[i]);
    if (written[0] >= '0' && written[0] <= '9') {
      Number number{0, i, 1, true};
      if (!read_digits(written, number.value)) continue;
      // 1,200 and 160,000 are written as two words.
      while (i + 1 < text.words.size() && text.words[i + 1].start == text.words[i].end + 1 &&
             text.raw[text.words[i].end] == ',' && text.written(text.words[i + 1]).size() == 3) {
        std::int64_t rest = 0;
        if (!read_digits(text.written(text.words[i + 1]), rest) || number.value > 1'000'000) break;
        number.value = number.value * 1000 + rest;
        ++number.words;
        ++i;
      }
      all.push_back(number);
      continue;
    }
    const auto found = values().find(text.words[i].hash);
    if (found == values().end()) continue;
    all.push_back(read_words(text, i, found->second));
    i += all.back().words - 1;
  }
  return all;
}

}  // namespace quality
