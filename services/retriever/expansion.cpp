#include "retriever/expansion.h"

#include <array>
#include <cstddef>
#include <string>
#include <unordered_map>

#include "lexical/analyser.h"
#include "lexical/thesaurus.h"

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

constexpr std::size_t kOthersMax = 8;  // of one word; more would cost the search its speed

constexpr std::size_t kTopicsMax = 5;  // of a word that is widened

using Table = std::unordered_map<std::string, std::vector<std::string_view>>;

void add_group(Table& table, std::string_view group) {
  const auto words = lexical::words(group);
  for (const auto& word : words) {
    auto& others = table[lexical::stem(word.text)];
    for (const auto& other : words) {
      if (other.start == word.start || others.size() == kOthersMax) continue;
      others.push_back(group.substr(other.start, other.end - other.start));
    }
  }
}

// Synonyms come before what is only related. What is at home in many topics ("time", "go") would
// drown the words that tell.
Table make_table() {
  Table table;
  std::unordered_map<std::string, std::size_t> topics_of;
  for (const std::string_view topic : lexical::topics()) {
    for (const auto& word : lexical::words(topic)) ++topics_of[lexical::stem(word.text)];
    add_group(table, topic);
  }
  std::erase_if(table, [&](const auto& entry) { return topics_of[entry.first] > kTopicsMax; });
  Table synonyms;
  for (const std::string_view group : kGroups) add_group(synonyms, group);
  for (auto& [word, others] : synonyms) {
    auto& all = table[word];
    all.insert(all.begin(), others.begin(), others.end());
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
