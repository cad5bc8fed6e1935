#include "http/guard.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"

namespace http {
namespace {

// The host of "name", "name:port", "[::1]:port", in lower case; empty when it is none of these.
std::string host_of(std::string_view authority) {
  const std::size_t end =
      authority.starts_with('[') ? authority.find(']') + 1 : authority.find(':');
  const std::string_view host = authority.substr(0, end);
  const std::string_view port = authority.substr(host.size());
  if (!port.empty() && port.find_first_not_of("0123456789", 1) != std::string_view::npos) return {};
  return port.empty() || port.front() == ':' ? ascii_lower(host) : std::string{};
}

bool own(std::string_view host, const std::vector<std::string>& hosts) {
  if (host == "localhost" || host == "127.0.0.1" || host == "[::1]") return true;
  return std::any_of(hosts.begin(), hosts.end(),
                     [&](const std::string& allowed) { return ascii_lower(allowed) == host; });
}

}  // namespace

std::optional<Response> refuse_foreign(const Request& request,
                                       const std::vector<std::string>& hosts) {
  if (request.headers.count("Host") != 1) {
    return Response::error({Code::InvalidArgument, "exactly one Host header is required"});
  }
  const std::string host = host_of(*request.headers.get("Host"));
  const bool any = std::find(hosts.begin(), hosts.end(), "*") != hosts.end();
  if (!any && !own(host, hosts)) {
    Response response = Response::error(
        {Code::PermissionDenied,
         fmt::format("Host '{}' is not served here", utf8_prefix(utf8_repaired(host), 100))});
    response.status = 421;
    return response;
  }
  if (const auto site = request.headers.get("Sec-Fetch-Site"); site && *site == "cross-site") {
    return Response::error({Code::PermissionDenied, "cross-site requests are refused"});
  }
  if (const auto origin = request.headers.get("Origin")) {
    const std::size_t scheme = origin->find("://");
    const std::string from =
        scheme == std::string_view::npos ? std::string{} : host_of(origin->substr(scheme + 3));
    // Where any Host is accepted, a page may still talk only to the one that it came from.
    if (from.empty() || (from != host && !own(from, hosts))) {
      return Response::error({Code::PermissionDenied, "foreign Origin refused"});
    }
  }
  return std::nullopt;
}

}  // namespace http
