#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

// Codecs of the two streaming formats, fed with any split of the bytes. Not thread-safe.
namespace http {

// One server-sent event, as dispatched (WHATWG HTML section 9.2).
struct SseEvent {
  std::string event;  // empty means "message"
  std::string data;
  std::string id;
};

// "event: x\ndata: y\n\n"; a data with line ends becomes several data lines.
std::string encode(const SseEvent& event);

// Cuts a byte stream into events. feed(), then next() until it is empty.
class SseParser {
 public:
  explicit SseParser(std::size_t event_bytes_max = 1024 * 1024)
      : event_bytes_max_(event_bytes_max) {}

  // TooLarge when an unfinished event exceeds the limit.
  Result<void> feed(std::string_view bytes);
  std::optional<SseEvent> next();

 private:
  std::size_t event_bytes_max_;
  std::string buffer_;
  std::size_t read_ = 0;
  bool first_line_ = true;
  bool after_cr_ = false;  // a line feed here belongs to the line before
  SseEvent pending_;
  bool has_data_ = false;
};

// Cuts a byte stream into lines (newline-delimited JSON); empty lines are passed over.
class LineParser {
 public:
  explicit LineParser(std::size_t line_bytes_max = 1024 * 1024) : line_bytes_max_(line_bytes_max) {}

  Result<void> feed(std::string_view bytes);
  std::optional<std::string> next();
  // What stands after the last newline when the stream has ended.
  std::optional<std::string> rest();

 private:
  std::size_t line_bytes_max_;
  std::string buffer_;
  std::size_t read_ = 0;
};

}  // namespace http
