#include "net/dial.h"

#include <fmt/format.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>

#include "net/tls.h"

namespace net {

// Outlives the dial: getaddrinfo cannot be interrupted, and answers when it likes.
struct Dial::Lookup {
  explicit Lookup(Executor executor) : resolver(executor), event(executor) {}

  Resolver resolver;
  Event event;
  bool done = false;
  error_code failed;
  std::vector<Tcp::endpoint> endpoints;
};

Awaitable<Result<void>> Dial::run(std::function<void(std::string_view)> phase) {
  phase("connect");
  Result<std::vector<Tcp::endpoint>> found = co_await resolve();
  if (!found) co_return found.error();
  const Result<std::vector<Tcp::endpoint>> endpoints = allowed(std::move(found).value());
  if (!endpoints) co_return endpoints.error();
  if (stopped_) co_return Error{Code::Cancelled, "stopped"};  // by may_connect
  error_code failed;
  co_await asio::async_connect(stream_.socket(), endpoints.value(),
                               asio::redirect_error(kAwait, failed));
  if (failed || stopped_) {
    co_return Error{Code::Unavailable, "cannot connect: " + failed.message()};
  }
  stream_.socket().set_option(Tcp::no_delay(true), failed);
  if (!url_.tls) co_return Result<void>{};
  phase("TLS handshake");
  Result<void> secured = co_await secure();
  co_return secured;
}

Awaitable<Result<std::vector<Tcp::endpoint>>> Dial::resolve() {
  const auto port = static_cast<std::uint16_t>(std::stoi(url_.port));
  error_code named;
  const auto address = asio::ip::make_address(url_.host, named);
  if (!named) co_return std::vector<Tcp::endpoint>{{address, port}};
  lookup_ = std::make_shared<Lookup>(loop_.context.get_executor());
  lookup_->resolver.async_resolve(
      url_.host, url_.port,
      [lookup = lookup_](const error_code& error, const Resolver::results_type& found) {
        lookup->done = true;
        lookup->failed = error;
        for (const auto& entry : found) lookup->endpoints.push_back(entry.endpoint());
        lookup->event.signal();
      });
  const std::shared_ptr<Lookup> lookup = lookup_;
  while (!lookup->done && !stopped_) co_await lookup->event.wait();
  if (stopped_ || lookup->failed) {
    co_return Error{Code::Unavailable, "cannot resolve the host: " + lookup->failed.message()};
  }
  co_return std::move(lookup->endpoints);
}

Result<std::vector<Tcp::endpoint>> Dial::allowed(std::vector<Tcp::endpoint> found) const {
  if (!may_connect_) return found;
  std::erase_if(found, [&](const Tcp::endpoint& endpoint) {
    return !may_connect_({url_.host, endpoint.address().to_string(), endpoint.port()});
  });
  if (!found.empty()) return found;
  return Error{Code::PermissionDenied, "the host has no address that may be connected to"};
}

Awaitable<Result<void>> Dial::secure() {
  const Result<std::shared_ptr<TlsContext>> context = client_context(loop_, ca_file_);
  if (!context) co_return context.error();
  if (!secure_client(stream_, *context.value(), url_.host)) {
    co_return Error{Code::Internal, "TLS: the server's name could not be verified"};
  }
  error_code failed;
  co_await stream_.async_handshake(asio::redirect_error(kAwait, failed));
  if (failed || stopped_) {
    co_return Error{Code::Unavailable, stream_.tls()->explain(failed)};
  }
  co_return Result<void>{};
}

void Dial::stop() {
  stopped_ = true;
  stream_.close();
  if (lookup_ == nullptr) return;
  lookup_->resolver.cancel();
  lookup_->event.signal();
}

}  // namespace net
