#include "discord/gateway_session.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/fake_clock.h"

namespace discord {
namespace {

using Session = GatewaySession;
using State = Gateway::State;
using Timer = Session::Timer;

constexpr std::string_view kHello = R"({"op":10,"d":{"heartbeat_interval":40000}})";
constexpr std::string_view kAck = R"({"op":11})";

// A session with the other side of it, as a small language.
class GatewaySessionTest : public ::testing::Test {
 protected:
  void SetUp() override { make({}); }
  void make(Session::Options options) {
    options.token = options.token.empty() ? "secret" : options.token;
    options.intents = intent::kGuilds | intent::kMessageContent;
    session.emplace(std::move(options), clock, Random(7));
  }

  // Keeps what was to be done for the questions below.
  void tell(Session::Actions actions) {
    done.clear();
    for (auto& action : actions) done.push_back(std::move(action));
  }
  template <class Kind>
  const Kind* last() const {
    const Kind* found = nullptr;
    for (const auto& action : done) {
      if (const auto* one = std::get_if<Kind>(&action)) found = one;
    }
    return found;
  }
  std::string sent() const { return last<Session::Send>() ? last<Session::Send>()->text : ""; }
  std::string url() const { return last<Session::Open>() ? last<Session::Open>()->url : ""; }
  std::string event() const {
    return last<Session::Dispatch>() ? last<Session::Dispatch>()->name : "";
  }
  std::string why() const { return last<Session::Change>() ? last<Session::Change>()->why : ""; }
  bool is(State state) const {
    return last<Session::Change>() && last<Session::Change>()->state == state;
  }
  int closed_with() const { return last<Session::Close>() ? last<Session::Close>()->code : 0; }
  Milliseconds delay(Timer timer) const {
    Milliseconds found{-1};
    for (const auto& action : done) {
      const auto* set = std::get_if<Session::Set>(&action);
      if (set && set->timer == timer) found = set->delay;
    }
    return found;
  }

  void text(std::string_view payload) { tell(session->text(payload)); }
  void dispatch(int s, std::string_view name, std::string_view data = "{}") {
    text(fmt::format(R"({{"op":0,"s":{},"t":"{}","d":{}}})", s, name, data));
  }
  void wait(Timer timer) {
    clock.advance(std::max(delay(timer), Milliseconds(0)));
    tell(session->fired(timer));
  }
  void open() {
    tell(session->start());
    tell(session->fetched({.url = "wss://gateway.example"}));
    tell(session->opened());
  }
  void ready() {
    open();
    text(kHello);
    dispatch(1, "READY", R"({"session_id":"s1","resume_gateway_url":"wss://resume.example"})");
  }
  // From a lost connection to the next one's Hello.
  void come_back() {
    ASSERT_GE(delay(Timer::Next).count(), 0);
    wait(Timer::Next);
    if (last<Session::Fetch>()) tell(session->fetched({.url = "wss://gateway.example"}));
    ASSERT_NE(url(), "");
    tell(session->opened());
    text(kHello);
    if (sent().empty()) wait(Timer::Next);  // its turn to identify
  }
  bool resumes() const { return sent().starts_with(R"({"op":6)"); }
  bool identifies() const { return sent().starts_with(R"({"op":2)"); }

  support::FakeClock clock;
  std::optional<Session> session;
  Session::Actions done;
};

TEST_F(GatewaySessionTest, AsksForTheAddressAndIdentifies) {
  tell(session->start());
  EXPECT_TRUE(last<Session::Fetch>());
  EXPECT_TRUE(is(State::Connecting));
  tell(session->fetched({.url = "wss://gateway.example"}));
  EXPECT_EQ(url(), "wss://gateway.example/?v=10&encoding=json&compress=zlib-stream");
  tell(session->opened());
  text(kHello);
  EXPECT_EQ(sent(), R"({"op":2,"d":{"token":"secret","intents":32769,"properties":{"os":"linux",)"
                    R"("browser":"troupe","device":"troupe"},"shard":[0,1],"compress":false}})");
  EXPECT_GE(delay(Timer::Heartbeat).count(), 0);
  EXPECT_LT(delay(Timer::Heartbeat).count(), 40'000);
  dispatch(1, "READY", R"({"session_id":"s1","resume_gateway_url":"wss://r"})");
  EXPECT_TRUE(is(State::Ready));
  EXPECT_EQ(event(), "READY");
  EXPECT_EQ(last<Session::Dispatch>()->data().text_or("session_id", ""), "s1");
}

TEST_F(GatewaySessionTest, KeepsThePathOfTheAddressAndTheCompressionThatWasChosen) {
  make({.compress = false, .plain = true});
  tell(session->start());
  tell(session->fetched({.url = "ws://127.0.0.1:6020/gateway"}));
  EXPECT_EQ(url(), "ws://127.0.0.1:6020/gateway?v=10&encoding=json");
}

TEST_F(GatewaySessionTest, RefusesAnAddressInTheClear) {
  tell(session->start());
  tell(session->fetched({.url = "ws://gateway.example"}));
  EXPECT_TRUE(is(State::Reconnecting));
  EXPECT_NE(why().find("not encrypted"), std::string::npos);
}

TEST_F(GatewaySessionTest, BeatsWithTheLastSequence) {
  ready();
  clock.advance(1000);
  tell(session->fired(Timer::Heartbeat));
  EXPECT_EQ(sent(), R"({"op":1,"d":1})");
  EXPECT_EQ(delay(Timer::Heartbeat), Milliseconds(40'000));
  text(kAck);
  dispatch(9, "TYPING_START");
  tell(session->fired(Timer::Heartbeat));
  EXPECT_EQ(sent(), R"({"op":1,"d":9})");
}

TEST_F(GatewaySessionTest, AnswersAHeartbeatThatIsAskedForAtOnceEvenBeforeHello) {
  open();
  text(R"({"op":1,"d":null})");
  EXPECT_EQ(sent(), R"({"op":1,"d":null})");
}

TEST_F(GatewaySessionTest, LeavesAZombieAndResumes) {
  ready();
  tell(session->fired(Timer::Heartbeat));
  EXPECT_EQ(closed_with(), 0);
  tell(session->fired(Timer::Heartbeat));
  EXPECT_EQ(closed_with(), 4200);
  EXPECT_TRUE(is(State::Reconnecting));
  wait(Timer::Next);
  EXPECT_EQ(url(), "wss://resume.example/?v=10&encoding=json&compress=zlib-stream");
  tell(session->opened());
  text(kHello);
  EXPECT_EQ(sent(), R"({"op":6,"d":{"token":"secret","session_id":"s1","seq":1}})");
  dispatch(2, "RESUMED");
  EXPECT_TRUE(is(State::Ready));
}

TEST_F(GatewaySessionTest, ComesBackWhenAskedTo) {
  ready();
  text(R"({"op":7,"d":null})");
  EXPECT_EQ(closed_with(), 4200);
  come_back();
  EXPECT_TRUE(resumes());
}

TEST_F(GatewaySessionTest, ComesBackWhenAskedToBeforeHello) {
  open();
  text(R"({"op":7,"d":null})");
  EXPECT_EQ(closed_with(), 4200);
  come_back();
  EXPECT_TRUE(identifies());
}

TEST_F(GatewaySessionTest, ResumesOnTheSameConnectionWhenTheSessionStillHolds) {
  ready();
  text(R"({"op":9,"d":true})");
  EXPECT_EQ(closed_with(), 0);
  EXPECT_TRUE(resumes());
  dispatch(2, "RESUMED");
  EXPECT_TRUE(is(State::Ready));
}

TEST_F(GatewaySessionTest, IsNotHeldForEverByAServerThatOffersResumesOnly) {
  ready();
  int resumed = 0;
  for (; resumed < 20 && closed_with() == 0; ++resumed) text(R"({"op":9,"d":true})");
  EXPECT_LT(resumed, 10);
  come_back();
  EXPECT_TRUE(identifies());
}

TEST_F(GatewaySessionTest, IdentifiesAnewSomeSecondsAfterTheSessionIsLost) {
  ready();
  text(R"({"op":9,"d":false})");
  EXPECT_GE(delay(Timer::Next), Milliseconds(1000));
  EXPECT_LE(delay(Timer::Next), Milliseconds(5000));
  come_back();
  EXPECT_TRUE(identifies());
  dispatch(1, "READY", R"({"session_id":"s2","resume_gateway_url":"wss://r"})");
  EXPECT_TRUE(is(State::Ready));
  EXPECT_EQ(event(), "READY");
}

TEST_F(GatewaySessionTest, IdentifiesOnceInFiveSeconds) {
  open();
  text(kHello);
  tell(session->closed(1006, "lost"));
  wait(Timer::Next);
  tell(session->fetched({.url = "wss://gateway.example"}));
  tell(session->opened());
  text(kHello);
  EXPECT_EQ(sent(), "");
  EXPECT_GT(delay(Timer::Next), Milliseconds(3000));
  wait(Timer::Next);
  EXPECT_TRUE(identifies());
}

TEST_F(GatewaySessionTest, WaitsWhenItsSessionStartsAreUsedUp) {
  tell(session->start());
  tell(session->fetched({.url = "wss://g", .remaining = 0, .reset_after = Milliseconds(90'000)}));
  EXPECT_EQ(url(), "");
  EXPECT_EQ(delay(Timer::Next), Milliseconds(90'000));
  EXPECT_NE(why().find("90 s"), std::string::npos);
  wait(Timer::Next);
  EXPECT_TRUE(last<Session::Fetch>());
  tell(session->fetched({.url = "wss://g", .remaining = 1000}));
  EXPECT_NE(url(), "");
}

TEST_F(GatewaySessionTest, AsksHowManyStartsThereAreWhenItsOwnCountIsUsedUp) {
  tell(session->start());
  tell(session->fetched({.url = "wss://g", .remaining = 1, .reset_after = Milliseconds(1)}));
  tell(session->opened());
  text(kHello);
  ASSERT_TRUE(identifies());
  clock.advance(10'000);  // another day
  tell(session->closed(1006, "lost"));
  wait(Timer::Next);
  ASSERT_TRUE(last<Session::Fetch>()) << "not one more that nobody has counted";
  tell(session->fetched({.url = "wss://g", .remaining = 0, .reset_after = Milliseconds(90'000)}));
  EXPECT_EQ(url(), "");
  EXPECT_EQ(delay(Timer::Next), Milliseconds(90'000));
}

TEST_F(GatewaySessionTest, ResumesAfterTheseCloses) {
  for (const int code : {1001, 1005, 1006, 4000, 4001, 4002, 4200}) {
    make({});
    ready();
    tell(session->closed(static_cast<std::uint16_t>(code), "x"));
    EXPECT_TRUE(is(State::Reconnecting));
    come_back();
    EXPECT_TRUE(resumes()) << code;
  }
}

TEST_F(GatewaySessionTest, BeginsANewSessionAfterThese) {
  for (const int code : {1000, 4003, 4005, 4007, 4008, 4009}) {
    make({});
    ready();
    tell(session->closed(static_cast<std::uint16_t>(code), "x"));
    EXPECT_TRUE(is(State::Reconnecting));
    EXPECT_TRUE(code != 4008 || delay(Timer::Next) >= Milliseconds(5000));
    come_back();
    EXPECT_TRUE(identifies()) << code;
  }
}

TEST_F(GatewaySessionTest, StopsAfterTheseAndSaysWhatToDo) {
  const std::pair<int, const char*> cases[] = {
      {4004, "token"},  {4010, "shard"},   {4011, "2,500"},
      {4012, "update"}, {4013, "intents"}, {4014, "\"Message Content Intent\""}};
  for (const auto& [code, advice] : cases) {
    make({});
    open();
    text(kHello);
    tell(session->closed(static_cast<std::uint16_t>(code), "x"));
    EXPECT_TRUE(is(State::Stopped)) << code;
    EXPECT_NE(why().find(advice), std::string::npos) << why();
    EXPECT_EQ(delay(Timer::Next), Milliseconds(-1));
    EXPECT_TRUE(session->fired(Timer::Next).empty());
    EXPECT_TRUE(session->start().empty());
    EXPECT_TRUE(session->text(kHello).empty());
  }
}

TEST_F(GatewaySessionTest, StopsWhenTheAddressIsRefusedForItsToken) {
  tell(session->start());
  tell(session->fetch_failed({Error{Code::Unauthenticated, "no"}, 401}));
  EXPECT_TRUE(is(State::Stopped));
}

TEST_F(GatewaySessionTest, AsksAgainForTheAddressLaterAndLater) {
  tell(session->start());
  Milliseconds longest{0};
  for (int i = 0; i < 12; ++i) {
    tell(session->fetch_failed({Error{Code::Unavailable, "down"}}));
    longest = std::max(longest, delay(Timer::Next));
    wait(Timer::Next);
    ASSERT_TRUE(last<Session::Fetch>());
  }
  EXPECT_GE(longest, Milliseconds(30'000));
  EXPECT_LE(longest, Milliseconds(60'000));
}

TEST_F(GatewaySessionTest, AServerThatGreetsAndHangsUpIsCalledLessAndLess) {
  ready();
  for (int i = 0; i < 8; ++i) {
    tell(session->closed(1006, "lost"));
    if (i == 7) break;
    come_back();
    dispatch(i + 2, "RESUMED");
  }
  EXPECT_GE(delay(Timer::Next), Milliseconds(30'000));
  come_back();
  dispatch(20, "RESUMED");
  tell(session->fired(Timer::Heartbeat));
  text(kAck);
  tell(session->closed(1006, "lost"));
  EXPECT_LT(delay(Timer::Next), Milliseconds(1000)) << "a healthy connection is replaced at once";
}

TEST_F(GatewaySessionTest, KeepsItsSessionThroughAnOutage) {
  ready();
  tell(session->closed(1006, "lost"));
  for (int i = 0; i < 10; ++i) {
    wait(Timer::Next);
    if (last<Session::Fetch>()) {
      tell(session->fetch_failed({Error{Code::Unavailable, "down"}}));
    } else {
      tell(session->closed(1006, "cannot connect"));
    }
  }
  come_back();
  EXPECT_TRUE(resumes());
}

TEST_F(GatewaySessionTest, GivesUpResumingAfterSeveralThatFailed) {
  ready();
  tell(session->closed(1006, "lost"));
  for (int i = 0; i < 3; ++i) {
    come_back();
    EXPECT_TRUE(resumes());
    tell(session->closed(4000, "unknown error"));
  }
  wait(Timer::Next);
  EXPECT_TRUE(last<Session::Fetch>());
  tell(session->fetched({.url = "wss://elsewhere.example"}));
  EXPECT_TRUE(url().starts_with("wss://elsewhere.example/"));
}

TEST_F(GatewaySessionTest, TellsReplayedEventsOnce) {
  ready();
  dispatch(2, "MESSAGE_CREATE", R"({"id":"m1"})");
  EXPECT_EQ(event(), "MESSAGE_CREATE");
  dispatch(2, "MESSAGE_CREATE", R"({"id":"m1"})");
  EXPECT_EQ(event(), "");
  dispatch(3, "MESSAGE_CREATE", R"({"id":"m1"})");
  EXPECT_EQ(event(), "") << "the same message under another number";
  dispatch(4, "MESSAGE_UPDATE", R"({"id":"m1"})");
  EXPECT_EQ(event(), "MESSAGE_UPDATE");
  tell(session->closed(4009, "x"));
  come_back();
  dispatch(1, "READY", R"({"session_id":"s2"})");
  dispatch(2, "MESSAGE_CREATE", R"({"id":"m1"})");
  EXPECT_EQ(event(), "") << "told by another session";
  dispatch(3, "MESSAGE_CREATE", R"({"id":"m2"})");
  EXPECT_EQ(event(), "MESSAGE_CREATE");
}

TEST_F(GatewaySessionTest, RemembersABoundedNumberOfMessages) {
  make({.seen_max = 2});
  ready();
  for (int i = 1; i <= 3; ++i) {
    dispatch(i + 1, "MESSAGE_CREATE", fmt::format(R"({{"id":"m{}"}})", i));
  }
  dispatch(5, "MESSAGE_CREATE", R"({"id":"m3"})");
  EXPECT_EQ(event(), "");
  dispatch(6, "MESSAGE_CREATE", R"({"id":"m1"})");
  EXPECT_EQ(event(), "MESSAGE_CREATE") << "forgotten";
}

TEST_F(GatewaySessionTest, GivesUpOnAServerThatDoesNotGreet) {
  open();
  EXPECT_GT(delay(Timer::Next).count(), 0);
  wait(Timer::Next);
  EXPECT_EQ(closed_with(), 4200);
}

TEST_F(GatewaySessionTest, GivesUpOnAServerThatDoesNotAnswerTheLogIn) {
  open();
  text(kHello);
  wait(Timer::Next);
  EXPECT_EQ(closed_with(), 4200);
  EXPECT_TRUE(is(State::Reconnecting));
}

TEST_F(GatewaySessionTest, SendsNoMoreThanAMinuteAllowsAndKeepsRoomForItsBeats) {
  ready();
  int answered = 0;
  for (int i = 0; i < 500; ++i) {
    text(R"({"op":1,"d":null})");
    answered += sent().empty() ? 0 : 1;
  }
  EXPECT_GT(answered, 50);
  EXPECT_LT(answered, 111);
  tell(session->fired(Timer::Heartbeat));
  EXPECT_NE(sent(), "");
  clock.advance(60'000);
  text(R"({"op":1,"d":null})");
  EXPECT_NE(sent(), "");
}

TEST_F(GatewaySessionTest, LeavesAServerThatTalksNonsense) {
  for (const char* nonsense : {"", "{", "[]", "{}", R"({"op":"x"})", "null", R"({"op":1.5})"}) {
    make({});
    ready();
    text(nonsense);
    EXPECT_EQ(closed_with(), 4200) << nonsense;
  }
}

TEST_F(GatewaySessionTest, PassesOverWhatItDoesNotKnow) {
  ready();
  for (const char* odd :
       {R"({"op":99,"d":{}})", R"({"op":0})", R"({"op":0,"d":null})", R"({"op":10})",
        R"({"op":0,"t":5,"d":[],"s":"x"})", R"({"op":9223372036854775807})", R"({"op":-1})"}) {
    text(odd);
    EXPECT_EQ(closed_with(), 0) << odd;
    EXPECT_EQ(event(), "") << odd;
  }
}

TEST_F(GatewaySessionTest, StopsOnATokenThatNoIdentifyCanHold) {
  make({.token = std::string(5000, 'x')});
  open();
  text(kHello);
  EXPECT_EQ(sent(), "");
  EXPECT_TRUE(is(State::Stopped));
}

TEST(GatewayInfo, IsReadWithItsLimit) {
  const auto info = read_gateway_info(
      R"({"url":"wss://g","shards":1,"session_start_limit":{"total":1000,"remaining":999,)"
      R"("reset_after":14400000,"max_concurrency":1}})");
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info.value().url, "wss://g");
  EXPECT_EQ(info.value().remaining, 999);
  EXPECT_EQ(info.value().reset_after, Milliseconds(14'400'000));
  for (const char* bad : {"", "[]", "{}", R"({"url":5})"}) {
    EXPECT_FALSE(read_gateway_info(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace discord
