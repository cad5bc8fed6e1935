#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

// Digests, encodings and secrets. Bytes travel in strings. All functions are pure or draw from the
// kernel; thread-safe.
namespace crypto {

// FIPS 180-4: 32 bytes.
std::string sha256(std::string_view bytes);
// RFC 2104 with SHA-256: 32 bytes.
std::string hmac_sha256(std::string_view key, std::string_view bytes);

// Lower case.
std::string hex(std::string_view bytes);
// InvalidArgument unless `text` is pairs of hexadecimal digits, in either case.
Result<std::string> from_hex(std::string_view text);

// RFC 4648: section 4 with padding, section 5 (for URLs and file names) without.
std::string base64(std::string_view bytes);
std::string base64url(std::string_view bytes);
// InvalidArgument unless `text` is what the encoder above would have written: no white space, no
// missing or superfluous padding, no stray bits at the end. So a value has one spelling only.
Result<std::string> from_base64(std::string_view text);
Result<std::string> from_base64url(std::string_view text);

// From the kernel's generator.
std::string random_bytes(std::size_t count);
// `bytes` random bytes as base64url: for keys and ids that nobody may guess.
std::string random_token(std::size_t bytes = 32);

// Whether both are the same, in a time that depends on their lengths only.
bool equal(std::string_view left, std::string_view right);

}  // namespace crypto
