#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "quality/findings.h"

namespace quality {
namespace {

using contracts::Finding;
using contracts::FindingCode;
using contracts::Severity;

constexpr std::size_t kCodePointsMax = 2000;  // what Discord takes
constexpr std::size_t kCodePointsMajor = 850;
constexpr std::size_t kCodePointsMinor = 650;
constexpr std::size_t kSentencesMinor = 12;
constexpr std::size_t kNameBytes = 40;
constexpr std::size_t kMentionsMax = 2;

bool word_byte(char c) { return read_text({&c, 1}).words.size() == 1 || c == '_'; }

// The name before a colon at the start of `text`, or nothing. A web address is no name.
std::string_view label(std::string_view text) {
  constexpr std::string_view kMarkup = "*_>[( \t\"";
  // An item of a list is no speaker.
  if (text.starts_with("- ") || text.starts_with("* ")) return {};
  const std::size_t start = std::min(text.find_first_not_of(kMarkup), text.size());
  text.remove_prefix(start);
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon > kNameBytes) return {};
  if (text.substr(colon).starts_with("://")) return {};
  // "Brian (sighing): ..." is Brian's.
  std::string_view name = text.substr(0, std::min(colon, text.find(" (")));
  while (!name.empty() && kMarkup.find(name.back()) != std::string_view::npos)
    name.remove_suffix(1);
  if (name.ends_with(')') || name.ends_with(']')) name.remove_suffix(1);
  return name.find_first_of(".!?,;\n") == std::string_view::npos ? name : std::string_view{};
}

// A label that could be anybody's name: at most two words, each with a capital.
bool looks_like_name(std::string_view name) {
  const Text words = read_text(name);
  if (words.words.empty() || words.words.size() > 2) return false;
  return std::all_of(words.words.begin(), words.words.end(), [&](const Word& word) {
    const char c = name[word.start];
    return c >= 'A' && c <= 'Z';
  });
}

bool in_context(const Draft& draft, std::string_view name) {
  const std::string lower = ascii_lower(name);
  return std::any_of(draft.context.begin(), draft.context.end(), [&](const Draft::Said& said) {
    return said.line->author.size() == name.size() && ascii_lower(said.line->author) == lower;
  });
}

// The beginnings of a draft where a speaker's label may stand: lines and sentences.
std::vector<std::string_view> beginnings(const Draft& draft) {
  std::vector<std::string_view> all = draft.sentences;
  std::string_view rest = draft.line;
  while (!rest.empty()) {
    all.push_back(trimmed(rest.substr(0, rest.find('\n'))));
    const std::size_t newline = rest.find('\n');
    rest = newline == std::string_view::npos ? std::string_view{} : rest.substr(newline + 1);
  }
  return all;
}

// Whether somebody else who takes part is called that.
bool somebody_else(const Draft& draft, std::string_view name) {
  const Profile* profile = draft.cast.called(name);
  return profile == nullptr ? in_context(draft, name) : profile != &draft.speaker;
}

// Who is made to say something in quotation marks: 'Anna says "yes"', 'Peter leaps up and shouts,
// "Mine!"'. What somebody said before may be told; what he says now is his to say.
std::string_view narrated(const Draft& draft) {
  static const PhraseSet kSaying{
      {0,
       "says, shouts, yells, replies, answers, asks, whispers, mutters, cries, sobs, sobbing, "
       "screams, goes, sighs, murmurs, responds, adds, exclaims, laughs, groans, declares, like, "
       "answered, replied, shouted, whispered, muttered, yelled, screamed"}};
  constexpr std::size_t kWordsBetween = 8;
  const auto& words = draft.text.words;
  for (const PhraseSet::Hit& hit : kSaying.find(draft.text)) {
    const std::size_t end = words[hit.first].end;
    const std::string_view after = std::string_view(draft.line).substr(end, 5);
    const std::size_t quote = std::min(after.find('"'), after.find("\xE2\x80\x9C"));
    if (quote == std::string_view::npos) continue;
    if (after.find_first_not_of(",: \n") < quote) continue;
    for (std::size_t back = 1; back <= std::min(hit.first, kWordsBetween); ++back) {
      const std::string_view name = draft.text.written(words[hit.first - back]);
      if (somebody_else(draft, name)) return name;
    }
  }
  return {};
}

// Who else acts or speaks by the marks of a stage: "*Brian sighs*", "<Brian> no", "[Brian] no",
// "Brian - no" at the beginning of a line.
std::string_view staged(const Draft& draft) {
  const std::string_view line = draft.line;
  const Text& text = draft.text;
  for (std::size_t i = 0; i < text.words.size(); ++i) {
    const std::string_view name = text.written(text.words[i]);
    const std::size_t start = text.words[i].start;
    const char before = start > 0 ? line[start - 1] : '\n';
    const bool first = before == '\n';
    if (!first && before != '*' && before != '<' && before != '[') continue;
    if (!somebody_else(draft, name)) continue;
    const std::string_view after = line.substr(text.words[i].end, 6);
    const bool acts = before == '*' && after.starts_with(' ');
    const bool tagged = (before == '<' && after.starts_with('>')) ||
                        (before == '[' && after.starts_with(']')) ||
                        (before == '*' && (after.starts_with("*:") || after.starts_with("**:")));
    const bool dashed =
        first && (after.starts_with(" - ") || after.starts_with("> ") ||
                  after.starts_with(" \xE2\x80\x93 ") || after.starts_with(" \xE2\x80\x94 "));
    // A mention at the beginning addresses; "<@12>" has no name.
    if (acts || tagged || dashed) return name;
  }
  return {};
}

// Lines of a script that hold nothing but a name of the cast.
std::size_t names_alone(const Draft& draft) {
  std::size_t count = 0;
  std::string_view rest = draft.line;
  while (!rest.empty()) {
    const std::size_t newline = std::min(rest.find('\n'), rest.size());
    const std::string_view name = trimmed(rest.substr(0, newline));
    const bool short_enough = !name.empty() && name.size() <= kNameBytes;
    if (short_enough && (draft.cast.called(name) != nullptr || in_context(draft, name))) ++count;
    rest.remove_prefix(std::min(newline + 1, rest.size()));
  }
  return count;
}

}  // namespace

MaybeFinding find_empty(const Draft& draft) {
  const bool only_name =
      std::all_of(draft.text.words.begin(), draft.text.words.end(),
                  [&](const Word& word) { return draft.speaker.names.contains(word.hash); });
  if (!only_name) return std::nullopt;
  // A smile says something, if little.
  const bool emoji = std::any_of(draft.line.begin(), draft.line.end(),
                                 [](char c) { return static_cast<std::uint8_t>(c) >= 0xF0; });
  return Finding{FindingCode::Empty, emoji ? Severity::Major : Severity::Critical,
                 "Say something in words: the draft has none."};
}

MaybeFinding find_too_long(const Draft& draft) {
  const std::size_t sentences = draft.sentences.size();
  if (draft.code_points > kCodePointsMax) {
    return Finding{FindingCode::TooLong, Severity::Critical,
                   fmt::format("Answer in one to three short sentences: {} characters cannot be "
                               "posted, {} is the limit.",
                               draft.code_points, kCodePointsMax)};
  }
  // Many short sentences are a way of talking, as long as they are few words together.
  const bool minor = draft.code_points > kCodePointsMinor ||
                     (sentences > kSentencesMinor && draft.code_points > kCodePointsMinor / 2);
  if (!minor) return std::nullopt;
  return Finding{
      FindingCode::TooLong,
      draft.code_points > kCodePointsMajor ? Severity::Major : Severity::Minor,
      fmt::format("Be brief: {} sentences and {} characters are too much for a chat; keep the "
                  "best one or two sentences.",
                  sentences, draft.code_points)};
}

MaybeFinding find_speaks_for_others(const Draft& draft) {
  static const std::set<std::string, std::less<>> kRoles{"user",   "human", "assistant",
                                                         "system", "bot",   "narrator"};
  const auto speaks_for = [&](std::string_view name) {
    return Finding{FindingCode::SpeaksForOthers, Severity::Critical,
                   fmt::format("Say only {}'s own words: the draft speaks for {}.",
                               draft.speaker.character.name, utf8_prefix(name, kNameBytes))};
  };
  std::set<std::string> strangers;
  bool own = false;
  for (const std::string_view beginning : beginnings(draft)) {
    const std::string_view name = label(beginning);
    if (name.empty()) continue;
    const Profile* profile = draft.cast.called(name);
    if (profile == &draft.speaker) {
      own = true;
    } else if (profile != nullptr || kRoles.contains(ascii_lower(name)) ||
               in_context(draft, name)) {
      return speaks_for(name);
    } else if (looks_like_name(name) && !prompt_heading(name)) {
      strangers.insert(ascii_lower(name));
    }
  }
  for (const std::string_view name : {narrated(draft), staged(draft)}) {
    if (!name.empty()) return speaks_for(name);
  }
  if (names_alone(draft) >= 2 || strangers.size() >= 2 || (own && !strangers.empty())) {
    return Finding{FindingCode::SpeaksForOthers, Severity::Critical,
                   "Write one line of your own, not a script with several speakers."};
  }
  if (!own) return std::nullopt;
  return Finding{FindingCode::SpeaksForOthers, Severity::Minor,
                 fmt::format("Leave out your own name: do not begin with \"{}:\".",
                             draft.speaker.character.name)};
}

MaybeFinding find_mention_abuse(const Draft& draft) {
  const std::string lower = ascii_lower(draft.line);
  std::size_t mentions = 0;
  bool user = false;
  for (std::size_t at = lower.find('@'); at != std::string::npos; at = lower.find('@', at + 1)) {
    if (at > 0 && lower[at - 1] == '<') {
      user = true;
      continue;
    }
    if (at + 1 == lower.size() || !word_byte(lower[at + 1])) continue;
    if (at > 0 && word_byte(lower[at - 1])) continue;  // an address
    const std::string_view rest = std::string_view(lower).substr(at + 1);
    for (const std::string_view all : {"everyone", "here"}) {
      if (rest.starts_with(all) && (rest.size() == all.size() || !word_byte(rest[all.size()]))) {
        return Finding{FindingCode::MentionAbuse, Severity::Critical,
                       fmt::format("Do not call the whole channel: leave out @{}.", all)};
      }
    }
    ++mentions;
  }
  if (user) {
    return Finding{FindingCode::MentionAbuse, Severity::Major,
                   "Write names as plain words, without <@...> marks."};
  }
  if (mentions <= kMentionsMax) return std::nullopt;
  return Finding{FindingCode::MentionAbuse, Severity::Major,
                 fmt::format("Mention at most {} people, not {}.", kMentionsMax, mentions)};
}

}  // namespace quality
