#include <fmt/format.h>

#include <string>
#include <utility>

#include "base/ids.h"
#include "llm/format.h"
#include "llm/stream_reader.h"
#include "llm/talk_json.h"
#include "llm/wire_json.h"

namespace llm::talk {
namespace {

// --- Asking.

// Ollama takes pictures as bytes only, and fetching them is not for us.
Result<void> check_images(const std::vector<ChatMessage>& messages) {
  for (std::size_t i = 0; i < messages.size(); ++i) {
    for (const Part& part : messages[i].parts) {
      const auto* image = std::get_if<Image>(&part);
      if (image && image->base64.empty()) {
        return wrong(
            fmt::format("messages[{}].content: this provider takes images as data, not "
                        "by their address",
                        i));
      }
    }
  }
  return {};
}

void write_parts(json::Writer& writer, const ChatMessage& message) {
  std::string thought;
  std::vector<std::string> images;
  for (const Part& part : message.parts) {
    if (const auto* thinking = std::get_if<Thinking>(&part)) thought += thinking->text;
    if (const auto* image = std::get_if<Image>(&part)) images.push_back(image->base64);
  }
  const bool failed = message.role == Role::Tool && message.failed;
  write(writer, "content", (failed ? "Error: " : "") + joined_text(message.parts));
  write_if(writer, "thinking", thought);
  if (!images.empty()) write_texts(writer, "images", images);
}

void write_messages(json::Writer& writer, const std::vector<ChatMessage>& messages) {
  writer.key("messages");
  writer.begin_array();
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const ChatMessage& message = messages[i];
    writer.begin_object();
    write(writer, "role", name(message.role));
    write_parts(writer, message);
    if (message.role == Role::Tool) {
      write_if(writer, "tool_name", called_name(messages, i));
      write_if(writer, "tool_call_id", message.call_id);
    }
    if (!message.calls.empty()) {
      writer.key("tool_calls");
      writer.begin_array();
      for (const ToolCall& call : message.calls) {
        writer.raw(fmt::format(R"({{"id":{},"function":{{"name":{},"arguments":{}}}}})",
                               json::quoted(call.id), json::quoted(call.name),
                               arguments_object(call.arguments)));
      }
      writer.end_array();
    }
    writer.end_object();
  }
  writer.end_array();
}

// It cannot be made to call: of a named tool it sees no other.
std::vector<Tool> tools_for(const ChatAsk& ask) {
  if (ask.choice.kind == ToolChoice::Kind::None) return {};
  if (ask.choice.kind != ToolChoice::Kind::Named) return ask.tools;
  std::vector<Tool> tools;
  for (const Tool& tool : ask.tools) {
    if (tool.name == ask.choice.name) tools.push_back(tool);
  }
  return tools;
}

void write_format(json::Writer& writer, const ChatAsk& ask, std::string_view model) {
  if (ask.format.kind == Format::Kind::Json) write(writer, "format", "json");
  if (ask.format.kind == Format::Kind::Schema) {
    writer.key("format");
    writer.raw(ask.format.schema);
  }
  if (!ask.effort) return;
  // One family has levels, the others think or do not.
  if (model.find("gpt-oss") != model.npos && *ask.effort != Effort::None) {
    return write(writer, "think", name(*ask.effort));
  }
  writer.key("think");
  writer.boolean(*ask.effort != Effort::None);
}

void write_options(json::Writer& writer, const ChatAsk& ask, int num_ctx) {
  writer.key("options");
  writer.begin_object();
  write(writer, "num_ctx", ask.num_ctx.value_or(num_ctx));
  write_if(writer, "num_predict", ask.max_tokens);
  write_if(writer, "temperature", ask.temperature);
  write_if(writer, "top_p", ask.top_p);
  write_if(writer, "top_k", ask.top_k);
  if (ask.seed) write(writer, "seed", *ask.seed & 0x7fffffff);
  write_if(writer, "presence_penalty", ask.presence_penalty);
  write_if(writer, "frequency_penalty", ask.frequency_penalty);
  if (!ask.stop.empty()) write_texts(writer, "stop", ask.stop);
  writer.end_object();
}

// --- Reading.

class OllamaReader final : public EventReader {
 public:
  OllamaReader() : EventReader(Framing::Lines) {}

  bool done() const override { return done_; }
  bool ended() const override { return done_; }

 private:
  Result<void> take(const StreamEvent& event, const OnDelta& on_delta) override {
    const auto document = json::Document::parse(event.data, kAnswerLimits);
    if (!document || !document.value().root().is(json::Kind::Object)) return garbage(event.data);
    const json::Value root = document.value().root();
    if (const auto error = given(root, "error")) return error_of(*error);
    heard_model(root.text_or("model", ""));
    const auto message = given(root, "message");
    const json::Value piece = message ? *message : root;  // of /api/generate
    if (const auto text = piece.text_or("thinking", ""); !text.empty()) {
      speak(ThinkingDelta{text}, on_delta);
    }
    const auto text = piece.text_or(message ? "content" : "response", "");
    if (!text.empty()) speak(TextDelta{text}, on_delta);
    const auto calls = given(piece, "tool_calls");
    for (std::size_t i = 0; calls && i < calls->size(); ++i) TRY(take_call(calls->at(i), on_delta));
    const auto done = given(root, "done");
    if (done && done->boolean()) finish(root, on_delta);
    return {};
  }

  // Calls come whole, and from older servers without an id.
  Result<void> take_call(json::Value call, const OnDelta& on_delta) {
    const auto function = given(call, "function");
    if (!function) return {};
    if (calls_ >= static_cast<int>(kCallsMax)) {
      return Error{Code::TooLarge, "it calls too many tools"};
    }
    const std::string made = call.text_or("id", "").empty() ? make_id("call") : std::string();
    speak(CallBegun{calls_, call.text_or("id", "").empty() ? made : call.text_or("id", ""),
                    function->text_or("name", "")},
          on_delta);
    const auto arguments = given(*function, "arguments");
    speak(CallArguments{calls_, arguments ? arguments->dump() : "{}"}, on_delta);
    ++calls_;
    return {};
  }

  void finish(json::Value root, const OnDelta& on_delta) {
    done_ = true;
    Finish reason = calls_ > 0 ? Finish::ToolCalls : Finish::Stop;
    if (root.text_or("done_reason", "") == "length") reason = Finish::Length;
    on_delta(Finished{reason});
    // A prompt that Ollama had in its cache is not counted: then it is for others to estimate.
    Usage usage;
    usage.prompt = tokens_in(root, "prompt_eval_count");
    usage.completion = tokens_in(root, "eval_count");
    usage.exact = usage.prompt > 0 && usage.completion > 0;
    on_delta(Counted{usage});
  }

  bool matters(const StreamEvent& event) const override {
    return event.data.starts_with(R"({"error")") || has_member(event.data, "\"done\"") ||
           event.data.find("\"done\"") == event.data.npos;
  }
  std::string_view text_key() const override { return "\"content\":"; }
  Result<Completion> whole(std::string_view body) const override { return garbage(body); }
  void finish_whole() override {}

  int calls_ = 0;
  bool done_ = false;
};

class OllamaFormat final : public ProviderFormat {
 public:
  explicit OllamaFormat(OllamaDefaults defaults) : defaults_(std::move(defaults)) {}

  Result<WireRequest> chat(const ChatAsk& ask, const std::string& model) const override {
    TRY(check_images(ask.messages));
    json::Writer writer;
    writer.begin_object();
    write(writer, "model", model);
    write_messages(writer, ask.messages);
    writer.key("stream");
    writer.boolean(ask.stream);
    write_keep_alive(writer, ask.keep_alive);
    if (const auto tools = tools_for(ask); !tools.empty()) write_functions(writer, tools);
    write_format(writer, ask, model);
    write_options(writer, ask, defaults_.num_ctx);
    writer.end_object();
    return WireRequest{http::Method::Post, "/api/chat", writer.take()};
  }

  std::unique_ptr<StreamReader> reader(const ChatAsk&) const override {
    return std::make_unique<OllamaReader>();
  }

  // A stream of one line.
  Result<Completion> read_chat(std::string_view body, const ChatAsk&) const override {
    OllamaReader reader;
    Completion completion;
    const auto add = [&](const Delta& delta) { completion.add(delta); };
    TRY(reader.feed(body, add));
    TRY(reader.end(add));
    completion.model = reader.model();
    return completion;
  }

  WireRequest list_models() const override { return {http::Method::Get, "/api/tags", {}}; }
  Result<std::vector<std::string>> read_models(std::string_view body) const override {
    return read_names(body, "models", "name");
  }

  Result<WireRequest> embed(const EmbedAsk& ask, const std::string& model) const override {
    json::Writer writer;
    writer.begin_object();
    write(writer, "model", model);
    write_texts(writer, "input", ask.inputs);
    // What does not fit is an error, not a vector of half a text.
    writer.key("truncate");
    writer.boolean(false);
    write_if(writer, "dimensions", ask.dimensions);
    write_keep_alive(writer, ask.keep_alive);
    writer.key("options");
    writer.raw(fmt::format(R"({{"num_ctx":{}}})", defaults_.num_ctx));
    writer.end_object();
    return WireRequest{http::Method::Post, "/api/embed", writer.take()};
  }

  Result<Embeddings> read_embeddings(std::string body) const override {
    const Error nonsense = garbage(body);
    const auto document = json::Document::parse(body, kVectorLimits);
    if (!document) return nonsense;
    std::string().swap(body);  // the numbers alone are large enough
    const json::Value root = document.value().root();
    if (const auto error = given(root, "error")) return error_of(*error);
    const auto list = given(root, "embeddings");
    if (!list || !list->is(json::Kind::Array)) return nonsense;
    Embeddings embeddings;
    embeddings.model = root.text_or("model", "");
    embeddings.vectors.reserve(list->size());
    for (std::size_t i = 0; i < list->size(); ++i) {
      embeddings.vectors.push_back(TRY(read_vector(list->at(i))));
    }
    embeddings.prompt_tokens = tokens_in(root, "prompt_eval_count");
    return embeddings;
  }

  http::Headers headers(std::string_view key) const override {
    http::Headers headers{{"content-type", "application/json"}};
    if (!key.empty()) headers.add("authorization", fmt::format("Bearer {}", key));
    return headers;
  }

 private:
  void write_keep_alive(json::Writer& writer, const std::string& asked) const {
    writer.key("keep_alive");
    asked.empty() ? writer.string(defaults_.keep_alive) : writer.raw(asked);
  }

  OllamaDefaults defaults_;
};

}  // namespace

std::unique_ptr<ProviderFormat> make_ollama_provider(OllamaDefaults defaults) {
  return std::make_unique<OllamaFormat>(std::move(defaults));
}

}  // namespace llm::talk
