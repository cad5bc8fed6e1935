#include "messaging/keys.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "json/codec.h"

namespace messaging {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kKeyBytes = 40;

Error cannot(std::string_view what, const fs::path& path, std::string_view why) {
  return {Code::InvalidArgument, fmt::format("keys: cannot {} {}: {}", what, path.string(), why)};
}

Result<void> make_private(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return cannot("make", directory, error.message());
  if (chmod(directory.c_str(), 0700) != 0) {
    return cannot("make private", directory, std::strerror(errno));
  }
  return {};
}

enum class Existing { Keep, Replace };

// The file is there, whole, or it is not: written aside, then linked or renamed.
Result<void> place(const fs::path& path, std::string_view text, mode_t mode, Existing existing) {
  std::string aside = path.string() + ".XXXXXX";
  const int file = mkstemp(aside.data());
  if (file < 0) return cannot("write", path, std::strerror(errno));
  const bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       fchmod(file, mode) == 0 && fsync(file) == 0;
  close(file);
  const bool placed = written && (existing == Existing::Replace
                                      ? rename(aside.c_str(), path.c_str()) == 0
                                      : link(aside.c_str(), path.c_str()) == 0 || errno == EEXIST);
  const std::string why = std::strerror(errno);
  unlink(aside.c_str());
  if (!placed) return cannot("write", path, why);
  return {};
}

std::string read_text(const fs::path& path) {
  const std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

Result<KeyPair> make_pair() {
  std::array<char, kKeyBytes + 1> public_key{};
  std::array<char, kKeyBytes + 1> secret_key{};
  if (zmq_curve_keypair(public_key.data(), secret_key.data()) != 0) {
    return Error{Code::Internal, "keys: this ZeroMQ was built without CURVE"};
  }
  return KeyPair{public_key.data(), secret_key.data()};
}

Result<KeyPair> open_pair(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    const KeyPair made = TRY(make_pair());
    TRY(place(path, json::encode(made) + "\n", 0600, Existing::Keep));  // the first one's stays
  }
  auto pair = json::decode<KeyPair>(std::string_view(read_text(path)));
  if (!pair) return cannot("use", path, pair.error().message);
  std::array<char, kKeyBytes + 1> derived{};
  if (zmq_curve_public(derived.data(), pair.value().secret_key.c_str()) != 0 ||
      pair.value().public_key != derived.data()) {
    return cannot("use", path, "its public key is not that of its secret key");
  }
  return pair;
}

}  // namespace

Result<Keys> open_keys(const std::string& directory, const std::string& service) {
  const fs::path root(directory);
  TRY(make_private(root));
  TRY(make_private(root / "clients"));
  Keys keys;  // not built in one expression: g++ 12 leaks what stands before a TRY that returns
  keys.directory = directory;
  keys.server = TRY(open_pair(root / "server.key"));
  keys.own = TRY(open_pair(root / (service + ".key")));
  const fs::path known = root / "clients" / (service + ".pub");
  const std::string line = keys.own.public_key + "\n";
  if (read_text(known) != line) TRY(place(known, line, 0644, Existing::Replace));
  return keys;
}

std::string owner_of(const std::string& directory, std::string_view public_key) {
  std::error_code error;
  for (fs::directory_iterator entry(fs::path(directory) / "clients", error), end;
       !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() != ".pub") continue;
    std::string key = read_text(entry->path());
    key.resize(std::min(key.size(), kKeyBytes));
    if (key == public_key) return entry->path().stem().string();
  }
  return {};
}

}  // namespace messaging
