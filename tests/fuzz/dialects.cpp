#include <optional>
#include <string>
#include <vector>

#include "fuzz/fuzz.h"
#include "json/json.h"
#include "llm/dialect.h"
#include "llm/format.h"
#include "llm/pass_through.h"

// What clients ask in three dialects, what providers stream in three formats in any split, and what
// goes through unread.
namespace {

using namespace llm::talk;

struct Peer {
  std::unique_ptr<Dialect> dialect;
  std::unique_ptr<ProviderFormat> format;
};

const std::vector<Peer>& peers() {
  static const std::vector<Peer> all = [] {
    std::vector<Peer> made;
    made.push_back({make_openai_chat(), make_openai_provider()});
    made.push_back({make_ollama_chat(), make_ollama_provider({})});
    made.push_back({make_anthropic_messages(), make_anthropic_provider({})});
    return made;
  }();
  return all;
}

void check_ask(const Peer& peer, std::string_view body) {
  const auto read = peer.dialect->read(body);
  if (!read) {
    const auto response = peer.dialect->refuse({read.error()});
    fuzz::require(response.status == 400, "a bad body is a 400");
    fuzz::require(json::Document::parse(response.body).ok(), "and says so in JSON");
    return;
  }
  fuzz::keep();
  for (const Peer& provider : peers()) {
    const auto wire = provider.format->chat(read.value(), "m");
    if (!wire) continue;
    fuzz::require(json::Document::parse(wire.value().body).ok(), "what goes out is JSON");
    const auto back = provider.dialect->read(wire.value().body);
    fuzz::require(back.ok() || &provider != &peer, "and its own dialect can read it");
  }
}

struct Heard {
  Completion all;
  bool failed = false;
  bool done = false;
};

Heard listen(const Peer& peer, const std::vector<std::string_view>& parts) {
  const auto reader = peer.format->reader({});
  Heard heard;
  const auto add = [&](const Delta& delta) { heard.all.add(delta); };
  for (const auto part : parts) {
    heard.failed = heard.failed || !reader->feed(part, add);
    if (heard.failed) break;
  }
  heard.failed = heard.failed || !reader->end(add);
  heard.done = reader->done();
  heard.all.model = reader->model();
  for (ToolCall& call : heard.all.calls) {
    if (call.id.starts_with("call_")) call.id = "call";  // made up where none was sent
  }
  return heard;
}

// What was heard can be told in every dialect and heard again.
void check_retold(const Completion& said) {
  for (const Peer& client : peers()) {
    std::string out;
    const auto writer = client.dialect->writer({}, {"1", "m", 0, 0});
    writer->begin(out);
    said.replay([&](const Delta& delta) { writer->write(delta, out); });
    writer->end(said.took, out);
    const Heard again = listen(client, {out});
    fuzz::require(again.done && !again.failed, "a stream of ours is whole");
    fuzz::require(again.all.text() == said.text(), "and has the text");
    fuzz::require(again.all.calls.size() == said.calls.size(), "and the calls");
    const auto whole = client.format->read_chat(client.dialect->write(said, {}), {});
    fuzz::require(whole.ok() && whole.value().text() == said.text(), "as has the whole answer");
  }
}

// What comes out of a watch, or nothing when it finds fault.
std::optional<std::string> passed(Watch& watch, const std::vector<std::string_view>& parts) {
  std::string all;
  for (const auto part : parts) {
    const auto fed = watch.feed(part);
    if (!fed) return std::nullopt;
    all += fed.value();
  }
  const auto rest = watch.end();
  if (!rest) return std::nullopt;
  return all + std::string(rest.value());
}

void check_passed(const Peer& peer, std::string_view text,
                  const std::vector<std::string_view>& parts, const Completion& said) {
  Watch plain(peer.format->reader({}), Watch::HideUsage::No);
  const auto same = passed(plain, parts);
  fuzz::require(!same || *same == text, "what goes through stays as it is");

  Completion copy;
  Watch copied(peer.format->reader({}), Watch::HideUsage::No,
               [&](const Delta& delta) { copy.add(delta); });
  if (passed(copied, parts)) fuzz::require(copy.text() == said.text(), "a copy has the text");

  Watch split(peer.format->reader({}), Watch::HideUsage::Yes);
  Watch whole(peer.format->reader({}), Watch::HideUsage::Yes);
  const auto hidden = passed(split, parts);
  fuzz::require(hidden == passed(whole, {text}), "the split is no matter when usage is hidden");
}

void check_stream(const Peer& peer, std::string_view text) {
  const auto parts = fuzz::pieces(text);
  const Heard whole = listen(peer, {text});
  const Heard split = listen(peer, parts);
  fuzz::require(whole.failed == split.failed && whole.done == split.done, "the split is no matter");
  fuzz::require(whole.all == split.all, "nor for what is heard");
  if (whole.failed) return;
  fuzz::keep();
  check_retold(whole.all);

  check_passed(peer, text, parts, whole.all);
}

void check_outline(std::string_view body) {
  const auto outline = Outline::of(body);
  const auto document = json::Document::parse(body);
  if (document && document.value().root().is(json::Kind::Object)) {
    bool plain = document.value().root().size() <= 64;
    document.value().root().each_member([&](std::string_view key, json::Value) {
      plain = plain && !key.empty() && json::quoted(key).size() == key.size() + 2;
    });
    const bool escaped = body.find('\\') != body.npos;
    fuzz::require(outline.ok() || !plain || escaped, "what is JSON has an outline");
  }
  if (!outline) return;
  fuzz::require(outline.value().with({}) == body, "an outline changes nothing by itself");
  const auto changed = outline.value().with({{"model", "\"x\""}});
  const auto again = Outline::of(changed);
  const std::size_t members = outline.value().members().size();
  fuzz::require(again.ok() || members == 64, "what was changed still has an outline");
  fuzz::require(!again.ok() || again.value().text("model") == "x", "and the change in it");
  fuzz::require(!document.ok() || json::Document::parse(changed).ok(), "and is still JSON");
}

}  // namespace

fuzz::Corpus fuzz::corpus() {
  // The first byte chooses the peer.
  return {
      .seeds =
          {std::string("\0", 1) +
               R"({"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"},)"
               R"({"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]},)"
               R"({"role":"assistant","tool_calls":[{"id":"c","type":"function","function":)"
               R"({"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"x"}],)"
               R"("response_format":{"type":"json_schema","json_schema":{"schema":{}}},"stop":["a"]})",
           "\1"
           R"({"model":"m","messages":[{"role":"user","content":"a","images":["AAAA"]},)"
           R"({"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{}}}]},)"
           R"({"role":"tool","tool_name":"f","content":"x"}],"format":"json","options":{"num_ctx":9}})",
           "\2"
           R"({"model":"m","max_tokens":9,"system":[{"type":"text","text":"s"}],"messages":[)"
           R"({"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":{}}]},)"
           R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"x"}]}]})",
           std::string("\0", 1) +
               "data: {\"choices\":[{\"delta\":{\"content\":\"a\",\"tool_calls\":[{\"index\":0,"
               "\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}\n\n"
               "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":"
               "{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n",
           "\1{\"message\":{\"content\":\"a\",\"tool_calls\":[{\"function\":{\"name\":\"f\","
           "\"arguments\":{}}}]}}\n{\"done\":true,\"done_reason\":\"stop\",\"eval_count\":1}\n",
           "\2event: message_start\ndata: "
           "{\"type\":\"message_start\",\"message\":{\"usage\":{}}}\n\n"
           "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
           "\"content_block\":{\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"f\",\"input\":{}}}\n\n"
           "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
           "\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}}\n\n"
           "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
           "\"tool_use\"}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"},
      .words = {"data: ",
                "event: ",
                "\n\n",
                "\r\n",
                "data: [DONE]\n\n",
                "\"model\":",
                "\"usage\":{}",
                "\"finish_reason\":\"length\"",
                "\"error\":{}",
                "\"done\":true",
                "null",
                "[]",
                "{}",
                "\"index\":-1",
                "\"type\":\"thinking\"",
                "\"content\":",
                "\\",
                "\"",
                "1e99",
                "\"type\":\"text\"",
                "\"system\":",
                "\"role\":\"system\"",
                "\"tools\":[]"}};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::text_of(data, size);
  const Peer& peer = peers()[fuzz::choice(text, 3)];
  check_ask(peer, text);
  check_stream(peer, text);
  check_outline(text);
  return 0;
}
