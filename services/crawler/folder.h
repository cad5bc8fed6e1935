#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace crawler {

// The folders that files may be read from, by their real paths. Immutable.
class Roots {
 public:
  // A colon between folders, as in PATH; those that do not exist are made.
  static Result<Roots> open(std::string_view list);

  // The real path of what a person named: absolute, or below the first root. InvalidArgument names
  // the setting when it lies outside of all roots, by whatever way; NotFound.
  Result<std::string> find(const std::string& path) const;

  const std::string& first() const { return folders_.front(); }

 private:
  bool contains(const std::string& path) const;
  std::vector<std::string> folders_;
};

struct FoundFile {
  std::string path;
  std::string skipped;  // why, when it is not to be read
};

struct Tree {
  std::vector<FoundFile> files;  // in order of their paths
  bool whole = true;             // false: there is more than the limits allow
  std::size_t unnamed = 0;       // skipped beyond skipped_max
};

struct WalkLimits {
  std::size_t files_max = 10'000;   // to be read
  std::size_t skipped_max = 1'000;  // that are named
  std::size_t entries_max = 100'000;
  int depth_max = 32;
};

// The files below a real path. Symbolic links are not followed, hidden files and folders are left
// out without a word, and what may hold credentials or is of a kind that is not read is noted.
Result<Tree> walk(const std::string& folder, const WalkLimits& limits);

// Reads a regular file, of which no part of the path may be a symbolic link by now. NotFound,
// TooLarge, PermissionDenied.
Result<std::string> read_file(const std::string& path, std::size_t bytes_max);

}  // namespace crawler
