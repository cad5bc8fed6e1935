#include "base/utf8.h"
#include "fuzz/fuzz.h"
#include "json/json.h"
#include "llm/ollama.h"
#include "llm/openai.h"

// What models and their clients send: the OpenAI request body, Ollama's stream in any split.
namespace {

struct Heard {
  std::string text;
  bool failed = false;
  bool done = false;
  std::string finish;
  std::int64_t tokens = 0;
  friend bool operator==(const Heard&, const Heard&) = default;
};

Heard listen(const std::vector<std::string_view>& parts) {
  static const auto format = llm::make_ollama_format({});
  const auto reader = format->reader();
  Heard heard;
  for (const auto part : parts) {
    if (!reader->feed(part, [&](std::string_view piece) { heard.text += piece; })) {
      heard.failed = true;
      break;
    }
    if (reader->done()) break;
  }
  heard.done = reader->done();
  llm::Completion completion;
  reader->summarize(completion);
  heard.finish = completion.finish_reason;
  heard.tokens = completion.completion_tokens;
  return heard;
}

void check_ask(std::string_view body) {
  const auto read = llm::openai::read_chat(body);
  if (!read) {
    const auto response = llm::openai::error_response(read.error());
    fuzz::require(response.status >= 400 && response.status < 500, "a bad body is a 4xx");
    fuzz::require(json::Document::parse(response.body).ok(), "and says so in JSON");
    return;
  }
  fuzz::keep();
  const llm::ChatAsk& ask = read.value().ask;
  fuzz::require(!ask.messages.empty(), "an ask has messages");
  fuzz::require(!ask.max_tokens || *ask.max_tokens >= 0, "tokens are not negative");
  const auto wire = llm::make_ollama_format({})->chat(ask, ask.model);
  fuzz::require(json::Document::parse(wire.body).ok(), "what goes out is JSON");
}

}  // namespace

fuzz::Corpus fuzz::corpus() {
  return {
      .seeds =
          {R"({"model":"auto","messages":[{"role":"user","content":"hi"}],"stream":true})",
           R"({"model":"m","messages":[{"role":"system","content":[{"type":"text","text":"x"}]},)"
           R"({"role":"user","content":"y"}],"max_tokens":5,"temperature":0.5,"stop":["a"]})",
           "{\"message\":{\"role\":\"assistant\",\"content\":\"Hel\"},\"done\":false}\n"
           "{\"message\":{\"content\":\"lo\"},\"done\":false}\n"
           "{\"done\":true,\"done_reason\":\"stop\",\"eval_count\":2}\n",
           "{\"error\":\"model not found\"}\n",
           R"({"models":[{"name":"llama3.2:3b"},{"name":"phi3"}]})"},
      .words = {"\"message\":", "\"content\":", "\"done\":true", "\"done\":false", "\n",
                "\"stop\":", "\"max_tokens\":", "\"stream_options\":{\"include_usage\":true}",
                "\"role\":\"tool\"", "\"tool_calls\":[]", "\"seed\":-1", "null", "[]",
                "\"error\":", "1e99", "\"n\":2"}};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  check_ask(text);
  const Heard whole = listen({text});
  if (whole.done) fuzz::keep();
  const Heard parts = listen(fuzz::pieces(text));
  // A failure in the middle of one piece may come before or after the text beside it.
  if (!whole.failed && !parts.failed) fuzz::require(whole == parts, "the split does not matter");
  fuzz::require(whole.done == parts.done || whole.failed || parts.failed, "nor for the end");
  const auto models = llm::make_ollama_format({})->read_models(text);
  if (models) fuzz::keep();
  return 0;
}
