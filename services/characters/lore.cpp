#include "characters/lore.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "base/utf8.h"

namespace characters {
namespace {

using Keys = std::vector<std::string>;

std::optional<int> number_of(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Keys comma_list(std::string_view text) {
  Keys found;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const auto item = trimmed(text.substr(0, comma));
    if (!item.empty()) found.emplace_back(item);
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
  return found;
}

bool set_place(LoreEntry& entry, std::string_view value) {
  static const std::map<std::string_view, Place> kPlaces{{"before_desc", Place::BeforeCharacter},
                                                         {"after_desc", Place::AfterCharacter},
                                                         {"personality", Place::Personality},
                                                         {"scenario", Place::Scenario}};
  const auto found = kPlaces.find(value);
  if (found != kPlaces.end()) entry.place = found->second;
  return found != kPlaces.end();
}

// Whether the decorator is known and its value fits; only then it does anything.
bool apply(LoreEntry& entry, std::string_view name, std::string_view value) {
  const auto number = number_of(value);
  const bool counts = number && *number >= 0;
  if (name == "activate") return entry.activate = true;
  if (name == "dont_activate") return entry.dont_activate = true;
  if (name == "ignore_on_max_context") return entry.first_to_go = true;
  if (name == "position") return set_place(entry, value);
  if (name == "additional_keys") return !(entry.additional_keys = comma_list(value)).empty();
  if (name == "exclude_keys") return !(entry.exclude_keys = comma_list(value)).empty();
  if (!counts) return false;
  if (name == "depth") return (entry.depth = number).has_value();
  if (name == "scan_depth") return (entry.scan_depth = number).has_value();
  if (name == "activate_only_after") return (entry.only_after = *number) >= 0;
  if (name == "activate_only_every") return (entry.only_every = *number) > 0;
  return false;
}

// The next line of `text`, which is taken off.
std::string_view next_line(std::string_view& text) {
  const auto end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  return trimmed(line);
}

// The talk as keys are looked for in it.
class Talk {
 public:
  // Searches take from `search_bytes` what they look through.
  Talk(std::span<const contracts::Line> lines, std::string_view character, std::size_t line_bytes,
       std::size_t& search_bytes)
      : search_bytes_(search_bytes) {
    for (const auto& line : lines) {
      add(std::string(utf8_prefix(line.text, line_bytes)));
      if (line.author == character) ++own_lines_;
    }
  }

  void add(std::string text) {
    lower_.push_back(ascii_lower(text));
    texts_.push_back(std::move(text));
  }

  // The first of `keys` in the last `depth` texts.
  const std::string* find(const Keys& keys, bool case_sensitive, std::size_t depth) const {
    const auto& texts = case_sensitive ? texts_ : lower_;
    for (std::size_t back = 1; back <= std::min(depth, texts.size()); ++back) {
      const std::string& text = texts[texts.size() - back];
      for (const std::string& key : keys) {
        // A search costs something even in a short text.
        const std::size_t cost = text.size() + 16;
        if (cost > search_bytes_) return nullptr;
        search_bytes_ -= cost;
        if (text.find(key) != std::string::npos) return &key;
      }
    }
    return nullptr;
  }

  int own_lines() const { return own_lines_; }

 private:
  std::size_t& search_bytes_;
  std::vector<std::string> texts_;
  std::vector<std::string> lower_;
  int own_lines_ = 0;
};

bool conditions_hold(const LoreEntry& entry, int own_lines) {
  return own_lines >= entry.only_after &&
         (entry.only_every == 0 || own_lines % entry.only_every == 0);
}

// Why the entry fires on `talk`, or an empty text when it does not.
std::string reason(const LoreEntry& entry, const Talk& talk, std::size_t depth) {
  if (!entry.enabled || !entry.regex_understood || trimmed(entry.content).empty()) return {};
  if (entry.activate) return "@@activate";
  if (entry.dont_activate) return {};
  const auto found = [&](const Keys& keys) { return talk.find(keys, entry.case_sensitive, depth); };
  if (!entry.additional_keys.empty() && found(entry.additional_keys) == nullptr) return {};
  if (entry.constant && !entry.use_regex) return "constant";
  const std::string* key = found(entry.keys);
  if (key == nullptr) return {};
  if (!entry.selective || entry.secondary_keys.empty() || entry.use_regex) {
    return fmt::format("key '{}'", *key);
  }
  const std::string* second = found(entry.secondary_keys);
  return second == nullptr ? "" : fmt::format("keys '{}' and '{}'", *key, *second);
}

void keep_budget(std::vector<Fired>& all, std::size_t budget) {
  std::vector<Fired*> kept;
  std::size_t tokens = 0;
  for (Fired& one : all) {
    tokens += one.tokens;
    kept.push_back(&one);
  }
  std::stable_sort(kept.begin(), kept.end(), [](const Fired* a, const Fired* b) {
    if (a->entry->first_to_go != b->entry->first_to_go) return a->entry->first_to_go;
    return a->entry->priority < b->entry->priority;
  });
  for (auto one = kept.begin(); one != kept.end() && tokens > budget; ++one) {
    (*one)->dropped = true;
    tokens -= (*one)->tokens;
  }
}

}  // namespace

bool LoreEntry::can_fire() const {
  if (!enabled || trimmed(content).empty() || !regex_understood) return false;
  return activate || (!dont_activate && ((constant && !use_regex) || !keys.empty()));
}

void read_decorators(LoreEntry& entry) {
  const std::string content = std::exchange(entry.content, {});
  std::string_view rest = content;
  std::vector<std::string> seen;
  bool fallback_wanted = false;
  for (std::string_view ahead = rest; !ahead.empty(); rest = ahead) {
    std::string_view line = next_line(ahead);
    if (line.empty()) continue;
    if (!line.starts_with("@@")) break;
    const bool fallback = line.starts_with("@@@");
    line.remove_prefix(fallback ? 3 : 2);
    if (fallback && !fallback_wanted) continue;
    const auto space = line.find(' ');
    const std::string name(line.substr(0, space));
    const auto value = space == std::string_view::npos ? "" : trimmed(line.substr(space));
    // Of several with one name the first holds.
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) continue;
    seen.push_back(name);
    fallback_wanted = !apply(entry, name, value);
    if (fallback_wanted) entry.unsupported.push_back(name);
  }
  entry.content = rest;
}

void read_regex_keys(LoreEntry& entry) {
  if (!entry.use_regex) return;
  Keys plain;
  bool ignore_case = false;
  for (std::string_view key : entry.keys) {
    const auto end = key.rfind('/');
    if (key.size() > 1 && key.front() == '/' && end > 0) {
      ignore_case |= key.substr(end).find('i') != std::string_view::npos;
      key = key.substr(1, end - 1);
    }
    entry.regex_understood &=
        !key.empty() && key.find_first_of("\\^$.*+?()[]{}") == std::string_view::npos;
    for (std::string_view rest = key; !rest.empty();) {
      const auto bar = rest.find('|');
      const auto word = rest.substr(0, bar);
      if (!word.empty()) plain.emplace_back(word);
      entry.regex_understood &= !word.empty();
      rest = bar == std::string_view::npos ? std::string_view{} : rest.substr(bar + 1);
    }
  }
  entry.keys = std::move(plain);
  entry.case_sensitive = !ignore_case;
}

std::size_t estimated_tokens(std::string_view text) { return (text.size() + 3) / 4; }

Cues cues_of(const Lorebook& book, const LoreLimits& limits) {
  constexpr std::size_t kKeysMax = 512;
  constexpr std::size_t kKeyBytesMax = 1024;
  std::optional<int> lines;
  std::set<std::string> keys;
  for (const LoreEntry& entry : book.entries) {
    if (!entry.can_fire()) continue;
    const int depth = entry.scan_depth.value_or(book.scan_depth.value_or(limits.scan_depth));
    const bool by_count = entry.only_after > 0 || entry.only_every > 0;
    if (by_count || entry.case_sensitive || lines.value_or(depth) != depth) return {};
    lines = depth;
    for (const Keys* some :
         {&entry.keys, &entry.secondary_keys, &entry.additional_keys, &entry.exclude_keys}) {
      for (const std::string& key : *some) {
        if (key.empty() || key.size() > kKeyBytesMax) return {};
        keys.insert(ascii_lower(key));
      }
    }
  }
  if (keys.size() > kKeysMax) return {};
  return {true, {keys.begin(), keys.end()}, std::max(lines.value_or(0), 0)};
}

std::vector<Fired> fired(const Lorebook& book, std::span<const contracts::Line> lines,
                         std::string_view character, const Scene& scene, const LoreLimits& limits) {
  std::size_t search_bytes = limits.search_bytes_max;
  const Talk talk(lines, character, limits.line_bytes, search_bytes);
  Talk contents({}, character, 0,
                search_bytes);  // of the entries that fired, for recursive scanning
  std::vector<Fired> all;
  std::vector<bool> has_fired(book.entries.size(), false);
  const int book_depth = book.scan_depth.value_or(limits.scan_depth);
  const int rounds = book.recursive ? limits.recursion_max : 1;
  for (int round = 0; round < rounds; ++round) {
    const std::size_t before = all.size();
    const Talk& scanned = round == 0 ? talk : contents;
    for (std::size_t i = 0; i < book.entries.size(); ++i) {
      const LoreEntry& entry = book.entries[i];
      const int lines_scanned = entry.scan_depth.value_or(book_depth);
      const auto depth = static_cast<std::size_t>(std::max(lines_scanned, 0));
      if (has_fired[i] || (!entry.activate && !conditions_hold(entry, talk.own_lines()))) continue;
      if (!entry.activate &&
          talk.find(entry.exclude_keys, entry.case_sensitive, depth) != nullptr) {
        continue;
      }
      std::string why = reason(entry, scanned, round == 0 ? depth : all.size());
      if (why.empty()) continue;
      if (round > 0) why += " in another entry";
      has_fired[i] = true;
      std::string text(trimmed(filled(entry.content, scene)));
      const std::size_t tokens = estimated_tokens(text);
      all.push_back({&entry, std::move(why), std::move(text), tokens, false});
    }
    if (all.size() == before) break;
    for (std::size_t i = before; i < all.size(); ++i) {
      contents.add(filled(all[i].entry->content, scene, Hidden::Kept));
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const Fired& a, const Fired& b) {
    return a.entry->insertion_order < b.entry->insertion_order;
  });
  keep_budget(all, static_cast<std::size_t>(std::clamp(
                       book.token_budget.value_or(limits.token_budget), 0, limits.token_budget)));
  return all;
}

}  // namespace characters
