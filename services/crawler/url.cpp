#include "crawler/url.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/utf8.h"

namespace crawler {
namespace {

Error invalid(std::string_view why) { return {Code::InvalidArgument, fmt::format("URL: {}", why)}; }

bool digit(char c) { return c >= '0' && c <= '9'; }
bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// The scheme in front of a colon, in lower case, or nothing.
std::string scheme_of(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || !letter(text.front())) return {};
  const auto scheme = text.substr(0, colon);
  const bool plain = std::all_of(scheme.begin(), scheme.end(), [](char c) {
    return letter(c) || digit(c) || c == '+' || c == '-' || c == '.';
  });
  return plain ? ascii_lower(scheme) : std::string();
}

// As browsers do: what cannot stand in a URL is percent-encoded, what is encoded stays.
std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f ||
        std::string_view("\"<>\\^`{|}").find(c) != std::string::npos) {
      out += fmt::format("%{:02X}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

// RFC 3986 section 5.2.4.
std::string without_dots(std::string_view path) {
  std::vector<std::string_view> kept;
  bool folder = false;
  path.remove_prefix(std::min<std::size_t>(1, path.size()));
  for (;;) {
    const auto slash = path.find('/');
    const auto segment = path.substr(0, slash);
    folder = segment == "." || segment == "..";
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (segment != ".") {
      kept.push_back(segment);
    }
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  std::string out;
  for (const auto segment : kept) out.append("/").append(segment);
  if (folder || out.empty()) out += '/';
  return out;
}

std::string target_of(std::string_view path, std::string_view query) {
  return without_dots(encoded(path)) + encoded(query);
}

Result<std::string> host_of(std::string_view text) {
  std::string host = ascii_lower(text);
  if (host.starts_with('[')) {
    std::array<unsigned char, 16> bytes{};
    if (!host.ends_with(']') ||
        inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), bytes.data()) != 1) {
      return invalid("the address in brackets is none, or has a zone");
    }
    return host;
  }
  if (host.ends_with('.')) host.pop_back();
  const bool name = std::all_of(host.begin(), host.end(), [](char c) {
    return letter(c) || digit(c) || c == '-' || c == '.' || c == '_';
  });
  if (host.empty() || host.size() > 253 || !name || host.find("..") != std::string::npos) {
    return invalid("the host is no name in ASCII (others are written xn--...)");
  }
  // A last label of figures, or 0x..., makes it an IPv4 address in one of its many spellings.
  const auto last = host.substr(host.rfind('.') + 1);
  const bool figures =
      last.empty() || last.starts_with("0x") || std::all_of(last.begin(), last.end(), digit);
  std::array<unsigned char, 4> bytes{};
  if (figures && inet_pton(AF_INET, host.c_str(), bytes.data()) != 1) {
    return invalid("an IPv4 address is written as four decimal numbers");
  }
  return host;
}

struct Parts {
  std::string_view path;
  std::string_view query;  // with its question mark
};

Parts split(std::string_view text) {
  const auto mark = text.find('?');
  if (mark == std::string_view::npos) return {text, {}};
  return {text.substr(0, mark), text.substr(mark)};
}

Result<Url> with_authority(std::string scheme, std::string_view rest) {
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?\\"));
  if (authority.find('@') != std::string_view::npos) return invalid("no user and password allowed");
  const auto bracket = authority.rfind(']');
  const auto colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  Url url;
  url.host = TRY(host_of(authority.substr(0, colon)));
  url.port = scheme == "https" ? "443" : "80";
  if (colon != std::string_view::npos && colon + 1 < authority.size()) {
    const auto port = authority.substr(colon + 1);
    if (port.size() > 5 || !std::all_of(port.begin(), port.end(), digit)) {
      return invalid("the port is no number");
    }
    const int number = std::stoi(std::string(port));
    if (number < 1 || number > 65535) return invalid("the port must be 1 to 65535");
    url.port = std::to_string(number);
  }
  url.scheme = std::move(scheme);
  const auto [path, query] = split(rest.substr(authority.size()));
  url.target = target_of(path, query);
  return url;
}

}  // namespace

std::string Url::origin() const {
  const bool own = port == (scheme == "https" ? "443" : "80");
  return own ? fmt::format("{}://{}", scheme, host) : fmt::format("{}://{}:{}", scheme, host, port);
}

Result<Url> parse_url(std::string_view text) {
  text = trimmed(text);
  if (text.size() > kUrlBytesMax) return invalid("too long");
  text = text.substr(0, text.find('#'));
  std::string scheme = scheme_of(text);
  if (scheme != "http" && scheme != "https") return invalid("must begin with http:// or https://");
  text.remove_prefix(scheme.size() + 1);
  if (!text.starts_with("//")) return invalid("must begin with http:// or https://");
  auto url = TRY(with_authority(std::move(scheme), text.substr(2)));
  if (url.text().size() > kUrlBytesMax) return invalid("too long");
  return url;
}

Result<Url> resolve(const Url& base, std::string_view reference) {
  reference = trimmed(reference);
  if (reference.size() > kUrlBytesMax) return invalid("too long");
  reference = reference.substr(0, reference.find('#'));
  if (!scheme_of(reference).empty()) return parse_url(reference);
  if (reference.starts_with("//")) return parse_url(fmt::format("{}:{}", base.scheme, reference));
  Url url = base;
  const Parts old = split(base.target);
  const auto [path, query] = split(reference);
  if (path.starts_with('/')) {
    url.target = target_of(path, query);
  } else if (!path.empty()) {
    const std::string_view folder = old.path.substr(0, old.path.rfind('/') + 1);
    url.target = target_of(fmt::format("{}{}", folder, path), query);
  } else if (!query.empty()) {
    url.target = target_of(old.path, query);
  }
  if (url.text().size() > kUrlBytesMax) return invalid("too long");
  return url;
}

}  // namespace crawler
