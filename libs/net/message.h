#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "http/http.h"

// HTTP/1.1 messages as they come in (RFC 9112); pure text, no I/O.
namespace net {

enum class Fault {
  None,
  StartLine,  // not of the grammar
  Version,    // of another HTTP
  Field,      // a line of the head, or a trailer, is not of the grammar
  Framing,    // where the body ends has no answer, or two
  Chunk,
  LineTooLong,  // the start line
  HeadTooLong,  // head lines; or chunk extensions and trailers
  BodyTooLong,
};
std::string_view explain(Fault fault);

struct MessageHead {
  std::string method;  // of a request
  std::string target;
  int status = 0;    // of a response
  int version = 11;  // 10 or 11
  http::Headers headers;
  bool keep_alive = true;
  bool chunked = false;
  bool has_length = false;
  std::uint64_t length = 0;
};

// Reads one message after another from any split of their bytes. It looks at the bytes where they
// lie, takes whole lines and pieces of bodies, and leaves the rest with the caller, who shows it
// again with more behind it. Requests are read strictly: what leaves room for two readings is a
// fault (sections 6.1, 6.3, 11.2). Not thread-safe.
class MessageReader {
 public:
  enum class Kind { Request, Response };
  struct Limits {
    std::size_t head_bytes = 64 * 1024;  // of the head; and of chunk extensions and trailers
    std::uint64_t body_bytes = std::numeric_limits<std::uint64_t>::max();
  };
  MessageReader(Kind kind, Limits limits) : kind_(kind), limits_(limits) {}

  enum class Step {
    More,  // nothing can be said before more has come
    Head,  // head() is whole
    Body,  // `body` is the next piece of it
    End,   // the message is whole; the next one may begin
    Fault,
  };
  struct Taken {
    Step step = Step::More;
    std::size_t used = 0;  // bytes at the front that are done with
    std::string_view body = {};
  };
  // Call it until it wants more; after End, next() comes first.
  Taken take(std::string_view bytes);

  // Begins the next message. `None`: it answers a HEAD.
  enum class Body { Usual, None };
  void next(Body body = Body::Usual);

  MessageHead& head() { return head_; }
  Fault fault() const { return fault_; }
  // Whether anything of the message has come; whether its head has.
  bool begun() const { return state_ != State::Start || scanned_ > 0; }
  bool headed() const { return state_ >= State::Headed && state_ != State::Failed; }
  // Whether the end of the stream makes the message whole.
  bool whole_at_end() const { return state_ == State::UntilEnd; }

 private:
  enum class State {
    Start,
    Fields,
    Headed,  // and said so
    Length,
    UntilEnd,
    ChunkSize,
    ChunkData,
    ChunkEnd,
    Trailers,
    Done,
    Failed,
  };

  Taken failed(Fault fault);
  Taken take_head(std::string_view bytes);
  Taken take_body(std::string_view bytes);
  Taken take_piece(std::string_view bytes, std::size_t used);
  bool line(std::string_view bytes, std::size_t& used, std::string_view& text);
  Fault start_line(std::string_view text);
  Fault request_line(std::string_view text);
  Fault status_line(std::string_view text);
  Fault field(std::string_view text);
  void keep_field();
  Fault frame();
  Fault frame_by_length(std::string_view value);
  void connection_words(std::string_view list);
  Fault chunk_size(std::string_view text);
  Fault trailer(std::string_view text);
  State body_state() const;

  const Kind kind_;
  const Limits limits_;
  State state_ = State::Start;
  Fault fault_ = Fault::None;
  Body body_ = Body::Usual;
  MessageHead head_;
  std::string name_;  // of the field read last, which a folded line may lengthen
  std::string value_;
  std::size_t scanned_ = 0;     // of a line without end
  std::size_t line_bytes_ = 0;  // of the head, then of what is beside the chunks
  std::uint64_t left_ = 0;      // of the body or the chunk
  std::uint64_t body_bytes_ = 0;
  bool closes_ = false;
  bool stays_ = false;
};

}  // namespace net
