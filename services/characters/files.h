#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

// Whole files. Failures of the disk are Unavailable and name the path.
namespace characters {

Error file_error(std::string_view what, const std::filesystem::path& path, std::string_view why);

Result<std::string> read_file(const std::filesystem::path& path, std::size_t bytes_max);

// Replaces `path` by way of a draft beside it: after a crash at any moment the file is the old or
// the new one, and once this returns it is the new one, on disk. One writer of a path at a time.
Result<void> write_file(const std::filesystem::path& path, std::string_view bytes);

// Makes what was renamed or removed in `folder` last.
Result<void> sync_folder(const std::filesystem::path& folder);

}  // namespace characters
