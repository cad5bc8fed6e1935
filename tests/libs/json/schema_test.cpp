#include <gtest/gtest.h>

#include "json/codec.h"
#include "libs/json/sample.h"

namespace json::testing {
namespace {

TEST(Schema, StatesTypesLimitsAndWhatIsRequired) {
  EXPECT_EQ(schema<Point>(),
            R"({"$schema":"https://json-schema.org/draft/2020-12/schema","title":"point",)"
            R"("type":"object","properties":{)"
            R"("x":{"type":"integer","minimum":-100,"maximum":100},)"
            R"("y":{"description":"upwards","type":"integer"}},"required":["x"]})");
}

TEST(Schema, DescribesEveryKindOfMember) {
  const auto document = Document::parse(schema<Sample>()).value();
  const Value properties = *document.root().find("properties");
  const auto property = [&](std::string_view name) { return properties.find(name)->dump(); };
  EXPECT_EQ(property("flag"), R"({"type":"boolean"})");
  EXPECT_EQ(property("text"), R"({"type":"string","minLength":1,"maxLength":8})");
  EXPECT_EQ(property("colour"), R"({"enum":["red","green"]})");
  EXPECT_EQ(property("any"), "{}");
  EXPECT_EQ(property("words"),
            R"({"type":"array","maxItems":3,"items":{"type":"string","maxLength":4}})");
  EXPECT_EQ(property("weights"), R"({"type":"object","maxProperties":2,)"
                                 R"("additionalProperties":{"type":"number","maximum":1}})");
  EXPECT_EQ(property("tint"), R"({"enum":["red","green"]})");
  EXPECT_EQ(properties.find("point")->find("required")->dump(), R"(["x"])");
  const std::string required = document.root().find("required")->dump();
  EXPECT_EQ(required.find("nick"), std::string::npos);
  EXPECT_EQ(required.find("defaulted"), std::string::npos);
  EXPECT_NE(required.find("any"), std::string::npos);
}

}  // namespace
}  // namespace json::testing
