#include "llm/asked.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "json/json.h"

namespace llm {
namespace {

// What ask() has room for, in any dialect. Whatever else stands in a request
// changes the answer in a way that only the provider knows.
constexpr std::array<std::string_view, 33> kUnderstood{"model",
                                                       "messages",
                                                       "prompt",
                                                       "system",
                                                       "tools",
                                                       "tool_choice",
                                                       "response_format",
                                                       "parallel_tool_calls",
                                                       "format",
                                                       "options",
                                                       "max_tokens",
                                                       "max_completion_tokens",
                                                       "temperature",
                                                       "top_p",
                                                       "top_k",
                                                       "seed",
                                                       "stop",
                                                       "stop_sequences",
                                                       "user",
                                                       "presence_penalty",
                                                       "metadata",
                                                       "frequency_penalty",
                                                       "think",
                                                       "reasoning_effort",
                                                       "thinking",
                                                       "stream",
                                                       "stream_options",
                                                       "keep_alive",
                                                       "images",
                                                       "latency_target",
                                                       "model_hint",
                                                       "store",
                                                       "service_tier"};

bool is_zero(std::string_view number) {
  return !number.empty() && number.find_first_not_of("0.") == number.npos;
}

std::int64_t count(const talk::Outline& of, std::string_view key) {
  return std::max<std::int64_t>(0, of.integer(key).value_or(0));
}

// How long an answer this member allows; servers read one that is not more than 0 as no limit, and
// some take 2e3 and "2000" for a number. Nothing when it is not there or no number.
std::optional<std::int64_t> limit_in(const talk::Outline& of, std::string_view key,
                                     std::int64_t usual_answer) {
  const std::string_view given = of.find(key);
  const std::string_view text = given.starts_with('"') ? of.text(key) : given;
  double number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || end != text.data() + text.size()) return std::nullopt;
  if (failed == std::errc::result_out_of_range) number = text.front() == '-' ? 0 : 1e9;
  if (!(number > 0)) return usual_answer;
  return static_cast<std::int64_t>(std::ceil(std::min(number, 1e9)));
}

// An object within the answer, as an outline; an empty one when there is none.
talk::Outline inside(const talk::Outline& answer, std::string_view key) {
  if (answer.find(key).empty()) return {};
  auto found = talk::Outline::of(answer.find(key));
  return found ? std::move(found).value() : talk::Outline::of("{}").value();
}

}  // namespace

Result<std::unique_ptr<Asked>> Asked::of(const ChatDoor& door, std::string body) {
  std::unique_ptr<Asked> asked(new Asked(door, std::move(body)));
  TRY(asked->look());
  return asked;
}

Asked::Asked(talk::ChatAsk ask)
    : model_(ask.model),
      stream_(ask.stream),
      include_usage_(ask.include_usage),
      ask_(Result<talk::ChatAsk>(std::move(ask))) {}

Result<void> Asked::look() {
  outline_ = TRY(talk::Outline::of(body_));
  model_ = outline_->text("model");
  // Who has no provider that understands it as it is hears at once what is
  // wrong with it.
  // Ollama's clients ask without messages to have a model loaded.
  const bool whole = door_.same == ProviderKind::Ollama || !outline_->find("messages").empty();
  if (model_.empty() || !door_.same || !whole) model_ = TRY(ask())->model;
  const std::string_view stream = outline_->find("stream");
  stream_ = stream.empty() || stream == "null" ? door_.streams : stream == "true";
  const std::string_view options = outline_->find("stream_options");
  if (!options.empty() && options != "null") {
    include_usage_ = inside(*outline_, "stream_options").is_true("include_usage");
  }
  return {};
}

Result<const talk::ChatAsk*> Asked::ask() {
  if (!ask_) ask_ = door_.dialect->read(body_);
  if (!*ask_) return ask_->error();
  return &ask_->value();
}

Result<const talk::ChatAsk*> Asked::ask_as(As as) {
  (void)TRY(ask());
  talk::ChatAsk& changed = ask_->value();
  changed.stream = as == As::Stream;
  return &changed;
}

int Asked::choices() const {
  if (door_.same != ProviderKind::OpenAi) return 1;
  return static_cast<int>(std::clamp<std::int64_t>(outline_->integer("n").value_or(1), 1, 1024));
}

std::string Asked::ollama_options(int num_ctx) const {
  const std::vector<talk::Outline::Edit> edit{{"num_ctx", std::to_string(num_ctx)}};
  const std::string_view given = outline_->find("options");
  const auto options = talk::Outline::of(given.empty() || given == "null" ? "{}" : given);
  if (!options || !options.value().find("num_ctx").empty()) return std::string(given);
  return options.value().with(edit);
}

talk::WireRequest Asked::passed_to(const Provider& provider, const std::string& model) const {
  std::vector<talk::Outline::Edit> edits;
  if (outline_->text("model") != model) edits.push_back({"model", json::quoted(model)});
  if (stream_ && hides_usage()) {
    const std::vector<talk::Outline::Edit> edit{{"include_usage", "true"}};
    const bool given = !outline_->find("stream_options").empty();
    edits.push_back({"stream_options", given ? inside(*outline_, "stream_options").with(edit)
                                             : R"({"include_usage":true})"});
  }
  const ProviderOptions& options = provider.options();
  if (options.kind == ProviderKind::Ollama) {
    // Ollama's own default would cut the prompt silently.
    edits.push_back({"options", ollama_options(options.num_ctx)});
    if (outline_->find("keep_alive").empty()) {
      edits.push_back({"keep_alive", json::quoted(options.keep_alive)});
    }
  }
  return {http::Method::Post, std::string(door_.same_path),
          edits.empty() ? body_ : outline_->with(edits), carried_};
}

std::int64_t Asked::prompt_tokens() {
  if (prompt_tokens_) return *prompt_tokens_;
  const auto read = ask();
  // What only the provider understands is counted by its bytes.
  prompt_tokens_ =
      read ? talk::estimated_prompt(*read.value()) : static_cast<std::int64_t>(body_.size()) / 4;
  return *prompt_tokens_;
}

std::int64_t Asked::prompt_tokens_bound() const {
  if (!outline_) return INT64_MAX;
  return static_cast<std::int64_t>(body_.size()) / 2;
}

Asked::Most Asked::most(std::int64_t usual_answer) {
  constexpr std::size_t kPicturesFrom = 64 * 1024;  // bytes in which there may be images
  constexpr std::int64_t kAnswerMax = 10'000'000;
  std::optional<std::int64_t> named;
  const auto heed = [&](const talk::Outline& of, std::string_view key) {
    if (const auto most = limit_in(of, key, usual_answer)) {
      named = std::max(*most, named.value_or(0));
    }
  };
  if (outline_ && door_.same == ProviderKind::Ollama) {
    const std::string_view given = outline_->find("options");
    const auto options = talk::Outline::of(given.empty() || given == "null" ? "{}" : given);
    // What we cannot read, Ollama may.
    if (options) {
      heed(options.value(), "num_predict");
    } else {
      named = kAnswerMax;
    }
  } else if (outline_) {
    heed(*outline_, "max_tokens");
    if (door_.same != ProviderKind::Anthropic) heed(*outline_, "max_completion_tokens");
  } else if (ask_ && *ask_) {
    named = ask_->value().max_tokens;
  }
  std::int64_t answers = 1;
  if (door_.same == ProviderKind::OpenAi) {
    answers = std::clamp<std::int64_t>(limit_in(*outline_, "n", 1).value_or(1), 1, 1024);
  }
  const std::int64_t answer =
      std::clamp<std::int64_t>(named.value_or(usual_answer), 0, kAnswerMax) * answers;
  // Braces and names stand for the template that the model puts around the
  // messages.
  const bool by_bytes = outline_ && body_.size() < kPicturesFrom;
  const auto prompt = by_bytes ? static_cast<std::int64_t>(body_.size()) / 4 : prompt_tokens();
  return {prompt, answer};
}

bool Asked::repeatable() const {
  if (!outline_) {
    return ask_ && *ask_ && (ask_->value().seed || ask_->value().temperature == 0.0);
  }
  const talk::Outline options = inside(*outline_, "options");
  const auto wants_it = [](const talk::Outline& of) {
    return of.integer("seed").has_value() || is_zero(of.find("temperature"));
  };
  return (wants_it(*outline_) || wants_it(options)) && understood();
}

bool Asked::understood() const {
  if (!outline_) return ask_ && *ask_;
  // What a beta changes, the provider knows.
  if (carried_.get("anthropic-beta")) return false;
  return std::all_of(outline_->members().begin(), outline_->members().end(), [](const auto& one) {
    return std::find(kUnderstood.begin(), kUnderstood.end(), one.key) != kUnderstood.end();
  });
}

talk::Usage usage_in(const talk::Outline& answer, ProviderKind kind) {
  talk::Usage usage;
  if (kind == ProviderKind::Ollama) {
    usage.prompt = count(answer, "prompt_eval_count");
    usage.completion = count(answer, "eval_count");
    usage.exact = answer.integer("prompt_eval_count") && answer.integer("eval_count");
    return usage;
  }
  const talk::Outline told = inside(answer, "usage");
  if (kind == ProviderKind::Anthropic) {
    usage.cached = count(told, "cache_read_input_tokens");
    usage.cache_written = count(told, "cache_creation_input_tokens");
    usage.prompt = count(told, "input_tokens") + usage.cached + usage.cache_written;
    usage.completion = count(told, "output_tokens");
    usage.exact = told.integer("input_tokens") && told.integer("output_tokens");
    return usage;
  }
  usage.prompt = count(told, "prompt_tokens");
  usage.completion = count(told, "completion_tokens");
  usage.cached = count(inside(told, "prompt_tokens_details"), "cached_tokens");
  usage.exact = told.integer("prompt_tokens") && told.integer("completion_tokens");
  return usage;
}

}  // namespace llm
