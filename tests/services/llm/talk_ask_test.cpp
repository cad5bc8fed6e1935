#include <gtest/gtest.h>

#include "json/json.h"
#include "services/llm/talk_support.h"

// What clients ask, in three dialects, and what providers are asked, in three formats.
namespace talk_test {
namespace {

constexpr std::string_view kOpenAi =
    R"({"model":"m","messages":[)"
    R"({"role":"system","content":"Be brief."},)"
    R"({"role":"user","content":[{"type":"text","text":"What is this? And the weather?"},)"
    R"({"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]},)"
    R"({"role":"assistant","content":"Let me see.","tool_calls":[)"
    R"({"id":"call_2_0","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Oslo\"}"}},)"
    R"({"id":"call_2_1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Rome\"}"}}]},)"
    R"({"role":"tool","tool_call_id":"call_2_0","content":"3 C"},)"
    R"({"role":"tool","tool_call_id":"call_2_1","content":"20 °C"},)"
    R"({"role":"user","content":"And \"now\"?"}],)"
    R"("max_tokens":100,"temperature":0.5,"stop":["END"],)"
    R"("tools":[{"type":"function","function":{"name":"weather","description":"Tells the weather.",)"
    R"("parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}]})";

constexpr std::string_view kOllama =
    R"({"model":"m","messages":[)"
    R"({"role":"system","content":"Be brief."},)"
    R"({"role":"user","content":"What is this? And the weather?","images":["iVBORw0KGgo="]},)"
    R"({"role":"assistant","content":"Let me see.","tool_calls":[)"
    R"({"id":"call_2_0","function":{"name":"weather","arguments":{"city":"Oslo"}}},)"
    R"({"id":"call_2_1","function":{"name":"weather","arguments":{"city":"Rome"}}}]},)"
    R"({"role":"tool","content":"3 C","tool_name":"weather","tool_call_id":"call_2_0"},)"
    R"({"role":"tool","content":"20 °C","tool_name":"weather","tool_call_id":"call_2_1"},)"
    R"({"role":"user","content":"And \"now\"?"}],"stream":false,"keep_alive":"10m",)"
    R"("tools":[{"type":"function","function":{"name":"weather","description":"Tells the weather.",)"
    R"("parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}],)"
    R"("options":{"num_ctx":8192,"num_predict":100,"temperature":0.5,"stop":["END"]}})";

constexpr std::string_view kAnthropic =
    R"({"model":"m","system":"Be brief.","messages":[)"
    R"({"role":"user","content":[{"type":"text","text":"What is this? And the weather?"},)"
    R"({"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}}]},)"
    R"({"role":"assistant","content":[{"type":"text","text":"Let me see."},)"
    R"({"type":"tool_use","id":"call_2_0","name":"weather","input":{"city":"Oslo"}},)"
    R"({"type":"tool_use","id":"call_2_1","name":"weather","input":{"city":"Rome"}}]},)"
    R"({"role":"user","content":[)"
    R"({"type":"tool_result","tool_use_id":"call_2_0","content":[{"type":"text","text":"3 C"}]},)"
    R"({"type":"tool_result","tool_use_id":"call_2_1","content":[{"type":"text","text":"20 °C"}]},)"
    R"({"type":"text","text":"And \"now\"?"}]}],)"
    R"("max_tokens":100,"temperature":0.5,"stop_sequences":["END"],)"
    R"("tools":[{"name":"weather","description":"Tells the weather.",)"
    R"("input_schema":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}],)"
    R"("tool_choice":{"type":"auto"}})";

// What a client sends and a provider gets, in the order of peers().
constexpr std::string_view kRequests[] = {kOpenAi, kOllama, kAnthropic};

TEST(TalkAsk, AllNinePairsOfARichRequestSayTheSame) {
  const auto all = peers();
  for (std::size_t in = 0; in < all.size(); ++in) {
    auto ask = all[in].dialect->read(kRequests[in]);
    ASSERT_TRUE(ask.ok()) << all[in].name << ": " << ask.error().message;
    ask.value().num_ctx.reset();  // of Ollama alone
    ask.value().keep_alive.clear();
    EXPECT_TRUE(ask.value() == rich_ask()) << all[in].name;
    for (std::size_t out = 0; out < all.size(); ++out) {
      const auto wire = all[out].format->chat(ask.value(), "m");
      ASSERT_TRUE(wire.ok()) << wire.error().message;
      EXPECT_EQ(wire.value().body, kRequests[out]) << all[in].name << " to " << all[out].name;
    }
  }
}

TEST(TalkAsk, WhatIsWrittenReadsBackAsItWasAsked) {
  ChatAsk ask = rich_ask();
  ask.stream = true;
  ask.user = "u1";
  ask.choice = {ToolChoice::Kind::Named, "weather", false};
  for (const Peer& peer : peers()) {
    const auto wire = peer.format->chat(ask, "m");
    ASSERT_TRUE(wire.ok());
    auto back = peer.dialect->read(wire.value().body);
    ASSERT_TRUE(back.ok()) << peer.name << ": " << back.error().message;
    EXPECT_TRUE(back.value().messages == ask.messages) << peer.name;
    EXPECT_TRUE(back.value().tools == ask.tools) << peer.name;
    EXPECT_TRUE(back.value().stream) << peer.name;
    if (peer.name == "ollama") continue;  // which has neither users nor a choice
    EXPECT_EQ(back.value().user, "u1") << peer.name;
    EXPECT_TRUE(back.value().choice == ask.choice) << peer.name;
  }
}

struct Bad {
  const char* what;
  std::string_view body;
  std::string_view says;
};

void expect_refused(const Dialect& dialect, const std::vector<Bad>& table) {
  for (const Bad& bad : table) {
    const auto read = dialect.read(bad.body);
    ASSERT_FALSE(read.ok()) << bad.what;
    EXPECT_EQ(read.error().code, Code::InvalidArgument) << bad.what;
    EXPECT_EQ(read.error().message.substr(0, bad.says.size()), bad.says) << bad.what;
  }
}

TEST(TalkAsk, OpenAiNamesTheMemberThatIsWrong) {
  expect_refused(
      *make_openai_chat(),
      {{"an array", "[]", "the body must be a JSON object"},
       {"no model", R"({"messages":[{"role":"user","content":"x"}]})", "model: is required"},
       {"a number", R"({"model":1})", "model: must be a string"},
       {"no messages", R"({"model":"m"})", "messages: is required"},
       {"none", R"({"model":"m","messages":[]})", "messages: is required and must not be empty"},
       {"a text", R"({"model":"m","messages":"x"})", "messages: must be an array"},
       {"item", R"({"model":"m","messages":["x"]})", "messages[0]: must be an object"},
       {"role", R"({"model":"m","messages":[{"role":"boss","content":"x"}]})",
        "messages[0].role: must be one of"},
       {"content", R"({"model":"m","messages":[{"role":"user"}]})", "messages[0].content: is req"},
       {"kind of content", R"({"model":"m","messages":[{"role":"user","content":1}]})",
        "messages[0].content: must be a string or an array"},
       {"part", R"({"model":"m","messages":[{"role":"user","content":[{"type":"input_audio"}]}]})",
        "messages[0].content[0].type: must be one of"},
       {"image", R"({"model":"m","messages":[{"role":"user","content":[{"type":"image_url"}]}]})",
        "messages[0].content[0].image_url.url: is required"},
       {"result", R"({"model":"m","messages":[{"role":"tool","content":"x"}]})",
        "messages[0].tool_call_id: is required"},
       {"call", R"({"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"1"}]}]})",
        "messages[0].tool_calls[0].function: is required"},
       {"tool",
        R"({"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"x"}]})",
        "tools[0].type: only 'function'"},
       {"tool's name",
        R"({"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{}}]})",
        "tools[0].function.name: is required"},
       {"choice",
        R"({"model":"m","messages":[{"role":"user","content":"x"}],"tool_choice":"maybe"})",
        "tool_choice: must be one of"},
       {"format",
        R"({"model":"m","messages":[{"role":"user","content":"x"}],"response_format":{"type":"x"}})",
        "response_format.type: must be one of"},
       {"schema",
        R"({"model":"m","messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema"}})",
        "response_format.json_schema.schema: is required"},
       {"tokens", R"({"model":"m","max_tokens":0})", "max_tokens: must be between 1"},
       {"half a token", R"({"model":"m","max_tokens":1.5})", "max_tokens: must be a whole number"},
       {"heat", R"({"model":"m","temperature":3})", "temperature: must be between 0 and 2"},
       {"heat in words", R"({"model":"m","temperature":"hot"})", "temperature: must be a number"},
       {"stop", R"({"model":"m","stop":[1]})", "stop[0]: must be a string"},
       {"n", R"({"model":"m","n":2})", "n: only 1"},
       {"stream", R"({"model":"m","stream":"yes"})", "stream: must be true or false"},
       {"effort",
        R"({"model":"m","messages":[{"role":"user","content":"x"}],"reasoning_effort":"huge"})",
        "reasoning_effort: must be one of"}});
  expect_refused(*make_openai_completions(),
                 {{"no prompt", R"({"model":"m"})", "prompt: is required"},
                  {"tokens", R"({"model":"m","prompt":[1,2]})", "prompt: must be a string or"},
                  {"suffix", R"({"model":"m","prompt":"x","suffix":"y"})", "suffix: is not"}});
}

TEST(TalkAsk, OllamaNamesTheMemberThatIsWrong) {
  expect_refused(
      *make_ollama_chat(),
      {{"no model", R"({"messages":[]})", "model: is required"},
       {"role", R"({"model":"m","messages":[{"role":"developer"}]})", "messages[0].role: must be"},
       {"images", R"({"model":"m","messages":[{"role":"user","images":[1]}]})",
        "messages[0].images[0]: must be a string"},
       {"arguments",
        R"({"model":"m","messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}]})",
        "messages[0].tool_calls[0].function.arguments: must be an object"},
       {"result", R"({"model":"m","messages":[{"role":"tool","content":"x"}]})",
        "messages[0].tool_name: there is no such call"},
       {"options", R"({"model":"m","options":1})", "options: must be an object"},
       {"option", R"({"model":"m","options":{"top_p":7}})", "options.top_p: must be between"},
       {"format", R"({"model":"m","format":"yaml"})", "format: must be \"json\" or"},
       {"think", R"({"model":"m","think":1})", "think: must be true"},
       {"keep_alive", R"({"model":"m","keep_alive":[]})", "keep_alive: must be a duration"}});
  expect_refused(*make_ollama_generate(),
                 {{"suffix", R"({"model":"m","prompt":"x","suffix":"y"})", "suffix: is not"}});
}

TEST(TalkAsk, AnthropicNamesTheMemberThatIsWrong) {
  expect_refused(
      *make_anthropic_messages(),
      {{"no tokens", R"({"model":"m","messages":[{"role":"user","content":"x"}]})",
        "max_tokens: is required"},
       {"no messages", R"({"model":"m","max_tokens":1})", "messages: is required"},
       {"role", R"({"model":"m","max_tokens":1,"messages":[{"role":"tool","content":"x"}]})",
        "messages[0].role: must be one of user, assistant"},
       {"content", R"({"model":"m","max_tokens":1,"messages":[{"role":"user"}]})",
        "messages[0].content: is required"},
       {"block",
        R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"document"}]}]})",
        "messages[0].content[0].type: 'document' is not understood"},
       {"a user's call",
        R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"tool_use"}]}]})",
        "messages[0].content[0].type: 'tool_use' is not understood"},
       {"image",
        R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"image"}]}]})",
        "messages[0].content[0].source.type: must be one of base64, url"},
       {"tool",
        R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],"tools":[{"type":"bash"}]})",
        "tools[0].type: only 'custom'"},
       {"schema",
        R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],"tools":[{"name":"f"}]})",
        "tools[0].input_schema: is required"},
       {"choice",
        R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],"tool_choice":{"type":"x"}})",
        "tool_choice.type: must be one of"},
       {"heat",
        R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],"temperature":1.5})",
        "temperature: must be between 0 and 1"},
       {"thinking",
        R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],"thinking":{"type":"x"}})",
        "thinking.type: must be one of"}});
}

TEST(TalkAsk, ListsBeyondEveryMeasureAreRefused) {
  const auto list = [](std::string_view item, std::size_t times) {
    std::string all(item);
    for (std::size_t i = 1; i < times; ++i) all += "," + std::string(item);
    return all;
  };
  const std::string message = R"({"role":"user","content":"x"})";
  const auto says = [](const Dialect& dialect, const std::string& body) {
    const auto read = dialect.read(body);
    return read.ok() ? std::string("ok") : read.error().message;
  };
  for (const Peer& peer : peers()) {
    const std::string head = R"({"model":"m","max_tokens":1,"messages":[)";
    EXPECT_EQ(says(*peer.dialect, head + list(message, 4097) + "]}"),
              "messages: has 4097 items, at most 4096 are allowed")
        << peer.name;
    EXPECT_EQ(says(*peer.dialect, head + message + R"(],"tools":[)" + list("{}", 513) + "]}"),
              "tools: has 513 items, at most 512 are allowed")
        << peer.name;
    EXPECT_EQ(says(*peer.dialect, R"({"model":")" + std::string(257, 'm') + R"("})"),
              "model: must be a string of 1 to 256 bytes")
        << peer.name;
  }
  EXPECT_EQ(says(*make_openai_chat(), R"({"model":"m","messages":[{"role":"user","content":[)" +
                                          list(R"({"type":"text","text":"x"})", 1025) + "]}]}"),
            "messages[0].content: has 1025 items, at most 1024 are allowed");
  EXPECT_EQ(says(*make_openai_chat(), R"({"model":"m","messages":[)" + message + R"(],"stop":[)" +
                                          list("\"x\"", 17) + "]}"),
            "stop: must be a string or at most 16 strings");
}

TEST(TalkAsk, OllamaFindsTheCallOfAResultByItsToolAndItsPlace) {
  const auto ask = make_ollama_chat()->read(
      R"({"model":"m","messages":[{"role":"user","content":"x"},)"
      R"({"role":"assistant","tool_calls":[{"function":{"name":"a","arguments":{}}},)"
      R"({"function":{"name":"b","arguments":{}}},{"function":{"name":"a","arguments":{}}}]},)"
      R"({"role":"tool","tool_name":"b","content":"1"},{"role":"tool","content":"2"},)"
      R"({"role":"tool","tool_name":"a","content":"3"}]})");
  ASSERT_TRUE(ask.ok()) << ask.error().message;
  EXPECT_EQ(ask.value().messages[2].call_id, "call_1_1");
  EXPECT_EQ(ask.value().messages[3].call_id, "call_1_0");
  EXPECT_EQ(ask.value().messages[4].call_id, "call_1_2");
  EXPECT_TRUE(ask.value().stream);  // unless it says otherwise
}

TEST(TalkAsk, OlderShapesAskInOneText) {
  const auto legacy = make_openai_completions()->read(
      R"({"model":"m","prompt":["Say hi."],"max_tokens":5,"stream":true,)"
      R"("stream_options":{"include_usage":true}})");
  ASSERT_TRUE(legacy.ok()) << legacy.error().message;
  ASSERT_EQ(legacy.value().messages.size(), 1U);
  EXPECT_EQ(std::get<Text>(legacy.value().messages[0].parts[0]).text, "Say hi.");
  EXPECT_TRUE(legacy.value().include_usage);

  const auto generate = make_ollama_generate()->read(
      R"({"model":"m","system":"Be brief.","prompt":"Say hi.","images":["/9j/AA=="]})");
  ASSERT_TRUE(generate.ok()) << generate.error().message;
  ASSERT_EQ(generate.value().messages.size(), 2U);
  EXPECT_TRUE(std::get<Image>(generate.value().messages[1].parts[1]) ==
              (Image{"image/jpeg", "/9j/AA==", ""}));
  const auto load = make_ollama_generate()->read(R"({"model":"m","keep_alive":0})");
  ASSERT_TRUE(load.ok());
  EXPECT_TRUE(load.value().messages.empty());
  EXPECT_EQ(load.value().keep_alive, "0");
}

// The part of a request behind `key`.
std::string member(const std::string& body, std::string_view key) {
  const auto document = json::Document::parse(body);
  const auto value = document.ok() ? document.value().root().find(key) : std::nullopt;
  return value ? value->dump() : "";
}

TEST(TalkAsk, StructuredOutputIsAskedForInEachFormatsOwnWay) {
  ChatAsk ask;
  ask.messages = {{Role::User, {Text{"x"}}, {}, {}, false}};
  ask.format = {Format::Kind::Schema, "point", R"({"type":"object"})", true};
  const auto all = peers();
  EXPECT_EQ(
      member(all[0].format->chat(ask, "m").value().body, "response_format"),
      R"({"type":"json_schema","json_schema":{"name":"point","schema":{"type":"object"},"strict":true}})");
  EXPECT_EQ(member(all[1].format->chat(ask, "m").value().body, "format"), R"({"type":"object"})");
  const std::string forced = all[2].format->chat(ask, "m").value().body;
  EXPECT_EQ(
      member(forced, "tools"),
      R"([{"name":"json_answer","description":"Gives the answer, in the form that is asked for.","input_schema":{"type":"object"}}])");
  EXPECT_EQ(member(forced, "tool_choice"),
            R"({"type":"tool","name":"json_answer","disable_parallel_tool_use":true})");

  ask.tools = {{"f", "", "", false}};
  EXPECT_EQ(member(all[2].format->chat(ask, "m").value().body, "tool_choice"), R"({"type":"any"})");
  ask.choice = {ToolChoice::Kind::Named, "f", true};  // which is no answer
  EXPECT_EQ(member(all[2].format->chat(ask, "m").value().body, "tool_choice"),
            R"({"type":"tool","name":"f"})");
  ask.choice = {};
  ask.format = {Format::Kind::Json, "", "", false};
  EXPECT_EQ(member(all[0].format->chat(ask, "m").value().body, "response_format"),
            R"({"type":"json_object"})");
  EXPECT_EQ(member(all[1].format->chat(ask, "m").value().body, "format"), R"("json")");

  EXPECT_EQ(make_openai_chat()
                ->read(R"({"model":"m","messages":[{"role":"user","content":"x"}],)"
                       R"("response_format":{"type":"json_schema","json_schema":)"
                       R"({"name":"point","strict":true,"schema":{"type":"object"}}}})")
                .value()
                .format.schema,
            R"({"type":"object"})");
  EXPECT_EQ(make_anthropic_messages()
                ->read(R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],)"
                       R"("output_config":{"format":{"type":"json_schema","schema":{"a":1}}}})")
                .value()
                .format.schema,
            R"({"a":1})");
}

TEST(TalkAsk, AnthropicGetsTurnsThatAlternateAndBeginWithTheUser) {
  ChatAsk ask;
  ask.messages = {{Role::Assistant, {Text{"Hi."}}, {}, {}, false},
                  {Role::System, {Text{"One."}}, {}, {}, false},
                  {Role::User, {Text{"a"}}, {}, {}, false},
                  {Role::User, {Text{"b"}}, {}, {}, false},
                  {Role::System, {Text{"Two."}}, {}, {}, false},
                  {Role::User, {Text{" "}}, {}, {}, false},
                  {Role::Assistant, {Text{"c \n"}}, {}, {}, false}};
  const std::string body = make_anthropic_provider({.max_tokens = 9})->chat(ask, "m").value().body;
  EXPECT_EQ(body,
            R"({"model":"m","system":"One.\n\nTwo.","messages":[)"
            R"({"role":"user","content":[{"type":"text","text":"..."}]},)"
            R"({"role":"assistant","content":[{"type":"text","text":"Hi."}]},)"
            R"({"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},)"
            R"({"role":"assistant","content":[{"type":"text","text":"c"}]}],"max_tokens":9})");
}

TEST(TalkAsk, ToolsThatStandInTheConversationAreNamedToAnthropic) {
  ChatAsk ask = rich_ask();
  ask.tools.clear();
  const std::string body = make_anthropic_provider({})->chat(ask, "m").value().body;
  EXPECT_EQ(member(body, "tools"),
            R"([{"name":"weather","input_schema":{"type":"object","properties":{}}}])");
  EXPECT_EQ(member(body, "tool_choice"), R"({"type":"none"})");
}

TEST(TalkAsk, ThinkingIsAskedForWhereItMayBe) {
  ChatAsk ask;
  ask.messages = {{Role::User, {Text{"x"}}, {}, {}, false}};
  ask.effort = Effort::Low;
  ask.temperature = 0.3;
  const auto all = peers();
  const auto body = [&](std::size_t peer) {
    return all[peer].format->chat(ask, "o3").value().body;
  };
  EXPECT_EQ(body(2),
            R"({"model":"o3","messages":[{"role":"user","content":[{"type":"text","text":"x"}]}],)"
            R"("max_tokens":5120,"thinking":{"type":"enabled","budget_tokens":1024}})");
  EXPECT_EQ(member(body(0), "reasoning_effort"), R"("low")");
  EXPECT_EQ(member(body(0), "temperature"), "");
  EXPECT_EQ(member(body(1), "think"), "true");
  EXPECT_EQ(member(all[1].format->chat(ask, "gpt-oss:20b").value().body, "think"), R"("low")");
  ask.max_tokens = 1000;  // no room for it
  EXPECT_EQ(member(body(2), "thinking"), "");
  EXPECT_EQ(member(body(0), "max_completion_tokens"), "1000");
  ask.max_tokens.reset();
  ask.messages.push_back({Role::Assistant, {}, {{"c", "f", "{}"}}, {}, false});
  EXPECT_EQ(member(body(2), "thinking"), "");  // an unsigned call
}

TEST(TalkAsk, ThoughtsGoBackToWhoeverSignedThem) {
  const auto ask = make_anthropic_messages()->read(
      R"({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"},)"
      R"({"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},)"
      R"({"type":"redacted_thinking","data":"d"},{"type":"text","text":"y"}]}]})");
  ASSERT_TRUE(ask.ok()) << ask.error().message;
  EXPECT_EQ(member(make_anthropic_provider({})->chat(ask.value(), "m").value().body, "messages"),
            R"([{"role":"user","content":[{"type":"text","text":"x"}]},)"
            R"({"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},)"
            R"({"type":"redacted_thinking","data":"d"},{"type":"text","text":"y"}]}])");
  EXPECT_EQ(member(make_openai_provider()->chat(ask.value(), "m").value().body, "messages"),
            R"([{"role":"user","content":"x"},{"role":"assistant","content":"y"}])");
}

TEST(TalkAsk, WhatAFormatHasNoWordForIsSaidOtherwiseOrRefused) {
  ChatAsk ask = rich_ask();
  ask.messages[1].parts = {Image{"", "", "https://example.org/a.png"}};
  const auto all = peers();
  const auto refused = all[1].format->chat(ask, "m");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message,
            "messages[1].content: this provider takes images as data, not by their address");
  EXPECT_NE(all[2].format->chat(ask, "m").value().body.find(
                R"({"type":"url","url":"https://example.org/a.png"})"),
            std::string::npos);
  // OpenAI's results of tools have neither images nor failures.
  ask.messages[3].parts.push_back(Image{"image/png", "AAAA", ""});
  ask.messages[4].failed = true;
  const std::string body = all[0].format->chat(ask, "m").value().body;
  EXPECT_NE(
      body.find(
          R"({"role":"tool","tool_call_id":"call_2_0","content":"3 C"},)"
          R"({"role":"tool","tool_call_id":"call_2_1","content":"Error: 20 °C"},)"
          R"({"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]},)"),
      std::string::npos)
      << body;
  // Ids and arguments that Anthropic would refuse.
  ask.messages[2].calls[0] = {"functions.f:0", "f", "not JSON"};
  EXPECT_NE(all[2].format->chat(ask, "m").value().body.find(
                R"("id":"functions_f_0","name":"f","input":{"arguments":"not JSON"})"),
            std::string::npos);
  EXPECT_EQ(all[2].format->embed({}, "m").error().code, Code::Unimplemented);
}

TEST(TalkAsk, EstimatesCountAllThatTheModelReads) {
  ChatAsk ask;
  ask.messages = {{Role::User, {Text{"12345678"}}, {}, {}, false}};
  EXPECT_EQ(estimated_prompt(ask), 6);
  ask.messages[0].parts.push_back(Image{"", "AAAA", ""});
  EXPECT_EQ(estimated_prompt(ask), 806);
  ask.tools = {{"abcd", "efgh", "ijkl", false}};
  EXPECT_EQ(estimated_prompt(ask), 813);
}

}  // namespace
}  // namespace talk_test
