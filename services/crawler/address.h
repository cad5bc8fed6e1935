#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

// Which addresses of the internet a stranger's URL may make this machine connect to: those that
// anybody could reach, and none that only this machine or its network can. Pure.
namespace crawler {

// Whether an address in figures is one of the public internet. Everything is refused that the IANA
// registries of special-purpose addresses (RFC 6890 and its updates) do not call globally
// reachable, and for IPv6 all outside 2000::/3: loopback, private, link-local (with it the metadata
// services of clouds), shared (CGNAT), multicast, documentation, benchmarking, reserved. An IPv6
// address that carries an IPv4 one (mapped, NAT64, 6to4, Teredo) is refused as well: who can be
// reached that way can be reached by its own address. So is one with a zone.
bool public_address(std::string_view address);

// Places that may be connected to although they are not public, or on another port than 80 and 443,
// as "host:port": tests, an intranet. Immutable.
class AllowedPlaces {
 public:
  // A comma between entries; InvalidArgument names the one that is no host:port.
  static Result<AllowedPlaces> parse(std::string_view list);

  bool contains(std::string_view host, std::uint16_t port) const;

 private:
  std::vector<std::string> places_;  // lower case
};

// Whether `host`, of `address`, may be connected to at `port`.
bool may_connect(const AllowedPlaces& allowed, std::string_view host, std::string_view address,
                 std::uint16_t port);

}  // namespace crawler
