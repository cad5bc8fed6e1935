#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "contracts/characters.h"
#include "quality/text.h"
#include "quality/voice.h"

namespace quality {

// What is known of one character, computed once for all lines that are judged.
struct Profile {
  contracts::Character character;
  std::size_t index = 0;  // in the cast, and in a Voice
  HashSet names;          // words of its id, name and aliases
  PhraseSet phrases;
  HashSet vocabulary;  // stems of its lines, phrases, words, topics and names
};

// The characters on stage. Immutable; thread-safe.
class Cast {
 public:
  explicit Cast(std::vector<contracts::Character> characters);

  // By id; null when there is none.
  const Profile* find(std::string_view id) const;
  // The profile with that id, name or alias, in any case of letters; null when there is none.
  const Profile* called(std::string_view name) const;

  const std::vector<Profile>& profiles() const { return profiles_; }
  const VoiceModel& voices() const { return voices_; }
  const HashSet& name_stems() const { return name_stems_; }

  // The same for the same characters; what is concluded from a cast is keyed by it.
  std::uint64_t fingerprint() const { return fingerprint_; }
  static std::uint64_t fingerprint_of(const std::vector<contracts::Character>& characters);

 private:
  std::uint64_t fingerprint_;
  VoiceModel voices_;
  std::vector<Profile> profiles_;
  std::map<std::string, std::size_t, std::less<>> by_id_;
  std::unordered_map<std::uint64_t, std::size_t> by_name_;  // by hash, in any case of letters
  HashSet name_stems_;
};

// Where the cast comes from. Thread-safe.
class CastView {
 public:
  virtual ~CastView() = default;
  // Null as long as it has never been read.
  virtual std::shared_ptr<const Cast> cast() const = 0;
};

}  // namespace quality
