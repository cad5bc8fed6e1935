#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"

// Discord's transport compression "zlib-stream" (RFC 1950 and 1951): all messages of one connection
// are one zlib stream, each ended by a sync flush, whose last bytes are 00 00 FF FF. Not
// thread-safe; one object for each connection and direction.
namespace discord {

// The sender's side, some 260 KB of memory.
class Deflater {
 public:
  Deflater();
  ~Deflater();
  Deflater(Deflater&&) noexcept;
  Deflater& operator=(Deflater&&) noexcept;

  // The bytes that carry `message`, to be sent as binary frames, in order and complete.
  std::string push(std::string_view message);

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

// The receiver's side.
class Inflater {
 public:
  // `message_bytes`: of one message, before and after inflation.
  explicit Inflater(std::size_t message_bytes = 4 * limits::kBodyBytes);
  ~Inflater();
  Inflater(Inflater&&) noexcept;
  Inflater& operator=(Inflater&&) noexcept;

  // Takes one binary frame. The message when it ends here, nothing when more has to come. TooLarge,
  // or DataLoss when this is no zlib stream: the connection is of no use any more.
  Result<std::optional<std::string>> feed(std::string_view bytes);

 private:
  struct Stream;
  std::size_t message_bytes_;
  std::string pending_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace discord
