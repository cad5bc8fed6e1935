#include <memory>

#include "base/utf8.h"
#include "fuzz/fuzz.h"
#include "http/guard.h"
#include "http/router.h"
#include "net/wire.h"

// What is read of a request line and of URLs: targets, routes, the guard against foreign pages.
namespace {

class KeptReply final : public http::Reply {
 public:
  void respond(http::Response given) override {
    fuzz::require(!answered, "one answer to one request");
    answered = true;
    response = std::move(given);
  }
  void begin(int, http::Headers) override {}
  bool write(std::string) override { return true; }
  void end(Ending) override {}
  bool gone() const override { return false; }
  void on_gone(std::function<void()>) override {}

  bool answered = false;
  http::Response response;
};

http::Router make_router() {
  http::Router router;
  const auto say = [](std::string text) {
    return [text](const http::Request& request, const std::shared_ptr<http::Reply>& reply) {
      for (const auto& [name, value] : request.params) {
        fuzz::require(!value.empty(), "a parameter is not empty");
      }
      reply->respond(http::Response::text(text));
    };
  };
  router.add(http::Method::Get, "/health", say("health"));
  router.add(http::Method::Get, "/turns/{id}", say("turn"));
  router.add(http::Method::Get, "/turns/latest", say("latest"));
  router.add(http::Method::Post, "/a/{b}/c/{d}", say("deep"));
  return router;
}

void check_route(const http::Request& request) {
  static const http::Router router = make_router();
  const auto reply = std::make_shared<KeptReply>();
  router.route(request, reply);
  fuzz::require(reply->answered, "every request is answered");
  const int status = reply->response.status;
  fuzz::require(status == 200 || status == 404 || status == 405, "routes answer 200, 404 or 405");
  fuzz::require(status != 405 || reply->response.headers.get("Allow"), "405 names what is allowed");
  if (request.path == "/turns/latest" && request.method == http::Method::Get) {
    fuzz::require(reply->response.body == "latest", "a literal segment wins over a parameter");
  }
}

// The guard lets nothing pass that names another host or origin.
void check_guard(http::Request request, std::string_view text) {
  const std::string name(text.substr(0, text.find_first_of("\r\n")));
  request.headers = http::Headers{{"Host", name}};
  const bool host_passes = !http::refuse_foreign(request, {"friend"});
  request.headers = http::Headers{{"Host", "localhost"}, {"Origin", "http://" + name}};
  const bool origin_passes = !http::refuse_foreign(request, {"friend"});
  if (!host_passes && !origin_passes) return;
  const std::string lower = ascii_lower(name);
  fuzz::require(lower.find("evil") == std::string::npos, "no evil host passes");
  const bool known = lower.find("localhost") != std::string::npos ||
                     lower.find("127.") != std::string::npos ||
                     lower.find("::1") != std::string::npos ||
                     lower.find("friend") != std::string::npos || name.empty();
  fuzz::require(known, "only known hosts pass");
}

void check_url(std::string_view text) {
  for (const auto scheme : {net::Scheme::Http, net::Scheme::WebSocket}) {
    const auto url = net::parse_url(text, scheme);
    if (!url) continue;
    fuzz::keep();
    fuzz::require(!url.value().host.empty(), "a URL has a host");
    fuzz::require(url.value().target.starts_with('/'), "a target starts with /");
    std::string head;
    const auto made = net::append_request_head(head, http::Method::Post, url.value(), {}, 3);
    fuzz::require(made.ok(), "the request of a URL can be sent");
    std::size_t lines = 0;
    for (const char c : head) lines += c == '\n' ? 1U : 0U;
    fuzz::require(lines == 4, "a URL adds no line to the head");
  }
}

// A header cannot break out of its line.
void check_head(std::string_view text) {
  const auto colon = std::min(text.find(':'), text.size());
  const std::string name(text.substr(0, colon));
  const std::string value(text.substr(std::min(text.size(), colon + 1)));
  http::Headers headers;
  headers.add(name, value);
  std::string head;
  net::append_head(head, {.headers = headers, .date = "now"});
  fuzz::require(head.find("\r\n\r\n") == head.size() - 4, "one head is one head");
  std::size_t lines = 0;
  for (const char c : head) lines += c == '\n' || c == '\r' ? 1U : 0U;
  fuzz::require(lines == 8 || lines == 10, "a header is one line");
}

}  // namespace

fuzz::Corpus fuzz::corpus() {
  return {
      .seeds = {"/health", "/turns/latest", "/turns/a%20b?limit=5&channel=c%2b+d", "/a/b/c/d",
                "localhost:8080", "127.0.0.1", "[::1]:6005", "evil.example",
                "http://user@host:80/path?x#y", "https://[::1]/", "wss://host/", "X-Name: value",
                "friend:1", "localhost.evil.example", "/%00", "//x", "/a/%2e%2e/c/%2F"},
      .words = {"%",      "%2f",     "%00",       "%zz",       "..",       "?",     "&",
                "=",      "+",       "localhost", "127.0.0.1", "evil",     "@",     ":",
                "]",      "[",       "#",         "http://",   "https://", "ws://", "\r\n",
                ":65536", "/turns/", "0x7f.1",    "2130706433"}};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  http::Request request;
  if (http::set_target(request, text)) {
    fuzz::keep();
    fuzz::require(request.target == text, "a target is kept as sent");
    fuzz::require(request.path.find('\0') == std::string::npos, "a path has no zero byte");
    fuzz::require(request.path.starts_with('/'), "a path starts with /");
    for (const auto method : {http::Method::Get, http::Method::Post, http::Method::Head}) {
      request.method = method;
      check_route(request);
    }
  }
  check_guard(request, text);
  check_url(text);
  check_head(text);
  return 0;
}
