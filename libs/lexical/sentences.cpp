#include "lexical/sentences.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/utf8.h"

namespace lexical {
namespace {

constexpr std::array<std::string_view, 17> kAbbreviations{
    "mr",  "mrs", "ms",  "dr",  "st",  "prof", "sr", "jr",    "vs",
    "etc", "e.g", "i.e", "vol", "fig", "inc",  "ca", "approx"};

bool space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool block_line(std::string_view line) {
  line = trimmed(line);
  if (line.starts_with('#') || line.starts_with("- ") || line.starts_with("* ")) return true;
  const std::size_t digits = line.find_first_not_of("0123456789");
  return digits != std::string_view::npos && digits > 0 && line.substr(digits).starts_with(". ");
}

// Whether the full stop at `at` belongs to an abbreviation, an initial or a list's number.
bool abbreviation(std::string_view text, std::size_t at) {
  std::size_t start = at;
  while (start > 0 && !space(text[start - 1]) && text[start - 1] != '(') --start;
  const std::string word = ascii_lower(text.substr(start, at - start));
  // "1." at the start of a line counts a list.
  if (word.find_first_not_of("0123456789") == std::string::npos) {
    return trimmed(text.substr(0, start)).empty() || text[start - 1] == '\n';
  }
  // "no. 5" is a number, "No. Never." an answer.
  if (word == "no") {
    const std::size_t next = text.find_first_not_of(' ', at + 1);
    return next != std::string_view::npos && text[next] >= '0' && text[next] <= '9';
  }
  if (word.size() == 1 && word != "i" && word[0] >= 'a' && word[0] <= 'z') return true;
  return std::find(kAbbreviations.begin(), kAbbreviations.end(), word) != kAbbreviations.end();
}

// The length of a mark that may follow the end of a sentence and still belongs to it, or 0.
std::size_t closer_length(std::string_view text) {
  if (text.starts_with("\xE2\x80\x9D") || text.starts_with("\xE2\x80\x99")) return 3;  // ” ’
  return !text.empty() && std::string_view(".!?\"')]").find(text[0]) != std::string_view::npos ? 1
                                                                                               : 0;
}

void split_block(std::string_view block, std::vector<std::string_view>& out) {
  std::size_t start = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    if (block[i] != '.' && block[i] != '!' && block[i] != '?') continue;
    std::size_t end = i + 1;
    while (const std::size_t closer = closer_length(block.substr(end))) end += closer;
    if (end < block.size() && !space(block[end])) continue;
    if (block[i] == '.' && end == i + 1 && end < block.size() && abbreviation(block, i)) continue;
    if (const auto sentence = trimmed(block.substr(start, end - start)); !sentence.empty()) {
      out.push_back(sentence);
    }
    start = end;
    i = end - 1;
  }
  if (const auto rest = trimmed(block.substr(start)); !rest.empty()) out.push_back(rest);
}

}  // namespace

std::vector<std::string_view> sentences(std::string_view text) {
  std::vector<std::string_view> all;
  std::size_t block = 0;
  std::size_t line = 0;
  const auto flush = [&](std::size_t end) {
    if (end > block) split_block(text.substr(block, end - block), all);
    block = end;
  };
  while (line < text.size()) {
    const std::size_t newline = std::min(text.find('\n', line), text.size());
    const std::string_view content = text.substr(line, newline - line);
    if (trimmed(content).empty()) {
      flush(line);
    } else if (block_line(content)) {
      flush(line);
      if (trimmed(content).starts_with('#')) flush(newline);
    }
    line = newline + 1;
  }
  flush(text.size());
  return all;
}

}  // namespace lexical
