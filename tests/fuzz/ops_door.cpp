#include "fuzz/door.h"
#include "ops_http/ops_http.h"

// Any bytes to an operator's door: it answers HTTP and nothing else, its handler sees nothing over
// the limits, and it stays open.

fuzz::Corpus fuzz::corpus() { return door_corpus(); }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto server = ops_http::listen(fuzz::door_options(), fuzz::echo);
  fuzz::require(server.ok(), "there is a door");
  const std::string text = std::string(fuzz::text_of(data, size)) + fuzz::ending();
  const auto heard = fuzz::statuses(fuzz::exchange(server.value()->port(), {text}));
  if (!heard.empty() && heard.front() == 200) fuzz::keep();
  return 0;
}
