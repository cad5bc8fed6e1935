#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "llm/completion.h"

// The OpenAI dialect, as clients speak it to us: /v1/chat/completions, /v1/embeddings and
// /v1/models. Free of I/O.
namespace llm::openai {

struct ChatBody {
  ChatAsk ask;
  bool stream = false;
  bool include_usage = false;  // stream_options.include_usage
};

// InvalidArgument names the member.
Result<ChatBody> read_chat(std::string_view body);

// A chat.completion object.
std::string completion_json(const Completion& completion, std::string_view id,
                            std::int64_t created);

// One chat.completion.chunk: the role first, then text, then the finish reason.
enum class Chunk { Role, Text, Finish };
std::string chunk_json(Chunk chunk, std::string_view text, std::string_view model,
                       std::string_view id, std::int64_t created);
std::string usage_chunk_json(const Completion& completion, std::string_view id,
                             std::int64_t created);

struct EmbeddingsBody {
  EmbedAsk ask;
  bool base64 = false;  // encoding_format
};

// InvalidArgument names the member.
Result<EmbeddingsBody> read_embeddings(std::string_view body);

// A list of embedding objects: numbers, or base64 of little-endian float32.
std::string embeddings_json(const Embeddings& embeddings, bool base64);

std::string models_json(const std::vector<std::pair<std::string, std::string>>& models_and_owners);

// {"error":{"message","type","param","code"}} with the matching status.
http::Response error_response(const Error& error);

}  // namespace llm::openai
