#include "crawler/text.h"

#include <gtest/gtest.h>

namespace crawler {
namespace {

TEST(Text, IsKnownByNameTypeOrBeginning) {
  EXPECT_EQ(format_of_name("A.MD"), Format::Markdown);
  EXPECT_EQ(format_of_name("a.html"), Format::Html);
  EXPECT_EQ(format_of_name("a.pdf"), Format::Pdf);
  EXPECT_FALSE(format_of_name("a.docx"));
  EXPECT_FALSE(format_of_name(".md"));
  EXPECT_EQ(format_of_body("Text/HTML; charset=x", "").value(), Format::Html);
  EXPECT_EQ(format_of_body("application/pdf", "").value(), Format::Pdf);
  EXPECT_EQ(format_of_body("", "%PDF-1.4").value(), Format::Pdf);
  EXPECT_EQ(format_of_body("", " <!DOCTYPE html>").value(), Format::Html);
  EXPECT_EQ(format_of_body("", "words").value(), Format::Plain);
  EXPECT_EQ(format_of_body("image/png", "<html>").error().message,
            "content of type image/png is not read");
  EXPECT_FALSE(format_of_body("application/octet-stream", "words").ok());
  EXPECT_EQ(charset_of("text/html; Charset=\"ISO-8859-1\"; x=y"), "iso-8859-1");
  EXPECT_EQ(charset_of("text/html"), "");
}

TEST(Text, IsDecodedFromWhatItIsWrittenIn) {
  EXPECT_EQ(decoded("caf\xc3\xa9").value(), "café");
  EXPECT_EQ(decoded("\xef\xbb\xbfx").value(), "x");
  EXPECT_EQ(decoded("caf\xe9 \x80 \x93hi\x94 \x81").value(), "café € “hi” \xef\xbf\xbd");
  EXPECT_EQ(decoded(std::string_view("\xff\xfe"
                                     "a\0\x3d\xd8\0\xde",
                                     8))
                .value(),
            "a😀");
  EXPECT_EQ(decoded(std::string_view("\xfe\xff\0a\xd8\0", 6)).value(), "a\xef\xbf\xbd");
  EXPECT_EQ(decoded(std::string_view("a\0b", 3)).error().message, "it is binary, not text");
}

TEST(Text, IsTitledByItsFirstHeadingElseByItsFile) {
  EXPECT_EQ(read_text(Format::Markdown, "x\n\n# The Clam \nmore", "a.md").value().title,
            "The Clam");
  EXPECT_EQ(read_text(Format::Plain, "# x", "a.txt").value().title, "a.txt");
  EXPECT_LE(read_text(Format::Plain, "x", std::string(3000, '\xff')).value().title.size(), 500U);
}

TEST(Text, IsCutAtItsLimitAndSaysSo) {
  const auto read = read_text(Format::Plain, std::string(kTextBytesMax + 10, 'x'), "a").value();
  EXPECT_EQ(read.text.size(), kTextBytesMax);
  EXPECT_TRUE(read.cut);
}

}  // namespace
}  // namespace crawler
