#include "llm/ollama.h"

#include <fmt/format.h>

#include "base/utf8.h"
#include "http/stream.h"
#include "json/json.h"

namespace llm {
namespace {

std::int64_t count(json::Value root, std::string_view key) {
  const auto value = root.find(key);
  return value ? value->integer() : 0;
}

class OllamaReader final : public StreamReader {
 public:
  Result<void> feed(std::string_view bytes,
                    const std::function<void(std::string_view)>& on_text) override {
    TRY(lines_.feed(bytes));
    while (!done_) {  // what follows the end, in this piece or another, is nobody's
      const auto line = lines_.next();
      if (!line) break;
      TRY(read_line(*line, on_text));
    }
    return {};
  }
  bool done() const override { return done_; }
  void summarize(Completion& completion) const override {
    completion.finish_reason = finish_reason_;
    // A prompt that Ollama had in its cache is not counted: then the estimate stands.
    if (prompt_tokens_ > 0) completion.prompt_tokens = prompt_tokens_;
    if (completion_tokens_ > 0) completion.completion_tokens = completion_tokens_;
    completion.estimated = prompt_tokens_ <= 0 || completion_tokens_ <= 0;
  }

 private:
  Result<void> read_line(std::string_view line,
                         const std::function<void(std::string_view)>& on_text) {
    const auto document = json::Document::parse(line);
    if (!document || !document.value().root().is(json::Kind::Object)) {
      return Error{Code::Unavailable, fmt::format("garbage in the stream: '{}'",
                                                  utf8_prefix(utf8_repaired(line), 80))};
    }
    const json::Value root = document.value().root();
    if (const auto error = root.find("error")) {
      return Error{Code::Unavailable, std::string(utf8_prefix(error->string(), 200))};
    }
    if (const auto message = root.find("message")) {
      const std::string_view text = message->text_or("content", "");
      if (!text.empty()) on_text(text);
    }
    if (const auto done = root.find("done"); done && done->boolean()) {
      done_ = true;
      finish_reason_ = root.text_or("done_reason", "stop") == "length" ? "length" : "stop";
      prompt_tokens_ = count(root, "prompt_eval_count");
      completion_tokens_ = count(root, "eval_count");
    }
    return {};
  }

  http::LineParser lines_;
  bool done_ = false;
  std::string finish_reason_ = "stop";
  std::int64_t prompt_tokens_ = 0;
  std::int64_t completion_tokens_ = 0;
};

class OllamaFormat final : public WireFormat {
 public:
  explicit OllamaFormat(OllamaOptions options) : options_(std::move(options)) {}

  WireRequest chat(const ChatAsk& ask, const std::string& model) const override {
    json::Writer writer;
    writer.begin_object();
    writer.key("model");
    writer.string(model);
    writer.key("stream");
    writer.boolean(true);
    writer.key("keep_alive");
    writer.string(options_.keep_alive);
    writer.key("messages");
    writer.begin_array();
    for (const Message& message : ask.messages) {
      writer.begin_object();
      writer.key("role");
      writer.string(message.role);
      writer.key("content");
      writer.string(message.content);
      writer.end_object();
    }
    writer.end_array();
    writer.key("options");
    write_options(writer, ask);
    writer.end_object();
    return {http::Method::Post, "/api/chat", writer.take()};
  }

  std::unique_ptr<StreamReader> reader() const override { return std::make_unique<OllamaReader>(); }

  WireRequest list_models() const override { return {http::Method::Get, "/api/tags", {}}; }

  Result<std::vector<std::string>> read_models(std::string_view body) const override {
    const auto document = TRY(json::Document::parse(body));
    const auto models = document.root().find("models");
    if (!models || !models->is(json::Kind::Array)) {
      return Error{Code::Unavailable, "no list of models in the answer"};
    }
    std::vector<std::string> names;
    for (std::size_t i = 0; i < models->size(); ++i) {
      const std::string_view name = models->at(i).text_or("name", "");
      if (!name.empty()) names.emplace_back(name);
    }
    return names;
  }

 private:
  void write_options(json::Writer& writer, const ChatAsk& ask) const {
    writer.begin_object();
    writer.key("num_ctx");
    writer.integer(options_.num_ctx);
    if (ask.max_tokens) {
      writer.key("num_predict");
      writer.integer(*ask.max_tokens);
    }
    if (ask.temperature) {
      writer.key("temperature");
      writer.real(*ask.temperature);
    }
    if (ask.seed) {
      writer.key("seed");
      writer.integer(*ask.seed & 0x7fffffff);
    }
    if (!ask.stop.empty()) {
      writer.key("stop");
      writer.begin_array();
      for (const std::string& word : ask.stop) writer.string(word);
      writer.end_array();
    }
    writer.end_object();
  }

  OllamaOptions options_;
};

}  // namespace

std::unique_ptr<WireFormat> make_ollama_format(OllamaOptions options) {
  return std::make_unique<OllamaFormat>(std::move(options));
}

}  // namespace llm
