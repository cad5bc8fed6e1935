#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "llm/dialect.h"
#include "llm/format.h"
#include "llm/talk.h"

// What the tests of dialects and formats share: one conversation and one answer with everything in
// them, and deltas as text.
namespace talk_test {

using namespace llm::talk;  // the tests are about its words

inline constexpr std::string_view kWeather =
    R"({"type":"object","properties":{"city":{"type":"string"}},"required":["city"]})";

inline ChatAsk rich_ask() {
  ChatAsk ask;
  ask.model = "m";
  ask.messages = {
      {Role::System, {Text{"Be brief."}}, {}, {}, false},
      {Role::User,
       {Text{"What is this? And the weather?"}, Image{"image/png", "iVBORw0KGgo=", ""}},
       {},
       {},
       false},
      {Role::Assistant,
       {Text{"Let me see."}},
       {{"call_2_0", "weather", R"({"city":"Oslo"})"},
        {"call_2_1", "weather", R"({"city":"Rome"})"}},
       {},
       false},
      {Role::Tool, {Text{"3 C"}}, {}, "call_2_0", false},
      {Role::Tool, {Text{"20 \u00b0C"}}, {}, "call_2_1", false},
      {Role::User, {Text{"And \"now\"?"}}, {}, {}, false},
  };
  ask.tools = {{"weather", "Tells the weather.", std::string(kWeather), false}};
  ask.max_tokens = 100;
  ask.temperature = 0.5;
  ask.stop = {"END"};
  return ask;
}

struct Peer {
  std::string name;
  std::unique_ptr<Dialect> dialect;
  std::unique_ptr<ProviderFormat> format;
};

// Each dialect with the format of the same words.
inline std::vector<Peer> peers() {
  std::vector<Peer> all;
  all.push_back({"openai", make_openai_chat(), make_openai_provider()});
  all.push_back({"ollama", make_ollama_chat(), make_ollama_provider({})});
  all.push_back({"anthropic", make_anthropic_messages(), make_anthropic_provider({})});
  return all;
}

inline std::string text_of(const Usage& usage) {
  return fmt::format("usage({}+{} cached {} written {} reasoning {}{})", usage.prompt,
                     usage.completion, usage.cached, usage.cache_written, usage.reasoning,
                     usage.exact ? "" : " inexact");
}

inline std::string text_of(Finish finish) {
  constexpr const char* kNames[] = {"stop", "length", "tool_calls", "filtered"};
  return kNames[static_cast<int>(finish)];
}

inline std::string text_of(const Delta& delta) {
  if (const auto* text = std::get_if<TextDelta>(&delta)) return fmt::format("text({})", text->text);
  if (const auto* thought = std::get_if<ThinkingDelta>(&delta)) {
    return fmt::format("think({}{}{})", thought->text, thought->signature, thought->sealed);
  }
  if (const auto* begun = std::get_if<CallBegun>(&delta)) {
    return fmt::format("call({} {} {})", begun->index, begun->id, begun->name);
  }
  if (const auto* piece = std::get_if<CallArguments>(&delta)) {
    return fmt::format("args({} {})", piece->index, piece->text);
  }
  if (const auto* finished = std::get_if<Finished>(&delta)) {
    return fmt::format("finish({}{})", text_of(finished->reason), finished->stop_sequence);
  }
  return text_of(std::get<Counted>(delta).usage);
}

// What a reader makes of a stream that comes in these pieces, line by line, and how it ended.
inline std::string heard(StreamReader& reader, const std::vector<std::string_view>& pieces) {
  std::string all;
  const auto note = [&](const Delta& delta) { all += text_of(delta) + "\n"; };
  for (const auto piece : pieces) {
    const auto fed = reader.feed(piece, note);
    if (!fed) return all + fmt::format("{}: {}", name(fed.error().code), fed.error().message);
  }
  const auto ended = reader.end(note);
  if (!ended) return all + fmt::format("{}: {}", name(ended.error().code), ended.error().message);
  return all + (reader.done() ? "done" : "not done");
}

inline Completion gathered(StreamReader& reader, std::string_view stream) {
  Completion completion;
  const auto add = [&](const Delta& delta) { completion.add(delta); };
  (void)reader.feed(stream, add).ok();
  (void)reader.end(add).ok();
  completion.model = reader.model();
  return completion;
}

// An answer of thoughts, text, two calls and a usage.
inline Completion rich_answer() {
  Completion answer;
  answer.parts = {Thinking{"Hm, \u00e9.", "", ""}, Text{"Let me \"see\".\n"}};
  answer.calls = {{"call_1", "weather", R"({"city":"Oslo"})"}, {"call_2", "now", "{}"}};
  answer.finish = Finish::ToolCalls;
  answer.usage = {30, 12, 10, 0, 0, true};
  answer.model = "m";
  return answer;
}

inline std::string streamed(const Dialect& dialect, const Completion& answer, const ChatAsk& ask,
                            const Stamp& stamp) {
  std::string out;
  const auto writer = dialect.writer(ask, stamp);
  writer->begin(out);
  answer.replay([&](const Delta& delta) { writer->write(delta, out); });
  writer->end(answer.took, out);
  return out;
}

inline const Stamp kStamp{"1", "m", 1'720'000'000'250, 7};

}  // namespace talk_test
