#include "llm/ollama.h"

#include <utility>

#include "http/stream.h"
#include "json/json.h"
#include "llm/wire_json.h"

namespace llm {
namespace {

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
  bool ended() const override { return done_; }
  Result<void> end(const std::function<void(std::string_view)>&) override {
    return Error{Code::Unavailable, "the stream was cut"};
  }
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
    const auto document = json::Document::parse(line, kAnswerLimits);
    if (!document || !document.value().root().is(json::Kind::Object)) {
      return garbage(line);
    }
    const json::Value root = document.value().root();
    if (const auto error = root.find("error")) return error_of(*error);
    if (const auto message = root.find("message")) {
      const std::string_view text = message->text_or("content", "");
      if (!text.empty()) on_text(text);
    }
    if (const auto done = root.find("done"); done && done->boolean()) {
      done_ = true;
      finish_reason_ = root.text_or("done_reason", "stop") == "length" ? "length" : "stop";
      prompt_tokens_ = count_of(root, "prompt_eval_count");
      completion_tokens_ = count_of(root, "eval_count");
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
    write_messages(writer, ask.messages);
    writer.key("options");
    write_options(writer, ask);
    writer.end_object();
    return {http::Method::Post, "/api/chat", writer.take()};
  }

  std::unique_ptr<StreamReader> reader() const override { return std::make_unique<OllamaReader>(); }

  WireRequest list_models() const override { return {http::Method::Get, "/api/tags", {}}; }

  Result<std::vector<std::string>> read_models(std::string_view body) const override {
    return read_names(body, "models", "name");
  }

  WireRequest embed(const EmbedAsk& ask, const std::string& model) const override {
    json::Writer writer;
    writer.begin_object();
    writer.key("model");
    writer.string(model);
    write_texts(writer, "input", ask.inputs);
    // What does not fit is an error, not a vector of half a text.
    writer.key("truncate");
    writer.boolean(false);
    if (ask.dimensions) {
      writer.key("dimensions");
      writer.integer(*ask.dimensions);
    }
    writer.key("keep_alive");
    writer.string(options_.keep_alive);
    writer.key("options");
    writer.begin_object();
    writer.key("num_ctx");
    writer.integer(options_.num_ctx);
    writer.end_object();
    writer.end_object();
    return {http::Method::Post, "/api/embed", writer.take()};
  }

  Result<Embeddings> read_embeddings(std::string body) const override {
    const Error nonsense = garbage(body);
    const auto document = json::Document::parse(body, kVectorLimits);
    if (!document) return nonsense;
    std::string().swap(body);  // the numbers alone are large enough
    const json::Value root = document.value().root();
    if (const auto error = root.find("error")) return error_of(*error);
    const auto list = root.find("embeddings");
    if (!list || !list->is(json::Kind::Array)) return nonsense;
    Embeddings embeddings;
    embeddings.vectors.reserve(list->size());
    for (std::size_t i = 0; i < list->size(); ++i) {
      embeddings.vectors.push_back(TRY(read_vector(list->at(i))));
    }
    embeddings.prompt_tokens = count_of(root, "prompt_eval_count");
    return embeddings;
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
    if (!ask.stop.empty()) write_texts(writer, "stop", ask.stop);
    writer.end_object();
  }

  OllamaOptions options_;
};

}  // namespace

std::unique_ptr<WireFormat> make_ollama_format(OllamaOptions options) {
  return std::make_unique<OllamaFormat>(std::move(options));
}

}  // namespace llm
