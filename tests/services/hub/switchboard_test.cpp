#include "hub/switchboard.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "json/json.h"
#include "services/hub/stage.h"

namespace hub {
namespace {

namespace intent = discord::intent;
using std::chrono::seconds;
using Texts = std::vector<std::string>;

constexpr const char* kAck = R"({"t":null,"s":null,"op":11,"d":null})";
constexpr const char* kInvalid = R"({"t":null,"s":null,"op":9,"d":false})";
constexpr std::uint32_t kPlain = intent::kGuilds | intent::kGuildMessages;

struct Client {
  Switchboard::ConnectionId id = 0;
  std::shared_ptr<Told> told = std::make_shared<Told>();
  std::string session;

  Texts fresh() const { return told->fresh(); }
};

class GatewayRules : public ::testing::Test {
 protected:
  Client connect(const Switchboard::Terms& terms = {}) {
    Client client;
    client.id = board().open(std::make_unique<FakeLine>(client.told), terms);
    return client;
  }
  void say(const Client& client, std::string_view text) { board().heard(client.id, text); }
  // A client that has identified and has taken note of READY and the guilds.
  Client log_in(const std::string& token, std::uint32_t intents = kPlain,
                const std::string& more = "") {
    Client client = connect();
    say(client,
        fmt::format(R"({{"op":2,"d":{{"token":"{}","intents":{}{}}}}})", token, intents, more));
    client.session = session_of(client);
    client.fresh();
    return client;
  }
  static std::string session_of(const Client& client) {
    if (client.told->texts.size() < 2) return {};
    const auto ready = json::Document::parse(client.told->texts[1]);
    if (!ready) return {};
    const auto data = ready.value().root().find("d");
    return data ? std::string(data->text_or("session_id", "")) : std::string();
  }
  Client resume(const std::string& token, const std::string& session, int sequence) {
    Client client = connect();
    client.fresh();
    say(client, fmt::format(R"({{"op":6,"d":{{"token":"{}","session_id":"{}","seq":{}}}}})", token,
                            session, sequence));
    client.session = session;
    return client;
  }
  void post(const std::string& text, Snowflake channel = kGeneral) {
    board().announce({.name = "MESSAGE_CREATE",
                      .data = json::quoted(text),
                      .guild = kGuild,
                      .channel = channel,
                      .intents = intent::kGuildMessages});
  }
  static std::string posted(const std::string& text, int sequence) {
    return fmt::format(R"({{"t":"MESSAGE_CREATE","s":{},"op":0,"d":"{}"}})", sequence, text);
  }
  static std::string resumed(int sequence) {
    return fmt::format(R"({{"t":"RESUMED","s":{},"op":0,"d":{{"_trace":["troupe"]}}}})", sequence);
  }
  static std::string presence(Snowflake user, const std::string& status, int sequence) {
    const std::string web = status == "offline" ? "" : fmt::format(R"("web":"{}")", status);
    return fmt::format(
        R"({{"t":"PRESENCE_UPDATE","s":{},"op":0,"d":{{"user":{{"id":"{}"}},"guild_id":"{}",)"
        R"("status":"{}","activities":[],"client_status":{{{}}}}}}})",
        sequence, user, kGuild, status, web);
  }
  std::uint16_t closed_for(std::string_view text) {
    const Client client = connect();
    say(client, text);
    return client.told->closed;
  }
  Switchboard& board() {
    if (!board_) board_ = std::make_unique<Switchboard>(roster_, options_, clock_);
    return *board_;
  }
  void pass(Milliseconds time) {
    clock_.advance(time);
    board().tick();
  }

  FakeRoster roster_;
  support::FakeClock clock_;
  Switchboard::Options options_;

 private:
  std::unique_ptr<Switchboard> board_;
};

TEST_F(GatewayRules, SaysHelloFirst) {
  options_.heartbeat = Milliseconds(1234);
  EXPECT_EQ(
      connect().fresh(),
      Texts{R"({"t":null,"s":null,"op":10,"d":{"heartbeat_interval":1234,"_trace":["troupe"]}})"});
}

TEST_F(GatewayRules, AnswersHeartbeatsAlsoBeforeIdentify) {
  const Client client = connect();
  client.fresh();
  say(client, R"({"op":1,"d":null})");
  EXPECT_EQ(client.fresh(), Texts{kAck});
}

TEST_F(GatewayRules, WelcomesWithReadyAndEveryGuild) {
  const Client client = connect();
  client.fresh();
  say(client, R"({"op":2,"d":{"token":"peter","intents":513,"shard":[0,1]}})");
  const Texts texts = client.fresh();
  ASSERT_EQ(texts.size(), 3U);
  const auto ready = json::Document::parse(texts[0]);
  ASSERT_TRUE(ready.ok());
  EXPECT_EQ(ready.value().root().text_or("t", ""), "READY");
  EXPECT_EQ(ready.value().root().number_or("s", 0), 1);
  const json::Value data = *ready.value().root().find("d");
  EXPECT_EQ(data.number_or("v", 0), 10);
  EXPECT_EQ(data.find("user")->text_or("id", ""), "1");
  EXPECT_EQ(data.find("guilds")->size(), 2U);
  EXPECT_EQ(data.text_or("resume_gateway_url", ""), "ws://127.0.0.1:6020/gateway");
  EXPECT_EQ(data.find("shard")->dump(), "[0,1]");
  EXPECT_FALSE(data.text_or("session_id", "").empty());
  EXPECT_EQ(texts[1],
            fmt::format(R"({{"t":"GUILD_CREATE","s":2,"op":0,"d":{{"id":"{}"}}}})", kGuild));
  EXPECT_EQ(texts[2],
            fmt::format(R"({{"t":"GUILD_CREATE","s":3,"op":0,"d":{{"id":"{}"}}}})", kOtherGuild));
}

TEST_F(GatewayRules, WelcomesAShardWithItsGuildsOnly) {
  const Client client = connect();
  say(client, R"({"op":2,"d":{"token":"peter","intents":513,"shard":[1,2]}})");
  const Texts texts = client.fresh();
  ASSERT_EQ(texts.size(), 3U);
  EXPECT_NE(texts[1].find(fmt::format(R"("guilds":[{{"id":"{}"}}])", kOtherGuild)),
            std::string::npos)
      << texts[1];
  EXPECT_NE(texts[2].find(std::to_string(kOtherGuild)), std::string::npos);
}

TEST_F(GatewayRules, ShowsNoGuildsToABotWithoutTheIntent) {
  const Client client = connect();
  say(client, R"({"op":2,"d":{"token":"peter","intents":512}})");
  EXPECT_EQ(client.fresh().size(), 2U);  // Hello, READY
}

TEST_F(GatewayRules, ClosesWithTheCodeOfTheBreach) {
  EXPECT_EQ(closed_for(R"({"op":42,"d":{}})"), 4001);
  EXPECT_EQ(closed_for("no JSON"), 4002);
  EXPECT_EQ(closed_for(R"({"op":3,"d":{"status":"idle"}})"), 4003);
  EXPECT_EQ(closed_for(R"({"op":8,"d":{}})"), 4003);
  EXPECT_EQ(closed_for(R"({"op":2,"d":{"token":"nobody","intents":0}})"), 4004);
  EXPECT_EQ(closed_for(R"({"op":6,"d":{"token":"nobody","session_id":"s","seq":1}})"), 4004);
  EXPECT_EQ(closed_for(R"({"op":2,"d":{"token":"peter","intents":0,"shard":[2,2]}})"), 4010);
  EXPECT_EQ(closed_for(R"({"op":2,"d":{"token":"peter"}})"), 4013);
  EXPECT_EQ(closed_for(R"({"op":2,"d":{"token":"brian","intents":32768}})"), 4014);
}

TEST_F(GatewayRules, RefusesASecondIdentifyOrAResumeAfterIt) {
  const Client first = log_in("peter");
  say(first, R"({"op":2,"d":{"token":"peter","intents":0}})");
  EXPECT_EQ(first.told->closed, 4005);
  const Client second = log_in("peter");
  say(second, R"({"op":6,"d":{"token":"peter","session_id":"s","seq":1}})");
  EXPECT_EQ(second.told->closed, 4005);
}

TEST_F(GatewayRules, RefusesOtherVersionsAndEncodings) {
  EXPECT_EQ(connect({"6", "json"}).told->closed, 4012);
  EXPECT_EQ(connect({"10", "etf"}).told->closed, 4002);
  EXPECT_EQ(connect({"10", "json"}).told->closed, 0);
  EXPECT_EQ(connect({"9", ""}).told->closed, 0);
  EXPECT_EQ(board().connections(), 2U);
}

TEST_F(GatewayRules, TakesOnly120PayloadsAMinute) {
  const Client client = log_in("ada");
  for (int i = 0; i < 119; ++i) say(client, R"({"op":1})");
  EXPECT_EQ(client.told->closed, 0);
  say(client, R"({"op":1})");
  EXPECT_EQ(client.told->closed, 4008);
  const Client patient = log_in("ada");
  for (int i = 0; i < 119; ++i) say(patient, R"({"op":1})");
  clock_.advance(seconds(60));
  say(patient, R"({"op":1})");
  EXPECT_EQ(patient.told->closed, 0);
}

TEST_F(GatewayRules, HearsNothingMoreAfterItHasClosed) {
  const Client client = log_in("ada");
  say(client, "no JSON");
  client.fresh();
  say(client, R"({"op":1})");
  post("hi");
  EXPECT_EQ(client.fresh(), Texts{});
  board().ended(client.id, 1006);
  board().ended(client.id, 1006);
  say(client, R"({"op":1})");
  EXPECT_EQ(board().connections(), 0U);
}

TEST_F(GatewayRules, ClosesWhoMissesHeartbeats) {
  const Client dead = log_in("peter");
  const Client live = log_in("ada");
  pass(options_.heartbeat);
  say(live, R"({"op":1})");
  pass(options_.heartbeat / 2);
  EXPECT_EQ(dead.told->closed, 0);
  pass(Milliseconds(1));
  EXPECT_EQ(dead.told->closed, 4009);
  EXPECT_EQ(live.told->closed, 0);
}

TEST_F(GatewayRules, ClosesWhoDoesNotIdentify) {
  const Client silent = connect();
  pass(options_.identify_timeout);
  EXPECT_EQ(silent.told->closed, 0);
  pass(Milliseconds(1));
  EXPECT_EQ(silent.told->closed, 4009);
}

TEST_F(GatewayRules, NumbersEachSessionsEventsForItself) {
  const Client peter = log_in("peter");                  // s 1 to 3
  const Client deaf = log_in("brian", intent::kGuilds);  // s 1 to 3
  const Client later = log_in("brian");                  // s 1 to 3
  post("one");
  post("two", kSecret);
  post("three");
  EXPECT_EQ(peter.fresh(), (Texts{posted("one", 4), posted("three", 5)}));
  EXPECT_EQ(later.fresh(), (Texts{posted("one", 4), posted("three", 5)}));
  EXPECT_EQ(deaf.fresh(), Texts{});
}

TEST_F(GatewayRules, ResumesWithAllThatWasMissedInOrder) {
  const Client peter = log_in("peter");
  post("heard");  // s 4
  board().ended(peter.id, 1006);
  post("missed");  // s 5
  post("hidden", kSecret);
  post("missed too");  // s 6
  const Client back = resume("peter", peter.session, 4);
  EXPECT_EQ(back.fresh(), (Texts{posted("missed", 5), posted("missed too", 6), resumed(7)}));
  post("live");
  EXPECT_EQ(back.fresh(), Texts{posted("live", 8)});
  // Once more, from before the first time: RESUMED itself does not come again.
  board().ended(back.id, 4000);
  EXPECT_EQ(resume("peter", peter.session, 5).fresh(),
            (Texts{posted("missed too", 6), posted("live", 8), resumed(9)}));
}

TEST_F(GatewayRules, RepeatsGuildsAndChunksWhenTheyWereMissed) {
  const Client peter = log_in("peter");
  say(peter, R"({"op":8,"d":{"guild_id":"9"}})");
  EXPECT_EQ(peter.fresh().size(), 2U);
  board().ended(peter.id, 1006);
  const Texts texts = resume("peter", peter.session, 1).fresh();
  ASSERT_EQ(texts.size(), 5U);
  EXPECT_EQ(texts[0],
            fmt::format(R"({{"t":"GUILD_CREATE","s":2,"op":0,"d":{{"id":"{}"}}}})", kGuild));
  EXPECT_TRUE(texts[1].starts_with(R"({"t":"GUILD_CREATE","s":3,)"));
  EXPECT_EQ(
      texts[2],
      R"({"t":"GUILD_MEMBERS_CHUNK","s":4,"op":0,"d":{"chunk_index":0,"of":{"guild_id":"9"}}})");
  EXPECT_TRUE(texts[3].starts_with(R"({"t":"GUILD_MEMBERS_CHUNK","s":5,)"));
  EXPECT_EQ(texts[4], resumed(6));
}

TEST_F(GatewayRules, ResumesAConnectionThatOnlyTheClientKnowsIsDead) {
  const Client old = log_in("peter");
  post("one");
  old.fresh();
  const Client fresh = resume("peter", old.session, 3);
  EXPECT_EQ(old.told->closed, 4000);
  EXPECT_EQ(fresh.fresh(), (Texts{posted("one", 4), resumed(5)}));
  board().ended(old.id, 1000);  // the old one's end is not the session's
  post("two");
  EXPECT_EQ(old.fresh(), Texts{});
  EXPECT_EQ(fresh.fresh(), Texts{posted("two", 6)});
}

TEST_F(GatewayRules, CannotResumeWhatIsUnknownForeignOrTooOld) {
  options_.events_max = 2;
  const Client peter = log_in("peter");
  EXPECT_EQ(resume("peter", "unknown", 1).fresh(), Texts{kInvalid});
  EXPECT_EQ(resume("ada", peter.session, 1).fresh(), Texts{kInvalid});
  EXPECT_EQ(peter.told->closed, 0) << "somebody else's Resume takes nothing away";
  for (int i = 0; i < 3; ++i) post("x");
  board().ended(peter.id, 1006);
  EXPECT_EQ(resume("peter", peter.session, 3).fresh(), Texts{kInvalid});
  EXPECT_EQ(board().sessions(), 0U);
}

TEST_F(GatewayRules, CannotResumeWithoutASequenceNumberOrFromTheFuture) {
  const Client peter = log_in("peter");
  EXPECT_EQ(resume("peter", peter.session, 0).fresh(), Texts{kInvalid});
  const Client future = resume("peter", peter.session, 4);
  EXPECT_EQ(future.fresh(), Texts{});
  EXPECT_EQ(future.told->closed, 4007);
}

TEST_F(GatewayRules, CannotResumeMoreThanASendQueueTakes) {
  options_.replay_bytes_max = 1'000;
  const Client peter = log_in("peter");
  board().ended(peter.id, 1006);
  for (int i = 0; i < 2; ++i) post(std::string(600, 'x'));
  EXPECT_EQ(resume("peter", peter.session, 4).fresh().size(), 2U);
  board().ended(peter.id, 1006);
  EXPECT_EQ(resume("peter", peter.session, 3).fresh(), Texts{kInvalid});
}

TEST_F(GatewayRules, IdentifiesOnTheConnectionWhoseResumeFailed) {
  const Client client = resume("peter", "unknown", 1);
  client.fresh();
  say(client, R"({"op":2,"d":{"token":"peter","intents":513}})");
  EXPECT_EQ(client.fresh().size(), 3U);
}

TEST_F(GatewayRules, EndsTheSessionOfAClientThatSaysGoodbye) {
  for (const std::uint16_t code : std::initializer_list<std::uint16_t>{1000, 1001}) {
    const Client client = log_in("peter");
    board().ended(client.id, code);
    EXPECT_EQ(board().sessions(), 0U);
    EXPECT_EQ(resume("peter", client.session, 3).fresh(), Texts{kInvalid});
  }
  for (const std::uint16_t code : std::initializer_list<std::uint16_t>{1005, 1006, 4000, 4200}) {
    const Client client = log_in("peter");
    board().ended(client.id, code);
    EXPECT_EQ(resume("peter", client.session, 3).fresh(), Texts{resumed(4)}) << code;
  }
}

TEST_F(GatewayRules, ForgetsASessionWhoseClientStaysAway) {
  const Client client = log_in("peter");
  board().ended(client.id, 1006);
  pass(options_.resume_window);
  EXPECT_EQ(board().sessions(), 1U);
  pass(Milliseconds(1));
  EXPECT_EQ(board().sessions(), 0U);
  EXPECT_EQ(resume("peter", client.session, 3).fresh(), Texts{kInvalid});
}

TEST_F(GatewayRules, MakesRoomAmongThoseThatAreAway) {
  options_.sessions_max = 2;
  const Client first = log_in("peter");
  const Client second = log_in("brian");
  const Client third = connect();
  say(third, R"({"op":2,"d":{"token":"ada"}})");
  EXPECT_EQ(third.told->closed, 1013);
  board().ended(second.id, 1006);
  clock_.advance(seconds(1));
  board().ended(first.id, 1006);
  log_in("ada");
  EXPECT_EQ(board().sessions(), 2U);
  EXPECT_EQ(resume("brian", second.session, 3).fresh(), Texts{kInvalid}) << "longest away";
  EXPECT_NE(resume("peter", first.session, 3).fresh(), Texts{kInvalid});
}

TEST_F(GatewayRules, RefusesMoreConnectionsThanItMayHold) {
  options_.connections_max = 1;
  connect();
  EXPECT_EQ(connect().told->closed, 1013);
}

TEST_F(GatewayRules, ShowsWhoComesAndWhoHasGoneForAWhile) {
  const Client watcher = log_in("peter", kPlain | intent::kGuildPresences);
  watcher.fresh();
  EXPECT_EQ(board().status(kBrian), "offline");
  const Client one = log_in("brian", kPlain, R"(,"presence":{"status":"idle"})");
  const Client two = log_in("brian", kPlain, R"(,"presence":{"status":"idle"})");
  EXPECT_EQ(board().status(kBrian), "idle");
  // The watcher's own coming was told once for each of its guilds.
  EXPECT_EQ(watcher.fresh(), Texts{presence(kBrian, "idle", 6)});
  say(one, R"({"op":3,"d":{"status":"dnd","since":null,"activities":[],"afk":false}})");
  EXPECT_EQ(watcher.fresh(), Texts{presence(kBrian, "dnd", 7)});
  board().ended(one.id, 1000);
  board().ended(two.id, 1006);
  pass(options_.presence_grace);
  EXPECT_EQ(board().status(kBrian), "dnd");
  EXPECT_EQ(watcher.fresh(), Texts{});
  pass(Milliseconds(1));
  EXPECT_EQ(board().status(kBrian), "offline");
  EXPECT_EQ(watcher.fresh(), Texts{presence(kBrian, "offline", 8)});
  // Who resumes after that is there again.
  resume("brian", two.session, 3);
  EXPECT_EQ(board().status(kBrian), "idle");
  EXPECT_EQ(watcher.fresh(), Texts{presence(kBrian, "idle", 9)});
}

TEST_F(GatewayRules, AReloadDoesNotFlicker) {
  const Client watcher = log_in("peter", kPlain | intent::kGuildPresences);
  const Client before = log_in("brian");
  watcher.fresh();
  board().ended(before.id, 1001);
  pass(Milliseconds(100));
  log_in("brian");
  pass(options_.presence_grace);
  EXPECT_EQ(watcher.fresh(), Texts{});
  EXPECT_EQ(board().status(kBrian), "online");
}

TEST_F(GatewayRules, EndsEverySessionOfAUserWhoseTokenIsVoid) {
  const Client one = log_in("peter");
  const Client two = log_in("peter");
  const Client other = log_in("ada");
  board().ended(two.id, 1006);
  board().disconnect(kPeter, 4004);
  EXPECT_EQ(one.told->closed, 4004);
  EXPECT_EQ(other.told->closed, 0);
  EXPECT_EQ(board().sessions(), 1U);
  EXPECT_EQ(resume("peter", two.session, 3).fresh(), Texts{kInvalid});
}

TEST_F(GatewayRules, AsksEverybodyToComeBack) {
  const Client one = log_in("peter");
  const Client stranger = connect();
  stranger.fresh();
  board().reconnect_all();
  const Texts reconnect{R"({"t":null,"s":null,"op":7,"d":null})"};
  EXPECT_EQ(one.fresh(), reconnect);
  EXPECT_EQ(stranger.fresh(), reconnect);
}

}  // namespace
}  // namespace hub
