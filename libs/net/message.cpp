#include "net/message.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "net/wire.h"

namespace net {
namespace {

// What a character may be part of.
constexpr std::uint8_t kText = 1;     // all but control characters; tab is one that may be
constexpr std::uint8_t kVisible = 2;  // text without blanks

constexpr std::array<std::uint8_t, 256> kClasses = [] {
  std::array<std::uint8_t, 256> classes{};
  for (std::size_t c = 0; c < classes.size(); ++c) {
    if ((c >= 0x20 && c != 0x7f) || c == '\t') classes[c] |= kText;
    if (c > 0x20 && c != 0x7f) classes[c] |= kVisible;
  }
  return classes;
}();

bool all(std::string_view text, std::uint8_t wanted) {
  std::uint8_t seen = wanted;
  for (const char c : text) seen &= kClasses[static_cast<unsigned char>(c)];
  return seen != 0;
}

bool blank(char c) { return c == ' ' || c == '\t'; }

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

bool digit(char c) { return c >= '0' && c <= '9'; }

int hex_digit(char c) {
  if (digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// "HTTP/1.1" as 11; -1 when it is no version at all.
int version_of(std::string_view text) {
  const bool version = text.size() == 8 && text.starts_with("HTTP/") && digit(text[5]) &&
                       text[6] == '.' && digit(text[7]);
  return version ? (text[5] - '0') * 10 + (text[7] - '0') : -1;
}

}  // namespace

std::string_view explain(Fault fault) {
  switch (fault) {
    case Fault::None:
      return "nothing is wrong";
    case Fault::StartLine:
      return "bad start line";
    case Fault::Version:
      return "only HTTP/1.0 and HTTP/1.1 are spoken here";
    case Fault::Field:
      return "bad header line";
    case Fault::Framing:
      return "the body's end must be given by one Content-Length, or by chunked alone";
    case Fault::Chunk:
      return "bad chunk";
    case Fault::LineTooLong:
      return "the start line is too long";
    case Fault::HeadTooLong:
      return "too many header bytes";
    case Fault::BodyTooLong:
      return "the body is too long";
  }
  return "";
}

void MessageReader::next(Body body) {
  state_ = State::Start;
  fault_ = Fault::None;
  body_ = body;
  head_ = MessageHead();
  name_.clear();
  value_.clear();
  scanned_ = line_bytes_ = 0;
  left_ = body_bytes_ = 0;
  closes_ = stays_ = false;
}

MessageReader::Taken MessageReader::failed(Fault fault) {
  state_ = State::Failed;
  fault_ = fault;
  return {.step = Step::Fault};
}

MessageReader::Taken MessageReader::take(std::string_view bytes) {
  return state_ <= State::Fields ? take_head(bytes) : take_body(bytes);
}

// The line at the front, without its end. False when it has no end yet, or has failed.
bool MessageReader::line(std::string_view bytes, std::size_t& used, std::string_view& text) {
  const std::string_view rest = bytes.substr(used);
  const bool starts = state_ == State::Start;
  const void* const found = scanned_ < rest.size()
                                ? std::memchr(rest.data() + scanned_, '\n', rest.size() - scanned_)
                                : nullptr;
  if (found == nullptr) {
    scanned_ = rest.size();
    if (line_bytes_ + rest.size() > limits_.head_bytes) {
      failed(starts ? Fault::LineTooLong : Fault::HeadTooLong);
    }
    return false;
  }
  const auto size = static_cast<std::size_t>(static_cast<const char*>(found) - rest.data());
  scanned_ = 0;
  used += size + 1;
  text = rest.substr(0, size);
  if (text.ends_with('\r')) {
    text.remove_suffix(1);
    return true;
  }
  // A line feed alone ends no line here, though section 2.2 would allow it.
  const bool chunk = state_ == State::ChunkSize;
  failed(starts ? Fault::StartLine : chunk ? Fault::Chunk : Fault::Field);
  return false;
}

MessageReader::Taken MessageReader::take_head(std::string_view bytes) {
  std::size_t used = 0;
  // Empty lines in front of a request are passed over (section 2.2).
  while (kind_ == Kind::Request && state_ == State::Start &&
         bytes.substr(used).starts_with("\r\n")) {
    used += 2;
    scanned_ = 0;
  }
  const std::string_view rest = bytes.substr(used);
  if (state_ == State::Start && (rest.empty() || rest == "\r")) {
    return {.step = Step::More, .used = used};
  }
  // With the byte before it: a CR was spared while it could be the line's end.
  const std::string_view unseen = rest.substr(std::min(scanned_ - (scanned_ > 0), rest.size()));
  std::string_view text;
  while (line(bytes, used, text)) {
    const bool starts = state_ == State::Start;
    line_bytes_ += text.size() + 2;
    if (line_bytes_ > limits_.head_bytes) {
      return failed(starts ? Fault::LineTooLong : Fault::HeadTooLong);
    }
    const bool ends = !starts && text.empty();
    const Fault fault = starts ? start_line(text) : ends ? frame() : field(text);
    if (fault != Fault::None) return failed(fault);
    if (ends) return {.step = Step::Head, .used = used};
    state_ = State::Fields;
  }
  // Another protocol may have no line ends, and would be waited for.
  if (state_ == State::Start &&
      !all(unseen.substr(0, unseen.size() - unseen.ends_with('\r')), kText)) {
    failed(Fault::StartLine);
  }
  return {.step = state_ == State::Failed ? Step::Fault : Step::More, .used = used};
}

Fault MessageReader::start_line(std::string_view text) {
  if (!all(text, kText)) return Fault::StartLine;
  return kind_ == Kind::Request ? request_line(text) : status_line(text);
}

Fault MessageReader::request_line(std::string_view text) {
  const std::size_t first = text.find(' ');
  const std::size_t last = text.rfind(' ');
  if (first == text.npos || first == last) return Fault::StartLine;
  const std::string_view method = text.substr(0, first);
  const std::string_view target = text.substr(first + 1, last - first - 1);
  head_.version = version_of(text.substr(last + 1));
  if (!token(method) || target.empty() || !all(target, kVisible) || head_.version < 0) {
    return Fault::StartLine;
  }
  if (head_.version != 10 && head_.version != 11) return Fault::Version;
  head_.method = method;
  head_.target = target;
  return Fault::None;
}

Fault MessageReader::status_line(std::string_view text) {
  head_.version = version_of(text.substr(0, 8));
  const std::string_view status = text.substr(std::min<std::size_t>(text.size(), 8), 4);
  if ((head_.version != 10 && head_.version != 11) || status.size() != 4 || status[0] != ' ' ||
      !digit(status[1]) || !digit(status[2]) || !digit(status[3]) ||
      (text.size() > 12 && text[12] != ' ')) {
    return Fault::StartLine;
  }
  head_.status = (status[1] - '0') * 100 + (status[2] - '0') * 10 + (status[3] - '0');
  // Nobody asked for another protocol (RFC 9110 section 15.2.2).
  return head_.status < 100 || head_.status == 101 ? Fault::StartLine : Fault::None;
}

Fault MessageReader::field(std::string_view text) {
  if (!all(text, kText)) return Fault::Field;
  if (blank(text.front())) {
    // Folded: some servers still write it, and it is joined; a request is refused (section 5.2).
    if (kind_ == Kind::Request || name_.empty()) return Fault::Field;
    value_.append(" ").append(without_blanks(text));
    return Fault::None;
  }
  keep_field();
  const std::size_t colon = text.find(':');
  if (colon == text.npos || !token(text.substr(0, colon))) return Fault::Field;
  name_ = text.substr(0, colon);
  value_ = without_blanks(text.substr(colon + 1));
  return Fault::None;
}

void MessageReader::keep_field() {
  if (name_.empty()) return;
  head_.headers.add(std::move(name_), std::move(value_));
  name_.clear();
  value_.clear();
}

// Where the body ends, and whether the connection lives on (sections 6.3 and 9.3).
Fault MessageReader::frame() {
  keep_field();
  std::size_t codings = 0;
  for (const auto& [name, value] : head_.headers.lines()) {
    if (same_word(name, "Content-Length")) {
      if (const Fault fault = frame_by_length(value); fault != Fault::None) return fault;
    } else if (same_word(name, "Transfer-Encoding")) {
      // Any other coding was not asked for.
      if (++codings > 1 || !same_word(value, "chunked")) return Fault::Framing;
    } else if (same_word(name, "Connection")) {
      connection_words(value);
    }
  }
  const bool old = head_.version == 10;
  const bool request = kind_ == Kind::Request;
  head_.chunked = codings > 0;
  if (head_.chunked && (head_.has_length || (old && request))) return Fault::Framing;
  if (head_.length > limits_.body_bytes) return Fault::BodyTooLong;
  left_ = head_.length;
  const int status = head_.status;
  if (!request && (body_ == Body::None || status < 200 || status == 204 || status == 304)) {
    head_.chunked = false;
    head_.has_length = true;
    left_ = 0;
  }
  const bool until_end = !request && !head_.chunked && !head_.has_length;
  head_.keep_alive = !closes_ && (!old || stays_) && !until_end;
  state_ = State::Headed;
  line_bytes_ = 0;
  return Fault::None;
}

// A response may say the same twice; a request says it once.
Fault MessageReader::frame_by_length(std::string_view value) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  if (value.empty() || (head_.has_length && kind_ == Kind::Request)) return Fault::Framing;
  std::uint64_t length = 0;
  for (const char c : value) {
    if (!digit(c)) return Fault::Framing;
    const auto next = static_cast<std::uint64_t>(c - '0');
    if (length > (kMost - next) / 10) return Fault::Framing;
    length = length * 10 + next;
  }
  if (head_.has_length && length != head_.length) return Fault::Framing;
  head_.has_length = true;
  head_.length = length;
  return Fault::None;
}

void MessageReader::connection_words(std::string_view list) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string_view word = without_blanks(list.substr(0, comma));
    closes_ = closes_ || same_word(word, "close");
    stays_ = stays_ || same_word(word, "keep-alive");
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
}

MessageReader::State MessageReader::body_state() const {
  if (head_.chunked) return State::ChunkSize;
  if (head_.has_length) return State::Length;
  return kind_ == Kind::Request ? State::Done : State::UntilEnd;
}

MessageReader::Taken MessageReader::take_piece(std::string_view bytes, std::size_t used) {
  const std::string_view rest = bytes.substr(used);
  if (rest.empty()) return {.step = Step::More, .used = used};
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size()));
  left_ -= size;
  return {.step = Step::Body, .used = used + size, .body = rest.substr(0, size)};
}

MessageReader::Taken MessageReader::take_body(std::string_view bytes) {
  std::size_t used = 0;
  for (;;) {
    switch (state_) {
      case State::Headed:
        state_ = body_state();
        break;
      case State::Length:
      case State::ChunkData:
        if (left_ > 0) return take_piece(bytes, used);
        state_ = state_ == State::Length ? State::Done : State::ChunkEnd;
        break;
      case State::UntilEnd:
        left_ = bytes.size();
        return take_piece(bytes, used);
      case State::ChunkEnd: {
        const std::string_view rest = bytes.substr(used, 2);
        if (!std::string_view("\r\n").starts_with(rest)) return failed(Fault::Chunk);
        if (rest.size() < 2) return {.step = Step::More, .used = used};
        used += 2;
        state_ = State::ChunkSize;
        break;
      }
      case State::ChunkSize:
      case State::Trailers: {
        std::string_view text;
        if (!line(bytes, used, text)) {
          return {.step = state_ == State::Failed ? Step::Fault : Step::More, .used = used};
        }
        const Fault fault = state_ == State::ChunkSize ? chunk_size(text) : trailer(text);
        if (fault != Fault::None) return failed(fault);
        break;
      }
      case State::Done:
        return {.step = Step::End, .used = used};
      case State::Start:
      case State::Fields:
      case State::Failed:
        return {.step = Step::Fault, .used = used};
    }
  }
}

// Extensions are passed over, and counted: a megabyte of them may carry a body of a few bytes.
Fault MessageReader::chunk_size(std::string_view text) {
  std::uint64_t size = 0;
  std::size_t at = 0;
  for (; at < text.size() && hex_digit(text[at]) >= 0; ++at) {
    if (size >> 60 != 0) return Fault::Chunk;
    size = size << 4 | static_cast<std::uint64_t>(hex_digit(text[at]));
  }
  std::string_view extension = text.substr(at);
  // Some servers fill the size up with blanks.
  if (kind_ == Kind::Response) extension = without_blanks(extension);
  if (at == 0 || (!extension.empty() && extension.front() != ';') || !all(extension, kText)) {
    return Fault::Chunk;
  }
  line_bytes_ += extension.size();
  if (line_bytes_ > limits_.head_bytes) return Fault::HeadTooLong;
  if (size > limits_.body_bytes - body_bytes_) return Fault::BodyTooLong;
  body_bytes_ += size;
  left_ = size;
  state_ = size == 0 ? State::Trailers : State::ChunkData;
  return Fault::None;
}

// Read and dropped: merged into the head they could replace what was checked (section 6.5.1).
Fault MessageReader::trailer(std::string_view text) {
  if (text.empty()) {
    state_ = State::Done;
    return Fault::None;
  }
  line_bytes_ += text.size() + 2;
  if (line_bytes_ > limits_.head_bytes) return Fault::HeadTooLong;
  if (!all(text, kText)) return Fault::Field;
  if (blank(text.front())) return kind_ == Kind::Request ? Fault::Field : Fault::None;
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  if (colon == text.npos || !token(name) || same_word(name, "Content-Length") ||
      same_word(name, "Transfer-Encoding")) {
    return Fault::Field;
  }
  return Fault::None;
}

}  // namespace net
