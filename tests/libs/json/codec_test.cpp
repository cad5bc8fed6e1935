#include "json/codec.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "base/ids.h"
#include "libs/json/sample.h"

namespace json::testing {
namespace {

constexpr std::string_view kSomeSample =
    R"({"flag":true,"small":-128,"natural":65535,"big":-9223372036854775808,"real":0.1,)"
    R"("text":"café","colour":"green","point":{"x":-3,"y":4},"any":{"a":[1,null]},)"
    R"("words":["a",""],"points":[{"x":1,"y":2},{"x":3,"y":4}],"weights":{"x":0.25},)"
    R"("paths":{"north":[{"x":5,"y":6}]},"nick":"joe","tint":"red","numbers":[1,2],)"
    R"("defaulted":43})";

// The sample with one member replaced, decoded; the error's text.
std::string refusal(std::string_view member, std::string_view json) {
  Writer writer;
  const auto document = Document::parse(kSomeSample).value();
  writer.begin_object();
  document.root().each_member([&](std::string_view key, Value value) {
    writer.key(key);
    writer.raw(key == member ? std::string(json) : value.dump());
  });
  writer.end_object();
  const auto decoded = decode<Sample>(std::string_view(writer.text()));
  if (decoded) return "accepted";
  EXPECT_EQ(decoded.error().code, Code::InvalidArgument);
  return decoded.error().message;
}

TEST(Codec, WritesEveryKindOfMember) { EXPECT_EQ(encode(some_sample()), kSomeSample); }

TEST(Codec, ReadsEveryKindOfMember) {
  const auto sample = decode<Sample>(kSomeSample);
  ASSERT_TRUE(sample.ok()) << sample.error().message;
  EXPECT_EQ(sample.value(), some_sample());
}

TEST(Codec, LeavesOutAbsentOptionalsAndReadsNullAsAbsent) {
  Sample sample = some_sample();
  sample.nick.reset();
  sample.tint.reset();
  sample.numbers.reset();
  EXPECT_EQ(encode(sample).find("nick"), std::string::npos);
  EXPECT_EQ(decode<Sample>(std::string_view(encode(sample))).value(), sample);
  EXPECT_EQ(refusal("nick", "null"), "accepted");
}

TEST(Codec, KeepsTheDefaultOfADefaultedMemberThatIsAbsent) {
  EXPECT_EQ(decode<Point>(std::string_view(R"({"x":1})")).value(), (Point{1, 7}));
  EXPECT_EQ(decode<Point>(std::string_view(R"({"x":1,"y":null})")).value(), (Point{1, 7}));
}

TEST(Codec, NamesARequiredMemberThatIsAbsent) {
  EXPECT_EQ(decode<Point>(std::string_view("{}")).error().message, "x: is required");
  EXPECT_EQ(refusal("flag", "null"), "flag: is required");
}

TEST(Codec, IgnoresMembersThatItDoesNotKnow) {
  EXPECT_TRUE(decode<Point>(std::string_view(R"({"x":1,"z":[{"deep":1}]})")).ok());
}

TEST(Codec, RefusesATextThatIsNoObject) {
  EXPECT_EQ(decode<Point>(std::string_view("[1]")).error().message, "must be an object");
}

TEST(Codec, RefusesEachKindWhereAnotherIsExpected) {
  EXPECT_EQ(refusal("flag", "1"), "flag: must be true or false");
  EXPECT_EQ(refusal("big", "\"1\""), "big: must be an integer");
  EXPECT_EQ(refusal("big", "1.5"), "big: must be an integer");
  EXPECT_EQ(refusal("real", "true"), "real: must be a number");
  EXPECT_EQ(refusal("text", "5"), "text: must be a string");
  EXPECT_EQ(refusal("colour", "\"blue\""), "colour: must be one of red, green");
  EXPECT_EQ(refusal("colour", "0"), "colour: must be one of red, green");
  EXPECT_EQ(refusal("point", "[]"), "point: must be an object");
  EXPECT_EQ(refusal("words", "{}"), "words: must be an array");
  EXPECT_EQ(refusal("weights", "[]"), "weights: must be an object");
}

TEST(Codec, SaysWhereInListsAndMapsItWentWrong) {
  EXPECT_EQ(refusal("points", R"([{"x":1},{"x":2},{"x":"3"}])"), "points[2].x: must be an integer");
  EXPECT_EQ(refusal("paths", R"({"north":[{"x":1},{}]})"), "paths.north[1].x: is required");
  EXPECT_EQ(refusal("point", R"({"x":1,"y":[]})"), "point.y: must be an integer");
  EXPECT_EQ(refusal("words", R"(["a",2])"), "words[1]: must be a string");
  EXPECT_EQ(refusal("numbers", "[1,10]"), "numbers[1]: must be at most 9");
}

TEST(Codec, HoldsEveryLimit) {
  EXPECT_EQ(refusal("text", "\"123456789\""), "text: has 9 bytes, at most 8 are allowed");
  EXPECT_EQ(refusal("text", "\"\""), "text: must not be empty");
  EXPECT_EQ(refusal("nick", "\"j\""), "nick: must have at least 2 bytes");
  EXPECT_EQ(refusal("words", R"(["a","b","c","d"])"), "words: has 4 items, at most 3 are allowed");
  EXPECT_EQ(refusal("words", R"(["abcde"])"), "words[0]: has 5 bytes, at most 4 are allowed");
  EXPECT_EQ(refusal("weights", R"({"a":0,"b":0,"c":0})"),
            "weights: has 3 members, at most 2 are allowed");
  EXPECT_EQ(refusal("weights", R"({"a":1.5})"), "weights.a: must be at most 1");
  EXPECT_EQ(refusal("point", R"({"x":-101})"), "point.x: must be at least -100");
  EXPECT_EQ(refusal("any", "\"" + std::string(70, 'x') + "\""), "any: is larger than 64 bytes");
}

TEST(Codec, CountsBytesAndNotCharacters) {
  EXPECT_EQ(refusal("text", "\"éééé\""), "accepted");
  EXPECT_EQ(refusal("text", "\"ééééx\""), "text: has 9 bytes, at most 8 are allowed");
}

TEST(Codec, ReadsNumbersUpToTheirEdgesAndRefusesTheNext) {
  EXPECT_EQ(refusal("small", "127"), "accepted");
  EXPECT_EQ(refusal("small", "128"), "small: is out of range");
  EXPECT_EQ(refusal("small", "-129"), "small: is out of range");
  EXPECT_EQ(refusal("natural", "-1"), "natural: is out of range");
  EXPECT_EQ(refusal("natural", "65536"), "natural: is out of range");
  EXPECT_EQ(refusal("big", "9223372036854775807"), "accepted");
  EXPECT_EQ(refusal("big", "-9223372036854775808"), "accepted");
  EXPECT_EQ(refusal("big", "9223372036854775808"), "big: must be an integer");
  EXPECT_EQ(refusal("big", "18446744073709551615"), "big: must be an integer");
  EXPECT_EQ(refusal("big", "99999999999999999999"), "big: must be an integer");
  EXPECT_EQ(refusal("real", "7"), "accepted");
  EXPECT_EQ(refusal("real", "-1e-300"), "accepted");
  EXPECT_EQ(refusal("real", "1e300"), "real: must be at most 1000000000");
}

TEST(Codec, KeepsNullAsAValueOfAnyJson) {
  Sample sample = some_sample();
  sample.any.text = "null";
  EXPECT_EQ(decode<Sample>(std::string_view(encode(sample))).value(), sample);
}

// --- texts of URLs and configuration ---

struct Query {
  std::string name;
  std::optional<std::string> nick;
  std::optional<Colour> tint;
  Colour colour = Colour::Red;
  std::optional<int> limit;
  std::vector<int> ids;
  bool deep = false;
  static void fields(auto& self, auto&& visit) {
    visit("name", self.name);
    visit("nick", self.nick);
    visit("tint", self.tint);
    visit("colour", self.colour);
    visit("limit", self.limit, Field{.max = 200});
    visit("ids", self.ids, Field{.defaulted = true});
    visit("deep", self.deep, Field{.defaulted = true});
  }
};

TEST(DecodeTexts, ReadsStringsAndEnumsAsTheyAreAndTheRestAsJson) {
  const auto query = decode_texts<Query>({{"name", "say \"hi\""},
                                          {"nick", "5"},
                                          {"tint", "green"},
                                          {"colour", "green"},
                                          {"limit", "20"},
                                          {"ids", "[1,2]"},
                                          {"deep", "true"},
                                          {"other", "ignored"}});
  ASSERT_TRUE(query.ok()) << query.error().message;
  EXPECT_EQ(query.value().name, "say \"hi\"");
  EXPECT_EQ(query.value().nick, "5");
  EXPECT_EQ(query.value().tint, Colour::Green);
  EXPECT_EQ(query.value().limit, 20);
  EXPECT_EQ(query.value().ids, (std::vector<int>{1, 2}));
  EXPECT_TRUE(query.value().deep);

  const auto text = [](const std::map<std::string, std::string>& texts) {
    return decode_texts<Query>(texts).error().message;
  };
  EXPECT_EQ(text({}), "name: is required");
  EXPECT_EQ(text({{"name", "x"}}), "colour: is required");
  EXPECT_EQ(text({{"name", "x"}, {"colour", "blue"}}), "colour: must be one of red, green");
  EXPECT_EQ(text({{"name", "x"}, {"colour", "red"}, {"limit", "20x"}}), "limit: cannot read '20x'");
  EXPECT_EQ(text({{"name", "x"}, {"colour", "red"}, {"limit", "201"}}),
            "limit: must be at most 200");
  EXPECT_EQ(text({{"name", "x"}, {"colour", "red"}, {"limit", ""}}), "limit: cannot read ''");
}

// --- round trips ---

std::string drawn_text(Random& random, std::size_t bytes_max) {
  static constexpr std::array<std::string_view, 8> kPieces{"a",    "\"", "\\",     "\n",
                                                           "\x01", "é",  "\u2028", "😀"};
  std::string text;
  while (text.size() + 4 <= bytes_max && random.below(4) != 0) {
    text += kPieces.at(random.below(kPieces.size()));
  }
  return text;
}

Sample drawn_sample(Random& random) {
  const auto number = [&](int low, int high) {
    return low + static_cast<int>(random.below(static_cast<std::uint64_t>(high - low + 1)));
  };
  const auto point = [&] { return Point{number(-100, 100), number(-5, 5)}; };
  Sample sample;
  sample.flag = random.below(2) == 0;
  sample.small = static_cast<std::int8_t>(number(-128, 127));
  sample.natural = static_cast<std::uint16_t>(number(0, 65535));
  sample.big = static_cast<std::int64_t>(random.next());
  sample.real = (random.uniform() - 0.5) * std::pow(10.0, number(-300, 8));
  sample.text = "x" + drawn_text(random, 7);
  sample.colour = random.below(2) == 0 ? Colour::Red : Colour::Green;
  sample.point = point();
  sample.any.text = json::quoted(drawn_text(random, 12));
  for (int i = number(0, 3); i > 0; --i) sample.words.push_back(drawn_text(random, 4));
  for (int i = number(0, 3); i > 0; --i) sample.points.push_back(point());
  for (int i = number(0, 2); i > 0; --i) sample.weights[drawn_text(random, 20)] = random.uniform();
  for (int i = number(0, 2); i > 0; --i) sample.paths[drawn_text(random, 20)] = {point(), point()};
  if (random.below(2) == 0) sample.nick = "ab" + drawn_text(random, 20);
  if (random.below(2) == 0) sample.tint = Colour::Green;
  if (random.below(2) == 0) sample.numbers = {{number(-9, 9)}};
  sample.defaulted = number(0, 99);
  return sample;
}

TEST(Codec, ReadsBackWhateverItWrote) {
  Random random(7);
  for (int i = 0; i < 2000; ++i) {
    const Sample sample = drawn_sample(random);
    const std::string text = encode(sample);
    const auto again = decode<Sample>(std::string_view(text));
    ASSERT_TRUE(again.ok()) << again.error().message << " in " << text;
    // The text of any JSON may be written differently (escapes), all else is the same.
    const std::string second = encode(again.value());
    ASSERT_EQ(encode(decode<Sample>(std::string_view(second)).value()), second);
    Sample compared = again.value();
    compared.any = sample.any;
    ASSERT_EQ(compared, sample) << text;
  }
}

TEST(Codec, SurvivesATextThatIsCutOrBentAnywhere) {
  Random random(11);
  const std::string whole(kSomeSample);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    EXPECT_FALSE(decode<Sample>(std::string_view(whole).substr(0, i)).ok()) << i;
    std::string bent = whole;
    bent[i] = static_cast<char>(random.below(256));
    const auto decoded = decode<Sample>(std::string_view(bent));
    EXPECT_TRUE(decoded.ok() || decoded.error().code == Code::InvalidArgument);
  }
}

}  // namespace
}  // namespace json::testing
