#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "llm/understudy_scene.h"
#include "llm/understudy_words.h"

// What kind of line it is that wants an answer. Pure; thread-safe.
namespace llm::understudy {

enum class Intent {
  Greeting,
  Farewell,
  Thanks,
  HowAreYou,
  WhoAreYou,
  Sad,  // somebody tells of a bad day or a loss
  Insult,
  Compliment,
  Ask,      // a question about a fact
  Opinion,  // a question for what he thinks of something
  AboutOther,
  Told,
  Banter,  // another character's line
};

// A thing that a line may be about.
struct Topic {
  std::string text;  // as it stands in a sentence
  std::uint64_t meaning = 0;
  int score = 0;  // 3 and above: surely a thing, it has an article or the like
};

struct Reading {
  Intent intent = Intent::Told;
  bool asks = false;               // a question, whoever put it
  const Other* speaker = nullptr;  // the character that said it, if one did
  const Other* about = nullptr;    // another character that it mentions
  std::vector<Token> tokens;       // of the line
  std::vector<Topic> topics;       // what it may be about, the likeliest first
};

// The views in the result point into the scene.
Reading read_line(const Scene& scene);

}  // namespace llm::understudy
