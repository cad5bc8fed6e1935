#include "troupe/transcript.h"

#include <gtest/gtest.h>

namespace troupe {
namespace {

contracts::Character character(std::string id, std::string name, std::string color) {
  contracts::Character made;
  made.id = std::move(id);
  made.name = std::move(name);
  made.color = std::move(color);
  return made;
}

Cast cast() {
  auto peter = character("peter", "Peter Griffin", "#ff8000");
  peter.aliases = {"Pete", "fat man"};
  return Cast({peter, character("brian", "Brian Griffin", "white"),
               character("stewie", "Stewie Griffin", "#0a0b0c")});
}

TEST(Spoken, IsTheNameAndTheText) {
  EXPECT_EQ(spoken(cast(), "peter", "Hehehe.", Style::Plain), "Peter Griffin: Hehehe.");
  EXPECT_EQ(spoken(cast(), "ada", "Hi!", Style::Plain), "ada: Hi!");
}

TEST(Spoken, HasTheColorOfTheCardAndIsBoldForOthers) {
  EXPECT_EQ(spoken(cast(), "peter", "Hehehe.", Style::Color),
            "\x1b[1;38;2;255;128;0mPeter Griffin\x1b[0m: Hehehe.");
  EXPECT_EQ(spoken(cast(), "brian", "Oh.", Style::Color), "\x1b[1mBrian Griffin\x1b[0m: Oh.");
  EXPECT_EQ(spoken(cast(), "ada", "Hi!", Style::Color), "\x1b[1mada\x1b[0m: Hi!");
}

TEST(Spoken, CannotMoveTheCursorOrPassForAnotherLine) {
  EXPECT_EQ(spoken(cast(), "ada",
                   "a\x1b[2J\rb\x7F\tc\xC2\x9B"
                   "d",
                   Style::Plain),
            "ada: a[2Jb cd");
  EXPECT_EQ(spoken(cast(), "ada", "Hi.\nBrian Griffin: I agree.", Style::Plain),
            "ada: Hi.\n  Brian Griffin: I agree.");
}

TEST(Silence, SaysItsReason) {
  EXPECT_EQ(silence("below_threshold", Style::Plain), "(nobody has anything to say to that)");
  EXPECT_EQ(silence("not_addressed", Style::Color),
            "\x1b[2m(nobody answers: not_addressed)\x1b[0m");
}

TEST(Failure, SaysWhatWentWrong) {
  EXPECT_EQ(
      failure("no answer", {Code::Unavailable, "no instance of router is running"}, Style::Plain),
      "(no answer: no instance of router is running)");
}

TEST(Typing, NamesAllWhoType) {
  EXPECT_EQ(typing(cast(), {}), "");
  EXPECT_EQ(typing(cast(), {"peter"}), "Peter Griffin is typing…");
  EXPECT_EQ(typing(cast(), {"peter", "brian"}), "Peter Griffin and Brian Griffin are typing…");
  EXPECT_EQ(typing(cast(), {"peter", "brian", "stewie"}),
            "Peter Griffin, Brian Griffin and Stewie Griffin are typing…");
}

TEST(CastList, HasALineForEachCharacter) {
  EXPECT_EQ(cast_list(cast(), Style::Plain),
            "Peter Griffin (peter), also Pete, fat man\n"
            "Brian Griffin (brian)\n"
            "Stewie Griffin (stewie)");
  EXPECT_EQ(cast_list(Cast(), Style::Plain), "There are no characters.");
}

contracts::Attempt attempt(int number, std::string text, double score) {
  contracts::Attempt made;
  made.number = number;
  made.text = std::move(text);
  made.model = "llama3.2:3b";
  made.provider = "local";
  made.draft_ms = 812.04;
  made.assess_ms = 1.26;
  made.assessment = contracts::Assessment{.score = score,
                                          .threshold = 60,
                                          .passed = score >= 60,
                                          .components = {81, 72.4, 60, 100, 95},
                                          .findings = {}};
  return made;
}

contracts::TurnRecord said_at_the_second_attempt() {
  contracts::TurnRecord record;
  record.turn_id = "turn_1";
  record.channel = "living-room";
  record.author = "ada";
  record.message = "Peter, who won?";
  record.status = contracts::TurnStatus::Said;
  record.reason = "passed";
  record.character = "peter";
  record.text = "The Patriots, duh!";
  record.model = "llama3.2:3b";
  record.score = 81.25;
  record.scores = {{"stewie", {{"talkativeness", 6}, {"fairness", 0}, {"total", 6}}},
                   {"peter", {{"fairness", 10}, {"addressed", 100}, {"total", 110}}}};
  record.attempts = {attempt(1, "As an AI,\nI cannot know.", 22), attempt(2, record.text, 81.25)};
  record.attempts[0].assessment->findings = {
      {contracts::FindingCode::AssistantVoice, contracts::Severity::Critical, "Speak as Peter."}};
  record.attempts[0].failovers = {"cloud: 429"};
  record.sources = {{"Super Bowl", "https://example.org/sb", "0-120"}};
  record.faults = {"hints: tuning is away"};
  record.stages = {{"observe", 0, 1.2}, {"draft 1", 3.5, 812}};
  record.ms = 1630.5;
  return record;
}

TEST(WhyReport, TellsAllOfATurnThatWasSaid) {
  EXPECT_EQ(why_report(said_at_the_second_attempt(), cast(), Style::Plain),
            R"(turn_1 in living-room: said (passed) after 1630.5 ms
  ada: Peter, who won?
  Peter Griffin: The Patriots, duh!

direct turn, by llama3.2:3b, score 81.2

Who might speak
  Peter Griffin   110.0  addressed 100.0, fairness 10.0
  Stewie Griffin  6.0    talkativeness 6.0

Attempts
  1. rejected, 22.0 where 60.0 is needed
     llama3.2:3b of local, standard band; drafted in 812.0 ms, checked in 1.3 ms
     passed over: cloud: 429
     As an AI,
     I cannot know.
     authenticity 81, flow 72, engagement 60, grounding 100, safety 95
     critical assistant_voice: Speak as Peter.
  2. passed, 81.2 where 60.0 is needed
     llama3.2:3b of local, standard band; drafted in 812.0 ms, checked in 1.3 ms
     authenticity 81, flow 72, engagement 60, grounding 100, safety 95

What it could have read
  Super Bowl  https://example.org/sb  0-120

What went wrong on the way
  hints: tuning is away

How long it took
  observe        1.2 ms  from 0.0
  draft 1      812.0 ms  from 3.5
)");
}

TEST(WhyReport, OfASilenceSaysWhoMightHaveSpoken) {
  contracts::TurnRecord record;
  record.turn_id = "turn_2";
  record.channel = "living-room";
  record.author = "ada";
  record.message = "hm";
  record.status = contracts::TurnStatus::Silent;
  record.reason = "below_threshold";
  record.scores = {{"peter", {{"talkativeness", 7.5}, {"total", 7.5}}}};
  record.ms = 2;
  EXPECT_EQ(why_report(record, cast(), Style::Plain),
            R"(turn_2 in living-room: silent (below_threshold) after 2.0 ms
  ada: hm

Who might speak
  Peter Griffin  7.5  talkativeness 7.5
)");
}

TEST(WhyReport, NamesTheFaultOfAnAttemptWithoutADraft) {
  contracts::TurnRecord record;
  record.turn_id = "turn_3";
  record.channel = "den";
  record.status = contracts::TurnStatus::Interrupted;
  record.reason = "unavailable";
  contracts::Attempt failed;
  failed.number = 1;
  failed.fault = "unavailable: no instance of llm is running";
  record.attempts = {failed};
  EXPECT_EQ(why_report(record, cast(), Style::Plain),
            R"(turn_3 in den: interrupted (unavailable) after 0.0 ms

Attempts
  1. unavailable: no instance of llm is running
     no model of no provider, standard band; drafted in 0.0 ms, checked in 0.0 ms
)");
}

TEST(StatusTable, HasARowForEachServiceAndTheSumOfTheMemory) {
  ServiceRow llm;
  llm.status.name = "llm";
  llm.status.pid = 4711;
  llm.status.state = contracts::ProcessState::Running;
  llm.status.ready = true;
  llm.status.restarts = 2;
  llm.status.http = "http://127.0.0.1:6001";
  llm.status.last_exit = "signal 9";
  llm.memory_mb = 11.25;
  llm.uptime_s = 3 * 3600 + 5 * 60;
  ServiceRow coordinator;
  coordinator.status.name = "coordinator";
  coordinator.status.state = contracts::ProcessState::Refused;
  coordinator.status.last_exit = "exit 2";
  coordinator.status.last_line = "coordinator: port: must be\nan integer";
  EXPECT_EQ(
      status_table({llm, coordinator}, Style::Plain),
      "service      state    ready  pid   up         restarts  memory   http\n"
      "llm          running  yes    4711  3 h 5 min  2         11.2 MB  http://127.0.0.1:6001  "
      "last: signal 9\n"
      "coordinator  refused  no     -     -          0         -        -                      "
      "coordinator: port: must be an integer\n"
      "all                                                     11.2 MB\n");
}

TEST(StatusTable, SaysForHowLongInTheTwoLargestUnits) {
  const auto up = [](std::int64_t seconds) {
    ServiceRow row;
    row.status.name = "llm";
    row.uptime_s = seconds;
    return status_table({row}, Style::Plain);
  };
  EXPECT_NE(up(59).find(" 59 s "), std::string::npos);
  EXPECT_NE(up(3599).find(" 59 min "), std::string::npos);
  EXPECT_NE(up(100'000).find(" 1 d 3 h "), std::string::npos);
}

}  // namespace
}  // namespace troupe
