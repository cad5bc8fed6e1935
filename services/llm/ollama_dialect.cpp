#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "llm/dialect.h"
#include "llm/talk_json.h"

namespace llm::talk {
namespace {

enum class Shape { Chat, Generate };

// --- What clients ask.

Result<void> read_images(json::Value object, const std::string& where, std::vector<Part>& parts) {
  const auto images = given(object, "images");
  if (!images) return {};
  const auto texts = TRY(read_texts(object, "images", kPartsMax, where));
  // The library of some clients sends a data URL where the bytes are wanted.
  for (const std::string& text : texts) {
    Image image = text.starts_with("data:") ? image_of_url(text) : Image{{}, text, {}};
    image.media_type = media_type_of(image);
    parts.emplace_back(std::move(image));
  }
  return {};
}

// Ollama has long had no ids: then a call is known by its place.
Result<std::vector<ToolCall>> read_calls(json::Value message, std::size_t at,
                                         const std::string& where) {
  std::vector<ToolCall> calls;
  const auto items = TRY(read_list(message, "tool_calls", kCallsMax, where));
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string here = fmt::format("{}tool_calls[{}].function", where, i);
    const auto function = given(items[i], "function");
    if (!function) return wrong(here + ": is required");
    ToolCall& call = calls.emplace_back();
    call.name = TRY(read_name(*function, "name", here + "."));
    const auto arguments = given(*function, "arguments");
    if (arguments && !arguments->is(json::Kind::Object)) {
      return wrong(here + ".arguments: must be an object");
    }
    call.arguments = arguments ? arguments->dump() : "{}";
    call.id = items[i].text_or("id", "");
    if (call.id.empty()) call.id = fmt::format("call_{}_{}", at, i);
  }
  return calls;
}

bool answered(const std::vector<ChatMessage>& messages, const std::string& id) {
  for (const ChatMessage& message : messages) {
    if (message.role == Role::Tool && message.call_id == id) return true;
  }
  return false;
}

// Whose result a message without an id is: of the last calls, the first of that name that has no
// result yet.
std::string call_for(const std::vector<ChatMessage>& messages, std::string_view tool) {
  for (std::size_t i = messages.size(); i-- > 0;) {
    for (const ToolCall& call : messages[i].calls) {
      if ((tool.empty() || call.name == tool) && !answered(messages, call.id)) return call.id;
    }
    if (!messages[i].calls.empty()) break;
  }
  return {};
}

Result<Role> role_of(json::Value message, const std::string& where) {
  const std::string_view role = message.text_or("role", "");
  if (role == "system") return Role::System;
  if (role == "user") return Role::User;
  if (role == "assistant") return Role::Assistant;
  if (role == "tool") return Role::Tool;
  return wrong(where + "role: must be one of system, user, assistant, tool");
}

Result<std::vector<ChatMessage>> read_messages(json::Value root) {
  const auto items = TRY(read_list(root, "messages", kMessagesMax));
  std::vector<ChatMessage> messages;
  messages.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string where = fmt::format("messages[{}].", i);
    ChatMessage message;
    message.role = TRY(role_of(items[i], where));
    auto thought = TRY(read_text(items[i], "thinking", where));
    if (!thought.empty()) message.parts.emplace_back(Thinking{std::move(thought), {}, {}});
    auto text = TRY(read_text(items[i], "content", where));
    if (!text.empty()) message.parts.emplace_back(Text{std::move(text)});
    TRY(read_images(items[i], where, message.parts));
    message.calls = TRY(read_calls(items[i], i, where));
    if (message.role == Role::Tool) {
      message.call_id = TRY(read_text(items[i], "tool_call_id", where));
      const std::string tool = TRY(read_text(items[i], "tool_name", where));
      if (message.call_id.empty()) message.call_id = call_for(messages, tool);
      if (message.call_id.empty()) {
        return wrong(where + "tool_name: there is no such call without a result before it");
      }
    }
    messages.push_back(std::move(message));
  }
  return messages;
}

Result<std::vector<ChatMessage>> read_prompt(json::Value root) {
  for (const char* const key : {"suffix", "template"}) {
    const std::string text = TRY(read_text(root, key));
    if (!text.empty()) return wrong(fmt::format("{}: is not understood", key));
  }
  std::vector<ChatMessage> messages;
  auto system = TRY(read_text(root, "system"));
  auto prompt = TRY(read_text(root, "prompt"));
  ChatMessage user;
  if (!prompt.empty()) user.parts.emplace_back(Text{std::move(prompt)});
  TRY(read_images(root, "", user.parts));
  if (user.parts.empty()) return messages;  // the model shall be loaded
  if (!system.empty()) messages.push_back({Role::System, {Text{std::move(system)}}, {}, {}, false});
  messages.push_back(std::move(user));
  return messages;
}

Result<Format> read_format(json::Value root) {
  Format format;
  const auto value = given(root, "format");
  if (!value || (value->is(json::Kind::String) && value->string().empty())) return format;
  if (value->is(json::Kind::Object)) {
    format.kind = Format::Kind::Schema;
    format.schema = value->dump();
  } else if (value->string() == "json") {
    format.kind = Format::Kind::Json;
  } else {
    return wrong("format: must be \"json\" or a JSON schema");
  }
  return format;
}

Result<std::optional<Effort>> read_think(json::Value root) {
  const auto think = given(root, "think");
  if (!think) return std::optional<Effort>{};
  if (think->is(json::Kind::Boolean)) {
    return std::optional<Effort>(think->boolean() ? Effort::Medium : Effort::None);
  }
  if (!think->is(json::Kind::String)) return wrong("think: must be true, false or a level");
  return std::optional<Effort>(TRY(effort_of(think->string(), "think")));
}

Result<void> read_options(json::Value root, ChatAsk& ask) {
  constexpr std::string_view kWhere = "options.";
  const auto options = given(root, "options");
  if (!options) return {};
  if (!options->is(json::Kind::Object)) return wrong("options: must be an object");
  // -1: as many as it likes; -2: as many as fit.
  const auto predict = TRY(read_whole(*options, "num_predict", -2, 10'000'000, kWhere));
  if (predict && *predict > 0) ask.max_tokens = static_cast<int>(*predict);
  ask.num_ctx = TRY(read_tokens(*options, "num_ctx", kWhere));
  ask.temperature = TRY(read_number(*options, "temperature", 0, 100, kWhere));
  if (ask.temperature) ask.temperature = std::min(*ask.temperature, 2.0);
  ask.top_p = TRY(read_number(*options, "top_p", 0, 1, kWhere));
  const auto top_k = TRY(read_whole(*options, "top_k", 0, 1'000'000, kWhere));
  if (top_k) ask.top_k = static_cast<int>(*top_k);
  ask.seed = TRY(read_whole(*options, "seed", INT64_MIN, INT64_MAX, kWhere));
  ask.stop = TRY(read_texts(*options, "stop", kStopsMax, kWhere));
  ask.presence_penalty = TRY(read_number(*options, "presence_penalty", -2, 2, kWhere));
  ask.frequency_penalty = TRY(read_number(*options, "frequency_penalty", -2, 2, kWhere));
  return {};
}

Result<std::string> read_keep_alive(json::Value root) {
  const auto value = given(root, "keep_alive");
  if (!value) return std::string();
  if (!value->is(json::Kind::String) && !value->is(json::Kind::Integer)) {
    return wrong("keep_alive: must be a duration or seconds");
  }
  return value->dump();
}

Result<EmbedAsk> read_embedding(std::string_view body, std::string_view key) {
  const auto document = TRY(read_object(body));
  const json::Value root = document.root();
  EmbedAsk ask;
  ask.model = TRY(read_name(root, "model"));
  ask.inputs = TRY(read_texts(root, key, kInputsMax));
  if (ask.inputs.empty()) return wrong(fmt::format("{}: is required", key));
  const auto dimensions = TRY(read_whole(root, "dimensions", 1, 65536));
  if (dimensions) ask.dimensions = static_cast<int>(*dimensions);
  ask.keep_alive = TRY(read_keep_alive(root));
  ask.single = key == "prompt";
  return ask;
}

// --- What clients hear.

std::string head(const Stamp& stamp) {
  return fmt::format(R"({{"model":{},"created_at":"{}")", json::quoted(stamp.model),
                     rfc3339(stamp.created_ms));
}

// Calls and a filtered answer have no word of their own.
std::string_view finish_name(const std::optional<Finish>& finish) {
  return finish == Finish::Length ? "length" : "stop";
}

std::string call_json(const ToolCall& call, std::size_t index) {
  return fmt::format(R"({{"id":{},"function":{{"index":{},"name":{},"arguments":{}}}}})",
                     json::quoted(call.id), index, json::quoted(call.name),
                     arguments_object(call.arguments));
}

// The members that a piece of an answer has beside the head. Chat has them in a message.
std::string piece_json(Shape shape, std::string_view text, std::string_view thinking,
                       std::string_view calls) {
  const bool chat = shape == Shape::Chat;
  std::string piece = chat ? R"(,"message":{"role":"assistant","content":)" : R"(,"response":)";
  piece += json::quoted(text);
  if (!thinking.empty()) piece += R"(,"thinking":)" + json::quoted(thinking);
  if (!calls.empty()) piece += fmt::format(R"(,"tool_calls":[{}])", calls);
  if (chat) piece += '}';
  return piece;
}

std::string tail_json(const std::optional<Finish>& finish, const Usage& usage,
                      std::chrono::nanoseconds took) {
  return fmt::format(
      R"(,"done":true,"done_reason":"{}","total_duration":{},"load_duration":0,)"
      R"("prompt_eval_count":{},"prompt_eval_duration":0,"eval_count":{},"eval_duration":{}}})",
      finish_name(finish), took.count(), usage.prompt, usage.completion, took.count());
}

// Calls come whole: their arguments are gathered until the end.
class OllamaWriter final : public StreamWriter {
 public:
  OllamaWriter(Shape shape, const Stamp& stamp) : shape_(shape), head_(head(stamp)) {}

  void begin(std::string&) override {}

  void write(const Delta& delta, std::string& out) override {
    if (const auto* text = std::get_if<TextDelta>(&delta)) {
      if (!text->text.empty()) line(piece_json(shape_, text->text, {}, {}), out);
    } else if (const auto* thinking = std::get_if<ThinkingDelta>(&delta)) {
      if (!thinking->text.empty()) line(piece_json(shape_, "", thinking->text, {}), out);
    } else {
      rest_.add(delta);
    }
  }

  void end(std::chrono::nanoseconds took, std::string& out) override {
    for (std::size_t i = 0; i < rest_.calls.size(); ++i) {
      line(piece_json(shape_, "", {}, call_json(rest_.calls[i], i)), out);
    }
    out += head_ + piece_json(shape_, "", {}, {}) + tail_json(rest_.finish, rest_.usage, took);
    out += '\n';
  }

  void fail(const Refusal& refusal, std::string& out) override {
    out += ollama::refuse(refusal).body + "\n";
  }

 private:
  void line(std::string_view piece, std::string& out) const {
    out += head_;
    out += piece;
    out += ",\"done\":false}\n";
  }

  Shape shape_;
  std::string head_;
  Completion rest_;  // what comes at the end: calls, reason and usage
};

class OllamaDialect final : public Dialect {
 public:
  explicit OllamaDialect(Shape shape) : shape_(shape) {}

  Result<ChatAsk> read(std::string_view body) const override {
    const auto document = TRY(read_object(body));
    const json::Value root = document.root();
    ChatAsk ask;
    ask.model = TRY(read_name(root, "model"));
    ask.messages = shape_ == Shape::Chat ? TRY(read_messages(root)) : TRY(read_prompt(root));
    if (shape_ == Shape::Chat) ask.tools = TRY(read_functions(root));
    TRY(read_options(root, ask));
    ask.format = TRY(read_format(root));
    ask.effort = TRY(read_think(root));
    ask.keep_alive = TRY(read_keep_alive(root));
    ask.stream = TRY(read_flag(root, "stream", true));
    return ask;
  }

  std::string write(const Completion& completion, const Stamp& stamp) const override {
    std::string calls;
    for (std::size_t i = 0; i < completion.calls.size(); ++i) {
      if (i > 0) calls += ',';
      calls += call_json(completion.calls[i], i);
    }
    return head(stamp) + piece_json(shape_, completion.text(), completion.thinking(), calls) +
           tail_json(completion.finish, completion.usage, completion.took);
  }

  std::unique_ptr<StreamWriter> writer(const ChatAsk&, Stamp stamp) const override {
    return std::make_unique<OllamaWriter>(shape_, stamp);
  }

  std::string_view stream_type() const override { return "application/x-ndjson"; }
  http::Response refuse(const Refusal& refusal) const override { return ollama::refuse(refusal); }

 private:
  Shape shape_;
};

void write_details(json::Writer& writer) {
  writer.key("details");
  writer.raw(R"({"parent_model":"","format":"","family":"","families":[],)"
             R"("parameter_size":"","quantization_level":""})");
}

}  // namespace

std::unique_ptr<Dialect> make_ollama_chat() { return std::make_unique<OllamaDialect>(Shape::Chat); }
std::unique_ptr<Dialect> make_ollama_generate() {
  return std::make_unique<OllamaDialect>(Shape::Generate);
}

namespace ollama {

Result<EmbedAsk> read_embed(std::string_view body) { return read_embedding(body, "input"); }
Result<EmbedAsk> read_embeddings(std::string_view body) { return read_embedding(body, "prompt"); }

std::string write_embeddings(const Embeddings& embeddings, const EmbedAsk& ask) {
  if (ask.single) {
    const bool any = !embeddings.vectors.empty();
    return fmt::format(R"({{"embedding":[{}]}})",
                       fmt::join(any ? embeddings.vectors.front() : std::vector<float>(), ","));
  }
  std::string vectors;
  for (const auto& vector : embeddings.vectors) {
    if (!vectors.empty()) vectors += ',';
    vectors += fmt::format("[{}]", fmt::join(vector, ","));
  }
  return fmt::format(R"({{"model":{},"embeddings":[{}],"total_duration":{},"load_duration":0,)"
                     R"("prompt_eval_count":{}}})",
                     json::quoted(embeddings.model), vectors, embeddings.took.count(),
                     embeddings.prompt_tokens);
}

Result<std::string> read_show(std::string_view body) {
  const auto document = TRY(read_object(body));
  // Older clients call it "name".
  const bool older = given(document.root(), "name") && !given(document.root(), "model");
  return read_name(document.root(), older ? "name" : "model");
}

std::string write_tags(const std::vector<ModelInfo>& models) {
  json::Writer writer;
  writer.begin_object();
  writer.key("models");
  writer.begin_array();
  for (const ModelInfo& model : models) {
    writer.begin_object();
    write(writer, "name", model.name);
    write(writer, "model", model.name);
    write(writer, "modified_at", rfc3339(model.created_s * 1000));
    write(writer, "size", 0);
    write(writer, "digest", "");
    write_details(writer);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return writer.take();
}

std::string write_show(const ModelInfo& model) {
  json::Writer writer;
  writer.begin_object();
  write(writer, "modelfile", "");
  write(writer, "parameters", "");
  write(writer, "template", "");
  write_details(writer);
  writer.key("model_info");
  writer.begin_object();
  write(writer, "general.basename", model.name);
  if (model.context_tokens > 0) write(writer, "general.context_length", model.context_tokens);
  writer.end_object();
  writer.key("capabilities");
  writer.raw(R"(["completion"])");
  write(writer, "modified_at", rfc3339(model.created_s * 1000));
  writer.end_object();
  return writer.take();
}

std::string write_version(std::string_view version) {
  return fmt::format(R"({{"version":{}}})", json::quoted(version));
}

http::Response refuse(const Refusal& refusal) {
  return refused(refusal, status_of(refusal),
                 fmt::format(R"({{"error":{}}})", json::quoted(refusal.error.message)));
}

}  // namespace ollama
}  // namespace llm::talk
