#include "base/line.h"

#include "base/utf8.h"

std::string one_line(std::string_view text) {
  std::string line = utf8_repaired(text);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return line;
}
