#pragma once

#include "base/fields.h"

namespace tiny {

struct Config {
  static constexpr int kPort = 6099;

  int step = 1;

  static void fields(auto& self, auto&& visit) {
    visit("step", self.step, Field{.min = 1, .max = 100, .help = "what one call counts"});
  }
};

}  // namespace tiny
