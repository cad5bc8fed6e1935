#pragma once

#include <span>
#include <string_view>

namespace characters {

// A file of the cast that comes with the program. The bytes are part of the executable (embed.cmake
// writes shipped_cast() from the folder cast/), so an installed program needs no data files.
struct ShippedFile {
  std::string_view name;
  std::string_view text;
};

std::span<const ShippedFile> shipped_cast();

}  // namespace characters
