#include "crawler/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/utf8.h"

namespace crawler {
namespace {

struct Network {
  std::array<std::uint8_t, 16> bytes;
  unsigned bits;
};

// Everything special inside IPv4.
constexpr std::array<Network, 16> kSpecialV4{{{{0}, 8},
                                              {{10}, 8},
                                              {{100, 64}, 10},
                                              {{127}, 8},
                                              {{169, 254}, 16},
                                              {{172, 16}, 12},
                                              {{192, 0, 0}, 24},
                                              {{192, 0, 2}, 24},
                                              {{192, 31, 196}, 24},
                                              {{192, 52, 193}, 24},
                                              {{192, 88, 99}, 24},
                                              {{192, 168}, 16},
                                              {{198, 18}, 15},
                                              {{198, 51, 100}, 24},
                                              {{203, 0, 113}, 24},
                                              {{224}, 3}}};

// Everything special inside 2000::/3: IETF assignments with Teredo, documentation, 6to4, and the
// second block for documentation (RFC 9637).
constexpr std::array<Network, 4> kSpecialV6{{{{0x20, 0x01, 0x00}, 23},
                                             {{0x20, 0x01, 0x0d, 0xb8}, 32},
                                             {{0x20, 0x02}, 16},
                                             {{0x3f, 0xff, 0x00}, 20}}};

bool within(const std::uint8_t* address, const Network& network) {
  const std::size_t whole = network.bits / 8;
  if (!std::equal(address, address + whole, network.bytes.begin())) return false;
  const unsigned rest = network.bits % 8;
  if (rest == 0) return true;
  const unsigned mask = 0xffU << (8 - rest);
  return (address[whole] & mask & 0xff) == (network.bytes.at(whole) & mask & 0xff);
}

template <class Networks>
bool within_any(const std::uint8_t* address, const Networks& networks) {
  return std::any_of(networks.begin(), networks.end(),
                     [&](const Network& network) { return within(address, network); });
}

}  // namespace

bool public_address(std::string_view address) {
  const std::string text(address);
  std::array<std::uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) {
    return !within_any(bytes.data(), kSpecialV4);
  }
  // inet_pton takes no zone.
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) return false;
  return within(bytes.data(), {{0x20}, 3}) && !within_any(bytes.data(), kSpecialV6);
}

Result<AllowedPlaces> AllowedPlaces::parse(std::string_view list) {
  AllowedPlaces allowed;
  while (!list.empty()) {
    const std::string_view item = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), item.size() + 1));
    const std::string place = ascii_lower(trimmed(item));
    if (place.empty()) continue;
    const auto colon = place.rfind(':');
    const std::string port = colon == std::string::npos ? "" : place.substr(colon + 1);
    if (colon == 0 || port.empty() || port.size() > 5 ||
        port.find_first_not_of("0123456789") != std::string::npos) {
      return Error{Code::InvalidArgument,
                   fmt::format("allow_private: '{}' is not host:port", place.substr(0, 100))};
    }
    allowed.places_.push_back(place);
  }
  return allowed;
}

bool AllowedPlaces::contains(std::string_view host, std::uint16_t port) const {
  const bool v6 = host.find(':') != std::string_view::npos;
  const std::string place = v6 ? fmt::format("[{}]:{}", ascii_lower(host), port)
                               : fmt::format("{}:{}", ascii_lower(host), port);
  return std::find(places_.begin(), places_.end(), place) != places_.end();
}

bool may_connect(const AllowedPlaces& allowed, std::string_view host, std::string_view address,
                 std::uint16_t port) {
  if (allowed.contains(host, port)) return true;
  return (port == 80 || port == 443) && public_address(address);
}

}  // namespace crawler
