#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace messaging::testing {

// A peer that speaks ZMTP 3.0 (rfc.zeromq.org/spec/23) by hand, as a DEALER without security, and
// so may send what a Node never would.
class Stranger {
 public:
  // `address` as in an Instance: ipc://PATH.
  explicit Stranger(const std::string& address) : socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    address.copy(name.sun_path, sizeof name.sun_path - 1, std::string_view("ipc://").size());
    const timeval patience{30, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(socket_, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
      throw std::runtime_error("cannot connect to " + address);
    }
  }
  ~Stranger() { close(socket_); }
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;

  // Greets, and reads the other's greeting and READY.
  void shake_hands() {
    std::string greeting = std::string("\xff\0\0\0\0\0\0\0\0\x7f\x03\0NULL", 16);
    greeting.resize(64, '\0');
    write_all(greeting);
    const std::string type(
        "\x05READY\x0bSocket-Type\0\0\0\x06"
        "DEALER",
        28);
    write_all(std::string("\x04") + static_cast<char>(type.size()) + type);
    read_exactly(64);
    receive();
  }

  void send(const std::vector<std::string>& frames) {
    for (std::size_t i = 0; i < frames.size(); ++i) {
      std::string head(1, static_cast<char>((i + 1 < frames.size() ? 1 : 0) | 2));
      for (int shift = 56; shift >= 0; shift -= 8) {
        head += static_cast<char>((frames[i].size() >> static_cast<unsigned>(shift)) & 0xffU);
      }
      write_all(head + frames[i]);
    }
  }

  // The next frame of less than 256 bytes.
  std::string receive() {
    const std::string head = read_exactly(2);
    return read_exactly(static_cast<unsigned char>(head[1]));
  }

  // What the other side no longer reads is lost, as with any broken peer.
  void write_all(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (written <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }

 private:
  std::string read_exactly(std::size_t count) {
    std::string bytes(count, '\0');
    if (count > 0 &&
        recv(socket_, bytes.data(), count, MSG_WAITALL) != static_cast<ssize_t>(count)) {
      throw std::runtime_error("the node said too little");
    }
    return bytes;
  }

  int socket_;
};

}  // namespace messaging::testing
