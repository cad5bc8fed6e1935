#pragma once

#include <string>

#include "base/fields.h"

namespace characters {

struct Config {
  static constexpr int kPort = 6006;

  std::string folder;
  int poll_ms = 1000;
  int delivery_timeout_ms = 5000;
  int versions_max = 20;
  int upload_kib = 8 * 1024;
  int lore_scan_depth = 8;
  int lore_tokens = 1024;
  int context_tokens = 4096;
  int cache_kib = 2048;

  static void fields(auto& self, auto&& visit) {
    visit("folder", self.folder,
          Field{.bytes_max = 1000, .help = "the card folder; empty: <data>/characters"});
    visit("poll_ms", self.poll_ms,
          Field{.min = 10, .max = 60'000, .help = "how often the card folder is looked at"});
    visit("delivery_timeout_ms", self.delivery_timeout_ms,
          Field{.min = 100, .max = 60'000, .help = "how long the retriever may take for a file"});
    visit("versions_max", self.versions_max,
          Field{.min = 1, .max = 1000, .help = "accepted cards kept of each character"});
    visit("upload_kib", self.upload_kib,
          Field{.min = 64, .max = 65'536, .help = "size of an imported picture or archive"});
    visit("lore_scan_depth", self.lore_scan_depth,
          Field{.min = 0, .max = 64, .help = "lines looked at for lorebook keys, by default"});
    visit("lore_tokens", self.lore_tokens,
          Field{.min = 0, .max = 4096, .help = "tokens that a lorebook may add to a prompt"});
    visit("context_tokens", self.context_tokens,
          Field{.min = 512, .max = 1e7, .help = "context of the smallest model, for lint"});
    visit("cache_kib", self.cache_kib,
          Field{.min = 64, .max = 1'048'576, .help = "memory for prompts that were made before"});
  }
};

}  // namespace characters
