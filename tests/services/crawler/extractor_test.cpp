#include "crawler/extractor.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "support/temp_dir.h"

namespace crawler {
namespace {

class ExtractorTest : public ::testing::Test {
 protected:
  ExtractorTest() { ::signal(SIGPIPE, SIG_IGN); }  // as the runtime does

  // A program in place of crawler-extract.
  std::string program(const std::string& script) {
    const std::string path = dir_.write("program", "#!/bin/sh\n" + script + "\n");
    ::chmod(path.c_str(), 0700);
    return path;
  }
  Result<Extracted> read(const std::string& with, Format format = Format::Html,
                         std::string_view bytes = "<p>x",
                         Milliseconds patience = Milliseconds(60'000)) {
    return Extractor({with, patience}).read(format, bytes, "", "name");
  }

  support::TempDir dir_;
};

TEST_F(ExtractorTest, ReadsPagesInAnotherProcess) {
  Extractor extractor({EXTRACT_PROGRAM});
  const auto page = extractor.read(Format::Html, "<title>T</title><p>Words", "", "name");
  ASSERT_TRUE(page.ok()) << page.error().message;
  EXPECT_EQ(page.value().title, "T");
  EXPECT_EQ(page.value().text, "Words");
  EXPECT_EQ(extractor.read(Format::Html, "<p>Words", "", "name").value().title, "name");
  const std::string large = "<p>" + std::string(3'000'000, 'w');
  EXPECT_EQ(extractor.read(Format::Html, large, "", "name").value().text.size(), 3'000'000U);
}

TEST_F(ExtractorTest, SaysWhyThereIsNoText) {
  Extractor extractor({EXTRACT_PROGRAM});
  for (const auto* bytes : {"", "no PDF", "%PDF-1.4\n1 0 obj << /Type /Catalog"}) {
    const auto broken = extractor.read(Format::Pdf, bytes, "", "name");
    ASSERT_FALSE(broken.ok());
    EXPECT_EQ(broken.error().message, "the PDF is broken");
  }
  EXPECT_EQ(extractor.read(Format::Html, "<script>x</script>", "", "n").error().message,
            "it has no text");
  EXPECT_EQ(extractor.read(Format::Plain, " \n ", "", "n").error().message, "it has no text");
}

TEST_F(ExtractorTest, OutlivesAReaderThatBreaksDown) {
  struct Case {
    const char* script;
    Code code;
    const char* reason;
  };
  // Only a reader that says so itself has found that there is nothing to read.
  const Case cases[] = {
      {"kill -SEGV $$", Code::Unavailable, "it cannot be read: the reader broke down over it"},
      {"kill -KILL $$", Code::Unavailable, "it cannot be read: the reader broke down over it"},
      {"exit 1", Code::Unavailable, "it cannot be read: the reader broke down over it"},
      {"echo '{}'", Code::Unavailable, "it cannot be read: the reader made nonsense of it"},
      {"cat", Code::Unavailable, "it cannot be read: the reader made nonsense of it"},
      {"printf 'two\\nlines' >&2; exit 3", Code::InvalidArgument, "two lines"},
      {"exec tail -f /dev/null", Code::DeadlineExceeded, "reading it takes too long"},
      {"exec yes", Code::Unavailable, "it cannot be read: the reader broke down over it"}};
  for (const auto& [script, code, reason] : cases) {
    // Only who never ends is not waited for.
    const bool endless = code == Code::DeadlineExceeded;
    const auto outcome =
        read(program(script), Format::Html, "<p>x", Milliseconds(endless ? 200 : 60'000));
    ASSERT_FALSE(outcome.ok()) << script;
    EXPECT_EQ(name(outcome.error().code), name(code)) << script;
    EXPECT_EQ(outcome.error().message, reason) << script;
  }
  // One that does not listen, too.
  EXPECT_FALSE(read(program("exit 0"), Format::Html, std::string(1'000'000, 'x')).ok());
}

TEST_F(ExtractorTest, TellsAReaderThatIsNotThereFromABadFile) {
  EXPECT_EQ(read(dir_.file("none")).error().code, Code::Unavailable);
}

}  // namespace
}  // namespace crawler
