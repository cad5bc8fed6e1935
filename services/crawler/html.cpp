#include "crawler/html.h"

#include <libxml/HTMLparser.h>
#include <libxml/tree.h>

#include <algorithm>
#include <array>
#include <climits>
#include <memory>
#include <optional>
#include <utility>

#include "base/utf8.h"

namespace crawler {
namespace {

constexpr int kDepthMax = 250;              // of nesting; what lies deeper is left out
constexpr std::size_t kContentBytes = 200;  // of a <main> or <article> that is worth its name

template <std::size_t N>
using Names = std::array<std::string_view, N>;

// Never content.
constexpr Names<24> kDropped{"script", "style",  "noscript", "template", "nav",    "footer",
                             "aside",  "form",   "button",   "select",   "iframe", "svg",
                             "canvas", "object", "embed",    "video",    "audio",  "head",
                             "dialog", "menu",   "input",    "textarea", "map",    "frameset"};
constexpr Names<5> kDroppedRoles{"navigation", "banner", "contentinfo", "complementary", "search"};
// Begin and end a paragraph.
constexpr Names<24> kBlocks{"p",       "div",     "section", "article", "main",    "header",
                            "table",   "thead",   "tbody",   "tfoot",   "figure",  "figcaption",
                            "address", "dl",      "dt",      "dd",      "details", "summary",
                            "hr",      "caption", "center",  "body",    "hgroup",  "fieldset"};

template <std::size_t N>
bool one_of(std::string_view name, const Names<N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string_view view(const xmlChar* text) {
  if (text == nullptr) return {};
  return reinterpret_cast<const char*>(text);
}

std::string_view name_of(const xmlNode* node) {
  return node->type == XML_ELEMENT_NODE ? view(node->name) : std::string_view();
}

const xmlChar* xml(const char* text) { return reinterpret_cast<const xmlChar*>(text); }

std::optional<std::string> attribute(const xmlNode* node, const char* name) {
  const std::unique_ptr<xmlChar, void (*)(void*)> value(xmlGetProp(node, xml(name)),
                                                        [](void* text) { xmlFree(text); });
  if (value == nullptr) return std::nullopt;
  return std::string(view(value.get()));
}

bool dropped(const xmlNode* node) {
  const auto name = name_of(node);
  if (one_of(name, kDropped)) return true;
  if (name == "header") {  // of the page; that of an article has its title
    for (const xmlNode* above = node->parent; above != nullptr; above = above->parent) {
      if (name_of(above) == "article" || name_of(above) == "main") return false;
    }
    return true;
  }
  if (attribute(node, "hidden") || attribute(node, "aria-hidden").value_or("") == "true") {
    return true;
  }
  return one_of(attribute(node, "role").value_or(""), kDroppedRoles);
}

// Writes a tree as Markdown. White space of the source means nothing outside of <pre>.
class MarkdownWriter {
 public:
  void children(const xmlNode* node, int depth) {
    if (depth > kDepthMax) return;
    for (const xmlNode* child = node->children; child != nullptr; child = child->next) {
      if (out_.size() > kTextBytesMax) return;
      if (child->type == XML_TEXT_NODE || child->type == XML_CDATA_SECTION_NODE) {
        text(view(child->content));
      } else if (child->type == XML_ELEMENT_NODE && !dropped(child)) {
        element(child, depth + 1);
      }
    }
  }

  std::string take() {
    while (!out_.empty() && (out_.back() == '\n' || out_.back() == ' ')) out_.pop_back();
    return std::move(out_);
  }

 private:
  void element(const xmlNode* node, int depth) {
    const auto name = name_of(node);
    if (name.size() == 2 && name[0] == 'h' && name[1] >= '1' && name[1] <= '6') {
      paragraph();
      prefix_ = std::string(static_cast<std::size_t>(name[1] - '0'), '#') + " ";
      children(node, depth);
      prefix_.clear();
      paragraph();
    } else if (name == "pre") {
      preformatted(node, depth);
    } else if (name == "ul" || name == "ol") {
      list(node, depth, name == "ol");
    } else if (name == "li") {
      item(node, depth);
    } else if (name == "tr") {
      line();
      children(node, depth);
      line();
    } else if (name == "td" || name == "th") {
      if (!at_line_start()) out_ += " | ";
      space_ = false;
      children(node, depth);
    } else if (name == "br") {
      line();
    } else if (name == "code" && !verbatim_) {
      inline_code(node, depth);
    } else if (name == "blockquote") {
      quote(node, depth);
    } else if (one_of(name, kBlocks)) {
      if (list_depth_ > 0)
        line();
      else
        paragraph();
      children(node, depth);
      if (list_depth_ > 0)
        line();
      else
        paragraph();
    } else {
      children(node, depth);
    }
  }

  void text(std::string_view words) {
    if (verbatim_) {
      out_ += words;
      return;
    }
    for (const char c : words) {
      if (c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f') {
        space_ = true;
        continue;
      }
      begin_word();
      out_ += c;
    }
  }

  void begin_word() {
    if (at_line_start()) {
      out_ += std::exchange(prefix_, {});
    } else if (space_) {
      out_ += ' ';
    }
    space_ = false;
  }

  void preformatted(const xmlNode* node, int depth) {
    paragraph();
    out_ += "```\n";
    verbatim_ = true;
    children(node, depth);
    verbatim_ = false;
    line();
    out_ += "```\n";
    paragraph();
  }

  void inline_code(const xmlNode* node, int depth) {
    begin_word();
    out_ += '`';
    children(node, depth);
    out_ += '`';
    space_ = false;
  }

  void list(const xmlNode* node, int depth, bool numbered) {
    const int number = std::exchange(number_, numbered ? 1 : 0);
    if (list_depth_++ == 0)
      paragraph();
    else
      line();
    children(node, depth);
    if (--list_depth_ == 0)
      paragraph();
    else
      line();
    number_ = number;
  }

  void item(const xmlNode* node, int depth) {
    line();
    const auto indent = static_cast<std::size_t>(std::clamp(list_depth_ - 1, 0, 10)) * 2;
    prefix_ = std::string(indent, ' ') + (number_ > 0 ? std::to_string(number_++) + ". " : "- ");
    children(node, depth);
    prefix_.clear();
    line();
  }

  void quote(const xmlNode* node, int depth) {
    paragraph();
    prefix_ = "> ";
    children(node, depth);
    prefix_.clear();
    paragraph();
  }

  bool at_line_start() const { return out_.empty() || out_.back() == '\n'; }
  void line() {
    while (!out_.empty() && out_.back() == ' ') out_.pop_back();
    if (!at_line_start()) out_ += '\n';
    space_ = false;
  }
  void paragraph() {
    line();
    if (!out_.empty() && !out_.ends_with("\n\n")) out_ += '\n';
  }

  std::string out_;
  std::string prefix_;  // of the next word that begins a line
  bool space_ = false;
  bool verbatim_ = false;
  int list_depth_ = 0;
  int number_ = 0;  // of the next item; 0: the list has none
};

std::string markdown_of(const xmlNode* node) {
  MarkdownWriter writer;
  writer.children(node, 0);
  return writer.take();
}

std::string words_of(const xmlNode* node) {
  std::string words;
  for (const char c : markdown_of(node)) words += c == '\n' ? ' ' : c;
  return words;
}

// What a walk over the whole page finds.
struct Page {
  const xmlNode* body = nullptr;
  std::array<const xmlNode*, 2> content{};  // the only <main>, the only <article>
  std::array<int, 2> contents{};
  std::string heading;
  Extracted extracted;
};

void note_content(Page& page, const xmlNode* node, std::size_t which) {
  page.content.at(which) = node;
  ++page.contents.at(which);
}

void note_meta(Page& page, const xmlNode* node) {
  if (ascii_lower(attribute(node, "name").value_or("")) != "robots") return;
  const std::string content = ascii_lower(attribute(node, "content").value_or(""));
  if (content.find("noindex") != std::string::npos || content.find("none") != std::string::npos) {
    page.extracted.no_index = true;
  }
}

void note(Page& page, const xmlNode* node) {
  const auto name = name_of(node);
  Extracted& extracted = page.extracted;
  if (name == "a") {
    const auto href = attribute(node, "href");
    const bool followed =
        ascii_lower(attribute(node, "rel").value_or("")).find("nofollow") == std::string::npos;
    std::string link = utf8_repaired(href.value_or(""));
    if (followed && !link.empty() && link.size() <= 2000 && extracted.links.size() < kLinksMax) {
      extracted.links.push_back(std::move(link));
    }
  } else if (name == "title" && extracted.title.empty()) {
    extracted.title = words_of(node);
  } else if (name == "h1" && page.heading.empty()) {
    page.heading = words_of(node);
  } else if (name == "base" && extracted.base.empty()) {
    extracted.base = utf8_prefix(utf8_repaired(attribute(node, "href").value_or("")), 2000);
  } else if (name == "meta") {
    note_meta(page, node);
  } else if (name == "body") {
    page.body = node;
  } else if (name == "main" || attribute(node, "role").value_or("") == "main") {
    note_content(page, node, 0);
  } else if (name == "article") {
    note_content(page, node, 1);
  }
}

// Without recursion: a page may be nested as deeply as it likes.
void survey(Page& page, const xmlNode* root) {
  const xmlNode* node = root;
  while (node != nullptr) {
    if (node->type == XML_ELEMENT_NODE) note(page, node);
    if (node->type == XML_ELEMENT_NODE && node->children != nullptr) {
      node = node->children;
      continue;
    }
    while (node != root && node->next == nullptr) node = node->parent;
    if (node == root) return;
    node = node->next;
  }
}

std::string content_of(const Page& page, const xmlNode* root) {
  for (std::size_t which = 0; which < 2; ++which) {
    if (page.contents.at(which) != 1) continue;
    std::string text = markdown_of(page.content.at(which));
    if (text.size() >= kContentBytes) return text;
  }
  return markdown_of(page.body == nullptr ? root : page.body);
}

}  // namespace

Result<Extracted> read_html(std::string_view bytes, const std::string& charset) {
  if (bytes.size() > INT_MAX) return Error{Code::TooLarge, "the page is too large"};
  const bool utf8 = utf8_valid(bytes);
  const char* encoding = utf8 ? "UTF-8" : charset.empty() ? nullptr : charset.c_str();
  constexpr int kOptions = HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
                           HTML_PARSE_NONET | HTML_PARSE_COMPACT;
  const auto parse = [&](const char* as) {
    return htmlReadMemory(bytes.data(), static_cast<int>(bytes.size()), nullptr, as, kOptions);
  };
  std::unique_ptr<xmlDoc, void (*)(xmlDoc*)> document(parse(encoding), xmlFreeDoc);
  if (document == nullptr) document.reset(parse(nullptr));  // a charset that nobody knows
  const xmlNode* root = document == nullptr ? nullptr : xmlDocGetRootElement(document.get());
  if (root == nullptr) return Error{Code::InvalidArgument, "the page is empty"};
  Page page;
  survey(page, root);
  Extracted extracted = std::move(page.extracted);
  if (trimmed(extracted.title).empty()) extracted.title = page.heading;
  extracted.title = utf8_prefix(utf8_repaired(trimmed(extracted.title)), 500);
  extracted.text = utf8_repaired(content_of(page, root));
  if (extracted.text.size() > kTextBytesMax) {
    extracted.text.resize(utf8_prefix(extracted.text, kTextBytesMax).size());
    extracted.cut = true;
  }
  return extracted;
}

}  // namespace crawler
