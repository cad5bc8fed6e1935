#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libs/messaging/fixture.h"
#include "libs/messaging/server_process.h"
#include "messaging/directory.h"
#include "messaging/discovery.h"

namespace messaging::testing {
namespace {

class Ending : public Stack {};

TEST_F(Ending, OfThePeersProcessFailsTheCallsThatItHeld) {
  ServerProcess other(dir_.path());
  EXPECT_EQ(asker_->call_and_wait(ServerProcess::kService, "echo", "alive", soon()).value(),
            "alive");
  std::promise<Result<std::string>> done;
  asker_->call(ServerProcess::kService, "hold", "{}", once(),
               [&](Result<std::string> body) { done.set_value(std::move(body)); });
  other.wait_for_hold();
  other.kill_now();
  auto answer = done.get_future();
  // Well before the deadline: the end of the process is noticed, not the silence.
  ASSERT_EQ(answer.wait_for(kPatience / 2), std::future_status::ready);
  const auto reply = answer.get();
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code, Code::Unavailable);
  EXPECT_TRUE(reply.error().message.ends_with(" ended")) << reply.error().message;
  EXPECT_EQ(code_of(asker_->call_and_wait(ServerProcess::kService, "echo", "{}", once())),
            Code::Unavailable);
}

TEST_F(Ending, OfThePeersProcessIsSurvivedByItsSuccessor) {
  auto other = std::make_unique<ServerProcess>(dir_.path());
  std::promise<Result<std::string>> done;
  ASSERT_TRUE(asker_->call_and_wait(ServerProcess::kService, "echo", "{}", soon()).ok());
  other->kill_now();
  asker_->call(ServerProcess::kService, "echo", "again", soon(),
               [&](Result<std::string> body) { done.set_value(std::move(body)); });
  const ServerProcess successor(dir_.path());
  EXPECT_EQ(done.get_future().get().value(), "again");
}

TEST_F(Ending, OfThePeersProcessLosesNoAnswerThatItHadGiven) {
  const ServerProcess other(dir_.path());
  constexpr int kCalls = 3000;
  std::atomic<int> answered{0};
  std::atomic<int> left{kCalls};
  std::promise<void> all;
  for (int i = 0; i < kCalls; ++i) {
    asker_->call(ServerProcess::kService, "farewell", std::to_string(kCalls), once(),
                 [&](const Result<std::string>& reply) {
                   if (reply.ok()) ++answered;
                   if (--left == 0) all.set_value();
                 });
  }
  all.get_future().wait();
  EXPECT_EQ(answered, kCalls);
}

TEST_F(Ending, OfAPeersProcessBeforeItWasMetIsNoticedToo) {
  const pid_t dead = fork();
  if (dead == 0) _exit(0);
  waitpid(dead, nullptr, 0);
  // Whoever lists it does not know yet.
  class Late final : public Directory {
   public:
    explicit Late(Instance instance) : instance_(std::move(instance)) {}
    bool changed() override { return false; }
    std::vector<Instance> instances() override { return {instance_}; }

   private:
    Instance instance_;
  };
  Node::Options options{.service = "asker", .run_dir = dir_.path()};
  options.directory = std::make_shared<Late>(
      Instance{.service = "server", .pid = dead, .rpc = "ipc://" + dir_.file("server.rpc")});
  asker_ = Node::open(std::move(options)).value();
  EXPECT_EQ(code_of(asker_->call_and_wait("server", "echo", "{}", once())), Code::Unavailable);
}

TEST_F(Ending, InSilenceDrawsNoFurtherCallsWhileThereAreOthers) {
  const ServerProcess other(dir_.path());
  const ServerProcess frozen(dir_.path());
  frozen.freeze();
  const SteadyTime limit = SystemClock::instance().now() + kPatience;
  int answered = 0;  // in a row
  while (answered < 30 && SystemClock::instance().now() < limit) {
    const auto reply =
        asker_->call_and_wait(ServerProcess::kService, "echo", "{}", once(Milliseconds(250)));
    answered = reply.ok() ? answered + 1 : 0;
  }
  EXPECT_EQ(answered, 30);
  frozen.go_on();
}

TEST_F(Ending, RefusesToBindAfterwards) {
  asker_->stop();
  EXPECT_EQ(asker_->bind("").error().code, Code::Cancelled);
}

TEST_F(Ending, CancelsTheCallsUnderWay) {
  start_server();
  auto held = ask_later("hold", soon());
  const auto call = held_.take();
  ASSERT_TRUE(call);
  std::vector<std::future<Result<std::string>>> missing;
  for (int i = 0; i < 10; ++i) missing.push_back(ask_later("hold", soon()));
  asker_->stop();
  EXPECT_EQ(code_of(held.get()), Code::Cancelled);
  for (auto& answer : missing) EXPECT_EQ(code_of(answer.get()), Code::Cancelled);
}

TEST_F(Ending, CancelsCallsThatAreMadeAfterwards) {
  start_server();
  asker_->stop();
  EXPECT_EQ(code_of(ask("echo")), Code::Cancelled);
  asker_->stop();
}

TEST_F(Ending, CancelsCallsThatACancelledCallMakes) {
  start_server();
  std::promise<Code> second;
  asker_->call("server", "hold", "{}", soon(), [&](const Result<std::string>&) {
    asker_->call("server", "hold", "{}", soon(),
                 [&](const Result<std::string>& reply) { second.set_value(code_of(reply)); });
  });
  ASSERT_TRUE(held_.take());
  asker_->stop();
  EXPECT_EQ(second.get_future().get(), Code::Cancelled);
}

TEST_F(Ending, LosesNoCallThatIsMadeWhileItStops) {
  start_server();
  for (int round = 0; round < 20; ++round) {
    asker_ = open("asker");
    std::vector<std::future<Result<std::string>>> answers;
    std::promise<void> begun;
    std::thread caller([&] {
      for (int i = 0; i < 50; ++i) {
        answers.push_back(ask_later("echo", soon()));
        if (i == 10) begun.set_value();
      }
    });
    begun.get_future().wait();
    asker_->stop();
    caller.join();
    for (auto& answer : answers) {
      ASSERT_EQ(answer.wait_for(kPatience), std::future_status::ready);
      const auto reply = answer.get();
      EXPECT_TRUE(reply.ok() || reply.error().code == Code::Cancelled);
    }
  }
}

TEST_F(Ending, OfAnAnnouncementEndsNewCallsAndNotThoseUnderWay) {
  start_server();
  auto held = ask_later("hold", soon());
  const auto call = held_.take();
  ASSERT_TRUE(call);
  server_->withdraw();
  EXPECT_TRUE(instances(dir_.path()).empty());
  const SteadyTime limit = SystemClock::instance().now() + kPatience;
  Code code = Code::DataLoss;
  while (code != Code::Unavailable && SystemClock::instance().now() < limit) {
    code = code_of(asker_->call_and_wait("server", "echo", "{}", once()));
  }
  EXPECT_EQ(code, Code::Unavailable);
  // The answer to the last call may itself make a call: by then its peer is no longer one.
  call->reply(std::string("finished"));
  EXPECT_EQ(held.get().value(), "finished");
  EXPECT_EQ(code_of(asker_->call_and_wait("server", "echo", "{}", once())), Code::Unavailable);
}

TEST_F(Ending, OfAWithdrawnPeersLastCallMayMakeAnother) {
  start_server();
  std::promise<Code> second;
  asker_->call("server", "hold", "{}", soon(), [&](const Result<std::string>&) {
    asker_->call("server", "echo", "{}", once(),
                 [&](const Result<std::string>& reply) { second.set_value(code_of(reply)); });
  });
  const auto call = held_.take();
  ASSERT_TRUE(call);
  server_->withdraw();
  while (code_of(asker_->call_and_wait("server", "echo", "{}", once())) != Code::Unavailable) {
  }
  call->reply(std::string("finished"));
  EXPECT_EQ(second.get_future().get(), Code::Unavailable);
}

TEST_F(Ending, IsSurvivedByACallThatSomebodyStillHolds) {
  start_server();
  auto held = ask_later("hold", soon());
  const auto call = held_.take();
  ASSERT_TRUE(call);
  server_.reset();
  EXPECT_FALSE(call->gone());
  call->item("to nobody");
  call->reply(std::string("to nobody"));
}

TEST_F(Ending, TakesItsFilesAway) {
  start_server();
  server_.reset();
  asker_.reset();
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

}  // namespace
}  // namespace messaging::testing
