#include "hub_clients.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace bench {
namespace {

constexpr Milliseconds kReadyLimit{30'000};
constexpr Milliseconds kLook{10};

std::int64_t now_us() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

// A text frame of a client, whose mask is nought.
std::string frame(std::string_view text) {
  std::string bytes = "\x81";
  if (text.size() < 126) {
    bytes += static_cast<char>(0x80U | text.size());
  } else {
    bytes += static_cast<char>(0x80U | 126U);
    bytes += static_cast<char>(text.size() >> 8U);
    bytes += static_cast<char>(text.size() & 0xffU);
  }
  bytes.append(4, '\0');
  return bytes.append(text);
}

// The size of the frame's head and its payload; nothing when the head is not whole.
bool frame_size(std::string_view bytes, std::size_t& head, std::size_t& payload) {
  if (bytes.size() < 2) return false;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  payload = byte(1) & 0x7fU;
  head = payload == 127 ? 10 : payload == 126 ? 4 : 2;
  if (bytes.size() < head) return false;
  if (head > 2) payload = 0;
  for (std::size_t i = 2; i < head; ++i) payload = payload << 8U | byte(i);
  return true;
}

}  // namespace

std::string nonce_now() { return std::to_string(now_us()); }

Result<std::unique_ptr<GatewayClients>> GatewayClients::open(std::uint16_t port, int count,
                                                             const std::string& token) {
  std::unique_ptr<GatewayClients> made(new GatewayClients);
  made->epoll_ = epoll_create1(EPOLL_CLOEXEC);
  made->clients_.resize(static_cast<std::size_t>(count));
  made->ms_.reserve(2'000'000);
  for (auto& client : made->clients_) client.socket = -1;
  made->reader_ =
      std::jthread([self = made.get()](const std::stop_token& stop) { self->read_all(stop); });
  for (std::size_t i = 0; i < made->clients_.size(); ++i) TRY(made->add(i, port, token));
  const std::int64_t limit = now_us() + kReadyLimit.count() * 1000;
  while (made->ready_ < count && now_us() < limit) std::this_thread::sleep_for(kLook);
  if (made->ready_ < count) {
    return Error{Code::Unavailable, fmt::format("only {} of {} clients are ready, {} were closed",
                                                made->ready_.load(), count, made->closed_.load())};
  }
  return made;
}

GatewayClients::~GatewayClients() {
  reader_ = {};  // stops and joins
  for (const auto& client : clients_) {
    if (client.socket >= 0) close(client.socket);
  }
  if (epoll_ >= 0) close(epoll_);
}

Result<void> GatewayClients::add(std::size_t index, std::uint16_t port, const std::string& token) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval patience{.tv_sec = 10, .tv_usec = 0};
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  Client& client = clients_[index];
  client.socket = socket;
  if (connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Error{Code::Unavailable, fmt::format("client {} cannot connect", index + 1)};
  }
  const std::string shake =
      "GET /gateway?v=10&encoding=json HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
      "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  send(socket, shake.data(), shake.size(), MSG_NOSIGNAL);
  std::string text;
  std::array<char, 4096> piece;
  while (text.find("\r\n\r\n") == std::string::npos) {
    const auto got = recv(socket, piece.data(), piece.size(), 0);
    if (got <= 0) return Error{Code::Unavailable, fmt::format("client {}: {}", index + 1, text)};
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  if (!text.starts_with("HTTP/1.1 101 ")) return Error{Code::Unavailable, text};
  take_frames(client, std::string_view(text).substr(text.find("\r\n\r\n") + 4));
  // GUILDS, GUILD_MESSAGES and MESSAGE_CONTENT.
  const std::string identify = frame(
      fmt::format(R"({{"op":2,"d":{{"token":"{}","intents":33281,"properties":{{}}}}}})", token));
  send(socket, identify.data(), identify.size(), MSG_NOSIGNAL);
  epoll_event event{.events = EPOLLIN, .data = {.u64 = index}};
  epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event);
  return {};
}

void GatewayClients::read_all(const std::stop_token& stop) {
  std::array<epoll_event, 256> events;
  while (!stop.stop_requested()) {
    const int ready =
        epoll_wait(epoll_, events.data(), events.size(), static_cast<int>(kLook.count()));
    for (int i = 0; i < ready; ++i) {
      read(clients_[events.at(static_cast<std::size_t>(i)).data.u64]);
    }
  }
}

void GatewayClients::read(Client& client) {
  std::array<char, 65536> piece;
  const auto got = recv(client.socket, piece.data(), piece.size(), MSG_DONTWAIT);
  if (got > 0) return take_frames(client, {piece.data(), static_cast<std::size_t>(got)});
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  ++closed_;
  epoll_ctl(epoll_, EPOLL_CTL_DEL, client.socket, nullptr);
}

void GatewayClients::take_frames(Client& client, std::string_view bytes) {
  std::string whole;
  if (!client.pending.empty()) {
    whole = std::move(client.pending.append(bytes));
    client.pending.clear();
    bytes = whole;
  }
  std::size_t head = 0;
  std::size_t payload = 0;
  while (frame_size(bytes, head, payload) && bytes.size() >= head + payload) {
    take(client, bytes.substr(head, payload));
    bytes.remove_prefix(head + payload);
  }
  client.pending.assign(bytes);
}

void GatewayClients::take(Client& client, std::string_view payload) {
  if (payload.starts_with(R"({"t":"READY")")) {
    ++ready_;
  } else if (payload.starts_with(R"({"t":"MESSAGE_CREATE")")) {
    constexpr std::string_view kNonce = R"("nonce":")";
    const std::size_t at = payload.find(kNonce);
    if (at == std::string_view::npos) return;
    std::int64_t sent = 0;
    std::from_chars(payload.data() + at + kNonce.size(), payload.data() + payload.size(), sent);
    ms_.push_back(static_cast<double>(now_us() - sent) / 1000);
    ++client.messages;
    ++received_;
  }
}

void GatewayClients::wait_for(std::uint64_t messages, Milliseconds patience) const {
  std::uint64_t seen = received_;
  std::int64_t limit = now_us() + patience.count() * 1000;
  while (received_ < messages * clients_.size() && now_us() < limit) {
    std::this_thread::sleep_for(kLook);
    if (seen == received_) continue;
    seen = received_;
    limit = now_us() + patience.count() * 1000;
  }
}

GatewayClients::Figures GatewayClients::figures() {
  reader_ = {};
  const auto fewer = [](const Client& a, const Client& b) { return a.messages < b.messages; };
  const auto [fewest, most] = std::minmax_element(clients_.begin(), clients_.end(), fewer);
  return {std::move(ms_), fewest->messages, most->messages, closed_};
}

}  // namespace bench
