#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

// Base 64 with padding (RFC 4648 section 4), as cards are written into pictures.
namespace characters {

std::string base64(std::string_view bytes);

// Line breaks and spaces between the digits are skipped; all else that is no base 64 is refused.
Result<std::string> base64_decoded(std::string_view text);

}  // namespace characters
