#pragma once

#include <termios.h>

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace troupe {

// The line that a person is typing: takes bytes as the keyboard sends them. Knows backspace, Ctrl-U
// (empty the line), Ctrl-W (the last word), Ctrl-C and Ctrl-D; passes over arrow keys and the like.
// Pure; not thread-safe.
class InputLine {
 public:
  enum class Outcome { Typing, Entered, Ended };
  // After Entered take() has the line; after Ended there is nothing more to come.
  Outcome feed(char byte);
  std::string take();
  const std::string& text() const { return text_; }

 private:
  enum class Escape { None, Begun, Sequence };
  void erase_character();
  void erase_word();

  std::string text_;
  Escape escape_ = Escape::None;
};

// Where a person or a script reads and writes. On a terminal the bottom of the screen belongs to
// this class: a status line and, when the person types there too, the line being typed; what is
// printed goes above them. Without one it reads and prints plain lines. print() and status() are
// thread-safe; read_line() belongs to one thread.
class Terminal {
 public:
  explicit Terminal(int in_fd = 0, int out_fd = 1);
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
  std::optional<std::string> read_line();

 private:
  std::optional<std::string> read_typed_line();
  std::optional<std::string> read_plain_line();
  std::optional<char> read_byte();
  std::string erased() const;
  std::string bottom() const;

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
