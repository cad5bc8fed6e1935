#include "llm/openai.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "json/json.h"

namespace llm::openai {
namespace {

// A request of one user line with more members behind it.
Result<ChatBody> read_with(std::string_view members) {
  return read_chat(
      fmt::format(R"({{"model":"m","messages":[{{"role":"user","content":"Hi"}}]{}{}}})",
                  members.empty() ? "" : ",", members));
}

// What a client sees as the error's "param", or "null".
std::string param_of(const Result<ChatBody>& result) {
  if (result) return "(accepted)";
  const auto document = json::Document::parse(error_response(result.error()).body);
  const auto param = document.value().root().find("error")->find("param");
  return param->is(json::Kind::String) ? std::string(param->string()) : param->dump();
}

TEST(OpenAi, ReadsAPlainRequest) {
  const auto chat =
      read_chat(R"({"model":"auto","messages":[{"role":"developer","content":"Be brief."},)"
                R"({"role":"user","content":"Hi"},{"role":"assistant","content":null}]})");
  ASSERT_TRUE(chat.ok()) << chat.error().message;
  const ChatAsk& ask = chat.value().ask;
  EXPECT_EQ(ask.model, "auto");
  ASSERT_EQ(ask.messages.size(), 3U);
  EXPECT_EQ(ask.messages[0].role, "system");
  EXPECT_EQ(ask.messages[0].content, "Be brief.");
  EXPECT_EQ(ask.messages[1].role, "user");
  EXPECT_EQ(ask.messages[2].content, "");
  EXPECT_FALSE(ask.max_tokens || ask.temperature || ask.seed);
  EXPECT_TRUE(ask.stop.empty());
  EXPECT_FALSE(chat.value().stream || chat.value().include_usage);
}

TEST(OpenAi, ReadsTheSampling) {
  const auto chat = read_with(R"("max_tokens":5,"temperature":0.25,"seed":-3,"stream":true)");
  ASSERT_TRUE(chat.ok()) << chat.error().message;
  EXPECT_EQ(chat.value().ask.max_tokens, 5);
  EXPECT_EQ(chat.value().ask.temperature, 0.25);
  EXPECT_EQ(chat.value().ask.seed, -3);
  EXPECT_TRUE(chat.value().stream);
  EXPECT_EQ(read_with(R"("max_tokens":5,"max_completion_tokens":6)").value().ask.max_tokens, 6);
}

TEST(OpenAi, TakesNullAsAbsent) {
  const auto chat =
      read_with(R"("max_tokens":null,"temperature":null,"seed":null,"stop":null,"stream":null,)"
                R"("stream_options":null)");
  ASSERT_TRUE(chat.ok()) << chat.error().message;
  EXPECT_FALSE(chat.value().ask.max_tokens || chat.value().stream || chat.value().include_usage);
}

TEST(OpenAi, ReadsOneStopWordOrSeveral) {
  EXPECT_EQ(read_with(R"("stop":"END")").value().ask.stop, std::vector<std::string>{"END"});
  EXPECT_EQ(read_with(R"("stop":["a","b"])").value().ask.stop,
            (std::vector<std::string>{"a", "b"}));
}

TEST(OpenAi, ReadsWhetherTheUsageIsWanted) {
  EXPECT_TRUE(read_with(R"("stream_options":{"include_usage":true})").value().include_usage);
  EXPECT_FALSE(read_with(R"("stream_options":{"include_usage":false})").value().include_usage);
  EXPECT_FALSE(read_with(R"("stream_options":{})").value().include_usage);
}

TEST(OpenAi, JoinsThePartsOfAContent) {
  const auto chat = read_chat(
      R"({"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"Hello "},)"
      R"({"type":"text","text":"you"}]}]})");
  ASSERT_TRUE(chat.ok()) << chat.error().message;
  EXPECT_EQ(chat.value().ask.messages[0].content, "Hello you");
}

TEST(OpenAi, PassesOverWhatItDoesNotKnow) {
  EXPECT_TRUE(read_with(R"("user":"u1","logit_bias":{},"top_p":1)").ok());
}

TEST(OpenAi, NamesTheMemberThatIsWrong) {
  const auto message = [](std::string_view item) {
    return read_chat(fmt::format(R"({{"model":"m","messages":[{}]}})", item));
  };
  EXPECT_EQ(param_of(read_chat(R"({"messages":[]})")), "model");
  EXPECT_EQ(param_of(read_chat(R"({"model":"","messages":[]})")), "model");
  EXPECT_EQ(param_of(read_chat(R"({"model":7,"messages":[]})")), "model");
  EXPECT_EQ(param_of(read_chat(R"({"model":"m"})")), "messages");
  EXPECT_EQ(param_of(read_chat(R"({"model":"m","messages":"Hi"})")), "messages");
  EXPECT_EQ(param_of(message("")), "messages");
  EXPECT_EQ(param_of(message("3")), "messages[0].role");
  EXPECT_EQ(param_of(message(R"({"role":"user"})")), "messages[0].content");
  EXPECT_EQ(param_of(message(R"({"role":"user","content":"a"},{"role":"king","content":"b"})")),
            "messages[1].role");
  EXPECT_EQ(param_of(message(R"({"role":"user","content":5})")), "messages[0].content");
  EXPECT_EQ(param_of(message(R"({"role":"user","content":[{"type":"image_url"}]})")),
            "messages[0].content[0].type");
  EXPECT_EQ(param_of(read_with(R"("max_tokens":0)")), "max_tokens");
  EXPECT_EQ(param_of(read_with(R"("max_completion_tokens":"5")")), "max_completion_tokens");
  EXPECT_EQ(param_of(read_with(R"("temperature":2.5)")), "temperature");
  EXPECT_EQ(param_of(read_with(R"("seed":1e30)")), "seed");
  EXPECT_EQ(param_of(read_with(R"("stop":5)")), "stop");
  EXPECT_EQ(param_of(read_with(R"("stop":["a","b","c","d","e"])")), "stop");
  EXPECT_EQ(param_of(read_with(R"("stop":["a",1])")), "stop[1]");
  EXPECT_EQ(param_of(read_with(R"("stream":"yes")")), "stream");
}

TEST(OpenAi, NamesNoMemberWhenTheBodyItselfIsWrong) {
  for (const std::string_view body : {"", "{", "[]", "\"text\"", "{\"a\":\"\xff\"}"}) {
    const auto result = read_chat(body);
    ASSERT_FALSE(result.ok()) << body;
    EXPECT_EQ(result.error().code, Code::InvalidArgument);
    EXPECT_EQ(param_of(result), "null") << result.error().message;
  }
}

TEST(OpenAi, LimitsTheNumberAndTheSizeOfMessages) {
  const std::string one = R"({"role":"user","content":"x"})";
  std::string many = one;
  for (int i = 0; i < 1024; ++i) many += "," + one;
  EXPECT_EQ(param_of(read_chat(R"({"model":"m","messages":[)" + many + "]}")), "messages");
  EXPECT_EQ(param_of(read_chat(R"({"model":"m","messages":[{"role":"user","content":")" +
                               std::string(512 * 1024 + 1, 'x') + "\"}]}")),
            "messages[0].content");
}

Completion example() {
  Completion completion;
  completion.text = "Say \"hi\".";
  completion.model = "m";
  completion.finish_reason = "length";
  completion.prompt_tokens = 3;
  completion.completion_tokens = 4;
  return completion;
}

TEST(OpenAi, WritesACompletion) {
  EXPECT_EQ(completion_json(example(), "c1", 17),
            R"({"id":"c1","object":"chat.completion","created":17,"model":"m","choices":[)"
            R"({"index":0,"message":{"role":"assistant","content":"Say \"hi\"."},)"
            R"("finish_reason":"length"}],"usage":{"prompt_tokens":3,"completion_tokens":4,)"
            R"("total_tokens":7}})");
}

TEST(OpenAi, WritesTheChunksOfAStream) {
  const std::string head =
      R"({"id":"c1","object":"chat.completion.chunk","created":17,"model":"m","choices":[)";
  EXPECT_EQ(chunk_json(Chunk::Role, "", "m", "c1", 17),
            head + R"({"index":0,"delta":{"role":"assistant","content":""},)"
                   R"("finish_reason":null}]})");
  EXPECT_EQ(chunk_json(Chunk::Text, "Hi", "m", "c1", 17),
            head + R"({"index":0,"delta":{"content":"Hi"},"finish_reason":null}]})");
  EXPECT_EQ(chunk_json(Chunk::Finish, "stop", "m", "c1", 17),
            head + R"({"index":0,"delta":{},"finish_reason":"stop"}]})");
  EXPECT_EQ(usage_chunk_json(example(), "c1", 17),
            head + R"(],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}})");
}

TEST(OpenAi, ListsModels) {
  EXPECT_EQ(models_json({{"a", "ollama"}}),
            R"({"object":"list","data":[{"id":"a","object":"model","created":0,)"
            R"("owned_by":"ollama"}]})");
}

TEST(OpenAi, WritesErrorsAsItsClientsExpectThem) {
  const http::Response wrong = error_response({Code::InvalidArgument, "seed: must be a number"});
  EXPECT_EQ(wrong.status, 400);
  EXPECT_EQ(wrong.body,
            R"({"error":{"message":"seed: must be a number","type":"invalid_request_error",)"
            R"("param":"seed","code":null}})");
  const http::Response unknown = error_response({Code::NotFound, "model: 'x' is not offered here"});
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.body,
            R"({"error":{"message":"model: 'x' is not offered here",)"
            R"("type":"invalid_request_error","param":null,"code":"model_not_found"}})");
  const http::Response busy = error_response({Code::Overloaded, "full"});
  EXPECT_EQ(busy.status, 429);
  EXPECT_EQ(busy.body, R"({"error":{"message":"full","type":"rate_limit_error","param":null,)"
                       R"("code":null}})");
  const http::Response away = error_response({Code::Unavailable, "local: refused"});
  EXPECT_EQ(away.status, 503);
  EXPECT_EQ(away.body, R"({"error":{"message":"local: refused","type":"api_error","param":null,)"
                       R"("code":null}})");
}

// --- embeddings ---------------------------------------------------------------------------------

TEST(OpenAi, ReadsOneInputOrSeveral) {
  const auto one = read_embeddings(R"({"model":"auto","input":"a b"})");
  ASSERT_TRUE(one.ok()) << one.error().message;
  EXPECT_EQ(one.value().ask.inputs, std::vector<std::string>{"a b"});
  EXPECT_FALSE(one.value().base64);
  EXPECT_FALSE(one.value().ask.dimensions);
  const auto two = read_embeddings(
      R"({"model":"m","input":["a","b"],"encoding_format":"base64","dimensions":8,"user":"u"})");
  ASSERT_TRUE(two.ok()) << two.error().message;
  EXPECT_EQ(two.value().ask.inputs, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(two.value().ask.dimensions, 8);
  EXPECT_TRUE(two.value().base64);
}

TEST(OpenAi, NamesTheMemberOfABadRequestForEmbeddings) {
  const std::string many = fmt::format(R"(["a"{}])", [] {
    std::string rest;
    for (int i = 0; i < 1024; ++i) rest += ",\"a\"";
    return rest;
  }());
  const std::string long_text = '"' + std::string(256 * 1024 + 1, 'a') + '"';
  const std::vector<std::pair<std::string, std::string>> cases{
      {R"("input":"a")", "model: is required"},
      {R"("model":7,"input":"a")", "model: is required"},
      {R"("model":"m")", "input: is required"},
      {R"("model":"m","input":{})", "input: must be"},
      {R"("model":"m","input":null)", "input: must be"},
      {R"("model":"m","input":[])", "input: has 0 items, 1 to 1024 are allowed"},
      {R"("model":"m","input":)" + many, "input: has 1025 items"},
      {R"("model":"m","input":"")", "input: must not be empty"},
      {R"("model":"m","input":["a",""])", "input[1]: must not be empty"},
      {R"("model":"m","input":[1,2])", "input[0]: must be a string, tokens"},
      {R"("model":"m","input":[[1,2]])", "input[0]: must be a string, tokens"},
      {R"("model":"m","input":)" + long_text, "input: has 262145 bytes, at most 262144"},
      {R"("model":"m","input":"a","encoding_format":"int8")", "encoding_format: must be one of"},
      {R"("model":"m","input":"a","encoding_format":7)", "encoding_format: must be one of"},
      {R"("model":"m","input":"a","dimensions":0)", "dimensions: must be between"},
      {R"("model":"m","input":"a","dimensions":"8")", "dimensions: must be a number"}};
  for (const auto& [members, words] : cases) {
    const auto read = read_embeddings("{" + members + "}");
    ASSERT_FALSE(read.ok()) << words;
    EXPECT_EQ(read.error().code, Code::InvalidArgument);
    EXPECT_EQ(read.error().message.substr(0, words.size()), words);
  }
  EXPECT_FALSE(read_embeddings("[]").ok());
  EXPECT_FALSE(read_embeddings("").ok());
}

TEST(OpenAi, WritesEmbeddingsAsNumbersOrBytes) {
  Embeddings embeddings;
  embeddings.vectors = {{0.1F, -2.0F}, {1.0F, 0.0F}};
  embeddings.model = "m";
  embeddings.prompt_tokens = 5;
  EXPECT_EQ(embeddings_json(embeddings, false),
            R"({"object":"list","model":"m","data":[)"
            R"({"object":"embedding","index":0,"embedding":[0.1,-2]},)"
            R"({"object":"embedding","index":1,"embedding":[1,0]}],)"
            R"("usage":{"prompt_tokens":5,"total_tokens":5}})");
  // 1.0F is 00 00 80 3f.
  embeddings.vectors = {{1.0F, 0.0F}};
  EXPECT_NE(embeddings_json(embeddings, true).find(R"("embedding":"AACAPwAAAAA=")"),
            std::string::npos);
}

}  // namespace
}  // namespace llm::openai
