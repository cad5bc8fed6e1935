#pragma once

#include "base/result.h"
#include "troupe/options.h"
#include "troupe/transcript.h"
#include "troupe/world.h"

namespace troupe {

// Says what is missing, what would keep a character silent, and the command that mends it; with a
// stack that runs and without one. 1 when there is something to mend, else 0. `program` is the path
// of this executable; the others lie beside it.
Result<int> doctor(const Options& options, const std::string& program, const World& world,
                   Style style);

}  // namespace troupe
