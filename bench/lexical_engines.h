#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lexical_data.h"

// The full-text engines that bench/lexical measures: ours and, of the same chunks in the same run,
// those of Debian.
namespace bench {

class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::string name() const = 0;
  // Chunks of ascending id from 0; commit() once, when all are there.
  virtual Result<void> add(const Chunk& chunk) = 0;
  virtual Result<void> commit() = 0;
  // Ids of the `k` best, best first.
  virtual Result<std::vector<std::uint64_t>> search(std::string_view question, std::size_t k) = 0;
};

// libs/lexical with all that it has: exact words, stems, pairs, repair of typing errors.
std::unique_ptr<Engine> full_engine();
// The same index asked for exact words alone, as the peers are.
std::unique_ptr<Engine> plain_engine();

struct Fts5Options {
  std::string tokenizer;
  double title_weight = 1;
};
// As it did best on the tuning part: no stems, a title worth four times.
inline const Fts5Options kFts5Best{"unicode61 remove_diacritics 2", 4};
// With stems; the other that people choose.
inline const Fts5Options kFts5Porter{"porter unicode61 remove_diacritics 2", 4};
Result<std::unique_ptr<Engine>> fts5_engine(const Fts5Options& options);

// Null where the build found no Xapian (Debian: libxapian-dev), or there is no temporary folder.
std::unique_ptr<Engine> xapian_engine();

}  // namespace bench
