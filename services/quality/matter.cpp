#include "quality/matter.h"

#include <algorithm>
#include <unordered_map>

#include "lexical/thesaurus.h"

namespace quality {
namespace {

using Topics = std::vector<std::uint16_t>;

constexpr std::string_view kCommon = R"(
    thing people know think good great best better bad want make made say said says go goes went
    come came time day one two first last man guy dude buddy dear fellow girl boy new little
    big back never always still ever even yes yeah hey okay ok right got take took put let look see
    saw need love hate nobody somebody everybody anybody nothing something anything everything way
    lot thank sure maybe perhaps rather quite actually anyway today tomorrow yesterday week year
    keep gonna gotta without every enough many long tell told ask lol haha ha im ive also though
    already around away ago since another next give gave done three half least whole real whoa damn
    heh hehehe does anyone someone everyone holy crap oh sir frankly suppose believe merely heavens
    deuce blast find whoever favorite favourite sweet awesome)";

const std::unordered_map<std::uint64_t, Topics>& topics_by_stem() {
  static const std::unordered_map<std::uint64_t, Topics> kMap = [] {
    std::unordered_map<std::uint64_t, Topics> map;
    std::uint16_t index = 0;
    for (const std::string_view topic : lexical::topics()) {
      for (const Word& word : read_text(topic).words) map[word.stem].push_back(index);
      ++index;
    }
    return map;
  }();
  return kMap;
}

std::uint64_t kin_of(const Text& text, const Word& word) {
  constexpr std::size_t kBeginning = 5;
  const std::string_view written = text.written(word);
  return written.size() <= kBeginning ? word.stem : read_word(written.substr(0, kBeginning)).hash;
}

// Whether a word is too common to be a subject.
bool common_word(const Word& word) {
  static const HashSet kStems = [] {
    HashSet stems;
    stems.insert_stems(read_text(kCommon));
    return stems;
  }();
  return kStems.contains(word.stem);
}

}  // namespace

std::optional<Subject> read_subject(const Text& text, const Word& word) {
  if (common_word(word) || !content_word(text, word)) return std::nullopt;
  return Subject{word.stem, kin_of(text, word)};
}

Topics topics_of(const std::vector<Subject>& subjects) {
  Topics all;
  for (const Subject& subject : subjects) {
    const auto found = topics_by_stem().find(subject.stem);
    if (found == topics_by_stem().end()) continue;
    all.insert(all.end(), found->second.begin(), found->second.end());
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

Matter read_matter(const Text& text) {
  Matter matter;
  HashSet seen;
  for (const Word& word : text.words) {
    if (seen.contains(word.stem)) continue;
    const auto subject = read_subject(text, word);
    if (!subject) continue;
    seen.insert(word.stem);
    matter.subjects.push_back(*subject);
  }
  matter.topics = topics_of(matter.subjects);
  return matter;
}

}  // namespace quality
