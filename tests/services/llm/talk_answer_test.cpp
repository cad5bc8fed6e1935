#include <gtest/gtest.h>

#include "services/llm/talk_support.h"

// What providers answer, in three formats, and what clients hear, in three dialects.
namespace talk_test {
namespace {

constexpr std::string_view kOpenAiStream =
    "data: "
    "{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\","
    "\"content\":\"\"},\"finish_reason\":null}]}\n\n"
    ": a note\n\n"
    "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"Hm, "
    "\\u00e9.\"},\"finish_reason\":null}]}\n\n"
    "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Let me "
    "\\\"see\\\".\\n\"},\"finish_reason\":null}]}\n\n"
    "data: "
    "{\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":"
    "\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"weather\",\"arguments\":\"\"}}]},"
    "\"finish_reason\":null}]}\n\n"
    "data: "
    "{\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
    "\"function\":{\"arguments\":\"{\\\"city\\\":\"}}]},\"finish_reason\":null}]}\n\n"
    "data: "
    "{\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
    "\"function\":{\"arguments\":\"\\\"Oslo\\\"}\"}}]},\"finish_reason\":null}]}\n\n"
    "data: "
    "{\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":"
    "\"call_2\",\"function\":{\"name\":\"now\",\"arguments\":\"{}\"}}]},\"finish_reason\":null}]}"
    "\n\n"
    "data: "
    "{\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}"
    "\n\n"
    "data: "
    "{\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":30,\"completion_tokens\":12,"
    "\"prompt_tokens_details\":{\"cached_tokens\":10}}}\n\n"
    "data: [DONE]\n\n";

constexpr std::string_view kOpenAiHeard =
    "think(Hm, é.)\ntext(Let me \"see\".\n)\ncall(0 call_1 weather)\nargs(0 {\"city\":)\n"
    "args(0 \"Oslo\"})\ncall(1 call_2 now)\nargs(1 {})\nfinish(tool_calls)\n"
    "usage(30+12 cached 10 written 0 reasoning 0)\ndone";

constexpr std::string_view kOllamaStream =
    "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"\",\"thinking\":\"Hm, "
    "\\u00e9.\"},\"done\":false}\n"
    "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"Let me "
    "\\\"see\\\".\\n\"},\"done\":false}\r\n"
    "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":"
    "\"call_1\",\"function\":{\"name\":\"weather\",\"arguments\":{\"city\":\"Oslo\"}}},{\"id\":"
    "\"call_2\",\"function\":{\"name\":\"now\",\"arguments\":{}}}]},\"done\":false}\n\n"
    "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_"
    "reason\":\"stop\",\"prompt_eval_count\":30,\"eval_count\":12}\n";

constexpr std::string_view kOllamaHeard =
    "think(Hm, é.)\ntext(Let me \"see\".\n)\ncall(0 call_1 weather)\nargs(0 {\"city\":\"Oslo\"})\n"
    "call(1 call_2 now)\nargs(1 {})\nfinish(tool_calls)\n"
    "usage(30+12 cached 0 written 0 reasoning 0)\ndone";

constexpr std::string_view kAnthropicStream =
    "event: message_start\ndata: "
    "{\"type\":\"message_start\",\"message\":{\"id\":\"x\",\"model\":\"m\",\"content\":[],"
    "\"usage\":{\"input_tokens\":15,\"cache_read_input_tokens\":10,\"cache_creation_input_tokens\":"
    "5,\"output_tokens\":1}}}\n\n"
    "event: content_block_start\ndata: "
    "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\","
    "\"thinking\":\"\",\"signature\":\"\"}}\n\n"
    "event: ping\ndata: {\"type\":\"ping\"}\n\n"
    "event: content_block_delta\ndata: "
    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\","
    "\"thinking\":\"Hm, é.\"}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    "event: content_block_start\ndata: "
    "{\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":"
    "\"\"}}\n\n"
    "event: content_block_delta\ndata: "
    "{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":"
    "\"Let me \\\"see\\\".\\n\"}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n"
    "event: content_block_start\ndata: "
    "{\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":"
    "\"call_1\",\"name\":\"weather\",\"input\":{}}}\n\n"
    "event: content_block_delta\ndata: "
    "{\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\","
    "\"partial_json\":\"\"}}\n\n"
    "event: content_block_delta\ndata: "
    "{\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\","
    "\"partial_json\":\"{\\\"city\\\":\\\"Oslo\\\"}\"}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":2}\n\n"
    "event: content_block_start\ndata: "
    "{\"type\":\"content_block_start\",\"index\":3,\"content_block\":{\"type\":\"tool_use\",\"id\":"
    "\"call_2\",\"name\":\"now\",\"input\":{}}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":3}\n\n"
    "event: message_delta\ndata: "
    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},"
    "\"usage\":{\"output_tokens\":12}}\n\n"
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

constexpr std::string_view kAnthropicHeard =
    "usage(30+1 cached 10 written 5 reasoning 0 inexact)\n"
    "think(Hm, é.)\ntext(Let me \"see\".\n)\ncall(0 call_1 weather)\nargs(0 {\"city\":\"Oslo\"})\n"
    "call(1 call_2 now)\nargs(1 {})\nfinish(tool_calls)\n"
    "usage(30+12 cached 10 written 5 reasoning 0)\ndone";

struct Stream {
  std::size_t peer;
  std::string_view bytes;
  std::string_view heard;
};
constexpr Stream kStreams[] = {{0, kOpenAiStream, kOpenAiHeard},
                               {1, kOllamaStream, kOllamaHeard},
                               {2, kAnthropicStream, kAnthropicHeard}};

TEST(TalkAnswer, AStreamCutAtEveryByteGivesTheSameDeltas) {
  const auto all = peers();
  for (const Stream& stream : kStreams) {
    const ProviderFormat& format = *all[stream.peer].format;
    EXPECT_EQ(heard(*format.reader({}), {stream.bytes}), stream.heard);
    for (std::size_t at = 1; at < stream.bytes.size(); ++at) {
      const auto reader = format.reader({});
      ASSERT_EQ(heard(*reader, {stream.bytes.substr(0, at), stream.bytes.substr(at)}), stream.heard)
          << all[stream.peer].name << " cut at " << at;
    }
    std::vector<std::string_view> bytes;
    for (std::size_t at = 0; at < stream.bytes.size(); ++at) {
      bytes.push_back(stream.bytes.substr(at, 1));
    }
    EXPECT_EQ(heard(*format.reader({}), bytes), stream.heard) << all[stream.peer].name;
  }
}

TEST(TalkAnswer, PiecesThatDifferOnlyInTheirTextAreHeardAsIfEachWereParsed) {
  for (const Peer& peer : peers()) {
    std::string stream;
    std::string said;
    const auto writer = peer.dialect->writer({}, kStamp);
    writer->begin(stream);
    for (const std::string_view text :
         {"a", "bc", "\"", "\\", "\n", "é", "\\\"", "x\\", "content\":\"", "d"}) {
      writer->write(TextDelta{text}, stream);
      said += text;
    }
    writer->write(Finished{Finish::Stop}, stream);
    writer->end({}, stream);
    const Completion whole = gathered(*peer.format->reader({}), stream);
    EXPECT_EQ(whole.text(), said) << peer.name;
    EXPECT_EQ(whole.finish, Finish::Stop) << peer.name;
    const auto skimming = peer.format->reader({});
    skimming->skim();
    int heard = 0;
    const auto count = [&](const Delta& delta) {
      heard += std::holds_alternative<TextDelta>(delta);
    };
    ASSERT_TRUE(skimming->feed(stream, count).ok());
    EXPECT_EQ(heard + skimming->skimmed().pieces, 10) << peer.name;
    EXPECT_TRUE(skimming->done()) << peer.name;
  }
}

TEST(TalkAnswer, APieceInTheFrameOfTheOneBeforeMustStillBeText) {
  const std::string head = "data: {\"choices\":[{\"delta\":{\"content\":\"";
  const std::string tail = "\"},\"finish_reason\":null}]}\n\n";
  for (const std::string_view bad : {"\xff", "\t", "\\x", "\",oops:\""}) {
    const std::string stream = head + "a" + tail + head + std::string(bad) + tail;
    EXPECT_NE(heard(*make_openai_provider()->reader({}), {stream}).find("garbage in the stream"),
              std::string::npos)
        << bad;
  }
}

TEST(TalkAnswer, LineEndsOfAnyKindGiveTheSameDeltas) {
  for (const std::string_view ending : {"\r\n", "\r"}) {
    std::string stream = "\xEF\xBB\xBF";
    for (const char c : kOpenAiStream) c == '\n' ? stream += ending : stream += c;
    for (std::size_t at = 1; at < stream.size(); ++at) {
      const std::string_view whole = stream;
      const auto reader = make_openai_provider()->reader({});
      ASSERT_EQ(heard(*reader, {whole.substr(0, at), whole.substr(at)}), kOpenAiHeard) << at;
    }
  }
}

TEST(TalkAnswer, AStreamThatEndsEarlyIsACut) {
  const auto all = peers();
  for (const Stream& stream : kStreams) {
    for (std::size_t size = 0; size < stream.bytes.size(); ++size) {
      const auto reader = all[stream.peer].format->reader({});
      const std::string words = heard(*reader, {stream.bytes.substr(0, size)});
      if (reader->done()) {
        EXPECT_TRUE(words.ends_with("done"));
        EXPECT_NE(words.find("finish(tool_calls)"), std::string::npos) << size;
      } else {
        EXPECT_TRUE(words.ends_with("unavailable: the stream was cut"))
            << all[stream.peer].name << " " << size << " " << words;
      }
    }
  }
}

TEST(TalkAnswer, AllNinePairsOfAStreamSayTheSame) {
  const auto all = peers();
  for (const Stream& stream : kStreams) {
    const Completion said = gathered(*all[stream.peer].format->reader({}), stream.bytes);
    for (const Peer& client : all) {
      ChatAsk ask;
      ask.include_usage = true;
      const std::string out = streamed(*client.dialect, said, ask, kStamp);
      const Completion back = gathered(*client.format->reader({}), out);
      EXPECT_EQ(back.text(), "Let me \"see\".\n") << client.name;
      EXPECT_EQ(back.thinking(), "Hm, é.") << client.name;
      EXPECT_TRUE(back.calls == rich_answer().calls) << client.name << "\n" << out;
      EXPECT_EQ(back.finish, Finish::ToolCalls) << client.name;
      EXPECT_EQ(back.usage.prompt, 30) << client.name;
      EXPECT_EQ(back.usage.completion, 12) << client.name;
      EXPECT_EQ(back.usage.cached, client.name == "ollama" ? 0 : said.usage.cached) << client.name;
      EXPECT_EQ(back.model, "m") << client.name;
      const auto whole = client.format->read_chat(client.dialect->write(said, kStamp), {});
      ASSERT_TRUE(whole.ok()) << whole.error().message;
      EXPECT_EQ(whole.value().text(), "Let me \"see\".\n") << client.name;
      EXPECT_TRUE(whole.value().calls == rich_answer().calls) << client.name;
      EXPECT_EQ(whole.value().usage.prompt, 30) << client.name;
    }
  }
}

TEST(TalkAnswer, OpenAiHearsChunks) {
  const std::string head =
      R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1720000000,"model":"m","choices":)";
  const auto chunk = [&](std::string_view delta, std::string_view finish) {
    return head + R"([{"index":0,"delta":{)" + std::string(delta) +
           R"(},"logprobs":null,"finish_reason":)" + std::string(finish) + "}]}\n\n";
  };
  ChatAsk ask;
  ask.include_usage = true;
  EXPECT_EQ(
      streamed(*make_openai_chat(), rich_answer(), ask, kStamp),
      chunk(R"("role":"assistant","content":"")", "null") +
          chunk(R"("reasoning_content":"Hm, é.")", "null") +
          chunk(R"("content":"Let me \"see\".\n")", "null") +
          chunk(
              R"("tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"weather","arguments":""}}])",
              "null") +
          chunk(R"("tool_calls":[{"index":0,"function":{"arguments":"{\"city\":\"Oslo\"}"}}])",
                "null") +
          chunk(
              R"("tool_calls":[{"index":1,"id":"call_2","type":"function","function":{"name":"now","arguments":""}}])",
              "null") +
          chunk(R"("tool_calls":[{"index":1,"function":{"arguments":"{}"}}])", "null") +
          chunk("", R"("tool_calls")") + head +
          R"([],"usage":{"prompt_tokens":30,"completion_tokens":12,"total_tokens":42,)"
          R"("prompt_tokens_details":{"cached_tokens":10},)"
          R"("completion_tokens_details":{"reasoning_tokens":0}}})"
          "\n\ndata: [DONE]\n\n");
}

TEST(TalkAnswer, OlderShapesHearTheTextAlone) {
  Completion answer;
  answer.parts = {Text{"Hi."}};
  answer.finish = Finish::Length;
  answer.usage = {3, 1, 0, 0, 0, true};
  EXPECT_EQ(
      streamed(*make_openai_completions(), answer, {}, kStamp),
      R"(data: {"id":"cmpl-1","object":"text_completion","created":1720000000,"model":"m","choices":[{"text":"Hi.","index":0,"logprobs":null,"finish_reason":null}]})"
      "\n\n"
      R"(data: {"id":"cmpl-1","object":"text_completion","created":1720000000,"model":"m","choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"length"}]})"
      "\n\ndata: [DONE]\n\n");
  EXPECT_EQ(
      make_openai_completions()->write(answer, kStamp),
      R"({"id":"cmpl-1","object":"text_completion","created":1720000000,"model":"m","choices":[{"index":0,"text":"Hi.","logprobs":null,"finish_reason":"length"}],)"
      R"("usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}})");
  EXPECT_EQ(
      streamed(*make_ollama_generate(), answer, {}, kStamp),
      R"({"model":"m","created_at":"2024-07-03T09:46:40.250Z","response":"Hi.","done":false})"
      "\n"
      R"({"model":"m","created_at":"2024-07-03T09:46:40.250Z","response":"","done":true,"done_reason":"length","total_duration":0,"load_duration":0,"prompt_eval_count":3,"prompt_eval_duration":0,"eval_count":1,"eval_duration":0})"
      "\n");
}

TEST(TalkAnswer, OllamaHearsLinesAndCallsAsAWhole) {
  const std::string head = R"({"model":"m","created_at":"2024-07-03T09:46:40.250Z","message":)"
                           R"({"role":"assistant","content":)";
  EXPECT_EQ(
      streamed(*make_ollama_chat(), rich_answer(), {}, kStamp),
      head + R"("","thinking":"Hm, é."},"done":false})" + "\n" + head +
          R"("Let me \"see\".\n"},"done":false})" + "\n" + head +
          R"("","tool_calls":[{"id":"call_1","function":{"index":0,"name":"weather","arguments":{"city":"Oslo"}}}]},"done":false})" +
          "\n" + head +
          R"("","tool_calls":[{"id":"call_2","function":{"index":1,"name":"now","arguments":{}}}]},"done":false})" +
          "\n" + head +
          R"(""},"done":true,"done_reason":"stop","total_duration":0,"load_duration":0,"prompt_eval_count":30,"prompt_eval_duration":0,"eval_count":12,"eval_duration":0})" +
          "\n");
}

std::string event(std::string_view type, std::string_view members) {
  return fmt::format("event: {0}\ndata: {{\"type\":\"{0}\"{1}}}\n\n", type, members);
}

TEST(TalkAnswer, AnthropicHearsBlocks) {
  const auto piece = [](int index, std::string_view delta) {
    return event("content_block_delta", fmt::format(R"(,"index":{},"delta":{})", index, delta));
  };
  const auto start = [](int index, std::string_view block) {
    return event("content_block_start",
                 fmt::format(R"(,"index":{},"content_block":{})", index, block));
  };
  const auto stop = [](int index) {
    return event("content_block_stop", fmt::format(R"(,"index":{})", index));
  };
  EXPECT_EQ(
      streamed(*make_anthropic_messages(), rich_answer(), {}, kStamp),
      event(
          "message_start",
          R"(,"message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],)"
          R"("stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":7,)"
          R"("cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}})") +
          start(0, R"({"type":"thinking","thinking":"","signature":""})") +
          piece(0, R"({"type":"thinking_delta","thinking":"Hm, é."})") + stop(0) +
          start(1, R"({"type":"text","text":""})") +
          piece(1, R"({"type":"text_delta","text":"Let me \"see\".\n"})") + stop(1) +
          start(2, R"({"type":"tool_use","id":"call_1","name":"weather","input":{}})") +
          piece(2, R"({"type":"input_json_delta","partial_json":"{\"city\":\"Oslo\"}"})") +
          stop(2) + start(3, R"({"type":"tool_use","id":"call_2","name":"now","input":{}})") +
          piece(3, R"({"type":"input_json_delta","partial_json":"{}"})") + stop(3) +
          event(
              "message_delta",
              R"(,"delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":)"
              R"({"input_tokens":20,"cache_creation_input_tokens":0,"cache_read_input_tokens":10,"output_tokens":12})") +
          event("message_stop", ""));
}

TEST(TalkAnswer, SignedAndSealedThoughtsComeThrough) {
  Completion answer;
  answer.parts = {Thinking{"a", "s", ""}, Thinking{"", "", "d"}, Thinking{"b", "t", ""}, Text{"x"}};
  answer.finish = Finish::Stop;
  const auto back = gathered(*make_anthropic_provider({})->reader({}),
                             streamed(*make_anthropic_messages(), answer, {}, kStamp));
  EXPECT_TRUE(back.parts == answer.parts);
  const auto whole =
      make_anthropic_provider({})->read_chat(make_anthropic_messages()->write(answer, kStamp), {});
  EXPECT_TRUE(whole.value().parts == answer.parts);
}

TEST(TalkAnswer, TheFinishIsSaidInEachDialectsWords) {
  struct Row {
    Finish finish;
    const char* openai;
    const char* ollama;
    const char* anthropic;
  };
  const Row rows[] = {{Finish::Stop, "stop", "stop", "end_turn"},
                      {Finish::Length, "length", "length", "max_tokens"},
                      {Finish::ToolCalls, "tool_calls", "stop", "tool_use"},
                      {Finish::Filtered, "content_filter", "stop", "refusal"}};
  for (const Row& row : rows) {
    Completion answer;
    answer.finish = row.finish;
    const auto says = [&](const Dialect& dialect, std::string_view key, std::string_view word) {
      const std::string member = fmt::format("\"{}\":\"{}\"", key, word);
      EXPECT_NE(dialect.write(answer, kStamp).find(member), std::string::npos) << member;
      EXPECT_NE(streamed(dialect, answer, {}, kStamp).find(member), std::string::npos) << member;
    };
    says(*make_openai_chat(), "finish_reason", row.openai);
    says(*make_ollama_chat(), "done_reason", row.ollama);
    says(*make_anthropic_messages(), "stop_reason", row.anthropic);
  }
  Completion stopped;
  stopped.finish = Finish::Stop;
  stopped.stop_sequence = "END";
  EXPECT_NE(make_anthropic_messages()
                ->write(stopped, kStamp)
                .find(R"("stop_reason":"stop_sequence","stop_sequence":"END")"),
            std::string::npos);
}

TEST(TalkAnswer, AForcedToolIsHeardAsTheTextItStandsFor) {
  ChatAsk ask;
  ask.format.kind = Format::Kind::Json;
  const std::string stream =
      event("message_start", R"(,"message":{"model":"m"})") +
      event(
          "content_block_start",
          R"(,"index":0,"content_block":{"type":"tool_use","id":"t","name":"json_answer","input":{}})") +
      event("content_block_delta",
            R"(,"index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"})") +
      event("content_block_stop", R"(,"index":0)") +
      event("message_delta", R"(,"delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":3})") +
      event("message_stop", "");
  const auto format = make_anthropic_provider({});
  const auto reader = format->reader(ask);
  EXPECT_EQ(heard(*reader, {stream}),
            "usage(0+0 cached 0 written 0 reasoning 0 inexact)\ntext({\"a\":1})\nfinish(stop)\n"
            "usage(0+3 cached 0 written 0 reasoning 0 inexact)\ndone");
  const auto whole = format->read_chat(
      R"({"content":[{"type":"tool_use","id":"t","name":"json_answer","input":{"a":1}}],"stop_reason":"tool_use"})",
      ask);
  EXPECT_EQ(whole.value().text(), R"({"a":1})");
  EXPECT_EQ(whole.value().finish, Finish::Stop);
}

TEST(TalkAnswer, ServersThatCountCallsOddlyAreUnderstood) {
  const auto chunk = [](std::string_view calls, std::string_view finish) {
    return fmt::format(
        "data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{}]}},\"finish_reason\":{}}}]}}\n\n",
        calls, finish);
  };
  // All are number 0, or none has a number; and calls end in "stop".
  for (const std::string_view number : {"\"index\":0,", ""}) {
    const std::string stream =
        chunk(fmt::format(R"({{{}"id":"a","function":{{"name":"f","arguments":"{{}}"}}}})", number),
              "null") +
        chunk(fmt::format(R"({{{}"id":"b","function":{{"name":"g","arguments":"{{"}}}})", number),
              "null") +
        chunk(fmt::format(R"({{{}"function":{{"arguments":"}}"}}}})", number), "\"stop\"") +
        "data: [DONE]\n\n";
    EXPECT_EQ(
        heard(*make_openai_provider()->reader({}), {stream}),
        "call(0 a f)\nargs(0 {})\ncall(1 b g)\nargs(1 {)\nargs(1 })\nfinish(tool_calls)\ndone");
  }
}

TEST(TalkAnswer, ErrorsInTheStreamAreToldAsErrors) {
  struct Row {
    std::size_t peer;
    std::string_view stream;
    std::string_view heard;
  };
  const Row rows[] = {
      {0, "data: {\"error\":{\"message\":\"slow down\",\"type\":\"rate_limit_error\"}}\n\n",
       "overloaded: slow down"},
      {0, "event: error\ndata: {\"message\":\"boom\"}\n\n", "unavailable: boom"},
      {0, R"({"error":{"message":"no such model","code":"model_not_found"}})",
       "not_found: no such model"},
      {0, "<html>Bad gateway</html>",
       "unavailable: garbage in the stream: '<html>Bad gateway</html>'"},
      {0, "data: {oops}\n\n", "unavailable: garbage in the stream: '{oops}'"},
      {0, "data: [DONE]\n\n", "unavailable: it ended without a word"},
      {0, "", "unavailable: the stream was cut"},
      {1, "{\"error\":\"out of memory\"}\n", "unavailable: out of memory"},
      {1, "{\"error\":\"out of memory\"}", "unavailable: out of memory"},
      {1, "<html>\n", "unavailable: garbage in the stream: '<html>'"},
      {2,
       "event: error\ndata: "
       "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}"
       "\n\n",
       "overloaded: Overloaded"},
      {2, R"({"type":"error","error":{"type":"authentication_error","message":"bad key"}})",
       "unauthenticated: bad key"},
      {2, "event: message_start\ndata: []\n\n", "unavailable: garbage in the stream: '[]'"},
      {2, "Bad gateway", "unavailable: garbage in the stream: 'Bad gateway'"},
  };
  const auto all = peers();
  for (const Row& row : rows) {
    EXPECT_EQ(heard(*all[row.peer].format->reader({}), {row.stream}), row.heard) << row.stream;
  }
}

TEST(TalkAnswer, AnswersBeyondEveryMeasureAreErrors) {
  const auto repeated = [](std::string_view text, std::size_t times) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i) all += fmt::format(fmt::runtime(text), i);
    return all;
  };
  const std::string calls[] = {
      repeated("data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{{\"index\":{0},\"id\":\"c{0}\","
               "\"function\":{{\"name\":\"f\"}}}}]}}}}]}}\n\n",
               513),
      repeated("{{\"message\":{{\"tool_calls\":[{{\"function\":{{\"name\":\"f\"}}}}]}}}}\n", 513),
      repeated("data: {{\"type\":\"content_block_start\",\"index\":{0},\"content_block\":"
               "{{\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"f\"}}}}\n\n",
               513)};
  const auto all = peers();
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_TRUE(heard(*all[i].format->reader({}), {calls[i]})
                    .ends_with("too_large: it calls too many tools"))
        << all[i].name;
  }
  const std::string megabyte(1024 * 1024, ' ');
  std::vector<std::string_view> endless{"{"};
  endless.resize(18, megabyte);
  EXPECT_EQ(heard(*all[0].format->reader({}), endless), "too_large: the answer exceeds the limit");
  endless.front() = "data: ";
  EXPECT_EQ(heard(*all[0].format->reader({}), endless),
            "too_large: a streamed item exceeds 4194304 bytes");
}

TEST(TalkAnswer, CountsThatCannotBeAreHeldWithinReason) {
  const auto answer = make_openai_provider()->read_chat(
      R"({"choices":[{"message":{"content":"x"}}],"created":9e18,"usage":{"prompt_tokens":3,)"
      R"("completion_tokens":-5,"prompt_tokens_details":{"cached_tokens":9e18}}})",
      {});
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(text_of(answer.value().usage), "usage(3+0 cached 1000000000 written 0 reasoning 0)");
  EXPECT_NE(make_anthropic_messages()->write(answer.value(), kStamp).find("\"input_tokens\":0,"),
            std::string::npos);
  EXPECT_NE(ollama::write_tags({{"m", "o", 0, INT64_MAX / 1000}}).find("9999-12-31T23:59:59.999Z"),
            std::string::npos);
}

TEST(TalkAnswer, WholeAnswersThatAreNoneAreErrors) {
  for (const Peer& peer : peers()) {
    EXPECT_FALSE(peer.format->read_chat("<html>", {}).ok()) << peer.name;
    EXPECT_FALSE(peer.format->read_chat("{}", {}).ok()) << peer.name;
    EXPECT_EQ(
        peer.format->read_chat(R"({"error":{"message":"gone","type":"x"}})", {}).error().message,
        "gone")
        << peer.name;
  }
  EXPECT_FALSE(make_ollama_provider({})->read_chat(R"({"message":{"content":"x"}})", {}).ok());
}

TEST(TalkAnswer, AWholeAnswerInThePlaceOfAStreamIsHeard) {
  const std::string body = make_openai_chat()->write(rich_answer(), kStamp);
  const Completion back = gathered(*make_openai_provider()->reader({}), body);
  EXPECT_TRUE(back.calls == rich_answer().calls);
  EXPECT_EQ(back.text(), rich_answer().text());
  EXPECT_EQ(back.usage.cached, 10);
}

TEST(TalkAnswer, RefusalsSpeakTheAskersDialect) {
  struct Row {
    Refusal refusal;
    int status;
    int anthropic_status;
    const char* openai;
    const char* anthropic;
  };
  using std::chrono::seconds;
  const Row rows[] = {
      {{{Code::Unauthenticated, "x"}},
       401,
       401,
       R"("type":"invalid_request_error","param":null,"code":"invalid_api_key")",
       "authentication_error"},
      {{{Code::PermissionDenied, "x"}},
       403,
       403,
       R"("type":"permission_error","param":null,"code":null)",
       "permission_error"},
      {{{Code::NotFound, "x"}},
       404,
       404,
       R"("type":"invalid_request_error","param":"model","code":"model_not_found")",
       "not_found_error"},
      {{{Code::InvalidArgument, "messages[0].role: must be user"}},
       400,
       400,
       R"("type":"invalid_request_error","param":"messages[0].role","code":null)",
       "invalid_request_error"},
      {{{Code::TooLarge, "x"}},
       413,
       413,
       R"("type":"invalid_request_error","param":null,"code":"request_too_large")",
       "request_too_large"},
      {{{Code::TooLarge, "x"}, 400},
       400,
       400,
       R"("type":"invalid_request_error","param":null,"code":"context_length_exceeded")",
       "invalid_request_error"},
      {{{Code::Overloaded, "x"}, 0, seconds(7)},
       429,
       429,
       R"("type":"rate_limit_error","param":null,"code":"rate_limit_exceeded")",
       "rate_limit_error"},
      {{{Code::Overloaded, "x"}, 503},
       503,
       529,
       R"("type":"overloaded_error","param":null,"code":"overloaded")",
       "overloaded_error"},
      {{{Code::Unavailable, "x"}},
       502,
       502,
       R"("type":"api_error","param":null,"code":null)",
       "api_error"},
      {{{Code::DeadlineExceeded, "x"}},
       504,
       504,
       R"("type":"api_error","param":null,"code":"timeout")",
       "timeout_error"},
  };
  for (const Row& row : rows) {
    const std::string& said = row.refusal.error.message;
    const auto openai = openai::refuse(row.refusal);
    EXPECT_EQ(openai.status, row.status);
    EXPECT_EQ(openai.body, fmt::format(R"({{"error":{{"message":"{}",{}}}}})", said, row.openai));
    const auto ollama = ollama::refuse(row.refusal);
    EXPECT_EQ(ollama.status, row.status);
    EXPECT_EQ(ollama.body, fmt::format(R"({{"error":"{}"}})", said));
    const auto anthropic = anthropic::refuse(row.refusal);
    EXPECT_EQ(anthropic.status, row.anthropic_status);
    EXPECT_EQ(anthropic.body,
              fmt::format(R"({{"type":"error","error":{{"type":"{}","message":"{}"}}}})",
                          row.anthropic, said));
    const auto wait = openai.headers.get("retry-after");
    EXPECT_EQ(wait.value_or(""), row.refusal.retry_after.count() > 0 ? "7" : "");
  }
}

TEST(TalkAnswer, ACutIsSurfacedInTheAskersDialect) {
  const Refusal cut{{Code::Unavailable, "the stream was cut"}};
  const auto fails = [&](const Dialect& dialect) {
    std::string out;
    const auto writer = dialect.writer({}, kStamp);
    writer->begin(out);
    writer->write(TextDelta{"x"}, out);
    out.clear();
    writer->fail(cut, out);
    return out;
  };
  EXPECT_EQ(fails(*make_openai_chat()),
            "data: {\"error\":{\"message\":\"the stream was cut\",\"type\":\"api_error\","
            "\"param\":null,\"code\":null}}\n\n");
  EXPECT_EQ(fails(*make_ollama_chat()), "{\"error\":\"the stream was cut\"}\n");
  EXPECT_EQ(fails(*make_anthropic_messages()),
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\","
            "\"message\":\"the stream was cut\"}}\n\n");
}

TEST(TalkAnswer, StatusesOfProvidersAreUnderstood) {
  const auto overloaded = failure_of_answer(
      529, {{"retry-after", "3"}},
      R"({"type":"error","error":{"type":"overloaded_error","message":"busy"}})", "m");
  EXPECT_EQ(overloaded.error.code, Code::Overloaded);
  EXPECT_EQ(overloaded.blame, llm::Blame::Nobody);
  EXPECT_EQ(overloaded.pause, Milliseconds(3000));
  EXPECT_EQ(failure_of_answer(429, {{"retry-after-ms", "250"}}, "", "m").pause, Milliseconds(250));
  EXPECT_EQ(failure_of_answer(429, {{"retry-after-ms", "999999999"}}, "", "m").pause,
            Milliseconds(60'000));
  EXPECT_EQ(failure_of_answer(429, {{"retry-after-ms", "soon"}}, "", "m").pause, Milliseconds(0));
  EXPECT_EQ(failure_of_answer(500, {}, "boom", "m").error.code, Code::Unavailable);
}

TEST(TalkAnswer, KeysTravelAsEachProviderWants) {
  const auto all = peers();
  EXPECT_EQ(all[0].format->headers("k").get("authorization").value_or(""), "Bearer k");
  EXPECT_EQ(all[2].format->headers("k").get("x-api-key").value_or(""), "k");
  EXPECT_EQ(all[2].format->headers("k").get("anthropic-version").value_or(""), "2023-06-01");
  EXPECT_FALSE(all[0].format->headers("").get("authorization"));
}

TEST(TalkAnswer, EmbeddingsGoThroughInEachDialect) {
  const auto openai = openai::read_embed(
      R"({"model":"e","input":["a","b"],"encoding_format":"base64","dimensions":2})");
  ASSERT_TRUE(openai.ok()) << openai.error().message;
  EXPECT_TRUE(openai.value().base64);
  EXPECT_EQ(make_ollama_provider({})->embed(openai.value(), "e").value().body,
            R"({"model":"e","input":["a","b"],"truncate":false,"dimensions":2,"keep_alive":"10m",)"
            R"("options":{"num_ctx":8192}})");
  EXPECT_EQ(make_openai_provider()->embed(openai.value(), "e").value().body,
            R"({"model":"e","input":["a","b"],"encoding_format":"base64","dimensions":2})");
  auto vectors = make_ollama_provider({})->read_embeddings(
      R"({"model":"e","embeddings":[[1,0.5],[0,-1]],"prompt_eval_count":4})");
  ASSERT_TRUE(vectors.ok()) << vectors.error().message;
  EXPECT_EQ(openai::write_embeddings(vectors.value(), openai.value()),
            R"({"object":"list","model":"e","data":[)"
            R"({"object":"embedding","index":0,"embedding":"AACAPwAAAD8="},)"
            R"({"object":"embedding","index":1,"embedding":"AAAAAAAAgL8="}],)"
            R"("usage":{"prompt_tokens":4,"total_tokens":4}})");
  const auto back =
      make_openai_provider()->read_embeddings(openai::write_embeddings(vectors.value(), {}));
  EXPECT_EQ(back.value().vectors, vectors.value().vectors);
  EXPECT_EQ(ollama::write_embeddings(vectors.value(), {}),
            R"({"model":"e","embeddings":[[1,0.5],[0,-1]],"total_duration":0,"load_duration":0,)"
            R"("prompt_eval_count":4})");
  const auto older = ollama::read_embeddings(R"({"model":"e","prompt":"a"})");
  EXPECT_EQ(ollama::write_embeddings(vectors.value(), older.value()), R"({"embedding":[1,0.5]})");
  EXPECT_EQ(openai::read_embed(R"({"model":"e","input":[]})").error().message,
            "input: is required and must not be empty");
  EXPECT_EQ(openai::read_embed(R"({"model":"e","input":["a",""]})").error().message,
            "input[1]: must not be empty");
  EXPECT_EQ(
      openai::read_embed(R"({"model":"e","input":"a","encoding_format":"x"})").error().message,
      "encoding_format: must be one of float, base64");
  EXPECT_EQ(ollama::read_embed(R"({"model":"e"})").error().message, "input: is required");
  EXPECT_EQ(ollama::read_embeddings(R"({"model":"e"})").error().message, "prompt: is required");
  for (const Peer& peer : peers()) {
    EXPECT_FALSE(peer.format->read_embeddings("<html>").ok()) << peer.name;
    EXPECT_FALSE(peer.format->read_embeddings("{}").ok()) << peer.name;
    EXPECT_FALSE(peer.format->read_embeddings(R"({"error":"x"})").ok()) << peer.name;
  }
  EXPECT_FALSE(make_openai_provider()->read_embeddings(R"({"data":[{"index":5}]})").ok());
  EXPECT_FALSE(make_openai_provider()->read_embeddings(R"({"data":[{"index":-1}]})").ok());
}

TEST(TalkAnswer, ModelsAreListedInEachDialect) {
  const std::vector<ModelInfo> models{{"m", "ollama", 8192, 0}};
  EXPECT_EQ(
      openai::write_models(models),
      R"({"object":"list","data":[{"id":"m","object":"model","created":0,"owned_by":"ollama"}]})");
  EXPECT_EQ(
      anthropic::write_models(models),
      R"({"data":[{"type":"model","id":"m","display_name":"m","created_at":"1970-01-01T00:00:00.000Z"}],)"
      R"("has_more":false,"first_id":"m","last_id":"m"})");
  EXPECT_EQ(anthropic::write_models({}),
            R"({"data":[],"has_more":false,"first_id":null,"last_id":null})");
  EXPECT_EQ(make_ollama_provider({})->read_models(ollama::write_tags(models)).value(),
            std::vector<std::string>{"m"});
  EXPECT_EQ(make_openai_provider()->read_models(openai::write_models(models)).value(),
            std::vector<std::string>{"m"});
  EXPECT_EQ(make_anthropic_provider({})->read_models(anthropic::write_models(models)).value(),
            std::vector<std::string>{"m"});
  EXPECT_NE(ollama::write_show(models[0]).find(R"("general.context_length":8192)"),
            std::string::npos);
  EXPECT_EQ(ollama::read_show(R"({"name":"m"})").value(), "m");
  EXPECT_EQ(ollama::read_show("{}").error().message, "model: is required");
  EXPECT_FALSE(make_openai_provider()->read_models("{}").ok());
  EXPECT_EQ(anthropic::write_count(7), R"({"input_tokens":7})");
  EXPECT_TRUE(
      anthropic::read_count(R"({"model":"m","messages":[{"role":"user","content":"x"}]})").ok());
}

}  // namespace
}  // namespace talk_test
