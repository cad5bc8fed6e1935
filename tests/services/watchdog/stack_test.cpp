#include "watchdog/stack.h"

#include <gtest/gtest.h>

#include "services/watchdog/temp_folder.h"
#include "watchdog/greeting.h"

namespace watchdog {
namespace {

std::string names_of(const std::vector<Program>& programs) {
  std::string names;
  for (const auto& program : programs) names += program.name + " ";
  return names;
}

TEST(Stack, StartsAllServicesTheBotsLast) {
  const auto programs = stack({"", "/bin", "/data", "/run"});
  ASSERT_TRUE(programs.ok());
  EXPECT_EQ(names_of(programs.value()),
            "characters retriever crawler llm quality coordinator tuning router hub peter brian "
            "stewie ");
  EXPECT_EQ(programs.value()[0].argv, (std::vector<std::string>{"/bin/troupe-characters", "--data",
                                                                "/data", "--run", "/run"}));
  EXPECT_EQ(programs.value().back().argv,
            (std::vector<std::string>{"/bin/troupe-bot", "--character", "stewie", "--data", "/data",
                                      "--run", "/run"}));
}

TEST(Stack, StartsOnlyWhatWasNamed) {
  const auto programs = stack({"router, characters,", "/bin", "/data", "/run"});
  ASSERT_TRUE(programs.ok());
  EXPECT_EQ(names_of(programs.value()), "characters router ");
  EXPECT_EQ(programs.value()[1].after, std::vector<std::string>{"characters"});
}

TEST(Stack, RefusesAServiceThatThereIsNot) {
  EXPECT_EQ(stack({"ruoter", "/bin", "/data", "/run"}).error().message,
            "only: no service 'ruoter'");
}

TEST(Stack, LocksADataDirectoryOnce) {
  const TempFolder folder;
  {
    const auto first = lock_folder(folder.path);
    ASSERT_TRUE(first.ok());
    const auto second = lock_folder(folder.path);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, Code::Conflict);
  }
  EXPECT_TRUE(lock_folder(folder.path).ok());
}

TEST(Greeting, NamesTheDoorsInOrderAndSomethingToTry) {
  messaging::Instance router;
  router.service = "router";
  router.http = "127.0.0.1:6005";
  messaging::Instance llm;
  llm.service = "llm";
  llm.http = "127.0.0.1:6001";
  const auto text = greeting({"llm", "router"}, {router, llm}, "troupe chat", "data/logs");
  EXPECT_NE(text.find("  llm          http://127.0.0.1:6001\n"
                      "  router       http://127.0.0.1:6005\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("curl -s http://127.0.0.1:6005/orchestrate"), std::string::npos) << text;
  EXPECT_NE(text.find("  troupe chat\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace watchdog
