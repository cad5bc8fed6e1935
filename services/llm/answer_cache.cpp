#include "llm/answer_cache.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>
#include <vector>

#include "crypto/crypto.h"
#include "json/codec.h"

namespace llm {
namespace talk {

constexpr auto enum_names(Finish) {
  return EnumNames<Finish, 4>{{{Finish::Stop, "stop"},
                               {Finish::Length, "length"},
                               {Finish::ToolCalls, "tool_calls"},
                               {Finish::Filtered, "filtered"}}};
}

}  // namespace talk

namespace {

constexpr std::size_t kTextBytesMax = 16 * 1024 * 1024;

struct KeptPart {
  bool thinking = false;
  std::string text;
  std::string signature;
  std::string sealed;
  static void fields(auto& self, auto&& visit) {
    visit("thinking", self.thinking);
    visit("text", self.text, Field{.bytes_max = kTextBytesMax});
    visit("signature", self.signature, Field{.bytes_max = kTextBytesMax});
    visit("sealed", self.sealed, Field{.bytes_max = kTextBytesMax});
  }
};

struct KeptCall {
  std::string id;
  std::string name;
  std::string arguments;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("name", self.name);
    visit("arguments", self.arguments, Field{.bytes_max = kTextBytesMax});
  }
};

struct Kept {
  std::vector<KeptPart> parts;
  std::vector<KeptCall> calls;
  talk::Finish finish = talk::Finish::Stop;
  std::string stop_sequence;
  std::string model;
  std::string provider;
  std::int64_t prompt = 0;
  std::int64_t completion = 0;
  std::int64_t cached = 0;
  std::int64_t reasoning = 0;
  bool exact = false;
  static void fields(auto& self, auto&& visit) {
    visit("parts", self.parts);
    visit("calls", self.calls);
    visit("finish", self.finish);
    visit("stop_sequence", self.stop_sequence);
    visit("model", self.model);
    visit("provider", self.provider);
    visit("prompt", self.prompt);
    visit("completion", self.completion);
    visit("cached", self.cached);
    visit("reasoning", self.reasoning);
    visit("exact", self.exact);
  }
};

// Texts go in with their length, so that no two asks have the same bytes.
class Basis {
 public:
  void add(std::string_view text) {
    fmt::format_to(std::back_inserter(text_), "{}:", text.size());
    text_ += text;
  }
  template <class N>
  requires std::is_arithmetic_v<N>
  void add(N number) { fmt::format_to(std::back_inserter(text_), "{} ", number); }
  template <class T>
  void add(const std::optional<T>& value) {
    value ? add(*value) : add(std::string_view("-"));
  }
  template <class E>
  requires std::is_enum_v<E>
  void add(E value) { add(static_cast<int>(value)); }
  void add(const talk::Part& part) {
    add(part.index());
    if (const auto* text = std::get_if<talk::Text>(&part)) {
      add(text->text);
    } else if (const auto* image = std::get_if<talk::Image>(&part)) {
      add(image->media_type);
      add(image->base64);
      add(image->url);
    } else if (const auto* thinking = std::get_if<talk::Thinking>(&part)) {
      add(thinking->text);
      add(thinking->signature);
      add(thinking->sealed);
    }
  }
  std::string hash() const { return crypto::hex(crypto::sha256(text_)); }

 private:
  std::string text_;
};

void add_prompt(Basis& basis, const talk::ChatAsk& ask) {
  for (const talk::ChatMessage& message : ask.messages) {
    basis.add(message.role);
    basis.add(message.parts.size());
    for (const talk::Part& part : message.parts) basis.add(part);
    basis.add(message.calls.size());
    for (const talk::ToolCall& call : message.calls) {
      basis.add(call.id);
      basis.add(call.name);
      basis.add(call.arguments);
    }
    basis.add(message.call_id);
    basis.add(message.failed);
  }
}

void add_settings(Basis& basis, const talk::ChatAsk& ask) {
  basis.add(ask.model);
  basis.add(ask.tools.size());
  for (const talk::Tool& tool : ask.tools) {
    basis.add(tool.name);
    basis.add(tool.description);
    basis.add(tool.parameters);
    basis.add(tool.strict);
  }
  basis.add(ask.choice.kind);
  basis.add(ask.choice.name);
  basis.add(ask.choice.parallel);
  basis.add(ask.format.kind);
  basis.add(ask.format.name);
  basis.add(ask.format.schema);
  basis.add(ask.format.strict);
  basis.add(ask.max_tokens);
  basis.add(ask.temperature);
  basis.add(ask.top_p);
  basis.add(ask.top_k);
  basis.add(ask.seed);
  basis.add(ask.stop.size());
  for (const std::string& stop : ask.stop) basis.add(stop);
  basis.add(ask.presence_penalty);
  basis.add(ask.frequency_penalty);
  basis.add(ask.effort);
  basis.add(ask.thinking_tokens);
  basis.add(ask.num_ctx);
  basis.add(ask.latency_target);
  basis.add(ask.model_hint);
}

}  // namespace

std::string answer_key(const talk::ChatAsk& ask, std::string_view tenant) {
  Basis prompt;
  add_prompt(prompt, ask);
  Basis settings;
  settings.add(tenant);
  add_settings(settings, ask);
  return fmt::format("llm:{}:{}", prompt.hash(), settings.hash());
}

bool worth_keeping(const talk::Completion& completion) {
  return completion.failovers.empty() && completion.finish &&
         *completion.finish != talk::Finish::Filtered;
}

std::string encode_answer(const talk::Completion& completion) {
  Kept kept;
  for (const talk::Part& part : completion.parts) {
    if (const auto* text = std::get_if<talk::Text>(&part)) {
      kept.parts.push_back({false, text->text, {}, {}});
    } else if (const auto* thinking = std::get_if<talk::Thinking>(&part)) {
      kept.parts.push_back({true, thinking->text, thinking->signature, thinking->sealed});
    }
  }
  for (const talk::ToolCall& call : completion.calls) {
    kept.calls.push_back({call.id, call.name, call.arguments});
  }
  kept.finish = completion.finish.value_or(talk::Finish::Stop);
  kept.stop_sequence = completion.stop_sequence;
  kept.model = completion.model;
  kept.provider = completion.provider;
  kept.prompt = completion.usage.prompt;
  kept.completion = completion.usage.completion;
  kept.cached = completion.usage.cached;
  kept.reasoning = completion.usage.reasoning;
  kept.exact = completion.usage.exact;
  return json::encode(kept);
}

Result<talk::Completion> decode_answer(std::string_view text) {
  Kept kept = TRY(json::decode<Kept>(text));
  talk::Completion completion;
  for (KeptPart& part : kept.parts) {
    if (part.thinking) {
      completion.parts.emplace_back(
          talk::Thinking{std::move(part.text), std::move(part.signature), std::move(part.sealed)});
    } else {
      completion.parts.emplace_back(talk::Text{std::move(part.text)});
    }
  }
  for (KeptCall& call : kept.calls) {
    completion.calls.push_back(
        {std::move(call.id), std::move(call.name), std::move(call.arguments)});
  }
  completion.finish = kept.finish;
  completion.stop_sequence = std::move(kept.stop_sequence);
  completion.model = std::move(kept.model);
  completion.provider = std::move(kept.provider);
  completion.usage = {.prompt = kept.prompt,
                      .completion = kept.completion,
                      .cached = kept.cached,
                      .reasoning = kept.reasoning,
                      .exact = kept.exact};
  return completion;
}

}  // namespace llm
