#include "llm/wire_json.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/utf8.h"
#include "crypto/crypto.h"

namespace llm {
namespace {

static_assert(std::endian::native == std::endian::little, "float32 travels as it lies in memory");

constexpr std::size_t kSaidBytes = 1000;  // of what a provider says of its errors
constexpr std::size_t kDimensionsMax = 65'536;
constexpr std::size_t kNamesMax = 10'000;
constexpr std::size_t kNameBytesMax = 256;

std::string cleaned(std::string_view text, std::size_t bytes) {
  return std::string(utf8_prefix(utf8_repaired(text.substr(0, 2 * bytes)), bytes));
}

Code code_of_words(std::string_view words) {
  constexpr std::array<std::pair<std::string_view, Code>, 9> kWords{{
      {"rate_limit", Code::Overloaded},
      {"insufficient_quota", Code::Overloaded},
      {"overloaded", Code::Overloaded},
      {"invalid_api_key", Code::Unauthenticated},
      {"authentication", Code::Unauthenticated},
      {"model_not_found", Code::NotFound},
      {"context_length_exceeded", Code::TooLarge},
      {"429", Code::Overloaded},
      {"401", Code::Unauthenticated},
  }};
  for (const auto& [word, code] : kWords) {
    if (words.find(word) != words.npos) return code;
  }
  return Code::Unavailable;
}

}  // namespace

void write_texts(json::Writer& writer, std::string_view key,
                 const std::vector<std::string>& texts) {
  writer.key(key);
  writer.begin_array();
  for (const std::string& text : texts) writer.string(text);
  writer.end_array();
}

std::int64_t count_of(json::Value object, std::string_view key) {
  const auto value = object.find(key);
  return value ? value->integer() : 0;
}

Result<std::vector<std::string>> read_names(std::string_view body, std::string_view list_key,
                                            std::string_view name_key) {
  const auto document = TRY(json::Document::parse(body, kAnswerLimits));
  const auto list = document.root().find(list_key);
  if (!list || !list->is(json::Kind::Array)) {
    return Error{Code::Unavailable, "no list of models in the answer"};
  }
  std::vector<std::string> names;
  for (std::size_t i = 0; i < list->size() && names.size() < kNamesMax; ++i) {
    const std::string_view name = list->at(i).text_or(name_key, "");
    if (!name.empty() && name.size() <= kNameBytesMax) names.emplace_back(name);
  }
  return names;
}

Result<std::vector<float>> read_vector(json::Value value) {
  std::vector<float> vector;
  if (value.is(json::Kind::String)) {
    const std::string bytes = TRY(crypto::from_base64(value.string()));
    if (bytes.size() % sizeof(float) == 0) {
      vector.resize(bytes.size() / sizeof(float));
      if (!bytes.empty()) std::memcpy(vector.data(), bytes.data(), bytes.size());
    }
  } else {
    vector.reserve(value.size());
    for (std::size_t i = 0; i < value.size(); ++i) {
      const json::Value item = value.at(i);
      const bool number = item.is(json::Kind::Real) || item.is(json::Kind::Integer);
      vector.push_back(number ? static_cast<float>(item.number()) : std::nanf(""));
    }
  }
  bool sound = !vector.empty() && vector.size() <= kDimensionsMax;
  for (const float number : vector) sound = sound && std::isfinite(number);
  if (!sound) return Error{Code::Unavailable, "an embedding is no list of finite numbers"};
  return vector;
}

Error garbage(std::string_view bytes) {
  return {Code::Unavailable, fmt::format("garbage in the stream: '{}'", cleaned(bytes, 80))};
}

Error error_of(json::Value error) {
  if (const auto inner = error.find("error"); inner && !inner->is(json::Kind::Null)) {
    return error_of(*inner);
  }
  if (error.is(json::Kind::String)) {
    return {Code::Unavailable, cleaned(error.string(), kSaidBytes)};
  }
  const auto code = error.find("code");
  const std::string words =
      fmt::format("{} {}", error.text_or("type", ""), code ? code->dump() : std::string());
  const std::string_view message = error.text_or("message", "");
  return {code_of_words(words),
          cleaned(message.empty() ? std::string_view(error.dump()) : message, kSaidBytes)};
}

Error error_in(std::string_view body) {
  const auto document = json::Document::parse(body, kAnswerLimits);
  if (document && document.value().root().is(json::Kind::Object)) {
    return error_of(document.value().root());
  }
  return {Code::Unavailable, cleaned(body, kSaidBytes)};
}

}  // namespace llm
