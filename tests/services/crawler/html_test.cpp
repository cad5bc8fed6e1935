#include "crawler/html.h"

#include <gtest/gtest.h>

#include "base/utf8.h"

namespace crawler {
namespace {

Extracted read(std::string_view page, const std::string& charset = "") {
  return read_html(page, charset).value();
}

TEST(Html, BecomesMarkdown) {
  const auto page = read(
      "<title> The \n Clam </title><h1>Bar  &amp; grill</h1><p>Some <b>bold</b>\ntext<br>next "
      "<code>x = 1</code>.</p><ul><li>one<ul><li>inner</ul><li><p>two</p></ul><ol><li>a<li>b</ol>"
      "<pre>code\n  here</pre><blockquote><p>quoted</p></blockquote>"
      "<table><tr><th>A<th>B<tr><td>1<td>2</table>");
  EXPECT_EQ(page.title, "The Clam");
  EXPECT_EQ(page.text,
            "# Bar & grill\n\nSome bold text\nnext `x = 1`.\n\n- one\n  - inner\n- two\n\n1. a\n"
            "2. b\n\n```\ncode\n  here\n```\n\n> quoted\n\nA | B\n1 | 2");
}

TEST(Html, LeavesOutWhatStandsAroundTheContent) {
  const auto page = read(
      "<body><header>Site</header><nav>Menu</nav><div role=search>Find</div><p>Content.</p>"
      "<aside>Ads</aside><script>alert()</script><style>p{}</style><noscript>No</noscript>"
      "<p hidden>Hidden</p><p aria-hidden=true>Unseen</p><form>Form</form><footer>Foot</footer>");
  EXPECT_EQ(page.text, "Content.");
}

TEST(Html, PrefersTheMainContentWhereItIsMarked) {
  const std::string words(250, 'w');
  EXPECT_EQ(read("<div>Around</div><main><header><h1>T</h1></header><p>" + words).text,
            "# T\n\n" + words);
  EXPECT_EQ(read("<div>Around</div><article><p>" + words + "</article>").text, words);
  // A list of articles is content as a whole, and a hollow main is none.
  EXPECT_EQ(read("<article>A</article><article>B</article>").text, "A\n\nB");
  EXPECT_EQ(read("<main></main><p>Content").text, "Content");
}

TEST(Html, TellsItsLinksAndWishes) {
  const auto page = read(
      "<base href='/b/'><meta name=Robots content='NOINDEX, follow'><a href='a.html'>a</a>"
      "<nav><a href='/n'>n</a></nav><a href=x rel='x nofollow'>x</a><a>none</a>");
  EXPECT_EQ(page.links, (std::vector<std::string>{"a.html", "/n"}));
  EXPECT_EQ(page.base, "/b/");
  EXPECT_TRUE(page.no_index);
}

TEST(Html, IsDecodedByItsCharset) {
  EXPECT_EQ(read("<p>caf\xc3\xa9").text, "café");
  EXPECT_EQ(read("<p>caf\xe9", "iso-8859-1").text, "café");
  EXPECT_EQ(read("<meta charset=iso-8859-1><p>caf\xe9").text, "café");
  EXPECT_EQ(read("<p>\xcf\xf0\xe8", "windows-1251").text, "При");
  EXPECT_TRUE(utf8_valid(read("<p>caf\xe9", "no-such-charset").text));
}

TEST(Html, OfAnyShapeEndsInTextOrAReason) {
  EXPECT_FALSE(read_html("", "").ok());
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<div>";
  EXPECT_TRUE(read_html(deep + "x", "").ok());
  std::string many = "<p>" + std::string(1000, '<') + "&#xFFFFFFFF;&#0;&bogus;\x01";
  EXPECT_TRUE(utf8_valid(read(many).text));
  std::string links;
  for (int i = 0; i < 5000; ++i) links += "<a href=x>l</a>";
  EXPECT_EQ(read(links).links.size(), kLinksMax);
}

}  // namespace
}  // namespace crawler
