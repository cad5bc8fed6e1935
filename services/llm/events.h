#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

// Cuts streams into events without copying them: an event that lies in one piece as a whole is
// handed over where it lies. feed() a piece, then next() until it says no. Not thread-safe.
namespace llm::talk {

constexpr std::size_t kEventBytesMax = 4 * 1024 * 1024;

// One server-sent event, or one line of newline-delimited JSON. The views live until the next call.
struct StreamEvent {
  std::string_view name;  // empty: none was given
  std::string_view data;
  std::size_t end = 0;  // where in the piece the event ends
};

// Lines of one stream, across its pieces. They end in LF, CRLF or CR.
class LineCutter {
 public:
  explicit LineCutter(std::size_t line_bytes_max = kEventBytesMax)
      : line_bytes_max_(line_bytes_max) {}

  // TooLarge when the unfinished line is beyond the limit.
  Result<void> feed(std::string_view piece);
  // False: the piece is used up. The line lives until the next call; `lasting` says whether it
  // lives as long as the piece.
  bool next(std::string_view& line, bool& lasting);
  std::size_t at() const { return at_; }
  // What stands after the last line end.
  std::string_view rest() const { return kept_; }

 private:
  std::size_t line_bytes_max_;
  std::string_view piece_;
  std::size_t at_ = 0;
  std::string kept_;
  bool kept_taken_ = false;
  bool after_cr_ = false;  // a line feed here belongs to the line before
};

// Server-sent events (WHATWG HTML section 9.2). One at the very end that no empty line follows is
// not dispatched, as the standard wants it.
class SseCutter {
 public:
  explicit SseCutter(std::size_t event_bytes_max = kEventBytesMax)
      : event_bytes_max_(event_bytes_max), lines_(event_bytes_max) {}
  SseCutter(const SseCutter&) = delete;  // it points into itself
  SseCutter& operator=(const SseCutter&) = delete;

  // TooLarge when the unfinished event is beyond the limit.
  Result<void> feed(std::string_view piece);
  bool next(StreamEvent& event);

 private:
  void take_field(std::string_view line, bool lasting);
  void keep();
  void clear();

  std::size_t event_bytes_max_;
  LineCutter lines_;
  bool first_line_ = true;
  bool dispatched_ = false;
  bool has_data_ = false;
  std::string_view name_;  // in the piece, or in what is kept
  std::string_view data_;
  std::string name_kept_;
  std::string data_kept_;
};

}  // namespace llm::talk
