#include "llm/talk_json.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace llm::talk {

Error wrong(std::string text) { return {Code::InvalidArgument, std::move(text)}; }

std::string_view member_of(const Error& error) {
  const std::string_view message = error.message;
  const std::size_t colon = message.find(": ");
  if (error.code != Code::InvalidArgument || colon == message.npos) return {};
  const std::string_view member = message.substr(0, colon);
  return member.find(' ') == member.npos ? member : std::string_view();
}

Result<json::Document> read_object(std::string_view body) {
  auto document = TRY(json::Document::parse(body));
  if (!document.root().is(json::Kind::Object)) return wrong("the body must be a JSON object");
  return document;
}

std::optional<json::Value> given(json::Value object, std::string_view key) {
  const auto value = object.find(key);
  return value && !value->is(json::Kind::Null) ? value : std::nullopt;
}

Result<std::string> read_name(json::Value object, std::string_view key, std::string_view where) {
  const auto value = given(object, key);
  if (!value) return wrong(fmt::format("{}{}: is required", where, key));
  const bool fits = value->is(json::Kind::String) && !value->string().empty() &&
                    value->string().size() <= kNameBytesMax;
  if (!fits) {
    return wrong(fmt::format("{}{}: must be a string of 1 to {} bytes", where, key, kNameBytesMax));
  }
  return std::string(value->string());
}

Result<std::string> read_text(json::Value object, std::string_view key, std::string_view where) {
  const auto value = given(object, key);
  if (!value) return std::string();
  if (!value->is(json::Kind::String)) {
    return wrong(fmt::format("{}{}: must be a string", where, key));
  }
  return std::string(value->string());
}

Result<std::optional<double>> read_number(json::Value object, std::string_view key, double min,
                                          double max, std::string_view where) {
  const auto value = given(object, key);
  if (!value) return std::optional<double>{};
  if (!value->is(json::Kind::Integer) && !value->is(json::Kind::Real)) {
    return wrong(fmt::format("{}{}: must be a number", where, key));
  }
  const double number = value->number();
  if (!(number >= min && number <= max)) {
    return wrong(fmt::format("{}{}: must be between {} and {}", where, key, min, max));
  }
  return std::optional<double>(number);
}

Result<std::optional<std::int64_t>> read_whole(json::Value object, std::string_view key,
                                               std::int64_t min, std::int64_t max,
                                               std::string_view where) {
  const auto value = given(object, key);
  if (!value) return std::optional<std::int64_t>{};
  const std::int64_t number = value->integer();
  const bool whole =
      value->is(json::Kind::Integer) ||
      (value->is(json::Kind::Real) && static_cast<double>(number) == value->number());
  if (!whole) return wrong(fmt::format("{}{}: must be a whole number", where, key));
  if (number < min || number > max) {
    return wrong(fmt::format("{}{}: must be between {} and {}", where, key, min, max));
  }
  return std::optional<std::int64_t>(number);
}

Result<std::optional<int>> read_tokens(json::Value object, std::string_view key,
                                       std::string_view where) {
  constexpr std::int64_t kTokensMax = 10'000'000;
  const auto tokens = TRY(read_whole(object, key, 1, kTokensMax, where));
  return tokens ? std::optional<int>(static_cast<int>(*tokens)) : std::nullopt;
}

Result<bool> read_flag(json::Value object, std::string_view key, bool fallback,
                       std::string_view where) {
  const auto value = given(object, key);
  if (!value) return fallback;
  if (!value->is(json::Kind::Boolean)) {
    return wrong(fmt::format("{}{}: must be true or false", where, key));
  }
  return value->boolean();
}

Result<std::vector<std::string>> read_texts(json::Value object, std::string_view key,
                                            std::size_t count_max, std::string_view where) {
  const auto value = given(object, key);
  if (!value) return std::vector<std::string>{};
  if (value->is(json::Kind::String)) return std::vector<std::string>{std::string(value->string())};
  if (!value->is(json::Kind::Array) || value->size() > count_max) {
    return wrong(
        fmt::format("{}{}: must be a string or at most {} strings", where, key, count_max));
  }
  std::vector<std::string> texts;
  texts.reserve(value->size());
  for (std::size_t i = 0; i < value->size(); ++i) {
    if (!value->at(i).is(json::Kind::String)) {
      return wrong(fmt::format("{}{}[{}]: must be a string", where, key, i));
    }
    texts.emplace_back(value->at(i).string());
  }
  return texts;
}

Result<std::vector<json::Value>> read_list(json::Value object, std::string_view key,
                                           std::size_t count_max, std::string_view where) {
  const auto value = given(object, key);
  if (!value) return std::vector<json::Value>{};
  if (!value->is(json::Kind::Array)) {
    return wrong(fmt::format("{}{}: must be an array", where, key));
  }
  if (value->size() > count_max) {
    return wrong(fmt::format("{}{}: has {} items, at most {} are allowed", where, key,
                             value->size(), count_max));
  }
  std::vector<json::Value> items;
  items.reserve(value->size());
  for (std::size_t i = 0; i < value->size(); ++i) {
    items.push_back(value->at(i));
    if (!items.back().is(json::Kind::Object)) {
      return wrong(fmt::format("{}{}[{}]: must be an object", where, key, i));
    }
  }
  return items;
}

std::int64_t tokens_in(json::Value object, std::string_view key) {
  constexpr std::int64_t kTokensMax = 1'000'000'000;
  const auto value = object.find(key);
  return value ? std::clamp<std::int64_t>(value->integer(), 0, kTokensMax) : 0;
}

Image image_of_url(std::string_view url) {
  constexpr std::string_view kBase64 = ";base64,";
  const std::size_t mark = url.substr(0, kNameBytesMax).find(kBase64);
  if (!url.starts_with("data:") || mark == url.npos) return {{}, {}, std::string(url)};
  return {std::string(url.substr(5, mark - 5)), std::string(url.substr(mark + kBase64.size())), {}};
}

std::string url_of(const Image& image) {
  if (!image.url.empty()) return image.url;
  return fmt::format("data:{};base64,{}", media_type_of(image), image.base64);
}

std::string_view media_type_of(const Image& image) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kBegin{{
      {"iVBORw0KGgo", "image/png"},
      {"/9j/", "image/jpeg"},
      {"R0lGOD", "image/gif"},
      {"UklGR", "image/webp"},
  }};
  if (!image.media_type.empty()) return image.media_type;
  for (const auto& [begin, type] : kBegin) {
    if (image.base64.starts_with(begin)) return type;
  }
  return "image/jpeg";
}

std::string joined_text(const std::vector<Part>& parts) {
  std::string all;
  bool first = true;
  for (const Part& part : parts) {
    const auto* text = std::get_if<Text>(&part);
    if (!text) continue;
    if (!std::exchange(first, false)) all += '\n';
    all += text->text;
  }
  return all;
}

bool has_image(const std::vector<Part>& parts) {
  for (const Part& part : parts) {
    if (std::holds_alternative<Image>(part)) return true;
  }
  return false;
}

std::string arguments_object(std::string_view arguments) {
  if (arguments.find_first_not_of(" \t\r\n") == arguments.npos) return "{}";
  const auto document = json::Document::parse(arguments);
  if (document && document.value().root().is(json::Kind::Object)) return std::string(arguments);
  return fmt::format(R"({{"arguments":{}}})", json::quoted(arguments));
}

Result<std::vector<Tool>> read_functions(json::Value root) {
  std::vector<Tool> tools;
  const auto items = TRY(read_list(root, "tools", kToolsMax));
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].text_or("type", "function") != "function") {
      return wrong(fmt::format("tools[{}].type: only 'function' is understood", i));
    }
    const auto function = given(items[i], "function");
    if (!function || !function->is(json::Kind::Object)) {
      return wrong(fmt::format("tools[{}].function: is required and must be an object", i));
    }
    const std::string where = fmt::format("tools[{}].function.", i);
    Tool& tool = tools.emplace_back();
    tool.name = TRY(read_name(*function, "name", where));
    tool.description = TRY(read_text(*function, "description", where));
    tool.strict = TRY(read_flag(*function, "strict", false, where));
    if (const auto parameters = given(*function, "parameters")) {
      if (!parameters->is(json::Kind::Object))
        return wrong(where + "parameters: must be an object");
      tool.parameters = parameters->dump();
    }
  }
  return tools;
}

void write_functions(json::Writer& writer, const std::vector<Tool>& tools) {
  writer.key("tools");
  writer.begin_array();
  for (const Tool& tool : tools) {
    writer.begin_object();
    write(writer, "type", "function");
    writer.key("function");
    writer.begin_object();
    write(writer, "name", tool.name);
    write_if(writer, "description", tool.description);
    if (!tool.parameters.empty()) {
      writer.key("parameters");
      writer.raw(tool.parameters);
    }
    if (tool.strict) {
      writer.key("strict");
      writer.boolean(true);
    }
    writer.end_object();
    writer.end_object();
  }
  writer.end_array();
}

Result<Effort> effort_of(std::string_view name, std::string_view where) {
  if (name == "none") return Effort::None;
  if (name == "low" || name == "minimal") return Effort::Low;
  if (name == "medium") return Effort::Medium;
  if (name == "high" || name == "xhigh" || name == "max") return Effort::High;
  return wrong(fmt::format("{}: must be one of none, minimal, low, medium, high, xhigh", where));
}

std::string_view name(Effort effort) {
  switch (effort) {
    case Effort::None:
      return "none";
    case Effort::Low:
      return "low";
    case Effort::Medium:
      return "medium";
    case Effort::High:
      return "high";
  }
  return "none";
}

std::string_view name(Role role) {
  switch (role) {
    case Role::System:
      return "system";
    case Role::User:
      return "user";
    case Role::Assistant:
      return "assistant";
    case Role::Tool:
      return "tool";
  }
  return "user";
}

void write_if(json::Writer& writer, std::string_view key, const std::optional<double>& value) {
  if (!value) return;
  writer.key(key);
  writer.real(*value);
}

void write_if(json::Writer& writer, std::string_view key, const std::optional<int>& value) {
  if (value) write(writer, key, *value);
}

void write_if(json::Writer& writer, std::string_view key,
              const std::optional<std::int64_t>& value) {
  if (value) write(writer, key, *value);
}

void write_if(json::Writer& writer, std::string_view key, std::string_view text) {
  if (!text.empty()) write(writer, key, text);
}

void write(json::Writer& writer, std::string_view key, std::string_view text) {
  writer.key(key);
  writer.string(text);
}

void write(json::Writer& writer, std::string_view key, std::int64_t number) {
  writer.key(key);
  writer.integer(number);
}

std::string rfc3339(std::int64_t ms) {
  constexpr std::int64_t kYear10000 = 253'402'300'800'000;
  ms = std::clamp<std::int64_t>(ms, 0, kYear10000 - 1);
  const std::int64_t seconds = ms / 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(static_cast<std::time_t>(seconds)),
                     ms % 1000);
}

}  // namespace llm::talk
