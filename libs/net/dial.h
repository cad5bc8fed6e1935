#pragma once

#include <boost/asio/ip/basic_resolver.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/stream.h"
#include "net/wire.h"

// The way to a server: its name, TCP, TLS when the URL says so. Not for other libraries.
namespace net {

// One attempt to open a stream. Loop thread only; must outlive run().
class Dial {
 public:
  // `may_connect` is Client::Options::may_connect.
  using MayConnect = std::function<bool(const Client::Place&)>;
  Dial(Loop::Impl& loop, Stream& stream, const Url& url, const std::string& ca_file,
       MayConnect may_connect = {})
      : loop_(loop),
        stream_(stream),
        url_(url),
        ca_file_(ca_file),
        may_connect_(std::move(may_connect)) {}

  // `phase` is told what comes next, so that its time can be limited. The error says what failed,
  // without the URL: Unavailable, PermissionDenied, or InvalidArgument for a CA file that cannot be
  // used.
  Awaitable<Result<void>> run(std::function<void(std::string_view)> phase);

  // Makes run() end soon, with an error.
  void stop();

 private:
  using Resolver = asio::ip::basic_resolver<Tcp, Executor>;
  struct Lookup;

  Awaitable<Result<std::vector<Tcp::endpoint>>> resolve();
  Result<std::vector<Tcp::endpoint>> allowed(std::vector<Tcp::endpoint> found) const;
  Awaitable<Result<void>> secure();

  Loop::Impl& loop_;
  Stream& stream_;
  const Url& url_;
  const std::string& ca_file_;
  const MayConnect may_connect_;
  std::shared_ptr<Lookup> lookup_;
  bool stopped_ = false;
};

}  // namespace net
