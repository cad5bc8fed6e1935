#include "fuzz/fuzz.h"
#include "net/message.h"

// The reader of HTTP/1.1 messages says the same however the bytes are split, holds its limits, and
// never takes what it was not shown.
namespace {

constexpr net::MessageReader::Limits kLimits{.head_bytes = 512, .body_bytes = 256};

// All that a reader says of `parts`, as text.
std::string told(net::MessageReader::Kind kind, const std::vector<std::string_view>& parts) {
  using Step = net::MessageReader::Step;
  net::MessageReader reader(kind, kLimits);
  std::string held;
  std::string said;
  std::string body;
  for (const std::string_view part : parts) {
    held += part;
    for (bool more = false; !more;) {
      const net::MessageReader::Taken taken = reader.take(held);
      fuzz::require(taken.used <= held.size(), "it takes what it was shown");
      body += taken.body;
      if (taken.step == Step::Head) {
        const net::MessageHead& head = reader.head();
        said += head.method + head.target + std::to_string(head.status);
        for (const auto& [name, value] : head.headers.lines()) {
          fuzz::require((name + value).find_first_of(std::string_view("\0\r\n", 3)) == held.npos,
                        "a line is a line");
          said += name + '\1' + value + '\2';
        }
      }
      held.erase(0, taken.used);
      if (taken.step == Step::End) {
        fuzz::keep();
        said += body + '\3';
        body.clear();
        reader.next();
      }
      if (taken.step == Step::Fault) return said + "fault";
      more = taken.step == Step::More;
    }
    fuzz::require(kind == net::MessageReader::Kind::Response || body.size() <= kLimits.body_bytes,
                  "no body is over the limit");
    fuzz::require(held.size() <= kLimits.head_bytes, "what it leaves is one line");
  }
  return said + body;
}

}  // namespace

fuzz::Corpus fuzz::corpus() {
  return {.seeds = {"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                    "POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.0\r\n\r\n",
                    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "3;a=b\r\nabc\r\n0\r\nX: 1\r\n\r\n",
                    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                    "\r\nA \r\n0123456789\r\n0\r\n\r\n",
                    "HTTP/1.0 200\r\nX: a\r\n b\r\n\r\nuntil the end"},
          .words = {"\r\n", "\r\n\r\n", "\n", "Content-Length: ", "Transfer-Encoding: chunked",
                    "0\r\n\r\n", "Connection: close", "HTTP/1.1 ", " HTTP/1.1\r\n", ": ",
                    "ffffffffffffffff", "18446744073709551615"}};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  for (const auto kind : {net::MessageReader::Kind::Request, net::MessageReader::Kind::Response}) {
    const std::string whole = told(kind, {text});
    const std::string split = told(kind, fuzz::pieces(text));
    // A fault is seen when it has come, which may be before the end of what else is wrong.
    const bool faulty = whole.ends_with("fault");
    fuzz::require(faulty == split.ends_with("fault"), "the split makes no fault");
    if (!faulty) fuzz::require(whole == split, "the split changes nothing");
  }
  return 0;
}
