// Turns per second, latency and CPU of a whole stack, with an Ollama-shaped model of its own that
// answers at once: what is measured is Troupe's share of a reply.
//
//   bench/turn [--seconds N] [--clients N] [--understudy]
//
// Prints one JSON object.

#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include "json/json.h"
#include "net/net.h"
#include "stack.h"

namespace {

const SystemClock& clock() { return SystemClock::instance(); }

// A model without delay, that says the lines it was given.
class ScriptedModel {
 public:
  explicit ScriptedModel(net::Loop& loop) {
    server_ =
        net::listen(loop, {},
                    [this](const http::Request& request,
                           const std::shared_ptr<http::Reply>& reply) { answer(request, reply); })
            .value();
  }
  std::string url() const { return fmt::format("http://127.0.0.1:{}", server_->port()); }
  void set_lines(std::vector<std::string> lines) {
    const std::lock_guard lock(mutex_);
    lines_ = std::move(lines);
  }

 private:
  void answer(const http::Request& request, const std::shared_ptr<http::Reply>& reply) {
    if (request.path == "/api/tags") {
      return reply->respond(http::Response::json(R"({"models":[{"name":"scripted"}]})"));
    }
    std::string line = "Holy crap!";
    {
      const std::lock_guard lock(mutex_);
      if (!lines_.empty()) {
        // Two lines together, so that hardly a pair comes twice.
        const std::size_t turn = next_++;
        line = fmt::format("{} {}", lines_[turn % lines_.size()],
                           lines_[(turn / lines_.size() + turn + 1) % lines_.size()]);
      }
    }
    reply->begin(200, {{"Content-Type", "application/x-ndjson"}});
    reply->write(
        fmt::format("{{\"model\":\"scripted\",\"message\":{{\"role\":\"assistant\","
                    "\"content\":{}}},\"done\":false}}\n",
                    json::quoted(line)));
    reply->write(
        "{\"model\":\"scripted\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},"
        "\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":400,\"eval_count\":20}\n");
    reply->end(http::Reply::Ending::Complete);
  }

  std::mutex mutex_;
  std::vector<std::string> lines_;
  std::size_t next_ = 0;
  std::unique_ptr<http::Server> server_;
};

const std::vector<std::string> kMessages{"Peter, what is your favourite beer?",
                                         "Peter, where do you work?",
                                         "Peter, who is your wife?",
                                         "Peter, what do you do on Fridays?",
                                         "Peter, what are you afraid of?",
                                         "Peter, what did you have for breakfast?",
                                         "Peter, do you like football?",
                                         "Peter, tell me about your car."};

struct Load {
  std::vector<double> ms;
  int failed = 0;
  int passed = 0;
  int attempts = 0;
  double seconds = 0;
};

// `clients` loops, a channel each, for `seconds`.
class Runner {
 public:
  Runner(net::Client& client, std::string url, int clients, double seconds)
      : client_(client), url_(std::move(url)), end_(clock().now() + to_steady(seconds)) {
    running_ = clients;
    began_ = clock().now();
    for (int i = 0; i < clients; ++i) ask(i, 0);
  }

  Load wait() {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return running_ == 0; });
    load_.seconds = elapsed_ms(began_, clock().now()) / 1000;
    return load_;
  }

 private:
  static std::chrono::nanoseconds to_steady(double seconds) {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
  }

  void ask(int who, std::size_t number) {
    net::ClientRequest request;
    request.method = http::Method::Post;
    request.url = url_ + "/orchestrate";
    request.headers.set("Content-Type", "application/json");
    request.body = fmt::format(R"({{"channel":"bench-{}","author":"visitor","message":{}}})", who,
                               json::quoted(kMessages[number % kMessages.size()]));
    const auto body = std::make_shared<std::string>();
    net::ClientEvents events;
    events.data = [body](std::string_view bytes) { *body += bytes; };
    events.done = [this, who, number, body, began = clock().now()](const Result<void>& outcome) {
      note(outcome.ok(), *body, elapsed_ms(began, clock().now()));
      if (clock().now() < end_) return ask(who, number + 1);
      const std::lock_guard lock(mutex_);
      if (--running_ == 0) ended_.notify_all();
    };
    client_.send(std::move(request), std::move(events));
  }

  void note(bool ok, const std::string& body, double ms) {
    const auto document = json::Document::parse(body);
    const std::lock_guard lock(mutex_);
    if (!ok || !document || document.value().root().text_or("text", "").empty()) {
      ++load_.failed;
      return;
    }
    load_.ms.push_back(ms);
    const auto passed = document.value().root().find("passed");
    if (passed && passed->boolean()) ++load_.passed;
    load_.attempts += static_cast<int>(document.value().root().number_or("attempts", 0));
  }

  net::Client& client_;
  std::string url_;
  SteadyTime began_{};
  SteadyTime end_;
  std::mutex mutex_;
  std::condition_variable ended_;
  Load load_;
  int running_ = 0;
};

// Peter's own example lines, so that what the model says passes as a real model's would.
std::vector<std::string> lines_of_peter(net::Client& client, const std::string& url) {
  net::ClientRequest request;
  request.url = url + "/characters";
  const auto response = client.fetch(std::move(request));
  std::vector<std::string> lines;
  if (!response) return lines;
  const auto document = json::Document::parse(response.value().body);
  if (!document) return lines;
  const auto characters = document.value().root().find("characters");
  for (std::size_t i = 0; characters && i < characters->size(); ++i) {
    if (characters->at(i).text_or("id", "") != "peter") continue;
    const auto examples = characters->at(i).find("examples");
    for (std::size_t k = 0; examples && k < examples->size(); ++k) {
      std::string line(examples->at(k).string());
      if (line.find('{') == std::string::npos) lines.push_back(std::move(line));
    }
  }
  return lines;
}

int run(double seconds, int clients, bool understudy) {
  net::Loop loop;
  ScriptedModel model(loop);
  std::map<std::string, std::string> extra;
  if (!understudy) extra["llm"] = fmt::format(R"("ollama_url":"{}")", model.url());
  auto stack = bench::Stack::start(bench::config_with(extra));
  if (!stack) {
    fmt::print(stderr, "bench/turn: {}\n", stack.error().message);
    return 1;
  }
  net::Client client(loop, {.connections_per_host = 256});
  model.set_lines(lines_of_peter(client, stack.value().url("characters")));
  const std::string router = stack.value().url("router");
  Runner(client, router, 4, 1).wait();  // warm-up
  const Load one = Runner(client, router, 1, seconds / 2).wait();
  const double cpu_before = stack.value().cpu_ms();
  const Load many = Runner(client, router, clients, seconds).wait();
  const double cpu = stack.value().cpu_ms() - cpu_before;
  const auto turns = static_cast<double>(many.ms.size());
  fmt::print(
      "{{\"model\":\"{}\",\"clients\":{},\"turns_per_s\":{:.0f},\"cpu_ms_per_turn\":{:.2f},"
      "\"p50_ms\":{:.2f},\"p99_ms\":{:.2f},\"one_client_p50_ms\":{:.2f},\"one_client_p99_ms\":{:."
      "2f},"
      "\"failed\":{},\"passed_share\":{:.3f},\"attempts_per_turn\":{:.2f},\"fdatasync_p50_ms\":{:."
      "2f}}}\n",
      understudy ? "understudy" : "scripted", clients, turns / many.seconds, cpu / turns,
      bench::quantile(many.ms, 0.5), bench::quantile(many.ms, 0.99), bench::quantile(one.ms, 0.5),
      bench::quantile(one.ms, 0.99), one.failed + many.failed, many.passed / std::max(1.0, turns),
      many.attempts / std::max(1.0, turns), bench::fdatasync_p50_ms(stack.value().directory()));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 10;
  int clients = 32;
  bool understudy = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--understudy") == 0) {
      understudy = true;
    } else if (i + 1 < argc && std::strcmp(argv[i], "--seconds") == 0) {
      seconds = std::atof(argv[++i]);
    } else if (i + 1 < argc && std::strcmp(argv[i], "--clients") == 0) {
      clients = std::atoi(argv[++i]);
    } else {
      fmt::print(stderr, "usage: turn [--seconds N] [--clients N] [--understudy]\n");
      return 2;
    }
  }
  return run(seconds, clients, understudy);
}
