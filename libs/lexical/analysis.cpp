#include "lexical/analysis.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "lexical/analyser.h"
#include "lexical/analysis_unicode.h"

namespace lexical {
namespace {

__extension__ using Product = unsigned __int128;

// An identifier of more parts is taken as several.
constexpr std::size_t kPartsMax = 16;
// Snowball has no rules for such words, and they take it long.
constexpr std::size_t kStemmedBytesMax = 40;
constexpr std::size_t kArenaBlockBytes = 1U << 16U;
constexpr std::size_t kSlotsAtFirst = 1U << 10U;
constexpr std::size_t kTermsKept = 1U << 16U;  // of a text: room for more is given back

std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  const Product product = static_cast<Product>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

std::uint64_t loaded(const char* at, std::size_t bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, at, bytes);
  return value;
}

// Text that stays where it is until all of it is dropped.
class Arena {
 public:
  std::string_view keep(std::string_view text) {
    char* const at = room(text.size());
    std::copy(text.begin(), text.end(), at);
    return {at, text.size()};
  }

  // Unwritten bytes, at most a block of them.
  char* room(std::size_t bytes) {
    if (blocks_.empty() || used_ + bytes > kArenaBlockBytes) {
      if (!blocks_.empty()) ++block_;
      if (block_ == blocks_.size()) {
        blocks_.push_back(std::make_unique_for_overwrite<char[]>(kArenaBlockBytes));
      }
      used_ = 0;
    }
    char* const at = blocks_[block_].get() + used_;
    used_ += bytes;
    return at;
  }

  // Keeps one block, so that the next text needs no allocation.
  void clear() {
    if (blocks_.size() > 1) blocks_.resize(1);
    block_ = 0;
    used_ = 0;
  }

 private:
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t block_ = 0;
  std::size_t used_ = 0;
};

struct Known {
  std::string_view exact;
  std::string_view stem;
  std::uint64_t exact_hash = 0;
  std::uint64_t stem_hash = 0;
  bool stopword = false;
};

// Words met before, with their stems: a hash table with open addressing. What find() gives stays
// until forget().
class Memory {
 public:
  explicit Memory(bool stems) : stems_(stems) { forget(); }

  std::size_t size() const { return all_.size(); }

  void forget() {
    all_ = {};
    texts_.clear();
    slots_ = std::vector<std::uint32_t>(kSlotsAtFirst);
  }

  const Known& find(std::string_view word) {
    const std::uint64_t hash = term_hash(TermKind::Exact, word);
    std::size_t at = hash & (slots_.size() - 1);
    for (; slots_[at] != 0; at = (at + 1) & (slots_.size() - 1)) {
      const Known& known = all_[slots_[at] - 1];
      if (known.exact_hash == hash && known.exact == word) return known;
    }
    all_.push_back(learnt(word, hash));
    slots_[at] = static_cast<std::uint32_t>(all_.size());
    if (all_.size() * 2 > slots_.size()) grow();
    return all_.back();
  }

 private:
  Known learnt(std::string_view word, std::uint64_t hash) {
    Known known;
    known.exact = known.stem = texts_.keep(word);
    known.exact_hash = hash;
    known.stopword = stopword(word);
    if (!stems_) return known;
    const bool digits =
        std::any_of(word.begin(), word.end(), [](char c) { return c <= '9' && c >= '0'; });
    if (!digits && word.size() <= kStemmedBytesMax) {
      const std::string stemmed = lexical::stem(word);
      if (stemmed != word && !stemmed.empty()) known.stem = texts_.keep(stemmed);
    }
    known.stem_hash = term_hash(TermKind::Stem, known.stem);
    return known;
  }

  void grow() {
    slots_.assign(slots_.size() * 2, 0);
    for (std::size_t i = 0; i < all_.size(); ++i) {
      std::size_t at = all_[i].exact_hash & (slots_.size() - 1);
      while (slots_[at] != 0) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = static_cast<std::uint32_t>(i + 1);
    }
  }

  bool stems_;
  std::vector<Known> all_;
  std::vector<std::uint32_t> slots_;  // index in all_ plus one, or 0
  Arena texts_;
};

// What the bytes of ASCII are; the rest is decoded.
enum class Byte : std::uint8_t { Other, Lower, Upper, Digit, Wide };

constexpr auto byte_table() {
  std::array<Byte, 256> table{};
  for (std::size_t c = 0; c < table.size(); ++c) {
    if (c >= 'a' && c <= 'z') table[c] = Byte::Lower;
    if (c >= 'A' && c <= 'Z') table[c] = Byte::Upper;
    if (c >= '0' && c <= '9') table[c] = Byte::Digit;
    if (c >= 0x80) table[c] = Byte::Wide;
  }
  return table;
}
constexpr auto kBytes = byte_table();

Byte byte_kind(char c) { return kBytes[static_cast<std::uint8_t>(c)]; }

struct Point {
  std::uint32_t value = 0;
  std::size_t length = 1;
};

// The code point at `at` of a text; ill-formed bytes are U+FFFD, one byte each.
Point decoded(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<std::uint8_t>(text[i]) : std::uint8_t{0};
  };
  const std::uint32_t first = byte(at);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  constexpr std::array<std::uint32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
  std::uint32_t value = first & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0U) != 0x80) return {0xFFFD, 1};
    value = (value << 6U) | (byte(at + i) & 0x3FU);
  }
  const bool well_formed = first >= 0xC2 && first < 0xF5 && value >= kLeast[length] &&
                           value <= 0x10FFFF && (value < 0xD800 || value > 0xDFFF);
  return well_formed ? Point{value, length} : Point{0xFFFD, 1};
}

std::size_t encode(std::uint32_t point, char* out) {
  const auto put = [&](std::size_t i, std::uint32_t bits) { out[i] = static_cast<char>(bits); };
  if (point < 0x80) return put(0, point), 1;
  const auto tail = [&](unsigned shift) { return 0x80U | ((point >> shift) & 0x3FU); };
  if (point < 0x800) return put(0, 0xC0U | (point >> 6U)), put(1, tail(0)), 2;
  if (point < 0x10000) return put(0, 0xE0U | (point >> 12U)), put(1, tail(6)), put(2, tail(0)), 3;
  return put(0, 0xF0U | (point >> 18U)), put(1, tail(12)), put(2, tail(6)), put(3, tail(0)), 4;
}

// A word of an identifier: where it stands in the folded text, and where its humps begin.
struct Part {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::array<std::uint16_t, kPartsMax> humps{};
  std::size_t hump_count = 0;
  bool open_ended = false;  // a possessive was cut off: nothing may be joined to it
};

}  // namespace

std::uint64_t term_hash(TermKind kind, std::string_view text) {
  constexpr std::uint64_t kFirst = 0xA0761D6478BD642FU;
  constexpr std::uint64_t kSecond = 0xE7037ED1A0B428DBU;
  std::uint64_t hash = mixed(text.size() ^ kFirst, static_cast<std::uint64_t>(kind) + kSecond);
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) hash = mixed(hash ^ loaded(&text[at], 8), kFirst);
  if (at < text.size()) hash = mixed(hash ^ loaded(&text[at], text.size() - at), kSecond);
  return mixed(hash ^ kSecond, kFirst);
}

bool has_unspaced(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const Point point = decoded(text, at);
    if (character_class(point.value) == CharacterClass::Unspaced) return true;
    at += point.length;
  }
  return false;
}

struct Analysis::Impl {
  explicit Impl(AnalysisOptions options_in) : options(options_in), memory(options_in.stems) {
    options.word_bytes_max = std::clamp<std::size_t>(options.word_bytes_max, 8, 1024);
    folded.resize((options.word_bytes_max + 16) * kPartsMax + 4);
  }

  void run(std::string_view whole);
  std::size_t compound(std::size_t at);
  std::size_t word(std::size_t at, Part& part);
  std::size_t wide(std::size_t at, Part& part);
  std::size_t apostrophe(std::size_t at, Part& part) const;
  std::size_t connector(std::size_t at) const;
  std::size_t unspaced(std::size_t at);
  void hump(Part& part, std::size_t at) const;
  void emit_compound(std::size_t first_byte, std::size_t past);
  void emit_humps(const Part& part);
  void emit(std::string_view text_in, std::uint32_t position, bool starts_pairs);
  void emit_exact(std::string_view kept, std::uint32_t position);
  void pair_with(const Known& known, std::uint32_t position);
  bool starts_word(std::size_t at) const;
  std::string_view folded_text(std::size_t begin, std::size_t end) const {
    return std::string_view(folded).substr(begin, end - begin);
  }

  AnalysisOptions options;
  Memory memory;
  Arena arena;
  std::vector<Term> terms;
  std::string_view text;
  std::string folded;    // of the identifier at hand
  std::size_t used = 0;  // bytes of it
  std::array<Part, kPartsMax> parts;
  std::size_t part_count = 0;
  std::uint32_t next_position = 0;
  std::string_view neighbour;  // the stem that the next pair begins with, or nothing
  std::uint32_t neighbour_position = 0;
};

bool Analysis::Impl::starts_word(std::size_t at) const {
  if (at >= text.size()) return false;
  const Byte kind = byte_kind(text[at]);
  if (kind != Byte::Wide) return kind != Byte::Other;
  const CharacterClass wide_kind = character_class(decoded(text, at).value);
  return wide_kind == CharacterClass::Letter || wide_kind == CharacterClass::Digit;
}

void Analysis::Impl::hump(Part& part, std::size_t at) const {
  if (part.hump_count < part.humps.size()) {
    part.humps[part.hump_count++] = static_cast<std::uint16_t>(at);
  }
}

// Bytes of the apostrophe at `at`, with the "s" of a possessive; 0 if none stands inside a word.
std::size_t Analysis::Impl::apostrophe(std::size_t at, Part& part) const {
  const std::size_t length = text[at] == '\''                              ? 1
                             : text.substr(at).starts_with("\xE2\x80\x99") ? 3
                                                                           : 0;
  if (length == 0 || !starts_word(at + length)) return 0;
  const char next = text[at + length];
  if ((next != 's' && next != 'S') || starts_word(at + length + 1)) return length;
  part.open_ended = true;
  return length + 1;
}

// Takes the code point at `at` into the word; 0 where it ends the word.
std::size_t Analysis::Impl::wide(std::size_t at, Part& part) {
  const Point point = decoded(text, at);
  const CharacterClass kind = character_class(point.value);
  if (kind == CharacterClass::Ignored) return point.length;
  if (kind == CharacterClass::Other) return apostrophe(at, part);
  if (kind == CharacterClass::Unspaced) return 0;
  const Folded to = fold(point.value);
  for (std::size_t i = 0; i < to.count && used - part.begin < options.word_bytes_max; ++i) {
    used += encode(to.points[i], &folded[used]);
  }
  return point.length;
}

// Folds the word at `at`; gives where it ends.
std::size_t Analysis::Impl::word(std::size_t at, Part& part) {
  part = Part();
  part.begin = used;
  Byte before = Byte::Other;
  Byte before_that = Byte::Other;
  while (at < text.size() && !part.open_ended) {
    const char c = text[at];
    const Byte kind = byte_kind(c);
    std::size_t taken = 1;
    if (kind == Byte::Lower || kind == Byte::Upper || kind == Byte::Digit) {
      if (used - part.begin < options.word_bytes_max) {
        if (kind == Byte::Upper && before == Byte::Lower) hump(part, used);
        if (kind == Byte::Lower && before == Byte::Upper && before_that == Byte::Upper) {
          hump(part, used - 1);
        }
        folded[used++] = kind == Byte::Upper ? static_cast<char>(c + 32) : c;
      }
    } else if (kind == Byte::Wide) {
      taken = wide(at, part);
    } else if (c == ',' && before == Byte::Digit) {
      const auto digit = [&](std::size_t i) {
        return i < text.size() && byte_kind(text[i]) == Byte::Digit;
      };
      taken = digit(at + 1) && digit(at + 2) && digit(at + 3) && !digit(at + 4) ? 1 : 0;
    } else {
      taken = apostrophe(at, part);
    }
    if (taken == 0) break;
    at += taken;
    if (kind != Byte::Other) before_that = std::exchange(before, kind);
  }
  part.end = used;
  return at;
}

// Bytes between two words of an identifier, or 0 where it ends.
std::size_t Analysis::Impl::connector(std::size_t at) const {
  if (at >= text.size()) return 0;
  std::size_t length = 0;
  if (text[at] == '_') {
    length = std::min(text.find_first_not_of('_', at), text.size()) - at;
  } else if (text[at] == '-' || text[at] == '.') {
    length = 1;
  } else if (text.substr(at).starts_with("::")) {
    length = 2;
  }
  return length > 0 && starts_word(at + length) ? length : 0;
}

// Reads the identifier, mostly a plain word, at `at`; gives where it ends.
std::size_t Analysis::Impl::compound(std::size_t at) {
  const std::size_t first_byte = at;
  used = 0;
  part_count = 0;
  while (part_count < kPartsMax) {
    Part& part = parts[part_count++];
    at = word(at, part);
    const std::size_t between = part.open_ended ? 0 : connector(at);
    if (between == 0 || part_count == kPartsMax) break;
    const bool point = text[at] == '.' && byte_kind(text[at - 1]) == Byte::Digit &&
                       byte_kind(text[at + 1]) == Byte::Digit;
    if (point) folded[used++] = '.';
    at += between;
  }
  emit_compound(first_byte, at);
  return at;
}

void Analysis::Impl::emit_compound(std::size_t first_byte, std::size_t past) {
  const std::uint32_t first_position = next_position;
  for (std::size_t i = 0; i < part_count; ++i) {
    if (parts[i].begin == parts[i].end) continue;  // of ignored characters alone
    emit(folded_text(parts[i].begin, parts[i].end), next_position, true);
    emit_humps(parts[i]);
    ++next_position;
  }
  if (used == 0) return;
  const std::string_view joined = folded_text(0, used);
  if (part_count > 1) emit(joined, first_position, false);
  std::size_t dashes = 0;
  while (dashes < 3 && dashes < first_byte && text[first_byte - dashes - 1] == '-') ++dashes;
  const bool word_before =
      first_byte > dashes && byte_kind(text[first_byte - dashes - 1]) != Byte::Other;
  if ((dashes == 1 || dashes == 2) && !word_before) {
    char* const at = arena.room(dashes + used);
    std::fill_n(at, dashes, '-');
    std::copy(joined.begin(), joined.end(), at + dashes);
    emit_exact({at, dashes + used}, first_position);
  }
  const std::string_view rest = text.substr(past);
  const std::size_t signs = rest.starts_with("++") ? 2 : rest.starts_with('#') && used == 1 ? 1 : 0;
  if (signs > 0 && !starts_word(past + signs)) {
    char* const at = arena.room(used + signs);
    std::copy(joined.begin(), joined.end(), at);
    std::copy_n(rest.begin(), signs, at + used);
    emit_exact({at, used + signs}, first_position);
  }
}

// The humps of "getHTTPHeader". "URLs" has none: the last is but a plural.
void Analysis::Impl::emit_humps(const Part& part) {
  std::size_t count = part.hump_count;
  if (count > 0 && part.end - part.humps[count - 1] == 2 && folded[part.end - 1] == 's') --count;
  if (count == 0) return;
  std::size_t begin = part.begin;
  for (std::size_t i = 0; i <= count; ++i) {
    const std::size_t end = i < count ? std::max<std::size_t>(part.humps[i], begin) : part.end;
    if (end > begin + 1) emit(folded_text(begin, end), next_position, false);
    begin = end;
  }
}

void Analysis::Impl::emit(std::string_view text_in, std::uint32_t position, bool starts_pairs) {
  const Known& known = memory.find(text_in);
  terms.push_back({known.exact, known.exact_hash, position, TermKind::Exact, known.stopword});
  if (options.stems) {
    terms.push_back({known.stem, known.stem_hash, position, TermKind::Stem, known.stopword});
  }
  if (options.pairs && starts_pairs && !known.stopword) pair_with(known, position);
}

void Analysis::Impl::emit_exact(std::string_view kept, std::uint32_t position) {
  terms.push_back({kept, term_hash(TermKind::Exact, kept), position, TermKind::Exact, false});
}

void Analysis::Impl::pair_with(const Known& known, std::uint32_t position) {
  if (!neighbour.empty()) {
    const std::size_t size = neighbour.size() + 1 + known.stem.size();
    char* const at = arena.room(size);
    std::copy(neighbour.begin(), neighbour.end(), at);
    at[neighbour.size()] = ' ';
    std::copy(known.stem.begin(), known.stem.end(), at + neighbour.size() + 1);
    terms.push_back({{at, size},
                     term_hash(TermKind::Pair, {at, size}),
                     neighbour_position,
                     TermKind::Pair,
                     false});
  }
  neighbour = known.stem;
  neighbour_position = position;
}

// Files the run of unspaced characters at `at` by pairs; gives where it ends.
std::size_t Analysis::Impl::unspaced(std::size_t at) {
  std::array<char, 24> pair{};  // two characters, folded
  std::size_t first = 0;        // bytes of the first one
  std::size_t count = 0;
  neighbour = {};
  while (at < text.size()) {
    const Point point = decoded(text, at);
    const CharacterClass kind = character_class(point.value);
    if (kind != CharacterClass::Unspaced && kind != CharacterClass::Ignored) break;
    at += point.length;
    if (kind == CharacterClass::Ignored) continue;
    const Folded to = fold(point.value);
    std::size_t size = first;
    for (std::size_t i = 0; i < to.count; ++i) size += encode(to.points[i], &pair[size]);
    if (++count > 1) emit_exact(arena.keep({pair.data(), size}), next_position++);
    std::copy(pair.begin() + static_cast<std::ptrdiff_t>(first),
              pair.begin() + static_cast<std::ptrdiff_t>(size), pair.begin());
    first = size - first;
  }
  if (count == 1) emit_exact(arena.keep({pair.data(), first}), next_position++);
  return at;
}

void Analysis::Impl::run(std::string_view whole) {
  if (memory.size() > options.remembered_words_max) memory.forget();
  arena.clear();
  terms.clear();
  if (terms.capacity() > kTermsKept) terms = {};
  text = whole;
  next_position = 0;
  neighbour = {};
  std::size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    const Byte kind = byte_kind(c);
    if (kind == Byte::Other) {
      // Nothing pairs over the end of a sentence or a paragraph.
      if (c == '.' || c == '!' || c == '?' || c == ';' ||
          (c == '\n' && at + 1 < text.size() && text[at + 1] == '\n')) {
        neighbour = {};
      }
      ++at;
    } else if (starts_word(at)) {
      at = compound(at);
    } else {
      const Point point = decoded(text, at);
      at = character_class(point.value) == CharacterClass::Unspaced ? unspaced(at)
                                                                    : at + point.length;
    }
  }
}

Analysis::Analysis(AnalysisOptions options) : impl_(std::make_unique<Impl>(options)) {}
Analysis::Analysis(Analysis&&) noexcept = default;
Analysis& Analysis::operator=(Analysis&&) noexcept = default;
Analysis::~Analysis() = default;

std::span<const Term> Analysis::terms(std::string_view text) {
  impl_->run(text);
  return impl_->terms;
}

std::uint32_t Analysis::words() const { return impl_->next_position; }

}  // namespace lexical
