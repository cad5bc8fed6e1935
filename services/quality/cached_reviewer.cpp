#include "quality/cached_reviewer.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/ids.h"
#include "json/codec.h"
#include "quality/draft.h"

namespace quality {
namespace {

// An entry is the basis, an end mark, and the assessment. The basis gives lengths before texts, so
// no two requests have the same.
constexpr char kEnd = '\n';

void append(std::string& basis, std::string_view text) {
  fmt::format_to(std::back_inserter(basis), "{}:", text.size());
  basis += text;
}

}  // namespace

std::string CachedReviewer::basis(const contracts::AssessRequest& request, const Cast& cast) const {
  std::string basis = fmt::format("{:x} {} ", cast.fingerprint(), reviewer_.threshold(request));
  append(basis, request.character);
  append(basis, request.line);
  const std::size_t first =
      request.context.size() - std::min(request.context.size(), Draft::kContextLines);
  basis += fmt::format("{} ", request.context.size() - first);
  for (std::size_t i = first; i < request.context.size(); ++i) {
    append(basis, request.context[i].author);
    append(basis, request.context[i].text);
  }
  for (const std::string& text : request.knowledge) append(basis, text);
  basis += kEnd;
  return basis;
}

Result<contracts::Assessment> CachedReviewer::assess(
    const contracts::AssessRequest& request) const {
  const auto cast = view_.cast();
  if (cast == nullptr || cast->find(request.character) == nullptr) return reviewer_.assess(request);
  std::string entry = basis(request, *cast);
  const std::string key =
      fmt::format("qc:{:016x}:{}:{}", hash64(entry), request.character, enum_name(request.kind));
  if (const auto kept = cache_.get(key); kept && kept->starts_with(entry)) {
    auto assessment =
        json::decode<contracts::Assessment>(std::string_view(*kept).substr(entry.size()));
    if (assessment) return assessment;
  }
  const contracts::Assessment assessment = TRY(reviewer_.assess(request));
  entry += json::encode(assessment);
  cache_.put(key, std::move(entry), ttl_);
  return assessment;
}

}  // namespace quality
