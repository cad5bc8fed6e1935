#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hub {

struct File {
  int index = 0;  // n of files[n]
  std::string name;
  std::string bytes;
};

struct Parts {
  std::string payload_json;
  std::vector<File> files;
};

inline constexpr std::size_t kFilesMax = 10;

// The boundary of a Content-Type of multipart/form-data; nothing for any other type.
std::optional<std::string> boundary_of(std::string_view content_type);
// Reads a body (RFC 7578) of at most kFilesMax files beside payload_json; other parts are passed
// over. InvalidArgument says what is wrong. A file's name is one that a file may have anywhere.
Result<Parts> read_multipart(std::string_view body, std::string_view boundary);

}  // namespace hub
