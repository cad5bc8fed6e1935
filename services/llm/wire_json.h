#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "json/json.h"

// What the wire formats have in common. Pure.
namespace llm {

// How many values an answer may have: it is read on the loop's thread, where all others wait. The
// longest lists of models have some 30,000; 256 vectors of 7,000 numbers fit.
constexpr json::ParseOptions kAnswerLimits{.nodes_max = 200'000};
constexpr json::ParseOptions kVectorLimits{.nodes_max = 2'000'000};

void write_texts(json::Writer& writer, std::string_view key, const std::vector<std::string>& texts);

// A whole number, or 0.
std::int64_t count_of(json::Value object, std::string_view key);

// The names under `name_key` of the objects in the list under `list_key`: the first 10,000, and
// none of more than 256 bytes.
Result<std::vector<std::string>> read_names(std::string_view body, std::string_view list_key,
                                            std::string_view name_key);

// A list of finite numbers, or base64 of little-endian float32.
Result<std::vector<float>> read_vector(json::Value value);

// "garbage in the stream: '<html>'".
Error garbage(std::string_view bytes);

// The error that a provider sends: {"error": {"message", "type", "code"}}, {"error": "text"} or
// the object within. The code is what its words mean: Overloaded for a rate or quota that is used
// up, Unauthenticated for a key, NotFound for a model, TooLarge for a prompt; else Unavailable.
Error error_of(json::Value error);
// The same of a body; of one that is no such JSON, its first bytes.
Error error_in(std::string_view body);

}  // namespace llm
