#pragma once

#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/net.h"

// A Discord in this process that says what a test tells it to, over real loopback sockets.
namespace discord {

// Longer than any healthy answer takes: a hang becomes a failure.
inline constexpr std::chrono::seconds kPatience{20};

// What one thread tells another. Thread-safe.
template <class T>
class Queue {
 public:
  void put(T item) {
    const std::lock_guard lock(mutex_);
    items_.push_back(std::move(item));
    changed_.notify_all();
  }
  // Nothing when none comes.
  std::optional<T> take() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kPatience, [&] { return !items_.empty(); })) return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    return item;
  }
  bool empty() {
    const std::lock_guard lock(mutex_);
    return items_.empty();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> items_;
};

class FakeDiscord {
 public:
  // One connection of a client.
  struct Connection {
    std::string target;
    std::shared_ptr<net::WebSocket> socket;
    Queue<std::string> heard;
    Queue<net::WebSocketEnd> ended;

    void text(std::string message) { socket->send(net::WebSocket::Kind::Text, std::move(message)); }
    void bytes(std::string message) {
      socket->send(net::WebSocket::Kind::Binary, std::move(message));
    }
    std::string next() { return heard.take().value_or("nothing came"); }
  };
  // Nothing: the request is never answered.
  using Answer = std::function<std::optional<http::Response>(const http::Request&)>;

  explicit FakeDiscord(Answer answer = {}) : answer_(std::move(answer)) {
    auto door = net::listen(
        loop_, {},
        [this](const http::Request& request, const std::shared_ptr<http::Reply>& reply) {
          requests.put(request);
          auto response = answer_ ? answer_(request) : http::Response::json("{}", 404);
          if (response) return reply->respond(std::move(*response));
          unanswered_.push_back(reply);
        },
        {.tls = {}, .upgrade = [this](const http::Request& request) -> Upgrade {
           if (!request.headers.get("Upgrade")) return http::Response::json("{}", 404);
           return net::WebSocketAccept{
               .opened = [this, target = request.target](std::shared_ptr<net::WebSocket> socket) {
                 return opened(target, std::move(socket));
               }};
         }});
    if (door) door_ = std::move(door).value();
  }
  ~FakeDiscord() { vanish(); }

  std::string rest() const { return fmt::format("http://127.0.0.1:{}/api/v10", door_->port()); }
  std::string gateway() const { return fmt::format("ws://127.0.0.1:{}/gateway", door_->port()); }
  std::shared_ptr<Connection> accept() {
    return connections_.take().value_or(std::make_shared<Connection>());
  }
  // Its connections break.
  void vanish() { door_.reset(); }

  Queue<http::Request> requests;

 private:
  using Upgrade = std::variant<net::WebSocketAccept, http::Response>;

  net::WebSocketEvents opened(std::string target, std::shared_ptr<net::WebSocket> socket) {
    auto connection = std::make_shared<Connection>();
    connection->target = std::move(target);
    connection->socket = std::move(socket);
    connections_.put(connection);
    return {.message = [connection](net::WebSocket::Kind,
                                    std::string text) { connection->heard.put(std::move(text)); },
            .ended = [connection](const net::WebSocketEnd& end) { connection->ended.put(end); }};
  }

  Answer answer_;
  Queue<std::shared_ptr<Connection>> connections_;
  std::vector<std::shared_ptr<http::Reply>> unanswered_;
  net::Loop loop_;
  std::unique_ptr<http::Server> door_;
};

}  // namespace discord
