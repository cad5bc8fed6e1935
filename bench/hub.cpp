// How fast the hub tells everybody, and how fast it acknowledges: a real hub, driven over REST, and
// many clients of its Gateway in this process.
//
//   bench/hub [--clients N] [--seconds N] [--rate N] [--senders N] [--gateway]
//
// First N clients in one channel hear --rate messages a second: time from posting to each client's
// receipt, how many were lost, the hub's Pss. Then, with nobody listening, --senders post as fast
// as they are answered. --gateway: the Gateway alone, in a process of its own, without database.
// Prints one JSON object a figure.

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <future>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "discord/protocol.h"
#include "hub/gateway.h"
#include "hub_clients.h"
#include "json/json.h"
#include "net/net.h"
#include "net_load.h"
#include "stack.h"

namespace {

constexpr hub::Snowflake kGuild = hub::Snowflake{1} << 22U;
constexpr hub::Snowflake kChannel = kGuild + 1;

const SystemClock& clock() { return SystemClock::instance(); }

long pss_kib_of(pid_t pid) {
  std::ifstream lines(fmt::format("/proc/{}/smaps_rollup", pid));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("Pss:")) return std::strtol(line.c_str() + 4, nullptr, 10);
  }
  return 0;
}

double cpu_ms_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::stringstream stat;
  stat << file.rdbuf();
  std::istringstream fields(stat.str().substr(stat.str().rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) * 1000 / static_cast<double>(sysconf(_SC_CLK_TCK));
}

class OneChannel final : public hub::Roster {
 public:
  std::optional<hub::Identity> identify(std::string_view) const override {
    return hub::Identity{1, true, discord::intent::kAll};
  }
  std::string ready(hub::Snowflake) const override {
    return fmt::format(R"("user":{{"id":"1"}},"guilds":[{{"id":"{}"}}])", kGuild);
  }
  std::vector<std::string> guilds(hub::Snowflake) const override {
    return {fmt::format(R"({{"id":"{}","channels":[{{"id":"{}"}}]}})", kGuild, kChannel)};
  }
  std::vector<hub::Snowflake> guilds_of(hub::Snowflake) const override { return {kGuild}; }
  bool may_view(hub::Snowflake, hub::Snowflake) const override { return true; }
  std::uint64_t generation() const override { return 1; }
  std::vector<std::string> members(hub::Snowflake, std::string_view) const override { return {}; }
};

// A message as the hub tells it, around what was posted.
std::string message_data(const std::string& posted) {
  const auto document = json::Document::parse(posted);
  const std::string nonce(document ? document.value().root().text_or("nonce", "") : "");
  const std::string content(document ? document.value().root().text_or("content", "") : "");
  return fmt::format(
      R"({{"id":"1200000000000000000","type":0,"channel_id":"{}","guild_id":"{}","author":)"
      R"({{"id":"1","username":"ada","global_name":"Ada","discriminator":"0","avatar":null,)"
      R"("public_flags":0}},"member":{{"roles":[],"joined_at":"2024-01-01T00:00:00.000000+00:00",)"
      R"("deaf":false,"mute":false,"flags":0}},"content":{},"timestamp":)"
      R"("2024-01-01T00:00:00.000000+00:00","edited_timestamp":null,"tts":false,)"
      R"("mention_everyone":false,"mentions":[],"mention_roles":[],"attachments":[],"embeds":[],)"
      R"("reactions":[],"pinned":false,"flags":0,"components":[],"nonce":"{}"}})",
      kChannel, kGuild, json::quoted(content), nonce);
}

// The Gateway alone: what is posted at its door is told to everybody. Ends when `quit` closes.
int serve_gateway(int report, int quit) {
  net::Loop loop;
  telemetry::Metrics metrics;
  const OneChannel roster;
  std::unique_ptr<hub::Gateway> gateway;
  gateway = std::make_unique<hub::Gateway>(loop, roster, hub::Gateway::Options{}, metrics);
  http::ServerOptions options;
  options.limits.connections = 4096;
  auto door =
      net::listen(loop, options,
                  [&](const http::Request& request, const std::shared_ptr<http::Reply>& reply) {
                    gateway->announce({.name = "MESSAGE_CREATE",
                                       .data = message_data(request.body),
                                       .guild = kGuild,
                                       .channel = kChannel,
                                       .intents = discord::intent::kGuildMessages});
                    reply->respond(http::Response::json("{}"));
                  },
                  {.tls = {}, .upgrade = gateway->upgrade()});
  if (!door) return 1;
  const std::uint16_t port = door.value()->port();
  if (write(report, &port, sizeof port) != sizeof port) return 1;
  char ignored = 0;
  while (read(quit, &ignored, 1) > 0) {
  }
  std::promise<void> done;
  loop.post([&] {
    gateway.reset();
    done.set_value();
  });
  done.get_future().wait();
  return 0;
}

// What is measured: where it is, and who speaks and listens there.
struct Target {
  std::string url = {};
  std::uint16_t port = 0;
  pid_t pid = 0;
  std::string channel = {};
  std::string speaker = {};   // the value of Authorization
  std::string listener = {};  // the token of the Gateway's clients
};

net::ClientRequest post_of(const Target& target) {
  net::ClientRequest request;
  request.method = http::Method::Post;
  request.url = fmt::format("{}/api/v10/channels/{}/messages", target.url, target.channel);
  request.headers.set("Content-Type", "application/json");
  request.headers.set("Authorization", target.speaker);
  request.body = fmt::format(R"({{"content":"What do you think of that, Brian?","nonce":"{}"}})",
                             bench::nonce_now());
  return request;
}

// Answers, counted on the loop's thread.
class Answers {
 public:
  void note(bool good, double ms) {
    const std::lock_guard lock(mutex_);
    if (good) {
      ms_.push_back(ms);
    } else {
      ++failed_;
    }
    changed_.notify_all();
  }
  void wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(30),
                      [&] { return ms_.size() + failed_ >= count; });
  }
  std::vector<double> ms() {
    const std::lock_guard lock(mutex_);
    return ms_;
  }
  std::size_t failed() {
    const std::lock_guard lock(mutex_);
    return failed_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<double> ms_;
  std::size_t failed_ = 0;
};

// Posts once; `then` runs on the loop's thread.
void post(net::Client& client, const Target& target, Answers& answers,
          std::function<void()> then = {}) {
  const auto status = std::make_shared<int>(0);
  net::ClientEvents events;
  events.head = [status](int seen, const http::Headers&) { *status = seen; };
  events.done = [&answers, status, then = std::move(then),
                 began = clock().now()](const Result<void>& outcome) {
    answers.note(outcome.ok() && *status == 200, elapsed_ms(began, clock().now()));
    if (then) then();
  };
  client.send(post_of(target), std::move(events));
}

int fan_out(net::Client& client, const Target& target, int clients, int rate, double seconds) {
  auto listeners = bench::GatewayClients::open(target.port, clients, target.listener);
  if (!listeners) {
    fmt::print(stderr, "bench/hub: {}\n", listeners.error().message);
    return 1;
  }
  const long idle = pss_kib_of(target.pid);
  const double cpu_before = cpu_ms_of(target.pid);
  Answers answers;
  const auto count = static_cast<std::size_t>(rate * seconds);
  const SteadyTime began = clock().now();
  for (std::size_t i = 0; i < count; ++i) {
    std::this_thread::sleep_until(began + i * std::chrono::microseconds(1'000'000 / rate));
    post(client, target, answers);
  }
  answers.wait_for(count);
  listeners.value()->wait_for(count - answers.failed(), Milliseconds(2'000));
  const long pss = pss_kib_of(target.pid);
  const double cpu = cpu_ms_of(target.pid) - cpu_before;
  const auto figures = listeners.value()->figures();
  const std::size_t expected = (count - answers.failed()) * static_cast<std::size_t>(clients);
  fmt::print(
      "{{\"figure\":\"fan_out\",\"clients\":{},\"messages\":{},\"refused\":{},\"p50_ms\":{:.1f},"
      "\"p99_ms\":{:.1f},\"max_ms\":{:.1f},\"deliveries\":{},\"lost\":{},\"closed\":{},"
      "\"cpu_us_per_delivery\":{:.2f},\"pss_idle_kib\":{},\"pss_kib\":{}}}\n",
      clients, count, answers.failed(), bench::quantile(figures.ms, 0.5),
      bench::quantile(figures.ms, 0.99), bench::quantile(figures.ms, 1), figures.ms.size(),
      static_cast<long>(expected) - static_cast<long>(figures.ms.size()), figures.closed,
      cpu * 1000 / std::max<double>(1, static_cast<double>(figures.ms.size())), idle, pss);
  return 0;
}

void acknowledge(net::Client& client, const Target& target, int senders, double seconds) {
  Answers answers;
  const double cpu_before = cpu_ms_of(target.pid);
  const SteadyTime began = clock().now();
  const SteadyTime end = began + std::chrono::milliseconds(static_cast<int>(seconds * 1000));
  std::promise<void> all_done;
  std::atomic<int> running = senders;
  std::function<void()> again = [&] {
    if (clock().now() < end) return post(client, target, answers, again);
    if (--running == 0) all_done.set_value();
  };
  for (int i = 0; i < senders; ++i) post(client, target, answers, again);
  all_done.get_future().wait();
  const double took = elapsed_ms(began, clock().now()) / 1000;
  const double cpu = cpu_ms_of(target.pid) - cpu_before;
  const auto ms = answers.ms();
  fmt::print(
      "{{\"figure\":\"acknowledged\",\"senders\":{},\"per_s\":{:.0f},\"p50_ms\":{:.2f},"
      "\"p99_ms\":{:.2f},\"refused\":{},\"cpu_us_per_message\":{:.0f}}}\n",
      senders, static_cast<double>(ms.size()) / took, bench::quantile(ms, 0.5),
      bench::quantile(ms, 0.99), answers.failed(),
      cpu * 1000 / std::max<double>(1, static_cast<double>(ms.size())));
}

struct Settings {
  int clients = 1000;
  double seconds = 20;
  int rate = 50;
  int senders = 32;
  bool gateway = false;
};

int measure(const Target& target, const Settings& settings) {
  net::Loop loop;
  net::Client client(loop, {.connections_per_host = 64});
  const int failed = fan_out(client, target, settings.clients, settings.rate, settings.seconds);
  if (failed != 0) return failed;
  acknowledge(client, target, settings.senders, settings.seconds / 2);
  return 0;
}

int run_gateway(const Settings& settings) {
  std::array<int, 2> report{};
  std::array<int, 2> quit{};
  if (pipe(report.data()) != 0 || pipe(quit.data()) != 0) return 1;
  const pid_t child = fork();
  if (child == 0) {
    close(quit[1]);
    _exit(serve_gateway(report[1], quit[0]));
  }
  close(quit[0]);
  Target target{.pid = child, .channel = "1", .speaker = "ada", .listener = "bot"};
  if (read(report[0], &target.port, sizeof target.port) != sizeof target.port) return 1;
  target.url = fmt::format("http://127.0.0.1:{}", target.port);
  const int result = measure(target, settings);
  close(quit[1]);
  waitpid(child, nullptr, 0);
  return result;
}

// The text of the answer to a GET of the hub's REST, as the speaker.
std::string get(net::Client& client, const Target& target, const std::string& path) {
  net::ClientRequest request;
  request.url = target.url + "/api/v10" + path;
  request.headers.set("Authorization", target.speaker);
  const auto response = client.fetch(std::move(request));
  return response ? response.value().body : "";
}

// The id of the first entry of a list whose `key` is `value`.
std::string id_where(const std::string& list, std::string_view key, std::string_view value) {
  const auto document = json::Document::parse(list);
  if (!document) return {};
  const json::Value root = document.value().root();
  for (std::size_t i = 0; i < root.size(); ++i) {
    if (key.empty() || root.at(i).text_or(key, "") == value) {
      return std::string(root.at(i).text_or("id", ""));
    }
  }
  return {};
}

int run_hub(const Settings& settings) {
  const auto stack = bench::Stack::start(bench::config_with(
      {{"hub", R"("message_limit":10000000,"route_limit":10000000,"global_per_second":10000000)"}},
      "hub"));
  if (!stack) {
    fmt::print(stderr, "bench/hub: {}\n", stack.error().message);
    return 1;
  }
  Target target{.url = stack.value().url("hub"), .pid = stack.value().pid("hub")};
  target.port =
      static_cast<std::uint16_t>(std::atoi(target.url.c_str() + target.url.rfind(':') + 1));
  std::ifstream file(stack.value().directory() + "/data/hub/tokens.json");
  std::stringstream text;
  text << file.rdbuf();
  const auto tokens = json::Document::parse(text.str());
  if (!tokens) {
    fmt::print(stderr, "bench/hub: no tokens.json\n");
    return 1;
  }
  target.speaker = tokens.value().root().text_or("person", "");
  target.listener = tokens.value().root().text_or("peter", "");
  {
    net::Loop loop;
    net::Client client(loop, {});
    const std::string guild = id_where(get(client, target, "/users/@me/guilds"), "", "");
    target.channel =
        id_where(get(client, target, "/guilds/" + guild + "/channels"), "name", "general");
  }
  const int result = measure(target, settings);
  fmt::print("{{\"figure\":\"disk\",\"fdatasync_p50_ms\":{:.2f}}}\n",
             bench::fdatasync_p50_ms(stack.value().directory()));
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--gateway") {
      settings.gateway = true;
    } else if (i + 1 < argc && flag == "--clients") {
      settings.clients = std::atoi(argv[++i]);
    } else if (i + 1 < argc && flag == "--seconds") {
      settings.seconds = std::atof(argv[++i]);
    } else if (i + 1 < argc && flag == "--rate") {
      settings.rate = std::max(1, std::atoi(argv[++i]));
    } else if (i + 1 < argc && flag == "--senders") {
      settings.senders = std::max(1, std::atoi(argv[++i]));
    } else {
      fmt::print(stderr,
                 "usage: hub [--clients N] [--seconds N] [--rate N] [--senders N] [--gateway]\n");
      return 2;
    }
  }
  if (const auto allowed =
          bench::allow_open_files(static_cast<std::uint64_t>(settings.clients) + 200);
      !allowed) {
    fmt::print(stderr, "bench/hub: {}\n", allowed.error().message);
    return 1;
  }
  return settings.gateway ? run_gateway(settings) : run_hub(settings);
}
