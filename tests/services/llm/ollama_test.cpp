#include "llm/ollama.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace llm {
namespace {

constexpr std::string_view kStream =
    "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"Grüß\"},\"done\":false}\n"
    "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\" \\\"Gott\\\"\\n\"},"
    "\"done\":false}\n"
    "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,"
    "\"done_reason\":\"stop\",\"prompt_eval_count\":26,\"eval_count\":4}\n";
constexpr std::string_view kStreamSays = "Grüß \"Gott\"\n";

// Reads a stream that arrives in the given pieces.
struct Reading {
  explicit Reading(const std::vector<std::string_view>& pieces) {
    const auto reader = make_ollama_format({})->reader();
    for (const std::string_view piece : pieces) {
      if (outcome) outcome = reader->feed(piece, [this](std::string_view more) { text += more; });
    }
    done = reader->done();
    completion.prompt_tokens = 7;
    completion.completion_tokens = 9;
    completion.estimated = true;
    reader->summarize(completion);
  }

  std::string text;
  Result<void> outcome;
  bool done = false;
  Completion completion;
};

TEST(Ollama, AsksForAStreamWithAnExplicitContextLength) {
  ChatAsk ask;
  ask.messages = {{"system", "Be \"brief\"."}, {"user", "Hi"}};
  const auto format = make_ollama_format({.num_ctx = 4096, .keep_alive = "5m"});
  const WireRequest request = format->chat(ask, "llama3.2:3b");
  EXPECT_EQ(request.method, http::Method::Post);
  EXPECT_EQ(request.path, "/api/chat");
  EXPECT_EQ(request.body,
            R"({"model":"llama3.2:3b","stream":true,"keep_alive":"5m","messages":[)"
            R"({"role":"system","content":"Be \"brief\"."},{"role":"user","content":"Hi"}],)"
            R"("options":{"num_ctx":4096}})");
}

TEST(Ollama, PassesTheSamplingOn) {
  ChatAsk ask;
  ask.max_tokens = 64;
  ask.temperature = 0.5;
  ask.seed = 0x1'0000'0007;  // Ollama's seeds have 31 bits
  ask.stop = {"\n", "END"};
  EXPECT_EQ(make_ollama_format({})->chat(ask, "m").body,
            R"({"model":"m","stream":true,"keep_alive":"10m","messages":[],"options":{)"
            R"("num_ctx":8192,"num_predict":64,"temperature":0.5,"seed":7,"stop":["\n","END"]}})");
}

TEST(Ollama, ReadsAStreamCutAtAnyByte) {
  for (std::size_t cut = 0; cut <= kStream.size(); ++cut) {
    const Reading reading({kStream.substr(0, cut), kStream.substr(cut)});
    ASSERT_TRUE(reading.outcome.ok()) << cut;
    ASSERT_EQ(reading.text, kStreamSays) << cut;
    ASSERT_TRUE(reading.done) << cut;
  }
}

TEST(Ollama, ReadsAStreamThatComesByteByByte) {
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < kStream.size(); ++i) bytes.push_back(kStream.substr(i, 1));
  const Reading reading(bytes);
  ASSERT_TRUE(reading.outcome.ok());
  EXPECT_EQ(reading.text, kStreamSays);
  EXPECT_EQ(reading.completion.finish_reason, "stop");
  EXPECT_EQ(reading.completion.prompt_tokens, 26);
  EXPECT_EQ(reading.completion.completion_tokens, 4);
  EXPECT_FALSE(reading.completion.estimated);
}

TEST(Ollama, ReadsNothingBehindTheEnd) {
  constexpr std::string_view kEnd =
      "{\"message\":{\"content\":\"a\"},\"done\":true,\"eval_count\":2}\n";
  constexpr std::string_view kMore =
      "{\"message\":{\"content\":\"b\"},\"done\":true,\"eval_count\":9}\ngarbage\n";
  const std::string together = std::string(kEnd) + std::string(kMore);
  for (const Reading& reading : {Reading({together}), Reading({kEnd, kMore})}) {
    EXPECT_TRUE(reading.outcome.ok());
    EXPECT_EQ(reading.text, "a");
    EXPECT_EQ(reading.completion.completion_tokens, 2);
  }
}

TEST(Ollama, IsNotDoneBeforeTheProviderSaysSo) {
  for (std::size_t cut = 0; cut < kStream.size(); ++cut) {
    ASSERT_FALSE(Reading({kStream.substr(0, cut)}).done) << cut;
  }
}

TEST(Ollama, SaysWhenTheLengthEndedTheAnswer) {
  const Reading reading({"{\"done\":true,\"done_reason\":\"length\"}\n"});
  EXPECT_EQ(reading.completion.finish_reason, "length");
  EXPECT_EQ(Reading({"{\"done\":true,\"done_reason\":\"load\"}\n"}).completion.finish_reason,
            "stop");
}

TEST(Ollama, KeepsTheEstimateWhereNothingWasCounted) {
  const Reading none({"{\"done\":true}\n"});
  EXPECT_EQ(none.completion.prompt_tokens, 7);
  EXPECT_EQ(none.completion.completion_tokens, 9);
  EXPECT_TRUE(none.completion.estimated);
  const Reading cached({"{\"done\":true,\"eval_count\":4}\n"});
  EXPECT_EQ(cached.completion.prompt_tokens, 7);
  EXPECT_EQ(cached.completion.completion_tokens, 4);
  EXPECT_TRUE(cached.completion.estimated);
}

TEST(Ollama, BelievesNoImpossibleCounts) {
  const Reading wild({"{\"done\":true,\"prompt_eval_count\":-5,\"eval_count\":\"many\"}\n"});
  EXPECT_EQ(wild.completion.prompt_tokens, 7);
  EXPECT_EQ(wild.completion.completion_tokens, 9);
  EXPECT_TRUE(wild.completion.estimated);
  EXPECT_GT(Reading({"{\"done\":true,\"eval_count\":1e300}\n"}).completion.completion_tokens, 0);
}

TEST(Ollama, PassesOnAnErrorInTheStream) {
  const Reading reading(
      {"{\"message\":{\"content\":\"He\"}}\n", "{\"error\":\"out of memory\"}\n"});
  EXPECT_EQ(reading.text, "He");
  ASSERT_FALSE(reading.outcome.ok());
  EXPECT_EQ(reading.outcome.error().code, Code::Unavailable);
  EXPECT_EQ(reading.outcome.error().message, "out of memory");
}

TEST(Ollama, RefusesGarbage) {
  for (const std::string_view garbage :
       {"<html>\n", "[]\n", "42\n", "\"text\"\n", "{\"done\":tr\n", "{\"a\":\"\xff\"}\n"}) {
    const Reading reading({garbage});
    ASSERT_FALSE(reading.outcome.ok()) << garbage;
    EXPECT_EQ(reading.outcome.error().code, Code::Unavailable);
    EXPECT_TRUE(reading.outcome.error().message.starts_with("garbage in the stream"));
    EXPECT_FALSE(reading.done);
  }
}

TEST(Ollama, PassesOverMembersOfAnotherKindThanExpected) {
  const Reading reading(
      {"{\"message\":\"x\",\"done\":\"yes\"}\n", "{\"message\":{\"content\":1}}\n"});
  EXPECT_TRUE(reading.outcome.ok());
  EXPECT_EQ(reading.text, "");
  EXPECT_FALSE(reading.done);
}

TEST(Ollama, RefusesALineWithoutEnd) {
  const std::string endless(1100 * 1024, 'x');
  EXPECT_FALSE(Reading({endless, endless}).outcome.ok());
}

TEST(Ollama, ListsTheModelsThatHaveAName) {
  const auto format = make_ollama_format({});
  EXPECT_EQ(format->list_models().method, http::Method::Get);
  EXPECT_EQ(format->list_models().path, "/api/tags");
  const auto models =
      format->read_models(R"({"models":[{"name":"a:1b","size":1},{"size":2},7,{"name":"b"}]})");
  ASSERT_TRUE(models.ok());
  EXPECT_EQ(models.value(), (std::vector<std::string>{"a:1b", "b"}));
}

TEST(Ollama, RefusesWhatIsNoListOfModels) {
  const auto format = make_ollama_format({});
  for (const std::string_view body : {"", "nginx", "{}", R"({"models":3})", "[]"}) {
    EXPECT_FALSE(format->read_models(body).ok()) << body;
  }
}

TEST(Ollama, TakesNoEndlessListOfModels) {
  const auto format = make_ollama_format({});
  const auto list = [](const std::string& item, int count) {
    std::string body = R"({"models":[)";
    for (int i = 0; i < count; ++i) body += item + ",";
    return body + R"({"name":"last"}]})";
  };
  EXPECT_EQ(format->read_models(list(R"({"name":"m"})", 9'999)).value().size(), 10'000U);
  EXPECT_EQ(format->read_models(list(R"({"name":"m"})", 20'000)).value().size(), 10'000U);
  const std::string name(257, 'x');
  EXPECT_EQ(format->read_models(list(R"({"name":")" + name + R"("})", 1)).value(),
            std::vector<std::string>{"last"});
  EXPECT_EQ(format->read_models(list("0", 200'000)).error().message, "has more than 200000 values");
}

TEST(Ollama, AsksForEmbeddingsOfWholeTextsOnly) {
  EmbedAsk ask;
  ask.inputs = {"one", "two"};
  const auto format = make_ollama_format({.num_ctx = 2048, .keep_alive = "5m"});
  const WireRequest request = format->embed(ask, "nomic");
  EXPECT_EQ(request.path, "/api/embed");
  EXPECT_EQ(request.body,
            R"({"model":"nomic","input":["one","two"],"truncate":false,"keep_alive":"5m",)"
            R"("options":{"num_ctx":2048}})");
  ask.dimensions = 64;
  EXPECT_NE(format->embed(ask, "nomic").body.find(R"("dimensions":64)"), std::string::npos);
}

TEST(Ollama, ReadsEmbeddings) {
  const auto read = make_ollama_format({})->read_embeddings(
      R"({"model":"m","embeddings":[[0.5,-1],[2,3e-1]],"prompt_eval_count":9})");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read.value().vectors, (std::vector<std::vector<float>>{{0.5F, -1.0F}, {2.0F, 0.3F}}));
  EXPECT_EQ(read.value().prompt_tokens, 9);
}

TEST(Ollama, TakesNoMoreNumbersThanItsEmbeddingsCanHave) {
  const auto vectors = [](int count) {
    std::string vector = "[0";
    for (int i = 1; i < 65'536; ++i) vector += ",0";
    std::string body = R"({"embeddings":[)" + vector + "]";
    for (int i = 1; i < count; ++i) body += "," + vector + "]";
    return body + "]}";
  };
  EXPECT_EQ(make_ollama_format({})->read_embeddings(vectors(30)).value().vectors.size(), 30U);
  EXPECT_FALSE(make_ollama_format({})->read_embeddings(vectors(31)).ok());
}

TEST(Ollama, RefusesWhatAreNoEmbeddings) {
  for (const std::string_view body :
       {"", "nginx", "[]", "{}", R"({"embeddings":3})", R"({"embeddings":[[]]})",
        R"({"embeddings":[["a"]]})", R"({"embeddings":[[1e39]]})", R"({"embeddings":[null]})",
        R"({"error":"input length exceeds the context length"})"}) {
    const auto read = make_ollama_format({})->read_embeddings(std::string(body));
    ASSERT_FALSE(read.ok()) << body;
    EXPECT_EQ(read.error().code, Code::Unavailable) << body;
  }
}

}  // namespace
}  // namespace llm
