#include "net/message.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace net {
namespace {

using Kind = MessageReader::Kind;
using Step = MessageReader::Step;

// What a reader says of `bytes`, shown `piece` at a time.
std::string told(MessageReader& reader, std::string_view bytes, std::size_t piece) {
  std::string held;
  std::string said;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    held += bytes.substr(at, piece);
    for (Step step = Step::Head; step != Step::More;) {
      const MessageReader::Taken taken = reader.take(held);
      step = taken.step;
      if (step == Step::Head) {
        said += reader.head().method + reader.head().target;
        said += std::to_string(reader.head().status) + "|";
      }
      said += taken.body;
      held.erase(0, taken.used);
      if (step == Step::Fault) return said + "!";
      if (step == Step::End) {
        said += ".";
        reader.next();
      }
    }
  }
  return said;
}

std::string told(Kind kind, std::string_view bytes, std::size_t piece) {
  MessageReader reader(kind, {.head_bytes = 256, .body_bytes = 64});
  return told(reader, bytes, piece);
}

TEST(MessageReader, SaysTheSameHoweverTheBytesAreSplit) {
  const std::string_view requests =
      "\r\nPOST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
      "POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\ndef\r\n1\r\ng\r\n0\r\nT: "
      "1\r\n\r\nGET /c HTTP/1.1\r\n\r\n";
  const std::string_view answers =
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"
      "HTTP/1.1 204\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3 "
      "\r\ndef\r\n0\r\n\r\n";
  for (const std::size_t piece : {1, 2, 3, 7, 1000}) {
    EXPECT_EQ(told(Kind::Request, requests, piece), "POST/a0|abc.POST/b0|defg.GET/c0|.") << piece;
    EXPECT_EQ(told(Kind::Response, answers, piece), "200|abc.204|.200|def.") << piece;
  }
}

TEST(MessageReader, HoldsItsLimitsHoweverTheBytesAreSplit) {
  const std::string head = "GET / HTTP/1.1\r\n";
  for (const std::size_t piece : {1, 5, 100'000}) {
    MessageReader line(Kind::Request, {.head_bytes = 64});
    told(line, "GET /" + std::string(100, 'a'), piece);
    EXPECT_EQ(line.fault(), Fault::LineTooLong);
    MessageReader lines(Kind::Request, {.head_bytes = 64});
    told(lines, head + "A: 12345678\r\nB: 12345678\r\nC: 12345678\r\nD: 12345678\r\n", piece);
    EXPECT_EQ(lines.fault(), Fault::HeadTooLong);
    MessageReader body(Kind::Request, {.head_bytes = 64, .body_bytes = 4});
    EXPECT_EQ(told(body, head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde", piece),
              "GET/0|abc!");
    EXPECT_EQ(body.fault(), Fault::BodyTooLong);
  }
}

TEST(MessageReader, DoesNotWaitForTheEndOfAnotherProtocolsFirstLine) {
  EXPECT_EQ(told(Kind::Request, "\x16\x03\x01\x02", 1000), "!");
  EXPECT_EQ(told(Kind::Request, "GET /\rX", 6), "!");
  EXPECT_EQ(told(Kind::Request, "GET /\r", 6), "");
}

TEST(MessageReader, AnswersToHeadHaveNoBody) {
  MessageReader reader(Kind::Response, {});
  reader.next(MessageReader::Body::None);
  EXPECT_EQ(told(reader, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", 1000), "200|.");
}

TEST(MessageReader, KnowsWhichBodiesEndWithTheStream) {
  MessageReader reader(Kind::Response, {});
  EXPECT_EQ(told(reader, "HTTP/1.1 200 OK\r\n\r\nabc", 4), "200|abc");
  EXPECT_TRUE(reader.whole_at_end());
  EXPECT_FALSE(reader.head().keep_alive);
}

}  // namespace
}  // namespace net
