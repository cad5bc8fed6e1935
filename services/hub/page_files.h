#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/http.h"

namespace hub {

// The page's files, read and compressed at the start and served from memory. Nothing of the page
// comes from elsewhere, and its policy lets it ask nobody else. Const and thread-safe.
class PageFiles {
 public:
  // Without such a directory there is no page, which `/` then says. TooLarge over 16 MiB.
  static Result<PageFiles> read(const std::string& directory);

  bool empty() const { return files_.empty(); }
  http::Response serve(const http::Request& request) const;

 private:
  struct Asset {
    std::string type;
    std::string etag;
    std::string bytes;
    std::string zipped;  // empty where that is no smaller
  };
  std::map<std::string, Asset, std::less<>> files_;  // by path
};

}  // namespace hub
