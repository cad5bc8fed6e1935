#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/fields.h"
#include "json/codec.h"
#include "messaging/node.h"

namespace messaging {

// Calls the methods of one service with message structs. A light handle: copy it freely; the node
// must outlive it. Thread-safe.
class Client {
 public:
  Client(Node& node, std::string service) : node_(&node), service_(std::move(service)) {}

  // Blocking; never on the node's thread.
  template <HasFields Reply, HasFields Request>
  Result<Reply> call(std::string method, const Request& request, CallOptions options) const {
    const std::string body = TRY(node_->call_and_wait(service_, std::move(method),
                                                      json::encode(request), std::move(options)));
    return decoded<Reply>(body);
  }

  // `done` is called once, on the node's thread.
  template <HasFields Reply, HasFields Request>
  CallId call(std::string method, const Request& request, CallOptions options,
              std::function<void(Result<Reply>)> done) const {
    return node_->call(service_, std::move(method), json::encode(request), std::move(options),
                       [service = service_, done = std::move(done)](Result<std::string> body) {
                         if (!body) return done(std::move(body).error());
                         done(decoded<Reply>(body.value()));
                       });
  }

  const std::string& service() const { return service_; }
  Node& node() const { return *node_; }

 private:
  template <HasFields Reply>
  static Result<Reply> decoded(const std::string& body) {
    auto reply = json::decode<Reply>(std::string_view(body));
    if (reply) return reply;
    // The peer's mistake, not the caller's.
    return Error{Code::Internal, "bad reply: " + reply.error().message};
  }

  Node* node_;
  std::string service_;
};

}  // namespace messaging
