#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/http.h"
#include "llm/understudy.h"

// What is asked of a model and what it says, in no dialect.
namespace llm {

struct ChatAsk {
  std::string model = "auto";
  std::vector<Message> messages;
  std::optional<int> max_tokens;
  std::optional<double> temperature;
  std::optional<std::int64_t> seed;
  std::vector<std::string> stop;
};

struct Completion {
  std::string text;
  std::string model;
  std::string provider;
  std::string finish_reason = "stop";  // stop, length
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
  bool estimated = false;
  std::vector<std::string> failovers;  // "ollama: unavailable: connection refused"
  double first_token_ms = 0;
};

struct EmbedAsk {
  std::string model = "auto";
  std::vector<std::string> inputs;
  std::optional<int> dimensions;
};

struct Embeddings {
  std::vector<std::vector<float>> vectors;  // one for each input, in its order, all of one length
  std::string model;
  std::string provider;
  std::int64_t prompt_tokens = 0;
  bool estimated = false;
  std::vector<std::string> failovers;
};

// What a text costs where nobody has counted: one token for four bytes of ASCII, rounded up, and
// one for each character beyond it. English is met within some 20 %; Cyrillic and CJK come out high
// rather than low, so that what is held to fit does fit.
std::int64_t estimated_tokens(std::string_view text);

// A provider's wire format, free of I/O: a request becomes bytes, bytes become pieces of text.
struct WireRequest {
  http::Method method = http::Method::Post;
  std::string path;  // behind the provider's URL
  std::string body;
};

// Reads the body of one streamed answer, in any split.
class StreamReader {
 public:
  virtual ~StreamReader() = default;
  // Calls `on_text` for each piece. An Error: the provider said so, or the bytes make no sense.
  virtual Result<void> feed(std::string_view bytes,
                            const std::function<void(std::string_view)>& on_text) = 0;
  // Whether the provider has said that it is done; until then an end is a cut.
  virtual bool done() const = 0;
  // Whether nothing can follow any more; done() may be before the counts of tokens have come.
  virtual bool ended() const = 0;
  // The body has ended as HTTP wants it, though nobody said that it is done. An Error: it is not.
  virtual Result<void> end(const std::function<void(std::string_view)>& on_text) = 0;
  // Fills finish_reason and the token counts.
  virtual void summarize(Completion& completion) const = 0;
};

class WireFormat {
 public:
  virtual ~WireFormat() = default;
  virtual WireRequest chat(const ChatAsk& ask, const std::string& model) const = 0;
  virtual std::unique_ptr<StreamReader> reader() const = 0;
  virtual WireRequest list_models() const = 0;
  virtual Result<std::vector<std::string>> read_models(std::string_view body) const = 0;
  virtual WireRequest embed(const EmbedAsk& ask, const std::string& model) const = 0;
  // Fills vectors and prompt_tokens (0: not reported).
  virtual Result<Embeddings> read_embeddings(std::string body) const = 0;
};

}  // namespace llm
