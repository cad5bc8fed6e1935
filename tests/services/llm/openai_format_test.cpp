#include "llm/openai_format.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace llm {
namespace {

// Reads a body that arrives in the given pieces and then ends.
struct OpenAiReading {
  explicit OpenAiReading(const std::vector<std::string_view>& pieces) {
    const auto reader = make_openai_format()->reader();
    const auto on_text = [this](std::string_view more) { text += more; };
    for (const std::string_view piece : pieces) {
      if (outcome) outcome = reader->feed(piece, on_text);
    }
    done = reader->done();
    if (outcome && !done) outcome = reader->end(on_text);
    completion.prompt_tokens = 7;
    completion.completion_tokens = 9;
    completion.estimated = true;
    reader->summarize(completion);
  }
  // The text, the reason to finish and the tokens; or the error.
  std::string said() const {
    if (!outcome) return std::string(name(outcome.error().code)) + ": " + outcome.error().message;
    return text + "|" + completion.finish_reason + "|" + std::to_string(completion.prompt_tokens) +
           "+" + std::to_string(completion.completion_tokens) + (completion.estimated ? "?" : "");
  }

  std::string text;
  Result<void> outcome;
  bool done = false;
  Completion completion;
};

struct Recorded {
  std::string_view what;
  std::string_view body;
  std::string_view said;
};

// As these servers send them, shortened to what matters.
constexpr Recorded kStreams[] = {
    {"OpenAI with usage",
     "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,"
     "\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},\"logprobs\":null,"
     "\"finish_reason\":null}],\"usage\":null}\n\n"
     "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Grüß \"},\"finish_reason\":null}],"
     "\"usage\":null}\n\n"
     "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\\"Gott\\\" 🎭\\n\"},"
     "\"finish_reason\":null}]}\n\n"
     "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
     "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":26,\"completion_tokens\":4}}\n\n"
     "data: [DONE]\n\n",
     "Grüß \"Gott\" 🎭\n|stop|26+4"},
    {"line ends of the network, comments, other fields, no blank behind the colon",
     ": OPENROUTER PROCESSING\r\n\r\nid: 1\r\nevent: message\r\nretry: 9\r\n"
     "data:{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\r\n\r\n: ping\r\n\r\n"
     "data:{\"choices\":[{\"delta\":{\"content\":\"b\"},\"finish_reason\":\"length\"}]}\r\n\r\n"
     "data:[DONE]\r\n\r\n",
     "ab|length|7+9?"},
    {"a model that thinks first",
     "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null,"
     "\"reasoning_content\":\"Hm\"}}]}\n\n"
     "data: {\"choices\":[{\"delta\":{\"reasoning\":\"so\",\"content\":\"\"}}]}\n\n"
     "data: {\"choices\":[{\"delta\":{\"content\":\"Yes.\"}}]}\n\n"
     "data: {\"choices\":[{\"delta\":{\"content\":null},\"finish_reason\":\"stop\"}]}\n\n"
     "data: [DONE]\n\n",
     "Yes.|stop|7+9?"},
    {"no choices first, filters as Azure has them",
     "data: {\"choices\":[],\"prompt_filter_results\":[{}]}\n\n"
     "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\n\n"
     "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"content_filter\"}]}\n\n"
     "data: [DONE]\n\n",
     "Hi|content_filter|7+9?"},
    {"the end without its mark",
     "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},"
     "\"finish_reason\":\"stop\"}]}\n\n",
     "Hi|stop|7+9?"},
    {"the mark without a reason",
     "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: [DONE]\n\n", "Hi|stop|7+9?"},
    {"nothing behind the mark counts",
     "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: [DONE]\n\n"
     "data: {\"choices\":[{\"delta\":{\"content\":\"more\"}}]}\n\ndata: garbage\n\n",
     "Hi|stop|7+9?"},
    {"a tool is called, which nobody offered",
     "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{}]}}]}\n\n"
     "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n",
     "|stop|7+9?"},
    {"an answer that was not streamed",
     " \r\n{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"Whole\"},"
     "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n",
     "Whole|stop|3+1"},
    {"an error in the middle",
     "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n"
     "data: {\"error\":{\"message\":\"The server had an error\",\"type\":\"server_error\"}}\n\n",
     "unavailable: The server had an error"},
    {"a rate limit in the stream",
     "data: {\"error\":{\"message\":\"slow\",\"code\":\"rate_limit_exceeded\"}}\n\n",
     "overloaded: slow"},
    {"an event of the name error", "event: error\ndata: {\"message\":\"gone\"}\n\n",
     "unavailable: gone"},
    {"an error as a whole body", "{\"error\":{\"message\":\"boom\",\"type\":\"x\"}}",
     "unavailable: boom"},
    {"withheld", "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"content_filter\"}]}\n\n",
     "permission_denied: its content filter withheld the answer"},
    {"ended without a word", "data: [DONE]\n\n", "unavailable: it ended without a word"},
    {"cut", "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n",
     "unavailable: the stream was cut"},
    {"only comments", ": ping\n\n: ping\n\n", "unavailable: the stream was cut"},
    {"cut in its first event", "data: {\"choices\":", "unavailable: the stream was cut"},
    {"nothing", "", "unavailable: the stream was cut"},
    {"a page", "<html>Bad gateway</html>\n",
     "unavailable: garbage in the stream: '<html>Bad gateway</html>\n'"},
    {"no JSON", "data: {\"choices\":[{\n\n",
     "unavailable: garbage in the stream: '{\"choices\":[{'"},
    {"no object", "data: 42\n\n", "unavailable: garbage in the stream: '42'"},
    {"half an object", "{\"choices\":", "unavailable: garbage in the stream: '{\"choices\":'"},
    {"another object", "{\"hello\":1}", "unavailable: garbage in the stream: '{\"hello\":1}'"},
    {"members of other kinds",
     "data: {\"choices\":[{\"delta\":\"x\",\"finish_reason\":5}],\"usage\":7}\n\n"
     "data: {\"choices\":7}\n\ndata: {\"choices\":[7]}\n\n"
     "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"eos\"}],"
     "\"usage\":{\"prompt_tokens\":-4,\"completion_tokens\":\"many\"}}\n\n",
     "Hi|stop|7+9?"},
};

TEST(OpenAiFormat, ReadsEachRecordedStreamCutAtAnyByte) {
  for (const auto& [what, body, said] : kStreams) {
    for (std::size_t cut = 0; cut <= body.size(); ++cut) {
      ASSERT_EQ(OpenAiReading({body.substr(0, cut), body.substr(cut)}).said(), said)
          << what << ", cut at " << cut;
    }
  }
}

TEST(OpenAiFormat, ReadsEachRecordedStreamByteByByte) {
  for (const auto& [what, body, said] : kStreams) {
    std::vector<std::string_view> bytes;
    for (std::size_t i = 0; i < body.size(); ++i) bytes.push_back(body.substr(i, 1));
    EXPECT_EQ(OpenAiReading(bytes).said(), said) << what;
  }
}

TEST(OpenAiFormat, IsNotDoneBeforeTheProviderSaysSo) {
  const std::string_view body = kStreams[0].body;
  const std::size_t reason = body.find("\"finish_reason\":\"stop\"");
  for (std::size_t cut = 0; cut < reason; ++cut) {
    const auto reader = make_openai_format()->reader();
    ASSERT_TRUE(reader->feed(body.substr(0, cut), [](std::string_view) {}).ok());
    ASSERT_FALSE(reader->done()) << cut;
  }
}

TEST(OpenAiFormat, HasEndedWithTheMarkAndNotWithTheReasonToFinish) {
  const std::string_view body = kStreams[0].body;
  for (std::size_t cut = body.find("\"finish_reason\":\"stop\""); cut < body.size(); ++cut) {
    const auto reader = make_openai_format()->reader();
    ASSERT_TRUE(reader->feed(body.substr(0, cut), [](std::string_view) {}).ok());
    ASSERT_FALSE(reader->ended()) << cut;
    ASSERT_TRUE(reader->feed(body.substr(cut), [](std::string_view) {}).ok());
    ASSERT_TRUE(reader->ended()) << cut;
  }
}

TEST(OpenAiFormat, RefusesWhatNeverEnds) {
  const std::string endless(1100 * 1024, 'x');
  EXPECT_FALSE(OpenAiReading({"data: ", endless, endless}).outcome.ok());
  EXPECT_FALSE(OpenAiReading({"{\"a\":\"", endless}).outcome.ok());
}

TEST(OpenAiFormat, AsksForAStreamWithItsUsage) {
  ChatAsk ask;
  ask.messages = {{"system", "Be \"brief\"."}, {"user", "Hi"}};
  const WireRequest request = make_openai_format()->chat(ask, "gpt-4o-mini");
  EXPECT_EQ(request.method, http::Method::Post);
  EXPECT_EQ(request.path, "/chat/completions");
  EXPECT_EQ(request.body,
            R"({"model":"gpt-4o-mini","messages":[{"role":"system","content":"Be \"brief\"."},)"
            R"({"role":"user","content":"Hi"}],"stream":true,)"
            R"("stream_options":{"include_usage":true}})");
}

TEST(OpenAiFormat, PassesTheSamplingOnAsEachModelTakesIt) {
  ChatAsk ask;
  ask.max_tokens = 64;
  ask.temperature = 0.5;
  ask.seed = 7;
  ask.stop = {"\n", "END"};
  const auto format = make_openai_format();
  const std::string start = R"({"model":")";
  const std::string middle =
      R"(","messages":[],"stream":true,"stream_options":{"include_usage":true},)";
  EXPECT_EQ(format->chat(ask, "gpt-4o").body,
            start + "gpt-4o" + middle +
                R"("max_tokens":64,"temperature":0.5,"seed":7,"stop":["\n","END"]})");
  for (const std::string model : {"o3-mini", "openai/gpt-5-nano"}) {
    EXPECT_EQ(
        format->chat(ask, model).body,
        start + model + middle + R"("max_completion_tokens":64,"seed":7,"stop":["\n","END"]})");
  }
}

TEST(OpenAiFormat, ListsTheModelsThatHaveAnId) {
  const auto format = make_openai_format();
  EXPECT_EQ(format->list_models().path, "/models");
  EXPECT_EQ(format->read_models(R"({"object":"list","data":[{"id":"a"},{"x":1},7]})").value(),
            std::vector<std::string>{"a"});
  for (const std::string_view body : {"", "nginx", "{}", R"({"data":3})", "[]"}) {
    EXPECT_FALSE(format->read_models(body).ok()) << body;
  }
}

TEST(OpenAiFormat, AsksForEmbeddingsInTheirShortestForm) {
  EmbedAsk ask;
  ask.inputs = {"a"};
  ask.dimensions = 256;
  const WireRequest request = make_openai_format()->embed(ask, "text-embedding-3-small");
  EXPECT_EQ(request.path, "/embeddings");
  EXPECT_EQ(request.body,
            R"({"model":"text-embedding-3-small","input":["a"],"encoding_format":"base64",)"
            R"("dimensions":256})");
}

}  // namespace
}  // namespace llm
