#include "watchdog/own_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace watchdog {

std::optional<OwnLog> OwnLog::adopt(std::filesystem::path file, LogFile::Options options,
                                    const Clock& clock, std::vector<int> outputs) {
  struct stat there {};
  if (::stat(file.c_str(), &there) != 0) return std::nullopt;
  const bool all = std::all_of(outputs.begin(), outputs.end(), [&](int output) {
    struct stat here {};
    return ::fstat(output, &here) == 0 && here.st_dev == there.st_dev &&
           here.st_ino == there.st_ino;
  });
  if (!all || outputs.empty()) return std::nullopt;
  return OwnLog(std::move(file), options, clock, std::move(outputs));
}

OwnLog::OwnLog(std::filesystem::path file, LogFile::Options options, const Clock& clock,
               std::vector<int> outputs)
    : file_(std::move(file)),
      options_(options),
      clock_(&clock),
      outputs_(std::move(outputs)),
      begun_ms_(born_ms(outputs_.front(), clock.wall_ms())) {}

void OwnLog::check() {
  struct stat status {};
  if (::fstat(outputs_.front(), &status) != 0 || status.st_size == 0) return;
  const bool full = static_cast<std::size_t>(status.st_size) > options_.bytes_max;
  const bool old = clock_->wall_ms() - begun_ms_ > options_.age_max.count();
  if (!full && !old) return;
  rotate_files(file_, options_.kept);
  prune_logs(file_.parent_path(), options_.kept, options_.kept_bytes_max);
  const Descriptor fresh(::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (fresh.number() < 0) return;  // the old one is written on
  for (const int output : outputs_) ::dup2(fresh.number(), output);
  begun_ms_ = clock_->wall_ms();
}

}  // namespace watchdog
