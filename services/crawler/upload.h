#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "contracts/crawler.h"
#include "crawler/extractor.h"
#include "crawler/library.h"
#include "http/http.h"

namespace crawler {

// A file that came in a request.
struct UploadedFile {
  std::string name;
  std::string collection;
  std::string_view bytes;  // of the request's body
};

// The file of a request: its body with the name from the query, or the part `file` of a form, whose
// part `collection` then counts (RFC 7578). InvalidArgument says what is wrong with it.
Result<UploadedFile> file_of(const http::Request& request);

// Brings a file into its collection; another of the same name takes its place. InvalidArgument: it
// cannot be read, and why; PermissionDenied: it holds a secret.
Result<contracts::Uploaded> take_upload(const UploadedFile& file, Extractor& extractor,
                                        Library& library);

}  // namespace crawler
