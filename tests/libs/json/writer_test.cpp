#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "json/json.h"

namespace json::testing {
namespace {

std::string written(double value) {
  Writer writer;
  writer.real(value);
  return writer.take();
}

TEST(Writer, SetsTheCommas) {
  Writer writer;
  writer.begin_object();
  writer.key("a");
  writer.begin_array();
  writer.integer(1);
  writer.begin_object();
  writer.end_object();
  writer.null();
  writer.end_array();
  writer.key("b");
  writer.boolean(true);
  writer.key("c");
  writer.raw("[{}]");
  writer.key("d");
  writer.string("x");
  writer.end_object();
  EXPECT_EQ(writer.text(), R"({"a":[1,{},null],"b":true,"c":[{}],"d":"x"})");
}

TEST(Writer, EscapesWhatJsonDemandsAndNothingElse) {
  EXPECT_EQ(json::quoted("a\"b\\c/d"), R"("a\"b\\c/d")");
  EXPECT_EQ(json::quoted("\n\r\t\b\f"), "\"\\n\\r\\t\\u0008\\u000c\"");
  EXPECT_EQ(json::quoted(std::string_view("\0\x1f\x7f", 3)), "\"\\u0000\\u001f\x7f\"");
  EXPECT_EQ(json::quoted("é😀"), "\"é😀\"");
}

TEST(Writer, RepairsStringsAndKeysThatAreNotUtf8) {
  EXPECT_EQ(json::quoted("a\xff"), "\"a\uFFFD\"");
  Writer writer;
  writer.begin_object();
  writer.key("\xc3");
  writer.null();
  writer.end_object();
  EXPECT_EQ(writer.text(), "{\"\uFFFD\":null}");
}

TEST(Writer, WritesRealsSoThatTheyReadBackExactly) {
  EXPECT_EQ(written(5), "5");
  EXPECT_EQ(written(0.1), "0.1");
  EXPECT_EQ(written(1.0 / 3), "0.3333333333333333");
  for (const double value : {std::numeric_limits<double>::max(), std::numeric_limits<double>::min(),
                             std::numeric_limits<double>::denorm_min(), -1e-9, 123456789.125}) {
    EXPECT_EQ(Document::parse(written(value)).value().root().number(), value);
  }
}

TEST(Writer, WritesZeroWithoutASign) { EXPECT_EQ(written(-0.0), "0"); }

TEST(Writer, WritesNullForNumbersThatJsonCannotSay) {
  EXPECT_EQ(written(std::nan("")), "null");
  EXPECT_EQ(written(std::numeric_limits<double>::infinity()), "null");
  EXPECT_EQ(written(-std::numeric_limits<double>::infinity()), "null");
}

TEST(Writer, WritesTheWholeRangeOfIntegers) {
  Writer writer;
  writer.begin_array();
  writer.integer(INT64_MIN);
  writer.integer(INT64_MAX);
  writer.end_array();
  EXPECT_EQ(writer.text(), "[-9223372036854775808,9223372036854775807]");
}

}  // namespace
}  // namespace json::testing
