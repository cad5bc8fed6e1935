#include "llm/ledger.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <latch>

#include "llm/journal.h"
#include "support/temp_dir.h"

namespace llm {
namespace {

constexpr std::int64_t kDay = 86'400'000;

Used use_of(std::string_view key, std::string_view model, std::int64_t day = 20'000) {
  Used one;
  one.at_ms = day * kDay + 1;
  one.key = key;
  one.model = model;
  one.provider = "mock";
  one.prompt_tokens = 10;
  one.completion_tokens = 5;
  one.cost = 0.5;
  one.exact = true;
  return one;
}

std::unique_ptr<Ledger> open_ledger(const support::TempDir& dir,
                                    std::size_t journal_bytes = 1 << 16) {
  Ledger::Options options;
  options.folder = dir.path();
  options.journal_bytes = journal_bytes;
  auto ledger = Ledger::open(options);
  EXPECT_TRUE(ledger.ok());
  return std::move(ledger).value();
}

TEST(Journal, GivesBackWhatWasAppendedAndRefusesWhatHasNoRoom) {
  const support::TempDir dir;
  const auto journal = Journal::create(dir.file("j"), 64);
  ASSERT_TRUE(journal.ok());
  EXPECT_TRUE(journal.value()->empty());
  EXPECT_TRUE(journal.value()->append("one"));
  EXPECT_TRUE(journal.value()->append("second"));
  EXPECT_FALSE(journal.value()->append(std::string(40, 'x')));
  EXPECT_FALSE(journal.value()->append(""));
  EXPECT_TRUE(journal.value()->sync().ok());
  std::vector<std::string> read;
  ASSERT_TRUE(Journal::read(dir.file("j"), [&](std::string_view r) { read.emplace_back(r); }).ok());
  EXPECT_EQ(read, (std::vector<std::string>{"one", "second"}));
  EXPECT_EQ(Journal::create(dir.file("j"), 64).error().code, Code::Conflict);
}

TEST(Journal, EndsAtARecordThatTheLossOfPowerHasTorn) {
  const support::TempDir dir;
  {
    const auto journal = Journal::create(dir.file("j"), 128);
    ASSERT_TRUE(journal.ok());
    journal.value()->append("whole");
    journal.value()->append("torn");
  }
  {
    std::fstream file(dir.file("j"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(8 + 8 + 8 + 8 + 1);  // magic, head and "whole" rounded, head, one letter
    file.put('X');
  }
  std::vector<std::string> read;
  ASSERT_TRUE(Journal::read(dir.file("j"), [&](std::string_view r) { read.emplace_back(r); }).ok());
  EXPECT_EQ(read, std::vector<std::string>{"whole"});
  dir.write("other", "something else");
  EXPECT_EQ(Journal::read(dir.file("other"), [](std::string_view) {}).error().code, Code::DataLoss);
}

TEST(Ledger, SumsByDayKeyModelAndProvider) {
  const support::TempDir dir;
  const auto ledger = open_ledger(dir);
  ASSERT_TRUE(ledger->add(use_of("ann", "big")).ok());
  Used cut = use_of("ann", "big");
  cut.exact = false;
  cut.ending = Ending::Cut;
  cut.cached_tokens = 4;
  ASSERT_TRUE(ledger->add(cut).ok());
  ASSERT_TRUE(ledger->add(use_of("bob", "big", 20'001)).ok());
  const auto usage = ledger->usage({});
  ASSERT_TRUE(usage.ok());
  ASSERT_EQ(usage.value().rows.size(), 2U);
  EXPECT_EQ(usage.value().rows[0].key, "bob");
  EXPECT_EQ(usage.value().rows[0].day, "2024-10-05");
  const UsageRow& ann = usage.value().rows[1];
  EXPECT_EQ(ann.requests, 2);
  EXPECT_EQ(ann.prompt_tokens, 20);
  EXPECT_EQ(ann.cached_tokens, 4);
  EXPECT_EQ(ann.completion_tokens, 10);
  EXPECT_EQ(ann.estimated_tokens, 15);
  EXPECT_EQ(ann.cost, 1.0);
  EXPECT_EQ(ann.cut, 1);
  EXPECT_EQ(usage.value().total.requests, 3);
}

TEST(Ledger, AnswersForAKeyAModelAndSomeDays) {
  const support::TempDir dir;
  const auto ledger = open_ledger(dir);
  ASSERT_TRUE(ledger->add(use_of("ann", "big", 20'000)).ok());
  ASSERT_TRUE(ledger->add(use_of("ann", "small", 20'001)).ok());
  const auto ask = [&](UsageQuery query) { return ledger->usage(query).value().total.requests; };
  EXPECT_EQ(ask({.key = "ann"}), 2);
  EXPECT_EQ(ask({.key = "bob"}), 0);
  EXPECT_EQ(ask({.model = "small"}), 1);
  EXPECT_EQ(ask({.from = "2024-10-05"}), 1);
  EXPECT_EQ(ask({.to = "2024-10-04"}), 1);
  EXPECT_EQ(ledger->usage({.from = "2024-13-01"}).error().message,
            "'2024-13-01' is no day such as 2026-01-31");
  const auto spent = ledger->spent(20'001, 20'000).value();
  ASSERT_EQ(spent.size(), 1U);
  EXPECT_EQ(spent.at("ann").day_tokens, 15);
  EXPECT_EQ(spent.at("ann").day_cost, 0.5);
  EXPECT_EQ(spent.at("ann").month_tokens, 30);
  EXPECT_EQ(spent.at("ann").month_cost, 1.0);
}

TEST(Ledger, GoesOnInANewJournalWhenOneIsFull) {
  const support::TempDir dir;
  const auto ledger = open_ledger(dir, 512);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(ledger->add(use_of("ann", "big")).ok());
  EXPECT_EQ(ledger->usage({}).value().total.requests, 1000);
}

TEST(Ledger, LosesNothingWhenItsProcessIsKilledAndCountsNothingTwice) {
  const support::TempDir dir;
  const pid_t child = ::fork();
  if (child == 0) {
    const auto ledger = open_ledger(dir, 4096);
    for (int i = 0; i < 500; ++i) {
      if (!ledger->add(use_of("ann", "big")).ok()) ::_exit(1);
    }
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(open_ledger(dir)->usage({}).value().total.requests, 500);
  const auto files = std::filesystem::directory_iterator(dir.path());
  EXPECT_EQ(std::count_if(begin(files), end(files),
                          [](const auto& f) { return f.path().extension() == ".journal"; }),
            0);
}

TEST(Ledger, StartsBesideJournalsThatNothingCameIntoBeforeThePowerWent) {
  const support::TempDir dir;
  dir.write("usage-6.journal", "");
  dir.write("usage-7.journal", "TRP");
  dir.write("usage-8.journal", std::string(4096, '\0'));
  dir.write("usage-9.journal.new", "");
  EXPECT_EQ(open_ledger(dir)->usage({}).value().total.requests, 0);
  for (const auto& file : std::filesystem::directory_iterator(dir.path())) {
    EXPECT_FALSE(file.path().filename().string().starts_with("usage-")) << file.path();
  }
  dir.write("usage-99.journal", std::string("\0\0\0\0\0\0\0\0\3", 9));
  EXPECT_EQ(Ledger::open({.folder = dir.path()}).error().code, Code::DataLoss);
}

TEST(Ledger, KeepsSoManyUsesWhileTheDiskGivesNoRoomAndSaysHowManyAreLost) {
  const support::TempDir dir;
  const std::string folder = dir.file("books");
  std::filesystem::create_directory(folder);
  telemetry::Metrics metrics;
  Ledger::Options options{.folder = folder, .journal_bytes = 512, .sync_every = Milliseconds(1)};
  options.waiting_max = 100;
  options.metrics = &metrics;
  const auto ledger = Ledger::open(options).value();
  // Nothing can be made where there is no folder.
  std::filesystem::rename(folder, dir.file("away"));
  int kept = 0;
  for (int i = 0; i < 500; ++i) kept += ledger->add(use_of("ann", "big")).ok() ? 1 : 0;
  EXPECT_GE(kept, 100);
  EXPECT_LT(kept, 130) << "the rest of two journals";
  EXPECT_EQ(metrics.counter("troupe_llm_usage_dropped_total", "").value(), 500 - kept);
  std::filesystem::rename(dir.file("away"), folder);
  EXPECT_EQ(ledger->usage({}).value().total.requests, kept);
  EXPECT_TRUE(ledger->add(use_of("ann", "big")).ok());
  EXPECT_EQ(ledger->usage({}).value().total.requests, kept + 1);
}

TEST(Ledger, AnswersWhileItsThreadFindsThatAllIsSynced) {
  const support::TempDir dirs[2];
  std::unique_ptr<Ledger> ledgers[2];
  for (int i = 0; i < 2; ++i) {
    Ledger::Options options;
    options.folder = dirs[i].path();
    options.sync_every = Milliseconds(1);
    ledgers[i] = Ledger::open(options).value();
  }
  for (int i = 1; i <= 50; ++i) {
    for (const auto& ledger : ledgers) ASSERT_TRUE(ledger->add(use_of("ann", "big")).ok());
    // The answer of the first is the time in which the second is synced.
    for (const auto& ledger : ledgers) ASSERT_EQ(ledger->usage({}).value().total.requests, i);
  }
}

TEST(Ledger, TakesUsesOfManyThreads) {
  const support::TempDir dir;
  const auto ledger = open_ledger(dir, 2048);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 500; ++i) EXPECT_TRUE(ledger->add(use_of("ann", "big")).ok());
      });
    }
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(ledger->usage({}).ok());
  }
  EXPECT_EQ(ledger->usage({}).value().total.requests, 2000);
}

}  // namespace
}  // namespace llm
