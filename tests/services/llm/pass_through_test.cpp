#include "llm/pass_through.h"

#include <gtest/gtest.h>

#include "services/llm/talk_support.h"

namespace talk_test {
namespace {

TEST(Outline, FindsTheMembersOfABody) {
  const std::string body =
      " {\"model\" : \"m\", \"messages\":[{\"content\":\"}]\\\"{\"}],\n\"stream\":true,"
      "\"max_tokens\":12,\"options\":{\"a\":[1,{}]},\"t\":-1.5e3 } ";
  const auto outline = Outline::of(body);
  ASSERT_TRUE(outline.ok()) << outline.error().message;
  EXPECT_EQ(outline.value().text("model"), "m");
  EXPECT_EQ(outline.value().find("messages"), R"([{"content":"}]\"{"}])");
  EXPECT_TRUE(outline.value().is_true("stream"));
  EXPECT_EQ(outline.value().integer("max_tokens"), 12);
  EXPECT_EQ(outline.value().find("options"), R"({"a":[1,{}]})");
  EXPECT_EQ(outline.value().find("t"), "-1.5e3");
  EXPECT_EQ(outline.value().find("none"), "");
  EXPECT_FALSE(outline.value().integer("t"));
  EXPECT_EQ(outline.value().text("max_tokens"), "");
}

TEST(Outline, RefusesWhatWeAndAProviderMightReadDifferently) {
  for (const std::string_view body :
       {"", "[]", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":1}x", "{\"a\":\"x}",
        "{\"a\":[}", "{\"a\":{]}", "{\"a\":1 \"b\":2}", "{a:1}", "{\"a\":1,\"a\":2}",
        "{\"mod\\u0065l\":1}", "{\"a\":\"x\\\"}", "{\"a\":[\"x]}"}) {
    EXPECT_EQ(Outline::of(body).ok(), false) << body;
  }
  EXPECT_TRUE(Outline::of("{\"a\":\"x\\\\\"}").ok());
  EXPECT_TRUE(Outline::of("{}").ok());
  std::string many = "{\"a\":1";
  for (int i = 0; i < 63; ++i) many += fmt::format(",\"a{}\":1", i);
  EXPECT_TRUE(Outline::of(many + "}").ok());
  EXPECT_EQ(Outline::of(many + ",\"b\":1}").error().message, "the body has too many members");
  std::string deep = "{\"a\":" + std::string(65, '[') + std::string(65, ']') + "}";
  EXPECT_FALSE(Outline::of(deep).ok());
  deep = "{\"a\":" + std::string(64, '[') + std::string(64, ']') + "}";
  EXPECT_TRUE(Outline::of(deep).ok());
}

TEST(Outline, ChangesOnlyTheMembersThatAreNamed) {
  const std::string body = R"({ "model": "a", "stream":true ,"x": [1] })";
  const auto outline = Outline::of(body);
  ASSERT_TRUE(outline.ok());
  EXPECT_EQ(outline.value().with({}), body);
  EXPECT_EQ(outline.value().with({{"model", "\"b\""}}),
            R"({ "model": "b", "stream":true ,"x": [1] })");
  EXPECT_EQ(outline.value().with({{"x", "2"}, {"model", "\"longer\""}, {"y", "{}"}}),
            R"({ "model": "longer", "stream":true ,"x": 2 ,"y":{}})");
  EXPECT_EQ(Outline::of("{}").value().with({{"y", "1"}, {"z", "2"}}), R"({"y":1,"z":2})");
}

const std::string kChunks =
    R"(data: {"model":"m","choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null})"
    "\n\n"
    R"(data: {"model":"m","choices":[{"delta":{"content":"a"},"finish_reason":null}],"usage":null})"
    "\n\n"
    R"(data: {"model":"m","choices":[{"delta":{"content":"b \"finish_reason\": c"},"finish_reason":null}],"usage":null})"
    "\n\n"
    R"(data: {"model":"m","choices":[{"delta":{"content":"c"},"finish_reason": null}],"usage": null})"
    "\n\n"
    R"(data: {"model":"m","choices":[{"delta":{},"finish_reason":"stop"}],"usage":null})"
    "\n\n";
const std::string kUsage =
    R"(data: {"model":"m","choices": [ ],"usage":{"prompt_tokens":5,"completion_tokens":3}})"
    "\n\n";
const std::string kDone = "data: [DONE]\n\n";

std::string passed(Watch& watch, const std::vector<std::string_view>& pieces) {
  std::string all;
  for (const auto piece : pieces) {
    const auto fed = watch.feed(piece);
    if (!fed) return all + "error: " + fed.error().message;
    all += fed.value();
  }
  const auto ended = watch.end();
  if (!ended) return all + "error: " + ended.error().message;
  return all + std::string(ended.value());
}

TEST(Watch, SeesWhatMattersInAStreamThatGoesThroughUnchanged) {
  const std::string stream = kChunks + kUsage + kDone;
  for (std::size_t at = 0; at < stream.size(); ++at) {
    Watch watch(make_openai_provider()->reader({}), Watch::HideUsage::No);
    const std::string_view whole = stream;
    ASSERT_EQ(passed(watch, {whole.substr(0, at), whole.substr(at)}), stream) << at;
    EXPECT_TRUE(watch.begun() && watch.done() && watch.ended());
    EXPECT_EQ(watch.usage().prompt, 5);
    EXPECT_EQ(watch.usage().completion, 3);
    EXPECT_TRUE(watch.usage().exact);
    EXPECT_EQ(watch.finish(), Finish::Stop);
    EXPECT_EQ(watch.model(), "m");
    EXPECT_EQ(watch.deltas(), 3);
    EXPECT_EQ(watch.text_bytes(), 24);
  }
}

TEST(Watch, HidesAUsageThatTheClientDidNotAskFor) {
  const std::string stream = kChunks + kUsage + kDone;
  for (std::size_t at = 0; at < stream.size(); ++at) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{40}, stream.size()}) {
      Watch watch(make_openai_provider()->reader({}), Watch::HideUsage::Yes);
      const std::string_view rest = std::string_view(stream).substr(at);
      ASSERT_EQ(passed(watch, {std::string_view(stream).substr(0, at), rest.substr(0, size),
                               rest.substr(std::min(size, rest.size()))}),
                kChunks + kDone)
          << at;
      EXPECT_EQ(watch.usage().prompt, 5);
    }
  }
}

TEST(Watch, GivesACopyOfAllThatIsSaid) {
  Completion kept;
  Watch watch(make_openai_provider()->reader({}), Watch::HideUsage::No,
              [&](const Delta& delta) { kept.add(delta); });
  const std::vector<std::string_view> pieces{
      "data: {\"choices\":[{\"delta\":{\"content\":\"Hel\"}}]}\n\n",
      "data: {\"choices\":[{\"delta\":{\"content\":\"lo\"}}]}\n\n",
      "data: {\"choices\":[{\"delta\":{\"content\":\"!\"}}]}\n\n",
      "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n"};
  for (const std::string_view piece : pieces) EXPECT_EQ(watch.feed(piece).value(), piece);
  EXPECT_EQ(kept.text(), "Hello!");
  EXPECT_EQ(kept.finish, Finish::Length);
  EXPECT_EQ(watch.deltas(), 3);
}

TEST(Watch, OfSeveralChoicesTheMarkTellsTheEnd) {
  ChatAsk two;
  two.choices = 2;
  const std::string_view first =
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"A\"},\"finish_reason\":\"stop\"}]}"
      "\n\n";
  for (const bool several : {false, true}) {
    Watch watch(make_openai_provider()->reader(several ? two : ChatAsk()), Watch::HideUsage::No);
    ASSERT_TRUE(watch.feed(first));
    EXPECT_EQ(watch.done(), !several);
    EXPECT_EQ(watch.end().ok(), !several);
  }
}

TEST(Watch, DoesNotTakeTheRoleForAFirstToken) {
  Watch watch(make_openai_provider()->reader({}), Watch::HideUsage::No);
  ASSERT_TRUE(watch.feed(kChunks.substr(0, kChunks.find("\n\n") + 2)).ok());
  EXPECT_FALSE(watch.begun());
  ASSERT_TRUE(watch.feed(kChunks.substr(kChunks.find("\n\n") + 2, 120)).ok());
  EXPECT_TRUE(watch.begun());
}

TEST(Watch, TellsErrorsGarbageAndCuts) {
  const auto openai = [](const std::string& stream) {
    Watch watch(make_openai_provider()->reader({}), Watch::HideUsage::No);
    return passed(watch, {stream});
  };
  const std::string two = kChunks.substr(0, 300);
  EXPECT_EQ(openai(two), two + "error: the stream was cut");
  EXPECT_EQ(openai(kChunks.substr(0, kChunks.find("data", 150)) +
                   "data: {\"error\":{\"message\":\"boom\"}}\n\n"),
            "error: boom");
  EXPECT_EQ(openai("data: <html>\n\n"), "error: garbage in the stream: '<html>'");
  EXPECT_EQ(openai(kChunks + "data: oops\n\n"), "error: garbage in the stream: 'oops'");
}

TEST(Watch, SkimsTheOtherStreamsAsWell) {
  const Completion answer = rich_answer();
  for (const Peer& peer : peers()) {
    ChatAsk ask;
    ask.include_usage = true;
    const std::string stream = streamed(*peer.dialect, answer, ask, kStamp);
    Watch watch(peer.format->reader({}), Watch::HideUsage::No);
    EXPECT_EQ(passed(watch, {stream}), stream) << peer.name;
    EXPECT_TRUE(watch.begun() && watch.done()) << peer.name;
    EXPECT_EQ(watch.usage().prompt, 30) << peer.name;
    EXPECT_EQ(watch.usage().completion, 12) << peer.name;
    EXPECT_EQ(watch.model(), "m") << peer.name;
    EXPECT_TRUE(watch.finish().has_value()) << peer.name;
  }
}

TEST(Cutters, LimitWhatIsUnfinished) {
  SseCutter events(16);
  StreamEvent event;
  ASSERT_TRUE(events.feed("data: 0123456789abcdefgh\n").ok());
  EXPECT_FALSE(events.next(event));
  EXPECT_EQ(events.feed("data: more\n").error().code, Code::TooLarge);
  LineCutter lines(16);
  std::string_view line;
  bool lasting = false;
  ASSERT_TRUE(lines.feed("0123456789abcdefgh").ok());
  EXPECT_FALSE(lines.next(line, lasting));
  EXPECT_EQ(lines.feed("x").error().code, Code::TooLarge);
}

}  // namespace
}  // namespace talk_test
