#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <thread>

#include "services/hub/stand.h"

namespace hub {
namespace {

using http::Method;

TEST(Messages, ArePostedToldAndRead) {
  Stand hub;
  const auto posted = hub.post(hub.messages, hub.person, R"({"content":"hello"})");
  ASSERT_EQ(posted.status, 200);
  EXPECT_EQ(posted.text("content"), "hello");
  const auto told = hub.told("MESSAGE_CREATE");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_NE(told[0].data.find("\"hello\""), std::string::npos);
  EXPECT_EQ(told[0].redact(told[0].data).find("\"hello\""), std::string::npos);
  const auto read = hub.get(hub.messages + "/" + posted.text("id"), hub.peter);
  EXPECT_EQ(read.text("content"), "hello");
}

TEST(Messages, AreRefusedInDiscordsWords) {
  Stand hub;
  const auto code = [&](std::string body) {
    return hub.post(hub.messages, hub.person, std::move(body)).code();
  };
  EXPECT_EQ(code("{}"), 50006);
  EXPECT_EQ(code(R"({"content":"  "})"), 50006);
  EXPECT_EQ(code(R"({"content":")" + std::string(2001, 'x') + "\"}"), 50035);
  EXPECT_EQ(code(R"({"content":5})"), 50035);
  EXPECT_EQ(code("{"), 50109);
  EXPECT_EQ(code(R"({"content":"x","nonce":"12345678901234567890123456"})"), 50035);
  EXPECT_EQ(code(R"({"content":"x","message_reference":{"message_id":"one"}})"), 50035);
  EXPECT_EQ(code(R"({"content":"x","embeds":5})"), 50035);
  EXPECT_EQ(hub.post(hub.messages, "Bot nobody", R"({"content":"x"})").status, 401);
  EXPECT_EQ(hub.post("/channels/5/messages", hub.peter, R"({"content":"x"})").code(), 10003);
  EXPECT_EQ(hub.post(hub.messages, hub.person, std::string(700 * 1024, ' ')).status, 413);
}

TEST(Messages, HaveEmbedsThatEveryClientCanRead) {
  Stand hub;
  const std::string path = hub.messages + "/" + hub.say(hub.peter, "x");
  const std::string long_text(3001, 'x');
  for (const std::string& embeds :
       {std::string("{}"), std::string("[null]"), std::string(R"([{"title":{}}])"),
        std::string(R"([{"fields":{}}])"), std::string(R"([{"fields":[{"name":"a"}]}])"),
        std::string(R"([{"footer":{"text":5}}])"), std::string(R"([{"color":"red"}])"),
        std::string(R"([{"author":[]}])"), std::string("[{},{},{},{},{},{},{},{},{},{},{}]"),
        R"([{"title":")" + long_text + R"("},{"description":")" + long_text + "\"}]"}) {
    const std::string body = R"({"embeds":)" + embeds + "}";
    EXPECT_EQ(hub.post(hub.messages, hub.peter, body).code(), 50035) << embeds;
    EXPECT_EQ(hub.ask(Method::Patch, path, hub.peter, body).code(), 50035) << embeds;
  }
  EXPECT_EQ(hub.ask(Method::Patch, path, hub.peter, R"({"components":[5]})").code(), 50035);
  EXPECT_EQ(hub.post(hub.messages, hub.peter, R"({"content":"x","nonce":{}})").code(), 50035);
  const std::string good =
      R"({"embeds":[{"title":"t","description":null,"color":5,"footer":{"text":"f"},)"
      R"("timestamp":"2026-01-01T00:00:00Z","fields":[{"name":"n","value":"v","inline":true}]}]})";
  EXPECT_EQ(hub.post(hub.messages, hub.peter, good).status, 200);
  EXPECT_EQ(hub.ask(Method::Patch, path, hub.peter, good).status, 200);
  EXPECT_EQ(hub.ask(Method::Patch, path, hub.peter, R"({"embeds":null})").status, 200);
}

TEST(Messages, OfTwoThousandCodePointsGoThrough) {
  Stand hub;
  std::string content;
  for (int i = 0; i < 2000; ++i) content += "ü";
  EXPECT_EQ(hub.post(hub.messages, hub.person, R"({"content":")" + content + "\"}").status, 200);
}

TEST(Messages, WithAKnownNonceAreNotPostedTwice) {
  Stand hub;
  const std::string body = R"({"content":"once","nonce":"n1","enforce_nonce":true})";
  const auto first = hub.post(hub.messages, hub.peter, body);
  const auto again = hub.post(hub.messages, hub.peter, body);
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.text("id"), first.text("id"));
  EXPECT_NE(hub.post(hub.messages, hub.brian, body).text("id"), first.text("id"));
  EXPECT_EQ(hub.told("MESSAGE_CREATE").size(), 2U);
  const auto kept = hub.archive->recent_nonces(0);
  ASSERT_TRUE(kept.ok());
  EXPECT_EQ(kept.value().size(), 2U);
}

TEST(Messages, WithANonceThatWasRefusedBeforeAreKnownAsLongAsOthers) {
  Stand hub;
  Poster poster(hub.stage, *hub.attachments, {.nonces_max = 2});
  const auto say = [&](const std::string& nonce, const std::string& more = {}) {
    std::promise<std::string> id;
    hub.loop.post([&] {
      Post post;
      post.channel = *snowflake_of(hub.general);
      post.author = 7;
      post.form = json::decode<PostForm>(R"({"content":"x","enforce_nonce":true,"nonce":")" +
                                         nonce + "\"" + more + "}")
                      .value();
      poster.post(std::move(post), [&](const Outcome<Said>& said) {
        id.set_value(said ? said->form.id : std::string{});
      });
    });
    return id.get_future().get();
  };
  EXPECT_EQ(say("a", R"(,"message_reference":{"message_id":"5"})"), "");
  const std::string first = say("a");
  EXPECT_NE(first, "");
  EXPECT_NE(say("b"), "");
  // The refused use has been forgotten by now, which is none of the other's business.
  EXPECT_EQ(say("a"), first);
}

TEST(Messages, ReplyToWhatIsThere) {
  Stand hub;
  const std::string id = hub.say(hub.person, "who?");
  const auto reply =
      hub.post(hub.messages, hub.peter,
               R"({"content":"me","message_reference":{"message_id":")" + id + "\"}}");
  ASSERT_EQ(reply.status, 200);
  EXPECT_EQ(reply.json().root().find("type")->integer(), 19);
  EXPECT_EQ(reply.json().root().find("referenced_message")->text_or("id", ""), id);
  EXPECT_EQ(reply.json().root().find("mentions")->size(), 1U);
  const auto silent = hub.post(hub.messages, hub.peter,
                               R"({"content":"me","allowed_mentions":{"parse":[]},)"
                               R"("message_reference":{"message_id":")" +
                                   id + "\"}}");
  EXPECT_EQ(silent.json().root().find("mentions")->size(), 0U);
  const std::string lost = R"({"content":"x","message_reference":{"message_id":"5")";
  EXPECT_EQ(hub.post(hub.messages, hub.peter, lost + "}}").code(), 50035);
  const auto lax = hub.post(hub.messages, hub.peter, lost + R"(,"fail_if_not_exists":false}})");
  EXPECT_EQ(lax.json().root().find("type")->integer(), 0);
}

TEST(Messages, MentionWhomTheyMay) {
  Stand hub;
  const auto mentions = [&](const std::string& token, const std::string& more) {
    return hub.post(hub.messages, token,
                    R"({"content":"<@)" + hub.user("brian") + R"(> @everyone")" + more + "}");
  };
  const auto person = mentions(hub.person, "");
  EXPECT_EQ(person.json().root().find("mentions")->size(), 1U);
  EXPECT_TRUE(person.json().root().find("mention_everyone")->boolean());
  const auto bot = mentions(hub.peter, "");
  EXPECT_FALSE(bot.json().root().find("mention_everyone")->boolean());
  const auto none = mentions(hub.person, R"(,"allowed_mentions":{"parse":[]})");
  EXPECT_EQ(none.json().root().find("mentions")->size(), 0U);
  EXPECT_FALSE(none.json().root().find("mention_everyone")->boolean());
}

TEST(Messages, AreChangedByTheirAuthorsOnly) {
  Stand hub;
  const std::string path = hub.messages + "/" + hub.say(hub.peter, "bier");
  EXPECT_EQ(hub.ask(Method::Patch, path, hub.person, R"({"content":"x"})").code(), 50005);
  EXPECT_EQ(hub.ask(Method::Patch, path, hub.peter, R"({"content":""})").code(), 50006);
  const auto edited = hub.ask(Method::Patch, path, hub.peter, R"({"content":"beer"})");
  EXPECT_EQ(edited.text("content"), "beer");
  EXPECT_EQ(hub.told("MESSAGE_UPDATE").size(), 1U);
  EXPECT_EQ(hub.ask(Method::Patch, hub.messages + "/5", hub.peter, R"({"content":"x"})").code(),
            10008);
  EXPECT_EQ(hub.ask(Method::Delete, path, hub.brian).code(), 50013);
  EXPECT_EQ(hub.ask(Method::Delete, path, hub.person).status, 204);
  EXPECT_EQ(hub.ask(Method::Delete, path, hub.peter).code(), 10008);
  EXPECT_EQ(hub.told("MESSAGE_DELETE").size(), 1U);
}

TEST(Messages, AreReadInPages) {
  Stand hub;
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(hub.say(hub.person, "line"));
  const auto page = [&](const std::string& query) {
    std::vector<std::string> found;
    const auto answer = hub.get(hub.messages + query, hub.peter);
    const auto document = answer.json();
    for (std::size_t i = 0; i < document.root().size(); ++i) {
      found.emplace_back(document.root().at(i).text_or("id", ""));
    }
    return found;
  };
  using Ids = std::vector<std::string>;
  EXPECT_EQ(page("?limit=2"), (Ids{ids[4], ids[3]}));
  EXPECT_EQ(page("?limit=2&before=" + ids[2]), (Ids{ids[1], ids[0]}));
  EXPECT_EQ(page("?limit=2&after=" + ids[1]), (Ids{ids[3], ids[2]}));
  EXPECT_EQ(page("?limit=3&around=" + ids[2]), (Ids{ids[3], ids[2], ids[1]}));
  EXPECT_EQ(page("?after=0").size(), 5U);
  EXPECT_EQ(hub.get(hub.messages + "?before=x", hub.peter).code(), 50035);
}

TEST(Messages, AreFoundByTheirWords) {
  Stand hub;
  hub.say(hub.person, "the novel is finished");
  const std::string id = hub.say(hub.peter, "the beer is cold");
  const auto total = [&](const std::string& query) {
    const auto found = hub.get("/guilds/" + hub.guild + "/messages/search?" + query, hub.person);
    return found.json().root().find("total_results")->integer();
  };
  EXPECT_EQ(total("content=the"), 2);
  EXPECT_EQ(total("content=bee"), 1);
  EXPECT_EQ(total("content=the&author_id=" + hub.user("peter")), 1);
  EXPECT_EQ(total("content=the&channel_id=" + hub.bar), 0);
  EXPECT_EQ(total("content=%22%28OR"), 0);
  hub.ask(Method::Patch, hub.messages + "/" + id, hub.peter, R"({"content":"warm milk"})");
  EXPECT_EQ(total("content=beer"), 0);
  EXPECT_EQ(total("content=milk"), 1);
}

TEST(Messages, CarryFilesWithinTheLimit) {
  Stand hub;
  const auto form = [](const std::string& bytes) {
    return "--X\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n\r\n"
           "{\"content\":\"look\"}\r\n--X\r\nContent-Disposition: form-data; name=\"files[0]\"; "
           "filename=\"../a.html\"\r\n\r\n" +
           bytes + "\r\n--X--\r\n";
  };
  const auto send = [&](const std::string& body) {
    return hub.ask(Method::Post, hub.messages, hub.person, body, "multipart/form-data; boundary=X");
  };
  const auto posted = send(form("<script>"));
  ASSERT_EQ(posted.status, 200);
  const auto document = posted.json();
  const json::Value file = document.root().find("attachments")->at(0);
  EXPECT_EQ(file.text_or("filename", ""), "a.html");
  const std::string url(file.text_or("url", ""));
  const Snowflake id = *snowflake_of(file.text_or("id", ""));
  const auto channel = *snowflake_of(hub.general);
  const auto served = hub.attachments->serve(channel, id, "a.html", url.substr(url.find('=') + 1));
  EXPECT_EQ(served.body, "<script>");
  EXPECT_EQ(served.headers.get("Content-Type"), "application/octet-stream");
  EXPECT_EQ(served.headers.get("Content-Disposition"), "attachment; filename*=UTF-8''a.html");
  EXPECT_EQ(hub.attachments->serve(channel, id, "a.html", "guessed").status, 404);
  EXPECT_EQ(send(form(std::string(601, 'x'))).code(), 40005);
  EXPECT_EQ(send("--X\r\nnonsense").code(), 50035);
  EXPECT_EQ(send(form(std::string(600, 'x'))).status, 200);
  // The store's own limit of 1,000 bytes.
  EXPECT_EQ(send(form(std::string(600, 'x'))).status, 503);
}

TEST(Messages, AreCountedPerChannelAndUser) {
  Stand hub({.messages = 2, .others = 100, .global_per_second = 6, .people_factor = 2});
  const std::string body = R"({"content":"x"})";
  EXPECT_EQ(hub.post(hub.messages, hub.peter, body).headers.get("X-RateLimit-Remaining"), "1");
  EXPECT_EQ(hub.post(hub.messages, hub.peter, body).status, 200);
  const auto refused = hub.post(hub.messages, hub.peter, body);
  EXPECT_EQ(refused.status, 429);
  EXPECT_FALSE(refused.json().root().find("global")->boolean());
  EXPECT_GT(refused.json().root().number_or("retry_after", 0), 0);
  EXPECT_TRUE(refused.headers.get("Retry-After").has_value());
  EXPECT_EQ(hub.post("/channels/" + hub.bar + "/messages", hub.peter, body).status, 200);
  EXPECT_EQ(hub.post(hub.messages, hub.brian, body).status, 200);
  EXPECT_EQ(hub.post(hub.messages, hub.person, body).headers.get("X-RateLimit-Limit"), "4");
}

TEST(Messages, AreCountedWithAllOtherRequestsOfAUser) {
  Stand hub({.messages = 100, .others = 100, .global_per_second = 3, .people_factor = 2});
  const std::string body = R"({"content":"x"})";
  for (const std::string& path : {hub.messages, "/channels/" + hub.bar + "/messages"}) {
    EXPECT_EQ(hub.post(path, hub.peter, body).status, 200);
  }
  EXPECT_EQ(hub.get("/users/@me", hub.peter).status, 200);
  const auto refused = hub.get("/users/@me", hub.peter);
  EXPECT_EQ(refused.status, 429);
  EXPECT_TRUE(refused.json().root().find("global")->boolean());
  EXPECT_EQ(refused.headers.get("X-RateLimit-Global"), "true");
  EXPECT_EQ(refused.headers.get("X-RateLimit-Scope"), "global");
  EXPECT_TRUE(refused.headers.get("Retry-After").has_value());
  EXPECT_EQ(hub.get("/users/@me", hub.brian).status, 200) << "others are not held up";
  EXPECT_NE(hub.post("/interactions/5/x/callback", "", "{}").status, 429) << "has no global limit";
}

TEST(Messages, TakeTheirFilesAlong) {
  Stand hub;
  const auto send = [&](const std::string& payload) {
    return hub.ask(Method::Post, hub.messages, hub.person,
                   "--X\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n\r\n" +
                       payload +
                       "\r\n--X\r\nContent-Disposition: form-data; name=\"files[0]\"; "
                       "filename=\"a.txt\"\r\n\r\nhello\r\n--X--\r\n",
                   "multipart/form-data; boundary=X");
  };
  // What a reader's thread was given before this question, it has done.
  const auto files = [&] {
    hub.get(hub.messages, hub.person);
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& one :
         std::filesystem::directory_iterator(hub.folder.file("files"))) {
      ++count;
    }
    return count;
  };
  const auto kept = send(R"({"content":"look"})");
  EXPECT_EQ(files(), 1U);
  EXPECT_EQ(send(R"({"message_reference":{"message_id":"5"}})").code(), 50035);
  EXPECT_EQ(files(), 1U) << "a refused message leaves no file";
  EXPECT_EQ(hub.ask(Method::Delete, hub.messages + "/" + kept.text("id"), hub.person).status, 204);
  EXPECT_EQ(files(), 0U);
}

TEST(Messages, WhoseChannelGoesBeforeTheirFilesAreKeptAreRefused) {
  Stand hub;
  std::promise<void> gate;
  std::promise<void> busy;
  hub.readers.post([&busy, open = gate.get_future().share()] {
    busy.set_value();
    open.wait();
  });
  busy.get_future().wait();
  auto posted = std::async(std::launch::async, [&] {
    return hub.ask(Method::Post, hub.messages, hub.person,
                   "--X\r\nContent-Disposition: form-data; name=\"files[0]\"; "
                   "filename=\"a.txt\"\r\n\r\nhello\r\n--X--\r\n",
                   "multipart/form-data; boundary=X");
  });
  while (hub.readers.queued() == 0) std::this_thread::yield();
  EXPECT_EQ(hub.ask(Method::Delete, "/channels/" + hub.general, hub.person).status, 200);
  gate.set_value();
  EXPECT_EQ(posted.get().code(), 10003);
  const auto files = hub.archive->files();
  ASSERT_TRUE(files.ok());
  EXPECT_TRUE(files.value().empty());
}

TEST(Messages, AreCountedTogetherWhereThePathNamesNoPlace) {
  Stand hub({.messages = 2, .others = 100, .global_per_second = 100, .people_factor = 2});
  EXPECT_EQ(hub.post("/webhooks/one/x", "", "{}").headers.get("X-RateLimit-Remaining"), "1");
  EXPECT_EQ(hub.post("/webhooks/two/x", "", "{}").headers.get("X-RateLimit-Remaining"), "0");
  EXPECT_EQ(hub.post("/webhooks/5/x", "", "{}").headers.get("X-RateLimit-Remaining"), "1");
}

TEST(Messages, AreReactedTo) {
  Stand hub;
  const std::string path = hub.messages + "/" + hub.say(hub.person, "funny") + "/reactions/";
  const std::string thumb = path + "%F0%9F%91%8D";
  EXPECT_EQ(hub.ask(Method::Put, thumb + "/@me", hub.peter).status, 204);
  EXPECT_EQ(hub.ask(Method::Put, thumb + "/@me", hub.peter).status, 204);
  EXPECT_EQ(hub.told("MESSAGE_REACTION_ADD").size(), 1U);
  EXPECT_EQ(hub.get(thumb, hub.person).json().root().size(), 1U);
  EXPECT_EQ(hub.ask(Method::Put, path + "custom:5/@me", hub.peter).code(), 10014);
  EXPECT_EQ(hub.ask(Method::Put, hub.messages + "/5/reactions/%F0%9F%91%8D/@me", hub.peter).code(),
            10008);
  EXPECT_EQ(hub.ask(Method::Delete, thumb + "/" + hub.user("peter"), hub.brian).code(), 50013);
  EXPECT_EQ(hub.ask(Method::Delete, thumb + "/@me", hub.peter).status, 204);
  EXPECT_EQ(hub.told("MESSAGE_REACTION_REMOVE").size(), 1U);
}

}  // namespace
}  // namespace hub
