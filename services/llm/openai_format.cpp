#include "llm/openai_format.h"

#include <algorithm>
#include <utility>

#include "http/stream.h"
#include "json/json.h"
#include "llm/wire_json.h"

namespace llm {
namespace {

constexpr std::size_t kWholeBytesMax = 1024 * 1024;
constexpr std::size_t kHeadBytes = 80;

// Models that reason take neither max_tokens nor a temperature.
bool reasons(std::string_view model) {
  model = model.substr(model.rfind('/') + 1);  // "openai/o3" of a broker
  for (const auto* const family : {"o1", "o3", "o4", "gpt-5"}) {
    if (model.starts_with(family)) return true;
  }
  return false;
}

// Reads server-sent events, and as well one JSON object: errors come so, and the answers of servers
// that do not stream.
class OpenAiReader final : public StreamReader {
 public:
  using OnText = std::function<void(std::string_view)>;

  Result<void> feed(std::string_view bytes, const OnText& on_text) override {
    if (form_ == Form::Unknown) {
      bytes.remove_prefix(std::min(bytes.find_first_not_of(" \t\r\n"), bytes.size()));
      if (bytes.empty()) return {};
      form_ = bytes.front() == '{' ? Form::Whole : Form::Events;
    }
    if (head_.size() < kHeadBytes) head_ += bytes.substr(0, kHeadBytes - head_.size());
    if (form_ == Form::Whole) {
      whole_ += bytes;
      if (whole_.size() <= kWholeBytesMax) return {};
      return Error{Code::TooLarge, "the answer exceeds the limit"};
    }
    TRY(events_.feed(bytes));
    while (!marked_) {  // what follows the mark is nobody's
      const auto event = events_.next();
      if (!event) break;
      TRY(read_event(*event, on_text));
    }
    return {};
  }

  // An answer with its reason to finish is whole, also where the mark behind it is missing.
  bool done() const override { return marked_ || !finish_.empty(); }

  // Behind the reason to finish the usage may follow; behind the mark nothing.
  bool ended() const override { return marked_; }

  Result<void> end(const OnText& on_text) override {
    if (form_ == Form::Whole) return read_whole(on_text);
    bool events = head_.empty();
    for (const auto* const field : {":", "data", "event", "id", "retry"}) {
      events = events || head_.starts_with(field);
    }
    if (events) return Error{Code::Unavailable, "the stream was cut"};
    return garbage(head_);
  }

  void summarize(Completion& completion) const override {
    completion.finish_reason =
        finish_ == "length" || finish_ == "content_filter" ? finish_ : "stop";
    if (prompt_tokens_ > 0) completion.prompt_tokens = prompt_tokens_;
    if (completion_tokens_ > 0) completion.completion_tokens = completion_tokens_;
    completion.estimated = prompt_tokens_ <= 0 || completion_tokens_ <= 0;
  }

 private:
  enum class Form { Unknown, Events, Whole };

  Result<void> read_event(const http::SseEvent& event, const OnText& on_text) {
    if (event.event == "error") return error_in(event.data);
    if (event.data.empty()) return {};
    if (event.data == "[DONE]") {
      if (finish_.empty() && !spoke_) return Error{Code::Unavailable, "it ended without a word"};
      marked_ = true;
      return {};
    }
    return read_object(event.data, "delta", on_text);
  }

  Result<void> read_whole(const OnText& on_text) {
    TRY(read_object(whole_, "message", on_text));
    if (!done()) return garbage(head_);
    return {};
  }

  // A chunk, whose text is in its delta, or a whole completion. What is no text (the role, tools,
  // what a model thinks before it speaks) is passed over.
  Result<void> read_object(std::string_view text, std::string_view part, const OnText& on_text) {
    const auto document = json::Document::parse(text, kAnswerLimits);
    if (!document || !document.value().root().is(json::Kind::Object)) return garbage(text);
    const json::Value root = document.value().root();
    if (const auto error = root.find("error"); error && !error->is(json::Kind::Null)) {
      return error_of(*error);
    }
    if (const auto usage = root.find("usage"); usage && usage->is(json::Kind::Object)) {
      prompt_tokens_ = count_of(*usage, "prompt_tokens");
      completion_tokens_ = count_of(*usage, "completion_tokens");
    }
    const auto choices = root.find("choices");
    if (!choices || choices->size() == 0) return {};
    const json::Value choice = choices->at(0);
    if (const auto holder = choice.find(part)) {
      const std::string_view piece = holder->text_or("content", "");
      if (!piece.empty()) {
        spoke_ = true;
        on_text(piece);
      }
    }
    if (const auto finish = choice.text_or("finish_reason", ""); !finish.empty()) finish_ = finish;
    if (finish_ == "content_filter" && !spoke_) {
      return Error{Code::PermissionDenied, "its content filter withheld the answer"};
    }
    return {};
  }

  Form form_ = Form::Unknown;
  std::string head_;   // for the error, when it is garbage
  std::string whole_;  // of Form::Whole
  http::SseParser events_;
  bool spoke_ = false;
  bool marked_ = false;
  std::string finish_;
  std::int64_t prompt_tokens_ = 0;
  std::int64_t completion_tokens_ = 0;
};

class OpenAiFormat final : public WireFormat {
 public:
  WireRequest chat(const ChatAsk& ask, const std::string& model) const override {
    json::Writer writer;
    writer.begin_object();
    writer.key("model");
    writer.string(model);
    write_messages(writer, ask.messages);
    writer.key("stream");
    writer.boolean(true);
    writer.key("stream_options");
    writer.raw(R"({"include_usage":true})");
    if (ask.max_tokens) {
      writer.key(reasons(model) ? "max_completion_tokens" : "max_tokens");
      writer.integer(*ask.max_tokens);
    }
    if (ask.temperature && !reasons(model)) {
      writer.key("temperature");
      writer.real(*ask.temperature);
    }
    if (ask.seed) {
      writer.key("seed");
      writer.integer(*ask.seed);
    }
    if (!ask.stop.empty()) write_texts(writer, "stop", ask.stop);
    writer.end_object();
    return {http::Method::Post, "/chat/completions", writer.take()};
  }

  std::unique_ptr<StreamReader> reader() const override { return std::make_unique<OpenAiReader>(); }

  WireRequest list_models() const override { return {http::Method::Get, "/models", {}}; }

  Result<std::vector<std::string>> read_models(std::string_view body) const override {
    return read_names(body, "data", "id");
  }

  WireRequest embed(const EmbedAsk& ask, const std::string& model) const override {
    json::Writer writer;
    writer.begin_object();
    writer.key("model");
    writer.string(model);
    write_texts(writer, "input", ask.inputs);
    // A third of the bytes of a list, and read without a number parsed.
    writer.key("encoding_format");
    writer.string("base64");
    if (ask.dimensions) {
      writer.key("dimensions");
      writer.integer(*ask.dimensions);
    }
    writer.end_object();
    return {http::Method::Post, "/embeddings", writer.take()};
  }

  Result<Embeddings> read_embeddings(std::string body) const override {
    const Error nonsense = garbage(body);
    const auto document = json::Document::parse(body, kVectorLimits);
    if (!document) return nonsense;
    std::string().swap(body);  // the numbers alone are large enough
    const json::Value root = document.value().root();
    if (const auto error = root.find("error"); error && !error->is(json::Kind::Null)) {
      return error_of(*error);
    }
    const auto data = root.find("data");
    if (!data || !data->is(json::Kind::Array)) return nonsense;
    Embeddings embeddings;
    embeddings.vectors.resize(data->size());
    for (std::size_t i = 0; i < data->size(); ++i) {
      // In any order: the index says whose it is.
      const auto index = data->at(i).find("index");
      const std::int64_t at = index ? index->integer() : static_cast<std::int64_t>(i);
      const auto vector = data->at(i).find("embedding");
      const bool fits = at >= 0 && at < static_cast<std::int64_t>(data->size()) && vector &&
                        embeddings.vectors[static_cast<std::size_t>(at)].empty();
      if (!fits) return Error{Code::Unavailable, "the embeddings are not numbered one by one"};
      embeddings.vectors[static_cast<std::size_t>(at)] = TRY(read_vector(*vector));
    }
    if (const auto usage = root.find("usage")) {
      embeddings.prompt_tokens = count_of(*usage, "prompt_tokens");
    }
    return embeddings;
  }
};

}  // namespace

std::unique_ptr<WireFormat> make_openai_format() { return std::make_unique<OpenAiFormat>(); }

}  // namespace llm
