#include "runtime/doors.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "telemetry/log.h"
#include "telemetry/trace.h"

namespace runtime {
namespace {

// Runs a handler; what it throws, nobody here can handle: it ends the request, not the process.
template <class Body, class Fail>
void guarded(std::string_view what, const Body& body, const Fail& fail) {
  try {
    body();
  } catch (const std::exception& error) {
    telemetry::error("handler failed", {{"method", what}, {"why", error.what()}});
    fail(Error{Code::Internal, "internal error"});
  }
}

}  // namespace

Doors::Doors(Options options, messaging::Node& node, WorkerPool& workers)
    : options_(std::move(options)), node_(node), workers_(workers) {}

void Doors::http(const Route& route, About about, http::Handler handler) {
  describe(route, std::move(about));
  router_.add(route.method, route.path, std::move(handler));
}

// A method with two URLs is two operations: the second is named after its HTTP method as well.
void Doors::describe(const Route& route, About about) {
  const bool taken = std::any_of(specs_.begin(), specs_.end(), [&](const DoorSpec& spec) {
    return spec.about.operation == about.operation;
  });
  if (taken) about.operation += fmt::format(".{}", name(route.method));
  specs_.push_back({route.method, route.path, route.summary, std::move(about)});
}

void Doors::add(const std::string& name, const Route& route, About about, Mode mode,
                Handle handle) {
  about.operation = name;
  describe(route, std::move(about));
  const auto shared = std::make_shared<const Handle>(std::move(handle));
  add_rpc(name, mode, shared);
  add_http(route, mode, shared);
}

void Doors::add_rpc(const std::string& name, Mode mode,
                    const std::shared_ptr<const Handle>& handle) {
  node_.serve(name, [this, name, mode, handle](std::shared_ptr<messaging::Incoming> incoming) {
    auto run = [name, handle, incoming] {
      const SteadyTime now = SystemClock::instance().now();
      if (incoming->gone()) {
        return incoming->reply(
            now >= incoming->deadline()
                ? Error{Code::DeadlineExceeded, name + ": its time was over before it began"}
                : Error{Code::Cancelled, name + ": cancelled by the caller"});
      }
      guarded(
          name,
          [&] {
            Decode decode{incoming->body(), nullptr};
            const Call call{incoming->deadline(), incoming->traceparent(),
                            [incoming] { return incoming->gone(); },
                            [incoming](std::function<void()> callback) {
                              incoming->on_gone(std::move(callback));
                            }};
            (*handle)(decode, call,
                      [incoming](Result<std::string> body) { incoming->reply(std::move(body)); });
          },
          [&](const Error& error) { incoming->reply(error); });
    };
    if (mode != Mode::Blocking) return run();
    if (!workers_.post(run)) {
      incoming->reply(Error{Code::Overloaded, options_.service + ": too many calls are waiting"});
    }
  });
}

void Doors::add_http(const Route& route, Mode mode, const std::shared_ptr<const Handle>& handle) {
  router_.add(
      route.method, route.path,
      [this, path = route.path, mode, handle](http::Request request,
                                              std::shared_ptr<http::Reply> reply) {
        const auto run = [this, path, handle, reply,
                          request = std::make_shared<const http::Request>(std::move(request))] {
          guarded(
              path,
              [&] {
                const auto given = request->headers.get("traceparent");
                const Call call{SystemClock::instance().now() + options_.request_timeout,
                                telemetry::child_traceparent(given.value_or("")),
                                [reply] { return reply->gone(); },
                                [reply](std::function<void()> callback) {
                                  reply->on_gone(std::move(callback));
                                }};
                Decode decode{request->body, request.get()};
                (*handle)(decode, call, [reply](Result<std::string> body) {
                  reply->respond(body ? http::Response::json(std::move(body).value())
                                      : http::Response::error(body.error()));
                });
              },
              [&](const Error& error) { reply->respond(http::Response::error(error)); });
        };
        if (mode == Mode::Loop) {
          node_.post(run);
          return;
        }
        if (mode == Mode::Quick || !one_thread_) return run();
        if (!workers_.post(run)) {
          reply->respond(http::Response::error(
              {Code::Overloaded, options_.service + ": too many calls are waiting"}));
        }
      });
}

}  // namespace runtime
