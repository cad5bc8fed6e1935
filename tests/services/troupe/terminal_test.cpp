#include "troupe/terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

namespace troupe {
namespace {

// What stands in the line after these keys.
std::string typed(std::string_view keys) {
  InputLine line;
  for (const char key : keys) EXPECT_EQ(line.feed(key), InputLine::Outcome::Typing);
  return line.text();
}

TEST(InputLine, GathersWhatIsTypedUntilEnter) {
  InputLine line;
  for (const char key : std::string_view("Hi Peter")) line.feed(key);
  EXPECT_EQ(line.feed('\r'), InputLine::Outcome::Entered);
  EXPECT_EQ(line.take(), "Hi Peter");
  EXPECT_EQ(line.text(), "");
}

TEST(InputLine, ErasesWholeCharacters) {
  EXPECT_EQ(typed("na\xC3\xAF\x7F"), "na");
  EXPECT_EQ(typed("ok \xF0\x9F\x98\x80\b\b"), "ok");
  EXPECT_EQ(typed("\x7F\x7F"), "");
}

TEST(InputLine, ErasesWordsAndTheWholeLine) {
  EXPECT_EQ(typed("good old Brian  \x17"), "good old ");
  EXPECT_EQ(typed("good old Brian\x15"), "");
}

TEST(InputLine, PassesOverArrowKeysAndOtherControls) {
  EXPECT_EQ(typed("a\x1b[Ab\x1bOPc\x1b[1;5Dd\x01\x1a"), "abcd");
}

TEST(InputLine, EndsOnControlCAndOnControlDInAnEmptyLineOnly) {
  InputLine line;
  EXPECT_EQ(line.feed('a'), InputLine::Outcome::Typing);
  EXPECT_EQ(line.feed('\x04'), InputLine::Outcome::Typing);
  EXPECT_EQ(line.feed('\x03'), InputLine::Outcome::Ended);
  line.take();
  EXPECT_EQ(line.feed('\x04'), InputLine::Outcome::Ended);
}

TEST(InputLine, TakesNoMoreThanAMessageMayHold) {
  EXPECT_EQ(typed(std::string(5000, 'a')).size(), 4000U);
}

TEST(Terminal, ReadsKeysOneByOneAndLeavesTheRestOfTheTerminalAsItWas) {
  const int keyboard = ::posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_EQ(::grantpt(keyboard), 0);
  ASSERT_EQ(::unlockpt(keyboard), 0);
  const int screen = ::open(::ptsname(keyboard), O_RDWR | O_NOCTTY);
  termios before{};
  ASSERT_EQ(::tcgetattr(screen, &before), 0);
  {
    const Terminal terminal(screen, screen);
    termios during{};
    ASSERT_EQ(::tcgetattr(screen, &during), 0);
    EXPECT_EQ(during.c_oflag, before.c_oflag);  // a line feed still returns the carriage
    EXPECT_EQ(during.c_lflag & static_cast<tcflag_t>(ICANON), 0U);
  }
  termios after{};
  ASSERT_EQ(::tcgetattr(screen, &after), 0);
  EXPECT_EQ(after.c_lflag, before.c_lflag);
  ::close(screen);
  ::close(keyboard);
}

}  // namespace
}  // namespace troupe
