#pragma once

#include <termios.h>

#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace troupe {

// The line that a person is typing: takes bytes as the keyboard sends them. Knows backspace, Ctrl-U
// (empty the line), Ctrl-W (the last word), Ctrl-C and Ctrl-D; passes over arrow keys and the like.
// Takes no more than a message may hold, and counts the rest. Pure; not thread-safe.
class InputLine {
 public:
  enum class Outcome { Typing, Entered, Ended };
  // After Entered take() has the line; after Ended there is nothing more to come.
  Outcome feed(char byte);
  std::string take();
  const std::string& text() const { return text_; }
  // Bytes of the line that found no room.
  std::size_t cut() const { return cut_; }

 private:
  enum class Escape { None, Begun, Sequence };
  void erase_character();
  void erase_word();

  std::string text_;
  std::size_t cut_ = 0;
  Escape escape_ = Escape::None;
};

// The calls of termios(3) that Terminal makes; the tests' are a table.
struct Tty {
  std::function<bool(int fd)> is_terminal;
  std::function<bool(int fd, termios& modes)> get;
  std::function<void(int fd, const termios& modes)> set;
};
Tty real_tty();

// A line of input, and how many of its bytes found no room in a message.
struct ReadLine {
  std::string text;
  std::size_t cut = 0;
};

// Where a person or a script reads and writes. On a terminal the bottom of the screen belongs to
// this class: a status line and, when the person types there too, the line being typed; what is
// printed goes above them. Without one it reads and prints plain lines. print() and status() are
// thread-safe; read_line() belongs to one thread.
class Terminal {
 public:
  explicit Terminal(int in_fd = 0, int out_fd = 1, Tty tty = real_tty());
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // A person types, as opposed to a script.
  bool has_person() const { return in_is_terminal_; }
  bool shows_status() const { return out_is_terminal_; }

  // Whole lines, without the last line feed.
  void print(std::string_view text);
  // What stands under the last line until it is replaced; empty for nothing.
  void status(std::string text);
  // The next line of input; nothing at its end. Valid UTF-8.
  std::optional<ReadLine> read_line();

 private:
  std::optional<ReadLine> read_typed_line();
  std::optional<ReadLine> read_plain_line();
  std::optional<char> read_byte();
  std::string erased() const;
  std::string bottom() const;

  Tty tty_;
  int in_fd_;
  int out_fd_;
  bool in_is_terminal_;
  bool out_is_terminal_;
  termios before_{};
  bool edits_;          // both are terminals
  std::string buffer_;  // read and not yet used
  std::size_t used_ = 0;

  std::mutex mutex_;
  InputLine input_;
  std::string status_;
  bool drawn_ = false;
};

}  // namespace troupe
