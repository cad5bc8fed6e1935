#include "messaging/directory.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <resolv.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace messaging {
namespace {

constexpr Milliseconds kStampSettles{100};
constexpr std::size_t kAddressesMax = 64;  // of one name

class RunDirectory final : public Directory {
 public:
  explicit RunDirectory(std::string run_dir) : run_dir_(std::move(run_dir)) {}

  bool changed() override { return run_dir_stamp(run_dir_) != stamp_; }

  std::vector<Instance> instances() override {
    const std::int64_t stamp = run_dir_stamp(run_dir_);
    // File times tick coarsely: a young stamp may be shared by a change still to come.
    const bool settled =
        SystemClock::instance().wall_ms() - stamp / 1'000'000 > kStampSettles.count();
    stamp_ = settled ? stamp : -1;
    return messaging::instances(run_dir_);
  }

 private:
  std::string run_dir_;
  std::int64_t stamp_ = -1;
};

Instance instance_at(const NamedService& service, const std::string& address) {
  const std::string host =
      address.find(':') == std::string::npos ? address : fmt::format("[{}]", address);
  return {.service = service.name,
          .rpc = fmt::format("tcp://{}:{}", host, service.rpc_port),
          .events = fmt::format("tcp://{}:{}", host, service.rpc_port + 1000)};
}

// Asks for all names again and again on a thread of its own, because a resolver may take seconds.
class DnsDirectory final : public Directory {
 public:
  DnsDirectory(std::vector<NamedService> services, Resolve resolve, Milliseconds interval)
      : services_(std::move(services)), resolve_(std::move(resolve)), interval_(interval) {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }

  bool changed() override {
    const std::lock_guard lock(mutex_);
    return changed_;
  }

  std::vector<Instance> instances() override {
    const std::lock_guard lock(mutex_);
    changed_ = false;
    std::vector<Instance> all;
    for (const NamedService& service : services_) {
      for (const std::string& address : addresses_[service.name]) {
        all.push_back(instance_at(service, address));
      }
    }
    return all;
  }

 private:
  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      for (const NamedService& service : services_) {
        if (stop.stop_requested()) return;
        auto addresses = resolve_(service.name);
        if (!addresses) continue;
        std::sort(addresses->begin(), addresses->end());
        if (addresses->size() > kAddressesMax) addresses->resize(kAddressesMax);
        const std::lock_guard lock(mutex_);
        std::vector<std::string>& known = addresses_[service.name];
        changed_ = changed_ || known != *addresses;
        known = std::move(*addresses);
      }
      std::unique_lock lock(mutex_);
      stopping_.wait_for(lock, stop, interval_, [] { return false; });
    }
  }

  const std::vector<NamedService> services_;
  const Resolve resolve_;
  const Milliseconds interval_;

  std::mutex mutex_;
  std::condition_variable_any stopping_;
  std::map<std::string, std::vector<std::string>> addresses_;
  bool changed_ = true;

  std::jthread thread_;
};

std::optional<std::vector<std::string>> ask_system(const std::string& name) {
  // Of this thread alone. A server that says nothing costs 10 s by default: the other names and the
  // end of the process would wait for it.
  if ((_res.options & RES_INIT) == 0) res_init();
  _res.retrans = 1;
  _res.retry = 1;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int status = getaddrinfo(name.c_str(), nullptr, &hints, &found);
  if (status == EAI_NONAME || status == EAI_NODATA) return std::vector<std::string>{};
  if (status != 0) return std::nullopt;
  std::vector<std::string> addresses;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(entry->ai_addr, entry->ai_addrlen, text.data(), text.size(), nullptr, 0,
                    NI_NUMERICHOST) == 0) {
      addresses.emplace_back(text.data());
    }
  }
  freeaddrinfo(found);
  return addresses;
}

}  // namespace

std::unique_ptr<Directory> make_run_directory(std::string run_dir) {
  return std::make_unique<RunDirectory>(std::move(run_dir));
}

Resolve system_resolver() { return ask_system; }

std::unique_ptr<Directory> make_dns_directory(std::vector<NamedService> services, Resolve resolve,
                                              Milliseconds interval) {
  return std::make_unique<DnsDirectory>(std::move(services), std::move(resolve), interval);
}

}  // namespace messaging
