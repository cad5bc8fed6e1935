#pragma once

#include <optional>
#include <string>
#include <string_view>

// What must never be indexed, because whoever asks the cast would read it. Pure.
namespace crawler {

// Why a file of this name is left alone: "hidden", "may hold credentials".
std::optional<std::string> secret_name(std::string_view file_name);

// What in `text` looks like a key: "a private key", "an AWS access key", ... Never the key itself.
std::optional<std::string> secret_in(std::string_view text);

}  // namespace crawler
