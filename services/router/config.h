#pragma once

#include "base/fields.h"

namespace router {

struct Config {
  static constexpr int kPort = 6005;

  int attempts_max = 10;
  double deadline_ms = 20'000;
  double floor = 30;
  int knowledge_hits = 5;
  int turns_max = 1000;
  int follow_up_after_ms = 250;
  int hints_ttl_ms = 900'000;
  int retention_days = 30;

  static void fields(auto& self, auto&& visit) {
    visit("attempts_max", self.attempts_max,
          Field{.min = 1, .max = 10, .help = "drafts of one turn"});
    visit("deadline_ms", self.deadline_ms,
          Field{.min = 100, .max = 600'000, .help = "from trigger to line said"});
    visit(
        "floor", self.floor,
        Field{.min = 0, .max = 100, .help = "least score of a best draft that is said at the end"});
    visit("knowledge_hits", self.knowledge_hits,
          Field{.min = 1, .max = 20, .help = "chunks of knowledge in a prompt"});
    visit("turns_max", self.turns_max, Field{.min = 1, .max = 100'000, .help = "turns under way"});
    visit("follow_up_after_ms", self.follow_up_after_ms,
          Field{.min = 0, .max = 60'000, .help = "silence before a character may join in"});
    visit("hints_ttl_ms", self.hints_ttl_ms,
          Field{.min = 1000, .max = 86'400'000, .help = "how long hints of tuning are kept"});
    visit("retention_days", self.retention_days,
          Field{.min = 1, .max = 3650, .help = "how long turn records are kept"});
  }
};

}  // namespace router
