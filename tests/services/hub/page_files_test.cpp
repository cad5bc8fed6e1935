#include "hub/page_files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "support/temp_dir.h"

namespace hub {
namespace {

class Page : public ::testing::Test {
 protected:
  Page() {
    std::filesystem::create_directories(folder_.file("page/assets"));
    write("page/index.html", "<!doctype html><title>Troupe</title>");
    write("page/assets/app.js", std::string(5000, 'x'));
    write("secret", "not of the page");
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_.file(name)) << text;
  }
  PageFiles page() const { return std::move(PageFiles::read(folder_.file("page"))).value(); }
  static http::Response ask(const PageFiles& page, const std::string& path,
                            const std::string& header = {}, const std::string& value = {}) {
    http::Request request;
    request.path = path;
    request.headers.set("Host", "127.0.0.1:6020");
    if (!header.empty()) request.headers.set(header, value);
    return page.serve(request);
  }

  support::TempDir folder_;
};

TEST_F(Page, IsServedWithItsTypes) {
  const PageFiles files = page();
  const auto index = ask(files, "/");
  EXPECT_EQ(index.status, 200);
  EXPECT_EQ(index.body, "<!doctype html><title>Troupe</title>");
  EXPECT_EQ(index.headers.get("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(index.headers.get("Cache-Control"), "no-cache");
  const auto script = ask(files, "/assets/app.js");
  EXPECT_EQ(script.headers.get("Content-Type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(script.headers.get("Cache-Control"), "public, max-age=31536000, immutable");
}

TEST_F(Page, IsCompressedForWhoeverTakesIt) {
  const PageFiles files = page();
  const auto zipped = ask(files, "/assets/app.js", "Accept-Encoding", "br, gzip");
  EXPECT_EQ(zipped.headers.get("Content-Encoding"), "gzip");
  EXPECT_LT(zipped.body.size(), 100U);
  EXPECT_EQ(zipped.body.substr(0, 2), "\x1f\x8b");
  const auto plain = ask(files, "/assets/app.js");
  EXPECT_FALSE(plain.headers.get("Content-Encoding").has_value());
  EXPECT_EQ(plain.body.size(), 5000U);
  EXPECT_EQ(plain.headers.get("Vary"), "Accept-Encoding");
}

TEST_F(Page, IsNotSentAgainToWhoHasIt) {
  const PageFiles files = page();
  const std::string tag(ask(files, "/").headers.get("ETag").value_or(""));
  ASSERT_FALSE(tag.empty());
  const auto known = ask(files, "/", "If-None-Match", tag);
  EXPECT_EQ(known.status, 304);
  EXPECT_TRUE(known.body.empty());
  EXPECT_EQ(known.headers.get("ETag"), tag);
  EXPECT_EQ(ask(files, "/", "If-None-Match", "\"other\"").status, 200);
}

TEST_F(Page, MayAskNobodyButTheHub) {
  const PageFiles files = page();
  for (const char* const path : {"/", "/assets/app.js", "/nothing"}) {
    const auto answer = ask(files, path);
    const std::string policy(answer.headers.get("Content-Security-Policy").value_or(""));
    EXPECT_EQ(policy.find("default-src 'none'; script-src 'self';"), 0U) << path;
    EXPECT_NE(policy.find("connect-src 'self' ws://127.0.0.1:6020"), std::string::npos);
    EXPECT_EQ(policy.find("unsafe"), std::string::npos);
    EXPECT_EQ(answer.headers.get("X-Content-Type-Options"), "nosniff");
  }
}

TEST_F(Page, HasNoFileOutsideItsDirectory) {
  const PageFiles files = page();
  for (const char* const path :
       {"/../secret", "/assets/../../secret", "/secret", "//secret", "", "/assets", "/assets/"}) {
    EXPECT_EQ(ask(files, path).status, 404) << path;
  }
}

TEST_F(Page, SaysThatItIsNotInstalled) {
  const PageFiles none = std::move(PageFiles::read(folder_.file("nowhere"))).value();
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(ask(none, "/").status, 200);
  EXPECT_NE(ask(none, "/").body.find("not installed"), std::string::npos);
  EXPECT_EQ(ask(none, "/assets/app.js").status, 404);
}

TEST_F(Page, IsNotTakenWhenItIsTooLarge) {
  std::filesystem::resize_file(folder_.file("page/assets/app.js"), 17 * 1024 * 1024);
  EXPECT_EQ(PageFiles::read(folder_.file("page")).error().code, Code::TooLarge);
}

}  // namespace
}  // namespace hub
