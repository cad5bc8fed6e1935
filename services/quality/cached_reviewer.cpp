#include "quality/cached_reviewer.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "crypto/crypto.h"
#include "json/codec.h"
#include "quality/draft.h"

namespace quality {
namespace {

// With its length, so that no two requests have the same basis.
void append(std::string& basis, std::string_view text) {
  fmt::format_to(std::back_inserter(basis), "{}:", text.size());
  basis += text;
}

// All that a verdict depends on.
std::string basis_of(const contracts::AssessRequest& request, const Cast& cast,
                     const Reviewer::Options& options) {
  // Other processes, and this one at another time, judge by other settings.
  std::string basis = fmt::format("{:x} {} {}", cast.fingerprint(),
                                  threshold(request, options.thresholds), json::encode(options));
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
  return basis;
}

}  // namespace

Result<contracts::Assessment> CachedReviewer::assess(
    const contracts::AssessRequest& request) const {
  const auto cast = view_.cast();
  if (cast == nullptr || cast->find(request.character) == nullptr) return reviewer_.assess(request);
  const auto options = reviewer_.options();
  const std::string key =
      fmt::format("qc:{}:{}:{}", crypto::hex(crypto::sha256(basis_of(request, *cast, *options))),
                  request.character, enum_name(request.kind));
  if (const auto kept = cache::fetch_and_wait(cache_, key)) {
    auto assessment = json::decode<contracts::Assessment>(std::string_view(*kept));
    if (assessment) return assessment;
  }
  const contracts::Assessment assessment = TRY(reviewer_.assess(request, *options));
  cache_.put(key, json::encode(assessment), ttl_);
  return assessment;
}

}  // namespace quality
