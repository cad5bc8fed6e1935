#include "http/router.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/utf8.h"

namespace http {
namespace {

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const std::string_view segment = path.substr(0, path.find('/'));
    segments.emplace_back(segment);
    path.remove_prefix(segment.size());
  }
  return segments;
}

bool parameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

// The number of literal segments when `pattern` fits `path`, or -1. Fills `params`.
int match(const std::vector<std::string>& pattern, const std::vector<std::string>& path,
          std::map<std::string, std::string>& params) {
  if (pattern.size() != path.size()) return -1;
  int literals = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (parameter(pattern[i])) {
      if (path[i].empty()) return -1;
      params[pattern[i].substr(1, pattern[i].size() - 2)] = path[i];
    } else if (pattern[i] == path[i]) {
      ++literals;
    } else {
      return -1;
    }
  }
  return literals;
}

}  // namespace

void Router::add(Method method, std::string_view pattern, Handler handler) {
  routes_.push_back({method, std::string(pattern), split(pattern), std::move(handler)});
}

void Router::route(Request request, std::shared_ptr<Reply> reply) const {
  const Method wanted = request.method == Method::Head ? Method::Get : request.method;
  // Most doors have no parameters, and nothing fits better than the same text.
  for (const Route& route : routes_) {
    if (route.method != wanted || route.pattern != request.path) continue;
    if (route.pattern.find('{') != std::string::npos) continue;
    return route.handler(std::move(request), std::move(reply));
  }
  const auto path = split(request.path);
  const Route* best = nullptr;
  int best_literals = -1;
  std::set<std::string_view> methods;
  for (const Route& route : routes_) {
    std::map<std::string, std::string> params;
    const int literals = match(route.segments, path, params);
    if (literals < 0) continue;
    if (route.method != wanted) {
      methods.insert(name(route.method));
    } else if (literals > best_literals) {
      best = &route;
      best_literals = literals;
      request.params = std::move(params);
    }
  }
  if (best != nullptr) return best->handler(std::move(request), std::move(reply));
  if (methods.empty()) {
    return reply->respond(Response::error(
        {Code::NotFound, fmt::format("no such door: {}", utf8_prefix(request.path, 200))}));
  }
  const std::string allowed = fmt::format("{}", fmt::join(methods, ", "));
  Response response =
      Response::error({Code::Unimplemented, fmt::format("{} is not allowed here, only {}",
                                                        name(request.method), allowed)});
  response.status = 405;
  response.headers.set("Allow", allowed);
  reply->respond(std::move(response));
}

std::vector<std::string> Router::routes() const {
  std::vector<std::string> all;
  for (const Route& route : routes_) {
    all.push_back(fmt::format("{} {}", name(route.method), route.pattern));
  }
  return all;
}

}  // namespace http
