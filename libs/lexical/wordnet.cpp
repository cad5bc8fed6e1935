#include "lexical/wordnet.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace lexical {
namespace {

constexpr std::size_t kWordBytesMax = 64;
constexpr std::size_t kWordsMax = 64;
constexpr std::size_t kPointersMax = 256;

// Takes the text up to the next space from the front of `rest`.
std::string_view next_field(std::string_view& rest) {
  const std::size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view field = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return field;
}

// 0 for what is no number.
std::uint32_t number(std::string_view text, int base = 10) {
  std::uint32_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

std::string_view line_at(std::string_view bytes, std::size_t start) {
  return bytes.substr(start, std::min(bytes.find('\n', start), bytes.size()) - start);
}

// The line whose first field is `key`, or nothing; the lines are sorted by their bytes.
std::string_view find_line(std::string_view bytes, std::string_view key) {
  std::size_t low = 0;
  std::size_t high = bytes.size();
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    const std::size_t before = middle == 0 ? bytes.npos : bytes.rfind('\n', middle - 1);
    const std::size_t start = before == bytes.npos ? 0 : before + 1;
    const std::string_view line = line_at(bytes, start);
    const std::string_view lemma = line.substr(0, line.find(' '));
    if (lemma == key && !line.starts_with(' ')) return line;
    if (lemma < key) {
      low = start + line.size() + 1;
    } else {
      high = start;
    }
  }
  return {};
}

WordNet::Part part_of(char c) {
  switch (c) {
    case 'v':
      return WordNet::Part::Verb;
    case 'a':
    case 's':
      return WordNet::Part::Adjective;
    case 'r':
      return WordNet::Part::Adverb;
    default:
      return WordNet::Part::Noun;
  }
}

// What an ending is detached to, by part of speech: morphy(7WN).
struct Ending {
  WordNet::Part part;
  std::string_view ending;
  std::string_view base;
};
constexpr Ending kEndings[] = {
    {WordNet::Part::Noun, "s", ""},        {WordNet::Part::Noun, "ses", "s"},
    {WordNet::Part::Noun, "xes", "x"},     {WordNet::Part::Noun, "zes", "z"},
    {WordNet::Part::Noun, "ches", "ch"},   {WordNet::Part::Noun, "shes", "sh"},
    {WordNet::Part::Noun, "men", "man"},   {WordNet::Part::Noun, "ies", "y"},
    {WordNet::Part::Verb, "s", ""},        {WordNet::Part::Verb, "ies", "y"},
    {WordNet::Part::Verb, "es", "e"},      {WordNet::Part::Verb, "es", ""},
    {WordNet::Part::Verb, "ed", "e"},      {WordNet::Part::Verb, "ed", ""},
    {WordNet::Part::Verb, "ing", "e"},     {WordNet::Part::Verb, "ing", ""},
    {WordNet::Part::Adjective, "er", ""},  {WordNet::Part::Adjective, "est", ""},
    {WordNet::Part::Adjective, "er", "e"}, {WordNet::Part::Adjective, "est", "e"},
};

}  // namespace

std::vector<std::string> WordNet::bases(Part part, std::string_view word) const {
  std::vector<std::string> found;
  std::string_view line = find_line(files(part).exceptions, word);
  next_field(line);
  while (!line.empty()) found.emplace_back(next_field(line));
  if (!found.empty()) return found;
  found.emplace_back(word);
  for (const Ending& ending : kEndings) {
    if (ending.part != part || !word.ends_with(ending.ending)) continue;
    if (word.size() < ending.ending.size() + 2) continue;
    std::string base(word.substr(0, word.size() - ending.ending.size()));
    found.push_back(base + std::string(ending.base));
    // "jogging": the doubled letter is no part of the base.
    const std::size_t size = base.size();
    if (part == Part::Verb && ending.base.empty() && size > 3 && base[size - 1] == base[size - 2]) {
      base.pop_back();
      found.push_back(std::move(base));
    }
  }
  return found;
}

bool WordNet::add_senses(Part part, std::string_view base, std::size_t each,
                         std::vector<Sense>& found) const {
  std::string_view line = find_line(files(part).index, base);
  if (line.empty()) return false;
  for (int skipped = 0; skipped < 3; ++skipped) next_field(line);
  const std::size_t symbols = number(next_field(line));
  for (std::size_t i = 0; i < symbols && !line.empty(); ++i) next_field(line);
  next_field(line);
  const std::size_t tagged = number(next_field(line));
  for (std::size_t rank = 0; rank < each && !line.empty(); ++rank) {
    const std::string_view field = next_field(line);
    if (field.empty()) break;  // the line ends in spaces
    found.push_back({part, number(field), rank, tagged});
  }
  return true;
}

std::vector<WordNet::Sense> WordNet::senses(std::string_view word, std::size_t each) const {
  std::vector<Sense> found;
  if (word.empty() || word.size() > kWordBytesMax) return found;
  for (std::size_t i = 0; i < kParts; ++i) {
    const Part part = static_cast<Part>(i);
    for (const std::string& base : bases(part, word)) {
      if (add_senses(part, base, each, found)) break;
    }
  }
  return found;
}

WordNet::Synset WordNet::synset(Part part, std::uint32_t offset) const {
  Synset synset;
  const std::string_view data = files(part).data;
  if (offset >= data.size()) return synset;
  std::string_view line = line_at(data, offset);
  const std::size_t bar = line.find(" | ");
  if (bar != line.npos) {
    synset.gloss = line.substr(bar + 3);
    line = line.substr(0, bar);
  }
  if (number(next_field(line)) != offset) return {};
  next_field(line);
  next_field(line);
  const std::size_t words = number(next_field(line), 16);
  for (std::size_t i = 0; i < std::min(words, kWordsMax) && !line.empty(); ++i) {
    synset.words.push_back(next_field(line));
    next_field(line);
  }
  const std::size_t pointers = number(next_field(line));
  for (std::size_t i = 0; i < std::min(pointers, kPointersMax) && !line.empty(); ++i) {
    Pointer pointer;
    pointer.symbol = next_field(line);
    pointer.offset = number(next_field(line));
    const std::string_view kind = next_field(line);
    pointer.part = part_of(kind.empty() ? 'n' : kind[0]);
    next_field(line);
    synset.pointers.push_back(pointer);
  }
  return synset;
}

std::string_view WordNet::sample(Part part, double where, std::size_t bytes) const {
  const std::string_view data = files(part).data;
  const auto at = static_cast<std::size_t>(where * static_cast<double>(data.size()));
  const std::size_t start = data.find('\n', std::min(at, data.size()));
  if (start == data.npos) return {};
  const std::string_view stretch = data.substr(start + 1, bytes);
  return stretch.substr(0, stretch.rfind('\n') + 1);
}

}  // namespace lexical
