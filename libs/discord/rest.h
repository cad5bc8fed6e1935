#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "discord/types.h"
#include "http/http.h"
#include "net/net.h"

namespace discord {

// Why a request has no result.
struct Failure {
  Error error;          // for an operator
  int status = 0;       // of HTTP; 0: there was no answer
  int code = 0;         // Discord's own, see error_code
  bool unsure = false;  // it was sent and no answer came: it may have been carried out
  bool forbidden() const { return status == 401 || status == 403; }
};

// A message to post. Every one carries allowed_mentions, so that nobody is called by accident.
struct NewMessage {
  std::string content;
  std::optional<std::string> reply_to{};     // a message id; posted also when that one is gone
  std::vector<std::string> mention_users{};  // who is notified; replies ping nobody else
  std::string nonce = {};                    // at most kNonceBytes; the same one is posted once
};

// Discord's REST API for one bot. Requests wait for their bucket (X-RateLimit-Bucket and the major
// parameter of the route, learnt from answers, decimal seconds) and for the global limit; 429s are
// waited out; 401 stops everything; 403 is remembered for a channel for some minutes. Retries 5xx
// and connections that failed, and what may have been carried out only if it is idempotent: a read,
// a PUT, PATCH or DELETE, a message with a nonce. Thread-safe; callbacks come on the loop's thread.
class Rest {
 public:
  struct Options {
    std::string base_url = "https://discord.com/api/v10";
    std::string token = {};          // without "Bot "
    std::size_t waiting_max = 1024;  // requests; beyond: Overloaded
    double per_second = 50;          // of all routes together
    int invalid_max = 5'000;         // 401, 403 and 429 in ten minutes, then all waits
    Milliseconds deadline{30'000};   // of a request that names none
    std::string ca_file = {};
    Milliseconds backoff{250};  // after the first fault of a request, then twice as long each time
  };

  struct Request {
    http::Method method = http::Method::Get;
    std::string path;  // after the base, with its query: "/channels/1/messages?limit=5"
    std::string body = {};
    bool idempotent = false;  // a POST that may be sent again all the same
    bool anonymous = false;   // without the token: interaction callbacks, webhooks
    std::optional<Milliseconds> deadline{};
  };
  struct Reply {
    int status = 200;
    std::string body;
  };
  // Either an answer of 2xx or why there is none.
  struct Outcome {
    std::optional<Reply> reply;
    Failure failure{Error{Code::Internal, ""}};  // when there is no reply
    explicit operator bool() const { return reply.has_value(); }
  };
  using Done = std::function<void(Outcome)>;

  Rest(net::Loop& loop, Options options);
  ~Rest();  // what waits is answered Cancelled
  Rest(const Rest&) = delete;
  Rest& operator=(const Rest&) = delete;

  void send(Request request, Done done);
  bool encrypted() const;  // whether the base is https

  // POST /channels/{channel}/messages with enforce_nonce.
  void create_message(const std::string& channel, const NewMessage& message, Done done);
  // PATCH /channels/{channel}/messages/{message}: the content alone, mentioning nobody anew.
  void edit_message(const std::string& channel, const std::string& message,
                    const std::string& content, Done done);
  void trigger_typing(const std::string& channel, Done done);
  // POST /interactions/{id}/{token}/callback and what may follow it within fifteen minutes.
  void answer_interaction(const Interaction& interaction, int callback_type,
                          const std::string& content, int flags, Done done);
  void edit_answer(const Interaction& interaction, const std::string& content, Done done);

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace discord
