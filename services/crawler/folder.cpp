#include "crawler/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "base/utf8.h"
#include "crawler/secrets.h"
#include "crawler/text.h"

namespace crawler {
namespace {

namespace fs = std::filesystem;

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Error error_of(int number, const std::string& path) {
  const std::string why = std::generic_category().message(number);
  const std::string text = fmt::format("{}: {}", path, why);
  if (number == ENOENT || number == ENOTDIR) return {Code::NotFound, text};
  if (number == ELOOP) return {Code::PermissionDenied, path + ": is a symbolic link"};
  if (number == EACCES || number == EPERM) return {Code::PermissionDenied, text};
  return {Code::Unavailable, text};
}

// Opens a real path step by step, so that a link put there meanwhile is not followed.
Result<Fd> open_real(const std::string& path, int flags) {
  constexpr int kAlways = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  Fd at(::open("/", O_DIRECTORY | O_CLOEXEC));
  const fs::path whole(path);
  for (auto part = whole.begin(); part != whole.end(); ++part) {
    if (*part == "/" || part->empty()) continue;
    const bool last = std::next(part) == whole.end();
    Fd next(::openat(at.get(), part->c_str(), kAlways | (last ? flags : O_PATH | O_DIRECTORY)));
    if (next.get() < 0) return error_of(errno, path);
    at = std::move(next);
  }
  return at;
}

class Walk {
 public:
  explicit Walk(const WalkLimits& limits) : limits_(limits) {}

  Result<void> visit(Fd folder, const std::string& path, int depth) {
    const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(folder.get()), ::closedir);
    if (entries == nullptr) return error_of(errno, path);
    const int at = folder.release();
    while (const dirent* entry = ::readdir(entries.get())) {
      const std::string name(entry->d_name);
      if (name == "." || name == "..") continue;
      if (++entries_ > limits_.entries_max) {
        tree_.whole = false;
        return {};
      }
      TRY(take(at, name, path + "/" + name, depth));
    }
    return {};
  }

  Tree take_tree() {
    std::sort(tree_.files.begin(), tree_.files.end(),
              [](const FoundFile& a, const FoundFile& b) { return a.path < b.path; });
    return std::move(tree_);
  }

 private:
  Result<void> take(int at, const std::string& name, const std::string& path, int depth) {
    struct stat info {};
    if (::fstatat(at, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return {};  // gone again
    const auto secret = secret_name(name);
    if (secret && *secret == "hidden") return {};
    if (!utf8_valid(path) || path.size() > 2000) {
      skip(utf8_repaired(utf8_prefix(path, 1000)), "its name cannot be written as text");
    } else if (S_ISLNK(info.st_mode)) {
      skip(path, "is a symbolic link");
    } else if (S_ISDIR(info.st_mode)) {
      return descend(at, name, path, depth);
    } else if (!S_ISREG(info.st_mode)) {
      skip(path, "is no regular file");
    } else if (secret) {
      skip(path, *secret);
    } else if (!format_of_name(name)) {
      skip(path, "files of this kind are not read");
    } else if (read_ == limits_.files_max) {
      tree_.whole = false;
    } else {
      ++read_;
      tree_.files.push_back({path, {}});
    }
    return {};
  }

  Result<void> descend(int at, const std::string& name, const std::string& path, int depth) {
    if (depth >= limits_.depth_max) {
      tree_.whole = false;
      skip(path, "lies too deep");
      return {};
    }
    Fd folder(::openat(at, name.c_str(), O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (folder.get() < 0) {
      tree_.whole = false;  // what is in it is not known to be gone
      skip(path, "cannot be opened");
      return {};
    }
    return visit(std::move(folder), path, depth + 1);
  }

  void skip(const std::string& path, std::string reason) {
    if (skipped_ == limits_.skipped_max) {
      ++tree_.unnamed;
      return;
    }
    ++skipped_;
    tree_.files.push_back({path, std::move(reason)});
  }

  const WalkLimits& limits_;
  Tree tree_;
  std::size_t entries_ = 0;
  std::size_t read_ = 0;
  std::size_t skipped_ = 0;
};

}  // namespace

Result<Roots> Roots::open(std::string_view list) {
  Roots roots;
  while (!list.empty()) {
    const std::string_view item = list.substr(0, list.find(':'));
    list.remove_prefix(std::min(list.size(), item.size() + 1));
    if (item.empty()) continue;
    std::error_code failed;
    fs::create_directories(fs::path(item), failed);
    const fs::path real = failed ? fs::path() : fs::canonical(fs::path(item), failed);
    if (failed || real == "/") {
      return Error{Code::InvalidArgument, fmt::format("roots: {} cannot be one", item)};
    }
    roots.folders_.push_back(real.string());
  }
  if (roots.folders_.empty()) return Error{Code::InvalidArgument, "roots: names no folder"};
  return roots;
}

bool Roots::contains(const std::string& path) const {
  return std::any_of(folders_.begin(), folders_.end(), [&](const std::string& folder) {
    return path == folder || path.starts_with(folder + "/");
  });
}

Result<std::string> Roots::find(const std::string& path) const {
  if (path.find('\0') != std::string::npos) {
    return Error{Code::InvalidArgument, "the path is none"};
  }
  const fs::path named = path.starts_with('/') ? fs::path(path) : fs::path(first()) / path;
  std::error_code failed;
  // Outside of the roots nobody is told what there is.
  const fs::path real = fs::weakly_canonical(named, failed);
  std::string found = real.string();
  while (found.size() > 1 && found.ends_with('/')) found.pop_back();
  if (failed || !contains(found)) {
    return Error{Code::InvalidArgument,
                 fmt::format("{}: lies outside of the folders that setting roots of the crawler "
                             "names (TROUPE_CRAWLER_ROOTS), the first is {}",
                             path, first())};
  }
  if (!fs::exists(found, failed)) return Error{Code::NotFound, fmt::format("{}: not there", path)};
  return found;
}

Result<Tree> walk(const std::string& folder, const WalkLimits& limits) {
  Walk walk(limits);
  Fd open = TRY(open_real(folder, O_RDONLY | O_DIRECTORY));
  TRY(walk.visit(std::move(open), folder, 0));
  return walk.take_tree();
}

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  const Fd file = TRY(open_real(path, O_RDONLY));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return error_of(errno, path);
  if (!S_ISREG(info.st_mode)) return Error{Code::PermissionDenied, path + ": is no regular file"};
  std::string bytes;
  std::array<char, 65536> piece{};
  for (;;) {
    const ssize_t got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0) return error_of(errno, path);
    if (got == 0) return bytes;
    bytes.append(piece.data(), static_cast<std::size_t>(got));
    if (bytes.size() > bytes_max) {
      return Error{Code::TooLarge, fmt::format("it has more than {} bytes", bytes_max)};
    }
  }
}

}  // namespace crawler
