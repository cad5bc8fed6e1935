#include <algorithm>
#include <array>

#include "quality/findings.h"
#include "quality/phrases.h"

namespace quality {
namespace {

using contracts::Finding;
using contracts::FindingCode;
using contracts::Severity;

struct Letters {
  std::size_t latin = 0;
  std::size_t other = 0;
  bool mostly_foreign() const { return other >= 3 && other * 10 > (latin + other) * 3; }
};

Letters count_letters(std::string_view text) {
  Letters letters;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<std::uint8_t>(text[i]);
    const auto next =
        i + 1 < text.size() ? static_cast<std::uint8_t>(text[i + 1]) : std::uint8_t{0};
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= 0xC3 && c <= 0xC9)) {
      ++letters.latin;
    } else if (c >= 0xCD && c <= 0xDF) {
      ++letters.other;  // Greek, Cyrillic, Armenian, Hebrew, Arabic
    } else if (c == 0xE0 || (c == 0xE1 && next < 0xB8) || (c == 0xE2 && next >= 0xBA) ||
               (c == 0xE3 && next >= 0x81) || (c >= 0xE4 && c <= 0xED)) {
      ++letters.other;  // Indic scripts, Thai, CJK, kana, Hangul
    }
  }
  return letters;
}

// Signs of language in a text.
struct Evidence {
  std::size_t english = 0;
  std::size_t foreign = 0;  // of the language with the most

  // A word or two of another language are spice.
  bool reads_foreign() const { return foreign >= 2 && foreign > english; }
  bool reads_english() const { return english >= 2 && english > foreign; }
};

// Words that English hardly writes: with letters outside ASCII.
std::size_t accented_words(const Text& text) {
  return static_cast<std::size_t>(
      std::count_if(text.words.begin(), text.words.end(), [&](const Word& word) {
        const std::string_view written = text.written(word);
        const auto marked = [](char c) {
          const auto byte = static_cast<std::uint8_t>(c);
          return byte >= 0xC3 && byte <= 0xCD;
        };
        return std::any_of(written.begin(), written.end(), marked);
      }));
}

Evidence evidence(const Text& text) {
  std::array<std::size_t, kLanguages> hits{};
  for (const PhraseSet::Hit& hit : function_words().find(text)) {
    ++hits[static_cast<std::size_t>(hit.tag)];
  }
  const std::size_t accented = accented_words(text);
  const bool spanish_signs = text.raw.find("\xC2\xA1") != std::string_view::npos ||
                             text.raw.find("\xC2\xBF") != std::string_view::npos;
  return {.english = hits[kEnglishTag],
          .foreign =
              *std::max_element(hits.begin() + 1, hits.end()) + accented + (spanish_signs ? 1 : 0)};
}

// Whether the talk is in another language than English: the line that is answered is, and English
// does not prevail among what people said.
bool foreign_talk(const Draft& draft) {
  if (draft.answered() == nullptr) return false;
  if (count_letters(draft.answered()->text().raw).mostly_foreign()) return true;
  if (!evidence(draft.answered()->text()).reads_foreign()) return false;
  Evidence all;
  for (const Draft::Said& said : draft.context) {
    if (said.speaker != nullptr) continue;
    const Evidence line = evidence(said.text());
    all.english += line.english;
    all.foreign += line.foreign;
  }
  return all.foreign >= all.english;
}

}  // namespace

MaybeFinding find_wrong_language(const Draft& draft) {
  const Evidence own = evidence(draft.text);
  const bool foreign = own.reads_foreign() || count_letters(draft.line).mostly_foreign();
  if (!foreign && !own.reads_english()) return std::nullopt;
  const bool talk = foreign_talk(draft);
  if (foreign == talk) return std::nullopt;
  return Finding{FindingCode::WrongLanguage, Severity::Major,
                 talk ? "Answer in the language of the conversation, not in English."
                      : "Answer in English, the language of the conversation."};
}

}  // namespace quality
