#include "router/turn.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "services/router/play.h"

namespace router::testing {
namespace {

using contracts::Band;
using contracts::TurnStatus;

TEST(Turn, RunsFromAMessageToALineThatWasSaid) {
  Play play(direct_turn("turn_1", a_message(), 1'700'000'000'000, {}));
  play.feed(event::Begin{}, 0);
  const auto observe = play.only<action::Observe>().request;
  EXPECT_EQ(observe.channel, "griffin-house");
  EXPECT_EQ(observe.message_id, "m1");
  EXPECT_EQ(observe.line, human("What is a tesseract?"));

  play.feed(event::Observed{seen({"stewie", "brian"})});
  ASSERT_EQ(play.actions.size(), 2U);
  EXPECT_EQ(std::get<action::FetchPrompt>(play.actions[0]).request.character, "stewie");
  const auto query = std::get<action::Retrieve>(play.actions[1]).request;
  EXPECT_EQ(query.query, "What is a tesseract?");
  EXPECT_EQ(query.collections, std::vector<std::string>{"character_stewie"});

  EXPECT_TRUE(play.feed(prompted(a_prompt())).silent());
  play.feed(event::Retrieved{some_knowledge()}).only<action::Draft>();
  const auto assess = play.feed(event::Drafted{a_draft("Stewie: A cube, you fool.")})
                          .only<action::Assess>()
                          .request;
  EXPECT_EQ(assess.line, "A cube, you fool.");
  EXPECT_EQ(assess.message_count, 10) << "with the line that is answered";
  const auto line = play.feed(event::Assessed{passed(88)}).only<action::RecordLine>().request;
  EXPECT_EQ(line.message_id, "m1~stewie");
  EXPECT_EQ(line.answers, "m1");
  EXPECT_EQ(line.turn_id, "turn_1");
  EXPECT_EQ(line.line.author, "stewie");
  EXPECT_EQ(line.line.kind, contracts::Kind::Bot);
  EXPECT_EQ(line.line.reply_to, "sam");
  play.feed(event::Recorded{seen({})}).only<action::Finish>();
}

TEST(Turn, RepliesWithAllThatTheAskerMayWantToKnow) {
  const auto reply = reply_of(over().state);
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(reply.value().turn_id, "turn_1");
  EXPECT_EQ(reply.value().character, "stewie");
  EXPECT_EQ(reply.value().text, "A cube, you fool.");
  EXPECT_EQ(reply.value().model, "phi3:3.8b");
  EXPECT_TRUE(reply.value().passed);
  EXPECT_EQ(reply.value().score, 88);
  EXPECT_EQ(reply.value().attempts, 1);
  EXPECT_FALSE(reply.value().degraded);
  EXPECT_EQ(reply.value().sources,
            (std::vector<contracts::Source>{{"Geometry", "file:geometry.md", "10-51"}}));
  EXPECT_EQ(reply.value().ms, 600);
  EXPECT_EQ(reply.value().reason, "passed");
}

// --- once ---

contracts::ObserveReply answered_already() {
  auto reply = seen({"stewie"});
  reply.repeated = true;
  reply.answered = {{"turn_0", "stewie", "A cube. I told you."}};
  return reply;
}

TEST(Turn, RepeatsWhatWasSaidToAMessageThatComesAgain) {
  auto play = observing();
  play.feed(event::Observed{answered_already()}).only<action::Finish>();
  EXPECT_EQ(play.state.record.status, TurnStatus::Interrupted);
  const auto reply = reply_of(play.state).value();
  EXPECT_EQ(reply.turn_id, "turn_0");
  EXPECT_EQ(reply.text, "A cube. I told you.");
  EXPECT_EQ(reply.reason, "recovered");
}

TEST(Turn, AsksAnotherCharacterToAMessageThatOneHasAnswered) {
  auto request = a_message();
  request.character = "brian";
  Play play(direct_turn("turn_1", request, 0, {}));
  play.feed(event::Begin{}, 0).feed(event::Observed{answered_already()});
  EXPECT_EQ(play.state.phase, Phase::Gathering);
}

TEST(Turn, GivesWayToAnotherProcessThatWasFirst) {
  auto play = recording();
  play.feed(event::Recorded{answered_already()}).only<action::Finish>();
  EXPECT_EQ(play.state.record.status, TurnStatus::Interrupted);
  EXPECT_EQ(reply_of(play.state).value().text, "A cube. I told you.");
}

TEST(Turn, SaysAnotherLineToTheSameMessage) {
  const auto first = over().state.record;
  Play play(regenerating_turn("turn_2", first, 0, {}));
  play.feed(event::Begin{}, 0);
  EXPECT_EQ(std::get<action::Observe>(play.actions[0]).request.message_id, "m1");
  play.feed(event::Observed{answered_already()})
      .feed(prompted(a_prompt()))
      .feed(event::Retrieved{some_knowledge()})
      .feed(event::Drafted{a_draft("A hypercube.")});
  const auto line = play.feed(event::Assessed{passed(88)}).only<action::RecordLine>().request;
  EXPECT_EQ(line.message_id, "turn_2") << "a line of its own";
  EXPECT_EQ(play.state.record.regenerates, "turn_1");
}

TEST(Turn, KnowsALineByWhatAsksForIt) {
  contracts::TurnRecord record;
  record.turn_id = "turn_2";
  record.message_id = "m1";
  record.character = "stewie";
  EXPECT_EQ(line_id(record), "m1~stewie");
  record.regenerates = "turn_1";
  EXPECT_EQ(line_id(record), "turn_2");
  record.request_id = "r1";
  EXPECT_EQ(line_id(record), "m1~stewie~r1");
  record.kind = contracts::TurnKind::Organic;
  EXPECT_EQ(line_id(record), "turn_2");
}

TEST(Turn, RecordsEveryStageWithItsTime) {
  const auto stages = over().state.record.stages;
  std::vector<std::string> names;
  for (const auto& stage : stages) {
    names.push_back(stage.name);
    EXPECT_GE(stage.ms, 0);
    EXPECT_LE(stage.start_ms + stage.ms, 600);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"observe", "prompt", "retrieve", "draft 1", "assess 1",
                                             "record"}));
}

TEST(Turn, GathersEverythingAtOnceWhenTheCharacterIsNamed) {
  auto request = a_message();
  request.character = "stewie";
  Play play(direct_turn("turn_1", request, 0, {}));
  play.feed(event::Begin{});
  ASSERT_EQ(play.actions.size(), 3U);
  EXPECT_TRUE(std::holds_alternative<action::Observe>(play.actions[0]));
  EXPECT_TRUE(std::holds_alternative<action::FetchPrompt>(play.actions[1]));
  EXPECT_TRUE(std::holds_alternative<action::Retrieve>(play.actions[2]));
  // In any order, and whatever the coordinator would have chosen.
  EXPECT_TRUE(play.feed(event::Retrieved{some_knowledge()}).silent());
  EXPECT_TRUE(play.feed(prompted(a_prompt())).silent());
  play.feed(event::Observed{seen({})}).only<action::Draft>();
  EXPECT_EQ(play.state.record.character, "stewie");
}

TEST(Turn, StaysSilentWithTheReasonWhenNobodyShouldSpeak) {
  auto play = observing().feed(event::Observed{seen({})});
  play.only<action::Finish>();
  EXPECT_EQ(play.state.record.status, TurnStatus::Silent);
  const auto reply = reply_of(play.state).value();
  EXPECT_EQ(reply.character, "");
  EXPECT_EQ(reply.text, "");
  EXPECT_EQ(reply.reason, "below_threshold");
  EXPECT_FALSE(reply.degraded);
}

TEST(Turn, JoinsInAfterAnotherCharactersLine) {
  contracts::FollowUp plan;
  plan.character = "stewie";
  plan.history = {human("hi"), bot("brian", "I am writing a novel.")};
  plan.message_count = 4;
  Play play(organic_turn("turn_2", "griffin-house", plan, 0, {}));
  play.feed(event::Begin{});
  ASSERT_EQ(play.actions.size(), 2U);
  EXPECT_EQ(std::get<action::Retrieve>(play.actions[1]).request.query, "I am writing a novel.");
  play.feed(prompted(a_prompt())).feed(event::Retrieved{contracts::QueryReply{}});
  const auto assess = play.feed(event::Drafted{a_draft("Still?")}).only<action::Assess>().request;
  EXPECT_EQ(assess.kind, contracts::TurnKind::Organic);
  EXPECT_EQ(assess.message_count, 5);
  const auto line = play.feed(event::Assessed{passed(80)}).only<action::RecordLine>().request.line;
  EXPECT_EQ(line.reply_to, "brian");
}

TEST(Turn, GoesThroughThreeBandsOfAttempts) {
  for (int attempt = 1; attempt <= 3; ++attempt) EXPECT_EQ(band_of(attempt), Band::Standard);
  for (int attempt = 4; attempt <= 6; ++attempt) EXPECT_EQ(band_of(attempt), Band::Tuned);
  for (int attempt = 7; attempt <= 10; ++attempt) EXPECT_EQ(band_of(attempt), Band::Guided);
}

TEST(Turn, DraftsAgainAtOnceWithTheFindingsAsNotes) {
  auto play = assessing();
  const auto again = play.feed(event::Assessed{rejected(20, {finding("Sound more like Stewie.")})})
                         .only<action::Draft>();
  EXPECT_NE(again.request.messages.front().content.find("- Sound more like Stewie."),
            std::string::npos);
  EXPECT_EQ(play.state.record.attempts.size(), 2U);
  EXPECT_EQ(play.state.record.attempts[0].assessment->score, 20);
}

// Ten drafts "draft 1" to "draft 10" that are rejected with these scores.
Play rejected_ten_times(const std::vector<double>& scores, contracts::Severity severity) {
  Play play = drafting();
  for (std::size_t i = 0; i < scores.size(); ++i) {
    play.only<action::Draft>();
    EXPECT_EQ(play.state.record.attempts.back().band, band_of(static_cast<int>(i) + 1));
    play.feed(event::Drafted{a_draft("draft " + std::to_string(i + 1))});
    play.feed(event::Assessed{rejected(scores[i], {finding("Better.", severity)})});
  }
  return play;
}

TEST(Turn, SaysTheBestDraftWhenAllTenWereRejected) {
  auto play =
      rejected_ten_times({31, 35, 32, 47, 33, 46, 34, 47, 30, 45}, contracts::Severity::Major);
  EXPECT_EQ(play.only<action::RecordLine>().request.line.text, "draft 4");
  play.feed(event::Recorded{seen({})}).only<action::Finish>();
  const auto reply = reply_of(play.state).value();
  EXPECT_EQ(reply.reason, "best_draft");
  EXPECT_EQ(reply.score, 47);
  EXPECT_EQ(reply.attempts, 10);
  EXPECT_FALSE(reply.passed);
  EXPECT_TRUE(reply.degraded);
}

TEST(Turn, DodgesInCharacterWhenNoDraftReachedTheFloor) {
  auto play = rejected_ten_times(std::vector<double>(10, 29.9), contracts::Severity::Major);
  const std::string text = play.only<action::RecordLine>().request.line.text;
  const auto dodges = a_prompt().dodges;
  EXPECT_NE(std::find(dodges.begin(), dodges.end(), text), dodges.end()) << text;
  EXPECT_EQ(play.state.record.reason, "dodge");
  EXPECT_EQ(play.state.record.model, "card");
  EXPECT_TRUE(play.state.record.degraded);
}

TEST(Turn, DodgesPlainlyWhenTheCardHasNoLinesForIt) {
  contracts::Prompt bare = a_prompt();
  bare.dodges.clear();
  auto play = gathering().feed(prompted(bare)).feed(event::Retrieved{some_knowledge()});
  play.feed(event::DeadlineReached{});
  EXPECT_FALSE(play.only<action::RecordLine>().request.line.text.empty());
  EXPECT_EQ(play.state.record.reason, "dodge");
}

TEST(Turn, NeverSaysADraftWithACriticalFinding) {
  auto play = rejected_ten_times(std::vector<double>(10, 90), contracts::Severity::Critical);
  EXPECT_EQ(play.feed(event::Recorded{seen({})}).state.record.reason, "dodge");
}

TEST(Turn, DoesNotDodgeTwiceInTheSameWords) {
  for (const std::string& said : a_prompt().dodges) {
    auto reply = seen({"stewie"});
    reply.history.insert(reply.history.begin(), bot("stewie", said));
    auto play = observing().feed(event::Observed{reply}).feed(prompted(a_prompt()));
    play.feed(event::DeadlineReached{});
    EXPECT_NE(play.only<action::RecordLine>().request.line.text, said);
  }
}

// --- faults ---

TEST(Turn, BacksOffAfterAFaultOfTheModelAndDraftsAgain) {
  auto play = drafting().feed(event::Drafted{fault("no model answers")});
  const double first = play.only<action::Wait>().ms;
  EXPECT_GE(first, 500);
  EXPECT_LE(first, 1000);
  EXPECT_EQ(play.state.record.attempts[0].fault, "unavailable: no model answers");
  play.feed(event::Waited{}, first).only<action::Draft>();
  const double second = play.feed(event::Drafted{fault()}).only<action::Wait>().ms;
  EXPECT_GE(second, 1000);
  EXPECT_LE(second, 2000);
  play.feed(event::Waited{}, second).feed(event::Drafted{a_draft("At last.")});
  play.feed(event::Assessed{passed(70)}).feed(event::Recorded{seen({})}).only<action::Finish>();
  const auto reply = reply_of(play.state).value();
  EXPECT_EQ(reply.text, "At last.");
  EXPECT_EQ(reply.attempts, 3);
  EXPECT_TRUE(reply.degraded);
}

TEST(Turn, GivesUpWaitingWhenTheTimeWouldNotSuffice) {
  auto play = drafting();
  int waits = 0;
  while (play.state.phase != Phase::Recording) {
    play.feed(event::Drafted{fault()});
    if (play.state.phase != Phase::Waiting) continue;
    const double wait = play.only<action::Wait>().ms;
    EXPECT_LE(play.now_ms + wait, play.state.options.deadline_ms);
    play.feed(event::Waited{}, wait).only<action::Draft>();
    ++waits;
  }
  EXPECT_GE(waits, 3);
  EXPECT_EQ(play.state.record.reason, "dodge");
}

TEST(Turn, BacksOffWhenNobodyCanAssess) {
  auto play = assessing().feed(event::Assessed{fault("quality is down")});
  play.only<action::Wait>();
  EXPECT_EQ(play.state.record.attempts[0].fault, "unavailable: quality is down");
  EXPECT_FALSE(play.state.record.attempts[0].assessment.has_value());
}

TEST(Turn, StartsNoDraftThatWouldNotBeReadyInTime) {
  auto play = drafting();
  play.feed(event::Drafted{a_draft("slow")}, 10'000).feed(event::Assessed{rejected(50)});
  play.only<action::RecordLine>();
  EXPECT_EQ(play.state.record.reason, "best_draft");
  EXPECT_EQ(play.state.record.text, "slow");
}

TEST(Turn, DraftsWithoutKnowledgeWhenTheRetrieverIsDown) {
  auto play = gathering().feed(prompted(a_prompt())).feed(event::Retrieved{fault()});
  const auto request = play.only<action::Draft>().request;
  EXPECT_EQ(request.messages.front().content, "You are Stewie.");
  EXPECT_TRUE(play.state.record.degraded);
  EXPECT_EQ(play.state.record.faults,
            std::vector<std::string>{"retriever.query: unavailable: connection refused"});
}

TEST(Turn, SaysSoWhenTheRetrieverIsDegraded) {
  auto knowledge = some_knowledge();
  knowledge.degraded = true;
  const auto play = gathering().feed(prompted(a_prompt())).feed(event::Retrieved{knowledge});
  EXPECT_TRUE(play.state.record.degraded);
}

TEST(Turn, FailsWithoutTheCoordinatorWhenNobodyIsNamed) {
  auto play = observing().feed(event::Observed{fault("no coordinator")});
  play.only<action::Finish>();
  const auto reply = reply_of(play.state);
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code, Code::Unavailable);
  EXPECT_EQ(reply.error().message, "turn turn_1: no coordinator");
  EXPECT_EQ(play.state.record.status, TurnStatus::Interrupted);
  EXPECT_EQ(play.state.record.reason, "unavailable");
}

TEST(Turn, GoesOnWithoutTheCoordinatorWhenACharacterIsNamed) {
  auto request = a_message();
  request.character = "stewie";
  Play play(direct_turn("turn_1", request, 0, {}));
  play.feed(event::Begin{}).feed(event::Observed{fault()}).feed(prompted(a_prompt()));
  const auto draft = play.feed(event::Retrieved{some_knowledge()}).only<action::Draft>().request;
  EXPECT_EQ(draft.messages.back().content, "sam: What is a tesseract?");
  EXPECT_TRUE(play.state.record.degraded);
  EXPECT_EQ(play.state.record.faults,
            std::vector<std::string>{"coordinator.observe: unavailable: connection refused"});
}

TEST(Turn, FailsWhenTheCharacterIsNotInTheCast) {
  auto request = a_message();
  request.character = "bart";
  Play play(direct_turn("turn_1", request, 0, {}));
  play.feed(event::Begin{}).feed(event::Prompted{Error{Code::NotFound, "no card"}});
  play.only<action::Finish>();
  EXPECT_EQ(reply_of(play.state).error().code, Code::NotFound);
  EXPECT_EQ(reply_of(play.state).error().message,
            "turn turn_1: character: 'bart' is not in the cast");
  EXPECT_TRUE(play.feed(event::Observed{seen({})}).silent());
}

TEST(Turn, TellsTheCoordinatorItsLineAgainUntilItIsThere) {
  auto play = recording();
  const auto line = play.only<action::RecordLine>().request;
  for (const double least_ms : {500, 1000, 2000}) {
    EXPECT_GE(play.feed(event::Recorded{fault()}).only<action::Wait>().ms, least_ms);
    EXPECT_TRUE(play.feed(event::Interrupted{"late"}).silent());
    const auto again = play.feed(event::Waited{}).only<action::RecordLine>().request;
    EXPECT_EQ(again.message_id, line.message_id);
    EXPECT_EQ(again.line, line.line);
    EXPECT_TRUE(play.feed(event::Waited{}).silent()) << "of an earlier phase";
  }
  play.feed(event::Recorded{seen({})}).only<action::Finish>();
  EXPECT_EQ(play.state.record.status, TurnStatus::Said);
  EXPECT_TRUE(play.state.record.faults.empty());
}

TEST(Turn, CountsALineAsSaidAlsoWhenItCouldNotBeRecorded) {
  auto out_of_time = recording();
  out_of_time.now_ms = out_of_time.state.options.deadline_ms - 500;
  auto refused = recording();
  for (auto play : {out_of_time.feed(event::Recorded{fault()}),
                    refused.feed(event::Recorded{Error{Code::DeadlineExceeded, "silence"}})}) {
    play.only<action::Finish>();
    EXPECT_EQ(play.state.record.status, TurnStatus::Said);
    EXPECT_TRUE(play.state.record.degraded);
    EXPECT_EQ(play.state.record.faults.size(), 1U);
  }
}

TEST(Turn, DoesNotWaitForACoordinatorThatWasAwayAllTheTime) {
  auto request = a_message();
  request.character = "stewie";
  Play play(direct_turn("turn_1", request, 0, {}));
  play.feed(event::Begin{}, 0)
      .feed(event::Observed{fault()})
      .feed(prompted(a_prompt()))
      .feed(event::Retrieved{some_knowledge()})
      .feed(event::Drafted{a_draft("A cube, you fool.")})
      .feed(event::Assessed{passed(88)})
      .feed(event::Recorded{fault()})
      .only<action::Finish>();
  EXPECT_EQ(play.state.record.status, TurnStatus::Said);
  EXPECT_EQ(play.state.record.faults.size(), 2U);
}

TEST(Turn, KnowsItsOwnLineWhenItWasToldTwice) {
  auto told_twice = answered_already();
  told_twice.answered.front().turn_id = "turn_1";
  auto play = recording().feed(event::Recorded{told_twice});
  EXPECT_EQ(play.state.record.status, TurnStatus::Said);
  EXPECT_EQ(reply_of(play.state).value().text, "A cube, you fool.");
}

// --- the end of time, and of patience ---

TEST(Turn, FailsAtItsDeadlineWhileItKnowsNoCharacter) {
  for (Play play : {observing(), gathering()}) {
    play.feed(event::DeadlineReached{}).only<action::Finish>();
    EXPECT_EQ(reply_of(play.state).error().code, Code::DeadlineExceeded);
    EXPECT_EQ(play.state.record.status, TurnStatus::Interrupted);
  }
}

TEST(Turn, DodgesAtItsDeadlineWhenItKnowsTheCharacterAndHasNoDraft) {
  const auto with_prompt = gathering().feed(prompted(a_prompt()));
  for (Play play : {with_prompt, drafting(), assessing(), waiting()}) {
    play.feed(event::DeadlineReached{}).only<action::RecordLine>();
    EXPECT_EQ(play.state.record.reason, "dodge");
    EXPECT_TRUE(play.state.record.degraded);
    // What was under way comes too late.
    EXPECT_TRUE(play.feed(event::Retrieved{some_knowledge()}).silent());
    EXPECT_TRUE(play.feed(event::Drafted{a_draft("late")}).silent());
    EXPECT_TRUE(play.feed(event::Assessed{passed(99)}).silent());
    EXPECT_TRUE(play.feed(event::Waited{}).silent());
    play.feed(event::Recorded{seen({})}).only<action::Finish>();
  }
}

TEST(Turn, SaysItsBestDraftAtItsDeadline) {
  auto play = assessing().feed(event::Assessed{rejected(45)}).feed(event::DeadlineReached{});
  EXPECT_EQ(play.only<action::RecordLine>().request.line.text, "A cube, you fool.");
  EXPECT_EQ(play.state.record.attempts[1].fault, "deadline_exceeded: the turn's time was over");
}

TEST(Turn, IgnoresItsDeadlineWhenTheLineIsDecided) {
  for (Play play : {recording(), over()}) {
    const auto record = play.state.record;
    EXPECT_TRUE(play.feed(event::DeadlineReached{}).silent());
    EXPECT_EQ(play.state.record.text, record.text);
    EXPECT_EQ(play.state.record.reason, "passed");
  }
}

TEST(Turn, EndsWithoutALineWhenInterrupted) {
  for (Play play : {observing(), gathering(), drafting(), assessing(), waiting()}) {
    play.feed(event::Interrupted{"interrupted_by_person"}).only<action::Finish>();
    EXPECT_EQ(play.state.record.status, TurnStatus::Interrupted);
    EXPECT_EQ(play.state.record.reason, "interrupted_by_person");
    EXPECT_EQ(reply_of(play.state).value().text, "");
  }
}

TEST(Turn, CannotBeInterruptedWhenTheLineIsDecided) {
  EXPECT_TRUE(recording().feed(event::Interrupted{"late"}).silent());
  EXPECT_TRUE(over().feed(event::Interrupted{"late"}).silent());
}

const std::map<std::string, std::string> kNames{
    {"brian", "Brian Griffin"}, {"peter", "Peter Griffin"}, {"stewie", "Stewie Griffin"}};

TEST(GuessedSpeaker, IsTheOnlyOneWhoIsNamed) {
  EXPECT_EQ(guessed_speaker("Stewie, what is a tesseract?", kNames), "stewie");
  EXPECT_EQ(guessed_speaker("What does BRIAN drink?", kNames), "brian");
  EXPECT_EQ(guessed_speaker("Is Peter smarter than Brian?", kNames), "");
  EXPECT_EQ(guessed_speaker("What is a tesseract?", kNames), "");
}

TurnState a_turn_with_guess(const std::string& guess) {
  auto request = a_message();
  request.message = "Stewie, what is a tesseract?";
  TurnState state = direct_turn("turn_1", request, 1'700'000'000'000, {});
  state.names = kNames;
  state.guess = guess;
  return state;
}

TEST(Turn, FetchesTheProbableSpeakersKnowledgeWhileTheCoordinatorDecides) {
  Play play(a_turn_with_guess("stewie"));
  play.feed(event::Begin{}, 0);
  ASSERT_EQ(play.actions.size(), 2U);
  const auto& retrieve = std::get<action::Retrieve>(play.actions.at(1));
  EXPECT_EQ(retrieve.request.collections, std::vector<std::string>{"character_stewie"});
  EXPECT_EQ(retrieve.request.query, ", what is a tesseract?");
  EXPECT_TRUE(play.feed(event::Retrieved{some_knowledge(), "stewie"}).silent());
  play.feed(event::Observed{seen({"stewie"})}).only<action::FetchPrompt>();
  play.feed(prompted(a_prompt())).only<action::Draft>();
}

TEST(Turn, DropsKnowledgeThatWasFetchedForSomebodyElse) {
  Play play(a_turn_with_guess("brian"));
  play.feed(event::Begin{}, 0).feed(event::Retrieved{some_knowledge(), "brian"});
  play.feed(event::Observed{seen({"stewie"})});
  ASSERT_EQ(play.actions.size(), 2U);
  EXPECT_EQ(std::get<action::Retrieve>(play.actions.at(1)).character, "stewie");
  EXPECT_TRUE(play.feed(prompted(a_prompt())).silent());
  EXPECT_TRUE(play.feed(event::Retrieved{some_knowledge(), "brian"}).silent());
  play.feed(event::Retrieved{some_knowledge(), "stewie"}).only<action::Draft>();
  EXPECT_EQ(play.state.record.sources.size(), 1U);
}

TEST(Turn, AsksWithTheWholeMessageWhenOnlyTheNameIsSaid) {
  auto request = a_message();
  request.message = "Stewie?";
  TurnState state = direct_turn("turn_1", request, 1'700'000'000'000, {});
  state.names = kNames;
  state.guess = "stewie";
  Play play(std::move(state));
  play.feed(event::Begin{}, 0);
  EXPECT_EQ(std::get<action::Retrieve>(play.actions.at(1)).request.query, "Stewie?");
}

std::string query_for(const std::string& message, const std::string& talk) {
  auto request = a_message();
  request.message = message;
  request.character = "stewie";
  TurnState state = direct_turn("turn_1", request, 1'700'000'000'000, {});
  state.names = kNames;
  state.talk = talk;
  Play play(std::move(state));
  play.feed(event::Begin{}, 0);
  return std::get<action::Retrieve>(play.actions.at(2)).request.query;
}

TEST(Turn, SearchesForWhatAShortQuestionRefersTo) {
  const std::string talk = "Where is the time machine? In the closet!";
  EXPECT_EQ(query_for("And what powers it?", talk), "And what powers it? " + talk);
  EXPECT_EQ(query_for("Why?", talk), "Why? " + talk);
  EXPECT_EQ(query_for("Where do you sleep?", talk), "Where do you sleep?");
  EXPECT_EQ(query_for("Does that robot dance a waltz?", talk), "Does that robot dance a waltz?");
}

TEST(Turn, GivesTheEarlierReplyToARepeatedMessage) {
  auto play = observing();
  contracts::TurnReply earlier;
  earlier.turn_id = "turn_0";
  earlier.text = "A cube, you fool.";
  play.feed(event::SaidBefore{earlier}).only<action::Finish>();
  EXPECT_EQ(play.state.record.reason, "repeated");
  EXPECT_EQ(reply_of(play.state).value().turn_id, "turn_0");
}

TEST(Turn, TellsTheCoordinatorWhoIsThereAndWhoHasSpoken) {
  contracts::OrchestrateRequest request = a_message();
  request.author_id = "18446744073709551615";
  request.participants = {{"brian", "stewie"}};
  Play play(direct_turn("turn_1", request, 0, {}));
  play.feed(event::Begin{}, 0);
  const auto& told = play.only<action::Observe>().request;
  EXPECT_EQ(told.author_id, "18446744073709551615");
  EXPECT_EQ(told.participants, (std::vector<std::string>{"brian", "stewie"}));
  EXPECT_EQ(play.state.record.author_id, "18446744073709551615");
}

TEST(Turn, ThatSaysAnotherLineStandsWhereTheFirstStood) {
  contracts::TurnRecord earlier = over().state.record;
  earlier.author_id = "1";
  earlier.posted_id = "2";
  const TurnState state = regenerating_turn("turn_2", earlier, 0, {});
  EXPECT_EQ(state.record.author_id, "1");
  EXPECT_EQ(state.record.posted_id, "2");
}

}  // namespace
}  // namespace router::testing
