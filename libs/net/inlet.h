#pragma once

#include <sys/socket.h>

#include <array>
#include <boost/asio/error.hpp>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string_view>
#include <utility>

#include "net/stream.h"

namespace net {

// Hears what comes on a stream, which must live as long. Loop thread only.
class Inlet {
 public:
  Inlet(Loop::Impl& loop, Stream& stream)
      : loop_(loop), stream_(stream), rest_(loop.context.get_executor()) {}

  bool waiting() const { return waiting_; }

  // `heard(error, bytes)` is called once, from the loop: with bytes, which are gone when it
  // returns, or with an error, where the end is one too. It keeps the owner alive meanwhile. Not
  // while waiting(). Plain bytes stay in the kernel until they are heard, and are read into the
  // loop's own buffer: a connection that waits holds none.
  template <class Heard>
  void wait(Heard heard) {
    if (stream_.tls() != nullptr) return read(std::move(heard));
    waiting_ = true;
    stream_.socket().async_wait(
        Socket::wait_read, [this, heard = std::move(heard)](const error_code& failed) mutable {
          waiting_ = false;
          if (failed) return heard(failed, std::string_view());
          const auto got = ::recv(stream_.socket().native_handle(), loop_.scratch.data(),
                                  loop_.scratch.size(), MSG_DONTWAIT);
          if (got > 0) {
            return heard(error_code(),
                         std::string_view(loop_.scratch.data(), static_cast<std::size_t>(got)));
          }
          if (got < 0 && (errno == EAGAIN || errno == EINTR)) return wait(std::move(heard));
          heard(got == 0 ? error_code(asio::error::eof)
                         : error_code(errno, boost::system::system_category()),
                std::string_view());
        });
  }

  // The same where the next bytes are about to come: they are taken as soon as they are there, into
  // a buffer of its own, which spares a call of the kernel each time.
  template <class Heard>
  void read(Heard heard) {
    waiting_ = true;
    if (room_ == nullptr) room_ = std::make_unique_for_overwrite<Room>();
    stream_.async_read_some(
        asio::buffer(*room_),
        [this, heard = std::move(heard)](const error_code& failed, std::size_t bytes) mutable {
          waiting_ = false;
          heard(failed, std::string_view(room_->data(), bytes));
        });
  }

  // The same after a rest, in which more may come.
  template <class Heard>
  void read_after(std::chrono::microseconds rest, Heard heard) {
    waiting_ = true;
    rest_.expires_after(rest);
    rest_.async_wait(
        [this, heard = std::move(heard)](const error_code&) mutable { read(std::move(heard)); });
  }

  // Gives that buffer back. Not while read() waits.
  void lighten() { room_.reset(); }

 private:
  using Room = std::array<char, 8 * 1024>;

  Loop::Impl& loop_;
  Stream& stream_;
  std::unique_ptr<Room> room_;
  SteadyTimer rest_;
  bool waiting_ = false;
};

}  // namespace net
