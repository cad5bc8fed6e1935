#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "llm/dialect.h"
#include "llm/talk_json.h"

namespace llm::talk {
namespace {

// --- What clients ask.

Result<Part> read_image(json::Value block, const std::string& where) {
  const auto source = given(block, "source");
  const std::string_view type = source ? source->text_or("type", "") : std::string_view();
  if (type == "base64") {
    auto media_type = TRY(read_name(*source, "media_type", where + "source."));
    return Part(
        Image{std::move(media_type), TRY(read_text(*source, "data", where + "source.")), {}});
  }
  if (type == "url") return Part(Image{{}, {}, TRY(read_text(*source, "url", where + "source."))});
  return wrong(where + "source.type: must be one of base64, url");
}

// Text, images and thoughts, which stand in messages and, the first two, in results of tools.
Result<Part> read_part(json::Value block, std::string_view type, const std::string& where) {
  if (type == "text") return Part(Text{TRY(read_text(block, "text", where))});
  if (type == "image") return read_image(block, where);
  if (type == "thinking") {
    auto text = TRY(read_text(block, "thinking", where));
    return Part(Thinking{std::move(text), TRY(read_text(block, "signature", where)), {}});
  }
  if (type == "redacted_thinking") {
    return Part(Thinking{{}, {}, TRY(read_text(block, "data", where))});
  }
  return wrong(where + "type: '" + std::string(type) + "' is not understood");
}

// A text, or a list of blocks.
Result<std::vector<Part>> read_parts(json::Value object, std::string_view key,
                                     const std::string& where) {
  std::vector<Part> parts;
  const auto content = given(object, key);
  if (!content) return parts;
  if (content->is(json::Kind::String)) {
    parts.emplace_back(Text{std::string(content->string())});
    return parts;
  }
  const auto blocks = TRY(read_list(object, key, kPartsMax, where));
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    parts.push_back(TRY(read_part(blocks[i], blocks[i].text_or("type", ""),
                                  fmt::format("{}{}[{}].", where, key, i))));
  }
  return parts;
}

Result<ToolCall> read_call(json::Value block, const std::string& where) {
  ToolCall call;
  call.id = TRY(read_name(block, "id", where));
  call.name = TRY(read_name(block, "name", where));
  const auto input = given(block, "input");
  if (input && !input->is(json::Kind::Object)) return wrong(where + "input: must be an object");
  call.arguments = input ? input->dump() : "{}";
  return call;
}

Result<ChatMessage> read_result(json::Value block, const std::string& where) {
  ChatMessage result;
  result.role = Role::Tool;
  result.call_id = TRY(read_name(block, "tool_use_id", where));
  result.failed = TRY(read_flag(block, "is_error", false, where));
  result.parts = TRY(read_parts(block, "content", where));
  return result;
}

// One message; the results of tools in it become messages of their own before it.
Result<void> read_message(json::Value object, const std::string& where,
                          std::vector<ChatMessage>& messages) {
  ChatMessage message;
  const std::string_view role = object.text_or("role", "");
  if (role != "user" && role != "assistant") {
    return wrong(where + "role: must be one of user, assistant");
  }
  message.role = role == "user" ? Role::User : Role::Assistant;
  const auto content = given(object, "content");
  if (!content) return wrong(where + "content: is required");
  if (content->is(json::Kind::String)) {
    message.parts.emplace_back(Text{std::string(content->string())});
  } else {
    const auto blocks = TRY(read_list(object, "content", kPartsMax, where));
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      const std::string here = fmt::format("{}content[{}].", where, i);
      const std::string_view type = blocks[i].text_or("type", "");
      if (type == "tool_use" && message.role == Role::Assistant) {
        message.calls.push_back(TRY(read_call(blocks[i], here)));
      } else if (type == "tool_result" && message.role == Role::User) {
        messages.push_back(TRY(read_result(blocks[i], here)));
      } else {
        message.parts.push_back(TRY(read_part(blocks[i], type, here)));
      }
    }
    const bool only_results = message.parts.empty() && message.calls.empty() && !blocks.empty();
    if (only_results) return {};
  }
  messages.push_back(std::move(message));
  return {};
}

Result<std::vector<ChatMessage>> read_messages(json::Value root) {
  std::vector<ChatMessage> messages;
  auto system = TRY(read_parts(root, "system", ""));
  if (!system.empty()) messages.push_back({Role::System, std::move(system), {}, {}, false});
  const auto items = TRY(read_list(root, "messages", kMessagesMax));
  if (items.empty()) return wrong("messages: is required and must not be empty");
  for (std::size_t i = 0; i < items.size(); ++i) {
    TRY(read_message(items[i], fmt::format("messages[{}].", i), messages));
  }
  return messages;
}

Result<std::vector<Tool>> read_tools(json::Value root) {
  std::vector<Tool> tools;
  const auto items = TRY(read_list(root, "tools", kToolsMax));
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string where = fmt::format("tools[{}].", i);
    if (items[i].text_or("type", "custom") != "custom") {
      return wrong(where + "type: only 'custom' is understood");
    }
    Tool& tool = tools.emplace_back();
    tool.name = TRY(read_name(items[i], "name", where));
    tool.description = TRY(read_text(items[i], "description", where));
    tool.strict = TRY(read_flag(items[i], "strict", false, where));
    const auto schema = given(items[i], "input_schema");
    if (!schema || !schema->is(json::Kind::Object)) {
      return wrong(where + "input_schema: is required and must be an object");
    }
    tool.parameters = schema->dump();
  }
  return tools;
}

Result<ToolChoice> read_choice(json::Value root) {
  ToolChoice choice;
  const auto value = given(root, "tool_choice");
  if (!value) return choice;
  const std::string_view type = value->text_or("type", "");
  if (type == "any") {
    choice.kind = ToolChoice::Kind::Required;
  } else if (type == "none") {
    choice.kind = ToolChoice::Kind::None;
  } else if (type == "tool") {
    choice.kind = ToolChoice::Kind::Named;
    choice.name = TRY(read_name(*value, "name", "tool_choice."));
  } else if (type != "auto") {
    return wrong("tool_choice.type: must be one of auto, any, tool, none");
  }
  choice.parallel = !TRY(read_flag(*value, "disable_parallel_tool_use", false, "tool_choice."));
  return choice;
}

Result<void> read_thinking(json::Value root, ChatAsk& ask) {
  const auto thinking = given(root, "thinking");
  if (!thinking) return {};
  const std::string_view type = thinking->text_or("type", "");
  if (type == "disabled") {
    ask.effort = Effort::None;
  } else if (type == "enabled") {
    ask.thinking_tokens = TRY(read_tokens(*thinking, "budget_tokens", "thinking."));
    const int budget = ask.thinking_tokens.value_or(4096);
    ask.effort = budget <= 2048 ? Effort::Low : budget <= 8192 ? Effort::Medium : Effort::High;
  } else if (type != "adaptive") {
    return wrong("thinking.type: must be one of enabled, disabled, adaptive");
  }
  return {};
}

// output_config, and output_format as its place was before.
Result<void> read_output(json::Value root, ChatAsk& ask) {
  auto format = given(root, "output_format");
  if (const auto config = given(root, "output_config")) {
    if (const auto inner = given(*config, "format")) format = inner;
    const std::string effort = TRY(read_text(*config, "effort", "output_config."));
    if (!effort.empty()) ask.effort = TRY(effort_of(effort, "output_config.effort"));
  }
  if (!format) return {};
  const auto schema = given(*format, "schema");
  if (format->text_or("type", "") != "json_schema" || !schema || !schema->is(json::Kind::Object)) {
    return wrong("output_config.format: must be of type json_schema and have a schema");
  }
  ask.format = {Format::Kind::Schema, {}, schema->dump(), true};
  return {};
}

enum class Needs { MaxTokens, Nothing };

Result<ChatAsk> read_ask(std::string_view body, Needs needs) {
  const auto document = TRY(read_object(body));
  const json::Value root = document.root();
  ChatAsk ask;
  ask.model = TRY(read_name(root, "model"));
  ask.max_tokens = TRY(read_tokens(root, "max_tokens"));
  if (!ask.max_tokens && needs == Needs::MaxTokens) return wrong("max_tokens: is required");
  ask.messages = TRY(read_messages(root));
  ask.tools = TRY(read_tools(root));
  ask.choice = TRY(read_choice(root));
  ask.temperature = TRY(read_number(root, "temperature", 0, 1));
  ask.top_p = TRY(read_number(root, "top_p", 0, 1));
  const auto top_k = TRY(read_whole(root, "top_k", 0, 1'000'000));
  if (top_k) ask.top_k = static_cast<int>(*top_k);
  ask.stop = TRY(read_texts(root, "stop_sequences", kStopsMax));
  if (const auto metadata = given(root, "metadata")) {
    ask.user = TRY(read_text(*metadata, "user_id", "metadata."));
  }
  TRY(read_thinking(root, ask));
  TRY(read_output(root, ask));
  ask.stream = TRY(read_flag(root, "stream", false));
  return ask;
}

// --- What clients hear.

std::string stop_json(const std::optional<Finish>& finish, std::string_view stop_sequence) {
  const std::string sequence = stop_sequence.empty() ? "null" : json::quoted(stop_sequence);
  std::string_view reason = stop_sequence.empty() ? "end_turn" : "stop_sequence";
  if (finish == Finish::Length) reason = "max_tokens";
  if (finish == Finish::ToolCalls) reason = "tool_use";
  if (finish == Finish::Filtered) reason = "refusal";
  return fmt::format(R"("stop_reason":"{}","stop_sequence":{})", reason, sequence);
}

std::string usage_json(const Usage& usage) {
  return fmt::format(
      R"({{"input_tokens":{},"cache_creation_input_tokens":{},"cache_read_input_tokens":{},)"
      R"("output_tokens":{}}})",
      std::max<std::int64_t>(usage.prompt - usage.cached - usage.cache_written, 0),
      usage.cache_written, usage.cached, usage.completion);
}

std::string thinking_json(const Thinking& thinking) {
  if (!thinking.sealed.empty()) {
    return fmt::format(R"({{"type":"redacted_thinking","data":{}}})",
                       json::quoted(thinking.sealed));
  }
  return fmt::format(R"({{"type":"thinking","thinking":{},"signature":{}}})",
                     json::quoted(thinking.text), json::quoted(thinking.signature));
}

std::string text_json(std::string_view text) {
  return fmt::format(R"({{"type":"text","text":{}}})", json::quoted(text));
}

std::string call_json(std::string_view id, std::string_view name, std::string_view input) {
  return fmt::format(R"({{"type":"tool_use","id":{},"name":{},"input":{}}})", json::quoted(id),
                     json::quoted(name), input);
}

std::string message_json(const Stamp& stamp, std::string_view content, std::string_view stop,
                         const Usage& usage) {
  return fmt::format(
      R"({{"id":"msg_{}","type":"message","role":"assistant","model":{},"content":[{}],{},)"
      R"("usage":{}}})",
      stamp.id, json::quoted(stamp.model), content, stop, usage_json(usage));
}

// An answer is a row of blocks, one open at a time.
class AnthropicWriter final : public StreamWriter {
 public:
  explicit AnthropicWriter(Stamp stamp) : stamp_(std::move(stamp)) {
    usage_.prompt = stamp_.prompt_tokens;
  }

  void begin(std::string& out) override {
    event("message_start",
          R"("message":)" +
              message_json(stamp_, "", R"("stop_reason":null,"stop_sequence":null)", usage_),
          out);
  }

  void write(const Delta& delta, std::string& out) override {
    if (const auto* text = std::get_if<TextDelta>(&delta)) {
      if (text->text.empty()) return;
      open(Block::Text, text_json(""), out);
      piece(blocks_ - 1, R"("type":"text_delta","text":)", text->text, out);
    } else if (const auto* thinking = std::get_if<ThinkingDelta>(&delta)) {
      write_thinking(*thinking, out);
    } else if (const auto* begun = std::get_if<CallBegun>(&delta)) {
      open(Block::Call, call_json(begun->id, begun->name, "{}"), out);
      calls_.resize(static_cast<std::size_t>(begun->index) + 1);
      calls_.back() = blocks_ - 1;
    } else if (const auto* arguments = std::get_if<CallArguments>(&delta)) {
      // Also when another block is open by now: whoever gathers by index has it all.
      const auto index = static_cast<std::size_t>(arguments->index);
      if (index >= calls_.size() || arguments->text.empty()) return;
      piece(calls_[index], R"("type":"input_json_delta","partial_json":)", arguments->text, out);
    } else if (const auto* finished = std::get_if<Finished>(&delta)) {
      finish_ = finished->reason;
      stop_sequence_ = finished->stop_sequence;
    } else if (const auto* counted = std::get_if<Counted>(&delta)) {
      usage_ = counted->usage;
    }
  }

  void end(std::chrono::nanoseconds, std::string& out) override {
    close(out);
    event("message_delta",
          fmt::format(R"("delta":{{{}}},"usage":{})", stop_json(finish_, stop_sequence_),
                      usage_json(usage_)),
          out);
    out += "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
  }

  void fail(const Refusal& refusal, std::string& out) override {
    out += fmt::format("event: error\ndata: {}\n\n", anthropic::refuse(refusal).body);
  }

 private:
  enum class Block { None, Text, Thinking, Call };

  void write_thinking(const ThinkingDelta& delta, std::string& out) {
    if (!delta.sealed.empty()) {
      close(out);
      open(Block::Thinking, thinking_json({{}, {}, std::string(delta.sealed)}), out);
      close(out);
      return;
    }
    open(Block::Thinking, thinking_json({}), out);
    if (!delta.text.empty()) {
      piece(blocks_ - 1, R"("type":"thinking_delta","thinking":)", delta.text, out);
    }
    if (!delta.signature.empty()) {
      piece(blocks_ - 1, R"("type":"signature_delta","signature":)", delta.signature, out);
      close(out);
    }
  }

  // Unless such a block is open; each call has one of its own.
  void open(Block block, std::string_view content, std::string& out) {
    if (open_ == block && block != Block::Call) return;
    close(out);
    event("content_block_start",
          fmt::format(R"("index":{},"content_block":{})", blocks_++, content), out);
    open_ = block;
  }

  void close(std::string& out) {
    if (std::exchange(open_, Block::None) == Block::None) return;
    event("content_block_stop", fmt::format(R"("index":{})", blocks_ - 1), out);
  }

  static void piece(int block, std::string_view delta, std::string_view text, std::string& out) {
    event("content_block_delta",
          fmt::format(R"("index":{},"delta":{{{}{}}})", block, delta, json::quoted(text)), out);
  }

  static void event(std::string_view type, std::string_view members, std::string& out) {
    out += "event: ";
    out += type;
    out += "\ndata: {\"type\":\"";
    out += type;
    out += "\",";
    out += members;
    out += "}\n\n";
  }

  Stamp stamp_;
  Block open_ = Block::None;
  int blocks_ = 0;
  std::vector<int> calls_;  // the block of each
  std::optional<Finish> finish_;
  std::string stop_sequence_;
  Usage usage_;
};

class AnthropicDialect final : public Dialect {
 public:
  Result<ChatAsk> read(std::string_view body) const override {
    return read_ask(body, Needs::MaxTokens);
  }

  std::string write(const Completion& completion, const Stamp& stamp) const override {
    std::string content;
    const auto add = [&](const std::string& block) {
      if (!content.empty()) content += ',';
      content += block;
    };
    for (const Part& part : completion.parts) {
      if (const auto* text = std::get_if<Text>(&part)) add(text_json(text->text));
      if (const auto* thinking = std::get_if<Thinking>(&part)) add(thinking_json(*thinking));
    }
    for (const ToolCall& call : completion.calls) {
      add(call_json(call.id, call.name, arguments_object(call.arguments)));
    }
    return message_json(stamp, content, stop_json(completion.finish, completion.stop_sequence),
                        completion.usage);
  }

  std::unique_ptr<StreamWriter> writer(const ChatAsk&, Stamp stamp) const override {
    return std::make_unique<AnthropicWriter>(std::move(stamp));
  }

  std::string_view stream_type() const override { return "text/event-stream"; }
  http::Response refuse(const Refusal& refusal) const override {
    return anthropic::refuse(refusal);
  }
};

std::string_view type_of(int status) {
  if (status == 401) return "authentication_error";
  if (status == 403) return "permission_error";
  if (status == 404) return "not_found_error";
  if (status == 413) return "request_too_large";
  if (status == 429) return "rate_limit_error";
  if (status == 504) return "timeout_error";
  if (status == 529) return "overloaded_error";
  return status < 500 ? "invalid_request_error" : "api_error";
}

std::string model_json(const ModelInfo& model) {
  return fmt::format(R"({{"type":"model","id":{0},"display_name":{0},"created_at":"{1}"}})",
                     json::quoted(model.name), rfc3339(model.created_s * 1000));
}

}  // namespace

std::unique_ptr<Dialect> make_anthropic_messages() { return std::make_unique<AnthropicDialect>(); }

namespace anthropic {

Result<ChatAsk> read_count(std::string_view body) { return read_ask(body, Needs::Nothing); }

std::string write_count(std::int64_t tokens) {
  return fmt::format(R"({{"input_tokens":{}}})", tokens);
}

std::string write_models(const std::vector<ModelInfo>& models) {
  std::string data;
  for (const ModelInfo& model : models) {
    if (!data.empty()) data += ',';
    data += model_json(model);
  }
  const auto id = [&](bool first) {
    if (models.empty()) return std::string("null");
    return json::quoted(first ? models.front().name : models.back().name);
  };
  return fmt::format(R"({{"data":[{}],"has_more":false,"first_id":{},"last_id":{}}})", data,
                     id(true), id(false));
}

std::string write_model(const ModelInfo& model) { return model_json(model); }

http::Response refuse(const Refusal& refusal) {
  int status = status_of(refusal);
  if (status == 503) status = 529;  // its own word for a lack of room
  return refused(refusal, status,
                 fmt::format(R"({{"type":"error","error":{{"type":"{}","message":{}}}}})",
                             type_of(status), json::quoted(refusal.error.message)));
}

}  // namespace anthropic
}  // namespace llm::talk
