#include "quality/profile.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ids.h"
#include "base/utf8.h"
#include "json/codec.h"

namespace quality {
namespace {

// Of a name without the blanks around it, in lower case; asked for each line of a talk.
std::uint64_t name_hash(std::string_view name) {
  std::array<char, 64> lower{};
  const std::string_view bare = trimmed(name);
  if (bare.size() > lower.size()) return hash64(ascii_lower(bare));
  std::transform(bare.begin(), bare.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return hash64({lower.data(), bare.size()});
}

}  // namespace

std::uint64_t Cast::fingerprint_of(const std::vector<contracts::Character>& characters) {
  std::uint64_t fingerprint = 0;
  for (const auto& character : characters) {
    fingerprint = hash64(json::encode(character), fingerprint);
  }
  return fingerprint;
}

Cast::Cast(std::vector<contracts::Character> characters)
    : fingerprint_(fingerprint_of(characters)), voices_(characters) {
  for (auto& character : characters) {
    Profile profile;
    profile.index = profiles_.size();
    const auto know = [&](std::string_view text) {
      profile.vocabulary.insert_stems(read_text(text));
    };
    const auto name = [&](std::string_view text) {
      know(text);
      const Text words = read_text(text);
      name_stems_.insert_stems(words);
      for (const Word& word : words.words) {
        if (content_word(words, word)) profile.names.insert(word.hash);
      }
      by_name_.emplace(name_hash(text), profile.index);
    };
    name(character.id);
    name(character.name);
    for (const auto& alias : character.aliases) name(alias);
    // "Peter Griffin" is also called by the first word of the name.
    const std::string_view full = character.name;
    name(full.substr(0, full.find(' ')));
    for (const auto& phrase : character.phrases) {
      know(phrase);
      profile.phrases.add(phrase, 0);
    }
    for (const auto& word : character.words) know(word);
    for (const auto& example : character.examples) know(example);
    for (const auto& [topic, affinity] : character.topics) know(topic);
    by_id_.emplace(character.id, profile.index);
    profile.character = std::move(character);
    profiles_.push_back(std::move(profile));
  }
}

const Profile* Cast::find(std::string_view id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &profiles_[found->second];
}

const Profile* Cast::called(std::string_view name) const {
  const auto found = by_name_.find(name_hash(name));
  return found == by_name_.end() ? nullptr : &profiles_[found->second];
}

}  // namespace quality
