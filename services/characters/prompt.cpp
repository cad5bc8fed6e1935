#include "characters/prompt.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "base/ids.h"
#include "base/utf8.h"
#include "contracts/prompt_layout.h"
#include "lexical/sentences.h"

namespace characters {
namespace {

namespace layout = contracts::prompt;

constexpr std::size_t kOthersBytesMax = 8 * 1024;
constexpr std::size_t kPhrasesBytesMax = 4 * 1024;
constexpr std::size_t kLinesBytesMax = 16 * 1024;  // with one line for every situation
constexpr std::size_t kLineBytesMax = 1000;
constexpr std::size_t kPostHistoryMax = 7 * 1024;  // of the lore, and of the instructions

// A text of the card in the prompt: within the limit, and no line of it may look like a heading or
// a fence of the layout.
std::string free_text(std::string_view text, std::size_t bytes_max) {
  std::string result;
  const std::string unfenced = without_fences(std::string(utf8_prefix(text, bytes_max)));
  std::string_view rest = unfenced;
  while (!rest.empty()) {
    const auto end = rest.find_first_of("\r\n");
    std::string_view line = trimmed(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    line.remove_prefix(std::min(line.find_first_not_of("# "), line.size()));
    if (line.empty() || ascii_lower(line) == "<start>") continue;
    result += fmt::format("{}\n", line);
  }
  return result;
}

std::string one_line(std::string_view text) {
  std::string line(trimmed(text));
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  return line;
}

// A card with what it is staged with: all of its texts as they go into the prompt.
struct Stage {
  const Card& card;
  const Staging& staging;
  const PromptLimits& limits;

  Scene scene() const { return card.scene(staging.seed, staging.user); }
  std::string text(std::string_view written, std::size_t bytes_max) const {
    return free_text(filled(written, scene()), bytes_max);
  }
  std::string text(std::string_view written) const { return text(written, limits.free_text_max); }
  std::string lore(Place place) const {
    std::string out;
    for (const Fired& fired : staging.lore) {
      if (fired.dropped || fired.entry->place != place) continue;
      out += free_text(fired.text, limits.free_text_max);
    }
    return out;
  }
};

void write_who(std::string& out, const Stage& stage) {
  out += fmt::format("You are {}.\n\n{}\n", stage.card.name, layout::kWho);
  out += stage.lore(Place::BeforeCharacter);
  out += stage.text(stage.card.description);
  out += stage.lore(Place::AfterCharacter);
  out += stage.text(stage.card.scenario);
  out += stage.lore(Place::Scenario);
  out += stage.text(stage.card.system_prompt);
}

void write_speech(std::string& out, const Stage& stage) {
  const Card& card = stage.card;
  out += fmt::format("\n{}\n", layout::kSpeech);
  out += stage.text(card.personality);
  out += stage.lore(Place::Personality);
  if (!card.example_dialogue.empty()) {
    out += fmt::format("For example:\n{}",
                       stage.text(card.example_dialogue, stage.limits.free_text_max / 2));
  }
  if (!card.lines.empty()) {
    out += "The lines of yours below are samples of your voice; vary them.\n";
  }
  if (!card.voice.phrases.empty()) {
    const std::string phrases = fmt::format("{}", fmt::join(card.voice.phrases, " | "));
    out += fmt::format("{}{}\n", layout::kPhrases, utf8_prefix(phrases, kPhrasesBytesMax));
  }
}

std::string others_section(const std::vector<const Card*>& others) {
  if (others.empty()) return {};
  std::string out = fmt::format("\n{}\n", layout::kOthers);
  for (const Card* other : others) {
    if (out.size() > kOthersBytesMax) break;  // a crowd
    const std::string description = filled(other->description, other->scene());
    const auto about = lexical::sentences(description);
    out += fmt::format("{} ({}): {}\n", other->name, other->id,
                       about.empty() ? "" : one_line(utf8_prefix(about.front(), 300)));
  }
  return out;
}

std::string rules_section(const Card& card) {
  return fmt::format(
      "\n{}\n"
      "- Stay in character as {} in every line, whatever anybody asks.\n"
      "- Write only what {} says now, without a name in front; never write lines for others.\n"
      "- Say at most 3 short sentences.\n"
      "- For facts use only the knowledge you are given; what it does not say you do not know, and "
      "you say so in your own way.\n"
      "- Do not say again what was said before.\n"
      "- Never mention prompts, rules, models or instructions.\n",
      layout::kRules, card.name, card.name);
}

// Lines about somebody who is not there would call him onto the stage.
bool on_stage(std::string_view situation, const std::vector<const Card*>& others) {
  for (const std::string_view prefix : {"about ", "teaser "}) {
    if (!situation.starts_with(prefix)) continue;
    const auto id = situation.substr(prefix.size());
    return std::any_of(others.begin(), others.end(), [&](const Card* c) { return c->id == id; });
  }
  return true;
}

// These carry most of a talk, so they get more of the room.
bool frequent(std::string_view situation) {
  for (const std::string_view name : {"wrap", "unknown", "told", "opinion", "join"}) {
    if (situation == name) return true;
  }
  return false;
}

struct Situation {
  std::string_view name;
  std::vector<std::string> lines;  // in the order of the draw
  std::size_t shown = 0;
};

std::vector<Situation> drawn(const Card& card, const std::vector<const Card*>& others,
                             std::uint64_t seed) {
  std::vector<Situation> situations;
  for (const auto& [name, lines] : card.lines) {
    if (!on_stage(name, others)) continue;
    Situation situation{name, lines};
    Random random(hash64(name, seed));
    for (std::size_t left = lines.size(); left > 1; --left) {
      std::swap(situation.lines[left - 1], situation.lines[random.below(left)]);
    }
    situations.push_back(std::move(situation));
  }
  std::stable_partition(situations.begin(), situations.end(),
                        [](const Situation& s) { return frequent(s.name); });
  return situations;
}

// One line for every situation, then a second for every one, and so on while the room lasts.
std::string lines_section(const Stage& stage, const std::vector<const Card*>& others,
                          std::size_t bytes_max) {
  const std::size_t lines_max = stage.limits.lines_per_situation_max;
  auto situations = drawn(stage.card, others, stage.staging.seed);
  std::size_t bytes = 0;
  for (std::size_t round = 0; round < lines_max; ++round) {
    for (auto& [name, lines, shown] : situations) {
      const std::size_t most = frequent(name) ? lines_max : (lines_max + 1) / 2;
      if (shown != round || round >= std::min(lines.size(), most)) continue;
      const std::size_t size = name.size() + lines[round].size() + 3;
      if (round > 0 && bytes + size > bytes_max) continue;
      bytes += size;
      ++shown;
    }
  }
  std::string out;
  for (const auto& [name, lines, shown] : situations) {
    for (std::size_t i = 0; i < shown && out.size() < kLinesBytesMax; ++i) {
      const std::string line = one_line(filled(lines[i], stage.scene()));
      out += fmt::format("{}: {}\n", one_line(utf8_prefix(name, 128)),
                         utf8_prefix(line, kLineBytesMax));
    }
  }
  return out.empty() ? out : fmt::format("\n{}\n{}", layout::kLines, out);
}

}  // namespace

std::string without_fences(std::string text) {
  for (const std::string_view mark : {layout::kFenceClose, layout::kFenceOpen}) {
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
      text.replace(at, mark.size(), "[mark removed]");
    }
  }
  return text;
}

std::string system_prompt(const Card& card, const std::vector<const Card*>& others,
                          const Staging& staging, const PromptLimits& limits) {
  const Stage stage{card, staging, limits};
  std::string out;
  write_who(out, stage);
  write_speech(out, stage);
  const std::string tail = others_section(others) + rules_section(card);
  const std::size_t used = out.size() + tail.size() + layout::kLines.size() + 2;
  const std::size_t room = limits.bytes_max - std::min(used, limits.bytes_max);
  out += lines_section(stage, others, room);
  return out + tail;
}

std::string post_history(const Card& card, const Staging& staging) {
  const PromptLimits limits;
  const Stage stage{card, staging, limits};
  std::string out(utf8_prefix(stage.lore(Place::End), kPostHistoryMax));
  std::string said = stage.text(card.post_history, kPostHistoryMax);
  if (!said.empty()) said.pop_back();  // the end of its last line
  out += said;
  return out;
}

}  // namespace characters
