#include <gtest/gtest.h>

#include <array>

#include "libs/messaging/fixture.h"
#include "libs/messaging/stranger.h"
#include "messaging/client.h"
#include "messaging/discovery.h"

namespace messaging::testing {
namespace {

struct Count {
  static constexpr std::string_view kName = "count";
  int count = 0;
  static void fields(auto& self, auto&& visit) { visit("count", self.count); }
};
struct Name {
  static constexpr std::string_view kName = "name";
  std::string name;
  static void fields(auto& self, auto&& visit) { visit("name", self.name); }
};

class Calls : public Stack {};

TEST_F(Calls, AreAnsweredWithTheReplyOfTheMethod) {
  start_server();
  EXPECT_EQ(ask("echo", "hello").value(), "hello");
  EXPECT_EQ(ask("echo", "").value(), "");
  EXPECT_EQ(ask("echo", std::string(1'000'000, 'x')).value().size(), 1'000'000U);
}

TEST_F(Calls, CarryAnErrorsCodeAndMessage) {
  start_server();
  for (const Code code : {Code::InvalidArgument, Code::NotFound, Code::Conflict, Code::Overloaded,
                          Code::DataLoss, Code::Internal}) {
    const auto reply = ask("fail", std::string(name(code)));
    ASSERT_FALSE(reply.ok());
    EXPECT_EQ(reply.error().code, code);
    EXPECT_EQ(reply.error().message, "as you wish");
  }
}

TEST_F(Calls, OfAMethodThatDoesNotExistSaySo) {
  start_server();
  const auto reply = ask("sing");
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code, Code::Unimplemented);
  EXPECT_EQ(reply.error().message, "server has no method sing");
}

TEST_F(Calls, AreAnsweredInternalWhenTheHandlerForgetsThem) {
  start_server();
  EXPECT_EQ(code_of(ask("drop")), Code::Internal);
}

TEST_F(Calls, CarryTheDeadlineAndTheTrace) {
  start_server();
  CallOptions options = soon();
  options.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const SteadyTime deadline = options.deadline;
  auto answer = ask_later("hold", options);
  const auto call = held_.take();
  ASSERT_TRUE(call);
  EXPECT_EQ(call->traceparent(), options.traceparent);
  // What is left is sent in whole milliseconds, and the way takes some.
  EXPECT_GT(call->deadline(), deadline - Milliseconds(2));
  EXPECT_EQ(server_->serving(), 1U);
  call->reply(std::string("late"));
  call->reply(std::string("ignored"));
  EXPECT_EQ(answer.get().value(), "late");
  settle(*server_);
  EXPECT_EQ(server_->serving(), 0U);
}

TEST_F(Calls, EndAtTheirDeadlineAndTheServerHearsOfIt) {
  start_server();
  auto answer = ask_later("hold", soon(Milliseconds(100)));
  const auto call = held_.take();
  ASSERT_TRUE(call);
  EXPECT_EQ(code_of(answer.get()), Code::DeadlineExceeded);
  EXPECT_EQ(ask("echo", "after").value(), "after");
  EXPECT_TRUE(call->gone());
  EXPECT_FALSE(call->item("nobody listens"));
}

TEST_F(Calls, AreRefusedWhenTheirDeadlineHasPassed) {
  start_server();
  const auto reply = asker_->call_and_wait("server", "echo", "{}", soon(Milliseconds(-1)));
  EXPECT_EQ(code_of(reply), Code::DeadlineExceeded);
}

TEST_F(Calls, MayHaveAllTheTimeThereIs) {
  start_server();
  CallOptions options = once();
  options.deadline = SteadyTime::max();
  const auto answer = ask_later("hold", options);
  const auto call = held_.take();
  ASSERT_TRUE(call);
  EXPECT_FALSE(call->gone());
  call->reply(std::string("in time"));
  EXPECT_EQ(answer.wait_for(kPatience), std::future_status::ready);
}

TEST_F(Calls, ThatAreCancelledAreGoneForTheServer) {
  start_server();
  CallId id = 0;
  auto answer = ask_later("hold", soon(), &id);
  const auto call = held_.take();
  ASSERT_TRUE(call);
  EXPECT_FALSE(call->gone());
  asker_->cancel(id);
  EXPECT_EQ(code_of(answer.get()), Code::Cancelled);
  // The cancellation travels ahead of the next call.
  EXPECT_EQ(ask("echo", "next").value(), "next");
  EXPECT_TRUE(call->gone());
  call->reply(std::string("too late"));
  asker_->cancel(id);
  EXPECT_EQ(ask("echo", "fine").value(), "fine");
}

TEST_F(Calls, AreCancelledAlsoByACallbackThatIsAheadOfThem) {
  start_server();
  std::promise<void> busy;
  std::promise<CallId> made;
  asker_->post([&] {
    busy.set_value();
    asker_->cancel(made.get_future().get());  // the call itself waits behind this task
  });
  busy.get_future().wait();
  CallId id = 0;
  auto answer = ask_later("hold", soon(), &id);
  made.set_value(id);
  EXPECT_EQ(code_of(answer.get()), Code::Cancelled);
}

TEST_F(Calls, ForgetWhatWouldHaveRunHadTheyBeenCancelled) {
  start_server();
  std::array<std::weak_ptr<Incoming>, 2> calls;
  for (const bool answered_before : {true, false}) {
    auto answer = ask_later("hold", soon());
    auto call = held_.take();
    ASSERT_TRUE(call);
    settle(*server_);
    Incoming& incoming = *call;
    calls.at(answered_before ? 0 : 1) = call;
    if (answered_before) incoming.reply(std::string("done"));
    incoming.on_gone([held = call] {});
    call.reset();
    // Unanswered, it is held by the callback alone, and the reply drops that.
    if (!answered_before) incoming.reply(std::string("done"));
    EXPECT_EQ(answer.get().value(), "done");
  }
  for (const auto& call : calls) EXPECT_TRUE(call.expired());
}

TEST_F(Calls, StreamTheirItemsInOrderAndThenTheReply) {
  start_server();
  std::vector<std::string> seen;
  std::promise<Result<std::string>> done;
  asker_->call(
      "server", "hold", "{}", soon(),
      [&](Result<std::string> body) { done.set_value(std::move(body)); },
      [&](std::string item) { seen.push_back(std::move(item)); });
  const auto call = held_.take();
  ASSERT_TRUE(call);
  std::vector<std::string> sent;
  for (int i = 0; i < 1000; ++i) {
    sent.push_back("piece " + std::to_string(i));
    EXPECT_TRUE(call->item(sent.back()));
  }
  call->reply(std::string("end"));
  EXPECT_EQ(done.get_future().get().value(), "end");
  EXPECT_EQ(seen, sent);
  EXPECT_FALSE(call->item("after the end"));
}

TEST_F(Calls, CarryRawBytesBesideTheirBody) {
  start_server();
  CallOptions options = soon();
  options.binary = std::string("\0\x01\xff vector", 10);
  auto answer = ask_later("hold", options);
  const auto call = held_.take();
  ASSERT_TRUE(call);
  EXPECT_EQ(call->body(), "{}");
  EXPECT_EQ(call->binary(), options.binary);
  call->reply(call->binary());
  EXPECT_EQ(answer.get().value(), options.binary);
}

TEST_F(Calls, StreamMoreThanTheWindowToACallerThatKeepsUp) {
  start_server();
  std::atomic<std::int64_t> taken{0};
  std::promise<Result<std::string>> done;
  asker_->call(
      "server", "hold", "{}", soon(),
      [&](Result<std::string> body) { done.set_value(std::move(body)); },
      [&](const std::string& item) { taken += static_cast<std::int64_t>(item.size()); });
  const auto call = held_.take();
  ASSERT_TRUE(call);
  const std::string item(kItemWindowBytes / 64, 'x');
  for (int i = 1; i <= 256; ++i) {
    ASSERT_TRUE(call->item(item)) << i;
    // The caller has it, and has said so before the server's next turns.
    while (taken < i * static_cast<std::int64_t>(item.size())) settle(*asker_);
    settle(*server_);
  }
  call->reply(std::string("end"));
  EXPECT_EQ(done.get_future().get().value(), "end");
}

TEST_F(Calls, WhoseItemsNobodyTakesInTimeEndOverloaded) {
  start_server();
  std::promise<void> stuck;
  std::shared_future<void> released = stuck.get_future().share();
  std::promise<Result<std::string>> done;
  asker_->call(
      "server", "hold", "{}", soon(),
      [&](Result<std::string> body) { done.set_value(std::move(body)); },
      [&](const std::string&) { released.wait(); });
  const auto call = held_.take();
  ASSERT_TRUE(call);
  const std::string item(kItemWindowBytes / 16 - kItemCost, 'x');
  int sent = 0;
  while (sent < 1000 && call->item(item)) ++sent;
  EXPECT_EQ(sent, 16);
  EXPECT_FALSE(call->item("x"));
  call->reply(std::string("end"));
  stuck.set_value();
  const auto reply = done.get_future().get();
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code, Code::Overloaded);
  EXPECT_EQ(reply.error().message,
            "the caller is too slow: over 4194304 bytes of items wait for it");
}

TEST_F(Calls, WhoseManySmallItemsNobodyTakesEndOverloadedAndCostTheOthersNothing) {
  start_server();
  std::promise<void> stuck;
  std::shared_future<void> released = stuck.get_future().share();
  std::promise<Result<std::string>> done;
  asker_->call(
      "server", "hold", "{}", soon(),
      [&](Result<std::string> body) { done.set_value(std::move(body)); },
      [&](const std::string&) { released.wait(); });
  const auto call = held_.take();
  ASSERT_TRUE(call);
  auto other = ask_later("hold", soon());
  int sent = 0;
  while (sent < 100'000 && call->item("")) ++sent;
  EXPECT_EQ(sent, kItemWindowBytes / kItemCost);
  call->reply(std::string("end"));
  stuck.set_value();
  EXPECT_EQ(code_of(done.get_future().get()), Code::Overloaded);
  held_.take()->reply(std::string("fine"));
  EXPECT_EQ(other.get().value(), "fine");
}

TEST_F(Calls, WhoseItemsFindTheQueueFullNeverEndAsIfTheyWereWhole) {
  start_server();
  std::promise<void> stuck;
  std::shared_future<void> released = stuck.get_future().share();
  struct Stream {
    std::shared_ptr<Incoming> call;
    int sent = 0;
    int seen = 0;
    std::promise<Result<std::string>> done;
  };
  std::array<Stream, 10> streams;  // together more than the queues hold
  for (Stream& stream : streams) {
    asker_->call(
        "server", "hold", "{}", soon(),
        [&](Result<std::string> body) { stream.done.set_value(std::move(body)); },
        [&](const std::string&) {
          ++stream.seen;
          released.wait();
        });
    stream.call = held_.take();
    ASSERT_TRUE(stream.call);
  }
  for (int i = 0; i < 4000; ++i) {
    for (Stream& stream : streams) stream.sent += stream.call->item("x") ? 1 : 0;
    settle(*server_);
  }
  stuck.set_value();
  const SteadyTime limit = SystemClock::instance().now() + kPatience;
  const auto echo = [&] {
    return asker_->call_and_wait("server", "echo", "", soon(Milliseconds(100)));
  };
  while (!echo().ok() && SystemClock::instance().now() < limit) {  // until the queues are empty
  }
  int overloaded = 0;
  for (Stream& stream : streams) {
    stream.call->reply(std::string("end"));
    const auto end = stream.done.get_future().get();
    if (end.ok()) {
      EXPECT_EQ(stream.seen, stream.sent);
    } else {
      EXPECT_EQ(code_of(end), Code::Overloaded);
      ++overloaded;
    }
  }
  EXPECT_GT(overloaded, 0);
}

TEST_F(Calls, OfACallerThatHasGoneAreGoneWithTheNextItem) {
  start_server();
  std::shared_ptr<Incoming> call;
  {
    Stranger stranger(instances(dir_.path()).front().rpc);
    stranger.shake_hands();
    stranger.send({R"({"type":"call","id":1,"method":"hold","timeout_ms":30000})", "{}"});
    call = held_.take();
  }
  ASSERT_TRUE(call);
  std::promise<void> gone;
  call->on_gone([&] { gone.set_value(); });
  auto told = gone.get_future();
  const SteadyTime limit = SystemClock::instance().now() + kPatience;
  while (told.wait_for(Milliseconds(0)) != std::future_status::ready &&
         SystemClock::instance().now() < limit && call->item("anybody?")) {
    settle(*server_);
  }
  settle(*server_);
  EXPECT_EQ(told.wait_for(kPatience), std::future_status::ready);
  EXPECT_TRUE(call->gone());
}

TEST_F(Calls, MayBeMadeFromACallback) {
  start_server();
  std::promise<Result<std::string>> done;
  asker_->call("server", "echo", "one", soon(), [&](const Result<std::string>& first) {
    asker_->call("server", "echo", first.value() + " two", soon(),
                 [&](Result<std::string> second) { done.set_value(std::move(second)); });
  });
  EXPECT_EQ(done.get_future().get().value(), "one two");
}

TEST_F(Calls, ByTheThousandAreEachAnsweredWithTheirOwnReply) {
  start_server();
  constexpr int kCalls = 3000;
  std::atomic<int> right{0};
  std::promise<void> all;
  std::atomic<int> left{kCalls};
  for (int i = 0; i < kCalls; ++i) {
    const std::string body = std::to_string(i);
    asker_->call("server", "echo", body, soon(), [&, body](const Result<std::string>& reply) {
      if (reply.ok() && reply.value() == body) ++right;
      if (--left == 0) all.set_value();
    });
  }
  ASSERT_EQ(all.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(right, kCalls);
}

TEST_F(Calls, ToAServiceThatIsMissingFailAtOnceWhenTheyMayNotBeRepeated) {
  const auto reply = asker_->call_and_wait("server", "echo", "{}", once());
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code, Code::Unavailable);
  EXPECT_EQ(reply.error().message, "no instance of server is running");
}

TEST_F(Calls, ToAServiceThatIsMissingSucceedWhenItAppearsInTime) {
  auto answer = ask_later("echo", soon());
  settle(*asker_);  // the first try has failed
  start_server();
  EXPECT_EQ(answer.get().value(), "{}");
}

TEST_F(Calls, OfStructsAreEncodedAndDecoded) {
  start_server();
  const Client client(*asker_, "server");
  EXPECT_EQ(client.call<Count>("echo", Count{5}, soon()).value().count, 5);
  std::promise<Result<Count>> done;
  client.call<Count>("echo", Count{6}, soon(),
                     [&](Result<Count> reply) { done.set_value(std::move(reply)); });
  EXPECT_EQ(done.get_future().get().value().count, 6);
}

TEST_F(Calls, WhoseReplyIsNoSuchStructAreThePeersFault) {
  start_server();
  const auto reply = Client(*asker_, "server").call<Name>("echo", Count{5}, soon());
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code, Code::Internal);
  EXPECT_EQ(reply.error().message, "bad reply: name: is required");
}

}  // namespace
}  // namespace messaging::testing
