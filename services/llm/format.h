#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/http.h"
#include "llm/fault.h"
#include "llm/talk.h"

// How we speak to providers. Free of I/O; a ProviderFormat has no state that changes and is
// thread-safe, a StreamReader belongs to one answer.
namespace llm::talk {

struct WireRequest {
  http::Method method = http::Method::Post;
  std::string path;  // behind the provider's URL
  std::string body;
  http::Headers headers = {};  // in place of those that every request carries
};

// Reads the body of one streamed answer, in any split of its bytes. Where a provider answers whole
// though it was asked for a stream, that is read as well.
class StreamReader {
 public:
  virtual ~StreamReader() = default;
  // An Error: the provider said so in its stream, or the bytes make no sense.
  virtual Result<void> feed(std::string_view bytes, const OnDelta& on_delta) = 0;
  // Whether the answer is whole; until then an end is a cut.
  virtual bool done() const = 0;
  // Whether nothing can follow any more; done() may be before the usage has come.
  virtual bool ended() const = 0;
  // The body has ended as HTTP wants it. An Error: the answer is not whole.
  virtual Result<void> end(const OnDelta& on_delta) = 0;
  // That answered, as the provider calls it; empty until it has said so.
  virtual const std::string& model() const = 0;

  // For who passes the bytes on as they are: from the first piece of the answer on, pieces are only
  // counted; the model, the usage, the reason to finish, errors and the end are told as ever.
  virtual void skim() = 0;
  struct Skimmed {
    std::int64_t pieces = 0;
    std::int64_t text_bytes = 0;  // of their text, as JSON writes it
  };
  virtual Skimmed skimmed() const = 0;
};

class ProviderFormat {
 public:
  virtual ~ProviderFormat() = default;
  // An Error: this provider has no way to say it (InvalidArgument names the member).
  virtual Result<WireRequest> chat(const ChatAsk& ask, const std::string& model) const = 0;
  virtual std::unique_ptr<StreamReader> reader(const ChatAsk& ask) const = 0;
  // The whole answer to an ask that is not streamed. An Error as of a stream.
  virtual Result<Completion> read_chat(std::string_view body, const ChatAsk& ask) const = 0;

  virtual WireRequest list_models() const = 0;
  virtual Result<std::vector<std::string>> read_models(std::string_view body) const = 0;

  // Unimplemented where the provider has none.
  virtual Result<WireRequest> embed(const EmbedAsk& ask, const std::string& model) const = 0;
  virtual Result<Embeddings> read_embeddings(std::string body) const = 0;

  // What every request carries, the key among it.
  virtual http::Headers headers(std::string_view key) const = 0;
};

struct OllamaDefaults {
  int num_ctx = 8192;              // set explicitly: Ollama's default would cut the prompt silently
  std::string keep_alive = "10m";  // how long the model stays loaded
};
struct AnthropicDefaults {
  int max_tokens = 4096;  // which Anthropic has no default for
};

// OpenAI, Groq, DeepSeek, vLLM, llama.cpp and others. The provider's URL ends in the version, as in
// https://api.openai.com/v1; so does Anthropic's.
std::unique_ptr<ProviderFormat> make_openai_provider();
std::unique_ptr<ProviderFormat> make_ollama_provider(OllamaDefaults defaults);
std::unique_ptr<ProviderFormat> make_anthropic_provider(AnthropicDefaults defaults);

// What an HTTP status other than 200 says, by llm::failure_of_status, and what that does not know:
// 529, and the milliseconds of some providers' pauses.
Failure failure_of_answer(int status, const http::Headers& headers, std::string_view body,
                          std::string_view model);

}  // namespace llm::talk
