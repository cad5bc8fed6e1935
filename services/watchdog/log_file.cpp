#include "watchdog/log_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <system_error>
#include <utility>
#include <vector>

namespace watchdog {
namespace {

constexpr std::string_view kCut = " [cut]";

std::filesystem::path numbered(const std::filesystem::path& file, int number) {
  return fmt::format("{}.{}", file.string(), number);
}

struct OldLog {
  std::filesystem::path path;
  std::filesystem::file_time_type time;
  std::uint64_t bytes = 0;
};

// The N of NAME.log.N; 0 of any other name.
int number_of(const std::filesystem::path& path) {
  const std::string digits = path.extension().string();
  int number = 0;
  if (path.stem().extension() != ".log" || digits.size() < 2) return 0;
  const char* const end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data() + 1, end, number);
  return read.ec == std::errc{} && read.ptr == end ? number : 0;
}

}  // namespace

std::int64_t born_ms(int descriptor, std::int64_t otherwise) {
  struct statx info {};
  if (::statx(descriptor, "", AT_EMPTY_PATH, STATX_BTIME | STATX_MTIME, &info) != 0) {
    return otherwise;
  }
  const auto& time = (info.stx_mask & STATX_BTIME) != 0 ? info.stx_btime : info.stx_mtime;
  return time.tv_sec * 1000 + time.tv_nsec / 1'000'000;
}

void rotate_files(const std::filesystem::path& file, int kept) {
  std::error_code ignored;
  for (int number = kept - 1; number >= 1; --number) {
    std::filesystem::rename(numbered(file, number), numbered(file, number + 1), ignored);
  }
  std::filesystem::rename(file, numbered(file, 1), ignored);
}

void prune_logs(const std::filesystem::path& folder, int kept, std::uint64_t bytes_max) {
  std::vector<OldLog> logs;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const int number = number_of(entry->path());
    std::error_code gone;
    if (number > kept) std::filesystem::remove(entry->path(), gone);
    if (number < 1 || number > kept) continue;
    OldLog log{entry->path(), entry->last_write_time(gone), entry->file_size(gone)};
    if (!gone) logs.push_back(std::move(log));
  }
  std::sort(logs.begin(), logs.end(),
            [](const OldLog& a, const OldLog& b) { return a.time > b.time; });
  std::uint64_t bytes = 0;
  for (const auto& log : logs) {
    bytes += log.bytes;
    std::error_code gone;
    if (bytes > bytes_max) std::filesystem::remove(log.path, gone);
  }
}

LogFile::LogFile(std::filesystem::path file, Options options, const Clock& clock)
    : file_(std::move(file)), options_(options), clock_(&clock) {}

Result<LogFile> LogFile::open(std::filesystem::path file, Options options, const Clock& clock) {
  std::error_code failed;
  std::filesystem::create_directories(file.parent_path(), failed);
  if (failed) {
    return Error(Code::Unavailable, fmt::format("cannot create {}: {}", file.parent_path().string(),
                                                failed.message()));
  }
  LogFile log(std::move(file), options, clock);
  TRY(log.reopen());
  return log;
}

Result<void> LogFile::reopen() {
  // Readable by the owner alone: a debug line may quote what people wrote.
  descriptor_ = Descriptor(::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (descriptor_.number() < 0) {
    return Error(Code::Unavailable,
                 fmt::format("cannot open {}: {}", file_.string(), ::strerror(errno)));
  }
  const auto size = ::lseek(descriptor_.number(), 0, SEEK_END);
  bytes_ = size > 0 ? static_cast<std::size_t>(size) : 0;
  const auto now = clock_->wall_ms();
  begun_ms_ = bytes_ == 0 ? now : born_ms(descriptor_.number(), now);
  return {};
}

void LogFile::write(std::string_view piece) {
  while (!piece.empty()) {
    const auto end = piece.find('\n');
    const auto part = piece.substr(0, end);
    if (!cutting_) {
      const auto room = options_.line_bytes_max - line_.size();
      line_.append(part.substr(0, room));
      if (part.size() > room) {
        line_.append(kCut);
        put_line();
        cutting_ = true;
      }
    }
    if (end == piece.npos) return;
    if (!cutting_) put_line();
    cutting_ = false;
    piece.remove_prefix(end + 1);
  }
}

void LogFile::finish() {
  if (!line_.empty()) put_line();
  cutting_ = false;
}

void LogFile::put_line() {
  last_line_ = line_;
  line_.push_back('\n');
  const bool full = bytes_ > 0 && bytes_ + line_.size() > options_.bytes_max;
  const bool old = bytes_ > 0 && clock_->wall_ms() - begun_ms_ > options_.age_max.count();
  if (full || old) rotate();
  // A rotation on a full disk may have left none; the disk may have recovered since.
  if (descriptor_.number() < 0) [[maybe_unused]]
    const auto reopened = reopen();
  const auto written = ::write(descriptor_.number(), line_.data(), line_.size());
  const auto taken = written > 0 ? static_cast<std::size_t>(written) : 0;
  bytes_ += taken;
  bytes_lost_ += line_.size() - taken;
  line_.clear();
}

// What cannot be renamed is written on, and tried again at the next line.
void LogFile::rotate() {
  rotate_files(file_, options_.kept);
  prune_logs(file_.parent_path(), options_.kept, options_.kept_bytes_max);
  [[maybe_unused]] const auto reopened = reopen();
}

}  // namespace watchdog
