#include "llm/meaning.h"

#include <algorithm>
#include <utility>

#include "llm/accounts.h"
#include "llm/answer_cache.h"

namespace llm {
namespace {

// Vectors of a model are near each other also when they say little of the same; what the wording
// must have in common is less then (bench/semantic).
constexpr double kModelThreshold = 0.85;
constexpr std::size_t kTextBytesMax = 2048;

}  // namespace

std::shared_ptr<SemanticCache> make_semantic_cache(const SemanticSettings& settings) {
  const bool built_in = settings.embed_model.empty();
  SemanticCacheOptions options;
  options.words = built_in ? WordRule::Agree : WordRule::MayDiffer;
  if (!built_in) options.threshold = kModelThreshold;
  if (settings.threshold > 0) options.threshold = settings.threshold;
  options.bytes_max = static_cast<std::size_t>(settings.kib) * 1024;
  options.text_bytes_max = kTextBytesMax;
  return std::make_shared<SemanticCache>(options);
}

bool wants_meaning(const SemanticSettings& settings, const Account* account) {
  return account != nullptr ? account->semantic.value_or(settings.on) : settings.on;
}

std::optional<Meaning> meaning_of(const talk::ChatAsk& ask, std::string_view tenant,
                                  const SemanticSettings& settings) {
  if (ask.seed || ask.messages.empty()) return std::nullopt;
  const bool any_temperature =
      std::any_of(settings.models.begin(), settings.models.end(),
                  [&](const std::string& pattern) { return matches(pattern, ask.model); });
  if (ask.temperature != 0.0 && !any_temperature) return std::nullopt;
  const talk::ChatMessage& last = ask.messages.back();
  if (last.role != talk::Role::User || last.parts.size() != 1) return std::nullopt;
  const auto* const said = std::get_if<talk::Text>(&last.parts.front());
  if (said == nullptr || said->text.empty() || said->text.size() > kTextBytesMax) {
    return std::nullopt;
  }
  talk::ChatAsk rest = ask;
  rest.messages.back().parts.clear();
  std::string key = answer_key(rest, tenant);
  return Meaning{std::string(tenant), std::move(key) + ":" + settings.embed_model, said->text};
}

}  // namespace llm
