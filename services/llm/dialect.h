#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/http.h"
#include "llm/talk.h"

// How clients speak to us. Free of I/O; a Dialect has no state and is thread-safe.
namespace llm::talk {

// What the envelope of an answer says beside the answer.
struct Stamp {
  std::string id;                  // letters and digits; the dialect puts its own prefix before it
  std::string model;               // that answers
  std::int64_t created_ms = 0;     // since the epoch
  std::int64_t prompt_tokens = 0;  // estimated: Anthropic's streams begin with it
};

// Why a request gets no answer, in no dialect.
struct Refusal {
  Error error;
  // 0: what the code says, but 502 for Unavailable. 503 is a lack of room of our own.
  int status = 0;
  std::chrono::seconds retry_after{0};  // 0: not known
};
int status_of(const Refusal& refusal);
// `body` with that status and the Retry-After.
http::Response refused(const Refusal& refusal, int status, std::string body);

// Writes one streamed answer. Each call appends to `out` what has to be sent. First begin(), then
// write() for each delta, then end() or fail().
class StreamWriter {
 public:
  virtual ~StreamWriter() = default;
  virtual void begin(std::string& out) = 0;
  virtual void write(const Delta& delta, std::string& out) = 0;
  // The reason, the usage and the mark of the end, of which write() keeps the first two back.
  virtual void end(std::chrono::nanoseconds took, std::string& out) = 0;
  // The answer is cut, and the client is told so: nothing that says "complete" follows.
  virtual void fail(const Refusal& refusal, std::string& out) = 0;
};

class Dialect {
 public:
  virtual ~Dialect() = default;
  // The body of a request. InvalidArgument names the member: "messages[0].role: must be ...".
  virtual Result<ChatAsk> read(std::string_view body) const = 0;
  // The body of a whole answer.
  virtual std::string write(const Completion& completion, const Stamp& stamp) const = 0;
  virtual std::unique_ptr<StreamWriter> writer(const ChatAsk& ask, Stamp stamp) const = 0;
  virtual std::string_view stream_type() const = 0;  // content type
  virtual http::Response refuse(const Refusal& refusal) const = 0;
};

// POST /v1/chat/completions, and the older POST /v1/completions
// (platform.openai.com/docs/api-reference).
std::unique_ptr<Dialect> make_openai_chat();
std::unique_ptr<Dialect> make_openai_completions();
// POST /api/chat, which asks without messages when a model shall only be loaded, and POST
// /api/generate (github.com/ollama/ollama docs/api.md).
std::unique_ptr<Dialect> make_ollama_chat();
std::unique_ptr<Dialect> make_ollama_generate();
// POST /v1/messages (docs.anthropic.com/en/api/messages).
std::unique_ptr<Dialect> make_anthropic_messages();

// The rest of each dialect: embeddings, models, counts.
namespace openai {
Result<EmbedAsk> read_embed(std::string_view body);
std::string write_embeddings(const Embeddings& embeddings, const EmbedAsk& ask);
std::string write_models(const std::vector<ModelInfo>& models);
std::string write_model(const ModelInfo& model);
http::Response refuse(const Refusal& refusal);
}  // namespace openai

namespace ollama {
Result<EmbedAsk> read_embed(std::string_view body);       // POST /api/embed
Result<EmbedAsk> read_embeddings(std::string_view body);  // POST /api/embeddings, the older one
std::string write_embeddings(const Embeddings& embeddings, const EmbedAsk& ask);
Result<std::string> read_show(std::string_view body);  // the name of the model
std::string write_tags(const std::vector<ModelInfo>& models);
std::string write_show(const ModelInfo& model);
std::string write_version(std::string_view version);
http::Response refuse(const Refusal& refusal);
}  // namespace ollama

namespace anthropic {
Result<ChatAsk> read_count(std::string_view body);  // POST /v1/messages/count_tokens
std::string write_count(std::int64_t tokens);
std::string write_models(const std::vector<ModelInfo>& models);
std::string write_model(const ModelInfo& model);
http::Response refuse(const Refusal& refusal);
}  // namespace anthropic

}  // namespace llm::talk
