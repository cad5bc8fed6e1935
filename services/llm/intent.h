#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/fields.h"

// What kind of answer a prompt wants, told from its text alone and without a model, so that "auto"
// can choose one. A multinomial logistic regression over the presence of hashed features (words,
// pairs of words, character 3- to 5-grams) and a few of the text's shape; bench/fit_intent.py fits
// the weights to bench/data/intents_tuning.jsonl. Pure; thread-safe.
namespace llm {

// Quick: a short fact or a small transformation. Chat: small talk, play, moods. Quality: reasoning
// and careful writing. Code: programs and the machines they run on.
enum class PromptIntent { Quick, Chat, Quality, Code };

inline constexpr std::size_t kIntents = 4;

constexpr auto enum_names(PromptIntent) {
  return EnumNames<PromptIntent, kIntents>{{{PromptIntent::Quick, "quick"},
                                            {PromptIntent::Chat, "chat"},
                                            {PromptIntent::Quality, "quality"},
                                            {PromptIntent::Code, "code"}}};
}

struct Guess {
  PromptIntent intent = PromptIntent::Chat;
  double confidence = 0;  // the probability that the model gives it, 0 to 1
};

// Of the last thing that a person said. Reads its first 4 KB and its last 1 KB: a prompt's order
// stands before or behind what it is about.
Guess intent_of(std::string_view last_user_text);

// What the classifier sees of a text; the trainer reads the same.
struct IntentFeatures {
  static constexpr std::size_t kBuckets = 1 << 13;
  static constexpr std::size_t kShapes = 28;

  std::bitset<kBuckets> seen;
  std::vector<std::uint16_t> buckets;  // those seen, each once
  std::array<float, kShapes> shape{};  // each about 0 to 1; the last is always 1

  void add(std::size_t bucket) {
    if (seen[bucket]) return;
    seen.set(bucket);
    buckets.push_back(static_cast<std::uint16_t>(bucket));
  }
};

IntentFeatures intent_features(std::string_view last_user_text);

}  // namespace llm
