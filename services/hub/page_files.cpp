#include "hub/page_files.h"

#include <fmt/format.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "crypto/crypto.h"

namespace hub {
namespace {

constexpr std::uintmax_t kBytesMax = 16 * 1024 * 1024;

std::string type_of(const std::filesystem::path& path) {
  static const std::map<std::string, std::string> types = {
      {".html", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".svg", "image/svg+xml"},
      {".json", "application/json"},
      {".png", "image/png"},
      {".ico", "image/x-icon"},
      {".woff2", "font/woff2"},
      {".webmanifest", "application/manifest+json"}};
  const auto found = types.find(path.extension().string());
  return found == types.end() ? "application/octet-stream" : found->second;
}

// RFC 1952; empty when it saves nothing.
std::string gzip(const std::string& bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK) return {};
  std::string zipped(deflateBound(&stream, bytes.size()), '\0');
  // zlib does not change what it reads, yet takes no pointer to const.
  std::string input = bytes;
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(zipped.data());
  stream.avail_out = static_cast<uInt>(zipped.size());
  const bool done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  zipped.resize(stream.total_out);
  deflateEnd(&stream);
  return done && zipped.size() < bytes.size() ? zipped : std::string{};
}

// Its own origin is not enough for a WebSocket in every browser: that is named too.
void protect(http::Response& response, const http::Request& request) {
  const auto host = request.headers.get("Host").value_or("");
  response.headers.set(
      "Content-Security-Policy",
      fmt::format("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
                  "connect-src 'self' ws://{0} wss://{0}; form-action 'none'; "
                  "frame-ancestors 'none'; base-uri 'none'",
                  host));
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.headers.set("Referrer-Policy", "no-referrer");
}

}  // namespace

Result<PageFiles> PageFiles::read(const std::string& directory) {
  PageFiles page;
  std::error_code error;
  const std::filesystem::path root(directory);
  std::uintmax_t bytes = 0;
  if (directory.empty() || !std::filesystem::is_directory(root, error)) return page;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root, error)) {
    if (!entry.is_regular_file()) continue;
    if ((bytes += entry.file_size()) > kBytesMax) {
      return Error{Code::TooLarge, fmt::format("page: {} has more than 16 MiB", directory)};
    }
    std::ifstream file(entry.path(), std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    Asset asset;
    asset.bytes = std::move(text).str();
    asset.type = type_of(entry.path());
    asset.etag = fmt::format("\"{}\"", crypto::hex(crypto::sha256(asset.bytes)).substr(0, 32));
    asset.zipped = gzip(asset.bytes);
    page.files_["/" + entry.path().lexically_relative(root).generic_string()] = std::move(asset);
  }
  return page;
}

http::Response PageFiles::serve(const http::Request& request) const {
  const auto found = files_.find(request.path == "/" ? "/index.html" : request.path);
  if (found == files_.end()) {
    http::Response response =
        empty() && request.path == "/"
            ? http::Response::text("The hub is here; its page is not installed.\n")
            : http::Response::error({Code::NotFound, "there is no such page and no such door"});
    protect(response, request);
    return response;
  }
  const Asset& asset = found->second;
  http::Response response{200, {}, {}};
  protect(response, request);
  response.headers.set("ETag", asset.etag);
  // The bundler names what never changes by its content.
  response.headers.set("Cache-Control", request.path.starts_with("/assets/")
                                            ? "public, max-age=31536000, immutable"
                                            : "no-cache");
  response.headers.set("Vary", "Accept-Encoding");
  const auto known = request.headers.get("If-None-Match");
  if (known && known->find(asset.etag) != std::string_view::npos) {
    response.status = 304;
    return response;
  }
  response.headers.set("Content-Type", asset.type);
  const auto accepts = request.headers.get("Accept-Encoding");
  if (!asset.zipped.empty() && accepts && accepts->find("gzip") != std::string_view::npos) {
    response.headers.set("Content-Encoding", "gzip");
    response.body = asset.zipped;
  } else {
    response.body = asset.bytes;
  }
  return response;
}

}  // namespace hub
