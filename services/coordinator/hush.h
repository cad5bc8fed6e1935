#pragma once

#include <cstddef>

#include "coordinator/reading.h"

namespace coordinator {

// Whether the sentence from word `begin` to word `end` asks somebody to be quiet.
bool hushes(const Reading& reading, std::size_t begin, std::size_t end);

}  // namespace coordinator
