#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bot/bot.h"
#include "json/codec.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace bot::testing {

// What the ledger's thread has for the test's, which is the loop here.
class Mail {
 public:
  Home home() {
    return [this](std::function<void()> task) {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
      arrived_.notify_all();
    };
  }
  // Runs what arrives until `done` is true.
  void until(const std::function<bool()>& done) {
    while (!done()) {
      std::function<void()> task;
      {
        std::unique_lock lock(mutex_);
        const bool came =
            arrived_.wait_for(lock, std::chrono::seconds(20), [&] { return !tasks_.empty(); });
        ASSERT_TRUE(came) << "nothing comes any more";
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      task();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::function<void()>> tasks_;
};

// Discord as far as a test needs it: the same nonce is posted once, and answers can be swallowed.
class FakeChannels final : public Channels, public Interactions {
 public:
  struct Standing {
    std::string id;
    std::string channel;
    discord::NewMessage message;
  };
  void post(const std::string& channel, discord::NewMessage message,
            std::function<void(Posted)> done) override {
    ++posts;
    if (hold)
      return held.push_back([this, channel, message, done] { post_now(channel, message, done); });
    post_now(channel, message, done);
  }
  void edit(const std::string& channel, const std::string& message, const std::string& text,
            std::function<void(Posted)> done) override {
    (void)channel;
    edits.emplace_back(message, text);
    done({message, next_failure()});
  }
  void find_own(const std::string& channel, const std::string& after, const std::string& text,
                std::function<void(Result<std::string>)> done) override {
    (void)channel;
    looked_after.push_back(after);
    if (unreadable) return done(*unreadable);
    for (const auto& one : standing) {
      if (one.message.content == text) return done(one.id);
    }
    done(std::string());
  }
  void recent(const std::string& channel,
              std::function<void(Result<std::vector<discord::Message>>)> done) override {
    reads.push_back(channel);
    if (unreadable) return done(*unreadable);
    done(written[channel]);
  }
  void typing(const std::string& channel) override { typed.push_back(channel); }
  void defer(const discord::Interaction& interaction, std::function<void(bool)> done) override {
    deferred.push_back(interaction.id);
    if (hold) return held.push_back([done] { done(true); });
    done(!stranger);
  }
  void answer(const discord::Interaction&, const std::string& text) override {
    answers.push_back(text);
  }
  void install(const std::string& application, const std::string& guild,
               std::string commands) override {
    installed[application + "/" + guild] = std::move(commands);
  }
  void release() {
    for (const auto& one : std::exchange(held, {})) one();
  }

  std::vector<Standing> standing;
  std::deque<discord::Failure> failures;  // of the next requests
  bool swallow = false;                   // with a failure: carried out all the same
  bool hold = false;                      // posts and deferrals wait for release()
  bool stranger = false;                  // Discord does not know the interaction
  std::optional<Error> unreadable;
  std::map<std::string, std::vector<discord::Message>> written;  // by others, the newest first
  std::vector<std::string> reads;  // channels whose messages were read
  int posts = 0;
  std::vector<std::pair<std::string, std::string>> edits;
  std::vector<std::string> looked_after;
  std::vector<std::string> typed;
  std::vector<std::string> deferred;
  std::vector<std::string> answers;
  std::map<std::string, std::string> installed;

 private:
  std::optional<discord::Failure> next_failure() {
    if (failures.empty()) return std::nullopt;
    auto failure = failures.front();
    failures.pop_front();
    return failure;
  }
  void post_now(const std::string& channel, const discord::NewMessage& message,
                const std::function<void(Posted)>& done) {
    const auto failure = next_failure();
    if (failure && !swallow) return done({"", failure});
    std::string id;
    for (const auto& one : standing) {
      if (one.message.nonce == message.nonce) id = one.id;
    }
    if (id.empty()) {
      id = "posted" + std::to_string(standing.size() + 1);
      standing.push_back({id, channel, message});
    }
    done({failure ? "" : id, failure});
  }
  std::vector<std::function<void()>> held;
};

// The other services: a test answers by method, or holds the calls back and answers later.
class FakePeers final : public Peers {
 public:
  struct Call {
    std::string method;
    std::string body;
    std::function<void(Result<std::string>)> done;
  };
  void call(const std::string&, const std::string& method, std::string body, Milliseconds,
            std::function<void(Result<std::string>)> done) override {
    calls.push_back({method, std::move(body), std::move(done)});
    const auto found = answers.find(method);
    if (found == answers.end()) return;  // nobody answers
    const auto answer = found->second;
    calls.back().done(answer());
  }
  template <HasFields Reply>
  void answer(const std::string& method, const Reply& reply) {
    answers[method] = [text = json::encode(reply)] { return Result<std::string>(text); };
  }
  void fail(const std::string& method, Code code) {
    answers[method] = [code] { return Result<std::string>(Error{code, "away"}); };
  }
  template <HasFields Request>
  Request last(const std::string& method) const {
    for (auto call = calls.rbegin(); call != calls.rend(); ++call) {
      if (call->method == method)
        return json::decode<Request>(std::string_view(call->body)).value();
    }
    ADD_FAILURE() << method << " was not called";
    return {};
  }
  int count(const std::string& method) const {
    int found = 0;
    for (const auto& call : calls) found += call.method == method ? 1 : 0;
    return found;
  }

  std::deque<Call> calls;
  std::map<std::string, std::function<Result<std::string>()>> answers;
};

class FakeTimers final : public Timers {
 public:
  explicit FakeTimers(support::FakeClock& clock) : clock_(clock) {}
  void after(Milliseconds delay, std::function<void()> task) override {
    tasks_.emplace(clock_.now() + delay, std::move(task));
  }
  // Who waited is gone.
  void clear() { tasks_.clear(); }
  // Turns the clock and runs what falls due on the way, in order.
  void pass(Milliseconds time) {
    const auto end = clock_.now() + time;
    while (!tasks_.empty() && tasks_.begin()->first <= end) {
      auto task = tasks_.extract(tasks_.begin());
      const auto wait = std::chrono::ceil<Milliseconds>(task.key() - clock_.now());
      if (wait > Milliseconds(0)) clock_.advance(wait);
      task.mapped()();
    }
    clock_.advance(std::chrono::ceil<Milliseconds>(end - clock_.now()));
  }

 private:
  support::FakeClock& clock_;
  std::multimap<SteadyTime, std::function<void()>> tasks_;
};

inline std::string id_at(std::int64_t wall_ms) {
  return std::to_string(static_cast<std::uint64_t>(wall_ms - 1'420'070'400'000) << 22U);
}

// A world with its ledger, and what stands in tests of all classes.
class WorldTest : public ::testing::Test {
 protected:
  WorldTest() { open_ledger(); }

  void open_ledger() {
    ledger_.reset();
    ledger_ = Ledger::open(dir_.file("ledger.db"), mail_.home()).value();
  }
  std::vector<Part> unfinished() {
    std::optional<Result<std::vector<Part>>> found;
    ledger_->unfinished([&](Result<std::vector<Part>> parts) { found = std::move(parts); });
    mail_.until([&] { return found.has_value(); });
    return found->value();
  }
  std::optional<Standing> stands(const std::string& message_id) {
    std::optional<Result<std::optional<Standing>>> found;
    ledger_->find(message_id,
                  [&](Result<std::optional<Standing>> line) { found = std::move(line); });
    mail_.until([&] { return found.has_value(); });
    return found->value();
  }
  // Everything that the ledger was asked before has come back.
  void settle() { unfinished(); }
  std::vector<std::string> reasons() const {
    std::vector<std::string> all;
    for (const auto& one : silences_.list().silences) all.push_back(one.reason);
    return all;
  }

  support::TempDir dir_;
  support::FakeClock clock_;
  telemetry::Metrics metrics_;
  Silences silences_{metrics_, clock_};
  Mail mail_;
  FakeChannels channels_;
  FakePeers peers_;
  FakeTimers timers_{clock_};
  std::unique_ptr<Ledger> ledger_;
};

inline discord::Ready a_ready() {
  discord::Ready ready;
  ready.user.id = "11";
  ready.application = discord::Application{"11"};
  ready.guilds = {{"7"}};
  return ready;
}

inline contracts::BotCompany a_company() {
  return {.bots = {{"peter", "11", {"7"}}, {"brian", "12", {"7", "8"}}, {"stewie", "13", {"8"}}}};
}

inline Company peters_company() {
  Company company("peter");
  company.ready(a_ready());
  company.channel("70", "7", "general");
  company.joined(a_company());
  return company;
}

inline discord::Message a_message(const Clock& clock, std::string content) {
  discord::Message message;
  message.id = id_at(clock.wall_ms());
  message.channel_id = "70";
  message.guild_id = "7";
  message.author = {"99", "ada", "Ada", false};
  message.content = std::move(content);
  return message;
}

inline discord::Failure failure(Code code, int status, bool unsure = false) {
  discord::Failure made{Error{code, "no"}};
  made.status = status;
  made.unsure = unsure;
  return made;
}

}  // namespace bot::testing
