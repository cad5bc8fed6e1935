#include "troupe/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/limits.h"
#include "base/utf8.h"

namespace troupe {
namespace {

constexpr std::size_t kLineBytesMax = limits::kMessageBytes;
constexpr std::size_t kColumnsDefault = 80;
constexpr std::string_view kPrompt = "> ";

constexpr char kCtrlC = 3;
constexpr char kCtrlD = 4;
constexpr char kBackspace = 8;
constexpr char kCtrlU = 21;
constexpr char kCtrlW = 23;
constexpr char kEscape = 27;
constexpr char kDelete = 127;

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

std::size_t columns(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kColumnsDefault;
  return size.ws_col;
}

// The first `count` code points of `text`.
std::string head(std::string_view text, std::size_t count) {
  std::size_t end = 0;
  while (end < text.size() && (continues_character(text[end]) || count-- > 0)) ++end;
  return std::string(text.substr(0, end));
}

// The last `count` code points of `text`.
std::string tail(std::string_view text, std::size_t count) {
  std::size_t begin = text.size();
  while (begin > 0 && count > 0) {
    if (!continues_character(text[--begin])) --count;
  }
  return std::string(text.substr(begin));
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // nobody reads any more
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

// --- InputLine ----------------------------------------------------------------------------------

InputLine::Outcome InputLine::feed(char byte) {
  if (escape_ == Escape::Begun) {
    escape_ = byte == '[' || byte == 'O' ? Escape::Sequence : Escape::None;
    return Outcome::Typing;
  }
  if (escape_ == Escape::Sequence) {
    if (byte >= '@' && byte <= '~') escape_ = Escape::None;
    return Outcome::Typing;
  }
  switch (byte) {
    case '\r':
    case '\n':
      return Outcome::Entered;
    case kCtrlC:
      return Outcome::Ended;
    case kCtrlD:
      return text_.empty() ? Outcome::Ended : Outcome::Typing;
    case kEscape:
      escape_ = Escape::Begun;
      return Outcome::Typing;
    case kCtrlU:
      text_.clear();
      cut_ = 0;
      return Outcome::Typing;
    case kCtrlW:
      erase_word();
      return Outcome::Typing;
    case kBackspace:
    case kDelete:
      erase_character();
      return Outcome::Typing;
    default:
      break;
  }
  const bool control = static_cast<unsigned char>(byte) < ' ';
  if (control) return Outcome::Typing;
  // Once something has been left out, so is what follows: no hole in the midst of a line.
  if (cut_ == 0 && text_.size() < kLineBytesMax) {
    text_ += byte;
  } else {
    // A character that does not fit goes as a whole.
    if (cut_ == 0 && continues_character(byte)) {
      const std::size_t before = text_.size();
      erase_character();
      cut_ = before - text_.size();
    }
    ++cut_;
  }
  return Outcome::Typing;
}

std::string InputLine::take() {
  cut_ = 0;
  return std::exchange(text_, {});
}

void InputLine::erase_character() {
  while (!text_.empty() && continues_character(text_.back())) text_.pop_back();
  if (!text_.empty()) text_.pop_back();
}

void InputLine::erase_word() {
  while (!text_.empty() && text_.back() == ' ') text_.pop_back();
  while (!text_.empty() && text_.back() != ' ') text_.pop_back();
}

// --- Terminal -----------------------------------------------------------------------------------

Tty real_tty() {
  return {[](int fd) { return ::isatty(fd) == 1; },
          [](int fd, termios& modes) { return ::tcgetattr(fd, &modes) == 0; },
          [](int fd, const termios& modes) { ::tcsetattr(fd, TCSANOW, &modes); }};
}

Terminal::Terminal(int in_fd, int out_fd, Tty tty)
    : tty_(std::move(tty)),
      in_fd_(in_fd),
      out_fd_(out_fd),
      in_is_terminal_(tty_.is_terminal(in_fd_)),
      out_is_terminal_(tty_.is_terminal(out_fd_)),
      edits_(in_is_terminal_ && out_is_terminal_ && tty_.get(in_fd_, before_)) {
  if (!edits_) return;
  // The kernel's own line editing knows nothing of lines that arrive while somebody types: it would
  // leave half a sentence on the screen, or none. So keys are read one by one, and Ctrl-C as well,
  // which is why nothing here needs a signal handler to leave the terminal as it was.
  termios keys = before_;
  keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
  keys.c_cc[VMIN] = 1;
  keys.c_cc[VTIME] = 0;
  tty_.set(in_fd_, keys);
}

Terminal::~Terminal() {
  write_all(out_fd_, erased());
  if (edits_) tty_.set(in_fd_, before_);
}

void Terminal::print(std::string_view text) {
  const std::lock_guard lock(mutex_);
  std::string screen = erased();
  screen.append(text).append("\n");
  screen += bottom();
  drawn_ = out_is_terminal_;
  write_all(out_fd_, screen);
}

void Terminal::status(std::string text) {
  const std::lock_guard lock(mutex_);
  if (!out_is_terminal_ || text == status_) return;
  status_ = std::move(text);
  const std::string screen = erased() + bottom();
  drawn_ = true;
  write_all(out_fd_, screen);
}

std::string Terminal::erased() const {
  if (!drawn_) return {};
  return edits_ ? "\r\x1b[A\x1b[J" : "\r\x1b[J";
}

// The status line is there even when it is empty, so that the line being typed stays where it is.
std::string Terminal::bottom() const {
  if (!out_is_terminal_) return {};
  const std::size_t width = columns(out_fd_) - 1;
  std::string text = "\x1b[2m" + head(status_, width) + "\x1b[0m";
  if (!edits_) return text;
  return text.append("\n").append(kPrompt) +
         tail(input_.text(), width > kPrompt.size() ? width - kPrompt.size() : 0);
}

std::optional<ReadLine> Terminal::read_line() {
  auto line = edits_ ? read_typed_line() : read_plain_line();
  if (!line) return line;
  const std::string whole = utf8_repaired(line->text);
  line->text = utf8_prefix(whole, kLineBytesMax);
  line->cut += whole.size() - line->text.size();
  return line;
}

std::optional<ReadLine> Terminal::read_typed_line() {
  while (const auto byte = read_byte()) {
    const std::lock_guard lock(mutex_);
    const std::size_t cut = input_.cut();
    const auto outcome = input_.feed(*byte);
    if (outcome == InputLine::Outcome::Ended) return std::nullopt;
    const bool first_cut = cut == 0 && input_.cut() > 0;
    std::optional<ReadLine> line;
    if (outcome == InputLine::Outcome::Entered) line = ReadLine{input_.take(), cut};
    // Draw once for all that has been read: a pasted text comes in one piece.
    if (line || first_cut || used_ == buffer_.size()) {
      const std::string screen = (first_cut ? "\a" : "") + erased() + bottom();
      drawn_ = true;
      write_all(out_fd_, screen);
    }
    if (line) return line;
  }
  return std::nullopt;
}

std::optional<ReadLine> Terminal::read_plain_line() {
  ReadLine line;
  while (const auto byte = read_byte()) {
    if (*byte == '\n') return line;
    // A little more than a line, so that no character is cut in two here.
    if (line.text.size() < kLineBytesMax + 4) {
      line.text += *byte;
    } else {
      ++line.cut;
    }
  }
  if (line.text.empty()) return std::nullopt;
  return line;
}

std::optional<char> Terminal::read_byte() {
  if (used_ == buffer_.size()) {
    buffer_.resize(4096);
    ssize_t count = 0;
    do {
      count = ::read(in_fd_, buffer_.data(), buffer_.size());
    } while (count < 0 && errno == EINTR);
    buffer_.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    used_ = 0;
    if (buffer_.empty()) return std::nullopt;
  }
  return buffer_[used_++];
}

}  // namespace troupe
