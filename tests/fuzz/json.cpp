#include "json/json.h"

#include <algorithm>

#include "base/utf8.h"
#include "fuzz/fuzz.h"

// json::Document accepts no more than RFC 8259, and what it accepts survives Writer and back.
namespace {

// Writes a tree through the Writer.
void copy(json::Writer& writer, json::Value value) {
  switch (value.kind()) {
    case json::Kind::Null:
      return writer.null();
    case json::Kind::Boolean:
      return writer.boolean(value.boolean());
    case json::Kind::Integer:
      return writer.integer(value.integer());
    case json::Kind::Real:
      return writer.real(value.number());
    case json::Kind::String:
      return writer.string(value.string());
    case json::Kind::Array:
      writer.begin_array();
      for (std::size_t i = 0; i < value.size(); ++i) copy(writer, value.at(i));
      return writer.end_array();
    case json::Kind::Object:
      writer.begin_object();
      value.each_member([&](std::string_view key, json::Value member) {
        fuzz::require(value.find(key).has_value(), "a member is found by its key");
        writer.key(key);
        copy(writer, member);
      });
      return writer.end_object();
  }
}

std::size_t depth(json::Value value) {
  std::size_t inner = 0;
  for (std::size_t i = 0; value.is(json::Kind::Array) && i < value.size(); ++i) {
    inner = std::max(inner, depth(value.at(i)));
  }
  value.each_member(
      [&](std::string_view, json::Value member) { inner = std::max(inner, depth(member)); });
  const bool nests = value.is(json::Kind::Array) || value.is(json::Kind::Object);
  return nests ? inner + 1 : 0;
}

}  // namespace

fuzz::Corpus fuzz::corpus() {
  return {.seeds = {R"({"a":1,"b":[true,false,null],"c":{"d":"e"}})", R"([1,-2.5e3,0.1,-0,1e300])",
                    R"("\u00e9\ud83d\ude00\n\\\/")", "9223372036854775807", "[[[[[[]]]]]]",
                    "{\"caf\xc3\xa9\":\"\xf0\x9f\x98\x80\"}", " \t\r\n null \n",
                    "{\"a\": // why\n 1 /* because */}"},
          .words = {"true",
                    "false",
                    "null",
                    "\\u0000",
                    "\\ud800",
                    "\\udc00",
                    "1e999",
                    "-",
                    "//",
                    "/*",
                    "*/",
                    "\xef\xbb\xbf",
                    "\xed\xa0\x80",
                    "18446744073709551616",
                    "[",
                    "{",
                    "\"a\":",
                    "]",
                    "}",
                    ",",
                    "1E+2",
                    "0x1",
                    "NaN"}};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto strict = json::Document::parse(text);
  const auto lenient = json::Document::parse(text, {.depth_max = 8, .comments = true});
  if (lenient) fuzz::require(depth(lenient.value().root()) <= 8, "the depth is limited");
  if (!strict) {
    fuzz::require(strict.error().code == Code::InvalidArgument, "a refusal is InvalidArgument");
    fuzz::require(utf8_valid(strict.error().message), "a refusal can be shown");
    return 0;
  }
  fuzz::keep();
  // Text that may hold comments is read by another parser: both must read the same.
  const auto other = json::Document::parse(text, {.comments = true});
  fuzz::require(other.ok(), "both parsers accept it");
  fuzz::require(other.value().root().dump() == strict.value().root().dump(), "both read the same");
  fuzz::require(utf8_valid(text), "what is accepted is UTF-8");
  const json::Value root = strict.value().root();
  fuzz::require(depth(root) <= limits::kJsonDepth, "the depth is limited");

  json::Writer writer;
  copy(writer, root);
  const auto again = json::Document::parse(writer.text());
  fuzz::require(again.ok(), "what the writer writes is JSON");
  json::Writer second;
  copy(second, again.value().root());
  fuzz::require(second.text() == writer.text(), "writing is stable");
  const auto dumped = json::Document::parse(root.dump());
  fuzz::require(dumped.ok(), "a dump is JSON");
  fuzz::require(dumped.value().root().dump() == root.dump(), "dumping is stable");
  return 0;
}
