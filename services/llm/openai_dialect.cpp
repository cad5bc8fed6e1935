#include <fmt/format.h>

#include <string>
#include <utility>

#include "crypto/crypto.h"
#include "llm/dialect.h"
#include "llm/talk_json.h"

namespace llm::talk {
namespace {

enum class Shape { Chat, Completions };

// --- What clients ask.

Result<Part> read_part(json::Value part, const std::string& where) {
  const std::string_view type = part.text_or("type", "");
  if (type == "text" || type == "refusal") {
    return Part(Text{TRY(read_text(part, type == "text" ? "text" : "refusal", where + "."))});
  }
  if (type == "image_url") {
    const auto image = given(part, "image_url");
    const std::string_view url = image ? image->text_or("url", "") : std::string_view();
    if (url.empty()) return wrong(where + ".image_url.url: is required and must be a string");
    return Part(image_of_url(url));
  }
  return wrong(where + ".type: must be one of text, image_url");
}

Result<std::vector<Part>> read_content(json::Value message, const std::string& where) {
  std::vector<Part> parts;
  const auto content = given(message, "content");
  if (!content) return parts;
  if (content->is(json::Kind::String)) {
    parts.emplace_back(Text{std::string(content->string())});
    return parts;
  }
  if (!content->is(json::Kind::Array)) {
    return wrong(where + "content: must be a string or an array of parts");
  }
  const auto items = TRY(read_list(message, "content", kPartsMax, where));
  for (std::size_t i = 0; i < items.size(); ++i) {
    parts.push_back(TRY(read_part(items[i], fmt::format("{}content[{}]", where, i))));
  }
  return parts;
}

Result<std::vector<ToolCall>> read_calls(json::Value message, const std::string& where) {
  std::vector<ToolCall> calls;
  const auto items = TRY(read_list(message, "tool_calls", kCallsMax, where));
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string here = fmt::format("{}tool_calls[{}].", where, i);
    const auto function = given(items[i], "function");
    if (!function) return wrong(here + "function: is required");
    ToolCall& call = calls.emplace_back();
    call.id = TRY(read_name(items[i], "id", here));
    call.name = TRY(read_name(*function, "name", here + "function."));
    call.arguments = TRY(read_text(*function, "arguments", here + "function."));
  }
  return calls;
}

Result<Role> role_of(json::Value message, const std::string& where) {
  const std::string_view role = message.text_or("role", "");
  if (role == "system" || role == "developer") return Role::System;
  if (role == "user") return Role::User;
  if (role == "assistant") return Role::Assistant;
  if (role == "tool") return Role::Tool;
  return wrong(where + "role: must be one of system, developer, user, assistant, tool");
}

Result<ChatMessage> read_message(json::Value message, const std::string& where) {
  ChatMessage read;
  read.role = TRY(role_of(message, where));
  if (read.role == Role::Assistant) {
    auto thought = TRY(read_text(message, "reasoning_content", where));
    if (!thought.empty()) read.parts.emplace_back(Thinking{std::move(thought), {}, {}});
    read.calls = TRY(read_calls(message, where));
  }
  auto parts = TRY(read_content(message, where));
  if (read.role != Role::Assistant && !given(message, "content")) {
    return wrong(where + "content: is required");
  }
  if (read.role == Role::Tool) read.call_id = TRY(read_name(message, "tool_call_id", where));
  for (Part& part : parts) read.parts.push_back(std::move(part));
  return read;
}

Result<std::vector<ChatMessage>> read_messages(json::Value root) {
  const auto items = TRY(read_list(root, "messages", kMessagesMax));
  if (items.empty()) return wrong("messages: is required and must not be empty");
  std::vector<ChatMessage> messages;
  messages.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    messages.push_back(TRY(read_message(items[i], fmt::format("messages[{}].", i))));
  }
  return messages;
}

// `prompt`: a text, or a list of one. Tokens would be understood by one model only.
Result<std::vector<ChatMessage>> read_prompt(json::Value root) {
  if (!given(root, "prompt")) return wrong("prompt: is required");
  auto prompts = TRY(read_texts(root, "prompt", 1));
  if (prompts.empty()) return wrong("prompt: must not be empty");
  if (!TRY(read_text(root, "suffix")).empty()) return wrong("suffix: is not understood");
  return std::vector<ChatMessage>{{Role::User, {Text{std::move(prompts.front())}}, {}, {}, false}};
}

Result<ToolChoice> read_choice(json::Value root) {
  ToolChoice choice;
  choice.parallel = TRY(read_flag(root, "parallel_tool_calls", true));
  const auto value = given(root, "tool_choice");
  if (!value || value->string() == "auto") return choice;
  if (value->string() == "none") {
    choice.kind = ToolChoice::Kind::None;
  } else if (value->string() == "required") {
    choice.kind = ToolChoice::Kind::Required;
  } else if (const auto function = given(*value, "function"); function) {
    choice.kind = ToolChoice::Kind::Named;
    choice.name = TRY(read_name(*function, "name", "tool_choice.function."));
  } else {
    return wrong("tool_choice: must be one of none, auto, required or name a function");
  }
  return choice;
}

Result<Format> read_format(json::Value root) {
  Format format;
  const auto value = given(root, "response_format");
  if (!value) return format;
  const std::string_view type = value->text_or("type", "");
  if (type == "text") return format;
  if (type == "json_object") {
    format.kind = Format::Kind::Json;
    return format;
  }
  if (type != "json_schema") {
    return wrong("response_format.type: must be one of text, json_object, json_schema");
  }
  constexpr std::string_view kWhere = "response_format.json_schema.";
  const auto inner = given(*value, "json_schema");
  const auto schema = inner ? given(*inner, "schema") : std::nullopt;
  if (!schema || !schema->is(json::Kind::Object)) {
    return wrong("response_format.json_schema.schema: is required and must be an object");
  }
  format.kind = Format::Kind::Schema;
  format.name = TRY(read_text(*inner, "name", kWhere));
  format.strict = TRY(read_flag(*inner, "strict", false, kWhere));
  format.schema = schema->dump();
  return format;
}

// What both shapes have.
Result<void> read_settings(json::Value root, ChatAsk& ask) {
  ask.max_tokens = TRY(read_tokens(root, "max_tokens"));
  const auto completion_tokens = TRY(read_tokens(root, "max_completion_tokens"));
  if (completion_tokens) ask.max_tokens = completion_tokens;
  ask.temperature = TRY(read_number(root, "temperature", 0, 2));
  ask.top_p = TRY(read_number(root, "top_p", 0, 1));
  const auto top_k = TRY(read_whole(root, "top_k", 0, 1'000'000));  // vLLM and others have it
  if (top_k) ask.top_k = static_cast<int>(*top_k);
  ask.seed = TRY(read_whole(root, "seed", INT64_MIN, INT64_MAX));
  ask.stop = TRY(read_texts(root, "stop", kStopsMax));
  ask.presence_penalty = TRY(read_number(root, "presence_penalty", -2, 2));
  ask.frequency_penalty = TRY(read_number(root, "frequency_penalty", -2, 2));
  ask.user = TRY(read_text(root, "user"));
  ask.stream = TRY(read_flag(root, "stream", false));
  if (const auto options = given(root, "stream_options")) {
    ask.include_usage = TRY(read_flag(*options, "include_usage", false, "stream_options."));
  }
  const auto choices = TRY(read_whole(root, "n", 1, 128));
  if (choices && *choices != 1) return wrong("n: only 1 is understood by this provider");
  const auto logprobs = given(root, "logprobs");
  if (logprobs && !(logprobs->is(json::Kind::Boolean) && !logprobs->boolean())) {
    return wrong("logprobs: this provider tells none");
  }
  ask.latency_target = TRY(read_text(root, "latency_target"));
  ask.model_hint = TRY(read_text(root, "model_hint"));
  return {};
}

// --- What clients hear.

std::string_view finish_name(const std::optional<Finish>& finish) {
  switch (finish.value_or(Finish::Stop)) {
    case Finish::Stop:
      return "stop";
    case Finish::Length:
      return "length";
    case Finish::ToolCalls:
      return "tool_calls";
    case Finish::Filtered:
      return "content_filter";
  }
  return "stop";
}

// {"id":...,"model":"..." and the usage's object.
std::string head(Shape shape, bool chunk, const Stamp& stamp) {
  const std::string_view object = shape == Shape::Completions ? "text_completion"
                                  : chunk                     ? "chat.completion.chunk"
                                                              : "chat.completion";
  return fmt::format(R"({{"id":"{}-{}","object":"{}","created":{},"model":{})",
                     shape == Shape::Chat ? "chatcmpl" : "cmpl", stamp.id, object,
                     stamp.created_ms / 1000, json::quoted(stamp.model));
}

std::string usage_json(const Usage& usage) {
  return fmt::format(R"({{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},)"
                     R"("prompt_tokens_details":{{"cached_tokens":{}}},)"
                     R"("completion_tokens_details":{{"reasoning_tokens":{}}}}})",
                     usage.prompt, usage.completion, usage.prompt + usage.completion, usage.cached,
                     usage.reasoning);
}

void write_message(json::Writer& writer, const Completion& completion) {
  writer.begin_object();
  write(writer, "role", "assistant");
  writer.key("content");
  const std::string text = completion.text();
  if (text.empty() && !completion.calls.empty()) {
    writer.null();
  } else {
    writer.string(text);
  }
  writer.key("refusal");
  writer.null();
  write_if(writer, "reasoning_content", completion.thinking());
  if (!completion.calls.empty()) {
    writer.key("tool_calls");
    writer.begin_array();
    for (const ToolCall& call : completion.calls) {
      writer.begin_object();
      write(writer, "id", call.id);
      write(writer, "type", "function");
      writer.key("function");
      writer.begin_object();
      write(writer, "name", call.name);
      write(writer, "arguments", call.arguments.empty() ? "{}" : call.arguments);
      writer.end_object();
      writer.end_object();
    }
    writer.end_array();
  }
  writer.end_object();
}

class OpenAiWriter final : public StreamWriter {
 public:
  OpenAiWriter(Shape shape, const ChatAsk& ask, const Stamp& stamp)
      : shape_(shape),
        include_usage_(ask.include_usage),
        head_("data: " + head(shape, true, stamp)) {}

  void begin(std::string& out) override {
    if (shape_ == Shape::Chat) chunk(R"("role":"assistant","content":"")", out);
  }

  void write(const Delta& delta, std::string& out) override {
    if (const auto* text = std::get_if<TextDelta>(&delta)) {
      if (text->text.empty()) return;
      if (shape_ == Shape::Completions) return choice(text->text, "null", out);
      chunk(R"("content":)" + json::quoted(text->text), out);
    } else if (const auto* finished = std::get_if<Finished>(&delta)) {
      finish_ = finished->reason;
    } else if (const auto* counted = std::get_if<Counted>(&delta)) {
      usage_ = counted->usage;
    } else if (shape_ == Shape::Chat) {
      write_aside(delta, out);
    }
  }

  void end(std::chrono::nanoseconds, std::string& out) override {
    const std::string reason = json::quoted(finish_name(finish_));
    if (shape_ == Shape::Completions) {
      choice("", reason, out);
    } else {
      out += head_;
      out += R"(,"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":)";
      out += reason;
      out += "}]}\n\n";
    }
    if (include_usage_) {
      out += fmt::format("{},\"choices\":[],\"usage\":{}}}\n\n", head_, usage_json(usage_));
    }
    out += "data: [DONE]\n\n";
  }

  void fail(const Refusal& refusal, std::string& out) override {
    out += fmt::format("data: {}\n\n", openai::refuse(refusal).body);
  }

 private:
  void chunk(std::string_view delta, std::string& out) const {
    out += head_;
    out += R"(,"choices":[{"index":0,"delta":{)";
    out += delta;
    out += "},\"logprobs\":null,\"finish_reason\":null}]}\n\n";
  }

  void choice(std::string_view text, std::string_view reason, std::string& out) const {
    out += fmt::format(
        "{},\"choices\":[{{\"text\":{},\"index\":0,\"logprobs\":null,\"finish_reason\":{}}}]}}\n\n",
        head_, json::quoted(text), reason);
  }

  // Thoughts, as DeepSeek and others stream them, and calls.
  void write_aside(const Delta& delta, std::string& out) const {
    if (const auto* thinking = std::get_if<ThinkingDelta>(&delta)) {
      if (thinking->text.empty()) return;
      chunk(R"("reasoning_content":)" + json::quoted(thinking->text), out);
    } else if (const auto* begun = std::get_if<CallBegun>(&delta)) {
      chunk(fmt::format(R"("tool_calls":[{{"index":{},"id":{},"type":"function",)"
                        R"("function":{{"name":{},"arguments":""}}}}])",
                        begun->index, json::quoted(begun->id), json::quoted(begun->name)),
            out);
    } else if (const auto* arguments = std::get_if<CallArguments>(&delta)) {
      chunk(fmt::format(R"("tool_calls":[{{"index":{},"function":{{"arguments":{}}}}}])",
                        arguments->index, json::quoted(arguments->text)),
            out);
    }
  }

  Shape shape_;
  bool include_usage_;
  std::string head_;
  std::optional<Finish> finish_;
  Usage usage_;
};

class OpenAiDialect final : public Dialect {
 public:
  explicit OpenAiDialect(Shape shape) : shape_(shape) {}

  Result<ChatAsk> read(std::string_view body) const override {
    const auto document = TRY(read_object(body));
    const json::Value root = document.root();
    ChatAsk ask;
    ask.model = TRY(read_name(root, "model"));
    TRY(read_settings(root, ask));
    if (shape_ == Shape::Completions) {
      ask.messages = TRY(read_prompt(root));
      return ask;
    }
    ask.messages = TRY(read_messages(root));
    ask.tools = TRY(read_functions(root));
    ask.choice = TRY(read_choice(root));
    ask.format = TRY(read_format(root));
    const std::string effort = TRY(read_text(root, "reasoning_effort"));
    if (!effort.empty()) ask.effort = TRY(effort_of(effort, "reasoning_effort"));
    return ask;
  }

  std::string write(const Completion& completion, const Stamp& stamp) const override {
    json::Writer choice;
    choice.begin_object();
    talk::write(choice, "index", 0);
    if (shape_ == Shape::Chat) {
      choice.key("message");
      write_message(choice, completion);
    } else {
      talk::write(choice, "text", completion.text());
    }
    choice.key("logprobs");
    choice.null();
    talk::write(choice, "finish_reason", finish_name(completion.finish));
    choice.end_object();
    return fmt::format(R"({},"choices":[{}],"usage":{}}})", head(shape_, false, stamp),
                       choice.text(), usage_json(completion.usage));
  }

  std::unique_ptr<StreamWriter> writer(const ChatAsk& ask, Stamp stamp) const override {
    return std::make_unique<OpenAiWriter>(shape_, ask, stamp);
  }

  std::string_view stream_type() const override { return "text/event-stream"; }
  http::Response refuse(const Refusal& refusal) const override { return openai::refuse(refusal); }

 private:
  Shape shape_;
};

// The type and the code of an error.
std::pair<std::string_view, std::string_view> words_of(const Refusal& refusal, int status) {
  if (status == 401) return {"invalid_request_error", "invalid_api_key"};
  if (status == 403) return {"permission_error", ""};
  if (status == 404) return {"invalid_request_error", "model_not_found"};
  if (status == 413) return {"invalid_request_error", "request_too_large"};
  if (status == 429) return {"rate_limit_error", "rate_limit_exceeded"};
  if (refusal.error.code == Code::TooLarge)
    return {"invalid_request_error", "context_length_exceeded"};
  if (status < 500) return {"invalid_request_error", ""};
  if (status == 503) return {"overloaded_error", "overloaded"};
  if (status == 504) return {"api_error", "timeout"};
  return {"api_error", ""};
}

void write_nullable(json::Writer& writer, std::string_view key, std::string_view text) {
  writer.key(key);
  text.empty() ? writer.null() : writer.string(text);
}

void write_one_model(json::Writer& writer, const ModelInfo& model) {
  writer.begin_object();
  write(writer, "id", model.name);
  write(writer, "object", "model");
  write(writer, "created", model.created_s);
  write(writer, "owned_by", model.owner);
  writer.end_object();
}

std::string_view bytes_of(const std::vector<float>& vector) {
  return {reinterpret_cast<const char*>(vector.data()), vector.size() * sizeof(float)};
}

}  // namespace

std::unique_ptr<Dialect> make_openai_chat() { return std::make_unique<OpenAiDialect>(Shape::Chat); }
std::unique_ptr<Dialect> make_openai_completions() {
  return std::make_unique<OpenAiDialect>(Shape::Completions);
}

namespace openai {

Result<EmbedAsk> read_embed(std::string_view body) {
  const auto document = TRY(read_object(body));
  const json::Value root = document.root();
  EmbedAsk ask;
  ask.model = TRY(read_name(root, "model"));
  ask.inputs = TRY(read_texts(root, "input", kInputsMax));
  if (ask.inputs.empty()) return wrong("input: is required and must not be empty");
  for (std::size_t i = 0; i < ask.inputs.size(); ++i) {
    if (ask.inputs[i].empty()) return wrong(fmt::format("input[{}]: must not be empty", i));
  }
  const auto dimensions = TRY(read_whole(root, "dimensions", 1, 65536));
  if (dimensions) ask.dimensions = static_cast<int>(*dimensions);
  const std::string format = TRY(read_text(root, "encoding_format"));
  if (!format.empty() && format != "float" && format != "base64") {
    return wrong("encoding_format: must be one of float, base64");
  }
  ask.base64 = format == "base64";
  return ask;
}

std::string write_embeddings(const Embeddings& embeddings, const EmbedAsk& ask) {
  std::string text =
      fmt::format(R"({{"object":"list","model":{},"data":[)", json::quoted(embeddings.model));
  for (std::size_t i = 0; i < embeddings.vectors.size(); ++i) {
    const std::vector<float>& vector = embeddings.vectors[i];
    if (i > 0) text += ',';
    text += fmt::format(R"({{"object":"embedding","index":{},"embedding":)", i);
    // The shortest text of a float: as a double it would be twice as long and no truer.
    text += ask.base64 ? json::quoted(crypto::base64(bytes_of(vector)))
                       : fmt::format("[{}]", fmt::join(vector, ","));
    text += '}';
  }
  return text + fmt::format(R"(],"usage":{{"prompt_tokens":{0},"total_tokens":{0}}}}})",
                            embeddings.prompt_tokens);
}

std::string write_models(const std::vector<ModelInfo>& models) {
  json::Writer writer;
  writer.begin_object();
  write(writer, "object", "list");
  writer.key("data");
  writer.begin_array();
  for (const ModelInfo& model : models) write_one_model(writer, model);
  writer.end_array();
  writer.end_object();
  return writer.take();
}

std::string write_model(const ModelInfo& model) {
  json::Writer writer;
  write_one_model(writer, model);
  return writer.take();
}

http::Response refuse(const Refusal& refusal) {
  const int status = status_of(refusal);
  const auto [type, code] = words_of(refusal, status);
  json::Writer writer;
  writer.begin_object();
  writer.key("error");
  writer.begin_object();
  write(writer, "message", refusal.error.message);
  write(writer, "type", type);
  write_nullable(writer, "param", status == 404 ? "model" : member_of(refusal.error));
  write_nullable(writer, "code", code);
  writer.end_object();
  writer.end_object();
  return refused(refusal, status, writer.take());
}

}  // namespace openai
}  // namespace llm::talk
