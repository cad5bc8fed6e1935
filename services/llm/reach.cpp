#include "llm/reach.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <string>

namespace llm {
namespace {

std::string host_of(std::string_view url) {
  if (const auto scheme = url.find("://"); scheme != url.npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  if (url.starts_with('[')) {
    url = url.substr(1, url.find(']') - 1);
  } else {
    url = url.substr(0, url.rfind(':'));
  }
  std::string host(url);
  for (char& c : host) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (host.ends_with('.')) host.pop_back();
  return host;
}

bool is_near_v4(std::uint32_t address) {
  struct Range {
    std::uint32_t from;
    int bits;
  };
  constexpr std::array<Range, 7> kNear{{{0x00000000, 8},
                                        {0x0a000000, 8},
                                        {0x64400000, 10},
                                        {0x7f000000, 8},
                                        {0xa9fe0000, 16},
                                        {0xac100000, 12},
                                        {0xc0a80000, 16}}};
  return std::any_of(kNear.begin(), kNear.end(), [&](const Range& range) {
    return (address >> (32 - range.bits)) == (range.from >> (32 - range.bits));
  });
}

bool is_near_v6(const in6_addr& address) {
  const auto* const bytes = address.s6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    return is_near_v4(std::uint32_t{bytes[12]} << 24 | std::uint32_t{bytes[13]} << 16 |
                      std::uint32_t{bytes[14]} << 8 | bytes[15]);
  }
  const bool local = (bytes[0] & 0xfe) == 0xfc;
  const bool link = bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
  return IN6_IS_ADDR_LOOPBACK(&address) || IN6_IS_ADDR_UNSPECIFIED(&address) || local || link;
}

}  // namespace

bool leaves_network(std::string_view url) {
  const std::string host = host_of(url);
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return !is_near_v4(ntohl(v4.s_addr));
  in6_addr v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) return !is_near_v6(v6);
  // Resolvers also take "2130706433" and "0x7f.1" for addresses.
  const std::size_t label = host.rfind('.') + 1;  // 0 where there is no dot
  if (label < host.size() && host[label] >= '0' && host[label] <= '9') return true;
  if (label == 0) return false;
  for (const auto* const end : {".local", ".lan", ".internal", ".localhost", ".home.arpa"}) {
    if (host.ends_with(end)) return false;
  }
  return true;
}

}  // namespace llm
