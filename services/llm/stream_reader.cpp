#include "llm/stream_reader.h"

#include <string.h>

#include <algorithm>

#include "base/utf8.h"
#include "llm/talk_json.h"
#include "llm/wire_json.h"

namespace llm::talk {
namespace {

constexpr std::size_t kHeadBytes = 80;

// memmem: the first bytes of what is looked for are quotes, of which there are many.
std::size_t find(std::string_view data, std::string_view needle, std::size_t from = 0) {
  if (from >= data.size()) return data.npos;
  const void* const found =
      memmem(data.data() + from, data.size() - from, needle.data(), needle.size());
  if (found == nullptr) return data.npos;
  return static_cast<std::size_t>(static_cast<const char*>(found) - data.data());
}

// Whether a JSON string is written so says just that.
bool plain(std::string_view text) {
  for (const char c : text) {
    if (c == '\\' || static_cast<unsigned char>(c) < 0x20) return false;
  }
  return utf8_valid(text);
}

Error cut() { return {Code::Unavailable, "the stream was cut"}; }

}  // namespace

Result<void> EventReader::feed(std::string_view bytes, const OnDelta& on_delta) {
  if (form_ == Form::Unknown) {
    bytes.remove_prefix(std::min(bytes.find_first_not_of(" \t\r\n"), bytes.size()));
    if (bytes.empty()) return {};
    const bool object = framing_ == Framing::Events && bytes.front() == '{';
    form_ = object ? Form::Whole : Form::Stream;
  }
  if (head_.size() < kHeadBytes) head_ += bytes.substr(0, kHeadBytes - head_.size());
  if (form_ == Form::Whole) {
    if (whole_.size() + bytes.size() > kWholeBytesMax) {
      return Error{Code::TooLarge, "the answer exceeds the limit"};
    }
    whole_ += bytes;
    return {};
  }
  if (framing_ == Framing::Events) {
    TRY(events_.feed(bytes));
  } else {
    TRY(lines_.feed(bytes));
  }
  return drain(on_delta);
}

// What follows the end, in this piece or another, is nobody's.
Result<void> EventReader::drain(const OnDelta& on_delta) {
  StreamEvent event;
  if (framing_ == Framing::Events) {
    while (!ended() && events_.next(event)) TRY(one(event, on_delta));
    return {};
  }
  bool lasting = false;
  while (!ended() && lines_.next(event.data, lasting)) {
    if (!event.data.empty()) TRY(one(event, on_delta));
  }
  return {};
}

Result<void> EventReader::one(const StreamEvent& event, const OnDelta& on_delta) {
  std::string_view text;
  if (spoke_ && frame_.fits(event, text)) {
    if (skims_) {
      count(text.size());
      return {};
    }
    if (plain(text)) {
      if (!text.empty()) speak(TextDelta{text}, on_delta);
      return {};
    }
  }
  if (skims_ && spoke_ && !matters(event)) {
    text = raw_text(event.data, text_key());
    count(text.size());
    frame_.learn(event, text_key(), text);
    return {};
  }
  said_ = 0;
  TRY(take(event, on_delta));
  if (said_ == 1 && !said_text_.empty()) frame_.learn(event, text_key(), said_text_);
  return {};
}

void EventReader::count(std::size_t text_bytes) {
  ++skimmed_.pieces;
  skimmed_.text_bytes += static_cast<std::int64_t>(text_bytes);
}

void Frame::learn(const StreamEvent& event, std::string_view key, std::string_view text) {
  constexpr std::size_t kFrameBytesMax = 1024;
  const std::string_view data = event.data;
  const std::size_t at = find(data, key);
  if (at == data.npos || data.size() - text.size() > kFrameBytesMax) return;
  std::size_t begin = at + key.size();
  if (begin < data.size() && data[begin] == ' ') ++begin;
  ++begin;  // the quote
  if (begin > data.size() || data.substr(begin, text.size()) != text) return;
  if (!data.substr(begin + text.size()).starts_with('"')) return;
  known_ = true;
  name_ = event.name;
  before_ = data.substr(0, begin);
  behind_ = data.substr(begin + text.size());
}

bool Frame::fits(const StreamEvent& event, std::string_view& text) const {
  const std::string_view data = event.data;
  const bool same = known_ && data.size() >= before_.size() + behind_.size() &&
                    data.starts_with(before_) && data.ends_with(behind_) && event.name == name_;
  if (!same) return false;
  text = data.substr(before_.size(), data.size() - before_.size() - behind_.size());
  // An escaped quote, or a backslash before the last one, is for the parser.
  return text.find('"') == text.npos && !text.ends_with('\\');
}

Result<void> EventReader::end(const OnDelta& on_delta) {
  if (form_ == Form::Whole && !done()) {
    const Completion completion = TRY(whole(whole_));
    heard_model(completion.model);
    completion.replay([&](const Delta& delta) { speak(delta, on_delta); });
    finish_whole();
    return {};
  }
  if (framing_ == Framing::Lines && !done()) {
    // The last line may lack its end.
    if (json::Document::parse(lines_.rest(), kAnswerLimits)) {
      TRY(lines_.feed("\n"));
      TRY(drain(on_delta));
    }
  }
  if (done()) return {};
  bool stream = head_.empty() || framing_ == Framing::Lines;
  for (const std::string_view field : {":", "data", "event", "id", "retry", "\xEF\xBB\xBF"}) {
    stream = stream || head_.starts_with(field) || field.starts_with(head_);
  }
  return stream ? cut() : garbage(head_);
}

std::string_view raw_text(std::string_view data, std::string_view key) {
  std::size_t at = find(data, key);
  if (at == data.npos) return {};
  at += key.size();
  if (at < data.size() && data[at] == ' ') ++at;
  if (at >= data.size() || data[at] != '"') return {};
  const std::size_t begin = ++at;
  while ((at = data.find('"', at)) != data.npos) {
    std::size_t slashes = 0;
    while (data[at - slashes - 1] == '\\') ++slashes;
    if (slashes % 2 == 0) return data.substr(begin, at - begin);
    ++at;
  }
  return {};
}

bool has_member(std::string_view data, std::string_view quoted_key) {
  for (std::size_t at = 0; (at = find(data, quoted_key, at)) != data.npos;) {
    at += quoted_key.size();
    std::string_view rest = data.substr(std::min(data.find_first_not_of(" \t", at), data.size()));
    if (!rest.starts_with(':')) continue;
    rest.remove_prefix(1);
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    if (!rest.starts_with("null") && !rest.starts_with("false")) return true;
  }
  return false;
}

}  // namespace llm::talk
