#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

// Cuts documents into the pieces that search finds and prompts quote. Pure; thread-safe.
namespace retriever {

// A piece of a document: the bytes [start, end), and where it stands: "Title > Heading > Heading".
struct Chunk {
  std::string title;
  std::size_t start = 0;
  std::size_t end = 0;
};

struct ChunkLimits {
  std::size_t tokens_max = 512;
  std::size_t tokens_overlap = 50;  // repeated from the chunk before, in whole sentences
};

// An upper estimate without a tokenizer: 4 bytes a token for ASCII, 2 for other scripts, where
// vocabularies trained on English text need about one token for each letter of 2 to 4 bytes.
std::size_t estimated_tokens(std::string_view text);

// The chunks of a Markdown or plain text, in order. No chunk reaches over a heading, so a file of
// short sections gives one small chunk for each; headings without text give none, their words are
// in the titles below. A longer section is cut between sentences, a longer sentence between words.
std::vector<Chunk> chunks_of(std::string_view text, std::string_view title,
                             ChunkLimits limits = {});

}  // namespace retriever
