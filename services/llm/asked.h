#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "llm/dialect.h"
#include "llm/pass_through.h"
#include "llm/provider.h"

namespace llm {

// A door for chats: the dialect that is spoken there, and the provider's door
// that understands the same bytes.
struct ChatDoor {
  const talk::Dialect* dialect = nullptr;
  std::optional<ProviderKind> same = {};
  std::string_view same_path = {};  // behind such a provider's URL
  bool streams = false;             // unless the client says that it shall not
};

// A chat as it was asked for: by a client in its dialect, or by one of our own
// services. It is read in full when somebody has to know more than which model,
// and whether as a stream.
class Asked {
 public:
  // InvalidArgument names the member. The door's dialect must outlive it.
  static Result<std::unique_ptr<Asked>> of(const ChatDoor& door, std::string body);
  explicit Asked(talk::ChatAsk ask);
  Asked(const Asked&) = delete;  // it points into itself
  Asked& operator=(const Asked&) = delete;

  const std::string& model() const { return model_; }
  bool stream() const { return stream_; }
  bool include_usage() const { return include_usage_; }
  // How many answers are wanted at once.
  int choices() const;
  // Headers of the request that the same dialect's provider shall have as well.
  void carry(http::Headers headers) { carried_ = std::move(headers); }
  const talk::Dialect* dialect() const { return door_.dialect; }
  // The bytes of the request; none of one that was asked in no dialect.
  const std::string& body() const { return body_; }

  // All of it; read once. InvalidArgument names the member.
  Result<const talk::ChatAsk*> ask();
  // As ask(), changed for a provider that is asked for a stream, or not.
  enum class As { Stream, Whole };
  Result<const talk::ChatAsk*> ask_as(As as);

  // Whether providers of that kind take the body nearly as it is.
  bool passes_to(ProviderKind kind) const { return door_.same == kind; }
  // The request to such a provider, which shall report what was used.
  talk::WireRequest passed_to(const Provider& provider, const std::string& model) const;
  // Whether it shall report that, though the client has not asked for it.
  bool hides_usage() const { return passes_to(ProviderKind::OpenAi) && !include_usage_; }

  // Estimates, in tokens: of the prompt; more than it can have, for nothing.
  std::int64_t prompt_tokens();
  std::int64_t prompt_tokens_bound() const;
  // What is to be set aside for it, where `usual_answer` stands for a limit that was not named.
  struct Most {
    std::int64_t prompt = 0;
    std::int64_t answer = 0;
  };
  Most most(std::int64_t usual_answer);
  // Whether the client wants the same answer when it asks the same again: with
  // a seed, or at temperature 0, and with no member that ask() says nothing of.
  bool repeatable() const;
  // Whether ask() has room for all that the client says.
  bool understood() const;

 private:
  Asked(const ChatDoor& door, std::string body) : door_(door), body_(std::move(body)) {}
  Result<void> look();
  std::string ollama_options(int num_ctx) const;

  const ChatDoor door_ = {};
  const std::string body_;
  std::optional<talk::Outline> outline_;  // of the body
  std::string model_;
  bool stream_ = false;
  bool include_usage_ = false;
  http::Headers carried_;
  std::optional<Result<talk::ChatAsk>> ask_;
  std::optional<std::int64_t> prompt_tokens_;
};

// What a whole answer of such a provider says of what was used.
talk::Usage usage_in(const talk::Outline& answer, ProviderKind kind);

}  // namespace llm
