#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "json/json.h"
#include "llm/talk.h"
#include "net/net.h"

namespace llm {

// Longer than any healthy answer takes: a hang becomes a failure.
inline constexpr std::chrono::seconds kPatience{20};

inline talk::ChatMessage said(std::string text) {
  return {
      .role = talk::Role::User, .parts = {talk::Text{std::move(text)}}, .calls = {}, .call_id = {}};
}

inline std::string text_line(std::string_view text) {
  return R"({"message":{"role":"assistant","content":)" + json::quoted(text) +
         "},\"done\":false}\n";
}

inline constexpr std::string_view kDoneLine =
    "{\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":11,\"eval_count\":3}\n";

// One chat that has arrived; the test answers it when it likes.
struct FakeChat {
  http::Request request;
  std::shared_ptr<http::Reply> reply;

  void begin(std::string_view text) const {
    reply->begin(200, {{"Content-Type", "application/x-ndjson"}});
    if (!text.empty()) reply->write(text_line(text));
  }
  void answer(std::string_view text) const {
    begin(text);
    reply->write(std::string(kDoneLine));
    reply->end(http::Reply::Ending::Complete);
  }
  // All of it in one piece.
  void answer_at_once(std::string_view text) const {
    reply->respond(http::Response::json(text_line(text) + std::string(kDoneLine)));
  }
};

// An Ollama server, or any other of models, on a loop of its own: it answers by its script, and
// keeps what arrives for the test. Thread-safe.
class FakeOllama {
 public:
  using Script = std::function<void(const FakeChat&)>;

  explicit FakeOllama(Script script = nullptr, net::DoorExtras extras = {})
      : script_(std::move(script)) {
    const auto handler = [this](http::Request request, auto reply) {
      handle(std::move(request), std::move(reply));
    };
    server_ = net::listen(loop, {}, handler, std::move(extras)).value();
  }
  ~FakeOllama() {
    // The replies that nobody has taken must go before their server.
    const std::lock_guard lock(mutex_);
    chats_.clear();
    held_list_.reset();
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }

  // The next chat, in order of arrival; without a reply when none came in time.
  FakeChat next() {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, kPatience, [&] { return !chats_.empty(); })) return {};
    FakeChat chat = std::move(chats_.front());
    chats_.pop_front();
    return chat;
  }
  int seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  // From now on the list of models is not answered.
  void hold_list() {
    const std::lock_guard lock(mutex_);
    hold_list_ = true;
  }

  // How GET /models is answered, which is the list of an OpenAI server.
  void set_list_status(int status) {
    const std::lock_guard lock(mutex_);
    list_status_ = status;
  }

  net::Loop loop;

 private:
  void handle(http::Request request, std::shared_ptr<http::Reply> reply) {
    const std::lock_guard lock(mutex_);
    if (request.path == "/models") {
      reply->respond(list_status_ == 200
                         ? http::Response::json(R"({"data":[{"id":"listed"}]})")
                         : http::Response::json(R"({"error":{"message":"no"}})", list_status_));
      return;
    }
    if (request.path == "/api/tags") {
      if (hold_list_) {
        held_list_ = std::move(reply);
      } else {
        reply->respond(http::Response::json(R"({"models":[{"name":"listed"}]})"));
      }
      return;
    }
    ++seen_;
    const FakeChat& chat = chats_.emplace_back(FakeChat{std::move(request), std::move(reply)});
    if (script_) script_(chat);
    arrived_.notify_all();
  }

  Script script_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<FakeChat> chats_;
  std::shared_ptr<http::Reply> held_list_;
  int seen_ = 0;
  bool hold_list_ = false;
  int list_status_ = 200;
  std::unique_ptr<http::Server> server_;  // last: its handler uses all above
};

}  // namespace llm
