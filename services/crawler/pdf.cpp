#include "crawler/pdf.h"

#include <poppler/cpp/poppler-document.h>
#include <poppler/cpp/poppler-global.h>
#include <poppler/cpp/poppler-page.h>

#include <algorithm>
#include <climits>
#include <memory>
#include <string>

#include "base/utf8.h"

namespace crawler {
namespace {

std::string utf8_of(const poppler::ustring& text) {
  const poppler::byte_array bytes = text.to_utf8();
  return utf8_repaired(std::string_view(bytes.data(), bytes.size()));
}

}  // namespace

Result<Extracted> read_pdf(std::string_view bytes) {
  if (bytes.size() > INT_MAX) return Error{Code::TooLarge, "the PDF is too large"};
  // Its complaints about bad files are of no use to an operator.
  poppler::set_debug_error_function([](const std::string&, void*) {}, nullptr);
  const std::unique_ptr<poppler::document> document(
      poppler::document::load_from_raw_data(bytes.data(), static_cast<int>(bytes.size())));
  if (document == nullptr) return Error{Code::InvalidArgument, "the PDF is broken"};
  if (document->is_locked()) return Error{Code::InvalidArgument, "the PDF needs a password"};
  Extracted extracted;
  extracted.title = utf8_prefix(trimmed(utf8_of(document->get_title())), 500);
  const int pages = document->pages();
  for (int number = 0; number < std::min(pages, kPdfPagesMax) && !extracted.cut; ++number) {
    const std::unique_ptr<poppler::page> page(document->create_page(number));
    if (page == nullptr) continue;
    const std::string text = utf8_of(page->text());
    if (trimmed(text).empty()) continue;
    if (!extracted.text.empty()) extracted.text += "\n\n";
    extracted.text += trimmed(text);
    if (extracted.text.size() <= kTextBytesMax) continue;
    extracted.text.resize(utf8_prefix(extracted.text, kTextBytesMax).size());
    extracted.cut = true;
  }
  extracted.cut = extracted.cut || pages > kPdfPagesMax;
  if (extracted.text.empty()) {
    return Error{Code::InvalidArgument, "the PDF has no text, only pictures"};
  }
  return extracted;
}

}  // namespace crawler
