#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "watchdog/log_file.h"

namespace watchdog {

// The log of the watchdog itself, when `troupe up --detach` has pointed its output to a file:
// renamed when it is full or old, and the output pointed to a new one. There is no pipe in between,
// so that the last words of a watchdog that falls are on disk. Not thread-safe.
class OwnLog {
 public:
  // Nothing when `outputs` do not lead to `file`. `clock` must outlive it.
  static std::optional<OwnLog> adopt(std::filesystem::path file, LogFile::Options options,
                                     const Clock& clock, std::vector<int> outputs = {1, 2});

  // Renames the file when it is time; for every few seconds.
  void check();

 private:
  OwnLog(std::filesystem::path file, LogFile::Options options, const Clock& clock,
         std::vector<int> outputs);

  std::filesystem::path file_;
  LogFile::Options options_;
  const Clock* clock_;
  std::vector<int> outputs_;
  std::int64_t begun_ms_;
};

}  // namespace watchdog
