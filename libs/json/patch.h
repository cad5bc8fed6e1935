#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace json {

// `target` as a JSON Merge Patch changes it (RFC 7396): what the patch names takes the place of
// what was there, member by member, and null removes it. InvalidArgument when one is not JSON.
Result<std::string> patched(std::string_view target, std::string_view patch);

}  // namespace json
