#pragma once

#include <string>

#include "base/fields.h"

namespace characters {

struct Config {
  static constexpr int kPort = 6006;

  std::string folder;
  int poll_ms = 1000;
  int delivery_timeout_ms = 5000;

  static void fields(auto& self, auto&& visit) {
    visit("folder", self.folder,
          Field{.bytes_max = 1000, .help = "the card folder; empty: <data>/characters"});
    visit("poll_ms", self.poll_ms,
          Field{.min = 10, .max = 60'000, .help = "how often the card folder is looked at"});
    visit("delivery_timeout_ms", self.delivery_timeout_ms,
          Field{.min = 100, .max = 60'000, .help = "how long the retriever may take for a file"});
  }
};

}  // namespace characters
