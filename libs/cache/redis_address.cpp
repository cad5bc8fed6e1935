#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "cache/redis.h"

namespace cache {
namespace {

constexpr std::string_view kForm =
    "must be redis://[[user]:password@]host[:port][/database] or unix:///path";

Error wrong(std::string_view what) {
  return {Code::InvalidArgument, fmt::format("{}: {}", kForm, what)};
}

std::optional<int> number(std::string_view text, int max) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return {};
  if (value < 0 || value > max) return {};
  return value;
}

Result<std::string> percent_decoded(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i];
      continue;
    }
    unsigned byte = 0;
    const std::string_view digits = text.substr(i + 1, 2);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (digits.size() != 2 || error != std::errc{} || end != digits.data() + 2) {
      return wrong("a % without two hexadecimal digits");
    }
    plain += static_cast<char>(byte);
    i += 2;
  }
  return plain;
}

Result<void> read_credentials(std::string_view text, RedisAddress& address) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return wrong("a password stands behind a colon");
  address.user = TRY(percent_decoded(text.substr(0, colon)));
  address.password = TRY(percent_decoded(text.substr(colon + 1)));
  return {};
}

Result<void> read_host(std::string_view text, RedisAddress& address) {
  std::string_view port;
  if (text.starts_with('[')) {  // an IPv6 address
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return wrong("a bracket is not closed");
    address.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
  } else {
    address.host = text.substr(0, text.find(':'));
    port = text.substr(address.host.size());
  }
  if (address.host.empty()) return wrong("the host is missing");
  if (port.empty()) return {};
  const auto value = number(port.substr(1), 65535);
  if (port.front() != ':' || !value || *value == 0) return wrong("the port is not 1 to 65535");
  address.port = *value;
  return {};
}

}  // namespace

std::string RedisAddress::text() const {
  if (host.empty()) return "unix://" + path;
  return fmt::format("{}:{}/{}", host, port, database);
}

Result<RedisAddress> parse_redis_url(std::string_view url) {
  constexpr std::string_view kTcp = "redis://";
  constexpr std::string_view kUnix = "unix://";
  constexpr int kDatabaseMax = 1'000'000;
  RedisAddress address;
  if (url.find('\0') != std::string_view::npos) return wrong("a zero byte");
  if (url.starts_with(kUnix)) {
    address.path = url.substr(kUnix.size());
    // What a socket's address can hold.
    if (!address.path.starts_with('/')) return wrong("the path must be absolute");
    if (address.path.size() > 107) return wrong("the path is longer than 107 bytes");
    return address;
  }
  if (url.starts_with("rediss://")) return wrong("TLS is not supported");
  if (!url.starts_with(kTcp)) return wrong("another scheme");
  url.remove_prefix(kTcp.size());
  if (const std::size_t at = url.rfind('@'); at != std::string_view::npos) {
    TRY(read_credentials(url.substr(0, at), address));
    url.remove_prefix(at + 1);
  }
  const std::size_t slash = std::min(url.find('/'), url.size());
  TRY(read_host(url.substr(0, slash), address));
  const std::string_view database = url.substr(std::min(slash + 1, url.size()));
  if (database.empty()) return address;
  const auto value = number(database, kDatabaseMax);
  if (!value) return wrong("the database is not a number");
  address.database = *value;
  return address;
}

}  // namespace cache
