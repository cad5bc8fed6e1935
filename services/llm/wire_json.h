#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "json/json.h"
#include "llm/completion.h"

// What the wire formats have in common. Pure.
namespace llm {

// "messages": [{"role", "content"}].
void write_messages(json::Writer& writer, const std::vector<Message>& messages);
void write_texts(json::Writer& writer, std::string_view key, const std::vector<std::string>& texts);

// A whole number, or 0.
std::int64_t count_of(json::Value object, std::string_view key);

// The names under `name_key` of the objects in the list under `list_key`.
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
