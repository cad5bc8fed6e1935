#include <gtest/gtest.h>

#include "json/json.h"

namespace json::testing {
namespace {

std::string parse_error(std::string_view text, ParseOptions options = {}) {
  const auto document = Document::parse(text, options);
  if (document) return "accepted";
  EXPECT_EQ(document.error().code, Code::InvalidArgument);
  return document.error().message;
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(Document, GivesTheNodesOfAText) {
  const auto document =
      Document::parse(R"( {"n":null,"b":true,"i":-5,"r":2.5,"s":"hi","a":[1,"two"],"o":{"k":1}} )");
  ASSERT_TRUE(document.ok());
  const Value root = document.value().root();
  EXPECT_EQ(root.kind(), Kind::Object);
  EXPECT_EQ(root.size(), 7U);
  EXPECT_EQ(root.find("n")->kind(), Kind::Null);
  EXPECT_TRUE(root.find("b")->boolean());
  EXPECT_EQ(root.find("i")->integer(), -5);
  EXPECT_EQ(root.find("i")->number(), -5.0);
  EXPECT_EQ(root.find("r")->kind(), Kind::Real);
  EXPECT_EQ(root.find("r")->integer(), 2);
  EXPECT_EQ(root.find("s")->string(), "hi");
  EXPECT_EQ(root.find("a")->at(1).string(), "two");
  EXPECT_EQ(root.find("o")->dump(), R"({"k":1})");
  EXPECT_FALSE(root.find("absent").has_value());
}

TEST(Document, ReadsANodeAsAnotherKindAsEmpty) {
  const auto document = Document::parse(R"(["text",true])").value();
  EXPECT_EQ(document.root().string(), "");
  EXPECT_EQ(document.root().at(0).integer(), 0);
  EXPECT_EQ(document.root().at(0).number(), 0.0);
  EXPECT_EQ(document.root().at(0).size(), 0U);
  EXPECT_FALSE(document.root().at(0).boolean());
  EXPECT_FALSE(document.root().find("key").has_value());
}

TEST(Document, FallsBackWhereAMemberIsAbsentOrOfAnotherKind) {
  const auto document = Document::parse(R"({"s":"hi","n":3})").value();
  EXPECT_EQ(document.root().text_or("s", "none"), "hi");
  EXPECT_EQ(document.root().text_or("n", "none"), "none");
  EXPECT_EQ(document.root().number_or("n", 9), 3.0);
  EXPECT_EQ(document.root().number_or("s", 9), 9.0);
}

TEST(Document, SaysWhereTheTextStopsBeingJson) {
  EXPECT_TRUE(parse_error(R"({"a":1,})").starts_with("not JSON at byte 8: "));
  for (const char* text : {"", " ", "{", "[1", "[1,]", "{} {}", "nul", "NaN", "01", "1.", "+1",
                           "'a'", "{a:1}", "\"\t\"", "\"\\x\"", "[1 2]", "/**/1", "\"a"}) {
    EXPECT_NE(parse_error(text), "accepted") << text;
  }
}

TEST(Document, RefusesAZeroByteWhereverItStands) {
  using namespace std::string_view_literals;
  EXPECT_EQ(parse_error("{}\0 and more"sv), "not JSON at byte 3: a zero byte");
  EXPECT_EQ(parse_error("\0{}"sv), "not JSON at byte 1: a zero byte");
  EXPECT_NE(parse_error("\"\0\""sv), "accepted");
  EXPECT_EQ(parse_error("\"\\u0000\""sv), "accepted");
}

TEST(Document, RefusesNestingBeyondTheLimitHoweverDeep) {
  EXPECT_EQ(parse_error(nested(64)), "accepted");
  EXPECT_EQ(parse_error(nested(65)), "nested deeper than 64 levels");
  EXPECT_EQ(parse_error(nested(100'000)), "nested deeper than 64 levels");
  EXPECT_EQ(parse_error(std::string(100'000, '[')), "nested deeper than 64 levels");
  EXPECT_EQ(parse_error(nested(3), {.depth_max = 2}), "nested deeper than 2 levels");
  EXPECT_EQ(parse_error(nested(100'000), {.depth_max = 200'000}), "accepted");
}

TEST(Document, CountsDepthAndNotSize) {
  std::string wide = "[";
  for (int i = 0; i < 1000; ++i) wide += "[],{},";
  EXPECT_EQ(parse_error(wide + "[]]", {.depth_max = 2}), "accepted");
}

TEST(Document, RefusesMoreValuesThanAreAllowed) {
  EXPECT_EQ(parse_error("[1,2]", {.nodes_max = 3}), "accepted");
  EXPECT_EQ(parse_error("[1,2,3]", {.nodes_max = 3}), "has more than 3 values");
  EXPECT_EQ(parse_error(R"({"a":{},"b":[]})", {.nodes_max = 3}), "accepted");
  EXPECT_EQ(parse_error(R"({"a":{},"b":[]})", {.nodes_max = 2}), "has more than 2 values");
  EXPECT_EQ(parse_error("[[[]]]", {.nodes_max = 2}), "has more than 2 values");
  EXPECT_EQ(parse_error("7", {.nodes_max = 0}), "has more than 0 values");
  EXPECT_EQ(parse_error("[1,2,3] // three", {.nodes_max = 3, .comments = true}),
            "has more than 3 values");
}

TEST(Document, TakesNoCommaOfATextForAValue) {
  EXPECT_EQ(parse_error(R"(["a,b,c,[{,,,,,,,,","d"])", {.nodes_max = 3}), "accepted");
}

TEST(Document, BoundsTheValuesOfABodyThatIsNothingElse) {
  std::string body = "[";
  while (body.size() < 1024 * 1024 - 2) body += "0,";
  EXPECT_EQ(parse_error(body + "0]"), "accepted") << "1 MiB, as the doors allow";
  while (body.size() < 8 * 1024 * 1024) body += "0,";
  EXPECT_EQ(parse_error(body + "0]"), "has more than 2000000 values");
}

TEST(Document, RefusesRepeatedKeysHoweverTheyAreWritten) {
  EXPECT_EQ(parse_error(R"({"a":1,"a":2})"), "duplicate key 'a'");
  EXPECT_EQ(parse_error(R"({"a":1,"\u0061":2})"), "duplicate key 'a'");
  EXPECT_EQ(parse_error(R"({"o":{"b":{},"b":[]}})"), "duplicate key 'b'");
  EXPECT_EQ(parse_error(R"([{"a":1},{"a":2}])"), "accepted");
}

TEST(Document, RefusesTextThatIsNotUtf8) {
  EXPECT_NE(parse_error("\"\xff\""), "accepted");
  EXPECT_NE(parse_error("\"\xc0\x80\""), "accepted");          // overlong
  EXPECT_NE(parse_error("\"\xed\xa0\x80\""), "accepted");      // a surrogate
  EXPECT_NE(parse_error("\"\xf4\x90\x80\x80\""), "accepted");  // beyond U+10FFFF
  EXPECT_NE(parse_error("\"\xe2\x82\""), "accepted");          // cut
  EXPECT_NE(parse_error(R"("\ud800")"), "accepted");
  EXPECT_NE(parse_error(R"("\udc00\ud800")"), "accepted");
  EXPECT_EQ(Document::parse(R"("\ud83d\ude00")").value().root().string(), "😀");
}

TEST(Document, SaysEachErrorInTextThatIsUtf8) {
  for (int byte = 128; byte < 256; ++byte) {
    const std::string text = std::string("{\"") + static_cast<char>(byte) + "\":1}";
    EXPECT_TRUE(Document::parse(json::quoted(parse_error(text))).ok());
  }
}

TEST(Document, TellsIntegersFromRealsAtTheEdges) {
  const auto root = [](std::string_view text) { return Document::parse(text).value(); };
  EXPECT_EQ(root("9223372036854775807").root().integer(), INT64_MAX);
  EXPECT_EQ(root("9223372036854775807").root().kind(), Kind::Integer);
  EXPECT_EQ(root("9223372036854775808").root().kind(), Kind::Real);
  EXPECT_EQ(root("9223372036854775808").root().integer(), INT64_MAX);
  EXPECT_EQ(root("9223372036854775808").root().number(), 9223372036854775808.0);
  EXPECT_EQ(root("-9223372036854775808").root().integer(), INT64_MIN);
  EXPECT_EQ(root("1e300").root().integer(), INT64_MAX);
  EXPECT_EQ(root("-1e300").root().integer(), INT64_MIN);
  EXPECT_EQ(root("1e-400").root().number(), 0.0);
  EXPECT_NE(parse_error("1e400"), "accepted");
  EXPECT_NE(parse_error("-1e400"), "accepted");
}

TEST(Document, AllowsCommentsOnlyInFilesThatPeopleWrite) {
  const std::string_view text = "// the port\n{\"port\": 1 /* free */}";
  EXPECT_NE(parse_error(text), "accepted");
  EXPECT_EQ(parse_error(text, {.comments = true}), "accepted");
}

TEST(Document, StaysValidWhenMoved) {
  Document first = Document::parse("[1,2,3]").value();
  const Document second = std::move(first);
  EXPECT_EQ(second.root().size(), 3U);
}

}  // namespace
}  // namespace json::testing
