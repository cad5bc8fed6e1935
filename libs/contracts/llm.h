#pragma once

#include "contracts/conversation.h"

namespace contracts {

enum class Role { System, User, Assistant };
constexpr auto enum_names(Role) {
  return EnumNames<Role, 3>{
      {{Role::System, "system"}, {Role::User, "user"}, {Role::Assistant, "assistant"}}};
}

struct ChatMessage {
  static constexpr std::string_view kName = "chat_message";
  Role role = Role::User;
  std::string content;
  static void fields(auto& self, auto&& visit) {
    visit("role", self.role);
    visit("content", self.content, Field{.bytes_max = 256 * 1024});
  }
};

// llm.chat: one completion of a conversation; streamed pieces are ChatDelta, the last reply
// ChatReply.
struct ChatRequest {
  static constexpr std::string_view kName = "chat_request";
  std::string model = "auto";
  std::vector<ChatMessage> messages;
  std::optional<int> max_tokens;
  std::optional<double> temperature;
  std::optional<std::int64_t> seed;

  static void fields(auto& self, auto&& visit) {
    visit("model", self.model, Field{.bytes_min = 1, .bytes_max = 128, .defaulted = true});
    visit("messages", self.messages, Field{.items_max = 256});
    visit("max_tokens", self.max_tokens, Field{.min = 1, .max = 100000});
    visit("temperature", self.temperature, Field{.min = 0, .max = 2});
    visit("seed", self.seed);
  }
};

struct ChatDelta {
  static constexpr std::string_view kName = "chat_delta";
  std::string text;
  static void fields(auto& self, auto&& visit) { visit("text", self.text); }
};

struct ChatReply {
  static constexpr std::string_view kName = "chat_reply";
  std::string text;
  std::string model;
  std::string provider;
  std::string finish_reason = "stop";  // stop, length, cut
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
  bool estimated = false;              // the counts are an estimate
  std::vector<std::string> failovers;  // "local: unavailable: connection refused"
  double first_token_ms = 0;

  static void fields(auto& self, auto&& visit) {
    visit("text", self.text, Field{.bytes_max = 256 * 1024});
    visit("model", self.model);
    visit("provider", self.provider);
    visit("finish_reason", self.finish_reason);
    visit("prompt_tokens", self.prompt_tokens);
    visit("completion_tokens", self.completion_tokens);
    visit("estimated", self.estimated);
    visit("failovers", self.failovers, Field{.defaulted = true});
    visit("first_token_ms", self.first_token_ms, Field{.defaulted = true});
  }
};

// Texts of one request for embeddings: their vectors must fit what may wait for a caller.
constexpr std::size_t kEmbedInputsMax = 256;

// llm.embed, by RPC only: a vector for each text. The vectors come first, each as one streamed item
// of `dimensions` float32 in little-endian order, as the inputs stand; then the reply. By HTTP the
// same is POST /v1/embeddings in the OpenAI dialect.
struct EmbedRequest {
  static constexpr std::string_view kName = "embed_request";
  std::string model = "auto";  // auto: the configured embed_model
  std::vector<std::string> inputs;
  std::optional<int> dimensions;  // for models that can shorten their vectors

  static void fields(auto& self, auto&& visit) {
    visit("model", self.model, Field{.bytes_min = 1, .bytes_max = 128, .defaulted = true});
    visit("inputs", self.inputs,
          Field{.bytes_min = 1, .bytes_max = 64 * 1024, .items_max = kEmbedInputsMax});
    visit("dimensions", self.dimensions, Field{.min = 1, .max = 65536});
  }
};

struct EmbedReply {
  static constexpr std::string_view kName = "embed_reply";
  std::string model;
  std::string provider;
  int dimensions = 0;
  int count = 0;  // items that came before
  std::int64_t prompt_tokens = 0;
  bool estimated = false;              // the count of tokens is an estimate
  std::vector<std::string> failovers;  // as of ChatReply

  static void fields(auto& self, auto&& visit) {
    visit("model", self.model);
    visit("provider", self.provider);
    visit("dimensions", self.dimensions);
    visit("count", self.count);
    visit("prompt_tokens", self.prompt_tokens);
    visit("estimated", self.estimated);
    visit("failovers", self.failovers, Field{.defaulted = true});
  }
};

}  // namespace contracts
