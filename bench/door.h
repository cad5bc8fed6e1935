#pragma once

#include <string>
#include <utility>

#include "json/json.h"
#include "net/net.h"

namespace bench {

// The doors of a stack as curl uses them: one call at a time, JSON in and out.
class Door {
 public:
  Result<json::Document> post(const std::string& url, std::string body) {
    net::ClientRequest request;
    request.method = http::Method::Post;
    request.url = url;
    request.headers.set("Content-Type", "application/json");
    request.body = std::move(body);
    return parsed(client_.fetch(std::move(request)));
  }

  Result<json::Document> get(const std::string& url) {
    net::ClientRequest request;
    request.url = url;
    return parsed(client_.fetch(std::move(request)));
  }

 private:
  static Result<json::Document> parsed(Result<http::Response> response) {
    const http::Response reply = TRY(std::move(response));
    if (reply.status >= 300) return Error(Code::Unavailable, reply.body);
    return json::Document::parse(reply.body);
  }

  net::Loop loop_;
  net::Client client_{loop_, net::Client::Options{}};
};

}  // namespace bench
