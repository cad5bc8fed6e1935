#include "hub/session.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "services/hub/stage.h"

namespace hub {
namespace {

namespace intent = discord::intent;

std::uint16_t refusal(std::string_view text) {
  const Command command = parse_command(text);
  const auto* closing = std::get_if<Closing>(&command);
  return closing == nullptr ? std::uint16_t{0} : closing->code;
}

Event message(Snowflake channel = kGeneral) {
  return {.name = "MESSAGE_CREATE",
          .data = "{\"content\":\"hi\"}",
          .redact = [](std::string_view) { return std::string("{\"content\":\"\"}"); },
          .guild = kGuild,
          .channel = channel,
          .intents = intent::kGuildMessages};
}

Session bot(std::uint32_t intents, Snowflake user = kPeter, Shard shard = {}) {
  return {"s", Identity{user, true, intent::kAll}, intents, shard};
}
Session person() { return {"s", Identity{kAda, false, 0}, 0, {}}; }

TEST(GatewayCommand, ReadsTheIdentifyThatDiscordJsSends) {
  const Command command = parse_command(
      R"({"op":2,"d":{"token":"Bot abc","properties":{"browser":"x","device":"x","os":"linux"},)"
      R"("intents":33281,"compress":false,"shard":[1,2],"large_threshold":50,)"
      R"("presence":{"activities":[],"afk":false,"since":null,"status":"invisible"}}})");
  const auto& identify = std::get<Identify>(command);
  EXPECT_EQ(identify.token, "abc");
  EXPECT_EQ(identify.intents, 33281);
  EXPECT_EQ(identify.shard->index, 1U);
  EXPECT_EQ(identify.shard->count, 2U);
  EXPECT_EQ(identify.status, "offline");
}

TEST(GatewayCommand, ReadsTheOthers) {
  EXPECT_TRUE(std::holds_alternative<Heartbeat>(parse_command(R"({"op":1,"d":null})")));
  EXPECT_TRUE(std::holds_alternative<Heartbeat>(parse_command(R"({"op":1})")));
  EXPECT_TRUE(std::holds_alternative<VoiceStateUpdate>(parse_command(R"({"op":4,"d":{}})")));
  const Command presence = parse_command(R"({"op":3,"d":{"status":"dnd"}})");
  EXPECT_EQ(std::get<PresenceUpdate>(presence).status, "dnd");
  const Command members = parse_command(R"({"op":8,"d":{"guild_id":"1","query":"","limit":0}})");
  EXPECT_EQ(std::get<RequestMembers>(members).request, R"({"guild_id":"1","query":"","limit":0})");
  const Command resume = parse_command(R"({"op":6,"d":{"token":"t","session_id":"s","seq":7}})");
  EXPECT_EQ(std::get<Resume>(resume).sequence, 7);
  const Command lost = parse_command(R"({"op":6,"d":{"token":"t","session_id":"s","seq":null}})");
  EXPECT_EQ(std::get<Resume>(lost).sequence, 0);
}

TEST(GatewayCommand, RefusesWhatItCannotDecode) {
  for (const char* text :
       {"", "hello", "[]", "{}", R"({"op":"1"})", R"({"op":2})", R"({"op":2,"d":[]})",
        R"({"op":2,"d":{}})", R"({"op":2,"d":{"token":5}})", R"({"op":6,"d":{"token":"t"}})",
        R"({"op":3,"d":{"status":"busy"}})", R"({"op":8,"d":null})", "\xff\xfe"}) {
    EXPECT_EQ(refusal(text), 4002) << text;
  }
}

TEST(GatewayCommand, RefusesOpcodesThatNoClientMaySend) {
  for (const int op : {0, 5, 7, 9, 10, 11, 14, 99, -1}) {
    EXPECT_EQ(refusal(fmt::format(R"({{"op":{},"d":{{}}}})", op)), 4001) << op;
  }
}

TEST(GatewayCommand, RefusesShardsThatCannotBe) {
  for (const char* shard :
       {"[1,1]", "[0,0]", "[-1,1]", "[0]", "[0,1,2]", "5", "[0.5,1]", "[0,99999]"}) {
    EXPECT_EQ(
        refusal(fmt::format(R"({{"op":2,"d":{{"token":"t","intents":0,"shard":{}}}}})", shard)),
        4010)
        << shard;
  }
}

TEST(GatewayCommand, RefusesMoreThan4096Bytes) {
  const std::string head = R"({"op":1,"d":")";
  const std::string tail = "\"}";
  const std::size_t room = 4096 - head.size() - tail.size();
  EXPECT_EQ(refusal(head + std::string(room, 'x') + tail), 0);
  EXPECT_EQ(refusal(head + std::string(room + 1, 'x') + tail), 4002);
}

TEST(GatewayIntents, OfABotMustBeThereAndAllowed) {
  const auto granted = [](const Identity& who, std::optional<std::int64_t> intents) {
    Identify asked;
    asked.intents = intents;
    const auto result = granted_intents(who, asked);
    const auto* refused = std::get_if<Closing>(&result);
    return refused != nullptr ? refused->code : std::get<std::uint32_t>(result);
  };
  const Identity plain{kBrian, true, intent::kMessageContent};
  EXPECT_EQ(granted(plain, 513), 513U);
  EXPECT_EQ(granted(plain, 40449), 40449U);
  EXPECT_EQ(granted(plain, std::nullopt), 4013U);
  EXPECT_EQ(granted(plain, -1), 4013U);
  EXPECT_EQ(granted(plain, std::int64_t{1} << 26), 4013U);
  EXPECT_EQ(granted(plain, intent::kGuildPresences), 4014U);
  EXPECT_EQ(granted({kAda, false, 0}, std::nullopt), intent::kAll);
}

TEST(GatewaySession, WantsWhatItsIntentsName) {
  FakeRoster roster;
  EXPECT_TRUE(bot(intent::kGuildMessages).wants(message(), roster));
  EXPECT_FALSE(bot(intent::kGuilds).wants(message(), roster));
  EXPECT_TRUE(person().wants(message(), roster));
}

TEST(GatewaySession, WantsOnlyWhatItsUserMayView) {
  FakeRoster roster;
  Session ada = person();
  EXPECT_TRUE(ada.wants(message(kSecret), roster));
  EXPECT_FALSE(bot(intent::kAll).wants(message(kSecret), roster));
  // What was seen is kept until the roster says that it changed.
  const int asked = roster.asked;
  EXPECT_TRUE(ada.wants(message(kSecret), roster));
  EXPECT_EQ(roster.asked, asked);
  roster.may_view_secret = false;
  ++roster.generation_;
  EXPECT_FALSE(ada.wants(message(kSecret), roster));
}

TEST(GatewaySession, WantsWhatHappensInItsGuilds) {
  FakeRoster roster;
  Event event{.name = "GUILD_MEMBER_ADD", .data = "{}", .guild = kOtherGuild};
  EXPECT_TRUE(bot(intent::kAll).wants(event, roster));
  EXPECT_FALSE(bot(intent::kAll, kBrian).wants(event, roster));
  event.guild = 0;
  EXPECT_FALSE(bot(intent::kAll).wants(event, roster)) << "of no guild and no channel";
}

TEST(GatewaySession, WantsWhatIsMeantForItAlone) {
  FakeRoster roster;
  Event event{.name = "INTERACTION_CREATE", .data = "{}", .only = {kBrian}};
  EXPECT_TRUE(bot(0, kBrian).wants(event, roster));
  EXPECT_FALSE(bot(intent::kAll).wants(event, roster));
  EXPECT_FALSE(person().wants(event, roster));
}

TEST(GatewaySession, DoesNotWantItsOwnTypingNorWhatIsForPeople) {
  FakeRoster roster;
  Event event = message();
  event.except = kPeter;
  EXPECT_FALSE(bot(intent::kAll).wants(event, roster));
  EXPECT_TRUE(bot(intent::kAll, kBrian).wants(event, roster));
  event.except = 0;
  event.people_only = true;
  EXPECT_FALSE(bot(intent::kAll).wants(event, roster));
  EXPECT_TRUE(person().wants(event, roster));
}

TEST(GatewaySession, WantsOnlyTheGuildsOfItsShard) {
  FakeRoster roster;
  Event direct = message(kDirect);
  direct.guild = 0;
  Session first = bot(intent::kAll, kPeter, {0, 2});
  Session second = bot(intent::kAll, kPeter, {1, 2});
  EXPECT_TRUE(first.wants(message(), roster));
  EXPECT_FALSE(second.wants(message(), roster));
  EXPECT_TRUE(first.wants(direct, roster));
  EXPECT_FALSE(second.wants(direct, roster));
}

TEST(GatewaySession, HidesWhatPeopleWriteFromABotWithoutTheIntent) {
  const auto seen = [](const Session& session, const Event& event) {
    EventLog log(1, 1'000);
    return *session.view(*log.find(log.add(event)));
  };
  const std::string whole = "{\"content\":\"hi\"}}";
  const std::string hidden = "{\"content\":\"\"}}";
  const Session plain = bot(intent::kGuildMessages);
  Event event = message();
  EXPECT_EQ(seen(plain, event), hidden);
  EXPECT_EQ(seen(bot(intent::kGuildMessages | intent::kMessageContent), event), whole);
  EXPECT_EQ(seen(person(), event), whole);
  event.readers = {kPeter};
  EXPECT_EQ(seen(plain, event), whole) << "it is mentioned";
  event.readers.clear();
  event.guild = 0;
  EXPECT_EQ(seen(plain, event), whole) << "a direct message";
  event.guild = kGuild;
  event.redact = nullptr;
  EXPECT_EQ(seen(plain, event), whole) << "nothing to hide";
}

TEST(GatewaySession, KnowsWhatItSentUnderEachNumber) {
  Session session = person();
  for (const std::uint64_t number : {5U, 6U, 9U, 10U, 20U}) session.next(number);
  EXPECT_EQ(session.sequence(), 5U);
  EXPECT_EQ(session.sent(1), 5U);
  EXPECT_EQ(session.sent(2), 6U);
  EXPECT_EQ(session.sent(3), 9U);
  EXPECT_EQ(session.sent(4), 10U);
  EXPECT_EQ(session.sent(5), 20U);
  EXPECT_EQ(session.sent(0), 0U);
  EXPECT_EQ(session.sent(6), 0U);
}

TEST(GatewaySession, ForgetsTheOldestOfManyGapsAndOnlyThose) {
  Session session = person();
  const std::uint64_t count = Session::kRunsMax * 3;
  for (std::uint64_t i = 1; i <= count; ++i) session.next(i * 2);
  EXPECT_EQ(session.sent(1), 0U);
  for (std::uint64_t i = count - Session::kRunsMax / 2 + 1; i <= count; ++i) {
    EXPECT_EQ(session.sent(i), i * 2);
  }
}

TEST(GatewayDispatch, IsThePayloadOfOpcode0) {
  EXPECT_EQ(dispatch_head("TYPING_START", 7) + *make_tail(R"({"a":1})"),
            R"({"t":"TYPING_START","s":7,"op":0,"d":{"a":1}})");
}

}  // namespace
}  // namespace hub
