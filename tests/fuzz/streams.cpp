#include "fuzz/fuzz.h"
#include "http/stream.h"

// The parsers of event streams and of lines give the same however the bytes are split, and read
// back what encode() writes.
namespace {

constexpr std::size_t kItemMax = 64 * 1024;  // more than any input has

std::vector<std::string> events(const std::vector<std::string_view>& parts) {
  http::SseParser parser(kItemMax);
  std::vector<std::string> all;
  for (const auto part : parts) {
    fuzz::require(parser.feed(part).ok(), "no input here is too large");
    while (auto event = parser.next()) {
      all.push_back(event->event + '\0' + event->id + '\0' + event->data);
    }
  }
  return all;
}

std::vector<std::string> lines(const std::vector<std::string_view>& parts) {
  http::LineParser parser(kItemMax);
  std::vector<std::string> all;
  for (const auto part : parts) {
    fuzz::require(parser.feed(part).ok(), "no input here is too large");
    while (auto line = parser.next()) {
      fuzz::require(!line->empty() && line->find('\n') == std::string::npos, "a line is a line");
      all.push_back(std::move(*line));
    }
  }
  if (auto rest = parser.rest()) all.push_back("rest " + *rest);
  return all;
}

void small_limits_hold(const std::vector<std::string_view>& parts) {
  http::SseParser events(16);
  http::LineParser lines(16);
  for (const auto part : parts) {
    if (!events.feed(part) || !lines.feed(part)) return;
    while (events.next()) {
    }
    while (lines.next()) {
    }
  }
}

}  // namespace

fuzz::Corpus fuzz::corpus() {
  return {.seeds = {"data: hello\n\n", "event: x\ndata: a\ndata: b\nid: 7\n\n",
                    ": note\r\ndata\r\n\r\n",
                    "\xef\xbb\xbf"
                    "data:a\r\rdata:b\r\r",
                    "{\"a\":1}\n{\"b\":2}\r\n\r\n{\"c\":3}", "retry: 10\ndata: [DONE]\n\n"},
          .words = {"data:", "event:", "id:", "\r\n", "\r", "\n", "\n\n", "\r\n\r\n", ": ",
                    "\xef\xbb\xbf", "data: [DONE]\n\n"}};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto parts = fuzz::pieces(text);
  const auto whole = events({text});
  fuzz::require(whole == events(parts), "events do not depend on the split");
  fuzz::require(lines({text}) == lines(parts), "lines do not depend on the split");
  small_limits_hold(parts);
  if (!whole.empty()) fuzz::keep();

  // Any data without a bare CR comes back from encode() as it was, with LF for its line ends.
  const std::string encoded = http::encode({.event = "e", .data = std::string(text), .id = "1"});
  http::SseParser parser(kItemMax * 8);
  fuzz::require(parser.feed(encoded).ok(), "an encoded event can be read");
  const auto back = parser.next();
  fuzz::require(back && !parser.next(), "one event is one event");
  fuzz::require(back->event == "e" && back->id == "1", "its names come back");
  std::string expected;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    expected += text[i] == '\r' ? '\n' : text[i];
  }
  fuzz::require(back->data == expected, "its data comes back");
  return 0;
}
