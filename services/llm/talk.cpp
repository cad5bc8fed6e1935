#include "llm/talk.h"

#include "llm/tokens.h"

namespace llm::talk {
namespace {

constexpr std::int64_t kImageTokens = 800;  // of a picture of a megapixel, somewhat high
constexpr std::int64_t kMessageTokens = 4;  // role and separators
constexpr std::size_t kIndexMax = 1024;

// Appends to the last part when that is of the same kind.
template <class T>
T& part_of(std::vector<Part>& parts) {
  if (parts.empty() || !std::holds_alternative<T>(parts.back())) parts.emplace_back(T{});
  return std::get<T>(parts.back());
}

std::int64_t estimated(const Part& part) {
  if (const auto* text = std::get_if<Text>(&part)) return estimated_tokens(text->text);
  if (const auto* thinking = std::get_if<Thinking>(&part)) return estimated_tokens(thinking->text);
  return kImageTokens;
}

std::int64_t estimated(const ToolCall& call) {
  return estimated_tokens(call.name) + estimated_tokens(call.arguments) + kMessageTokens;
}

struct Add {
  Completion& into;

  void operator()(const TextDelta& delta) const {
    if (!delta.text.empty()) part_of<Text>(into.parts).text += delta.text;
  }
  void operator()(const ThinkingDelta& delta) const {
    if (!delta.sealed.empty()) {
      into.parts.emplace_back(Thinking{{}, {}, std::string(delta.sealed)});
      return;
    }
    if (delta.text.empty() && delta.signature.empty()) return;
    // A signature ends what it signs.
    auto& last = part_of<Thinking>(into.parts);
    const bool closed = !last.signature.empty() || !last.sealed.empty();
    auto& open = closed ? std::get<Thinking>(into.parts.emplace_back(Thinking{})) : last;
    open.text += delta.text;
    open.signature += delta.signature;
  }
  void operator()(const CallBegun& delta) const {
    if (ToolCall* call = at(delta.index)) {
      call->id = delta.id;
      call->name = delta.name;
    }
  }
  void operator()(const CallArguments& delta) const {
    if (ToolCall* call = at(delta.index)) call->arguments += delta.text;
  }
  void operator()(const Finished& delta) const {
    into.finish = delta.reason;
    into.stop_sequence = delta.stop_sequence;
  }
  void operator()(const Counted& delta) const { into.usage = delta.usage; }

  ToolCall* at(int index) const {
    const auto place = static_cast<std::size_t>(index);
    if (index < 0 || place >= kIndexMax) return nullptr;
    if (into.calls.size() <= place) into.calls.resize(place + 1);
    return &into.calls[place];
  }
};

}  // namespace

void Completion::add(const Delta& delta) { std::visit(Add{*this}, delta); }

void Completion::replay(const OnDelta& on_delta) const {
  for (const Part& part : parts) {
    if (const auto* text = std::get_if<Text>(&part)) {
      on_delta(TextDelta{text->text});
    } else if (const auto* thinking = std::get_if<Thinking>(&part)) {
      if (!thinking->sealed.empty()) on_delta(ThinkingDelta{{}, {}, thinking->sealed});
      if (!thinking->text.empty()) on_delta(ThinkingDelta{thinking->text});
      if (!thinking->signature.empty()) on_delta(ThinkingDelta{{}, thinking->signature});
    }
  }
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const int index = static_cast<int>(i);
    on_delta(CallBegun{index, calls[i].id, calls[i].name});
    if (!calls[i].arguments.empty()) on_delta(CallArguments{index, calls[i].arguments});
  }
  if (finish) on_delta(Finished{*finish, stop_sequence});
  on_delta(Counted{usage});
}

std::string Completion::text() const {
  std::string all;
  for (const Part& part : parts) {
    if (const auto* text = std::get_if<Text>(&part)) all += text->text;
  }
  return all;
}

std::string Completion::thinking() const {
  std::string all;
  for (const Part& part : parts) {
    if (const auto* thinking = std::get_if<Thinking>(&part)) all += thinking->text;
  }
  return all;
}

std::int64_t estimated_prompt(const ChatAsk& ask) {
  std::int64_t tokens = 0;
  for (const ChatMessage& message : ask.messages) {
    tokens += kMessageTokens;
    for (const Part& part : message.parts) tokens += estimated(part);
    for (const ToolCall& call : message.calls) tokens += estimated(call);
  }
  for (const Tool& tool : ask.tools) {
    tokens += kMessageTokens + estimated_tokens(tool.name) + estimated_tokens(tool.description) +
              estimated_tokens(tool.parameters);
  }
  return tokens + estimated_tokens(ask.format.schema);
}

std::int64_t estimated_completion(const Completion& completion) {
  std::int64_t tokens = 0;
  for (const Part& part : completion.parts) tokens += estimated(part);
  for (const ToolCall& call : completion.calls) tokens += estimated(call);
  return tokens;
}

std::string_view called_name(const std::vector<ChatMessage>& messages, std::size_t at) {
  for (std::size_t i = at; i-- > 0;) {
    for (const ToolCall& call : messages[i].calls) {
      if (call.id == messages[at].call_id) return call.name;
    }
  }
  return {};
}

}  // namespace llm::talk
