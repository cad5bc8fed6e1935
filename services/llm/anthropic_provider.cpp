#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/ids.h"
#include "base/utf8.h"
#include "llm/format.h"
#include "llm/stream_reader.h"
#include "llm/talk_json.h"
#include "llm/wire_json.h"

namespace llm::talk {
namespace {

constexpr std::string_view kVersion = "2023-06-01";
constexpr int kThinkingMin = 1024;  // tokens, below which Anthropic refuses

// The tool in whose arguments a model is made to answer where JSON is asked for.
constexpr std::string_view kAnswerTool = "json_answer";

bool wants_json(const ChatAsk& ask) { return ask.format.kind != Format::Kind::Text; }

// --- Asking.

// Ids of other providers may hold what Anthropic does not take.
std::string id_of(std::string_view id) {
  std::string clean(id);
  for (char& c : clean) {
    const bool fits = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '_' || c == '-';
    if (!fits) c = '_';
  }
  return clean.empty() ? "call" : clean;
}

std::string part_json(const Part& part) {
  if (const auto* text = std::get_if<Text>(&part)) {
    if (trimmed(text->text).empty()) return {};  // which it refuses
    return fmt::format(R"({{"type":"text","text":{}}})", json::quoted(text->text));
  }
  if (const auto* image = std::get_if<Image>(&part)) {
    if (image->base64.empty()) {
      return fmt::format(R"({{"type":"image","source":{{"type":"url","url":{}}}}})",
                         json::quoted(image->url));
    }
    return fmt::format(
        R"({{"type":"image","source":{{"type":"base64","media_type":{},"data":{}}}}})",
        json::quoted(media_type_of(*image)), json::quoted(image->base64));
  }
  const auto& thinking = std::get<Thinking>(part);
  if (!thinking.sealed.empty()) {
    return fmt::format(R"({{"type":"redacted_thinking","data":{}}})",
                       json::quoted(thinking.sealed));
  }
  // Thoughts without a signature are another model's.
  if (thinking.signature.empty()) return {};
  return fmt::format(R"({{"type":"thinking","thinking":{},"signature":{}}})",
                     json::quoted(thinking.text), json::quoted(thinking.signature));
}

std::string parts_json(const std::vector<Part>& parts) {
  std::string all;
  for (const Part& part : parts) {
    const std::string one = part_json(part);
    if (one.empty()) continue;
    if (!all.empty()) all += ',';
    all += one;
  }
  return all;
}

std::string blocks_of(const ChatMessage& message) {
  std::string blocks = parts_json(message.parts);
  if (message.role == Role::Tool) {
    return fmt::format(R"({{"type":"tool_result","tool_use_id":{},"content":[{}]{}}})",
                       json::quoted(id_of(message.call_id)), blocks,
                       message.failed ? R"(,"is_error":true)" : "");
  }
  for (const ToolCall& call : message.calls) {
    if (!blocks.empty()) blocks += ',';
    blocks += fmt::format(R"({{"type":"tool_use","id":{},"name":{},"input":{}}})",
                          json::quoted(id_of(call.id)), json::quoted(call.name),
                          arguments_object(call.arguments));
  }
  return blocks;
}

// Users and assistants take turns, the user first; neighbours of one side are one turn.
void write_messages(json::Writer& writer, std::vector<ChatMessage> messages) {
  // An assistant's last words may not end in white space.
  if (!messages.empty() && messages.back().role == Role::Assistant) {
    for (Part& part : messages.back().parts) {
      if (auto* text = std::get_if<Text>(&part)) {
        text->text.erase(text->text.find_last_not_of(" \t\r\n") + 1);
      }
    }
  }
  std::vector<std::pair<bool, std::string>> turns;  // whether the user's, and its blocks
  for (const ChatMessage& message : messages) {
    if (message.role == Role::System) continue;
    const bool user = message.role != Role::Assistant;
    std::string blocks = blocks_of(message);
    if (blocks.empty()) continue;
    if (turns.empty() && !user) turns.emplace_back(true, R"({"type":"text","text":"..."})");
    if (turns.empty() || turns.back().first != user) {
      turns.emplace_back(user, std::move(blocks));
    } else {
      turns.back().second += "," + blocks;
    }
  }
  if (turns.empty()) turns.emplace_back(true, R"({"type":"text","text":"..."})");
  writer.key("messages");
  writer.begin_array();
  for (const auto& [user, blocks] : turns) {
    writer.raw(
        fmt::format(R"({{"role":"{}","content":[{}]}})", user ? "user" : "assistant", blocks));
  }
  writer.end_array();
}

// Wherever it stands in the conversation.
std::string system_of(const std::vector<ChatMessage>& messages) {
  std::string system;
  for (const ChatMessage& message : messages) {
    if (message.role != Role::System) continue;
    const std::string text = joined_text(message.parts);
    if (!system.empty() && !text.empty()) system += "\n\n";
    system += text;
  }
  return system;
}

// Where calls stand in the conversation, their tools must be named, though none are offered now.
std::vector<Tool> tools_of(const ChatAsk& ask) {
  std::vector<Tool> tools = ask.tools;
  if (wants_json(ask)) {
    const bool schema = ask.format.kind == Format::Kind::Schema;
    tools.push_back({std::string(kAnswerTool), "Gives the answer, in the form that is asked for.",
                     schema ? ask.format.schema : R"({"type":"object"})", false});
  }
  for (const ChatMessage& message : ask.messages) {
    for (const ToolCall& call : message.calls) {
      if (!ask.tools.empty()) return tools;
      const bool known = std::any_of(tools.begin(), tools.end(),
                                     [&](const Tool& tool) { return tool.name == call.name; });
      if (!known) tools.push_back({call.name, "", "", false});
    }
  }
  return tools;
}

std::string choice_json(const ChatAsk& ask, bool thinks) {
  using Kind = ToolChoice::Kind;
  std::string_view type = "auto";
  std::string name;
  if (wants_json(ask) && (ask.choice.kind != Kind::Named || ask.tools.empty())) {
    // Beside tools of the client's own it is one more that may be called.
    const bool alone = ask.tools.empty() || ask.choice.kind == Kind::None;
    type = alone ? "tool" : "any";
    if (alone) name = kAnswerTool;
  } else if (ask.choice.kind == Kind::None || ask.tools.empty()) {
    return R"({"type":"none"})";
  } else if (ask.choice.kind == Kind::Required) {
    type = "any";
  } else if (ask.choice.kind == Kind::Named) {
    type = "tool";
    name = ask.choice.name;
  }
  if (thinks) {  // who thinks cannot be made to call
    type = "auto";
    name.clear();
  }
  const bool one = !ask.choice.parallel || name == kAnswerTool;
  return fmt::format(R"({{"type":"{}"{}{}}})", type,
                     name.empty() ? "" : R"(,"name":)" + json::quoted(name),
                     one ? R"(,"disable_parallel_tool_use":true)" : "");
}

void write_tools(json::Writer& writer, const ChatAsk& ask, bool thinks) {
  const std::vector<Tool> tools = tools_of(ask);
  if (tools.empty()) return;
  writer.key("tools");
  writer.begin_array();
  for (const Tool& tool : tools) {
    writer.begin_object();
    write(writer, "name", tool.name);
    write_if(writer, "description", tool.description);
    writer.key("input_schema");
    writer.raw(tool.parameters.empty() ? R"({"type":"object","properties":{}})" : tool.parameters);
    writer.end_object();
  }
  writer.end_array();
  writer.key("tool_choice");
  writer.raw(choice_json(ask, thinks));
}

// Behind a call that was made without a signed thought, Anthropic refuses to think.
bool may_think(const std::vector<ChatMessage>& messages) {
  for (const ChatMessage& message : messages) {
    if (!message.calls.empty() && parts_json(message.parts).find("thinking\"") == std::string::npos)
      return false;
  }
  return true;
}

// How many tokens it may think for; 0: not at all.
int thinking_of(const ChatAsk& ask) {
  if (!ask.effort || *ask.effort == Effort::None || !may_think(ask.messages)) return 0;
  int tokens = kThinkingMin;
  if (*ask.effort == Effort::Medium) tokens = 4 * kThinkingMin;
  if (*ask.effort == Effort::High) tokens = 16 * kThinkingMin;
  tokens = std::max(ask.thinking_tokens.value_or(tokens), kThinkingMin);
  if (!ask.max_tokens) return tokens;
  tokens = std::min(tokens, *ask.max_tokens / 2);
  return tokens < kThinkingMin ? 0 : tokens;
}

void write_settings(json::Writer& writer, const ChatAsk& ask, int thinking, int max_tokens) {
  write(writer, "max_tokens", ask.max_tokens.value_or(max_tokens + thinking));
  if (thinking > 0) {
    writer.key("thinking");
    writer.raw(fmt::format(R"({{"type":"enabled","budget_tokens":{}}})", thinking));
  } else {
    if (ask.temperature) {
      writer.key("temperature");
      writer.real(std::min(*ask.temperature, 1.0));
    } else {
      write_if(writer, "top_p", ask.top_p);  // newer models take one of the two
    }
    write_if(writer, "top_k", ask.top_k);
  }
  std::vector<std::string> stops;
  for (const std::string& stop : ask.stop) {
    if (!trimmed(stop).empty()) stops.push_back(stop);  // it takes none of white space alone
  }
  if (!stops.empty()) write_texts(writer, "stop_sequences", stops);
  if (!ask.user.empty()) {
    writer.key("metadata");
    writer.raw(fmt::format(R"({{"user_id":{}}})", json::quoted(ask.user)));
  }
}

// --- Reading.

// `called`: a tool of the client's own; with the answer's tool alone it has just spoken.
Finish finish_of(std::string_view reason, bool called) {
  if (reason == "max_tokens" || reason == "model_context_window_exceeded") return Finish::Length;
  if (reason == "refusal") return Finish::Filtered;
  return called ? Finish::ToolCalls : Finish::Stop;
}

// A later count replaces those members that it has.
void read_usage(json::Value object, Usage& usage, std::int64_t& uncached) {
  const auto usage_object = given(object, "usage");
  if (!usage_object) return;
  const auto take = [&](std::string_view key, std::int64_t& into) {
    if (given(*usage_object, key)) into = tokens_in(*usage_object, key);
  };
  take("input_tokens", uncached);
  take("cache_read_input_tokens", usage.cached);
  take("cache_creation_input_tokens", usage.cache_written);
  take("output_tokens", usage.completion);
  usage.prompt = uncached + usage.cached + usage.cache_written;
}

Result<Completion> read_whole(std::string_view body, bool json_asked) {
  const auto document = json::Document::parse(body, kAnswerLimits);
  if (!document || !document.value().root().is(json::Kind::Object)) return garbage(body);
  const json::Value root = document.value().root();
  if (root.text_or("type", "") == "error" || given(root, "error")) return error_of(root);
  const auto content = given(root, "content");
  if (!content || !content->is(json::Kind::Array)) return garbage(body);
  Completion completion;
  completion.model = root.text_or("model", "");
  for (std::size_t i = 0; i < content->size(); ++i) {
    const json::Value block = content->at(i);
    const std::string_view type = block.text_or("type", "");
    if (type == "text") completion.add(TextDelta{block.text_or("text", "")});
    if (type == "thinking") {
      completion.add(ThinkingDelta{block.text_or("thinking", ""), block.text_or("signature", "")});
    }
    if (type == "redacted_thinking")
      completion.add(ThinkingDelta{{}, {}, block.text_or("data", "")});
    if (type != "tool_use") continue;
    const auto input = given(block, "input");
    const std::string arguments = input ? input->dump() : "{}";
    if (json_asked && block.text_or("name", "") == kAnswerTool) {
      completion.add(TextDelta{arguments});
    } else if (completion.calls.size() < kCallsMax) {
      completion.calls.push_back({std::string(block.text_or("id", "")),
                                  std::string(block.text_or("name", "")), arguments});
    }
  }
  completion.finish = finish_of(root.text_or("stop_reason", ""), !completion.calls.empty());
  completion.stop_sequence = root.text_or("stop_sequence", "");
  std::int64_t uncached = 0;
  read_usage(root, completion.usage, uncached);
  completion.usage.exact = completion.usage.prompt > 0;
  return completion;
}

class AnthropicReader final : public EventReader {
 public:
  explicit AnthropicReader(bool json_asked)
      : EventReader(Framing::Events), json_asked_(json_asked) {}

  bool done() const override { return stopped_; }
  bool ended() const override { return stopped_; }

 private:
  Result<void> take(const StreamEvent& event, const OnDelta& on_delta) override {
    if (event.name == "ping" || event.data.empty()) return {};
    const auto document = json::Document::parse(event.data, kAnswerLimits);
    if (!document || !document.value().root().is(json::Kind::Object)) return garbage(event.data);
    const json::Value root = document.value().root();
    const std::string_view type = root.text_or("type", event.name);
    if (type == "error") return error_of(root);
    if (type == "message_start") {
      if (const auto message = given(root, "message")) {
        heard_model(message->text_or("model", ""));
        read_usage(*message, usage_, uncached_);
        on_delta(Counted{usage_});
      }
    } else if (type == "content_block_start") {
      return begin_block(root, on_delta);
    } else if (type == "content_block_delta") {
      if (const auto delta = given(root, "delta")) take_delta(root, *delta, on_delta);
    } else if (type == "content_block_stop") {
      end_block(root, on_delta);
    } else if (type == "message_delta") {
      take_end(root, on_delta);
    } else if (type == "message_stop") {
      stopped_ = true;
    }
    return {};
  }

  Result<void> begin_block(json::Value root, const OnDelta& on_delta) {
    const auto block = given(root, "content_block");
    if (!block) return {};
    const std::string_view type = block->text_or("type", "");
    if (const auto text = block->text_or("text", ""); type == "text" && !text.empty()) {
      speak(TextDelta{text}, on_delta);
    } else if (const auto data = block->text_or("data", ""); type == "redacted_thinking") {
      speak(ThinkingDelta{{}, {}, data}, on_delta);
    } else if (type == "tool_use") {
      if (blocks_.size() >= kCallsMax) return Error{Code::TooLarge, "it calls too many tools"};
      const std::string_view name = block->text_or("name", "");
      const bool answer = json_asked_ && name == kAnswerTool;
      blocks_.push_back({count_of(root, "index"), answer ? -1 : calls_++, true});
      if (!answer) speak(CallBegun{blocks_.back().call, block->text_or("id", ""), name}, on_delta);
      // Some servers say all at once here.
      const auto input = given(*block, "input");
      if (input && input->size() > 0) argue(blocks_.back(), input->dump(), on_delta);
    }
    return {};
  }

  void take_delta(json::Value root, json::Value delta, const OnDelta& on_delta) {
    const std::string_view type = delta.text_or("type", "");
    if (const auto text = delta.text_or("text", ""); type == "text_delta" && !text.empty()) {
      speak(TextDelta{text}, on_delta);
    } else if (const auto thought = delta.text_or("thinking", ""); !thought.empty()) {
      speak(ThinkingDelta{thought}, on_delta);
    } else if (const auto signature = delta.text_or("signature", ""); !signature.empty()) {
      speak(ThinkingDelta{{}, signature}, on_delta);
    } else if (type == "input_json_delta") {
      Block* const block = find(count_of(root, "index"));
      if (block) argue(*block, delta.text_or("partial_json", ""), on_delta);
    }
  }

  void take_end(json::Value root, const OnDelta& on_delta) {
    read_usage(root, usage_, uncached_);
    usage_.exact = usage_.prompt > 0;
    const auto delta = given(root, "delta");
    if (delta && given(*delta, "stop_reason")) {
      on_delta(Finished{finish_of(delta->text_or("stop_reason", ""), calls_ > 0),
                        delta->text_or("stop_sequence", "")});
    }
    on_delta(Counted{usage_});
  }

  struct Block {
    std::int64_t index = 0;
    int call = 0;  // -1: the answer's tool
    bool silent = true;
  };

  Block* find(std::int64_t index) {
    for (Block& block : blocks_) {
      if (block.index == index) return &block;
    }
    return nullptr;
  }

  void argue(Block& block, std::string_view text, const OnDelta& on_delta) {
    if (text.empty()) return;
    block.silent = false;
    if (block.call < 0) {
      speak(TextDelta{text}, on_delta);
    } else {
      speak(CallArguments{block.call, text}, on_delta);
    }
  }

  // A call without arguments has had no piece of them.
  void end_block(json::Value root, const OnDelta& on_delta) {
    Block* const block = find(count_of(root, "index"));
    if (block && block->silent) argue(*block, "{}", on_delta);
  }

  bool matters(const StreamEvent& event) const override {
    return event.name != "content_block_delta";
  }
  std::string_view text_key() const override { return "\"text\":"; }
  Result<Completion> whole(std::string_view body) const override {
    return read_whole(body, json_asked_);
  }
  void finish_whole() override { stopped_ = true; }

  bool json_asked_;
  bool stopped_ = false;
  int calls_ = 0;
  std::vector<Block> blocks_;  // of calls
  Usage usage_;
  std::int64_t uncached_ = 0;
};

class AnthropicFormat final : public ProviderFormat {
 public:
  explicit AnthropicFormat(AnthropicDefaults defaults) : defaults_(defaults) {}

  Result<WireRequest> chat(const ChatAsk& ask, const std::string& model) const override {
    const int thinking = thinking_of(ask);
    json::Writer writer;
    writer.begin_object();
    write(writer, "model", model);
    write_if(writer, "system", system_of(ask.messages));
    write_messages(writer, ask.messages);
    if (ask.stream) {
      writer.key("stream");
      writer.boolean(true);
    }
    write_settings(writer, ask, thinking, defaults_.max_tokens);
    write_tools(writer, ask, thinking > 0);
    writer.end_object();
    return WireRequest{http::Method::Post, "/messages", writer.take()};
  }

  std::unique_ptr<StreamReader> reader(const ChatAsk& ask) const override {
    return std::make_unique<AnthropicReader>(wants_json(ask));
  }
  Result<Completion> read_chat(std::string_view body, const ChatAsk& ask) const override {
    return read_whole(body, wants_json(ask));
  }

  WireRequest list_models() const override { return {http::Method::Get, "/models?limit=1000", {}}; }
  Result<std::vector<std::string>> read_models(std::string_view body) const override {
    return read_names(body, "data", "id");
  }

  Result<WireRequest> embed(const EmbedAsk&, const std::string&) const override {
    return Error{Code::Unimplemented, "Anthropic has no embeddings"};
  }
  Result<Embeddings> read_embeddings(std::string) const override {
    return Error{Code::Unimplemented, "Anthropic has no embeddings"};
  }

  http::Headers headers(std::string_view key) const override {
    http::Headers headers{{"content-type", "application/json"},
                          {"anthropic-version", std::string(kVersion)}};
    if (!key.empty()) headers.add("x-api-key", std::string(key));
    return headers;
  }

 private:
  AnthropicDefaults defaults_;
};

}  // namespace

std::unique_ptr<ProviderFormat> make_anthropic_provider(AnthropicDefaults defaults) {
  return std::make_unique<AnthropicFormat>(defaults);
}

}  // namespace llm::talk
