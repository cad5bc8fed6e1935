#include "net/wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace net {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// What a character may be part of.
constexpr std::uint8_t kToken = 1;
constexpr std::uint8_t kValue = 2;

constexpr std::array<std::uint8_t, 256> kClasses = [] {
  std::array<std::uint8_t, 256> classes{};
  for (std::size_t c = 0; c < classes.size(); ++c) {
    if ((c >= 0x20 && c != 0x7f) || c == '\t') classes[c] |= kValue;
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter || (c >= '0' && c <= '9')) classes[c] |= kToken;
  }
  for (const char mark : std::string_view("!#$%&'*+-.^_`|~")) {
    classes[static_cast<unsigned char>(mark)] |= kToken;
  }
  return classes;
}();

bool all(std::string_view text, std::uint8_t wanted) {
  std::uint8_t seen = wanted;
  for (const char c : text) seen &= kClasses[static_cast<unsigned char>(c)];
  return seen != 0;
}

void append_line(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

template <class Number>
void append_number(std::string& out, Number number) {
  const fmt::format_int digits(number);
  out.append(digits.data(), digits.size());
}

void append_length(std::string& out, std::size_t bytes) {
  out.append("Content-Length: ");
  append_number(out, bytes);
  out.append("\r\n");
}

}  // namespace

bool token(std::string_view name) { return !name.empty() && all(name, kToken); }

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

bool framing_line(std::string_view name) {
  return same_word(name, "Content-Length") || same_word(name, "Transfer-Encoding") ||
         same_word(name, "Connection") || same_word(name, "Keep-Alive");
}

bool sendable(std::string_view name, std::string_view value) {
  return token(name) && all(value, kValue);
}

void append_head(std::string& out, const ResponseHead& head) {
  out.append("HTTP/1.1 ");
  append_number(out, head.status);
  out.push_back(' ');
  out.append(http::reason(head.status)).append("\r\n");
  for (const auto& [name, value] : head.headers.lines()) {
    if (sendable(name, value) && !framing_line(name)) append_line(out, name, value);
  }
  if (head.headers.count("Date") == 0) append_line(out, "Date", head.date);
  if (head.framing == Framing::Length) {
    append_length(out, head.length);
  } else if (head.framing == Framing::Chunked) {
    out.append("Transfer-Encoding: chunked\r\n");
  }
  if (!head.keep_alive) out.append("Connection: close\r\n");
  out.append("\r\n");
}

void append_chunk(std::string& out, std::string_view data) {
  std::array<char, 16> digits;
  const auto end = std::to_chars(digits.begin(), digits.end(), data.size(), 16).ptr;
  out.append(digits.begin(), end).append("\r\n").append(data).append("\r\n");
}

std::string http_date(std::time_t time) {
  constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm utc{};
  gmtime_r(&time, &utc);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                     kDays.at(static_cast<std::size_t>(utc.tm_wday)), utc.tm_mday,
                     kMonths.at(static_cast<std::size_t>(utc.tm_mon)), utc.tm_year + 1900,
                     utc.tm_hour, utc.tm_min, utc.tm_sec);
}

Result<Url> parse_url(std::string_view text, Scheme expected) {
  const auto invalid = [&](std::string_view why) {
    return Error{Code::InvalidArgument, fmt::format("URL: {}", why)};
  };
  if (std::any_of(text.begin(), text.end(), [](char c) { return c <= 0x20 || c >= 0x7f; })) {
    return invalid("only visible ASCII is allowed, the rest must be percent-encoded");
  }
  Url url;
  const std::size_t scheme_end = text.find("://");
  const std::string_view scheme = text.substr(0, std::min(scheme_end, text.size()));
  const std::string_view plain = expected == Scheme::Http ? "http" : "ws";
  const std::string_view secure = expected == Scheme::Http ? "https" : "wss";
  url.tls = same_word(scheme, secure);
  if (scheme_end == std::string_view::npos) {
    return invalid(fmt::format("must begin with {}:// or {}://", plain, secure));
  }
  if (!url.tls && !same_word(scheme, plain)) {
    return invalid(fmt::format("the scheme '{}' is not spoken here, only {} and {}",
                               scheme.substr(0, 32), plain, secure));
  }
  text.remove_prefix(scheme_end + 3);
  text = text.substr(0, text.find('#'));
  std::string_view authority = text.substr(0, text.find_first_of("/?"));
  url.target = std::string(text.substr(authority.size()));
  if (!url.target.starts_with('/')) url.target.insert(0, 1, '/');
  if (authority.find('@') != std::string_view::npos) return invalid("no user information allowed");

  const bool bracketed = authority.starts_with('[');
  const std::size_t bracket = authority.find(']');
  if (bracketed && bracket == std::string_view::npos) return invalid("'[' without ']'");
  const std::size_t colon = authority.find(':', bracketed ? bracket : 0);
  const std::string_view host = authority.substr(0, colon);
  url.host = std::string(bracketed ? host.substr(1, bracket - 1) : host);
  if (url.host.empty() || (bracketed && host.size() != bracket + 1)) return invalid("no host");
  const std::string_view default_port = url.tls ? "443" : "80";
  const std::string_view port =
      colon == std::string_view::npos ? default_port : authority.substr(colon + 1);
  const bool digits = !port.empty() && port.size() <= 5 &&
                      port.find_first_not_of("0123456789") == std::string_view::npos;
  if (!digits || std::stoi(std::string(port)) < 1 || std::stoi(std::string(port)) > 65535) {
    return invalid("the port must be 1 to 65535");
  }
  url.port = std::string(port);
  url.authority = std::string(host);
  if (port != default_port) url.authority.append(":").append(port);
  return url;
}

Result<void> append_request_head(std::string& out, http::Method method, const Url& url,
                                 const http::Headers& headers, std::size_t body_bytes) {
  out.append(http::name(method)).append(" ").append(url.target).append(" HTTP/1.1\r\n");
  if (headers.count("Host") == 0) append_line(out, "Host", url.authority);
  for (const auto& [name, value] : headers.lines()) {
    if (!sendable(name, value)) {
      return Error{Code::InvalidArgument, "a request header holds a character that cannot be sent"};
    }
    if (!framing_line(name)) append_line(out, name, value);
  }
  const bool with_body =
      method == http::Method::Post || method == http::Method::Put || method == http::Method::Patch;
  if (with_body || body_bytes > 0) append_length(out, body_bytes);
  out.append("\r\n");
  return {};
}

}  // namespace net
