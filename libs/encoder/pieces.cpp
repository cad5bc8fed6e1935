#include "encoder/pieces.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>

namespace encoder {
namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81";  // U+2581 stands for a space and opens the text

std::string marked(std::string_view text) {
  std::string out(kSpace);
  for (const char c : text) {
    if (c == ' ') {
      out += kSpace;
    } else {
      out += c;
    }
  }
  return out;
}

std::size_t character_bytes(std::string_view text) {
  std::size_t bytes = 1;
  while (bytes < text.size() && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) ++bytes;
  return bytes;
}

// The best way to spell the text up to a byte: its last piece, and what the pieces score in sum.
struct Way {
  float score = -std::numeric_limits<float>::infinity();
  std::uint32_t id = kUnknownPiece;
  std::size_t start = 0;
};

// Lets the ways that end at `at` go on by every piece that stands there; whether there is any.
bool go_on(const Vocabulary& vocabulary, std::string_view text, std::size_t at,
           std::vector<Way>& ways) {
  const std::string_view rest = text.substr(at);
  bool any = false;
  // Among the pieces from `low` on, those that begin with the first `bytes` of the rest.
  std::size_t low = 0;
  std::size_t high = vocabulary.size();
  for (std::size_t bytes = 1; bytes <= rest.size(); ++bytes) {
    const std::string_view prefix = rest.substr(0, bytes);
    const auto bound = [&](std::size_t from, std::size_t to, auto before) {
      while (from < to) {
        const std::size_t middle = (from + to) / 2;
        if (before(vocabulary.piece(middle).substr(0, bytes))) {
          from = middle + 1;
        } else {
          to = middle;
        }
      }
      return from;
    };
    low = bound(low, high, [&](std::string_view piece) { return piece < prefix; });
    high = bound(low, high, [&](std::string_view piece) { return piece == prefix; });
    if (low == high) break;
    if (vocabulary.piece(low).size() != bytes) continue;
    any = true;
    Way& way = ways[at + bytes];
    const float score = ways[at].score + vocabulary.scores[low];
    if (score > way.score) way = {score, vocabulary.ids[low], at};
  }
  return any;
}

}  // namespace

std::vector<std::uint32_t> pieces_of(const Vocabulary& vocabulary, std::string_view text,
                                     std::size_t most) {
  if (text.empty()) return {};
  const std::string spelled = marked(text);
  std::vector<Way> ways(spelled.size() + 1);
  ways[0].score = 0;
  for (std::size_t at = 0; at < spelled.size(); ++at) {
    if (ways[at].score == -std::numeric_limits<float>::infinity()) continue;
    if (go_on(vocabulary, spelled, at, ways)) continue;
    Way& way = ways[at + character_bytes(std::string_view(spelled).substr(at))];
    if (ways[at].score > way.score) way = {ways[at].score, kUnknownPiece, at};
  }
  std::vector<std::uint32_t> ids;
  for (std::size_t end = spelled.size(); end > 0; end = ways[end].start) {
    const bool again = ways[end].id == kUnknownPiece && !ids.empty() && ids.back() == kUnknownPiece;
    if (!again) ids.push_back(ways[end].id);
  }
  std::reverse(ids.begin(), ids.end());
  if (ids.size() > most) ids.resize(most);
  return ids;
}

}  // namespace encoder
