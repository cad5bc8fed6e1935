#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fields.h"
#include "json/json.h"

namespace json::testing {

enum class Colour { Red, Green };
constexpr auto enum_names(Colour) {
  return EnumNames<Colour, 2>{{{Colour::Red, "red"}, {Colour::Green, "green"}}};
}

struct Point {
  static constexpr std::string_view kName = "point";
  int x = 0;
  int y = 7;
  static void fields(auto& self, auto&& visit) {
    visit("x", self.x, Field{.min = -100, .max = 100});
    visit("y", self.y, Field{.defaulted = true, .help = "upwards"});
  }
  friend bool operator==(const Point&, const Point&) = default;
};

// Every kind of member that there is.
struct Sample {
  static constexpr std::string_view kName = "sample";
  bool flag = false;
  std::int8_t small = 0;
  std::uint16_t natural = 0;
  std::int64_t big = 0;
  double real = 0;
  std::string text;
  Colour colour = Colour::Red;
  Point point;
  Text any;
  std::vector<std::string> words;
  std::vector<Point> points;
  std::map<std::string, double> weights;
  std::map<std::string, std::vector<Point>> paths;
  std::optional<std::string> nick;
  std::optional<Colour> tint;
  std::optional<std::vector<int>> numbers;
  int defaulted = 42;

  static void fields(auto& self, auto&& visit) {
    visit("flag", self.flag);
    visit("small", self.small);
    visit("natural", self.natural);
    visit("big", self.big);
    visit("real", self.real, Field{.min = -1e9, .max = 1e9});
    visit("text", self.text, Field{.bytes_min = 1, .bytes_max = 8});
    visit("colour", self.colour);
    visit("point", self.point);
    visit("any", self.any, Field{.bytes_max = 64});
    visit("words", self.words, Field{.bytes_max = 4, .items_max = 3});
    visit("points", self.points);
    visit("weights", self.weights, Field{.items_max = 2, .max = 1});
    visit("paths", self.paths);
    visit("nick", self.nick, Field{.bytes_min = 2});
    visit("tint", self.tint);
    visit("numbers", self.numbers, Field{.max = 9});
    visit("defaulted", self.defaulted, Field{.defaulted = true});
  }
  friend bool operator==(const Sample&, const Sample&) = default;
};

inline Sample some_sample() {
  Sample sample;
  sample.flag = true;
  sample.small = -128;
  sample.natural = 65535;
  sample.big = INT64_MIN;
  sample.real = 0.1;
  sample.text = "caf\u00e9";
  sample.colour = Colour::Green;
  sample.point = {-3, 4};
  sample.any.text = R"({"a":[1,null]})";
  sample.words = {"a", ""};
  sample.points = {{1, 2}, {3, 4}};
  sample.weights = {{"x", 0.25}};
  sample.paths = {{"north", {{5, 6}}}};
  sample.nick = "joe";
  sample.tint = Colour::Red;
  sample.numbers = {{1, 2}};
  sample.defaulted = 43;
  return sample;
}

}  // namespace json::testing
