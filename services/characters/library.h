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
#include "characters/shipped.h"

namespace characters {

// A character with what it knows.
struct Member {
  Card card;
  std::string knowledge;  // Markdown, may be empty
};

// All characters at one moment, by id. Immutable: readers hold a snapshot.
struct Cast {
  std::map<std::string, std::shared_ptr<const Member>, std::less<>> members;

  const Member* find(std::string_view id) const;
  std::vector<const Card*> others_than(std::string_view id) const;
};

struct Change {
  std::string id;
  bool removed = false;
  friend bool operator==(const Change&, const Change&) = default;
};

// A card file that could not be used; the character's last good version stays on stage.
struct BadCard {
  std::string file;
  Error error;
};

struct Reload {
  std::vector<Change> changes;    // by id
  std::vector<BadCard> problems;  // those that are new since the last reload
};

// The card folder: every NAME.json in it is a character, with its knowledge file beside it. A first
// start fills the folder with the shipped cast; from then on it belongs to the operator.
// Thread-safe: cast() from anywhere; reload() does file I/O and is called by one thread at a time.
class Library {
 public:
  static constexpr std::size_t kCardsMax = 256;
  static constexpr std::size_t kKnowledgeBytesMax = 512 * 1024;

  // Opens the folder, filling it with `shipped` when there is none or it is empty. Loads nothing:
  // call reload().
  static Result<std::unique_ptr<Library>> open(std::filesystem::path folder,
                                               std::span<const ShippedFile> shipped);

  // Reads what was added or changed (by time and size) and forgets what is gone.
  Result<Reload> reload();

  std::shared_ptr<const Cast> cast() const;

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
    std::string problem;  // of the last load; empty: none
    std::shared_ptr<const Member> good;
  };

  explicit Library(std::filesystem::path folder);

  std::optional<Stamp> stamp(const std::string& file) const;
  Result<std::vector<std::string>> card_files() const;
  Result<void> load(const std::string& file, Entry& entry);
  bool id_taken(const std::string& id, const std::string& file) const;
  std::vector<Change> publish();

  const std::filesystem::path folder_;
  std::map<std::string, Entry> entries_;  // by file name; only reload() touches it

  mutable std::mutex mutex_;
  std::shared_ptr<const Cast> cast_;
};

}  // namespace characters
