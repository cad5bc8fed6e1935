#include "retriever/chunker.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/utf8.h"
#include "lexical/sentences.h"

namespace retriever {
namespace {

constexpr std::size_t kHeadingBytes = 120;
constexpr std::string_view kBlanks = " \t\r\n\v\f";

struct Heading {
  std::size_t level = 0;
  std::string text;
};

// The text under one heading, up to the next of any level.
struct Section {
  std::string title;
  std::size_t start = 0;
  std::size_t end = 0;
};

struct Span {
  std::size_t start = 0;
  std::size_t end = 0;
};

// An ATX heading (CommonMark 0.30, section 4.2).
std::optional<Heading> heading(std::string_view line) {
  line = trimmed(line);
  const std::size_t level = std::min(line.find_first_not_of('#'), line.size());
  if (level == 0 || level > 6) return std::nullopt;
  if (level < line.size() && kBlanks.find(line[level]) == std::string_view::npos) {
    return std::nullopt;
  }
  std::string_view text = trimmed(line.substr(level));
  text = trimmed(text.substr(0, text.find_last_not_of('#') + 1));
  return Heading{level, std::string(utf8_prefix(text, kHeadingBytes))};
}

bool fence(std::string_view line) {
  line = trimmed(line);
  return line.starts_with("```") || line.starts_with("~~~");
}

std::string path(std::string_view title, const std::vector<Heading>& headings) {
  std::string all(title);
  for (const Heading& one : headings) {
    // A first heading that repeats the document's title adds nothing.
    if (one.text.empty() || one.text == title) continue;
    if (!all.empty()) all += " > ";
    all += one.text;
  }
  return all;
}

std::vector<Section> sections(std::string_view text, std::string_view title) {
  std::vector<Section> all;
  std::vector<Heading> headings;
  bool code = false;
  Section current{std::string(title), 0, 0};
  for (std::size_t line = 0; line < text.size();) {
    const std::size_t end = std::min(text.find('\n', line), text.size());
    const std::string_view content = text.substr(line, end - line);
    if (fence(content)) code = !code;
    if (auto found = code ? std::nullopt : heading(content)) {
      current.end = line;
      all.push_back(std::move(current));
      while (!headings.empty() && headings.back().level >= found->level) headings.pop_back();
      headings.push_back(std::move(*found));
      current = {path(title, headings), end, end};
    }
    line = end + 1;
  }
  current.end = text.size();
  all.push_back(std::move(current));
  return all;
}

// Cuts what is too long for a chunk into pieces that still serve as overlap.
void split_words(std::string_view text, Span span, std::size_t bytes_max, std::vector<Span>& out) {
  while (span.end - span.start > bytes_max) {
    const std::string_view rest = text.substr(span.start, span.end - span.start);
    std::size_t cut = utf8_prefix(rest, bytes_max).size();
    const std::size_t blank = rest.substr(0, cut).find_last_of(kBlanks);
    // Before all the blanks that stand there, not only before the last.
    if (blank != std::string_view::npos) cut = rest.find_last_not_of(kBlanks, blank) + 1;
    cut = std::max<std::size_t>(cut, 1);
    out.push_back({span.start, span.start + cut});
    span.start = std::min(text.find_first_not_of(kBlanks, span.start + cut), span.end);
  }
  if (span.start < span.end) out.push_back(span);
}

std::size_t tokens_between(std::string_view text, std::size_t start, std::size_t end) {
  return estimated_tokens(text.substr(start, end - start));
}

std::vector<Span> units(std::string_view text, const Section& section, const ChunkLimits& limits) {
  std::vector<Span> all;
  const std::size_t piece_bytes = std::max<std::size_t>(2 * limits.tokens_overlap, 64);
  for (const auto sentence :
       lexical::sentences(text.substr(section.start, section.end - section.start))) {
    const auto start = static_cast<std::size_t>(sentence.data() - text.data());
    const Span span{start, start + sentence.size()};
    if (estimated_tokens(sentence) <= limits.tokens_max) {
      all.push_back(span);
    } else {
      split_words(text, span, piece_bytes, all);
    }
  }
  return all;
}

// The unit to begin the next chunk with, after one of units [first, last]: as many of the last ones
// again as the overlap allows and leave room for a new one.
std::size_t next_start(std::string_view text, const std::vector<Span>& all, std::size_t first,
                       std::size_t last, const ChunkLimits& limits) {
  std::size_t next = last + 1;
  while (next - 1 > first &&
         tokens_between(text, all[next - 1].start, all[last].end) <= limits.tokens_overlap &&
         tokens_between(text, all[next - 1].start, all[last + 1].end) <= limits.tokens_max) {
    --next;
  }
  return next;
}

}  // namespace

std::size_t estimated_tokens(std::string_view text) {
  std::size_t quarters = 0;
  for (const char byte : text) quarters += static_cast<unsigned char>(byte) < 0x80 ? 1U : 2U;
  return (quarters + 3) / 4;
}

std::vector<Chunk> chunks_of(std::string_view text, std::string_view title, ChunkLimits limits) {
  std::vector<Chunk> all;
  for (const Section& section : sections(text, title)) {
    const std::vector<Span> parts = units(text, section, limits);
    for (std::size_t first = 0; first < parts.size();) {
      std::size_t last = first;
      while (last + 1 < parts.size() &&
             tokens_between(text, parts[first].start, parts[last + 1].end) <= limits.tokens_max) {
        ++last;
      }
      all.push_back({section.title, parts[first].start, parts[last].end});
      if (last + 1 == parts.size()) break;
      first = next_start(text, parts, first, last, limits);
    }
  }
  // A text of headings alone is still a text.
  if (const auto rest = trimmed(text); all.empty() && !rest.empty()) {
    const auto start = static_cast<std::size_t>(rest.data() - text.data());
    all.push_back({std::string(title), start, start + rest.size()});
  }
  return all;
}

}  // namespace retriever
