#pragma once

#include <string_view>

namespace llm {

// Whether what is sent to this URL leaves the own network: its host is neither an address of
// loopback, of this host (0.0.0.0/8 and ::), of a private, shared or link-local range (RFC 1918,
// 6598, 3927, 4193), nor a name that is of no public domain (without a dot, or ending in .local,
// .lan, .internal, .localhost, .home.arpa). Judged by the text alone: no name is looked up.
bool leaves_network(std::string_view url);

}  // namespace llm
