#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

// What is asked of a model and what it answers, in no dialect: the middle between the dialects that
// clients speak to us (dialect.h) and the formats that we speak to providers (format.h). Plain
// values; JSON inside them is kept as text and is well-formed.
namespace llm::talk {

enum class Role { System, User, Assistant, Tool };

struct Text {
  std::string text;
  friend bool operator==(const Text&, const Text&) = default;
};

// Either the bytes, in base64, or where they are.
struct Image {
  std::string media_type;  // empty when nobody said
  std::string base64;
  std::string url;
  friend bool operator==(const Image&, const Image&) = default;
};

// What a model thought before it spoke. With its signature, or sealed, it may be given back to
// the model that thought it.
struct Thinking {
  std::string text;
  std::string signature;
  std::string sealed;  // encrypted, in place of the text
  friend bool operator==(const Thinking&, const Thinking&) = default;
};

using Part = std::variant<Text, Image, Thinking>;

struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  // JSON; a model may write it wrongly
  friend bool operator==(const ToolCall&, const ToolCall&) = default;
};

struct ChatMessage {
  Role role = Role::User;
  std::vector<Part> parts;
  std::vector<ToolCall> calls;  // of Assistant
  std::string call_id;          // of Tool: which call this is the result of
  bool failed = false;          // of Tool: the result is an error
  friend bool operator==(const ChatMessage&, const ChatMessage&) = default;
};

struct Tool {
  std::string name;
  std::string description;
  std::string parameters;  // a JSON Schema; empty: it takes none
  bool strict = false;
  friend bool operator==(const Tool&, const Tool&) = default;
};

struct ToolChoice {
  enum class Kind { Auto, None, Required, Named };
  Kind kind = Kind::Auto;
  std::string name;  // of Named
  bool parallel = true;
  friend bool operator==(const ToolChoice&, const ToolChoice&) = default;
};

// The form that the answer must have.
struct Format {
  enum class Kind { Text, Json, Schema };
  Kind kind = Kind::Text;
  std::string name;    // of Schema; may be empty
  std::string schema;  // of Schema
  bool strict = false;
  friend bool operator==(const Format&, const Format&) = default;
};

// How long a model that can think shall do so. Not set: as it likes.
enum class Effort { None, Low, Medium, High };

struct ChatAsk {
  std::string model;
  std::vector<ChatMessage> messages;
  std::vector<Tool> tools;
  ToolChoice choice;
  Format format;
  std::optional<int> max_tokens;
  std::optional<double> temperature;  // 0 to 2
  std::optional<double> top_p;
  std::optional<int> top_k;
  std::optional<std::int64_t> seed;
  std::vector<std::string> stop;
  std::optional<double> presence_penalty;
  std::optional<double> frequency_penalty;
  std::optional<Effort> effort;
  std::optional<int> thinking_tokens;  // where somebody counts what Effort only names
  std::string user;
  bool stream = false;
  bool include_usage = false;  // OpenAI's stream_options: usage in the stream
  std::optional<int> num_ctx;  // hints for Ollama
  std::string keep_alive;      // JSON: "5m" or 300
  int choices = 1;             // OpenAI's n: more only where it passes through
  std::string latency_target;  // hints for the choice of a model: ultra_low, low, standard, quality
  std::string model_hint;
  friend bool operator==(const ChatAsk&, const ChatAsk&) = default;
};

struct Usage {
  std::int64_t prompt = 0;         // all of it, also what the provider had cached
  std::int64_t completion = 0;     // with what was thought
  std::int64_t cached = 0;         // of the prompt: read from the provider's cache
  std::int64_t cache_written = 0;  // of the prompt: put into it
  std::int64_t reasoning = 0;      // of the completion
  bool exact = false;              // the provider counted both
  friend bool operator==(const Usage&, const Usage&) = default;
};

enum class Finish { Stop, Length, ToolCalls, Filtered };

// A piece of an answer as it comes in. The views live as long as the call that hands them over.
struct TextDelta {
  std::string_view text;
};
struct ThinkingDelta {
  std::string_view text;
  std::string_view signature = {};  // comes last, without text
  std::string_view sealed = {};     // comes alone
};
struct CallBegun {
  int index = 0;  // 0, 1, ... in the order of the calls
  std::string_view id;
  std::string_view name;
};
struct CallArguments {
  int index = 0;
  std::string_view text;  // the next piece of the JSON
};
struct Finished {
  Finish reason = Finish::Stop;
  std::string_view stop_sequence = {};  // the one that was met, where the provider says so
};
struct Counted {
  Usage usage;  // so far; the last one counts
};
using Delta = std::variant<TextDelta, ThinkingDelta, CallBegun, CallArguments, Finished, Counted>;
using OnDelta = std::function<void(const Delta&)>;

// A whole answer.
struct Completion {
  std::vector<Part> parts;
  std::vector<ToolCall> calls;
  std::optional<Finish> finish;
  std::string stop_sequence;
  Usage usage;
  std::string model;
  std::string provider;
  std::vector<std::string> failovers;  // "ollama: unavailable: connection refused"
  std::chrono::nanoseconds took{0};

  // The next piece, as it comes in.
  void add(const Delta& delta);
  // The pieces that it is made of, for whoever wants it as a stream.
  void replay(const OnDelta& on_delta) const;
  // All text parts.
  std::string text() const;
  std::string thinking() const;
  friend bool operator==(const Completion&, const Completion&) = default;
};

struct EmbedAsk {
  std::string model;
  std::vector<std::string> inputs;
  std::optional<int> dimensions;
  bool base64 = false;  // OpenAI's encoding_format
  bool single = false;  // Ollama's older form: one text in, one vector out
  std::string keep_alive;
};

struct Embeddings {
  std::vector<std::vector<float>> vectors;  // one for each input, in its order, all of one length
  std::string model;
  std::string provider;
  std::int64_t prompt_tokens = 0;  // 0: not reported
  std::vector<std::string> failovers;
  std::chrono::nanoseconds took{0};
  bool estimated = false;  // prompt_tokens are
};

struct ModelInfo {
  std::string name;
  std::string owner;           // the provider's name
  int context_tokens = 0;      // 0: not known
  std::int64_t created_s = 0;  // since the epoch
};

// Of all that the model has to read, by llm::estimated_tokens; images by a flat rate.
std::int64_t estimated_prompt(const ChatAsk& ask);
// Of all that the model has written.
std::int64_t estimated_completion(const Completion& completion);

// The name of the tool that was called with that id before message `at`; empty when there is none.
std::string_view called_name(const std::vector<ChatMessage>& messages, std::size_t at);

}  // namespace llm::talk
