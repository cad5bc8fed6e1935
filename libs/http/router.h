#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/http.h"

namespace http {

// Finds the handler of a request by method and path. Patterns are literal segments and {name}
// parameters ("/turns/{id}"); a literal segment wins over a parameter. Fill it, then share it:
// route() is const and thread-safe.
class Router {
 public:
  void add(Method method, std::string_view pattern, Handler handler);

  // Calls the handler; answers 404 with the path, or 405 with Allow. HEAD finds GET.
  void route(Request request, std::shared_ptr<Reply> reply) const;

  // Every "METHOD pattern", in the order added.
  std::vector<std::string> routes() const;

 private:
  struct Route {
    Method method;
    std::string pattern;
    std::vector<std::string> segments;
    Handler handler;
  };
  std::vector<Route> routes_;
};

}  // namespace http
