#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <condition_variable>
#include <mutex>
#include <unordered_set>
#include <vector>

#include "net/session.h"

namespace net {

struct WebSocketClient::Impl : std::enable_shared_from_this<WebSocketClient::Impl> {
  Impl(Loop::Impl& loop_in, Options options_in) : loop(loop_in), options(std::move(options_in)) {}

  struct Opening {
    WebSocketRequest request;
    WebSocketEvents events;
    std::function<void(const std::string&)> opened;
  };

  Awaitable<void> run(std::shared_ptr<Session> session, Opening opening);
  Awaitable<Session::Opened> open(Session& session, const WebSocketRequest& request);
  void close();
  void finish_closing();

  // Loop thread only.
  Loop::Impl& loop;
  const Options options;
  std::unordered_set<std::shared_ptr<Session>> sessions;
  bool closing = false;

  std::mutex mutex;
  std::condition_variable changed;
  bool closed = false;
};

WebSocketClient::WebSocketClient(Loop& loop, Options options)
    : impl_(std::make_shared<Impl>(loop.impl(), std::move(options))) {}

WebSocketClient::~WebSocketClient() {
  impl_->loop.dispatch([impl = impl_] { impl->close(); });
  if (impl_->loop.on_thread()) return;  // the connections end a little later
  std::unique_lock lock(impl_->mutex);
  impl_->changed.wait(lock, [&] { return impl_->closed; });
}

std::shared_ptr<WebSocket> WebSocketClient::connect(
    WebSocketRequest request, WebSocketEvents events,
    std::function<void(const std::string&)> opened) {
  const auto session =
      make_session(impl_->loop, Stream(impl_->loop.context.get_executor()), request.options);
  auto handle = session->handle();
  // Never from inside connect(): the caller has no handle yet.
  asio::post(impl_->loop.context, [impl = impl_, session,
                                   opening = Impl::Opening{std::move(request), std::move(events),
                                                           std::move(opened)}] {
    asio::co_spawn(impl->loop.context.get_executor(), impl->run(session, opening), asio::detached);
  });
  return handle;
}

Awaitable<void> WebSocketClient::Impl::run(std::shared_ptr<Session> session, Opening opening) {
  const auto self = shared_from_this();
  const bool full = sessions.size() >= options.connections;
  sessions.insert(session);
  Session::Opened opened{{}, WebSocketEnd{WebSocketEnd::Cause::Refused, 1006, {}, 0}};
  if (closing) {
    opened.failure->reason = "the client is closed";
  } else if (full) {
    opened.failure->reason = "too many connections";
  } else {
    opened = co_await open(*session, opening.request);
  }
  if (opened.failure) {
    session->fail(opening.events, *opened.failure);
  } else {
    try {
      if (opening.opened) opening.opened(opened.protocol);
    } catch (...) {
      session->abort();
    }
    co_await session->run(std::move(opening.events));
  }
  opening = {};
  sessions.erase(session);
  session.reset();
  finish_closing();
}

Awaitable<Session::Opened> WebSocketClient::Impl::open(Session& session,
                                                       const WebSocketRequest& request) {
  const Result<Url> url = parse_url(request.url, Scheme::WebSocket);
  if (!url) {
    co_return Session::Opened{
        {}, WebSocketEnd{WebSocketEnd::Cause::Refused, 1006, url.error().message, 0}};
  }
  Session::Opened opened = co_await session.connect(url.value(), request, options.ca_file);
  co_return opened;
}

void WebSocketClient::Impl::close() {
  closing = true;
  const std::vector<std::shared_ptr<Session>> open(sessions.begin(), sessions.end());
  for (const auto& session : open) session->abort();
  finish_closing();
}

void WebSocketClient::Impl::finish_closing() {
  if (!closing || !sessions.empty()) return;
  {
    const std::lock_guard lock(mutex);
    closed = true;
  }
  changed.notify_all();
}

}  // namespace net
