#include "crawler/fetcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <future>
#include <memory>
#include <optional>
#include <utility>

#include "base/utf8.h"
#include "retry/policy.h"

namespace crawler {
namespace {

constexpr Milliseconds kConnectTimeout{5'000};
constexpr Milliseconds kSilenceMax{15'000};
constexpr std::size_t kValueBytesMax = 500;  // of an ETag that is kept
constexpr Milliseconds kRetryAfterMax{600'000};

net::Client::Options client_options(const Fetcher::Options& options) {
  net::Client::Options client;
  client.connections_per_host = 4;
  client.keep_alive = Milliseconds(10'000);
  client.ca_file = options.ca_file;
  client.may_connect = [allowed = options.allowed](const net::Client::Place& place) {
    return may_connect(allowed, place.host, place.address, place.port);
  };
  return client;
}

std::string header(const http::Response& response, std::string_view name) {
  const auto value = response.headers.get(name).value_or("");
  return value.size() <= kValueBytesMax ? std::string(value) : std::string();
}

bool redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Seconds only; a date is as good as nothing said.
Milliseconds retry_after(const http::Response& response) {
  const std::string value = header(response, "Retry-After");
  int seconds = 0;
  const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (failed != std::errc() || end != value.data() + value.size() || seconds < 0) return {};
  return std::min(kRetryAfterMax, Milliseconds(1000LL * std::min(seconds, 600)));
}

Result<Fetched> answer_of(http::Response response, const Url& url) {
  const std::string coding = ascii_lower(header(response, "Content-Encoding"));
  if (!coding.empty() && coding != "identity") {
    return Error{Code::InvalidArgument, fmt::format("{}: sent compressed, unasked", url.text())};
  }
  Fetched fetched;
  fetched.status = response.status;
  fetched.url = url;
  fetched.content_type = utf8_repaired(header(response, "Content-Type"));
  fetched.etag = header(response, "ETag");
  fetched.last_modified = header(response, "Last-Modified");
  fetched.retry_after = retry_after(response);
  if (response.status == 200) fetched.body = std::move(response.body);
  return fetched;
}

}  // namespace

Result<void> check_place(const AllowedPlaces& allowed, const Url& url) {
  std::string_view host = url.host;
  const bool v6 = host.starts_with('[');
  if (v6) host = host.substr(1, host.size() - 2);
  if (allowed.contains(host, static_cast<std::uint16_t>(std::stoi(url.port)))) return {};
  if (url.port != "80" && url.port != "443") {
    return Error{Code::PermissionDenied,
                 fmt::format("{}: only ports 80 and 443 are fetched from; others are named by "
                             "setting allow_private of the crawler",
                             url.origin())};
  }
  const bool figures = v6 || (host.back() >= '0' && host.back() <= '9');  // see parse_url
  if (!figures || public_address(host)) return {};
  return Error{Code::PermissionDenied,
               fmt::format("{}: not an address of the public internet; setting allow_private of "
                           "the crawler names exceptions",
                           url.origin())};
}

Fetcher::Fetcher(net::Loop& loop, Options options, const Clock& clock)
    : options_(std::move(options)), clock_(clock), client_(loop, client_options(options_)) {}

Result<Fetched> Fetcher::fetch(const Wanted& wanted, const Gate& gate,
                               const std::stop_token& stop) {
  SteadyTime end = clock_.now() + options_.timeout;
  Url url = wanted.url;
  for (int hops = 0; hops <= options_.redirects_max; ++hops) {
    TRY(check_place(options_.allowed, url));
    const SteadyTime waiting = clock_.now();
    if (gate) TRY(gate(url));
    end += clock_.now() - waiting;
    auto response = TRY(hop(url, wanted, end, stop));
    if (!redirect(response.status)) return answer_of(std::move(response), url);
    const auto location = response.headers.get("Location");
    if (!location) {
      return Error{Code::InvalidArgument, fmt::format("{}: leads nowhere", url.text())};
    }
    auto next = resolve(url, *location);
    if (!next) {
      return Error{Code::PermissionDenied, fmt::format("{}: leads to what is refused: {}",
                                                       url.text(), next.error().message)};
    }
    url = std::move(next).value();
  }
  return Error{Code::InvalidArgument, fmt::format("{}: leads on more than {} times",
                                                  wanted.url.text(), options_.redirects_max)};
}

// As net::Client::fetch, but `stop` ends it.
Result<http::Response> Fetcher::hop(const Url& url, const Wanted& wanted, SteadyTime end,
                                    const std::stop_token& stop) {
  const Milliseconds left = retry::remaining(clock_.now(), end);
  if (left.count() == 0) {
    return Error{Code::DeadlineExceeded, fmt::format("{}: no time left for it", url.text())};
  }
  net::ClientRequest request;
  request.url = url.text();
  request.headers = {{"User-Agent", options_.user_agent},
                     {"Accept",
                      "text/html, text/markdown, text/plain, application/pdf;q=0.9, "
                      "*/*;q=0.1"},
                     {"Accept-Encoding", "identity"}};
  // What is known is the page at the URL that was asked for.
  if (url.text() == wanted.url.text()) {
    if (!wanted.etag.empty()) request.headers.set("If-None-Match", wanted.etag);
    if (!wanted.last_modified.empty()) {
      request.headers.set("If-Modified-Since", wanted.last_modified);
    }
  }
  request.body_bytes_max = wanted.bytes_max;
  request.total_timeout = left;
  request.connect_timeout = std::min(kConnectTimeout, request.total_timeout);
  request.first_byte_timeout = request.idle_timeout = std::min(kSilenceMax, request.total_timeout);
  struct Wait {
    http::Response response;
    std::promise<Result<void>> done;
  };
  const auto wait = std::make_shared<Wait>();
  auto done = wait->done.get_future();
  const auto call = client_.send(
      std::move(request),
      {.head =
           [wait](int status, const http::Headers& headers) {
             wait->response.status = status;
             wait->response.headers = headers;
           },
       .data = [wait](std::string_view bytes) { wait->response.body.append(bytes); },
       .done = [wait](Result<void> outcome) { wait->done.set_value(std::move(outcome)); }});
  const std::stop_callback cancel(stop, [&call] { call->cancel(); });
  TRY(done.get());
  return std::move(wait->response);
}

}  // namespace crawler
