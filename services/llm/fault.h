#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

// What the failure of one attempt says, and about whom. Pure.
namespace llm {

// Whose fault it is: only the provider's own count against it; with a refused key it is not asked
// again at all until it lists its models to that key, or shows that it lists none to anybody.
enum class Blame { Provider, Nobody, Key };

struct Failure {
  Error error;
  Blame blame = Blame::Provider;
  Milliseconds pause{0};  // the provider wants to be left alone for so long
  bool no_room = false;   // for nobody: an overload of its own, not a limit of whoever asks
};

// Of a failure below HTTP, or one that was told in the answer.
Failure failure_of(Error error);

// Of an HTTP status that is not 200, when `model` was asked for, if any; `body` is the first of
// what came with it, `retry_after` the header (RFC 9110 section 10.2.3; only seconds are
// understood, and at most a minute is granted).
Failure failure_of_status(int status, std::string_view retry_after, std::string_view body,
                          std::string_view model);

// `text` without `key`, which providers like to repeat, and at most 200 bytes of it.
std::string without_key(std::string text, std::string_view key);

}  // namespace llm
