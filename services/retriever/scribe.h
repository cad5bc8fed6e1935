#pragma once

#include <span>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "retriever/index.h"
#include "retriever/meaning.h"

namespace retriever {

// Makes the vectors of chunks that have none, the newest first, and keeps them in the index: some
// 1 ms a sentence, so that whoever adds a document does not wait for it, and what a kill
// interrupts is made after the next start. What is kept it shows to Meaning. One thread.
class Scribe {
 public:
  // Both must outlive it.
  Scribe(Index& index, Meaning& meaning) : index_(index), meaning_(meaning) {}

  // Looks at every collection, then at each that changes, until it is stopped, which it notices
  // after each sentence. What fails is tried again.
  void run(const std::stop_token& stop);

  // Until nothing is left to do, and has not been for so long, or it is stopped.
  Result<void> catch_up(const std::stop_token& stop = {}, Milliseconds idle = Milliseconds(0));

 private:
  Result<void> list();
  Result<void> write(const std::string& collection, const std::stop_token& stop);
  Result<bool> write(const std::string& collection, std::span<const std::int64_t> chunks,
                     const std::stop_token& stop);

  Index& index_;
  Meaning& meaning_;
  bool listed_ = false;
  std::size_t sentences_made_ = 0;
};

}  // namespace retriever
