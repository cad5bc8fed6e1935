#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

// Many clients of a Gateway, cheap enough that what is measured is the hub: plain sockets and one
// epoll on one thread, which looks at frames only for when they were sent.
namespace bench {

// The nonce of a message is the steady time of its sending in microseconds.
std::string nonce_now();

class GatewayClients {
 public:
  // Connects `count` clients to ws://127.0.0.1:PORT/gateway, identifies each with `token`.
  // Unavailable when they are not all READY after half a minute.
  static Result<std::unique_ptr<GatewayClients>> open(std::uint16_t port, int count,
                                                      const std::string& token);
  ~GatewayClients();
  GatewayClients(const GatewayClients&) = delete;
  GatewayClients& operator=(const GatewayClients&) = delete;

  // Waits until each client has had `messages`, or nothing has come for `patience`.
  void wait_for(std::uint64_t messages, Milliseconds patience) const;

  // To be read when no more comes.
  struct Figures {
    std::vector<double> ms;    // from sending to each client's receipt
    std::uint64_t fewest = 0;  // messages that a client has had
    std::uint64_t most = 0;
    int closed = 0;
  };
  Figures figures();

 private:
  struct Client {
    int socket = -1;
    std::string pending;  // of a frame that is not whole yet
    std::uint64_t messages = 0;
  };

  GatewayClients() = default;
  Result<void> add(std::size_t index, std::uint16_t port, const std::string& token);
  void read_all(const std::stop_token& stop);
  void read(Client& client);
  void take_frames(Client& client, std::string_view bytes);
  void take(Client& client, std::string_view payload);

  int epoll_ = -1;
  std::vector<Client> clients_;
  std::vector<double> ms_;
  std::atomic<std::uint64_t> received_ = 0;
  std::atomic<int> ready_ = 0;
  std::atomic<int> closed_ = 0;
  std::jthread reader_;
};

}  // namespace bench
