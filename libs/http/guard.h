#pragma once

#include <optional>
#include <string>
#include <vector>

#include "http/http.h"

namespace http {

// Refuses what a web page elsewhere could make a browser send to a door on loopback (DESIGN
// section 6): a Host that is not the door's own (DNS rebinding), a foreign Origin, or
// Sec-Fetch-Site: cross-site. `hosts` are accepted beside localhost and IP literals of loopback;
// "*" accepts any Host, and the Origin that equals it. Nothing when the request may pass, else the
// 403 or 421 to answer.
std::optional<Response> refuse_foreign(const Request& request,
                                       const std::vector<std::string>& hosts);

}  // namespace http
