#include "characters/files.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <system_error>

namespace characters {
namespace {

namespace fs = std::filesystem;

// A descriptor that is closed in every case.
class File {
 public:
  File(const fs::path& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool good() const { return fd_ >= 0; }
  bool write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
  }
  bool sync() const { return ::fsync(fd_) == 0; }

 private:
  const int fd_;
};

}  // namespace

Error file_error(std::string_view what, const fs::path& path, std::string_view why) {
  return Error{Code::Unavailable, fmt::format("{} {}: {}", what, path.string(), why)};
}

Result<std::string> read_file(const fs::path& path, std::size_t bytes_max) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return file_error("cannot read", path, "no such file or no permission");
  std::string text(bytes_max + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return file_error("cannot read", path, "read failed");
  text.resize(static_cast<std::size_t>(in.gcount()));
  text.shrink_to_fit();
  if (text.size() > bytes_max) {
    return Error{Code::TooLarge,
                 fmt::format("{} exceeds {} bytes", path.filename().string(), bytes_max)};
  }
  return text;
}

Result<void> write_file(const fs::path& path, std::string_view bytes) {
  const fs::path draft = path.string() + ".new";
  {
    const File file(draft, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file.good() || !file.write(bytes) || !file.sync()) {
      const Error error = file_error("cannot write", draft, std::strerror(errno));
      ::unlink(draft.c_str());
      return error;
    }
  }
  std::error_code error;
  fs::rename(draft, path, error);
  if (error) return file_error("cannot write", path, error.message());
  return sync_folder(path.parent_path());
}

Result<void> sync_folder(const fs::path& folder) {
  const File file(folder, O_RDONLY | O_DIRECTORY);
  if (!file.good() || !file.sync()) {
    return file_error("cannot sync", folder, std::strerror(errno));
  }
  return {};
}

}  // namespace characters
