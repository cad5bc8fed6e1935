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

// Models that reason take neither max_tokens nor a temperature.
bool reasons(std::string_view model) {
  model = model.substr(model.rfind('/') + 1);  // "openai/o3" of a broker
  for (const auto* const family : {"o1", "o3", "o4", "gpt-5"}) {
    if (model.starts_with(family)) return true;
  }
  return false;
}

// --- Asking.

void write_content(json::Writer& writer, const std::vector<Part>& parts) {
  writer.key("content");
  if (!has_image(parts)) return writer.string(joined_text(parts));
  writer.begin_array();
  for (const Part& part : parts) {
    if (const auto* text = std::get_if<Text>(&part)) {
      writer.begin_object();
      write(writer, "type", "text");
      write(writer, "text", text->text);
      writer.end_object();
    } else if (const auto* image = std::get_if<Image>(&part)) {
      writer.begin_object();
      write(writer, "type", "image_url");
      writer.key("image_url");
      writer.begin_object();
      write(writer, "url", url_of(*image));
      writer.end_object();
      writer.end_object();
    }
  }
  writer.end_array();
}

void write_calls(json::Writer& writer, const std::vector<ToolCall>& calls) {
  writer.key("tool_calls");
  writer.begin_array();
  for (const ToolCall& call : calls) {
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

void write_message(json::Writer& writer, const ChatMessage& message) {
  writer.begin_object();
  write(writer, "role", name(message.role));
  if (message.role == Role::Tool) {
    write(writer, "tool_call_id", message.call_id);
    // There is no member that says so.
    write(writer, "content", (message.failed ? "Error: " : "") + joined_text(message.parts));
  } else if (message.role == Role::Assistant && !message.calls.empty() &&
             joined_text(message.parts).empty()) {
    writer.key("content");
    writer.null();
  } else {
    write_content(writer, message.parts);
  }
  if (!message.calls.empty()) write_calls(writer, message.calls);
  writer.end_object();
}

// Results of tools are texts. Their images follow when the last result of a row has been told.
void write_messages(json::Writer& writer, const std::vector<ChatMessage>& messages) {
  ChatMessage pictures;
  const auto show = [&] {
    if (!pictures.parts.empty()) write_message(writer, std::exchange(pictures, {}));
  };
  writer.key("messages");
  writer.begin_array();
  for (const ChatMessage& message : messages) {
    if (message.role != Role::Tool) show();
    write_message(writer, message);
    if (message.role != Role::Tool) continue;
    for (const Part& part : message.parts) {
      if (std::holds_alternative<Image>(part)) pictures.parts.push_back(part);
    }
  }
  show();
  writer.end_array();
}

void write_tools(json::Writer& writer, const ChatAsk& ask) {
  if (ask.tools.empty()) return;
  write_functions(writer, ask.tools);
  if (!ask.choice.parallel) {
    writer.key("parallel_tool_calls");
    writer.boolean(false);
  }
  switch (ask.choice.kind) {
    case ToolChoice::Kind::Auto:
      break;
    case ToolChoice::Kind::None:
      write(writer, "tool_choice", "none");
      break;
    case ToolChoice::Kind::Required:
      write(writer, "tool_choice", "required");
      break;
    case ToolChoice::Kind::Named:
      writer.key("tool_choice");
      writer.raw(fmt::format(R"({{"type":"function","function":{{"name":{}}}}})",
                             json::quoted(ask.choice.name)));
      break;
  }
}

void write_format(json::Writer& writer, const Format& format) {
  if (format.kind == Format::Kind::Text) return;
  writer.key("response_format");
  if (format.kind == Format::Kind::Json) return writer.raw(R"({"type":"json_object"})");
  writer.raw(fmt::format(R"({{"type":"json_schema","json_schema":{{"name":{},"schema":{}{}}}}})",
                         json::quoted(format.name.empty() ? "answer" : format.name), format.schema,
                         format.strict ? R"(,"strict":true)" : ""));
}

void write_settings(json::Writer& writer, const ChatAsk& ask, const std::string& model) {
  const bool thinks = reasons(model);
  write_if(writer, thinks ? "max_completion_tokens" : "max_tokens", ask.max_tokens);
  if (!thinks) {
    write_if(writer, "temperature", ask.temperature);
    write_if(writer, "top_p", ask.top_p);
    write_if(writer, "presence_penalty", ask.presence_penalty);
    write_if(writer, "frequency_penalty", ask.frequency_penalty);
  } else if (ask.effort && *ask.effort != Effort::None) {
    write(writer, "reasoning_effort", name(*ask.effort));
  }
  write_if(writer, "seed", ask.seed);
  if (!ask.stop.empty()) write_texts(writer, "stop", ask.stop);
  write_if(writer, "user", ask.user);
}

// --- Reading.

Finish finish_of(std::string_view reason, bool called) {
  if (reason == "length") return Finish::Length;
  if (reason == "content_filter") return Finish::Filtered;
  // Some servers say "stop" behind calls.
  return called || reason == "tool_calls" || reason == "function_call" ? Finish::ToolCalls
                                                                       : Finish::Stop;
}

Usage usage_of(json::Value usage) {
  Usage read;
  read.prompt = tokens_in(usage, "prompt_tokens");
  read.completion = tokens_in(usage, "completion_tokens");
  if (const auto details = given(usage, "prompt_tokens_details")) {
    read.cached = tokens_in(*details, "cached_tokens");
  } else {
    read.cached = tokens_in(usage, "prompt_cache_hit_tokens");  // DeepSeek
  }
  if (const auto details = given(usage, "completion_tokens_details")) {
    read.reasoning = tokens_in(*details, "reasoning_tokens");
  }
  read.exact = read.prompt > 0 && usage.find("completion_tokens").has_value();
  return read;
}

std::string_view thought_in(json::Value message) {
  const std::string_view thought = message.text_or("reasoning_content", "");
  return thought.empty() ? message.text_or("reasoning", "") : thought;
}

Result<Completion> read_whole(std::string_view body) {
  const auto document = json::Document::parse(body, kAnswerLimits);
  if (!document || !document.value().root().is(json::Kind::Object)) return garbage(body);
  const json::Value root = document.value().root();
  if (const auto error = given(root, "error")) return error_of(*error);
  const auto choices = given(root, "choices");
  if (!choices || choices->size() == 0) return garbage(body);
  const json::Value choice = choices->at(0);
  Completion completion;
  completion.model = root.text_or("model", "");
  if (const auto message = given(choice, "message")) {
    completion.add(ThinkingDelta{thought_in(*message)});
    completion.add(TextDelta{message->text_or("content", "")});
    completion.add(TextDelta{message->text_or("refusal", "")});
    const auto calls = given(*message, "tool_calls");
    for (std::size_t i = 0; calls && i < calls->size() && i < kCallsMax; ++i) {
      const auto function = given(calls->at(i), "function");
      if (!function) continue;
      std::string id(calls->at(i).text_or("id", ""));
      completion.calls.push_back({id.empty() ? make_id("call") : std::move(id),
                                  std::string(function->text_or("name", "")),
                                  std::string(function->text_or("arguments", ""))});
    }
  } else {
    completion.add(TextDelta{choice.text_or("text", "")});
  }
  completion.finish = finish_of(choice.text_or("finish_reason", ""), !completion.calls.empty());
  if (const auto usage = given(root, "usage")) completion.usage = usage_of(*usage);
  return completion;
}

class OpenAiReader final : public EventReader {
 public:
  // Of several choices, which come mixed, the first is read, and the mark has to tell the end.
  enum class Choices { One, Several };
  explicit OpenAiReader(Choices choices) : EventReader(Framing::Events), choices_(choices) {}

  // An answer with its reason to finish is whole, also where the mark behind it is missing.
  bool done() const override { return marked_ || (finished_ && choices_ == Choices::One); }
  // Behind the reason to finish the usage may follow; behind the mark nothing.
  bool ended() const override { return marked_; }

 private:
  Result<void> take(const StreamEvent& event, const OnDelta& on_delta) override {
    if (event.name == "error") return error_in(event.data);
    if (event.data.empty()) return {};
    if (event.data == "[DONE]") {
      if (!finished_ && !spoke()) return Error{Code::Unavailable, "it ended without a word"};
      if (!finished_) on_delta(Finished{finish_of("stop", !calls_.empty())});
      marked_ = true;
      return {};
    }
    const auto document = json::Document::parse(event.data, kAnswerLimits);
    if (!document || !document.value().root().is(json::Kind::Object)) return garbage(event.data);
    const json::Value root = document.value().root();
    if (const auto error = given(root, "error")) return error_of(*error);
    heard_model(root.text_or("model", ""));
    const auto choices = given(root, "choices");
    if (choices && choices->size() > 0) TRY(take_choice(choices->at(0), on_delta));
    if (const auto usage = given(root, "usage")) on_delta(Counted{usage_of(*usage)});
    return {};
  }

  Result<void> take_choice(json::Value choice, const OnDelta& on_delta) {
    if (const auto delta = given(choice, "delta")) {
      if (const auto text = thought_in(*delta); !text.empty()) {
        speak(ThinkingDelta{text}, on_delta);
      }
      for (const auto* const key : {"content", "refusal"}) {
        if (const auto text = delta->text_or(key, ""); !text.empty()) {
          speak(TextDelta{text}, on_delta);
        }
      }
      const auto calls = given(*delta, "tool_calls");
      for (std::size_t i = 0; calls && i < calls->size(); ++i) {
        TRY(take_call(calls->at(i), on_delta));
      }
    } else if (const auto text = choice.text_or("text", ""); !text.empty()) {
      speak(TextDelta{text}, on_delta);
    }
    const std::string_view reason = choice.text_or("finish_reason", "");
    if (reason.empty() || finished_) return {};
    finished_ = true;
    on_delta(Finished{finish_of(reason, !calls_.empty())});
    return {};
  }

  // A piece of a call. Some servers number all of them 0, or none: then a new id is a new call.
  Result<void> take_call(json::Value piece, const OnDelta& on_delta) {
    const auto function = given(piece, "function");
    if (!function) return {};
    const std::string_view id = piece.text_or("id", "");
    const std::string_view called = function->text_or("name", "");
    const auto number = given(piece, "index");
    std::size_t at = calls_.size();
    while (at > 0 && number && calls_[at - 1].number != number->integer()) --at;
    const bool known = at > 0;
    if (!known || (!id.empty() && !called.empty() && id != calls_[at - 1].id)) {
      if (calls_.size() >= kCallsMax) return Error{Code::TooLarge, "it calls too many tools"};
      calls_.push_back(
          {number ? number->integer() : -1, id.empty() ? make_id("call") : std::string(id)});
      at = calls_.size();
      speak(CallBegun{static_cast<int>(at - 1), calls_.back().id, called}, on_delta);
    }
    if (const auto text = function->text_or("arguments", ""); !text.empty()) {
      speak(CallArguments{static_cast<int>(at - 1), text}, on_delta);
    }
    return {};
  }

  bool matters(const StreamEvent& event) const override {
    constexpr std::size_t kErrorWithin = 16;  // an error stands in the place of the rest
    return !event.name.empty() || !event.data.starts_with('{') ||
           event.data.substr(0, kErrorWithin).find("\"error\"") != event.data.npos ||
           has_member(event.data, "\"finish_reason\"") || has_member(event.data, "\"usage\"");
  }
  std::string_view text_key() const override { return "\"content\":"; }
  Result<Completion> whole(std::string_view body) const override { return read_whole(body); }
  void finish_whole() override { marked_ = true; }

  struct Call {
    std::int64_t number = 0;
    std::string id;
  };
  const Choices choices_;
  std::vector<Call> calls_;
  bool finished_ = false;
  bool marked_ = false;
};

class OpenAiFormat final : public ProviderFormat {
 public:
  Result<WireRequest> chat(const ChatAsk& ask, const std::string& model) const override {
    json::Writer writer;
    writer.begin_object();
    write(writer, "model", model);
    write_messages(writer, ask.messages);
    if (ask.stream) {
      writer.key("stream");
      writer.boolean(true);
      writer.key("stream_options");
      writer.raw(R"({"include_usage":true})");
    }
    write_settings(writer, ask, model);
    write_tools(writer, ask);
    write_format(writer, ask.format);
    writer.end_object();
    return WireRequest{http::Method::Post, "/chat/completions", writer.take()};
  }

  std::unique_ptr<StreamReader> reader(const ChatAsk& ask) const override {
    return std::make_unique<OpenAiReader>(ask.choices > 1 ? OpenAiReader::Choices::Several
                                                          : OpenAiReader::Choices::One);
  }
  Result<Completion> read_chat(std::string_view body, const ChatAsk&) const override {
    return read_whole(body);
  }

  WireRequest list_models() const override { return {http::Method::Get, "/models", {}}; }
  Result<std::vector<std::string>> read_models(std::string_view body) const override {
    return read_names(body, "data", "id");
  }

  Result<WireRequest> embed(const EmbedAsk& ask, const std::string& model) const override {
    json::Writer writer;
    writer.begin_object();
    write(writer, "model", model);
    write_texts(writer, "input", ask.inputs);
    // A third of the bytes of a list, and read without a number parsed.
    write(writer, "encoding_format", "base64");
    write_if(writer, "dimensions", ask.dimensions);
    writer.end_object();
    return WireRequest{http::Method::Post, "/embeddings", writer.take()};
  }

  Result<Embeddings> read_embeddings(std::string body) const override;

  http::Headers headers(std::string_view key) const override {
    http::Headers headers{{"content-type", "application/json"}};
    if (!key.empty()) headers.add("authorization", fmt::format("Bearer {}", key));
    return headers;
  }
};

Result<Embeddings> OpenAiFormat::read_embeddings(std::string body) const {
  const Error nonsense = garbage(body);
  const auto document = json::Document::parse(body, kVectorLimits);
  if (!document) return nonsense;
  std::string().swap(body);  // the numbers alone are large enough
  const json::Value root = document.value().root();
  if (const auto error = given(root, "error")) return error_of(*error);
  const auto data = given(root, "data");
  if (!data || !data->is(json::Kind::Array)) return nonsense;
  Embeddings embeddings;
  embeddings.model = root.text_or("model", "");
  embeddings.vectors.resize(data->size());
  for (std::size_t i = 0; i < data->size(); ++i) {
    // In any order: the index says whose it is.
    const auto index = data->at(i).find("index");
    const auto at = index ? static_cast<std::size_t>(index->integer()) : i;
    const auto vector = data->at(i).find("embedding");
    if (at >= data->size() || !vector || !embeddings.vectors[at].empty()) {
      return Error{Code::Unavailable, "the embeddings are not numbered one by one"};
    }
    embeddings.vectors[at] = TRY(read_vector(*vector));
  }
  if (const auto usage = given(root, "usage")) {
    embeddings.prompt_tokens = tokens_in(*usage, "prompt_tokens");
  }
  return embeddings;
}

}  // namespace

std::unique_ptr<ProviderFormat> make_openai_provider() { return std::make_unique<OpenAiFormat>(); }

}  // namespace llm::talk
