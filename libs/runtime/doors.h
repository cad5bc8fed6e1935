#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/fields.h"
#include "http/http.h"
#include "http/router.h"
#include "json/codec.h"
#include "messaging/node.h"
#include "runtime/openapi.h"
#include "runtime/worker_pool.h"

// The doors of a process: every method is registered once and served over RPC and HTTP. A handler
// sees structs and returns a struct or an Error; decoding, replying, deadlines, counting and the
// catch-all are done here.
namespace runtime {

// The URL of a method. Of a GET or DELETE the request's members come from path and query, of a POST
// or PUT from the JSON body. The summary is one line of the OpenAPI document.
struct Route {
  http::Method method;
  std::string path;
  std::string summary{};
};
inline Route Get(std::string path, std::string summary = {}) {
  return {http::Method::Get, std::move(path), std::move(summary)};
}
inline Route Post(std::string path, std::string summary = {}) {
  return {http::Method::Post, std::move(path), std::move(summary)};
}
inline Route Put(std::string path, std::string summary = {}) {
  return {http::Method::Put, std::move(path), std::move(summary)};
}
inline Route Delete(std::string path, std::string summary = {}) {
  return {http::Method::Delete, std::move(path), std::move(summary)};
}

// What a handler may want to know of its call.
struct Call {
  SteadyTime deadline{};
  std::string traceparent{};
  std::function<bool()> gone = [] { return false; };  // nobody waits for the answer any more
  // Runs `callback` once, from any thread, when nobody waits any more.
  std::function<void(std::function<void()> callback)> on_gone = [](auto&&) {};
};

// The answer to a call that is answered later; from any thread, once.
template <class Reply>
using Answer = std::function<void(Result<Reply>)>;

class Doors {
 public:
  struct Options {
    std::string service;
    Milliseconds request_timeout{30'000};
  };
  // Everything must outlive the doors.
  Doors(Options options, messaging::Node& node, WorkerPool& workers);

  // A handler that may block: `Result<Reply> handler(const Request&[, const Call&])`. It runs on
  // the worker pool, or for an HTTP request that has a thread of its own on that.
  template <HasFields Request, HasFields Reply, class Handler>
  void method(const std::string& name, const Route& route, Handler handler) {
    add(name, route, types_of<Request, Reply>(route), Mode::Blocking,
        handle_of<Request, Reply>(std::move(handler)));
  }

  // As method(), for a handler that is over in microseconds: RPC calls run on the node's thread,
  // which saves two changes of thread a call. It must neither wait nor do I/O.
  template <HasFields Request, HasFields Reply, class Handler>
  void quick_method(const std::string& name, const Route& route, Handler handler) {
    add(name, route, types_of<Request, Reply>(route), Mode::Quick,
        handle_of<Request, Reply>(std::move(handler)));
  }

  // A handler on the node's thread that must not block and answers when it can:
  // `void handler(Request, Call, Answer<Reply>)`.
  template <HasFields Request, HasFields Reply, class Handler>
  void async_method(const std::string& name, const Route& route, Handler handler) {
    add(name, route, types_of<Request, Reply>(route), Mode::Loop,
        [handler = std::move(handler)](Decode& in, const Call& call, Raw raw) {
          auto request = in.as<Request>();
          if (!request) return raw(request.error());
          handler(std::move(request).value(), call, [raw = std::move(raw)](Result<Reply> reply) {
            if (!reply) return raw(std::move(reply).error());
            raw(json::encode(reply.value()));
          });
        });
  }

  // A plain HTTP door, and a plain RPC method, for foreign formats and streams.
  void http(const Route& route, About about, http::Handler handler);
  void rpc(std::string name, messaging::Serve handler) {
    node_.serve(std::move(name), std::move(handler));
  }

  // Requests come on one thread for all from now on, which must not block. Before any comes.
  void on_one_thread() { one_thread_ = true; }

  const http::Router& router() const { return router_; }
  // Every door in the order registered, for openapi().
  const std::vector<DoorSpec>& specs() const { return specs_; }

 private:
  // The bytes of a request, to be read as the handler's struct.
  struct Decode {
    std::string_view body;
    const http::Request* request = nullptr;  // of an HTTP request

    template <HasFields T>
    Result<T> as() const {
      if (request == nullptr) return json::decode<T>(body);
      if (request->method == http::Method::Get || request->method == http::Method::Delete) {
        auto texts = request->query;
        for (const auto& [name, value] : request->params) texts[name] = value;
        return json::decode_texts<T>(texts);
      }
      if (body.empty()) {
        return Error{Code::InvalidArgument, "the body is empty, a JSON object is expected"};
      }
      return json::decode<T>(body);
    }
  };
  using Raw = std::function<void(Result<std::string>)>;
  using Handle = std::function<void(Decode&, const Call&, Raw)>;
  enum class Mode { Blocking, Quick, Loop };

  // The handler between decoding its request and encoding its reply.
  template <class Request, class Reply, class Handler>
  static Handle handle_of(Handler handler) {
    return [handler = std::move(handler)](Decode& in, const Call& call, const Raw& raw) {
      const auto request = in.as<Request>();
      if (!request) return raw(request.error());
      Result<Reply> reply = [&] {
        if constexpr (std::is_invocable_v<Handler, const Request&, const Call&>) {
          return handler(request.value(), call);
        } else {
          return handler(request.value());
        }
      }();
      if (!reply) return raw(std::move(reply).error());
      raw(json::encode(reply.value()));
    };
  }

  template <HasFields Request, HasFields Reply>
  static About types_of(const Route& route) {
    About about;
    if (route.method == http::Method::Get || route.method == http::Method::Delete) {
      about.texts = schema_of<Request>();
    } else {
      about.takes = {json_of<Request>()};
    }
    about.gives = {{200, {json_of<Reply>()}}};
    return about;
  }

  void add(const std::string& name, const Route& route, About about, Mode mode, Handle handle);
  void describe(const Route& route, About about);
  void add_rpc(const std::string& name, Mode mode, const std::shared_ptr<const Handle>& handle);
  void add_http(const Route& route, Mode mode, const std::shared_ptr<const Handle>& handle);

  Options options_;
  messaging::Node& node_;
  WorkerPool& workers_;
  http::Router router_;
  std::vector<DoorSpec> specs_;
  bool one_thread_ = false;
};

}  // namespace runtime
