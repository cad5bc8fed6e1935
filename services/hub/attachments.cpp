#include "hub/attachments.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "crypto/crypto.h"
#include "hub/refusal.h"

namespace hub {
namespace {

// Written and synced before anybody is told of it; the folder's entry as well.
bool write_synced(const std::string& folder, const std::string& path, std::string_view bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return false;
  bool good = true;
  while (good && !bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    good = written > 0;
    if (good) bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  good = good && ::fsync(file) == 0;
  ::close(file);
  const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  good = good && directory >= 0 && ::fsync(directory) == 0;
  if (directory >= 0) ::close(directory);
  if (!good) ::unlink(path.c_str());
  return good;
}

std::string escaped(std::string_view name) {
  std::string text;
  for (const char c : name) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '.' || c == '-' || c == '_';
    text += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return text;
}

}  // namespace

std::string_view content_type_of(std::string_view bytes) {
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return "image/png";
  if (bytes.starts_with("\xff\xd8\xff")) return "image/jpeg";
  if (bytes.starts_with("GIF87a") || bytes.starts_with("GIF89a")) return "image/gif";
  if (bytes.starts_with("RIFF") && bytes.substr(0, 12).ends_with("WEBP")) return "image/webp";
  return "application/octet-stream";
}

Result<std::unique_ptr<Attachments>> Attachments::open(Options options) {
  std::error_code error;
  std::filesystem::create_directories(options.folder, error);
  auto made = std::unique_ptr<Attachments>(new Attachments(std::move(options)));
  const std::string& folder = made->options_.folder;
  if (error || ::chmod(folder.c_str(), 0700) != 0) {
    return Error{Code::PermissionDenied, fmt::format("{}: cannot be made", folder)};
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    made->bytes_ += static_cast<std::int64_t>(entry.file_size(error));
  }
  return made;
}

std::string Attachments::file_of(Snowflake id) const {
  return fmt::format("{}/{}", options_.folder, id);
}

Result<void> Attachments::keep(Snowflake id, std::string_view bytes) {
  const auto size = static_cast<std::int64_t>(bytes.size());
  if ((bytes_ += size) > options_.bytes_max) {
    bytes_ -= size;
    return Error{Code::Overloaded, "no room for more attachments"};
  }
  if (write_synced(options_.folder, file_of(id), bytes)) return {};
  bytes_ -= size;
  return Error{Code::Unavailable, "attachment: cannot be written"};
}

void Attachments::forget(Snowflake id) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file_of(id), error);
  if (!error && std::filesystem::remove(file_of(id), error)) {
    bytes_ -= static_cast<std::int64_t>(size);
  }
}

void Attachments::sweep(std::vector<Snowflake> known) {
  std::sort(known.begin(), known.end());
  std::error_code error;
  std::vector<Snowflake> orphans;
  for (const auto& entry : std::filesystem::directory_iterator(options_.folder, error)) {
    const auto id = snowflake_of(entry.path().filename().string());
    if (id && !std::binary_search(known.begin(), known.end(), *id)) orphans.push_back(*id);
  }
  for (const Snowflake id : orphans) forget(id);
}

std::string Attachments::signature(Snowflake channel, Snowflake id, std::string_view name) const {
  return crypto::hex(crypto::hmac_sha256(options_.key, fmt::format("{}/{}/{}", channel, id, name)))
      .substr(0, 32);
}

std::string Attachments::path_of(Snowflake channel, Snowflake id, std::string_view name) const {
  return fmt::format("/attachments/{}/{}/{}?hm={}", channel, id, escaped(name),
                     signature(channel, id, name));
}

http::Response Attachments::serve(Snowflake channel, Snowflake id, std::string_view name,
                                  std::string_view given) const {
  const auto missing = [] {
    return http::Response::json(Refusal{404, 0, "404: Not Found"}.json(), 404);
  };
  if (!crypto::equal(given, signature(channel, id, name))) return missing();
  std::ifstream file(file_of(id), std::ios::binary);
  if (!file) return missing();
  std::ostringstream bytes;
  bytes << file.rdbuf();
  http::Response response{200, {}, std::move(bytes).str()};
  const std::string_view type = content_type_of(response.body);
  response.headers.set("Content-Type", std::string(type));
  response.headers.set(
      "Content-Disposition",
      fmt::format("{}; filename*=UTF-8''{}", type.starts_with("image/") ? "inline" : "attachment",
                  escaped(name)));
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.headers.set("Content-Security-Policy", "default-src 'none'; sandbox");
  response.headers.set("Cache-Control", "private, max-age=31536000, immutable");
  return response;
}

}  // namespace hub
