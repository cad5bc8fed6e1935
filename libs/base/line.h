#pragma once

#include <string>
#include <string_view>

// `text` as one line that a terminal may show, whatever somebody put in: ill-formed UTF-8 is
// repaired, control characters are blanks.
std::string one_line(std::string_view text);
