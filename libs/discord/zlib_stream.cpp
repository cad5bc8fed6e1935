#include "discord/zlib_stream.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <new>

namespace discord {
namespace {

constexpr std::string_view kFlushed("\x00\x00\xff\xff", 4);
constexpr std::size_t kStepBytes = 16 * 1024;

// zlib reads what it is given and changes nothing, but its interface came before const.
Bytef* input_of(std::string_view bytes) {
  return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
}

// Room for one step at the end of `out`.
void give_room(z_stream& zlib, std::string& out) {
  const std::size_t old = out.size();
  out.resize(old + kStepBytes);
  zlib.next_out = reinterpret_cast<Bytef*>(out.data() + old);
  zlib.avail_out = kStepBytes;
}

}  // namespace

struct Deflater::Stream {
  Stream() {
    if (deflateInit(&zlib, Z_DEFAULT_COMPRESSION) != Z_OK) throw std::bad_alloc();
  }
  ~Stream() { deflateEnd(&zlib); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  z_stream zlib{};
};

Deflater::Deflater() : stream_(std::make_unique<Stream>()) {}
Deflater::~Deflater() = default;
Deflater::Deflater(Deflater&&) noexcept = default;
Deflater& Deflater::operator=(Deflater&&) noexcept = default;

std::string Deflater::push(std::string_view message) {
  z_stream& zlib = stream_->zlib;
  std::string out;
  zlib.next_in = input_of(message);
  zlib.avail_in = static_cast<uInt>(message.size());
  // Done when zlib leaves room (zlib.h on deflate). A message whose output ends just where the room
  // does is flushed twice, which harms nobody.
  do {
    give_room(zlib, out);
    deflate(&zlib, Z_SYNC_FLUSH);
    out.resize(out.size() - zlib.avail_out);
  } while (zlib.avail_out == 0);
  return out;
}

struct Inflater::Stream {
  Stream() {
    if (inflateInit(&zlib) != Z_OK) throw std::bad_alloc();
  }
  ~Stream() { inflateEnd(&zlib); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  z_stream zlib{};
};

Inflater::Inflater(std::size_t message_bytes)
    : message_bytes_(message_bytes), stream_(std::make_unique<Stream>()) {}
Inflater::~Inflater() = default;
Inflater::Inflater(Inflater&&) noexcept = default;
Inflater& Inflater::operator=(Inflater&&) noexcept = default;

Result<std::optional<std::string>> Inflater::feed(std::string_view bytes) {
  // An input after an error would be read in the wrong state.
  if (stream_ == nullptr) return Error{Code::DataLoss, "the zlib stream is broken already"};
  const auto broken = [this](Code code, std::string why) {
    stream_.reset();
    pending_.clear();
    return Error{code, std::move(why)};
  };
  if (pending_.size() + bytes.size() > message_bytes_) {
    return broken(Code::TooLarge, fmt::format("a message of over {} bytes", message_bytes_));
  }
  pending_.append(bytes);
  if (!pending_.ends_with(kFlushed)) return std::optional<std::string>{};
  z_stream& zlib = stream_->zlib;
  zlib.next_in = input_of(pending_);
  zlib.avail_in = static_cast<uInt>(pending_.size());
  std::string message;
  do {
    give_room(zlib, message);
    const int state = inflate(&zlib, Z_SYNC_FLUSH);
    message.resize(message.size() - zlib.avail_out);
    // Z_BUF_ERROR: all was out already when the last room was filled to its end.
    if (state != Z_OK && state != Z_BUF_ERROR) {
      return broken(Code::DataLoss, zlib.msg != nullptr ? zlib.msg : "the zlib stream has ended");
    }
    if (message.size() > message_bytes_) {
      return broken(Code::TooLarge,
                    fmt::format("a message that inflates to over {} bytes", message_bytes_));
    }
  } while (zlib.avail_out == 0);
  pending_.clear();
  return std::optional(std::move(message));
}

}  // namespace discord
