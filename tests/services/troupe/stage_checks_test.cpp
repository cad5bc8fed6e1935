#include "troupe/stage_checks.h"

#include <gtest/gtest.h>

#include "contracts/characters.h"
#include "contracts/coordinator.h"
#include "contracts/retriever.h"
#include "services/troupe/checks.h"
#include "support/temp_dir.h"

namespace troupe {
namespace {

using contracts::ProcessState;

// A stack of answers by method; what has none is away.
class AnsweringNode final : public messaging::Node {
 public:
  std::map<std::string, std::string> answers;

  Result<std::string> call_and_wait(const std::string& service, std::string method, std::string,
                                    messaging::CallOptions) override {
    const auto answer = answers.find(method);
    if (answer != answers.end()) return answer->second;
    return Error{Code::Unavailable, "no instance of " + service + " is running"};
  }
  messaging::CallId call(const std::string&, std::string, std::string, messaging::CallOptions,
                         messaging::OnReply, messaging::OnItem) override {
    return 0;
  }
  void serve(std::string, messaging::Serve) override {}
  Result<void> bind(const std::string&) override { return {}; }
  void withdraw() override {}
  std::size_t serving() const override { return 0; }
  void cancel(messaging::CallId) override {}
  void publish(std::string, std::string) override {}
  void subscribe(std::string, messaging::OnEvent) override {}
  void stop() override {}
  bool post(std::function<void()>) override { return true; }
  bool on_thread() const override { return false; }
  messaging::TimerId after(Milliseconds, std::function<void()>) override { return 0; }
  void cancel_timer(messaging::TimerId) override {}
};

struct StageChecks : testing::Test {
  AnsweringNode node;
  Findings findings;

  void SetUp() override {
    contracts::CharacterList list;
    for (const auto* id : {"peter", "brian"}) {
      contracts::Character character;
      character.id = id;
      character.name = id;
      list.characters.push_back(character);
    }
    node.answers["characters.list"] = json::encode(list);
    know({"character_peter", "character_brian"});
    choose({"peter", "brian"}, "addressed");
  }
  // One document in each collection.
  void know(const std::vector<std::string>& names) {
    contracts::CollectionList list;
    for (const auto& name : names) list.collections.push_back({name, 1, 1, 1});
    node.answers["retriever.collections"] = json::encode(list);
  }
  void choose(std::vector<std::string> speakers, std::string reason) {
    contracts::Selection selection;
    selection.nobody = speakers.empty();
    selection.speakers = std::move(speakers);
    selection.reason = std::move(reason);
    node.answers["coordinator.select"] = json::encode(selection);
  }
  std::string characters() {
    findings = {};
    check_characters(node, "http://cast", "/d/characters", findings);
    return shown(findings);
  }
  std::string energy(double left, double budget, std::size_t lines) {
    contracts::History history;
    history.energy = left;
    history.lines.resize(lines, {.author = "ada", .text = "Hi.", .kind = {}, .reply_to = {}});
    node.answers["coordinator.history"] = json::encode(history);
    findings = {};
    const auto settings =
        json::Document::parse("{\"weights\":{\"energy_budget\":" + std::to_string(budget) + "}}");
    check_energy(node, "den", settings.value().root(), findings);
    return shown(findings);
  }
  static contracts::ServiceStatus service(ProcessState state, bool ready) {
    contracts::ServiceStatus status;
    status.name = "llm";
    status.state = state;
    status.ready = ready;
    return status;
  }
};

TEST_F(StageChecks, AreContentWithACastThatKnowsAndAnswers) {
  EXPECT_EQ(characters(),
            "ok characters: peter, brian\n"
            "ok knowledge: 2 documents\n"
            "ok voices: all 2 answer when they are asked by name\n");
}

TEST_F(StageChecks, FindACharacterThatWouldKeepSilentAndSayTheReason) {
  choose({"peter"}, "addressed");
  EXPECT_NE(characters().find(
                "fail voices: brian would not answer to its own name -> "
                "troupe down && TROUPE_COORDINATOR_WEIGHTS='{\"threshold\":25}' troupe up --detach "
                "(below_threshold)\n"),
            std::string::npos)
      << characters();
  choose({}, "quiet");
  EXPECT_NE(characters().find("(quiet)"), std::string::npos);
}

TEST_F(StageChecks, FindThatThereIsNobody) {
  node.answers["characters.list"] = json::encode(contracts::CharacterList{});
  EXPECT_EQ(characters(),
            "fail characters: there are none, so nobody speaks -> "
            "mv /d/characters /d/characters.old && troupe down && troupe up --detach  # the "
            "shipped ones come back (no_participants)\n");
}

TEST_F(StageChecks, FindACharacterWithoutKnowledgeAndAnEmptyKnowledgeBase) {
  know({"character_peter"});
  EXPECT_NE(characters().find("warn knowledge: brian answers from the card alone -> "
                              "${EDITOR:-vi} /d/characters/brian.md  "
                              "# the card names it: data.extensions.troupe.knowledge\n"),
            std::string::npos)
      << characters();
  know({});
  EXPECT_NE(characters().find("warn knowledge: it is empty"), std::string::npos);
}

TEST_F(StageChecks, FindACardThatDoesNotLint) {
  contracts::LintReport report;
  report.character = "peter";
  report.findings = {{"no_name", contracts::LintLevel::Error, "data.name", "give it a name"},
                     {"no_first_message", contracts::LintLevel::Info, "data.first_mes", "x"}};
  node.answers["characters.lint"] = json::encode(report);
  EXPECT_NE(characters().find("warn card: peter: no_name at data.name: give it a name -> "
                              "curl -s http://cast/characters/peter/lint\n"),
            std::string::npos);
  EXPECT_EQ(characters().find("no_first_message"), std::string::npos);
}

TEST_F(StageChecks, FindServicesThatCannotBeAsked) {
  node.answers.erase("coordinator.select");
  EXPECT_NE(characters().find("fail voices: no instance of coordinator is running -> troupe status "
                              "(coordinator_unavailable)\n"),
            std::string::npos);
  node.answers.erase("retriever.collections");
  EXPECT_NE(characters().find("fail knowledge: no instance of retriever"), std::string::npos);
  node.answers.clear();
  EXPECT_EQ(characters(),
            "fail characters: no instance of characters is running -> troupe status\n");
}

TEST_F(StageChecks, FindAChannelWithoutEnergy) {
  EXPECT_EQ(energy(3, 4, 1), "ok energy: 3.0 of 4.0 in den\n");
  EXPECT_EQ(energy(0, 4, 0), "ok energy: 0.0 of 4.0 in den\n");  // nobody has spoken there yet
  EXPECT_EQ(energy(0.5, 4, 1),
            "warn energy: 0.5 left in den: nobody goes on there until a person speaks -> "
            "troupe ask --channel den 'Hello, everybody!' (out_of_energy)\n");
  EXPECT_EQ(energy(0, 0, 1),
            "warn energy: a budget of 0: characters never answer each other -> "
            "troupe down && TROUPE_COORDINATOR_WEIGHTS='{\"energy_budget\":4}' troupe up --detach "
            "(out_of_energy)\n");
}

TEST_F(StageChecks, TellOfEachServiceThatIsNotReadyWithItsLastWords) {
  auto refused = service(ProcessState::Refused, false);
  refused.last_exit = "exit 2";
  refused.last_line = "llm: port: must be an integer";
  auto looping = service(ProcessState::CrashLoop, false);
  looping.last_exit = "signal 11";
  check_services({refused, looping, service(ProcessState::Running, false)}, "/d", findings);
  EXPECT_EQ(shown(findings),
            "fail services: llm is refused: llm: port: must be an integer -> "
            "tail -n 20 /d/logs/llm.log\n"
            "fail services: llm is crash_loop: signal 11 -> tail -n 20 /d/logs/llm.log\n"
            "fail services: llm runs, but says that it is not ready or does not answer -> "
            "tail -n 20 /d/logs/llm.log\n");
  findings = {};
  check_services({service(ProcessState::Running, true)}, "/d", findings);
  EXPECT_EQ(shown(findings), "ok services: all 1 are ready\n");
}

TEST_F(StageChecks, TellOfTheIncidentsOfTheLastHour) {
  contracts::Incident incident;
  incident.service = "llm";
  incident.kind = contracts::IncidentKind::Frozen;
  incident.detail = "no answer for 20.0 s";
  incident.count = 3;
  incident.last_ms = 1'000'000;
  check_incidents({incident}, 1'000'000 + 3'600'001, "/d", findings);
  EXPECT_EQ(shown(findings), "");
  check_incidents({incident}, 1'000'000 + 120'000, "/d", findings);
  EXPECT_EQ(shown(findings),
            "warn incidents: llm frozen 3 times, 2 min ago: no answer for 20.0 s -> "
            "tail -n 20 /d/logs/llm.log\n");
}

TEST_F(StageChecks, FindAProcessOfAnOlderBuild) {
  check_build("llm", "/b/troupe-llm", findings);
  EXPECT_EQ(shown(findings), "");
  check_build("llm", "/b/troupe-llm (deleted)", findings);
  EXPECT_EQ(shown(findings),
            "warn programs: llm runs an older build than the one on disk -> "
            "troupe down && troupe up --detach\n");
}

TEST_F(StageChecks, ReadTheHealthOfEachService) {
  FakeWorld fake;
  auto llm = service(ProcessState::Running, true);
  llm.http = "http://llm";
  auto router = llm;
  router.name = "router";
  router.http = "http://router";
  fake.pages["http://llm/health"] = R"({"status":"healthy","version":"1","services":{}})";
  fake.pages["http://router/health"] =
      R"({"status":"degraded","version":"2","services":{"llm":"connected","redis":"down"}})";
  auto gone = llm;
  gone.name = "quality";
  gone.http = "http://quality";
  check_health(fake.world(), {llm, router, gone, service(ProcessState::Running, true)}, "/d",
               findings);
  EXPECT_EQ(shown(findings),
            "warn health: router is degraded: llm connected, redis down -> "
            "curl -s http://router/health\n"
            "fail health: quality: connection refused -> troupe status\n"
            "warn versions: services of different versions run together: 1: llm 2: router -> "
            "troupe down && troupe up --detach\n");
}

TEST_F(StageChecks, FindTheCardsThatTheCharactersRefuse) {
  FakeWorld fake;
  auto cast = service(ProcessState::Running, true);
  cast.name = "characters";
  cast.http = "http://cast";
  fake.pages["http://cast/health"] =
      R"({"status":"healthy","services":{"cards":"3 cards, refused: bad.json"}})";
  check_health(fake.world(), {cast}, "/d", findings);
  EXPECT_EQ(shown(findings),
            "warn card: characters: 3 cards, refused: bad.json -> "
            "grep 'card refused' /d/logs/characters.log\n");
}

TEST_F(StageChecks, FindABotThatIsNotInDiscord) {
  FakeWorld fake;
  auto peter = service(ProcessState::Running, true);
  peter.name = "peter";
  peter.http = "http://peter";
  fake.pages["http://peter/health"] =
      R"({"status":"degraded","services":{"discord":"stopped: the token is not valid"}})";
  check_health(fake.world(), {peter}, "/d", findings);
  EXPECT_EQ(shown(findings),
            "fail discord: peter's bot hears nobody: stopped: the token is not valid -> "
            "grep discord /d/logs/peter.log (not_connected)\n");
}

TEST_F(StageChecks, ReadTheCardFilesWhereNothingRuns) {
  const support::TempDir dir;
  check_card_files(dir.path() + "/none", findings);
  EXPECT_TRUE(shown(findings).starts_with("ok characters: the shipped ones"));
  findings = {};
  dir.write("peter.json", R"({"spec":"chara_card_v2"})");
  check_card_files(dir.path(), findings);
  EXPECT_EQ(shown(findings), "ok characters: 1 card files in " + dir.path() + "\n");
  dir.write("brian.json", "{");
  findings = {};
  check_card_files(dir.path(), findings);
  EXPECT_TRUE(shown(findings).starts_with("fail card: " + dir.file("brian.json") + ": not JSON"))
      << shown(findings);
  dir.write("brian.json", "{}");
  findings = {};
  check_card_files(dir.path(), findings);
  EXPECT_NE(shown(findings).find("its spec is not that of a character card"), std::string::npos);
}

}  // namespace
}  // namespace troupe
