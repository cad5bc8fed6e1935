#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crawler/extractor.h"
#include "crawler/fetcher.h"
#include "crawler/folder.h"
#include "crawler/library.h"
#include "crawler/manners.h"
#include "crawler/pacer.h"
#include "crawler/queue.h"
#include "retry/policy.h"

namespace crawler {

// What a worker works with. All must outlive it; each is thread-safe.
struct Tools {
  Queue& queue;
  Library& library;
  Fetcher& fetcher;
  Manners& manners;
  Pacer& pacer;
  Extractor& extractor;
  const Roots& roots;
};

// How many pieces ended in which way, for the metrics.
using OnEnding = std::function<void(Task task, Ending::Kind kind)>;

// Threads that take pieces from the queue and do them, until the end.
class Crew {
 public:
  struct Options {
    int threads = 2;
    std::size_t page_bytes_max = 8UL * 1024 * 1024;
    std::size_t file_bytes_max = 16UL * 1024 * 1024;
    WalkLimits walk;
    retry::Policy retry{5, Milliseconds(2'000), 4.0, Milliseconds(600'000), true};
    Milliseconds library_retry{1'000};  // while the retriever is away
  };
  Crew(Options options, const Tools& tools, OnEnding on_ending);

 private:
  void work(const std::stop_token& stop, std::uint64_t seed);
  void settle(const Item& item, Result<Ending> outcome, Random& random,
              const std::stop_token& stop);
  Result<Ending> perform(const Item& item, const std::stop_token& stop);
  Result<Ending> page(const Item& item, const std::stop_token& stop);
  Result<Ending> read_page(const Item& item, Fetched fetched);
  Result<Ending> give_page(const Item& item, const Fetched& fetched, const Extracted& page);
  Result<Ending> file(const Item& item);
  Result<Ending> folder(const Item& item);
  Result<Ending> skip(const Source& source, std::string reason);
  Result<std::optional<Delivered>> known(const Item& item, const Source& source);
  Result<Ending> give(const Item& item, const Source& source, const Content& content,
                      const std::optional<Delivered>& before);

  const Options options_;
  const Tools tools_;
  const OnEnding on_ending_;
  std::vector<std::jthread> threads_;  // last: they use all of the above
};

// SHA-256 of a source's bytes or text and of what else goes into its documents.
std::string print_of(std::string_view bytes, std::string_view title, std::string_view metadata);

}  // namespace crawler
