#include "retriever/settings.h"

#include "config/config.h"
#include "json/codec.h"
#include "retriever/config.h"
#include "services/retriever/fixture.h"

namespace retriever {
namespace {

class Tuned : public WithIndex {
 protected:
  std::unique_ptr<Settings> open(contracts::RagSettings configured = {}) {
    return Settings::open(*index_, configured).value();
  }
  static std::string shown(const Settings& settings) { return json::encode(settings.now()); }
};

TEST_F(Tuned, AreTheConfiguredOnesUntilSomebodyChangesThem) {
  EXPECT_EQ(shown(*open()), R"({"top_k":10,"context_tokens":10000,"expansion":true})");
  EXPECT_EQ(shown(*open({3, 500, false})), R"({"top_k":3,"context_tokens":500,"expansion":false})");
}

TEST_F(Tuned, ChangeWhatIsNamedAndSayAllOfIt) {
  const auto settings = open();
  EXPECT_EQ(json::encode(settings->change(R"({"top_k":3})").value()),
            R"({"top_k":3,"context_tokens":10000,"expansion":true})");
  EXPECT_EQ(json::encode(settings->change(R"({"context_tokens":100,"expansion":false})").value()),
            R"({"top_k":3,"context_tokens":100,"expansion":false})");
  EXPECT_EQ(shown(*settings), R"({"top_k":3,"context_tokens":100,"expansion":false})");
}

TEST_F(Tuned, OutliveTheProcessAndLeaveTheRestToTheConfiguration) {
  ASSERT_TRUE(open()->change(R"({"top_k":3})").ok());
  reopen();
  EXPECT_EQ(shown(*open({20, 2000, false})),
            R"({"top_k":3,"context_tokens":2000,"expansion":false})");
}

TEST_F(Tuned, AreLeftToTheConfigurationAgainByNull) {
  const auto settings = open({20, 2000, false});
  ASSERT_TRUE(settings->change(R"({"top_k":3,"expansion":true})").ok());
  EXPECT_EQ(json::encode(settings->change(R"({"top_k":null})").value()),
            R"({"top_k":20,"context_tokens":2000,"expansion":true})");
  EXPECT_EQ(index_->settings().value(), R"({"expansion":true})");
  reopen();
  EXPECT_EQ(shown(*open({9, 2000, false})),
            R"({"top_k":9,"context_tokens":2000,"expansion":true})");
  EXPECT_EQ(open()->change(R"({"topk":null})").error().code, Code::InvalidArgument);
}

TEST_F(Tuned, StayAsTheyAreWhenOneOfThemIsWrong) {
  const auto settings = open();
  const auto refusal = [&](const char* object) {
    const auto changed = settings->change(object);
    EXPECT_FALSE(changed.ok()) << object;
    EXPECT_EQ(changed.error().code, Code::InvalidArgument);
    return changed.error().message;
  };
  EXPECT_EQ(refusal(R"({"expansion":false,"top_k":51})"), "top_k: must be at most 50");
  EXPECT_EQ(refusal(R"({"top_k":0})"), "top_k: must be at least 1");
  EXPECT_EQ(refusal(R"({"context_tokens":99})"), "context_tokens: must be at least 100");
  EXPECT_EQ(refusal(R"({"expansion":"on"})").substr(0, 10), "expansion:");
  EXPECT_EQ(refusal(R"({"top_k":3,"topk":3})"), "unknown key 'topk', the closest is 'top_k'");
  refusal("[]");
  refusal("");
  EXPECT_EQ(shown(*settings), R"({"top_k":10,"context_tokens":10000,"expansion":true})");
  EXPECT_EQ(index_->settings().value(), "");
}

TEST_F(Tuned, DoNotOpenWhenWhatIsKeptMakesNoSense) {
  for (const char* text : {"{\"top_k\":99}", "nonsense", "{\"k\":1}"}) {
    ASSERT_TRUE(index_->keep_settings(text).ok());
    EXPECT_EQ(Settings::open(*index_, {}).error().code, Code::DataLoss) << text;
  }
}

TEST(Configured, TurnsExpansionOffByTheUsualName) {
  config::Inputs inputs;
  inputs.section = "retriever";
  EXPECT_TRUE(config::load<Config>(inputs).value().expansion);
  inputs.environment["ENABLE_ENHANCED_RAG"] = "false";
  EXPECT_FALSE(config::load<Config>(inputs).value().expansion);
  inputs.environment["TROUPE_RETRIEVER_EXPANSION"] = "true";
  EXPECT_TRUE(config::load<Config>(inputs).value().expansion);
  inputs.environment["ENABLE_ENHANCED_RAG"] = "maybe";
  EXPECT_EQ(config::load<Config>(inputs).error().code, Code::InvalidArgument);
}

}  // namespace
}  // namespace retriever
