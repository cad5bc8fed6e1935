#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "http/http.h"

namespace runtime::testing {

inline constexpr std::chrono::seconds kPatience{30};

// Keeps the response for whoever asks.
class KeptReply final : public http::Reply {
 public:
  void respond(http::Response response) override { response_.set_value(std::move(response)); }
  void begin(int, http::Headers) override {}
  bool write(std::string) override { return false; }
  void end(Ending) override {}
  bool gone() const override { return gone_; }
  void on_gone(std::function<void()>) override {}

  http::Response get() { return response_.get_future().get(); }
  void leave() { gone_ = true; }

 private:
  std::promise<http::Response> response_;
  bool gone_ = false;
};

inline http::Request request(http::Method method, const std::string& target,
                             std::string body = {}) {
  http::Request made;
  made.method = method;
  http::set_target(made, target);
  made.body = std::move(body);
  return made;
}

}  // namespace runtime::testing
