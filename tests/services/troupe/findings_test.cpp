#include "troupe/findings.h"

#include <gtest/gtest.h>

namespace troupe {
namespace {

TEST(Findings, AreALineEachWithTheMendingCommandUnderIt) {
  Findings findings;
  findings.ok("data", "it is writable");
  findings.warn("models", "the understudy speaks", "ollama pull llama3.2:3b");
  findings.fail("voices", "Peter would not\nanswer\x1b[2J", "troupe status", "below_threshold");
  EXPECT_EQ(report(findings, Style::Plain),
            "ok    data        it is writable\n"
            "warn  models      the understudy speaks\n"
            "      ->      ollama pull llama3.2:3b\n"
            "FAIL  voices      Peter would not answer [2J (below_threshold)\n"
            "      ->      troupe status\n"
            "\n1 to mend, 1 to know.\n");
}

TEST(Findings, ThatAreAllGoodSaySo) {
  Findings findings;
  findings.ok("data", "it is writable");
  EXPECT_EQ(report(findings, Style::Plain), "ok    data        it is writable\n\nAll is well.\n");
}

TEST(Findings, AreJsonForPrograms) {
  Findings findings;
  findings.warn("disk", "90 % used", "du -xh data");
  EXPECT_EQ(report_json(findings),
            R"({"ok":true,"findings":[{"level":"warn","check":"disk","text":"90 % used",)"
            R"("mend":"du -xh data","reason":""}]})");
  findings.fail("run", "too long", "");
  EXPECT_TRUE(report_json(findings).starts_with(R"({"ok":false,)"));
}

TEST(Findings, NameTheStackThatWasExaminedInTheirCommands) {
  Findings findings;
  findings.warn("a", "x", "troupe down && X=1 troupe up --detach");
  findings.warn("b", "x", "troupe up --data DIRECTORY");
  findings.warn("c", "x", "du -xh data");
  findings.place_commands(" --data /d");
  EXPECT_EQ(findings.all()[0].mend, "troupe down --data /d && X=1 troupe up --detach --data /d");
  EXPECT_EQ(findings.all()[1].mend, "troupe up --data DIRECTORY");
  EXPECT_EQ(findings.all()[2].mend, "du -xh data");
}

}  // namespace
}  // namespace troupe
