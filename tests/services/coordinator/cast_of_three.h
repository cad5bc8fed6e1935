#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "contracts/characters.h"
#include "contracts/coordinator.h"

namespace coordinator {

inline contracts::Character character(std::string id, double talkativeness = 0.5,
                                      std::map<std::string, double> topics = {},
                                      std::vector<std::string> aliases = {}) {
  contracts::Character made;
  made.id = id;
  made.name = std::move(id);
  made.talkativeness = talkativeness;
  made.topics = std::move(topics);
  made.aliases = std::move(aliases);
  return made;
}

inline std::vector<contracts::Character> cast_of_three() {
  auto peter = character("peter", 0.7,
                         {{"beer", 1.0}, {"tv", 0.8}, {"food", 0.8}, {"work", 0.5}, {"party", 0.9}},
                         {"pete", "fat man"});
  peter.name = "Peter Griffin";
  auto brian = character("brian", 0.5,
                         {{"novel", 1.0},
                          {"books", 0.9},
                          {"jazz", 0.9},
                          {"wine", 0.7},
                          {"beer", 0.6},
                          {"politics", 0.8},
                          {"writing", 1.0}});
  brian.name = "Brian";
  auto stewie = character("stewie", 0.6,
                          {{"time machine", 1.0},
                           {"science", 0.9},
                           {"plan", 0.8},
                           {"world", 0.7},
                           {"toys", 0.6},
                           {"tv", 0.4}});
  stewie.name = "Stewie";
  return {peter, brian, stewie};
}

inline contracts::Line person(std::string text, std::optional<std::string> reply_to = {}) {
  return {"ann", std::move(text), contracts::Kind::Human, std::move(reply_to)};
}

inline contracts::Line bot(std::string author, std::string text) {
  return {std::move(author), std::move(text), contracts::Kind::Bot, std::nullopt};
}

}  // namespace coordinator
