#pragma once

#include <string>

#include "base/fields.h"

namespace retriever {

struct Config {
  static constexpr int kPort = 6007;

  int chunk_tokens = 512;
  int chunk_overlap_tokens = 50;
  int context_tokens = 10'000;
  int top_k = 10;
  bool expansion = true;
  std::string encoder;
  int meaning_chunks = 2'000;
  int meaning_kib = 64 * 1024;
  int readers = 4;
  int cache_kib = 1024;
  int results_kib = 4 * 1024;
  int results_ttl_ms = 3'600'000;

  static void fields(auto& self, auto&& visit) {
    visit("chunk_tokens", self.chunk_tokens,
          Field{.min = 64, .max = 4096, .help = "the largest chunk"});
    visit("chunk_overlap_tokens", self.chunk_overlap_tokens,
          Field{.min = 0, .max = 512, .help = "what a chunk repeats of the one before"});
    visit("context_tokens", self.context_tokens,
          Field{.min = 100, .max = 16'000, .help = "the largest context of a reply"});
    visit("top_k", self.top_k,
          Field{.min = 1, .max = 50, .help = "hits of a query that does not say how many"});
    visit("expansion", self.expansion,
          Field{.help = "whether a query is searched by related words, too",
                .variable = "ENABLE_ENHANCED_RAG"});
    visit(
        "encoder", self.encoder,
        Field{.help = "the file of the sentence encoder's weights; empty: that beside the program, "
                      "without it words alone are searched"});
    visit("meaning_chunks", self.meaning_chunks,
          Field{.min = 0,
                .max = 1'000'000,
                .help = "the largest collection that is searched by meaning, too; others by words "
                        "alone; 0: all"});
    visit(
        "meaning_kib", self.meaning_kib,
        Field{.min = 0,
              .max = 16'777'216,
              .help = "memory for sentences' vectors, about 0.5 KiB each; a collection that finds "
                      "no room is searched by words alone"});
    visit("readers", self.readers, Field{.min = 1, .max = 64, .help = "queries at the same time"});
    visit("cache_kib", self.cache_kib,
          Field{.min = 64, .max = 1'048'576, .help = "pages kept by the writer and each reader"});
    visit("results_kib", self.results_kib,
          Field{.min = 0, .max = 1'048'576, .help = "memory for the replies to queries"});
    visit("results_ttl_ms", self.results_ttl_ms,
          Field{.min = 1, .max = 86'400'000, .help = "how long a reply is kept"});
  }
};

}  // namespace retriever
