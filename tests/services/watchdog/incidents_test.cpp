#include "watchdog/incidents.h"

#include <gtest/gtest.h>

#include "services/watchdog/temp_folder.h"
#include "support/fake_clock.h"

namespace watchdog {
namespace {

using contracts::IncidentKind;

struct IncidentsTest : testing::Test {
  TempFolder folder;
  std::filesystem::path file = folder.path / "incidents.jsonl";
  support::FakeClock clock;

  std::unique_ptr<Incidents> open(std::size_t kept = 200) {
    return Incidents::open(file, kept, clock).value();
  }
  // "service detail xcount", the latest first.
  static std::string shown(const Incidents& incidents, contracts::IncidentsRequest request = {}) {
    std::string text;
    for (const auto& incident : incidents.list(request)) {
      text +=
          incident.service + " " + incident.detail + " x" + std::to_string(incident.count) + "\n";
    }
    return text;
  }
};

TEST_F(IncidentsTest, AreThereAgainAfterARestart) {
  open()->add("llm", IncidentKind::Fell, "signal 9 (Killed)", "last words");
  const auto incidents = open();
  ASSERT_EQ(incidents->list({}).size(), 1U);
  const auto incident = incidents->list({}).front();
  EXPECT_EQ(incident.service, "llm");
  EXPECT_EQ(incident.kind, IncidentKind::Fell);
  EXPECT_EQ(incident.detail, "signal 9 (Killed)");
  EXPECT_EQ(incident.last_line, "last words");
  EXPECT_EQ(incident.first_ms, 1'700'000'000'000);
}

TEST_F(IncidentsTest, OfTheSameSortAreOneWithACount) {
  const auto incidents = open();
  incidents->add("llm", IncidentKind::Fell, "exit 1");
  incidents->add("router", IncidentKind::Fell, "exit 1");
  clock.advance(5000);
  incidents->add("llm", IncidentKind::Fell, "exit 1", "again");
  EXPECT_EQ(shown(*incidents), "llm exit 1 x2\nrouter exit 1 x1\n");
  EXPECT_EQ(incidents->list({}).front().first_ms, 1'700'000'000'000);
  EXPECT_EQ(incidents->list({}).front().last_ms, 1'700'000'005'000);
  EXPECT_EQ(incidents->list({}).front().last_line, "again");
  incidents->add("llm", IncidentKind::Fell, "signal 11 (Segmentation fault)");
  EXPECT_EQ(incidents->list({}).size(), 3U);
}

TEST_F(IncidentsTest, AreBoundedAndTheOldestGo) {
  const auto incidents = open(2);
  for (const auto* name : {"a", "b", "c"}) incidents->add(name, IncidentKind::Fell, "exit 1");
  EXPECT_EQ(shown(*incidents), "c exit 1 x1\nb exit 1 x1\n");
  EXPECT_EQ(shown(*open(1)), "c exit 1 x1\n");
}

TEST_F(IncidentsTest, AreListedForOneServiceAndUpToALimit) {
  const auto incidents = open();
  for (const auto* how : {"exit 1", "exit 3"}) {
    for (const auto* name : {"a", "b"}) incidents->add(name, IncidentKind::Fell, how);
  }
  EXPECT_EQ(shown(*incidents, {"a", 50}), "a exit 3 x1\na exit 1 x1\n");
  EXPECT_EQ(shown(*incidents, {std::nullopt, 1}), "b exit 3 x1\n");
}

TEST_F(IncidentsTest, SurviveAFileThatWasDamaged) {
  open()->add("a", IncidentKind::Fell, "exit 1");
  std::ofstream(file, std::ios::app) << "{half\n\xff\n[]\n";
  EXPECT_EQ(shown(*open()), "a exit 1 x1\n");
}

TEST_F(IncidentsTest, CarryNoMoreOfAServicesWordsThanTheyMay) {
  const auto incidents = open();
  incidents->add("a", IncidentKind::Fell, std::string(2000, 'd'), "\xff" + std::string(5000, 'l'));
  EXPECT_EQ(incidents->list({}).front().detail.size(), 512U);
  EXPECT_LE(incidents->list({}).front().last_line.size(), 1000U);
  EXPECT_EQ(open()->list({}).size(), 1U);
}

TEST_F(IncidentsTest, SayWhereTheyCannotBeWritten) {
  const auto opened = Incidents::open("/proc/nowhere/incidents", 5, clock);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().message, "cannot write /proc/nowhere/incidents.new");
}

}  // namespace
}  // namespace watchdog
