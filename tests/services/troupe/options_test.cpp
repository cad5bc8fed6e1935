#include "troupe/options.h"

#include <gtest/gtest.h>

namespace troupe {
namespace {

Environment at_home() {
  Environment environment;
  environment.user = "ada";
  environment.program = "/srv/troupe/build/release/bin/troupe";
  return environment;
}

std::string refusal(const std::vector<std::string>& arguments) {
  const auto options = parse(arguments, at_home());
  return options ? "" : options.error().message;
}

TEST(Options, AreTakenWithASpaceOrAnEqualsSign) {
  const auto options =
      parse({"chat", "--channel", "kitchen", "--as=Ada", "--follow-ms", "250"}, at_home());
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options.value().command, "chat");
  EXPECT_EQ(options.value().channel, "kitchen");
  EXPECT_EQ(options.value().author, "Ada");
  EXPECT_EQ(options.value().follow_ms, 250);
}

TEST(Options, FallBackToTheProjectsDataAndTheUsersName) {
  const auto options = parse({"chat"}, at_home());
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options.value().data, "/srv/troupe/data");
  EXPECT_EQ(options.value().author, "ada");
  EXPECT_EQ(options.value().channel, "living-room");
}

TEST(Options, TakeTheDataDirectoryOfTheEnvironmentBeforeTheProjects) {
  Environment environment = at_home();
  environment.data = "/var/lib/troupe";
  EXPECT_EQ(parse({"status"}, environment).value().data, "/var/lib/troupe");
  EXPECT_EQ(parse({"status", "--data", "here"}, environment).value().data, "here");
}

TEST(Options, OfAnInstalledProgramFallBackToTheWorkingDirectory) {
  Environment environment = at_home();
  environment.program = "/usr/bin/troupe";
  EXPECT_EQ(parse({"status"}, environment).value().data, "data");
}

TEST(Options, NameTheSameSocketsForTheSameDataDirectory) {
  const auto up = parse({"up", "--data", "/srv/a"}, at_home());
  const auto down = parse({"down", "--data", "/srv/a"}, at_home());
  const auto other = parse({"down", "--data", "/srv/b"}, at_home());
  EXPECT_EQ(up.value().run, down.value().run);
  EXPECT_NE(up.value().run, other.value().run);
}

TEST(Options, KeepTheWordsOfAQuestion) {
  const auto options = parse({"ask", "Is", "it", "--as", "Ada", "--", "--really--"}, at_home());
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options.value().words, (std::vector<std::string>{"Is", "it", "--really--"}));
}

TEST(Options, OfTheDoctorMayAskForJson) {
  const auto options = parse({"doctor", "--json", "--config", "troupe.json"}, at_home());
  ASSERT_TRUE(options.ok());
  EXPECT_TRUE(options.value().json);
  EXPECT_EQ(options.value().config, "troupe.json");
  EXPECT_EQ(refusal({"doctor", "--json=yes"}), "--json takes no value");
  EXPECT_EQ(refusal({"status", "--json"}), "status has no flag --json");
}

TEST(Options, AskForHelpFromAnywhere) {
  EXPECT_EQ(parse({}, at_home()).value().command, "help");
  EXPECT_EQ(parse({"up", "--help"}, at_home()).value().command, "help");
  EXPECT_EQ(parse({"-h"}, at_home()).value().command, "help");
}

TEST(Options, RefuseWhatDoesNotExist) {
  EXPECT_EQ(refusal({"dance"}), "no command 'dance'; `troupe help` lists them");
  EXPECT_EQ(refusal({"down", "--detach"}), "down has no flag --detach");
  EXPECT_EQ(refusal({"up", "-d"}), "up has no flag -d");
  EXPECT_EQ(refusal({"status", "now"}), "status does not take 'now'");
}

TEST(Options, RefuseValuesThatCannotBe) {
  EXPECT_EQ(refusal({"up", "--data"}), "--data needs a value");
  EXPECT_EQ(refusal({"up", "--detach=yes"}), "--detach takes no value");
  EXPECT_EQ(refusal({"chat", "--follow-ms", "soon"}), "--follow-ms: a number from 0 to 600000");
  EXPECT_EQ(refusal({"chat", "--follow-ms", "600001"}), "--follow-ms: a number from 0 to 600000");
  EXPECT_EQ(refusal({"chat", "--as", std::string(65, 'a')}), "--as: at most 64 bytes of UTF-8");
}

}  // namespace
}  // namespace troupe
