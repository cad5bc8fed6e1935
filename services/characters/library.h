#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "characters/card.h"
#include "characters/history.h"
#include "characters/shipped.h"

namespace characters {

// A character with what it knows.
struct Member {
  Card card;
  std::string knowledge;  // Markdown, may be empty
  int version = 0;        // of the card; 0 when none could be kept
};

// A card file that could not be used; the character's last good version stays on stage.
struct BadCard {
  std::string file;
  std::string id{};  // whose it was before; may be empty
  Error error;
};

Error no_character(std::string_view id);

// All characters at one moment, by id. Immutable: readers hold a snapshot.
struct Cast {
  std::map<std::string, std::shared_ptr<const Member>, std::less<>> members;
  std::vector<BadCard> problems;  // of all files, by name
  std::uint64_t fingerprint = 0;  // of all cards: the same cast has the same in every process

  const Member* find(std::string_view id) const;
  std::vector<const Card*> others_than(std::string_view id) const;
};

struct Change {
  std::string id;
  bool removed = false;
  friend bool operator==(const Change&, const Change&) = default;
};

struct Reload {
  std::vector<Change> changes;    // by id
  std::vector<BadCard> problems;  // those that are new since the last reload
};

// What became of a card that was put.
struct Put {
  std::string id;
  std::string name;
  int version = 0;
  std::optional<Change> change;  // none when the card was this one already
};

// The card folder: every NAME.json in it is a character, with its knowledge file beside it. A first
// start fills the folder with the shipped cast; from then on it belongs to the operator, who may
// edit the files or put() new ones. Every accepted card becomes a version in the history.
// Thread-safe. All but cast() does file I/O, one caller at a time; cast() never waits for that.
class Library {
 public:
  static constexpr std::size_t kCardsMax = 256;
  static constexpr std::size_t kKnowledgeBytesMax = 512 * 1024;

  // Opens the folder, filling it with `shipped` when there is none or it is empty. Loads nothing:
  // call reload().
  static Result<std::unique_ptr<Library>> open(std::filesystem::path folder,
                                               std::span<const ShippedFile> shipped,
                                               int versions_max = 20);

  // Reads what was added or changed (by time and size) and forgets what is gone.
  Result<Reload> reload();

  std::shared_ptr<const Cast> cast() const;

  // Makes `package` the card of `id` (empty: of whom it says), who may be new. It is on disk and on
  // stage when this returns. With `expected` the present version must be that one (0: there is
  // none), else Conflict names it.
  Result<Put> put(std::string_view id, const Package& package, std::optional<int> expected);

  // Removes the card and its history; the knowledge file stays. As to `expected`: see put().
  Result<Change> remove(std::string_view id, std::optional<int> expected);

  // Versions of a character on stage, oldest first; NotFound when it is not.
  Result<std::vector<Version>> versions(std::string_view id) const;
  Result<std::string> version(std::string_view id, int number) const;
  // The picture or archive that the character came in; empty when it came in none.
  Result<std::string> carrier(std::string_view id, Form form) const;

 private:
  struct Stamp {
    std::filesystem::file_time_type time;
    std::uintmax_t bytes = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };

  // What is known of one card file. Absent stamps are files that were not there.
  struct Entry {
    std::optional<Stamp> card;
    std::optional<Stamp> knowledge;
    std::string knowledge_file;
    std::optional<Error> problem;  // of the last load
    std::shared_ptr<const Member> good;
  };

  Library(std::filesystem::path folder, int versions_max);

  std::optional<Stamp> stamp(const std::string& file) const;
  Result<std::vector<std::string>> card_files() const;
  Result<void> load(const std::string& file, Entry& entry);
  const std::string* file_of(std::string_view id) const;
  Result<std::string> file_for(const Card& card) const;
  Result<void> check_version(std::string_view id, std::optional<int> expected);
  std::vector<Change> publish();

  const std::filesystem::path folder_;

  // Held across file I/O on purpose: it gives the folder one writer, and no reader waits for it.
  mutable std::mutex folder_mutex_;
  History history_;
  std::map<std::string, Entry> entries_;  // by file name

  mutable std::mutex mutex_;
  std::shared_ptr<const Cast> cast_;
};

}  // namespace characters
