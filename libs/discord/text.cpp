#include "discord/text.h"

#include <algorithm>
#include <cstdint>

#include "base/utf8.h"

namespace discord {
namespace {

constexpr std::string_view kFence = "```";
constexpr std::string_view kFenceEnd = "\n```";
constexpr std::size_t kLanguageBytes = 20;
// What closing and opening a fence again may take; in smaller messages fences are plain text.
constexpr std::size_t kFenceRoom = 40;
constexpr std::size_t kTagBytes = 128;

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t point_bytes(std::string_view at) {
  const auto lead = static_cast<unsigned char>(at.front());
  return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

// The bytes of a mention, custom emoji, time stamp or bracketed link at the start; 0: there is
// none.
std::size_t tag_bytes(std::string_view at) {
  static constexpr std::string_view kStarts[] = {"<@", "<#", "<:", "<a:", "<t:", "</", "<http"};
  if (std::none_of(std::begin(kStarts), std::end(kStarts),
                   [&](std::string_view start) { return at.starts_with(start); })) {
    return 0;
  }
  const bool spaces = at.starts_with("</");  // names of subcommands
  const std::size_t max = at.starts_with("<http") ? at.size() : std::min(at.size(), kTagBytes);
  for (std::size_t i = 1; i < max; ++i) {
    if (at[i] == '>') return i + 1;
    if (at[i] == '<' || at[i] == '\n' || (is_space(at[i]) && !spaces)) return 0;
  }
  return 0;
}

bool is_link(std::string_view at) {
  return at.starts_with("http://") || at.starts_with("https://");
}

std::size_t link_bytes(std::string_view at, std::size_t bytes_max) {
  if (!is_link(at)) return 0;
  at = at.substr(0, bytes_max);
  const auto end =
      std::find_if(at.begin(), at.end(), [](char c) { return is_space(c) || c == '>'; });
  return static_cast<std::size_t>(end - at.begin());
}

// "[text](link)" on one line.
std::size_t masked_link_bytes(std::string_view at, std::size_t bytes_max) {
  if (!at.starts_with('[')) return 0;
  at = at.substr(0, std::min({at.size(), at.find('\n'), bytes_max}));
  const std::size_t middle = at.find("](");
  if (middle == std::string_view::npos || !is_link(at.substr(middle + 2))) return 0;
  const std::size_t end = at.find(')', middle);
  return end == std::string_view::npos ? 0 : end + 1;
}

// "```cpp\n", or the fence alone.
std::size_t opener_bytes(std::string_view at) {
  std::size_t end = kFence.size();
  while (end < at.size() && end - kFence.size() < kLanguageBytes && !is_space(at[end]) &&
         at[end] != '`' && static_cast<unsigned char>(at[end]) < 0x80) {
    ++end;
  }
  return end < at.size() && at[end] == '\n' ? end + 1 : kFence.size();
}

// What stays whole: a character, or something longer.
struct Atom {
  enum class Kind { Character, Tag, Block, Opener, Closer };
  std::string_view text;
  std::size_t points;
  Kind kind = Kind::Character;
  bool code = false;  // a cut before it is inside a fence
};

class Atoms {
 public:
  Atoms(std::string_view text, std::size_t points_max) : points_max_(points_max) {
    const bool fences = points_max >= kFenceRoom;
    while (!text.empty()) {
      const std::size_t close = fences && text.starts_with(kFence)
                                    ? text.find(kFence, kFence.size())
                                    : std::string_view::npos;
      if (close != std::string_view::npos) {
        fence(text.substr(0, close + kFence.size()));
        text.remove_prefix(close + kFence.size());
      } else if (fences && text.starts_with(kFence)) {  // never closed: no fence
        take(text, kFence.size(), Atom::Kind::Tag);
      } else {
        plain(text);
      }
    }
  }
  std::vector<Atom> all;

 private:
  void take(std::string_view& text, std::size_t bytes, Atom::Kind kind, bool code = false) {
    const std::string_view atom = text.substr(0, bytes);
    all.push_back({atom, utf8_length(atom), kind, code});
    text.remove_prefix(bytes);
  }

  void plain(std::string_view& text) {
    const std::size_t bytes = std::max({tag_bytes(text), link_bytes(text, 4 * points_max_),
                                        masked_link_bytes(text, 4 * points_max_)});
    if (bytes > 0 && utf8_length(text.substr(0, bytes)) <= points_max_) {
      take(text, bytes, Atom::Kind::Tag);
    } else {
      take(text, point_bytes(text), Atom::Kind::Character);
    }
  }

  // One that fits into a message stays whole.
  void fence(std::string_view text) {
    if (utf8_length(text) <= points_max_) return take(text, text.size(), Atom::Kind::Block);
    take(text, opener_bytes(text), Atom::Kind::Opener);
    const std::size_t closer = kFence.size() + (text.ends_with(kFenceEnd) ? 1 : 0);
    while (text.size() > closer) take(text, point_bytes(text), Atom::Kind::Character, true);
    take(text, closer, Atom::Kind::Closer, true);
  }

  std::size_t points_max_;
};

enum Rank { kNever, kAnywhere, kWord, kSentence, kParagraph };

bool ends_sentence(const std::vector<Atom>& atoms, std::size_t before) {
  static constexpr std::string_view kClosing[] = {"\"", "'", ")", "]", "*", "_", "”", "’"};
  static constexpr std::string_view kEnds[] = {".", "!", "?", "…", "。", "！", "？"};
  const auto is_one = [&](auto& list, std::size_t at) {
    return std::find(std::begin(list), std::end(list), atoms[at].text) != std::end(list);
  };
  for (int steps = 0; before > 0 && steps < 4; ++steps, --before) {
    if (is_one(kEnds, before - 1)) return true;
    if (!is_one(kClosing, before - 1)) return false;
  }
  return false;
}

// How good it is to cut before atom `at`, which is not the first.
Rank rank(const std::vector<Atom>& atoms, std::size_t at) {
  const Atom& next = atoms[at];
  const Atom& last = atoms[at - 1];
  // No fence is left with nothing in it.
  if (last.kind == Atom::Kind::Opener || next.kind == Atom::Kind::Closer) return kNever;
  if (next.code && next.text == "\n" && atoms[at + 1].kind == Atom::Kind::Closer) return kNever;
  if (next.kind == Atom::Kind::Opener || next.kind == Atom::Kind::Block ||
      last.kind == Atom::Kind::Closer || last.kind == Atom::Kind::Block) {
    return kParagraph;
  }
  if (next.text == "\n") {
    const bool blank = at + 1 < atoms.size() && atoms[at + 1].text == "\n";
    return blank ? kParagraph : kSentence;
  }
  if (!is_space(next.text.front())) return kAnywhere;
  return !next.code && ends_sentence(atoms, at) ? kSentence : kWord;
}

// Cuts one message after the other off the front.
class Splitter {
 public:
  Splitter(std::string_view text, std::size_t points_max)
      : atoms_(Atoms(text, points_max).all), points_max_(points_max) {}

  std::vector<std::string> run() {
    std::vector<std::string> parts;
    while (at_ < atoms_.size()) {
      // White space at a cut goes; in code the line break alone, so that what is indented stays so.
      if (atoms_[at_].code ? fresh_ && atoms_[at_].text == "\n"
                           : is_space(atoms_[at_].text.front())) {
        fresh_ = false;
        ++at_;
        continue;
      }
      fresh_ = true;
      const std::size_t end = cut();
      std::string part = reopened();
      for (std::size_t i = at_; i < end; ++i) note(atoms_[i], part);
      if (in_code(end)) {
        part += kFenceEnd;
      } else {
        part.resize(trimmed_end(part));
      }
      if (!part.empty()) parts.push_back(std::move(part));
      at_ = end;
    }
    return parts;
  }

 private:
  bool in_code(std::size_t at) const { return at < atoms_.size() && atoms_[at].code; }

  std::string reopened() const {
    if (!in_code(at_)) return {};
    std::string start(opener_);
    if (!start.ends_with('\n')) start += '\n';
    return start;
  }

  void note(const Atom& atom, std::string& part) {
    part += atom.text;
    if (atom.kind == Atom::Kind::Opener) opener_ = atom.text;
  }

  static std::size_t trimmed_end(std::string_view part) {
    while (!part.empty() && is_space(part.back())) part.remove_suffix(1);
    return part.size();
  }

  // Where the message that begins here ends: the last place of the best rank that fills a quarter
  // of it, else the last of the best rank at all.
  std::size_t cut() const {
    std::size_t used = utf8_length(reopened());
    std::size_t filled[kParagraph + 1] = {};
    std::size_t any[kParagraph + 1] = {};
    for (std::size_t i = at_; i < atoms_.size(); ++i) {
      if (i > at_ && used + (in_code(i) ? kFenceEnd.size() : 0) <= points_max_) {
        const Rank place = rank(atoms_, i);
        any[place] = i;
        if (used >= points_max_ / 4) filled[place] = i;
      }
      used += atoms_[i].points;
      if (used > points_max_) return best(filled, any);
    }
    return atoms_.size();
  }

  static std::size_t best(const std::size_t* filled, const std::size_t* any) {
    for (int place = kParagraph; place >= kWord; --place) {
      if (filled[place] > 0) return filled[place];
    }
    for (int place = kParagraph; place > kAnywhere; --place) {
      if (any[place] > 0) return any[place];
    }
    return any[kAnywhere];
  }

  std::vector<Atom> atoms_;
  std::size_t points_max_;
  std::size_t at_ = 0;
  bool fresh_ = true;  // no line break was passed over at this cut
  std::string_view opener_ = kFence;
};

// A tag without its brackets, as a person reads it; nothing: it stays.
std::optional<std::string> spoken(
    std::string_view tag,
    const std::function<std::optional<std::string>(std::string_view)>& user_name,
    const std::function<std::optional<std::string>(std::string_view)>& channel_name) {
  const auto is_id = [](std::string_view id) {
    return !id.empty() && std::all_of(id.begin(), id.end(), is_digit);
  };
  if (tag.starts_with("@&"))
    return is_id(tag.substr(2)) ? std::optional("@unknown-role") : std::nullopt;
  if (tag.starts_with('@')) {
    tag.remove_prefix(tag.starts_with("@!") ? 2 : 1);
    if (!is_id(tag)) return std::nullopt;
    return "@" + user_name(tag).value_or("unknown-user");
  }
  if (tag.starts_with('#')) {
    tag.remove_prefix(1);
    if (!is_id(tag)) return std::nullopt;
    return "#" + channel_name(tag).value_or("unknown");
  }
  const std::size_t colon = tag.rfind(':');
  if (colon == std::string_view::npos || !is_id(tag.substr(colon + 1))) return std::nullopt;
  if (tag.starts_with('/')) return std::string(tag.substr(0, colon));
  if (tag.starts_with("a:")) tag.remove_prefix(1);
  if (!tag.starts_with(':') || tag.rfind(':') == 0) return std::nullopt;
  return std::string(tag.substr(0, tag.rfind(':') + 1));
}

}  // namespace

std::vector<std::string> split_message(std::string_view text, std::size_t code_points_max) {
  const std::string valid = utf8_repaired(text);
  return Splitter(trimmed(valid), std::max<std::size_t>(1, code_points_max)).run();
}

std::string readable(
    std::string_view content,
    const std::function<std::optional<std::string>(std::string_view id)>& user_name,
    const std::function<std::optional<std::string>(std::string_view id)>& channel_name) {
  std::string out;
  while (!content.empty()) {
    const std::size_t bytes = tag_bytes(content);
    std::optional<std::string> said;
    if (bytes > 2) said = spoken(content.substr(1, bytes - 2), user_name, channel_name);
    const std::size_t taken = said ? bytes : 1;
    out += said ? *said : std::string(content.substr(0, 1));
    content.remove_prefix(taken);
  }
  return out;
}

std::string without_mentions(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (text[i] != '@') continue;
    const std::string word = ascii_lower(text.substr(i + 1, 8));
    if (word.starts_with("everyone") || word.starts_with("here") || (i > 0 && text[i - 1] == '<')) {
      out += "\u200B";
    }
  }
  return out;
}

}  // namespace discord
