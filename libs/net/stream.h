#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <memory>
#include <string>
#include <utility>

#include "net/loop_impl.h"

// The bytes of one connection, plain or through TLS. Not for other libraries: it shows Asio.
namespace net {

// Any handler of a read or write, for what is not worth a template. Called once.
class IoHandler {
 public:
  template <class Handler>
  explicit IoHandler(Handler handler)
      : call_(std::make_unique<Model<Handler>>(std::move(handler))) {}

  void operator()(const error_code& failed, std::size_t bytes) {
    const std::unique_ptr<Concept> call = std::move(call_);
    call->run(failed, bytes);
  }

 private:
  struct Concept {
    virtual ~Concept() = default;
    virtual void run(const error_code& failed, std::size_t bytes) = 0;
  };
  template <class Handler>
  struct Model final : Concept {
    explicit Model(Handler handler_in) : handler(std::move(handler_in)) {}
    void run(const error_code& failed, std::size_t bytes) override {
      std::move(handler)(failed, bytes);
    }
    Handler handler;
  };

  std::unique_ptr<Concept> call_;
};

// TLS over a socket that it owns; tls.h makes it. At most one read and one write at a time. What is
// under way keeps it alive, so its owner may drop it at any time. Loop thread only.
class Tls {
 public:
  virtual ~Tls() = default;
  virtual Socket& socket() = 0;
  virtual void handshake(IoHandler done) = 0;
  virtual void read_some(asio::mutable_buffer to, IoHandler done) = 0;
  // Room for what the next write sends: that becomes one record, however many pieces it had.
  virtual asio::mutable_buffer room() = 0;
  virtual void write_some(std::size_t bytes, IoHandler done) = 0;
  // Whether bytes of the peer have left the socket and wait for the next read.
  virtual bool pending() = 0;
  // Says that nothing follows, and waits for the peer to say the same.
  virtual void shut_down(IoHandler done) = 0;
  // Why the handshake failed, for an operator: the certificate's fault comes first.
  virtual std::string explain(const error_code& failed) const = 0;
};

// An AsyncStream as Asio and Beast want it. A plain one costs one comparison an operation; only TLS
// pays for the erased type. Loop thread only.
class Stream {
 public:
  using executor_type = Executor;

  explicit Stream(Executor executor) : plain_(executor) {}
  explicit Stream(Socket socket) : plain_(std::move(socket)) {}

  Socket& socket() { return tls_ == nullptr ? plain_ : tls_->socket(); }
  Executor get_executor() { return socket().get_executor(); }
  Tls* tls() const { return tls_.get(); }
  Socket release() { return std::move(plain_); }
  void set_tls(std::shared_ptr<Tls> tls) { tls_ = std::move(tls); }

  // Ends what is under way; its handlers see an error.
  void cancel() {
    error_code ignored;
    socket().cancel(ignored);
  }
  void close() {
    error_code ignored;
    socket().shutdown(Socket::shutdown_both, ignored);
    socket().close(ignored);
  }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler, const Buffers& to) {
          if (tls_ == nullptr) return plain_.async_read_some(to, std::move(handler));
          tls_->read_some(first(to), IoHandler(std::move(handler)));
        },
        token, buffers);
  }

  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler, const Buffers& from) {
          if (tls_ == nullptr) return plain_.async_write_some(from, std::move(handler));
          const std::size_t bytes = asio::buffer_copy(tls_->room(), from);
          tls_->write_some(bytes, IoHandler(std::move(handler)));
        },
        token, buffers);
  }

  // The rest is TLS only.
  template <class Token>
  auto async_handshake(Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler) { tls_->handshake(IoHandler(std::move(handler))); }, token);
  }
  template <class Token>
  auto async_shut_down(Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler) { tls_->shut_down(IoHandler(std::move(handler))); }, token);
  }

 private:
  template <class Buffers>
  static asio::mutable_buffer first(const Buffers& buffers) {
    const auto end = asio::buffer_sequence_end(buffers);
    for (auto it = asio::buffer_sequence_begin(buffers); it != end; ++it) {
      const asio::mutable_buffer buffer(*it);
      if (buffer.size() > 0) return buffer;
    }
    return {};
  }

  Socket plain_;
  std::shared_ptr<Tls> tls_;
};

}  // namespace net
