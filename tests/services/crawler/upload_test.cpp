#include "crawler/upload.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "services/crawler/fake_shelf.h"

namespace crawler {
namespace {

http::Request request(std::string body, std::string type = "text/plain",
                      std::map<std::string, std::string> query = {}) {
  http::Request made;
  made.method = http::Method::Post;
  made.headers = {{"Content-Type", std::move(type)}};
  made.body = std::move(body);
  made.query = std::move(query);
  return made;
}

std::string part(const std::string& disposition, const std::string& body) {
  return "--e\r\nContent-Disposition: form-data; " + disposition + "\r\nX: y\r\n\r\n" + body +
         "\r\n";
}

constexpr const char* kForm = "multipart/form-data; boundary=\"e\"";

TEST(UploadedFile, IsTheBodyOrThePartOfAForm) {
  const auto raw = request("words", "text/plain", {{"name", "a.md"}, {"collection", "c"}});
  EXPECT_EQ(file_of(raw).value().bytes, "words");
  EXPECT_EQ(file_of(raw).value().collection, "c");
  const auto form =
      request(part("name=\"collection\"", "c2") +
                  part("name=\"file\"; filename=\"b.md\"", "line\r\n--x\r\n") + "--e--\r\n",
              kForm);
  const auto file = file_of(form);
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file.value().name, "b.md");
  EXPECT_EQ(file.value().collection, "c2");
  EXPECT_EQ(file.value().bytes, "line\r\n--x\r\n");
}

TEST(UploadedFile, IsRefusedWhenTheFormIsBroken) {
  const std::string file = part("name=\"file\"; filename=\"b.md\"", "x");
  const std::vector<std::string> bodies{
      std::string(),
      std::string("x"),
      std::string("--e"),
      std::string("--e\r\n"),
      file,
      std::string("--e--"),
      "--e\r\nno head\r\n--e--",
      file + file + "--e--",
      part("name=\"other\"", "x") + "--e--",
      part("name=\"file\"", "x") + "--e--",
      part("name=\"file\"; filename=\"\"", "x") + "--e--",
      part("name=\"file\"; filename=\"" + std::string(300, 'n') + "\"", "x") + "--e--",
      part("name=\"file\"; filename=\"b.md\"", "") + "--e--"};
  for (const std::string& body : bodies) {
    const auto refused = file_of(request(body, kForm));
    ASSERT_FALSE(refused.ok()) << body;
    EXPECT_EQ(refused.error().code, Code::InvalidArgument) << body;
  }
  EXPECT_FALSE(file_of(request(file + "--e--", "multipart/form-data")).ok());
}

class UploadTest : public WithLibrary {
 protected:
  Extractor extractor_{{EXTRACT_PROGRAM}};
};

TEST_F(UploadTest, BecomesADocumentAndTakesThePlaceOfItsNamesake) {
  const auto first = take_upload({"a.md", "c", "# Title\n\nOne."}, extractor_, library_).value();
  EXPECT_EQ(first.title, "Title");
  EXPECT_FALSE(first.unchanged);
  const auto second = take_upload({"a.md", "c", "# Title\n\nTwo."}, extractor_, library_).value();
  EXPECT_EQ(second.id, first.id);
  EXPECT_EQ(shelf_.documents.size(), 1U);
  EXPECT_TRUE(
      take_upload({"a.md", "c", "# Title\n\nTwo."}, extractor_, library_).value().unchanged);
  shelf_.documents.clear();
  EXPECT_FALSE(
      take_upload({"a.md", "c", "# Title\n\nTwo."}, extractor_, library_).value().unchanged);
  EXPECT_EQ(shelf_.documents.size(), 1U);
}

TEST_F(UploadTest, IsRefusedForWhatItIs) {
  const std::string key = "ghp_" + std::string(36, 'x');
  const auto code = [&](const UploadedFile& file) {
    return take_upload(file, extractor_, library_).error().code;
  };
  EXPECT_EQ(code({"a.exe", "c", "x"}), Code::InvalidArgument);
  EXPECT_EQ(code({"a.md", "c", std::string_view("a\0b", 3)}), Code::InvalidArgument);
  EXPECT_EQ(code({".env", "c", "x"}), Code::PermissionDenied);
  EXPECT_EQ(code({"a.md", "c", key}), Code::PermissionDenied);
  shelf_.fail_after = 0;
  EXPECT_EQ(code({"a.md", "c", "words"}), Code::Unavailable);
  EXPECT_TRUE(shelf_.documents.empty());
}

}  // namespace
}  // namespace crawler
