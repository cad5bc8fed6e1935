#include "base/utf8.h"
#include "fuzz/fuzz.h"
#include "lexical/analyser.h"
#include "lexical/analysis.h"
#include "lexical/sentences.h"

// Words and sentences lie inside their text, in order; valid text gives valid words and terms.

fuzz::Corpus fuzz::corpus() {
  return {
      .seeds = {"Peter's dog doesn't bark. Mr. Griffin said: \"Wow!\" Really?",
                "# Heading\n- item one\n- item two\n\n1. first\n2. second",
                "caf\xc3\xa9 na\xc3\xafve \xc3\x89t\xc3\xa9 stra\xc3\x9f"
                "e",
                "e.g. 3.14 and U.S.A. ...",
                "getHTTPHeader max_open.files --dry-run C++ 1,000 \xe4\xb8\xad\xe6\x96\x87",
                "running runners ran quickly", "I.\n\nII.\n\nIII."},
      .words = {"'s", "'", ".", "!", "?", "\n\n", "\n", "Mr.", "e.g.", "\"", ")", "\xe2\x80\x99",
                "\xc3\xa9", "# ", "- ", "1. ", "\xf0\x9f\x98\x80", "\xe2\x80\xa6"}};
}

namespace {

void check_words(std::string_view text) {
  const auto words = lexical::words(text);
  const auto tokens = lexical::tokens(text);
  fuzz::require(words.size() == tokens.size(), "tokens are the words");
  std::size_t before = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& word = words[i];
    fuzz::require(word.text == tokens[i], "tokens are the words");
    fuzz::require(!word.text.empty(), "a word is not empty");
    fuzz::require(before <= word.start && word.start < word.end && word.end <= text.size(),
                  "words stand in order inside their text");
    before = word.end;
    fuzz::require(ascii_lower(word.text) == word.text, "a word is in lower case");
    fuzz::require(!utf8_valid(text) || utf8_valid(word.text), "a word of valid text is valid");
    fuzz::require(lexical::stem(word.text).size() <= word.text.size() + 1, "a stem is no longer");
  }
  fuzz::require(lexical::content_stems(text).size() <= words.size(), "stems are of words");
}

void check_terms(std::string_view text, lexical::AnalysisOptions options) {
  lexical::Analysis analysis(options);
  for (const lexical::Term& term : analysis.terms(text)) {
    fuzz::require(!term.text.empty(), "a term is not empty");
    fuzz::require(term.position < analysis.words(), "a term stands at a word");
    fuzz::require(term.hash == lexical::term_hash(term.kind, term.text), "a term has its hash");
    fuzz::require(!utf8_valid(text) || utf8_valid(term.text), "a term of valid text is valid");
  }
}

void check_sentences(std::string_view text) {
  const char* before = text.data();
  for (const auto sentence : lexical::sentences(text)) {
    fuzz::require(!sentence.empty() && trimmed(sentence) == sentence, "a sentence is trimmed");
    fuzz::require(
        sentence.data() >= before && sentence.data() + sentence.size() <= text.data() + text.size(),
        "sentences stand in order inside their text");
    fuzz::require(trimmed({before, static_cast<std::size_t>(sentence.data() - before)}).empty(),
                  "nothing but space lies between sentences");
    before = sentence.data() + sentence.size();
    fuzz::require(!utf8_valid(text) || utf8_valid(sentence), "a sentence cuts no code point");
  }
  const auto rest = static_cast<std::size_t>(text.data() + text.size() - before);
  fuzz::require(trimmed({before, rest}).empty(), "nothing but space is left");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  if (utf8_valid(text)) fuzz::keep();
  check_words(text);
  check_terms(text, {});
  check_terms(text, {.word_bytes_max = 8});
  check_sentences(text);
  const std::string repaired = utf8_repaired(text);
  check_words(repaired);
  check_sentences(repaired);
  return 0;
}
