#include "http/stream.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace http {
namespace {

std::string shown(const SseEvent& event) { return event.event + "|" + event.data + "|" + event.id; }

// Parses `text` in the pieces given, taking events after each.
std::vector<std::string> events(const std::vector<std::string_view>& pieces) {
  SseParser parser;
  std::vector<std::string> all;
  for (const std::string_view piece : pieces) {
    EXPECT_TRUE(parser.feed(piece).ok());
    while (const auto event = parser.next()) all.push_back(shown(*event));
  }
  return all;
}

std::vector<std::string> lines(const std::vector<std::string_view>& pieces) {
  LineParser parser;
  std::vector<std::string> all;
  for (const std::string_view piece : pieces) {
    EXPECT_TRUE(parser.feed(piece).ok());
    while (auto line = parser.next()) all.push_back(std::move(*line));
  }
  if (auto rest = parser.rest()) all.push_back("rest:" + *rest);
  return all;
}

// Checks that `parse` finds `expected` in `text` whole, byte by byte, and cut at every two places.
void check_every_split(
    std::string_view text, const std::vector<std::string>& expected,
    const std::function<std::vector<std::string>(const std::vector<std::string_view>&)>& parse) {
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < text.size(); ++i) bytes.push_back(text.substr(i, 1));
  EXPECT_EQ(parse(bytes), expected);
  for (std::size_t first = 0; first <= text.size(); ++first) {
    for (std::size_t second = first; second <= text.size(); ++second) {
      ASSERT_EQ(
          parse({text.substr(0, first), text.substr(first, second - first), text.substr(second)}),
          expected)
          << "cut at " << first << " and " << second;
    }
  }
}

TEST(SseParser, FindsTheSameEventsInEverySplitOfTheBytes) {
  check_every_split(
      "\xEF\xBB\xBF: comment\nevent: turn\r\ndata: one\r\ndata:two\rid: 7\n\r\n"
      "data\n\nretry: 5\nevent: lost\n\ndata:  \xC3\xA9: x\n\n\n\ndata: unfinished\n",
      {"turn|one\ntwo|7", "||", "| \xC3\xA9: x|"}, events);
}

TEST(SseParser, DispatchesAtOnceForEachKindOfLineEnd) {
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    const std::string text = "data: x" + end + end;
    EXPECT_EQ(events({text}), std::vector<std::string>{"|x|"});
    check_every_split(text + text, {"|x|", "|x|"}, events);
  }
}

TEST(SseParser, RefusesAnEventOverTheLimit) {
  SseParser one_line(100);
  ASSERT_TRUE(one_line.feed("data: " + std::string(100, 'x')).ok());
  EXPECT_FALSE(one_line.next());
  EXPECT_EQ(one_line.feed("x").error().code, Code::TooLarge);

  SseParser many_lines(100);
  Result<void> fed;
  for (int i = 0; i < 100 && fed.ok(); ++i) {
    fed = many_lines.feed("data: 0123456789\n");
    EXPECT_FALSE(many_lines.next());
  }
  EXPECT_EQ(fed.error().code, Code::TooLarge);
}

TEST(SseEncode, IsReadBackAsItWas) {
  for (const std::string data : {"", "one", "one\ntwo", "\n", "one\n", " lead", "a\n\nb"}) {
    const std::string text = encode(SseEvent{.event = "e", .data = data, .id = "1"});
    EXPECT_EQ(events({text}), std::vector<std::string>{"e|" + data + "|1"}) << text;
  }
  EXPECT_EQ(encode({.event = {}, .data = "a\r\nb\rc", .id = {}}), "data: a\ndata: b\ndata: c\n\n");
}

TEST(LineParser, FindsTheSameLinesInEverySplitOfTheBytes) {
  check_every_split("{\"a\":1}\n\n{\"b\":2}\r\n\r\n{\"\xC3\xA9\":3}\n{\"c\"",
                    {"{\"a\":1}", "{\"b\":2}", "{\"\xC3\xA9\":3}", "rest:{\"c\""}, lines);
}

TEST(LineParser, RefusesALineOverTheLimit) {
  LineParser parser(10);
  ASSERT_TRUE(parser.feed("0123456789\n").ok());
  EXPECT_EQ(parser.next(), "0123456789");
  ASSERT_TRUE(parser.feed("01234567890").ok());
  EXPECT_FALSE(parser.next());
  EXPECT_EQ(parser.feed("x").error().code, Code::TooLarge);
}

}  // namespace
}  // namespace http
