#include "http/stream.h"

#include <fmt/format.h>

#include <utility>

namespace http {
namespace {

// Appends to a buffer whose first `read` bytes are done with.
Result<void> append(std::string& buffer, std::size_t& read, std::string_view bytes,
                    std::size_t bytes_max) {
  if (read > 0) {
    buffer.erase(0, read);
    read = 0;
  }
  if (buffer.size() > bytes_max) {
    return Error{Code::TooLarge, fmt::format("a streamed item exceeds {} bytes", bytes_max)};
  }
  buffer += bytes;
  return {};
}

}  // namespace

std::string encode(const SseEvent& event) {
  std::string text;
  if (!event.event.empty()) text += fmt::format("event: {}\n", event.event);
  if (!event.id.empty()) text += fmt::format("id: {}\n", event.id);
  std::string_view rest = event.data;
  while (true) {
    const std::string_view line = rest.substr(0, rest.find_first_of("\r\n"));
    text += "data: ";
    text += line;
    text += '\n';
    if (line.size() == rest.size()) break;
    const bool pair = rest.substr(line.size()).starts_with("\r\n");
    rest.remove_prefix(line.size() + (pair ? 2 : 1));
  }
  text += '\n';
  return text;
}

Result<void> SseParser::feed(std::string_view bytes) {
  if (pending_.data.size() > event_bytes_max_) {
    return Error{Code::TooLarge, fmt::format("a streamed item exceeds {} bytes", event_bytes_max_)};
  }
  return append(buffer_, read_, bytes, event_bytes_max_);
}

std::optional<SseEvent> SseParser::next() {
  while (true) {
    if (read_ == buffer_.size()) return std::nullopt;
    if (std::exchange(after_cr_, false) && buffer_[read_] == '\n') ++read_;
    const std::size_t end = buffer_.find_first_of("\r\n", read_);
    if (end == std::string::npos) return std::nullopt;
    std::string_view line = std::string_view(buffer_).substr(read_, end - read_);
    after_cr_ = buffer_[end] == '\r';
    read_ = end + 1;
    if (std::exchange(first_line_, false) && line.starts_with("\xEF\xBB\xBF"))
      line.remove_prefix(3);
    if (line.empty()) {
      if (!std::exchange(has_data_, false)) {
        pending_ = {};
        continue;
      }
      pending_.data.pop_back();  // the last newline
      return std::exchange(pending_, {});
    }
    const std::size_t colon = line.find(':');
    const std::string_view field = line.substr(0, colon);
    std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (field == "data") {
      pending_.data += value;
      pending_.data += '\n';
      has_data_ = true;
    } else if (field == "event") {
      pending_.event = std::string(value);
    } else if (field == "id") {
      pending_.id = std::string(value);
    }
  }
}

Result<void> LineParser::feed(std::string_view bytes) {
  return append(buffer_, read_, bytes, line_bytes_max_);
}

std::optional<std::string> LineParser::next() {
  while (true) {
    const std::size_t end = buffer_.find('\n', read_);
    if (end == std::string::npos) return std::nullopt;
    std::string_view line = std::string_view(buffer_).substr(read_, end - read_);
    read_ = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) return std::string(line);
  }
}

std::optional<std::string> LineParser::rest() {
  std::string line = buffer_.substr(read_);
  buffer_.clear();
  read_ = 0;
  if (line.empty()) return std::nullopt;
  return line;
}

}  // namespace http
