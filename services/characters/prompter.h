#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cache/cache.h"
#include "characters/library.h"
#include "characters/lore.h"
#include "characters/prompt.h"
#include "contracts/characters.h"

namespace characters {

// Makes prompts and previews of a cast. Prompts are kept under
// char_config:{character}:{topic_hash}, where the hash covers the cast, the lore that the talk
// calls up, the seed and the user: all that a prompt depends on. Thread-safe.
class Prompter {
 public:
  struct Options {
    LoreLimits lore{};
    Milliseconds ttl{24 * 3600 * 1000};
  };
  // `cache` must outlive this.
  Prompter(cache::Cache& cache, Options options) : cache_(cache), options_(options) {}

  Result<contracts::Prompt> prompt(const Cast& cast, const contracts::PromptRequest& request) const;

  // The messages that the router would send for its first draft, were this the talk and the
  // knowledge found.
  Result<contracts::Preview> preview(const Cast& cast,
                                     const contracts::PreviewRequest& request) const;

 private:
  Staging staging(const Card& card, const contracts::PromptRequest& request) const;
  contracts::Prompt cached(const Cast& cast, const Card& card, const Staging& staging) const;

  cache::Cache& cache_;
  const Options options_;
};

}  // namespace characters
