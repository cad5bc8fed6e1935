#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "characters/forms.h"

namespace characters {

// One accepted card of a character.
struct Version {
  int number = 0;  // from 1, never used twice
  std::uint64_t bytes = 0;
  std::int64_t written_ms = 0;  // since 1970
};

// What is kept of each character beside its card: the last accepted versions, and the picture or
// archive that it came in. Lies in one folder per character, so that all of it can go at once. Not
// thread-safe: the library's lock guards it.
class History {
 public:
  History(std::filesystem::path folder, int versions_max)
      : folder_(std::move(folder)), versions_max_(versions_max) {}

  // The number of `card`: the newest version's when that is the same, else of a new one.
  Result<int> keep(std::string_view id, std::string_view card);

  // Oldest first.
  std::vector<Version> versions(std::string_view id) const;
  Result<std::string> card(std::string_view id, int number) const;

  Result<void> keep_carrier(std::string_view id, Form form, std::string_view bytes);
  // Empty when the character did not come in that form.
  Result<std::string> carrier(std::string_view id, Form form) const;

  Result<void> forget(std::string_view id);

 private:
  std::filesystem::path folder_of(std::string_view id) const;

  const std::filesystem::path folder_;
  const int versions_max_;
};

}  // namespace characters
