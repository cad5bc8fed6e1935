#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "watchdog/process.h"

namespace watchdog {

// Renames FILE to FILE.1, FILE.1 to FILE.2 and so on; what is beyond `kept` goes. What cannot be
// renamed stays.
void rotate_files(const std::filesystem::path& file, int kept);

// Removes rotated logs of `folder`, NAME.log.N, whoever wrote them: those beyond `kept`, then the
// oldest until what is left has at most `bytes_max`.
void prune_logs(const std::filesystem::path& folder, int kept, std::uint64_t bytes_max);

// When the open file came into being, or last changed where the file system does not know.
std::int64_t born_ms(int descriptor, std::int64_t otherwise);

// The output of one service on disk: FILE, and FILE.1 (younger) to FILE.5 (older), renamed when
// FILE is full or old.
//
// Whole lines only; a line without an end is cut at the limit. A disk that takes nothing costs the
// lines, which are counted, and never the caller. Not thread-safe.
class LogFile {
 public:
  struct Options {
    std::size_t bytes_max = 8 * 1024 * 1024;
    Milliseconds age_max = std::chrono::hours(24);
    int kept = 5;
    std::uint64_t kept_bytes_max = 256ULL * 1024 * 1024;  // of all rotated logs in the folder
    std::size_t line_bytes_max = 16 * 1024;
  };

  // Creates the folder, and goes on at the end of a file that is there. `clock` must outlive it.
  static Result<LogFile> open(std::filesystem::path file, Options options, const Clock& clock);

  // A new process writes from here on: last_line() is empty until it does.
  void begin() { last_line_.clear(); }
  // Takes output as it arrives, in pieces of any size.
  void write(std::string_view piece);
  // Writes a last line that has no end; for when the process has ended.
  void finish();

  // The last line written, without its end; what to show when a service falls.
  const std::string& last_line() const { return last_line_; }
  // Bytes that the disk did not take.
  std::uint64_t bytes_lost() const { return bytes_lost_; }

 private:
  LogFile(std::filesystem::path file, Options options, const Clock& clock);
  Result<void> reopen();
  void put_line();
  void rotate();

  std::filesystem::path file_;
  Options options_;
  const Clock* clock_;
  Descriptor descriptor_;
  std::size_t bytes_ = 0;
  std::int64_t begun_ms_ = 0;
  std::string line_;
  bool cutting_ = false;  // the rest of a line that was too long is dropped
  std::string last_line_;
  std::uint64_t bytes_lost_ = 0;
};

}  // namespace watchdog
