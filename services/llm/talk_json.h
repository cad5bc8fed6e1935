#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/json.h"
#include "llm/talk.h"

// What the dialects and formats have in common in reading and writing JSON. Pure.
namespace llm::talk {

// How much of each an ask may have, whatever its bytes.
constexpr std::size_t kMessagesMax = 4096;
constexpr std::size_t kPartsMax = 1024;  // of one message
constexpr std::size_t kToolsMax = 512;
constexpr std::size_t kCallsMax = 512;  // of one message
constexpr std::size_t kStopsMax = 16;
constexpr std::size_t kInputsMax = 2048;
constexpr std::size_t kNameBytesMax = 256;  // of models, tools and calls

// InvalidArgument; `text` begins with the member, as in "messages[0].role: must be ...".
Error wrong(std::string text);
// The member that such an error names; empty when it names none.
std::string_view member_of(const Error& error);

// Members of an object. A null is as good as none. An Error names the member, with `where` before
// it ("options.").
Result<json::Document> read_object(std::string_view body);
std::optional<json::Value> given(json::Value object, std::string_view key);
Result<std::string> read_name(json::Value object, std::string_view key,
                              std::string_view where = "");
Result<std::string> read_text(json::Value object, std::string_view key,
                              std::string_view where = "");
Result<std::optional<double>> read_number(json::Value object, std::string_view key, double min,
                                          double max, std::string_view where = "");
Result<std::optional<std::int64_t>> read_whole(json::Value object, std::string_view key,
                                               std::int64_t min, std::int64_t max,
                                               std::string_view where = "");
Result<std::optional<int>> read_tokens(json::Value object, std::string_view key,
                                       std::string_view where = "");
Result<bool> read_flag(json::Value object, std::string_view key, bool fallback,
                       std::string_view where = "");
// A string or a list of strings; none when it is not given.
Result<std::vector<std::string>> read_texts(json::Value object, std::string_view key,
                                            std::size_t count_max, std::string_view where = "");
// A list of objects, or none.
Result<std::vector<json::Value>> read_list(json::Value object, std::string_view key,
                                           std::size_t count_max, std::string_view where = "");

// A count of tokens that a provider tells: at least 0, at most a thousand million.
std::int64_t tokens_in(json::Value object, std::string_view key);

// "data:image/png;base64,..." as the bytes, any other URL as itself.
Image image_of_url(std::string_view url);
std::string url_of(const Image& image);
// Of the first bytes of base64: png, jpeg, gif or webp; image/jpeg when it is none of them.
std::string_view media_type_of(const Image& image);

// All text parts, with a line end between them.
std::string joined_text(const std::vector<Part>& parts);
bool has_image(const std::vector<Part>& parts);

// The arguments of a call as a JSON object, whatever the model wrote.
std::string arguments_object(std::string_view arguments);

// OpenAI's and Ollama's list of tools: {"type": "function", "function": {...}}.
Result<std::vector<Tool>> read_functions(json::Value root);
void write_functions(json::Writer& writer, const std::vector<Tool>& tools);

Result<Effort> effort_of(std::string_view name, std::string_view where);
std::string_view name(Effort effort);
std::string_view name(Role role);  // as OpenAI and Ollama say it

void write_if(json::Writer& writer, std::string_view key, const std::optional<double>& value);
void write_if(json::Writer& writer, std::string_view key, const std::optional<int>& value);
void write_if(json::Writer& writer, std::string_view key, const std::optional<std::int64_t>& value);
void write_if(json::Writer& writer, std::string_view key, std::string_view text);
void write(json::Writer& writer, std::string_view key, std::string_view text);
void write(json::Writer& writer, std::string_view key, std::int64_t number);

// "2024-07-01T12:00:00.250Z" (RFC 3339).
std::string rfc3339(std::int64_t ms);

}  // namespace llm::talk
