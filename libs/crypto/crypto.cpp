// The plain functions rather than EVP: those look a provider up and bring up the whole library,
// which costs a process memory and each digest a microsecond.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "crypto/crypto.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <sys/random.h>

#include <algorithm>
#include <stdexcept>

namespace crypto {
namespace {

constexpr std::size_t kBlockBytes = 64;

// The digest of two pieces, one after the other.
std::string digest(std::string_view first, std::string_view second) {
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, first.data(), first.size());
  SHA256_Update(&context, second.data(), second.size());
  std::string bytes(SHA256_DIGEST_LENGTH, '\0');
  SHA256_Final(reinterpret_cast<unsigned char*>(bytes.data()), &context);
  return bytes;
}

std::string padded(std::string_view key, char pad) {
  std::string block(kBlockBytes, pad);
  for (std::size_t i = 0; i < key.size(); ++i) {
    block[i] = static_cast<char>(static_cast<unsigned char>(block[i]) ^
                                 static_cast<unsigned char>(key[i]));
  }
  return block;
}

}  // namespace

std::string sha256(std::string_view bytes) { return digest(bytes, {}); }

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
  const std::string hashed = key.size() > kBlockBytes ? sha256(key) : std::string(key);
  return digest(padded(hashed, '\x5c'), digest(padded(hashed, '\x36'), bytes));
}

std::string random_bytes(std::size_t count) {
  // The kernel fills requests of up to this size in one piece.
  constexpr std::size_t kPiece = 256;
  std::string bytes(count, '\0');
  for (std::size_t at = 0; at < count; at += kPiece) {
    const std::size_t size = std::min(kPiece, count - at);
    if (getrandom(bytes.data() + at, size, 0) != static_cast<ssize_t>(size)) {
      throw std::runtime_error("getrandom gave no random bytes");
    }
  }
  return bytes;
}

std::string random_token(std::size_t bytes) { return base64url(random_bytes(bytes)); }

bool equal(std::string_view left, std::string_view right) {
  return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

}  // namespace crypto
