#include "config/config.h"

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace config {
namespace {

struct Judge {
  std::string name;
  std::map<std::string, double> weights;
  static void fields(auto& self, auto&& visit) {
    visit("name", self.name, Field{.defaulted = true});
    visit("weights", self.weights, Field{.defaulted = true});
  }
  friend bool operator==(const Judge&, const Judge&) = default;
};

struct Stage {
  int port = 6003;
  std::string key;
  double rating_min = 0.6;
  std::vector<std::string> models{"auto"};
  std::string redis_url;
  std::optional<Judge> judge;
  std::vector<Judge> panel;
  std::map<std::string, Judge> by_name;
  bool open = false;

  static void fields(auto& self, auto&& visit) {
    visit("port", self.port, Field{.min = 0, .max = 65535, .help = "operator door"});
    visit("key", self.key, Field{.secret = true, .help = "key for the model"});
    visit("rating_min", self.rating_min, Field{.max = 1, .help = "worse drafts are rejected"});
    visit("models", self.models, Field{.items_max = 3, .help = "in order of preference"});
    visit("redis_url", self.redis_url,
          Field{.help = "shared cache", .variable = "TROUPE_REDIS_URL"});
    visit("judge", self.judge);
    visit("panel", self.panel);
    visit("by_name", self.by_name);
    visit("open", self.open);
  }
};

// A start with these arguments and variables.
struct Start {
  std::vector<const char*> arguments{};
  std::vector<const char*> environment{};

  Result<Inputs> inputs() const {
    std::vector<const char*> argv{"troupe-quality"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    std::vector<const char*> variables = environment;
    variables.push_back(nullptr);
    return read_inputs("quality", static_cast<int>(argv.size()), argv.data(), variables.data());
  }
  Result<Stage> load() const {
    const Inputs read = TRY(inputs());
    return config::load<Stage>(read);
  }
  std::string refusal() const {
    const auto loaded = load();
    return loaded ? "accepted" : loaded.error().message;
  }
};

TEST(Config, TakesTheDefaultsWhenNothingIsSaid) {
  const auto stage = Start{}.load();
  ASSERT_TRUE(stage.ok());
  EXPECT_EQ(stage.value().port, 6003);
  EXPECT_EQ(stage.value().models, std::vector<std::string>{"auto"});
}

TEST(Config, TakesASwitchAsAWordOrADigit) {
  for (const auto* const on : {"TROUPE_QUALITY_OPEN=1", "TROUPE_QUALITY_OPEN=true"}) {
    EXPECT_TRUE((Start{{}, {on}}.load().value().open)) << on;
  }
  EXPECT_FALSE((Start{{"--open", "0"}, {"TROUPE_QUALITY_OPEN=1"}}.load().value().open));
  for (const auto* const wrong : {"TROUPE_QUALITY_OPEN=2", "TROUPE_QUALITY_OPEN=01",
                                  "TROUPE_QUALITY_OPEN=yes", "TROUPE_QUALITY_OPEN="}) {
    EXPECT_NE((Start{{}, {wrong}}.refusal()), "accepted") << wrong;
  }
}

TEST(Config, PrefersTheFlagToTheEnvironmentToTheFileToTheDefault) {
  const support::TempDir dir;
  const std::string file = dir.write("troupe.json", R"({"quality":{"port":1}})");
  const char* variable = "TROUPE_QUALITY_PORT=2";
  EXPECT_EQ((Start{{"--config", file.c_str()}}.load().value().port), 1);
  EXPECT_EQ((Start{{"--config", file.c_str()}, {variable}}.load().value().port), 2);
  EXPECT_EQ((Start{{"--config", file.c_str(), "--port", "3"}, {variable}}.load().value().port), 3);
}

TEST(Config, FindsTheFileByTheEnvironmentAndByTheFlagFirst) {
  const support::TempDir dir;
  const std::string one = dir.write("one.json", R"({"quality":{"port":1}})");
  const std::string variable = "TROUPE_CONFIG=" + one;
  const std::string two = "--config=" + dir.write("two.json", R"({"quality":{"port":2}})");
  EXPECT_EQ((Start{{}, {variable.c_str()}}.load().value().port), 1);
  EXPECT_EQ((Start{{two.c_str()}, {variable.c_str()}}.load().value().port), 2);
}

TEST(Config, ReadsAFileWithCommentsAndPassesOverOtherSections) {
  const support::TempDir dir;
  const std::string file = dir.write("troupe.json", R"(// the stage
    {"router": {"deadline": 5},
     "quality": {"models": ["a", "b"] /* both */}})");
  const auto stage = Start{{"--config", file.c_str()}}.load();
  ASSERT_TRUE(stage.ok()) << stage.error().message;
  EXPECT_EQ(stage.value().models, (std::vector<std::string>{"a", "b"}));
}

TEST(Config, SaysWhereInTheFileItWentWrong) {
  const support::TempDir dir;
  const auto refusal = [&](std::string_view text) {
    const std::string file = dir.write("bad.json", text);
    std::string said = Start{{"--config", file.c_str()}}.refusal();
    const std::string prefix = "config " + file + ": ";
    EXPECT_TRUE(said.starts_with(prefix)) << said;
    return said.substr(std::min(prefix.size(), said.size()));
  };
  EXPECT_EQ(refusal(R"({"quality":{"rating_mim":0.5}})"),
            "quality: unknown key 'rating_mim', the closest is 'rating_min'");
  EXPECT_EQ(refusal(R"({"quality":{"port":"80"}})"), "quality.port: must be an integer");
  EXPECT_EQ(refusal(R"({"quality":{"port":65536}})"), "quality.port: must be at most 65535");
  EXPECT_EQ(refusal(R"({"quality":{"models":["a",1]}})"), "quality.models[1]: must be a string");
  EXPECT_EQ(refusal(R"({"quality":[]})"), "quality: must be an object");
  EXPECT_EQ(refusal("[]"), "must be a JSON object");
  EXPECT_TRUE(refusal("{").starts_with("not JSON at byte "));
  EXPECT_EQ(refusal(std::string(1024 * 1024 + 1, ' ')), "larger than 1048576 bytes");
}

TEST(Config, FindsAnUnknownKeyAtAnyDepth) {
  const support::TempDir dir;
  const auto refusal = [&](std::string_view text) {
    const std::string file = dir.write("deep.json", fmt::format(R"({{"quality":{}}})", text));
    const std::string said = Start{{"--config", file.c_str()}}.refusal();
    const std::string prefix = "config " + file + ": ";
    return said.starts_with(prefix) ? said.substr(prefix.size()) : said;
  };
  EXPECT_EQ(refusal(R"({"judge":{"nmae":"a"}})"),
            "quality.judge: unknown key 'nmae', the closest is 'name'");
  EXPECT_EQ(refusal(R"({"panel":[{"name":"a"},{"wights":{}}]})"),
            "quality.panel[1]: unknown key 'wights', the closest is 'weights'");
  EXPECT_EQ(refusal(R"({"by_name":{"b":{"x":1}}})"),
            "quality.by_name.b: unknown key 'x', the closest is 'name'");
  // The keys of a map are anybody's, and what is no object at all is told as such.
  EXPECT_EQ(refusal(R"({"judge":{"weights":{"anything":1}}})"), "accepted");
  EXPECT_EQ(refusal(R"({"judge":7})"), "quality.judge: must be an object");
  EXPECT_EQ(refusal(R"({"panel":{"name":"a"}})"), "quality.panel: must be an array");
}

TEST(Config, FindsAnUnknownKeyInAFlagAndInAVariable) {
  EXPECT_EQ((Start{{R"(--judge={"nmae":"a"})"}}.refusal()),
            "--judge: unknown key 'nmae', the closest is 'name'");
  EXPECT_EQ((Start{{}, {R"(TROUPE_QUALITY_PANEL=[{"nmae":"a"}])"}}.refusal()),
            "TROUPE_QUALITY_PANEL: [0]: unknown key 'nmae', the closest is 'name'");
}

TEST(Config, RefusesAVariableOfItsOwnSectionThatIsNoSetting) {
  EXPECT_EQ((Start{{}, {"TROUPE_QUALITY_PROT=1"}}.refusal()),
            "unknown variable TROUPE_QUALITY_PROT, the closest is 'TROUPE_QUALITY_PORT'");
  EXPECT_EQ((Start{{}, {"TROUPE_QUALITY_=1"}}.refusal().substr(0, 32)),
            "unknown variable TROUPE_QUALITY_");
}

TEST(Config, LeavesVariablesOfOthersAlone) {
  EXPECT_EQ((Start{{},
                   {"TROUPE_BIN=/b", "TROUPE_SANITIZE=address", "TROUPE_DATA=d", "TROUPE_QUALITY=1",
                    "TROUPE_ROUTER_PROT=1", "TROUPE_REDIS_URL=redis://r"}}
                 .refusal()),
            "accepted");
}

TEST(Config, RefusesAFileThatCannotBeRead) {
  EXPECT_EQ((Start{{"--config", "/nowhere/troupe.json"}}.refusal()),
            "config /nowhere/troupe.json: cannot be read: No such file or directory");
  const support::TempDir dir;
  EXPECT_NE((Start{{"--config", dir.path().c_str()}}.refusal()), "accepted");
}

TEST(Config, NamesTheVariableThatItCannotRead) {
  EXPECT_EQ((Start{{}, {"TROUPE_QUALITY_PORT=80x"}}.refusal()),
            "TROUPE_QUALITY_PORT: cannot read '80x'");
  EXPECT_EQ((Start{{}, {"TROUPE_QUALITY_PORT=-1"}}.refusal()),
            "TROUPE_QUALITY_PORT: must be at least 0");
  EXPECT_EQ((Start{{}, {"TROUPE_QUALITY_PORT="}}.refusal()), "TROUPE_QUALITY_PORT: cannot read ''");
}

TEST(Config, NamesTheFlagThatItCannotRead) {
  EXPECT_EQ((Start{{"--port", "80x"}}.refusal()), "--port: cannot read '80x'");
  EXPECT_EQ((Start{{"--rating-min=2"}}.refusal()), "--rating_min: must be at most 1");
  EXPECT_EQ((Start{{"--prot", "80"}}.refusal()), "unknown flag --prot, the closest is 'port'");
  EXPECT_EQ((Start{{"--port"}}.refusal()), "--port needs a value");
  EXPECT_EQ((Start{{"port=80"}}.refusal()), "unexpected argument 'port=80'");
}

TEST(Config, ReadsFlagsWithDashesEqualSignsAndEqualSignsInTheValue) {
  const auto stage = Start{{"--rating-min=0.25", "--key", "a=b", "--models", R"(["x"])"}}.load();
  ASSERT_TRUE(stage.ok()) << stage.error().message;
  EXPECT_EQ(stage.value().rating_min, 0.25);
  EXPECT_EQ(stage.value().key, "a=b");
  EXPECT_EQ(stage.value().models, std::vector<std::string>{"x"});
}

TEST(Config, ReadsASharedVariableAndPrefersTheServicesOwn) {
  EXPECT_EQ((Start{{}, {"TROUPE_REDIS_URL=all"}}.load().value().redis_url), "all");
  EXPECT_EQ((Start{{}, {"TROUPE_REDIS_URL=all", "TROUPE_QUALITY_REDIS_URL=own"}}
                 .load()
                 .value()
                 .redis_url),
            "own");
}

TEST(Config, ReadsNothingElseFromTheEnvironment) {
  EXPECT_EQ((Start{{}, {"PORT=1", "TROUPE_ROUTER_PORT=2", "port=3", "broken"}}.load().value().port),
            6003);
}

TEST(Config, ShowsWhetherASecretIsSetAndNeverTheSecret) {
  const std::string with = print(Start{{"--key", "hunter2"}}.load().value());
  EXPECT_EQ(with, R"j({"port":6003,"key":"(set)","rating_min":0.6,"models":["auto"],)j"
                  R"j("redis_url":"","judge":null,"panel":[],"by_name":{},"open":false})j");
  EXPECT_NE(print(Stage{}).find(R"j("key":"(not set)")j"), std::string::npos);
}

TEST(Config, TakesNoHiddenSecretForTheSecret) {
  const support::TempDir dir;
  std::string file = dir.write("a.json", R"j({"quality":{"key":"(not set)"}})j");
  EXPECT_EQ((Start{{"--config", file.c_str()}}.load().value().key), "");
  file = dir.write("b.json", R"j({"quality":{"key":"(set)"}})j");
  EXPECT_EQ(
      (Start{{"--config", file.c_str()}}.refusal()),
      "config " + file + ": quality.key: '(set)' only stands for the secret, which is hidden");
}

TEST(Config, ListsEverySettingInTheHelp) {
  const std::string text = help<Stage>("quality");
  for (const char* part : {"--port ", "TROUPE_QUALITY_PORT ", "operator door [6003]", "--key ",
                           "key for the model []", "--rating_min ", "TROUPE_QUALITY_RATING_MIN ",
                           R"(in order of preference [["auto"]])", "TROUPE_QUALITY_REDIS_URL "}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST(Config, NoticesThatHelpOrTheConfigurationIsAskedFor) {
  EXPECT_TRUE((Start{{"--help"}}.inputs().value().help));
  EXPECT_TRUE((Start{{"--print-config"}}.inputs().value().print));
  EXPECT_FALSE(Start{}.inputs().value().help);
}

}  // namespace
}  // namespace config
