#include "retriever/chunker.h"

#include "base/utf8.h"
#include "fuzz/fuzz.h"

// Chunks stand in order in their document, hold to their limits and lose no text but headings.

fuzz::Corpus fuzz::corpus() {
  return {
      .seeds = {"\x08\x02# Peter\n\nPeter is loud. He works at the brewery.\n\n## Home\nHe lives.",
                "\x20\x08one two three four five six seven eight nine ten eleven twelve",
                "\x05\x01```\n# no heading\n```\ntext", "\x10\x04- a\n- b\n\n1. c\n# H #\ntext",
                "\x09\x03"
                "caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x80\x82"},
      .words = {"# ", "\n## ", "###### ", "\n\n", "```", "~~~", ". ", "\xe6\x97\xa5", "    ",
                "word ", "! "},
      .bytes_max = 2048};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input = fuzz::text_of(data, size);
  retriever::ChunkLimits limits;
  // An overlap as large as the chunk is no setting that there is.
  limits.tokens_max = 20 + fuzz::choice(input, 64);
  limits.tokens_overlap = fuzz::choice(input, 16);
  const std::string text = utf8_repaired(input);
  const auto chunks = retriever::chunks_of(text, "Title", limits);
  fuzz::require(chunks.empty() == trimmed(text).empty(), "a text has chunks");
  if (chunks.size() > 1) fuzz::keep();
  std::size_t start = 0;
  std::size_t end = 0;
  for (const auto& chunk : chunks) {
    fuzz::require(chunk.start < chunk.end && chunk.end <= text.size(), "a chunk is in its text");
    fuzz::require(chunk.start >= start && chunk.end > end, "chunks go forward");
    const std::string_view piece =
        std::string_view(text).substr(chunk.start, chunk.end - chunk.start);
    fuzz::require(utf8_valid(piece), "a chunk cuts no code point");
    fuzz::require(trimmed(piece) == piece, "a chunk has no space at its ends");
    fuzz::require(chunk.title.starts_with("Title") && utf8_valid(chunk.title), "it has its title");
    fuzz::require(
        chunks.size() == 1 || retriever::estimated_tokens(piece) <= limits.tokens_max + 16,
        "a chunk holds to its limit");
    start = chunk.start;
    end = chunk.end;
  }
  // Without marks that make headings, nothing but space is left out.
  if (text.find('#') != std::string::npos) return 0;
  end = 0;
  for (const auto& chunk : chunks) {
    if (chunk.start > end) {
      fuzz::require(trimmed(std::string_view(text).substr(end, chunk.start - end)).empty(),
                    "nothing is left out");
    }
    end = chunk.end;
  }
  fuzz::require(trimmed(std::string_view(text).substr(end)).empty(), "nothing is left over");
  return 0;
}
