#include "llm/http_answer.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"

namespace llm {
namespace {

// A name that a provider has given must not become a header of its own.
std::string header_text(std::string_view text) {
  std::string safe(text);
  std::replace_if(
      safe.begin(), safe.end(), [](char c) { return c < 0x20 || c == 0x7f; }, '?');
  return safe;
}

// With three digits behind the point.
std::string milliseconds(std::chrono::nanoseconds time) {
  const auto us = std::max<std::int64_t>(time.count() / 1000, 0);
  const std::string rest = std::to_string(us % 1000);
  return std::to_string(us / 1000).append(".").append(3 - rest.size(), '0').append(rest);
}

}  // namespace

http::Headers told_headers(const std::string& request_id, const Speaker& speaker) {
  http::Headers headers;
  headers.add("x-request-id", request_id);
  if (!speaker.provider.empty()) {
    headers.add("x-troupe-provider", header_text(speaker.provider));
    headers.add("x-troupe-model", header_text(speaker.model));
  }
  if (!speaker.cache.empty()) headers.add("x-troupe-cache", std::string(speaker.cache));
  headers.add("x-troupe-overhead-ms", milliseconds(speaker.overhead));
  return headers;
}

HttpAnswer::HttpAnswer(std::shared_ptr<http::Reply> reply, const Asked& asked,
                       std::string request_id)
    : reply_(std::move(reply)),
      dialect_(*asked.dialect()),
      stream_(asked.stream()),
      include_usage_(asked.include_usage()),
      request_id_(std::move(request_id)) {}

std::string answer_id(std::string request_id) {
  std::erase_if(request_id, [](char c) { return c == '-' || c == '_' || c == '.' || c == ':'; });
  return request_id;
}

talk::Stamp HttpAnswer::stamp(const Speaker& speaker) const {
  return {answer_id(request_id_), std::string(speaker.model), SystemClock::instance().wall_ms(),
          speaker.prompt_tokens};
}

void HttpAnswer::make_writer(const Speaker& speaker) {
  talk::ChatAsk ask;
  ask.stream = true;
  ask.include_usage = include_usage_;
  writer_ = dialect_.writer(ask, stamp(speaker));
}

void HttpAnswer::begin(const Speaker& speaker) {
  begun_ = true;
  http::Headers headers = told_headers(request_id_, speaker);
  headers.add("content-type", std::string(dialect_.stream_type()));
  headers.add("cache-control", "no-cache");
  reply_->begin(200, std::move(headers));
  passed_ = speaker.passes;
  if (passed_) return;
  make_writer(speaker);
  writer_->begin(out_);
}

void HttpAnswer::delta(const talk::Delta& delta) { writer_->write(delta, out_); }

bool HttpAnswer::flush() {
  if (out_.empty()) return !reply_->gone();
  return reply_->write(std::exchange(out_, {}));
}

bool HttpAnswer::pass(std::string_view bytes) { return reply_->write(std::string(bytes)); }

void tell_whole(http::Reply& reply, const std::string& request_id, std::string body,
                const Speaker& speaker) {
  http::Response response{200, told_headers(request_id, speaker), std::move(body)};
  response.headers.add("content-type", "application/json");
  reply.respond(std::move(response));
}

void HttpAnswer::answer(std::string body, const Speaker& speaker) {
  tell_whole(*reply_, request_id_, std::move(body), speaker);
}

void HttpAnswer::done(const talk::Completion& completion, const Speaker& speaker) {
  if (!stream_) return answer(dialect_.write(completion, stamp(speaker)), speaker);
  if (!begun_) begin(speaker);
  if (!passed_) {
    writer_->end(completion.took, out_);
    flush();
  }
  reply_->end(http::Reply::Ending::Complete);
}

void HttpAnswer::failed(const talk::Refusal& refusal, const Speaker& speaker) {
  if (!begun_) {
    http::Response response = dialect_.refuse(refusal);
    const http::Headers told = told_headers(request_id_, speaker);
    for (const auto& [name, value] : told.lines()) response.headers.set(name, value);
    return reply_->respond(std::move(response));
  }
  // What cuts the stream is said in it, then the connection ends. The provider
  // may have stopped within an event.
  if (passed_) out_ += "\n\n";
  if (!writer_) make_writer(speaker);
  writer_->fail(refusal, out_);
  flush();
  reply_->end(http::Reply::Ending::Cut);
}

}  // namespace llm
