#include "llm/chain.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>

#include "base/ids.h"
#include "llm/understudy.h"
#include "services/llm/fake_ollama.h"

namespace llm {
namespace {

// One run and what became of it. Its texts are read after its end.
struct Talk {
  std::string model;
  std::string provider;
  std::string text;
  int begins = 0;
  std::function<void()> text_hook;  // on the chain's loop
  std::promise<void> begun;
  std::promise<Result<talk::Completion>> ended;
  std::shared_ptr<Chain::Handle> handle;

  Result<talk::Completion> result() {
    auto future = ended.get_future();
    if (future.wait_for(kPatience) == std::future_status::ready) return future.get();
    return Error{Code::Internal, "the run did not end"};
  }
};

class ChainTest : public ::testing::Test {
 protected:
  // An Ollama with one model, before the understudy.
  static ChainOptions before_understudy(const std::string& url, int concurrency = 5) {
    ChainOptions options;
    options.providers = {{.name = "local",
                          .kind = ProviderKind::Ollama,
                          .url = url,
                          .models = {"small"},
                          .concurrency = concurrency,
                          .breaker = {}},
                         {.name = "understudy",
                          .kind = ProviderKind::Understudy,
                          .url = {},
                          .models = {},
                          .concurrency = 1,
                          .breaker = {}}};
    options.chain = {"local", "understudy"};
    return options;
  }

  void open(ChainOptions options) {
    auto chain = Chain::open(loop_, std::move(options), metrics_);
    ASSERT_TRUE(chain.ok()) << chain.error().message;
    chain_ = std::move(chain).value();
  }

  std::shared_ptr<Talk> start(std::string model = "auto", Milliseconds time = kPatience,
                              std::function<void()> text_hook = nullptr) {
    talk::ChatAsk ask;
    ask.model = std::move(model);
    ask.messages = {said("Hello")};
    const auto talk = std::make_shared<Talk>();
    talk->text_hook = std::move(text_hook);
    Chain::Listener listener;
    listener.on_begin = [talk](std::string_view who, std::string_view where) {
      talk->model = who;
      talk->provider = where;
      if (++talk->begins == 1) talk->begun.set_value();
    };
    listener.on_text = [talk](std::string_view piece) {
      talk->text += piece;
      if (talk->text_hook) talk->text_hook();
    };
    listener.on_done = [talk](Result<talk::Completion> result) {
      talk->ended.set_value(std::move(result));
    };
    talk->handle =
        chain_->run(std::move(ask), SystemClock::instance().now() + time, std::move(listener));
    turn_loop();
    return talk;
  }

  // Returns when all that was posted before has run.
  void turn_loop() {
    std::promise<void> ran;
    loop_.post([&] { ran.set_value(); });
    ran.get_future().wait();
  }
  ProviderState local() const { return chain_->providers().front(); }
  // Turns the loop until the first provider's places are all free.
  bool becomes_idle() {
    const SteadyTime limit = SystemClock::instance().now() + kPatience;
    while (local().in_flight > 0 && SystemClock::instance().now() < limit) turn_loop();
    return local().in_flight == 0;
  }

  // The understudy stood in, and the completion says why.
  static void expect_stand_in(Talk& talk, std::string_view why) {
    const Result<talk::Completion> result = talk.result();
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_EQ(result.value().provider, "understudy");
    EXPECT_EQ(result.value().model, "understudy");
    EXPECT_FALSE(result.value().text().empty());
    EXPECT_EQ(talk.text, result.value().text());
    EXPECT_EQ(talk.model, "understudy");
    EXPECT_EQ(talk.begins, 1);
    ASSERT_EQ(result.value().failovers.size(), 1U);
    const std::string& note = result.value().failovers[0];
    EXPECT_TRUE(note.starts_with("local: ")) << note;
    EXPECT_NE(note.find(why), std::string::npos) << note;
  }
  static void expect_error(Talk& talk, Code code, std::string_view part) {
    const Result<talk::Completion> result = talk.result();
    ASSERT_FALSE(result.ok()) << result.value().text();
    EXPECT_EQ(name(result.error().code), name(code)) << result.error().message;
    EXPECT_NE(result.error().message.find(part), std::string::npos) << result.error().message;
  }
  static void expect_answer(Talk& talk, std::string_view text) {
    const Result<talk::Completion> result = talk.result();
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_EQ(result.value().text(), text);
    EXPECT_EQ(result.value().provider, "local");
  }

  net::Loop loop_;
  telemetry::Metrics metrics_;
  std::unique_ptr<Chain> chain_;
};

FakeOllama::Script always(int status, std::string body = "{\"error\":\"no\"}") {
  return [=](const FakeChat& chat) { chat.reply->respond(http::Response::json(body, status)); };
}

// Fulfilled when the client of `chat` goes.
std::future<void> departure(const FakeChat& chat) {
  const auto gone = std::make_shared<std::promise<void>>();
  chat.reply->on_gone([gone] { gone->set_value(); });
  return gone->get_future();
}

bool comes(const std::future<void>& future) {
  return future.wait_for(kPatience) == std::future_status::ready;
}

// --- answers ------------------------------------------------------------------------------------

TEST_F(ChainTest, AnswersWithTheFirstProvider) {
  FakeOllama ollama([](const FakeChat& chat) {
    chat.begin("Hel");
    chat.reply->write(text_line("lo!"));
    chat.reply->write(std::string(kDoneLine));
    chat.reply->end(http::Reply::Ending::Complete);
  });
  open(before_understudy(ollama.url()));
  const auto talk = start();
  const auto result = talk->result();
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result.value().text(), "Hello!");
  EXPECT_EQ(result.value().provider, "local");
  EXPECT_EQ(result.value().model, "small");
  EXPECT_EQ(result.value().usage.prompt, 11);
  EXPECT_EQ(result.value().usage.completion, 3);
  EXPECT_TRUE(result.value().usage.exact);
  EXPECT_TRUE(result.value().failovers.empty());
  EXPECT_EQ(talk->text, "Hello!");
  EXPECT_TRUE(becomes_idle());
  EXPECT_EQ(local().state, "up");
}

TEST_F(ChainTest, NamesTheModelThatReallySpeaks) {
  FakeOllama ollama;
  ChainOptions options = before_understudy(ollama.url());
  options.providers[0].models = {"small", "large"};
  options.default_model = "large";
  open(std::move(options));
  const auto talk = start("auto");
  const FakeChat chat = ollama.next();
  ASSERT_TRUE(chat.reply);
  EXPECT_NE(chat.request.body.find("\"model\":\"large\""), std::string::npos);
  chat.answer("Hi");
  expect_answer(*talk, "Hi");
  EXPECT_EQ(talk->begins, 1);
  EXPECT_EQ(talk->model, "large");
  EXPECT_EQ(talk->provider, "local");
}

TEST_F(ChainTest, TakesTheWholeAnswerThoughTheConnectionIsCutBehindIt) {
  FakeOllama ollama([](const FakeChat& chat) {
    chat.begin("Hi");
    chat.reply->write(std::string(kDoneLine));
    chat.reply->end(http::Reply::Ending::Cut);
  });
  open(before_understudy(ollama.url()));
  expect_answer(*start(), "Hi");
}

TEST_F(ChainTest, AnswersThoughTheConnectionStaysOpenBehindTheAnswer) {
  FakeOllama ollama;
  ChainOptions options = before_understudy(ollama.url());
  options.idle = options.total = std::chrono::hours(1);
  open(std::move(options));
  const auto talk = start("auto", std::chrono::hours(1));
  const FakeChat chat = ollama.next();
  ASSERT_TRUE(chat.reply);
  const auto gone = departure(chat);
  chat.begin("Hi");
  chat.reply->write(std::string(kDoneLine));
  expect_answer(*talk, "Hi");
  EXPECT_TRUE(comes(gone));
  EXPECT_TRUE(becomes_idle());
  EXPECT_EQ(local().breaker, "closed");
}

TEST_F(ChainTest, AsksAsManyAtOnceAsTheProviderHasPlaces) {
  FakeOllama ollama;
  open(before_understudy(ollama.url(), 40));
  std::array<std::shared_ptr<Talk>, 40> talks;
  for (auto& talk : talks) talk = start();
  std::array<FakeChat, 40> chats;
  for (auto& chat : chats) {
    chat = ollama.next();
    ASSERT_TRUE(chat.reply);
  }
  for (const auto& chat : chats) chat.answer("Hi");
  for (const auto& talk : talks) expect_answer(*talk, "Hi");
}

TEST_F(ChainTest, SeedsTheUnderstudyWithTheLastMessage) {
  ChainOptions options = before_understudy("http://127.0.0.1:1");
  options.chain = {"understudy"};
  open(std::move(options));
  const auto result = start()->result();
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result.value().text(), understudy_line({{"user", "Hello"}}, hash64("Hello")));
  EXPECT_FALSE(result.value().usage.exact);
  EXPECT_EQ(result.value().usage.prompt, 6);
}

// --- failover -----------------------------------------------------------------------------------

TEST_F(ChainTest, FailsOverWhenTheConnectionIsRefused) {
  std::string url;
  {
    const FakeOllama closed;
    url = closed.url();
  }
  open(before_understudy(url));
  expect_stand_in(*start(), "cannot connect");
}

TEST_F(ChainTest, FailsOverFromAServerError) {
  FakeOllama ollama(always(500));
  open(before_understudy(ollama.url()));
  expect_stand_in(*start(), "HTTP 500: no");
}

TEST_F(ChainTest, DoesNotHoldARefusalAgainstTheProvider) {
  for (const int status : {429, 404, 400}) {
    FakeOllama ollama(always(status));
    open(before_understudy(ollama.url()));
    for (int run = 0; run < 5; ++run) {
      expect_stand_in(*start(), "HTTP " + std::to_string(status));
    }
    EXPECT_EQ(ollama.seen(), 5);
    EXPECT_EQ(local().breaker, "closed") << status;
    chain_.reset();
  }
}

TEST_F(ChainTest, SaysOverloadedWhenTheOnlyProviderLimitsTheRate) {
  FakeOllama ollama(always(429));
  ChainOptions options = before_understudy(ollama.url());
  options.chain = {"local"};
  open(std::move(options));
  expect_error(*start(), Code::Overloaded, "local: HTTP 429");
}

TEST_F(ChainTest, FailsOverFromGarbage) {
  FakeOllama ollama(always(200, "<html>welcome</html>\n"));
  open(before_understudy(ollama.url()));
  expect_stand_in(*start(), "garbage in the stream: '<html>welcome</html>'");
}

TEST_F(ChainTest, FailsOverWhenNoTokenComesInTime) {
  for (const auto& script :
       {FakeOllama::Script(), FakeOllama::Script([](const FakeChat& chat) { chat.begin(""); })}) {
    FakeOllama ollama(script);
    ChainOptions options = before_understudy(ollama.url());
    options.first_token = Milliseconds(50);
    open(std::move(options));
    expect_stand_in(*start(), "deadline_exceeded");
    chain_.reset();
  }
}

TEST_F(ChainTest, FailsOverFromAStreamThatIsCutBeforeTheFirstToken) {
  FakeOllama ollama([](const FakeChat& chat) {
    chat.begin("");
    chat.reply->end(http::Reply::Ending::Cut);
  });
  open(before_understudy(ollama.url()));
  expect_stand_in(*start(), "cut");
}

TEST_F(ChainTest, FailsOverFromAStreamThatEndsWithoutSayingSo) {
  FakeOllama ollama(always(200, ""));
  open(before_understudy(ollama.url()));
  expect_stand_in(*start(), "the stream was cut");
}

TEST_F(ChainTest, SurfacesACutAfterTheFirstToken) {
  for (const auto ending : {http::Reply::Ending::Cut, http::Reply::Ending::Complete}) {
    FakeOllama ollama;
    open(before_understudy(ollama.url()));
    const auto talk = start();
    const FakeChat chat = ollama.next();
    ASSERT_TRUE(chat.reply);
    chat.begin("Once upon");
    EXPECT_TRUE(comes(talk->begun.get_future()));
    chat.reply->end(ending);
    expect_error(*talk, Code::Unavailable, "local: the answer was cut after 9 bytes");
    EXPECT_EQ(talk->text, "Once upon");
    EXPECT_EQ(talk->begins, 1);
    chain_.reset();
  }
}

TEST_F(ChainTest, SurfacesAnErrorInTheMiddleOfTheStream) {
  FakeOllama ollama([](const FakeChat& chat) {
    chat.begin("Once");
    chat.reply->write("{\"error\":\"out of memory\"}\n");
    chat.reply->end(http::Reply::Ending::Complete);
  });
  open(before_understudy(ollama.url()));
  expect_error(*start(), Code::Unavailable, "cut after 4 bytes: out of memory");
}

TEST_F(ChainTest, SurfacesAStreamThatStallsAfterTheFirstToken) {
  FakeOllama ollama;
  ChainOptions options = before_understudy(ollama.url());
  options.idle = Milliseconds(300);
  open(std::move(options));
  const auto talk = start();
  const FakeChat chat = ollama.next();
  ASSERT_TRUE(chat.reply);
  const auto gone = departure(chat);
  chat.begin("Once");
  expect_error(*talk, Code::Unavailable, "cut after 4 bytes");
  EXPECT_TRUE(comes(gone));
}

TEST_F(ChainTest, CutsAnAnswerOverTheLimitAlsoWhenItComesAtOnce) {
  FakeOllama ollama([](const FakeChat& chat) { chat.answer_at_once(std::string(100, 'x')); });
  ChainOptions options = before_understudy(ollama.url());
  options.text_bytes_max = 99;
  open(std::move(options));
  expect_error(*start(), Code::Unavailable, "the model's answer exceeds the limit");
  EXPECT_EQ(local().breaker, "closed");
}

// --- the breaker --------------------------------------------------------------------------------

TEST_F(ChainTest, PassesOverAProviderAfterThreeFaults) {
  FakeOllama ollama(always(500));
  open(before_understudy(ollama.url()));
  for (int run = 0; run < 3; ++run) expect_stand_in(*start(), "HTTP 500");
  EXPECT_EQ(local().breaker, "open");
  expect_stand_in(*start(), "out of service after failures");
  EXPECT_EQ(ollama.seen(), 3);
}

TEST_F(ChainTest, ACancelledProbeDoesNotKeepTheProviderOut) {
  std::atomic<bool> broken = true;
  FakeOllama ollama([&](const FakeChat& chat) {
    if (broken) always(500)(chat);
  });
  ChainOptions options = before_understudy(ollama.url());
  options.providers[0].breaker = {.failures_max = 3, .cool_down = Milliseconds(0)};
  open(std::move(options));
  for (int run = 0; run < 3; ++run) {
    expect_stand_in(*start(), "HTTP 500");
    ollama.next();
  }
  EXPECT_EQ(local().breaker, "half_open");

  broken = false;
  const auto probe = start();
  const FakeChat held = ollama.next();
  ASSERT_TRUE(held.reply);
  expect_stand_in(*start(), "out of service");  // one probe at a time
  probe->handle->cancel();
  expect_error(*probe, Code::Cancelled, "cancelled by the caller");
  ASSERT_TRUE(becomes_idle());

  const auto talk = start();
  const FakeChat chat = ollama.next();
  ASSERT_TRUE(chat.reply);
  chat.answer("Back");
  expect_answer(*talk, "Back");
  EXPECT_EQ(local().breaker, "closed");
}

// --- cancel and deadline ------------------------------------------------------------------------

TEST_F(ChainTest, CancelClosesTheConnectionToTheProvider) {
  FakeOllama ollama;
  open(before_understudy(ollama.url()));
  const auto talk = start();
  const FakeChat chat = ollama.next();
  ASSERT_TRUE(chat.reply);
  const auto gone = departure(chat);
  chat.begin("Once");
  talk->handle->cancel();
  talk->handle->cancel();
  expect_error(*talk, Code::Cancelled, "cancelled by the caller");
  EXPECT_TRUE(comes(gone));
  EXPECT_TRUE(becomes_idle());
  EXPECT_EQ(local().breaker, "closed");
}

TEST_F(ChainTest, EndsAtTheDeadlineAndLeavesTheProvider) {
  FakeOllama ollama;
  open(before_understudy(ollama.url()));
  const auto talk = start("auto", Milliseconds(300));
  const FakeChat chat = ollama.next();
  ASSERT_TRUE(chat.reply);
  const auto gone = departure(chat);
  expect_error(*talk, Code::DeadlineExceeded, "time was over");
  EXPECT_TRUE(comes(gone));
}

TEST_F(ChainTest, BlamesASilentProviderForADeadlineButNotForACallerWhoLeaves) {
  FakeOllama ollama;
  ChainOptions options = before_understudy(ollama.url());
  options.hang = Milliseconds(0);  // any silence is long
  options.providers[0].breaker = {.failures_max = 1, .cool_down = std::chrono::hours(1)};
  open(std::move(options));
  const auto left = start();
  const FakeChat first = ollama.next();
  ASSERT_TRUE(first.reply);
  left->handle->cancel();
  expect_error(*left, Code::Cancelled, "cancelled by the caller");
  ASSERT_TRUE(becomes_idle());
  EXPECT_EQ(local().breaker, "closed");

  const auto late = start("auto", Milliseconds(300));
  const FakeChat second = ollama.next();
  expect_error(*late, Code::DeadlineExceeded, "time was over");
  ASSERT_TRUE(becomes_idle());
  EXPECT_EQ(local().breaker, "open");
  EXPECT_EQ(local().last_error, "it did not answer in the caller's time");
}

TEST_F(ChainTest, CancelAfterTheEndChangesNothing) {
  FakeOllama ollama([](const FakeChat& chat) { chat.answer("Hi"); });
  open(before_understudy(ollama.url()));
  const auto talk = start();
  expect_answer(*talk, "Hi");
  talk->handle->cancel();
  turn_loop();
}

// --- places -------------------------------------------------------------------------------------

TEST_F(ChainTest, WhoFindsNoPlaceWaitsAndGetsTheNext) {
  FakeOllama ollama;
  ChainOptions options = before_understudy(ollama.url(), 1);
  options.place_wait = kPatience;
  open(std::move(options));
  const auto first = start();
  const auto second = start();
  EXPECT_EQ(local().in_flight, 1);
  EXPECT_EQ(local().waiting, 1);
  ollama.next().answer("one");
  expect_answer(*first, "one");
  ollama.next().answer("two");
  expect_answer(*second, "two");
  EXPECT_TRUE(becomes_idle());
}

TEST_F(ChainTest, AWaiterThatIsCancelledDoesNotSwallowThePlace) {
  FakeOllama ollama;
  ChainOptions options = before_understudy(ollama.url(), 1);
  options.place_wait = kPatience;
  open(std::move(options));
  std::shared_ptr<Talk> cancelled;
  // Text and end of the first come as one, so the place is on its way when the cancel arrives.
  const auto first = start("auto", kPatience, [&] { cancelled->handle->cancel(); });
  cancelled = start();
  const auto third = start();
  EXPECT_EQ(local().waiting, 2);
  ollama.next().answer_at_once("one");
  expect_answer(*first, "one");
  expect_error(*cancelled, Code::Cancelled, "cancelled by the caller");
  ollama.next().answer("three");
  expect_answer(*third, "three");
  EXPECT_TRUE(becomes_idle());
}

TEST_F(ChainTest, FailsOverWhenNoPlaceIsFreeInTime) {
  FakeOllama ollama;
  ChainOptions options = before_understudy(ollama.url(), 1);
  options.place_wait = Milliseconds(20);
  open(std::move(options));
  const auto first = start();
  const auto second = start();
  expect_stand_in(*second, "no place was free in time");
  EXPECT_EQ(local().waiting, 0);
  ollama.next().answer("one");
  expect_answer(*first, "one");
  EXPECT_EQ(ollama.seen(), 1);
}

// The wait's end and the place are both due when the loop, held up, goes on: the wait ends first,
// and the place must go back to where it came from.
TEST_F(ChainTest, APlaceThatComesTooLateGoesBackToItsProvider) {
  FakeOllama ollama;
  ChainOptions options = before_understudy(ollama.url(), 1);
  options.place_wait = Milliseconds(200);
  open(std::move(options));
  std::promise<void> held_up;
  std::promise<void> go_on;
  const auto first = start("auto", kPatience, [&] {
    held_up.set_value();
    go_on.get_future().wait();
  });
  const auto second = start();
  const FakeChat chat = ollama.next();
  ASSERT_TRUE(chat.reply);
  chat.begin("one");
  EXPECT_TRUE(comes(held_up.get_future()));
  chat.reply->write(std::string(kDoneLine));
  chat.reply->end(http::Reply::Ending::Complete);
  const auto later = ollama.loop.after(Milliseconds(400), [&] { go_on.set_value(); });
  expect_answer(*first, "one");
  expect_stand_in(*second, "no place was free in time");
  EXPECT_TRUE(becomes_idle());
  EXPECT_EQ(chain_->providers()[1].in_flight, 0);
}

TEST_F(ChainTest, TheDeadlineEndsAWaitForAPlaceToo) {
  FakeOllama ollama;
  ChainOptions options = before_understudy(ollama.url(), 1);
  options.place_wait = kPatience;
  open(std::move(options));
  const auto first = start();
  const auto second = start("auto", Milliseconds(50));
  expect_error(*second, Code::DeadlineExceeded, "time was over");
  turn_loop();
  EXPECT_EQ(local().waiting, 0);
  ollama.next().answer("one");
  expect_answer(*first, "one");
  EXPECT_EQ(ollama.seen(), 1);
}

TEST_F(ChainTest, LimitsHowManyWait) {
  FakeOllama ollama;
  ChainOptions options = before_understudy(ollama.url(), 1);
  options.waiting_max = 1;
  options.place_wait = kPatience;
  open(std::move(options));
  const auto first = start();
  const auto second = start();
  expect_stand_in(*start(), "too many requests are waiting");
  ollama.next().answer("one");
  ollama.next().answer("two");
  expect_answer(*first, "one");
  expect_answer(*second, "two");
}

// --- models -------------------------------------------------------------------------------------

TEST_F(ChainTest, RefusesAModelThatNobodyOffers) {
  FakeOllama ollama;
  open(before_understudy(ollama.url()));
  expect_error(*start("huge"), Code::NotFound, "'huge' is not offered here");
  EXPECT_EQ(ollama.seen(), 0);
}

TEST_F(ChainTest, SaysUnavailableWhileTheListOfModelsIsNotKnown) {
  FakeOllama ollama;
  ollama.hold_list();
  ChainOptions options = before_understudy(ollama.url());
  options.providers[0].models.clear();
  open(std::move(options));
  expect_error(*start("huge"), Code::Unavailable, "not known yet");
  expect_stand_in(*start("auto"), "it offers no model yet");
  EXPECT_EQ(local().state, "unknown");
}

TEST_F(ChainTest, ReadsTheListOfModelsByItself) {
  FakeOllama ollama([](const FakeChat& chat) { chat.answer("Hi"); });
  ChainOptions options = before_understudy(ollama.url() + "/");
  options.providers[0].models.clear();
  open(std::move(options));
  const SteadyTime limit = SystemClock::instance().now() + kPatience;
  while (local().models.empty() && SystemClock::instance().now() < limit) turn_loop();
  ASSERT_EQ(local().models, std::vector<std::string>{"listed"});
  expect_answer(*start("listed"), "Hi");
  expect_error(*start("huge"), Code::NotFound, "not offered");
}

TEST_F(ChainTest, DoesNotOpenWithAChainThatCannotBe) {
  ChainOptions options = before_understudy("ftp://example.invalid");
  EXPECT_EQ(Chain::open(loop_, options, metrics_).error().message,
            "providers: local: url must begin with http:// or https://");
  options.chain = {"cloud"};
  EXPECT_EQ(Chain::open(loop_, options, metrics_).error().message,
            "chain: no provider is named 'cloud'");
}

// --- other settings -----------------------------------------------------------------------------

TEST_F(ChainTest, WhatIsUnderWayEndsWithTheSettingsThatItBeganWith) {
  FakeOllama before;
  FakeOllama after([](const FakeChat& chat) { chat.answer("new"); });
  ChainOptions options = before_understudy(before.url(), 1);
  options.place_wait = kPatience;
  open(std::move(options));
  const auto streaming = start();
  const auto waiting = start();
  const FakeChat chat = before.next();
  ASSERT_TRUE(chat.reply);
  chat.begin("ol");
  const auto change = chain_->change(before_understudy(after.url()));
  ASSERT_TRUE(change) << change.error().message;
  change.value()();
  expect_answer(*start(), "new");
  chat.reply->write(text_line("d"));
  chat.reply->write(std::string(kDoneLine));
  chat.reply->end(http::Reply::Ending::Complete);
  expect_answer(*streaming, "old");
  before.next().answer("old, too");  // who waited for a place there
  expect_answer(*waiting, "old, too");
  EXPECT_EQ(after.seen(), 1);
}

TEST_F(ChainTest, AProviderThatStaysWhatItWasKeepsItsPlacesAndItsBreaker) {
  FakeOllama ollama;
  open(before_understudy(ollama.url(), 1));
  const auto first = start();
  ChainOptions same = before_understudy(ollama.url(), 1);
  same.total = Milliseconds(60'000);
  same.place_wait = Milliseconds(20);
  chain_->change(same).value()();
  EXPECT_EQ(local().in_flight, 1);
  expect_stand_in(*start(), "no place was free in time");
  ollama.next().answer("one");
  expect_answer(*first, "one");
}

TEST_F(ChainTest, AServerThatIsSpokenToOtherwiseIsStillKnownByItsList) {
  FakeOllama ollama([](const FakeChat& chat) { chat.answer("Hi"); });
  ChainOptions options = before_understudy(ollama.url());
  options.providers[0].models.clear();
  open(options);
  const SteadyTime limit = SystemClock::instance().now() + kPatience;
  while (local().models.empty() && SystemClock::instance().now() < limit) turn_loop();
  ollama.hold_list();
  options.providers[0].concurrency = 2;
  chain_->change(options).value()();
  EXPECT_EQ(local().models, std::vector<std::string>{"listed"});
  expect_answer(*start("listed"), "Hi");
}

TEST_F(ChainTest, AChangeThatCannotBeChangesNothing) {
  FakeOllama ollama([](const FakeChat& chat) { chat.answer("Hi"); });
  open(before_understudy(ollama.url()));
  ChainOptions options = before_understudy(ollama.url());
  options.chain = {"understudy", "cloud"};
  EXPECT_EQ(chain_->change(options).error().message, "chain: no provider is named 'cloud'");
  expect_answer(*start(), "Hi");
}

// --- the end ------------------------------------------------------------------------------------

TEST_F(ChainTest, ClosesWithAWordToAllAndTakesNothingMore) {
  FakeOllama ollama;
  open(before_understudy(ollama.url(), 1));
  const auto streaming = start();
  const FakeChat chat = ollama.next();
  ASSERT_TRUE(chat.reply);
  chat.begin("Hel");
  ASSERT_TRUE(comes(streaming->begun.get_future()));
  const auto waiting = start();
  chain_->close();
  expect_error(*streaming, Code::Unavailable, "the answer was cut after 3 bytes");
  expect_error(*waiting, Code::Unavailable, "shutting down");
  expect_error(*start(), Code::Unavailable, "shutting down");
}

TEST_F(ChainTest, CancelsAllRunsWhenItIsDestroyed) {
  FakeOllama ollama;
  ChainOptions options = before_understudy(ollama.url(), 1);
  options.place_wait = kPatience;
  open(std::move(options));
  const auto asking = start();
  const FakeChat chat = ollama.next();
  ASSERT_TRUE(chat.reply);
  chat.begin("");
  const auto waiting = start();
  const auto last = start();
  chain_.reset();
  for (const auto& talk : {asking, waiting, last}) {
    expect_error(*talk, Code::Unavailable, "shutting down");
    talk->handle->cancel();  // of no effect, and harmless
  }
  turn_loop();
}

TEST_F(ChainTest, IsDestroyedWhileAPlaceIsGiven) {
  for (int round = 0; round < 20; ++round) {
    FakeOllama ollama([](const FakeChat& chat) { chat.answer("Hi"); });
    ChainOptions options = before_understudy(ollama.url(), 1);
    options.place_wait = kPatience;
    open(std::move(options));
    std::array<std::shared_ptr<Talk>, 8> talks;
    for (auto& talk : talks) talk = start();
    chain_.reset();
    for (const auto& talk : talks) {
      const auto result = talk->result();
      EXPECT_TRUE(result || result.error().code == Code::Unavailable);
    }
  }
}

}  // namespace
}  // namespace llm
