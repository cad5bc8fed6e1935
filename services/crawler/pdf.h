#pragma once

#include <string_view>

#include "base/result.h"
#include "crawler/extracted.h"

namespace crawler {

inline constexpr int kPdfPagesMax = 2000;

// The text of a PDF and the title of its metadata. Poppler reads what strangers wrote and may crash
// over it, so this runs in a process of its own (extractor.h). InvalidArgument: it is none, it is
// locked, or it holds pictures only.
Result<Extracted> read_pdf(std::string_view bytes);

}  // namespace crawler
