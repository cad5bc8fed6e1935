#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/http.h"
#include "hub/snowflake.h"

namespace hub {

// Files that people posted, one each under a folder, named by their ids. What a URL shows is
// signed, as Discord's are: who was not told of a file cannot guess where it is. Thread-safe;
// keep() and serve() do I/O.
class Attachments {
 public:
  struct Options {
    std::string folder;
    std::string key;             // of the signatures
    std::int64_t bytes_max = 0;  // of all files
  };
  static Result<std::unique_ptr<Attachments>> open(Options options);

  // Overloaded when there is no room left.
  Result<void> keep(Snowflake id, std::string_view bytes);
  void forget(Snowflake id);
  // At the start: forgets whatever is none of these, left by a crash between file and message.
  void sweep(std::vector<Snowflake> known);
  // "/attachments/{channel}/{id}/{name}?hm=..."
  std::string path_of(Snowflake channel, Snowflake id, std::string_view name) const;
  // An image is shown, all else is a download, and nothing in it may run.
  http::Response serve(Snowflake channel, Snowflake id, std::string_view name,
                       std::string_view signature) const;

 private:
  explicit Attachments(Options options) : options_(std::move(options)) {}
  std::string file_of(Snowflake id) const;
  std::string signature(Snowflake channel, Snowflake id, std::string_view name) const;

  Options options_;
  std::atomic<std::int64_t> bytes_{0};
};

// By its first bytes: image/png, jpeg, gif or webp; else application/octet-stream.
std::string_view content_type_of(std::string_view bytes);

}  // namespace hub
