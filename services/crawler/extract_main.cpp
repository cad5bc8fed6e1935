#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <exception>
#include <new>

#include "crawler/extractor.h"
#include "crawler/html.h"
#include "crawler/pdf.h"
#include "json/codec.h"

namespace crawler {
namespace {

constexpr rlim_t kMemoryBytes = 1024UL * 1024 * 1024;
constexpr rlim_t kCpuSeconds = 15;
constexpr std::size_t kInputBytesMax = 64UL * 1024 * 1024;
constexpr int kRefused = 3;

void limit(__rlimit_resource resource, rlim_t value) {
  const rlimit both{value, value};
  setrlimit(resource, &both);
}

// Before the first byte of the body is looked at.
void give_up_rights() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#ifndef __SANITIZE_ADDRESS__  // which reserves terabytes
  limit(RLIMIT_AS, kMemoryBytes);
#endif
  limit(RLIMIT_CPU, kCpuSeconds);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_NOFILE, 64);
}

Result<std::string> read_all() {
  std::string bytes;
  std::array<char, 65536> piece{};
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (got < 0) return Error{Code::Internal, "cannot read the body"};
    if (got == 0) return bytes;
    bytes.append(piece.data(), static_cast<std::size_t>(got));
    if (bytes.size() > kInputBytesMax) return Error{Code::TooLarge, "the body is too large"};
  }
}

Result<Extracted> extract(std::string_view format, const std::string& charset) {
  const std::string bytes = TRY(read_all());
  if (format == "html") return read_html(bytes, charset);
  if (format == "pdf") return read_pdf(bytes);
  return Error{Code::InvalidArgument, "usage: crawler-extract html|pdf [CHARSET]"};
}

int refuse(std::string_view reason) {
  fmt::print(stderr, "{}\n", reason);
  return kRefused;
}

int run(int argc, char** argv) {
  give_up_rights();
  try {
    const auto extracted = extract(argc > 1 ? argv[1] : "", argc > 2 ? argv[2] : "");
    if (!extracted) return refuse(extracted.error().message);
    const std::string text = json::encode(extracted.value());
    return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
                   std::fflush(stdout) == 0
               ? 0
               : 1;
  } catch (const std::bad_alloc&) {
    // Says nothing of the body: it may be the machine that is short of memory.
    return 1;
  } catch (const std::exception&) {  // what poppler throws
    return refuse("it cannot be read: the reader gave up on it");
  }
}

}  // namespace
}  // namespace crawler

int main(int argc, char** argv) { return crawler::run(argc, argv); }
