#pragma once

#include <cstddef>
#include <semaphore>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "crawler/extracted.h"
#include "crawler/text.h"

namespace crawler {

// Turns bodies into text. What needs a large parser for a hostile format (HTML, PDF) is read by
// another program, troupe's `crawler-extract`, a process for each body with limits on memory, CPU,
// files and time: a body that breaks it costs that body, not the service, and an idle crawler holds
// neither library. `crawler-extract html|pdf [CHARSET]` reads a body from stdin and writes an
// Extracted as JSON to stdout; it exits with 0, or with 3 and the reason on stderr. Thread-safe.
class Extractor {
 public:
  struct Options {
    std::string program;  // path of crawler-extract
    Milliseconds timeout{20'000};
    std::ptrdiff_t processes = 2;  // at the same time; more wait, as long as timeout
  };
  explicit Extractor(Options options);

  // InvalidArgument: why there is no text in it. Of what there is in it nothing is known by
  // Unavailable (it could not be tried, or the reader broke down: a machine short of memory ends
  // readers too), DeadlineExceeded and Overloaded.
  // `name` is the title of a text that has none; `charset` may be empty.
  Result<Extracted> read(Format format, std::string_view bytes, const std::string& charset,
                         std::string_view name);

 private:
  Result<Extracted> run(const std::string& format, std::string_view bytes,
                        const std::string& charset);

  const Options options_;
  std::counting_semaphore<> free_;
};

}  // namespace crawler
