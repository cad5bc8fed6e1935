#include "llm/events.h"

#include <fmt/format.h>

#include <utility>

namespace llm::talk {
namespace {

Result<void> within(std::size_t bytes, std::size_t bytes_max) {
  if (bytes <= bytes_max) return {};
  return Error{Code::TooLarge, fmt::format("a streamed item exceeds {} bytes", bytes_max)};
}

}  // namespace

Result<void> LineCutter::feed(std::string_view piece) {
  if (std::exchange(kept_taken_, false)) kept_.clear();
  TRY(within(kept_.size(), line_bytes_max_));
  piece_ = piece;
  at_ = 0;
  return {};
}

bool LineCutter::next(std::string_view& line, bool& lasting) {
  if (std::exchange(kept_taken_, false)) kept_.clear();
  if (after_cr_ && at_ < piece_.size()) {
    if (piece_[at_] == '\n') ++at_;
    after_cr_ = false;
  }
  const std::string_view rest = piece_.substr(at_);
  std::size_t size = rest.find('\n');
  const std::size_t cr = rest.substr(0, size).find('\r');
  if (cr != rest.npos) size = cr;
  if (size == rest.npos) {
    kept_ += rest;
    at_ = piece_.size();
    return false;
  }
  at_ += size + 1;
  if (cr != rest.npos) {
    after_cr_ = at_ == piece_.size();
    if (!after_cr_ && piece_[at_] == '\n') ++at_;
  }
  line = rest.substr(0, size);
  lasting = kept_.empty();
  if (!lasting) {
    kept_ += line;
    line = kept_;
    kept_taken_ = true;
  }
  return true;
}

Result<void> SseCutter::feed(std::string_view piece) {
  if (dispatched_) clear();
  TRY(within(data_kept_.size() + name_kept_.size(), event_bytes_max_));
  return lines_.feed(piece);
}

bool SseCutter::next(StreamEvent& event) {
  if (dispatched_) clear();
  std::string_view line;
  bool lasting = false;
  while (lines_.next(line, lasting)) {
    if (std::exchange(first_line_, false) && line.starts_with("\xEF\xBB\xBF")) {
      line.remove_prefix(3);
    }
    if (!line.empty()) {
      take_field(line, lasting);
    } else if (has_data_) {
      event = {name_, data_, lines_.at()};
      dispatched_ = true;
      return true;
    } else {
      clear();
    }
  }
  keep();
  return false;
}

void SseCutter::take_field(std::string_view line, bool lasting) {
  const std::size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == line.npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    if (!has_data_ && lasting) {
      data_ = value;
    } else {
      if (has_data_ && data_kept_.empty()) data_kept_ = data_;
      if (has_data_) data_kept_ += '\n';
      data_kept_ += value;
      data_ = data_kept_;
    }
    has_data_ = true;
  } else if (field == "event") {
    name_ = value;
    if (!lasting) {
      name_kept_ = value;
      name_ = name_kept_;
    }
  }
}

// The piece is about to go.
void SseCutter::keep() {
  if (!data_.empty() && data_.data() != data_kept_.data()) {
    data_kept_ = data_;
    data_ = data_kept_;
  }
  if (!name_.empty() && name_.data() != name_kept_.data()) {
    name_kept_ = name_;
    name_ = name_kept_;
  }
}

void SseCutter::clear() {
  dispatched_ = false;
  has_data_ = false;
  name_ = {};
  data_ = {};
  name_kept_.clear();
  data_kept_.clear();
}

}  // namespace llm::talk
