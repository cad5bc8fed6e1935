#include "retriever/expansion.h"

#include <array>
#include <cstddef>
#include <string>
#include <unordered_map>

#include "lexical/analyser.h"

namespace retriever {
namespace {

constexpr std::array<std::string_view, 45> kGroups{
    "age old",         "job work",      "profession work", "employed work",      "wife married",
    "husband married", "kids children", "kid child",       "movie film",         "meal food",
    "residence lives", "home lives",    "scared afraid",   "fear afraid",        "title called",
    "pal friend",      "begin began",   "bite bit",        "break broke",        "build built",
    "buy bought",      "catch caught",  "drink drank",     "drive drove",        "eat ate",
    "fall fell",       "fight fought",  "find found",      "fly flew",           "hide hid hidden",
    "leave left",      "lose lost",     "meet met",        "sell sold",          "sing sang",
    "sleep slept",     "speak spoke",   "steal stole",     "swim swam",          "teach taught",
    "tell told",       "wear wore",     "win won",         "write wrote written"};

using Table = std::unordered_map<std::string, std::vector<std::string_view>>;

Table make_table() {
  Table table;
  for (const std::string_view group : kGroups) {
    const auto words = lexical::words(group);
    for (const auto& word : words) {
      for (const auto& other : words) {
        if (other.start == word.start) continue;
        table[lexical::stem(word.text)].push_back(
            group.substr(other.start, other.end - other.start));
      }
    }
  }
  return table;
}

}  // namespace

std::vector<std::string_view> other_words(std::string_view word) {
  static const Table table = make_table();
  const auto found = table.find(lexical::stem(word));
  return found == table.end() ? std::vector<std::string_view>{} : found->second;
}

}  // namespace retriever
