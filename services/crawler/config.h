#pragma once

#include <string>

#include "base/fields.h"

namespace crawler {

struct Config {
  static constexpr int kPort = 6009;

  std::string roots;
  std::string allow_private;
  std::string user_agent = "TroupeBot/0.1";
  std::string ca_file;
  int crawlers = 2;
  int pace_ms = 1'000;
  int crawl_delay_max_ms = 30'000;
  int fetch_timeout_ms = 30'000;
  int page_kib = 8 * 1024;
  int file_kib = 16 * 1024;
  int files_max = 10'000;
  int attempts = 5;
  int retry_base_ms = 2'000;
  std::string extract_program;
  int extract_timeout_ms = 20'000;
  int lease_ms = 300'000;

  static void fields(auto& self, auto&& visit) {
    visit("roots", self.roots,
          Field{.bytes_max = 4000,
                .help = "folders that may be read, with colons; empty: DATA/knowledge"});
    visit("allow_private", self.allow_private,
          Field{.bytes_max = 4000,
                .help = "host:port, with commas: places fetched from though not public"});
    visit("user_agent", self.user_agent,
          Field{.bytes_min = 1,
                .bytes_max = 200,
                .help = "what it calls itself; the word in front is what robots.txt may name"});
    visit("ca_file", self.ca_file,
          Field{.bytes_max = 1000, .help = "PEM trusted instead of the system's authorities"});
    visit("crawlers", self.crawlers,
          Field{.min = 1, .max = 32, .help = "pages and files that are read at the same time"});
    visit("pace_ms", self.pace_ms,
          Field{.min = 0, .max = 600'000, .help = "between two requests to a site"});
    visit("crawl_delay_max_ms", self.crawl_delay_max_ms,
          Field{.min = 0, .max = 600'000, .help = "the most that a robots.txt can ask for"});
    visit("fetch_timeout_ms", self.fetch_timeout_ms,
          Field{.min = 10,
                .max = 600'000,
                .help = "for a page and its redirects, waits between them aside"});
    visit("page_kib", self.page_kib, Field{.min = 1, .max = 65'536, .help = "the largest page"});
    visit("file_kib", self.file_kib,
          Field{.min = 1, .max = 65'536, .help = "the largest file or upload"});
    visit("files_max", self.files_max,
          Field{.min = 1, .max = 100'000, .help = "files that are read of one folder"});
    visit("attempts", self.attempts,
          Field{.min = 1, .max = 20, .help = "tries before a page or file is given up"});
    visit("retry_base_ms", self.retry_base_ms,
          Field{.min = 1, .max = 600'000, .help = "before the second try; fourfold each time"});
    visit("extract_program", self.extract_program,
          Field{.bytes_max = 1000, .help = "what reads HTML and PDF; empty: beside this program"});
    visit("extract_timeout_ms", self.extract_timeout_ms,
          Field{.min = 10, .max = 600'000, .help = "for reading one page or file"});
    visit("lease_ms", self.lease_ms,
          Field{.min = 1'000,
                .max = 86'400'000,
                .help = "after which a page or file that never ended is begun again"});
  }
};

}  // namespace crawler
