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
  std::vector<int> quiet_minutes;  // that the coordinator was asked for

  std::vector<std::string> opinions;

  Result<std::string> call_and_wait(const std::string&, std::string method, std::string body,
                                    messaging::CallOptions) override {
    if (method == "coordinator.history") return json::encode(history);
    if (method == "coordinator.quiet") {
      const auto request = json::decode<contracts::QuietRequest>(std::string_view(body)).value();
      quiet_minutes.push_back(request.minutes);
      return json::encode(contracts::QuietReply{request.minutes == 0 ? 0 : 1});
    }
    if (method == "characters.list") {
      contracts::Character peter;
      peter.id = "peter";
      peter.name = name_of_peter;
      return json::encode(contracts::CharacterList{{peter}});
    }
    if (method == "tuning.feedback") {
      const auto told = json::decode<contracts::FeedbackRequest>(std::string_view(body));
      opinions.push_back(std::string(enum_name(told.value().kind)) + " of " + told.value().turn_id);
      return json::encode(contracts::FeedbackReply{true, true});
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
    if (method == "router.regenerate") {
      const auto wish = json::decode<contracts::RegenerateRequest>(std::string_view(body));
      asked.push_back("another than " + wish.value().turn_id);
    } else {
      asked.push_back(
          json::decode<contracts::OrchestrateRequest>(std::string_view(body)).value().message);
    }
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
  bool post(std::function<void()> task) override {
    task();
    return true;
  }
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
            "ada: hm\n(nobody answers: asked to be quiet)\n"
            "turn_1 in den: silent (quiet) after 0.0 ms\n\n");
  EXPECT_EQ(node.asked, (std::vector<std::string>{"hm"}));
}

TEST(Chat, TellsWhatAPersonThinksOfTheLatestLine) {
  FakeNode node;
  contracts::TurnReply silent;
  silent.turn_id = "turn_2";
  silent.reason = "below_threshold";
  node.replies = {reply("turn_1", "Beer!"), silent};
  EXPECT_EQ(transcript(node, "/good\nWhat now?\nhm\n/good\n/bad\n"),
            "Nothing has been said yet.\n"
            "ada: What now?\nPeter Griffin: Beer!\n"
            "ada: hm\n(nobody has anything to say to that)\n(noted)\n(noted)\n");
  EXPECT_EQ(node.opinions,
            (std::vector<std::string>{"thumbs_up of turn_1", "thumbs_down of turn_1"}));
}

TEST(Chat, AsksForAnotherLine) {
  FakeNode node;
  node.replies = {reply("turn_1", "Beer!"), reply("turn_2", "More beer!")};
  EXPECT_EQ(transcript(node, "/again\nWhat now?\n/again\n"),
            "Nothing has been said yet.\n"
            "ada: What now?\nPeter Griffin: Beer!\nPeter Griffin: More beer!\n");
  EXPECT_EQ(node.asked, (std::vector<std::string>{"What now?", "another than turn_1"}));
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

TEST(Chat, AsksForQuietForAsLongAsItIsTold) {
  FakeNode node;
  EXPECT_EQ(transcript(node, "/quiet\n/quiet 30\n/quiet off\n"),
            "Quiet for 10 minutes: only who is spoken to by name answers.\n"
            "Quiet for 30 minutes: only who is spoken to by name answers.\n"
            "All may speak again.\n");
  EXPECT_EQ(node.quiet_minutes, (std::vector<int>{10, 30, 0}));
}

TEST(Chat, RefusesAQuietThatIsNoTime) {
  FakeNode node;
  for (const char* wrong : {"/quiet 0\n", "/quiet 1441\n", "/quiet soon\n", "/quiet 5x\n"}) {
    EXPECT_EQ(transcript(node, wrong),
              "For how many minutes, 1 to 1440? /quiet 30, or /quiet off\n");
  }
  EXPECT_TRUE(node.quiet_minutes.empty());
}

TEST(Chat, ListsTheCastAndItsCommands) {
  FakeNode node;
  EXPECT_EQ(transcript(node, "/who\n/dance\n"),
            "Peter Griffin (peter)\n"
            "There is no /dance.\n"
            "  /why   why the latest line was said, or not\n"
            "  /good  the latest line was good; /bad: it was not. The cast learns from both\n"
            "  /again another line instead of the latest\n"
            "  /quiet [minutes]: only who is spoken to by name answers; /quiet off ends it\n"
            "  /who   who is in the cast\n"
            "  /quit  leave; so does Ctrl-D\n");
}

}  // namespace
}  // namespace troupe
