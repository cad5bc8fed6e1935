#include "llm/understudy_scene.h"

#include <algorithm>
#include <cstddef>

#include "base/utf8.h"
#include "contracts/prompt_layout.h"
#include "lexical/sentences.h"

namespace llm::understudy {
namespace {

namespace layout = contracts::prompt;

constexpr std::size_t kPromptBytesMax = 256 * 1024;  // read of one message
constexpr std::size_t kAuthorBytesMax = 40;
constexpr std::size_t kNameBytesMax = 64;
constexpr std::size_t kItemsMax = 512;  // of lines, passages, others, phrases, notes

enum class Section { None, Who, Speech, Lines, Others, Knowledge, Notes };

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// Takes the next line off the front of `rest`.
std::string_view next_line(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\n'), rest.size());
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

Section section_of(std::string_view heading) {
  if (heading == layout::kWho) return Section::Who;
  if (heading == layout::kSpeech) return Section::Speech;
  if (heading == layout::kLines) return Section::Lines;
  if (heading == layout::kOthers) return Section::Others;
  if (heading == layout::kKnowledge) return Section::Knowledge;
  if (heading == layout::kNotes) return Section::Notes;
  return Section::None;
}

template <class T>
void add(std::vector<T>& list, T item) {
  if (list.size() < kItemsMax) list.push_back(std::move(item));
}

void read_phrases(std::string_view text, Scene& scene) {
  while (!text.empty()) {
    const std::size_t bar = std::min(text.find('|'), text.size());
    if (const auto phrase = trimmed(text.substr(0, bar)); !phrase.empty()) {
      add(scene.phrases, phrase);
    }
    text.remove_prefix(std::min(bar + 1, text.size()));
  }
}

// "Brian (brian): the dog": an open bracket parts name and id.
void read_other(std::string_view line, Scene& scene) {
  if (line.starts_with("- ")) line.remove_prefix(2);
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string_view head = trimmed(line.substr(0, colon));
  const std::size_t open = head.rfind('(');
  if (open == std::string_view::npos || !head.ends_with(')')) {
    add(scene.others, Other{head, head, trimmed(line.substr(colon + 1))});
    return;
  }
  const std::string_view id = head.substr(open + 1, head.size() - open - 2);
  add(scene.others,
      Other{trimmed(head.substr(0, open)), trimmed(id), trimmed(line.substr(colon + 1))});
}

void read_item(Section section, std::string_view line, Scene& scene) {
  switch (section) {
    case Section::Speech:
      if (line.starts_with(layout::kPhrases)) {
        read_phrases(line.substr(layout::kPhrases.size()), scene);
      }
      break;
    case Section::Lines: {
      const std::size_t colon = line.find(": ");
      if (colon != std::string_view::npos) {
        add(scene.lines, {trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 2))});
      }
      break;
    }
    case Section::Others:
      read_other(line, scene);
      break;
    case Section::Notes:
      if (!trimmed(line).empty()) add(scene.notes, trimmed(line));
      break;
    case Section::None:
    case Section::Who:
    case Section::Knowledge:
      break;
  }
}

// The text of a fence whose opening line was just read; `rest` continues behind it.
std::string_view fenced(std::string_view& rest) {
  const char* start = rest.data();
  while (!rest.empty()) {
    const char* before = rest.data();
    if (trimmed(next_line(rest)) == layout::kFenceClose) {
      return {start, static_cast<std::size_t>(before - start)};
    }
  }
  return {start, static_cast<std::size_t>(rest.data() - start)};
}

Passage read_fence(std::string_view opening, std::string_view& rest) {
  const std::size_t colon = opening.find(':');
  const std::string_view title =
      colon == std::string_view::npos ? std::string_view() : trimmed(opening.substr(colon + 1));
  return {title, fenced(rest)};
}

// "You are X." with X short and capitalised is a name; "You are a helpful assistant." is not.
std::string_view name_in(std::string_view line) {
  constexpr std::string_view kYouAre = "You are ";
  if (!line.starts_with(kYouAre)) return {};
  line.remove_prefix(kYouAre.size());
  std::size_t end = 0;
  while (end < line.size() && line[end] != ',' && line[end] != '!') {
    // A full stop inside a name ("Dr. Hartman") is followed by more name.
    if (line[end] == '.' && (end + 1 == line.size() || end > 3)) break;
    ++end;
  }
  const std::string_view found = trimmed(line.substr(0, end));
  const bool capital = !found.empty() && (found[0] & 0x80 || (found[0] >= 'A' && found[0] <= 'Z'));
  const auto spaces = std::count(found.begin(), found.end(), ' ');
  return capital && found.size() <= kNameBytesMax && spaces <= 3 ? found : std::string_view();
}

void read_system(std::string_view text, Scene& scene) {
  std::string_view rest = text.substr(0, kPromptBytesMax);
  Section section = Section::None;
  const char* section_start = rest.data();
  const auto close_section = [&](const char* end) {
    const std::string_view body(section_start, static_cast<std::size_t>(end - section_start));
    if (section == Section::Who) scene.who = trimmed(body);
    if (section == Section::None && !scene.scripted && !trimmed(body).empty()) {
      add(scene.passages, Passage{{}, body});
    }
  };
  while (!rest.empty()) {
    const char* before = rest.data();
    const std::string_view line = next_line(rest);
    if (line.starts_with(layout::kFenceOpen)) {
      if (section == Section::None) close_section(before);
      add(scene.passages, read_fence(line, rest));
      if (section == Section::None) section_start = rest.data();
    } else if (line.starts_with("# ")) {
      close_section(before);
      section = section_of(trimmed(line));
      section_start = rest.data();
      scene.scripted = scene.scripted || section != Section::None;
    } else if (scene.name.empty() && !name_in(line).empty()) {
      scene.name = name_in(line);
      section_start = rest.data();
    } else {
      read_item(section, line, scene);
    }
  }
  close_section(rest.data());
}

// "Name: text" of a user message; a plain client names nobody.
Turn read_turn(std::string_view text) {
  const std::size_t colon = text.substr(0, kAuthorBytesMax + 1).find(": ");
  if (colon == std::string_view::npos || colon == 0) return {{}, trimmed(text)};
  const std::string_view author = text.substr(0, colon);
  if (author.find_first_of("\n?!.,") != std::string_view::npos) return {{}, trimmed(text)};
  return {trimmed(author), trimmed(text.substr(colon + 2))};
}

std::string_view without_label(std::string_view sentence) {
  for (const std::string_view label : {"question:", "q:", "query:", "context:", "user:"}) {
    if (same(sentence.substr(0, label.size()), label))
      return trimmed(sentence.substr(label.size()));
  }
  return sentence;
}

// A plain client may send its context and its question in one message: what is fenced or stands
// before the last question is known text, the question is the line. Only plain clients may: on
// stage, anybody could type a fence.
std::string_view read_plain_line(std::string_view text, Scene& scene) {
  std::string_view rest = text.substr(0, kPromptBytesMax);
  std::string_view loose = rest;
  while (!rest.empty()) {
    const char* before = rest.data();
    const std::string_view line = next_line(rest);
    if (!line.starts_with(layout::kFenceOpen)) continue;
    const std::string_view head(loose.data(), static_cast<std::size_t>(before - loose.data()));
    add(scene.passages, read_fence(line, rest));
    loose = trimmed(rest).empty() ? head : rest;
  }
  const std::vector<std::string_view> all = lexical::sentences(loose);
  if (all.size() <= 1) return without_label(trimmed(loose));
  auto last = std::find_if(all.rbegin(), all.rend(), [](auto s) { return s.ends_with('?'); });
  if (last == all.rend()) last = all.rbegin();
  const auto before = static_cast<std::size_t>(last->data() - loose.data());
  const std::string_view context = without_label(trimmed(loose.substr(0, before)));
  if (!context.empty()) add(scene.passages, Passage{{}, context});
  return without_label(*last);
}

}  // namespace

bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::vector<std::string_view> Scene::lines_for(std::string_view situation) const {
  std::vector<std::string_view> found;
  for (const auto& [key, text] : lines) {
    if (same(key, situation) && !text.empty()) found.push_back(text);
  }
  return found;
}

const Other* Scene::other(std::string_view word) const {
  if (word.empty()) return nullptr;
  for (const Other& candidate : others) {
    const std::string_view first = candidate.name.substr(0, candidate.name.find(' '));
    if (same(word, candidate.name) || same(word, candidate.id) || same(word, first)) {
      return &candidate;
    }
  }
  return nullptr;
}

Scene read_scene(const std::vector<Message>& messages) {
  Scene scene;
  for (const Message& message : messages) {
    if (message.role == "system" || message.role == "developer") {
      read_system(message.content, scene);
    }
  }
  std::size_t last = messages.size();
  while (last > 0 && messages[last - 1].role != "user") --last;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const Message& message = messages[i];
    if (message.role == "assistant") {
      scene.turns.push_back({{}, trimmed(message.content), true});
    } else if (message.role == "user" && i + 1 == last && !scene.scripted) {
      scene.line = read_plain_line(message.content, scene);
    } else if (message.role == "user" && i + 1 == last) {
      const Turn turn = read_turn(message.content);
      scene.author = turn.author;
      scene.line = turn.text.substr(0, kPromptBytesMax);
    } else if (message.role == "user") {
      scene.turns.push_back(scene.scripted ? read_turn(message.content)
                                           : Turn{{}, trimmed(message.content)});
    }
  }
  return scene;
}

}  // namespace llm::understudy
