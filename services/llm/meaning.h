#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fields.h"
#include "llm/gatekeeper.h"
#include "llm/semantic_cache.h"
#include "llm/talk.h"

// Which chats may be answered by what was said to the same question in other words, and how that
// is looked for. The settings, and what of a chat the semantic cache goes by. Pure.
namespace llm {

struct SemanticSettings {
  bool on = false;                  // for keys whose entry does not say
  std::vector<std::string> models;  // patterns: asked at any temperature, else only at 0
  std::string embed_model;          // of a provider; empty: the built-in embedding
  double threshold = 0;             // the least similarity; 0: what suits the embedding
  int embed_timeout_ms = 300;       // then it is asked as if there were no such cache
  int kib = 16 * 1024;

  static void fields(auto& self, auto&& visit) {
    visit("on", self.on, Field{.defaulted = true});
    visit("models", self.models,
          Field{.bytes_min = 1, .bytes_max = 128, .items_max = 64, .defaulted = true});
    visit("embed_model", self.embed_model, Field{.bytes_max = 128, .defaulted = true});
    visit("threshold", self.threshold, Field{.min = 0, .max = 1, .defaulted = true});
    visit("embed_timeout_ms", self.embed_timeout_ms,
          Field{.min = 1, .max = 60'000, .defaulted = true});
    visit("kib", self.kib, Field{.min = 1, .max = 1024 * 1024, .defaulted = true});
  }
  friend bool operator==(const SemanticSettings&, const SemanticSettings&) = default;
};

std::shared_ptr<SemanticCache> make_semantic_cache(const SemanticSettings& settings);

// Whether the key's chats are looked for by their meaning.
bool wants_meaning(const SemanticSettings& settings, const Account* account);

// A question, and all that its answer depends on beside it.
struct Meaning {
  std::string tenant;
  std::string settings;
  std::string text;
  std::vector<float> embedding = {};  // empty until it is known

  SemanticCache::Ask ask() const { return {tenant, settings, text, embedding}; }
};

// Nothing when the chat has to be answered by itself: with a seed, at a temperature, or where the
// last that was said is not one text of the user's.
std::optional<Meaning> meaning_of(const talk::ChatAsk& ask, std::string_view tenant,
                                  const SemanticSettings& settings);

}  // namespace llm
