#include "troupe/terminal.h"

#include <gtest/gtest.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <vector>

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

TEST(InputLine, LeavesOutACharacterThatDoesNotFitAsAWhole) {
  InputLine line;
  for (const char byte : std::string(3999, 'a') + "\xC3\xA4") line.feed(byte);
  EXPECT_EQ(line.text(), std::string(3999, 'a'));
  EXPECT_EQ(line.cut(), 2U);
}

TEST(InputLine, CountsWhatFindsNoRoomAndLeavesNoHole) {
  InputLine line;
  for (int i = 0; i < 4003; ++i) line.feed('a');
  EXPECT_EQ(line.cut(), 3U);
  line.feed('\b');  // makes room, but what follows would stand behind what is missing
  line.feed('b');
  EXPECT_EQ(line.cut(), 4U);
  EXPECT_EQ(line.text(), std::string(3999, 'a'));
  line.feed('\x15');
  EXPECT_EQ(line.cut(), 0U);
  line.feed('c');
  EXPECT_EQ(line.text(), "c");
}

// A terminal that is none: two pipes, and a note of the modes that were set.
struct TerminalTest : testing::Test {
  std::array<int, 2> keyboard{};
  std::array<int, 2> screen{};
  termios standard{};
  std::vector<termios> set;

  void SetUp() override {
    ASSERT_EQ(::pipe(keyboard.data()), 0);
    ASSERT_EQ(::pipe(screen.data()), 0);
    standard.c_lflag = ICANON | ECHO | ISIG | IEXTEN;
    standard.c_oflag = OPOST | ONLCR;
  }
  void TearDown() override {
    for (const int fd : {keyboard[0], keyboard[1], screen[0], screen[1]}) ::close(fd);
  }
  Tty tty(bool is_terminal = true) {
    return {[=](int) { return is_terminal; },
            [this](int, termios& modes) {
              modes = standard;
              return true;
            },
            [this](int, const termios& modes) { set.push_back(modes); }};
  }
  void type(std::string_view keys) const {
    ASSERT_EQ(::write(keyboard[1], keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  std::string shown() const {
    std::array<char, 65536> text{};
    const auto count = ::read(screen[0], text.data(), text.size());
    return {text.data(), static_cast<std::size_t>(count)};
  }
};

TEST_F(TerminalTest, ReadsKeysOneByOneAndLeavesTheRestOfTheTerminalAsItWas) {
  {
    const Terminal terminal(keyboard[0], screen[1], tty());
    ASSERT_EQ(set.size(), 1U);
    EXPECT_EQ(set[0].c_lflag, static_cast<tcflag_t>(IEXTEN));
    EXPECT_EQ(set[0].c_oflag, standard.c_oflag);  // a line feed still returns the carriage
    EXPECT_EQ(set[0].c_cc[VMIN], 1);
    EXPECT_EQ(set[0].c_cc[VTIME], 0);
  }
  ASSERT_EQ(set.size(), 2U);
  EXPECT_EQ(set[1].c_lflag, standard.c_lflag);
}

TEST_F(TerminalTest, ChangesNothingWhereThereIsNoTerminal) {
  { const Terminal terminal(keyboard[0], screen[1], tty(false)); }
  EXPECT_TRUE(set.empty());
}

TEST_F(TerminalTest, ShowsTheLineThatIsTypedUnderWhatIsSaid) {
  Terminal terminal(keyboard[0], screen[1], tty());
  type("Hi\r");
  const auto line = terminal.read_line();
  ASSERT_TRUE(line);
  EXPECT_EQ(line->text, "Hi");
  EXPECT_EQ(shown(), "\x1b[2m\x1b[0m\n> ");
  terminal.print("Peter: Hey.");
  EXPECT_EQ(shown(), "\r\x1b[A\x1b[JPeter: Hey.\n\x1b[2m\x1b[0m\n> ");
}

TEST_F(TerminalTest, RingsWhenALineIsFullAndTellsHowMuchIsMissing) {
  Terminal terminal(keyboard[0], screen[1], tty());
  type(std::string(4002, 'a') + "\r");
  const auto line = terminal.read_line();
  ASSERT_TRUE(line);
  EXPECT_EQ(line->text.size(), 4000U);
  EXPECT_EQ(line->cut, 2U);
  EXPECT_NE(shown().find('\a'), std::string::npos);
}

TEST_F(TerminalTest, CutsALineOfAScriptBetweenCharactersAndTellsHowMuchIsMissing) {
  Terminal terminal(keyboard[0], screen[1], tty(false));
  type(std::string(3999, 'a') + "\xC3\xA4" + "b\nnext\n");
  auto line = terminal.read_line();
  ASSERT_TRUE(line);
  EXPECT_EQ(line->text, std::string(3999, 'a'));
  EXPECT_EQ(line->cut, 3U);
  line = terminal.read_line();
  ASSERT_TRUE(line);
  EXPECT_EQ(line->text, "next");
  EXPECT_EQ(line->cut, 0U);
}

}  // namespace
}  // namespace troupe
