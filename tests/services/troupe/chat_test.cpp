#include "troupe/chat.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <utility>

#include "contracts/coordinator.h"

namespace troupe {
namespace {

// A stack as seen by one chat: answers at once, on the caller's thread.
class FakeNode final : public messaging::Node {
 public:
  // The answers of router.orchestrate, in turn; without one it is away.
  std::deque<contracts::TurnReply> replies;
  // Comes as an event before each answer.
  std::deque<contracts::TurnLine> lines;
  contracts::History history;
  std::string name_of_peter = "Peter Griffin";
  // What happens before a message is answered.
  std::function<void(FakeNode&)> change;
  std::vector<std::string> asked;  // messages that reached the router

  Result<std::string> call_and_wait(const std::string&, std::string method, std::string,
                                    messaging::CallOptions) override {
    if (method == "coordinator.history") return json::encode(history);
    if (method == "characters.list") {
      contracts::Character peter;
      peter.id = "peter";
      peter.name = name_of_peter;
      return json::encode(contracts::CharacterList{{peter}});
    }
    contracts::TurnRecord record;
    record.turn_id = "turn_1";
    record.channel = "den";
    record.status = contracts::TurnStatus::Silent;
    record.reason = "quiet";
    return json::encode(record);
  }

  messaging::CallId call(const std::string&, std::string method, std::string body,
                         messaging::CallOptions, messaging::OnReply on_reply,
                         messaging::OnItem) override {
    if (method == "characters.list") {
      on_reply(call_and_wait("characters", method, body, {}));
      return 1;
    }
    if (change) change(*this);
    asked.push_back(
        json::decode<contracts::OrchestrateRequest>(std::string_view(body)).value().message);
    if (!lines.empty()) {
      on_line("turn.line", json::encode(lines.front()));
      lines.pop_front();
    }
    if (replies.empty()) {
      on_reply(Error{Code::Unavailable, "no instance of router is running"});
    } else {
      const std::string reply = json::encode(replies.front());
      replies.pop_front();
      on_reply(reply);
    }
    return 1;
  }

  void subscribe(std::string topic, messaging::OnEvent on_event) override {
    if (topic == "turn.line") on_line = std::move(on_event);
    if (topic == "character.changed") on_changed = std::move(on_event);
  }

  void serve(std::string, messaging::Serve) override {}
  Result<void> bind(const std::string&) override { return {}; }
  void withdraw() override {}
  std::size_t serving() const override { return 0; }
  void cancel(messaging::CallId) override {}
  void publish(std::string, std::string) override {}
  void stop() override {}
  void post(std::function<void()> task) override { task(); }
  bool on_thread() const override { return true; }
  messaging::TimerId after(Milliseconds, std::function<void()>) override { return 0; }
  void cancel_timer(messaging::TimerId) override {}

 private:
  messaging::OnEvent on_line;

 public:
  messaging::OnEvent on_changed;
};

contracts::TurnReply reply(std::string turn_id, std::string text) {
  contracts::TurnReply made;
  made.turn_id = std::move(turn_id);
  made.character = "peter";
  made.text = std::move(text);
  return made;
}

// What a script with this input prints, in the channel "den".
std::string transcript(FakeNode& node, std::string_view input) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  EXPECT_EQ(::pipe(in.data()), 0);
  EXPECT_EQ(::pipe(out.data()), 0);
  EXPECT_EQ(::write(in[1], input.data(), input.size()), static_cast<ssize_t>(input.size()));
  ::close(in[1]);
  Options options;
  options.channel = "den";
  options.author = "ada";
  {
    Terminal terminal(in[0], out[1]);
    Chat(options, Style::Plain, node, terminal).run();
  }
  ::close(in[0]);
  ::close(out[1]);
  std::string text;
  std::array<char, 4096> piece{};
  for (ssize_t count = 0; (count = ::read(out[0], piece.data(), piece.size())) > 0;) {
    text.append(piece.data(), static_cast<std::size_t>(count));
  }
  ::close(out[0]);
  return text;
}

TEST(Chat, BeginsWithWhatWasSaidBefore) {
  FakeNode node;
  node.history.lines = {
      {.author = "ada", .text = "Hi!", .kind = contracts::Kind::Human, .reply_to = {}},
      {.author = "peter", .text = "Hey.", .kind = contracts::Kind::Bot, .reply_to = {}}};
  EXPECT_EQ(transcript(node, ""), "ada: Hi!\nPeter Griffin: Hey.\n");
}

TEST(Chat, ShowsALineOnceThoughItComesAsAnEventAndAsTheReply) {
  FakeNode node;
  node.replies = {reply("turn_1", "Beer!")};
  node.lines = {{"turn_1", "den", "peter", "Peter", "Beer!", contracts::TurnKind::Direct}};
  EXPECT_EQ(transcript(node, "What now?\n"), "ada: What now?\nPeter Griffin: Beer!\n");
}

TEST(Chat, ShowsTheSameWordsTwiceWhenTheyWereSaidTwice) {
  FakeNode node;
  node.replies = {reply("turn_1", "Beer!"), reply("turn_2", "Beer!")};
  EXPECT_EQ(transcript(node, "one\n\n  two  "),
            "ada: one\nPeter Griffin: Beer!\nada: two\nPeter Griffin: Beer!\n");
  EXPECT_EQ(node.asked, (std::vector<std::string>{"one", "two"}));
}

TEST(Chat, DoesNotShowLinesOfOtherChannels) {
  FakeNode node;
  node.replies = {reply("turn_1", "Beer!")};
  node.lines = {{"turn_9", "kitchen", "peter", "Peter", "Pie!", contracts::TurnKind::Organic}};
  EXPECT_EQ(transcript(node, "What now?\n"), "ada: What now?\nPeter Griffin: Beer!\n");
}

TEST(Chat, GoesOnAfterAFailure) {
  FakeNode node;
  EXPECT_EQ(transcript(node, "one\ntwo\n"),
            "ada: one\n(no answer: no instance of router is running)\n"
            "ada: two\n(no answer: no instance of router is running)\n");
}

TEST(Chat, SaysWhyNobodyAnswersAndExplainsItWhenAsked) {
  FakeNode node;
  contracts::TurnReply silent;
  silent.turn_id = "turn_1";
  silent.reason = "quiet";
  node.replies = {silent};
  EXPECT_EQ(transcript(node, "/why\nhm\n/why\n/quit\nnever sent\n"),
            "Nothing has been said yet.\n"
            "ada: hm\n(nobody has anything to say to that)\n"
            "turn_1 in den: silent (quiet) after 0.0 ms\n\n");
  EXPECT_EQ(node.asked, (std::vector<std::string>{"hm"}));
}

TEST(Chat, HearsOfACharacterThatChangesMeanwhile) {
  FakeNode node;
  node.replies = {reply("turn_1", "Beer!")};
  node.change = [](FakeNode& stack) {
    stack.name_of_peter = "Pete";
    stack.on_changed("character.changed", "{}");
  };
  EXPECT_EQ(transcript(node, "What now?\n"), "ada: What now?\nPete: Beer!\n");
}

TEST(Chat, SaysWhatItLeavesOutOfALineThatIsTooLong) {
  FakeNode node;
  node.replies = {reply("turn_1", "Long.")};
  const auto text = transcript(node, std::string(4100, 'a') + "\n");
  EXPECT_TRUE(text.starts_with(
      "(that line was too long: its last 100 bytes are left out, 4000 fit)\nada: "))
      << text.substr(0, 200);
  ASSERT_EQ(node.asked.size(), 1U);
  EXPECT_EQ(node.asked.front().size(), 4000U);
}

TEST(Chat, ListsTheCastAndItsCommands) {
  FakeNode node;
  EXPECT_EQ(transcript(node, "/who\n/dance\n"),
            "Peter Griffin (peter)\n"
            "There is no /dance.\n"
            "  /why   why the latest line was said, or not\n"
            "  /who   who is in the cast\n"
            "  /quit  leave; so does Ctrl-D\n");
}

}  // namespace
}  // namespace troupe
