#include "llm/semantic_cache.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/utf8.h"
#include "lexical/analyser.h"

namespace llm {
namespace {

constexpr std::size_t kDimensions = 256;
constexpr float kWordShare = 2.0F;     // a stem weighs as much as this many 3-grams
constexpr float kFillerShare = 0.25F;  // of a stop word that is not mere form

std::size_t hash_of(std::string_view text, std::uint64_t seed) {
  std::uint64_t state = 0xcbf29ce484222325 ^ seed;
  for (const char c : text) state = (state ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return static_cast<std::size_t>((state * 0x9e3779b97f4a7c15) >> 32);
}

// The sign keeps two features that share a place from adding up.
void add(std::vector<float>& into, std::size_t hash, float amount) {
  into[hash % kDimensions] += (hash / kDimensions) % 2 == 0 ? amount : -amount;
}

std::size_t wording_bytes(const Wording& wording) {
  std::size_t bytes = wording.language.size() + wording.symbols.size() + wording.order.size() +
                      wording.frame.size();
  for (const auto* list : {&wording.numbers, &wording.units, &wording.quotes, &wording.words}) {
    for (const std::string& text : *list) bytes += sizeof(std::string) + text.size();
  }
  return bytes;
}

}  // namespace

double cosine(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return 0;
  float dot = 0;
  float of_a = 0;
  float of_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    dot += a[i] * b[i];
    of_a += a[i] * a[i];
    of_b += b[i] * b[i];
  }
  const double both = std::sqrt(static_cast<double>(of_a) * static_cast<double>(of_b));
  // Vectors that are no numbers are near nothing.
  return both > 0 && std::isfinite(both) && std::isfinite(dot) ? static_cast<double>(dot) / both
                                                               : 0;
}

std::vector<float> built_in_embedding(std::string_view text) {
  std::vector<float> vector(kDimensions, 0.0F);
  const auto take = [&](const std::string& word, float share) {
    add(vector, hash_of(lexical::stem(word), 1), kWordShare * share);
    const std::string edged = "^" + word + "$";
    for (std::size_t at = 0; at + 3 <= edged.size(); ++at) {
      add(vector, hash_of(std::string_view(edged).substr(at, 3), 2), share);
    }
  };
  for (const std::string& word : wording_of(text).words) {
    take(word, lexical::stopword(word) ? kFillerShare : 1.0F);
  }
  float squares = 0;
  for (const float x : vector) squares += x * x;
  if (squares > 0) {
    for (float& x : vector) x /= std::sqrt(squares);
  }
  return vector;
}

std::optional<SemanticCache::Hit> SemanticCache::find(const Ask& ask, SteadyTime now) {
  const auto miss = [&]() -> std::optional<Hit> {
    ++counts_.misses;
    return std::nullopt;
  };
  const auto found = tenants_.find(ask.tenant);
  if (found == tenants_.end() || ask.text.size() > options_.text_bytes_max) return miss();
  Tenant& tenant = found->second;
  std::optional<Wording> wording;  // of the ask: only when an entry comes near
  auto best = tenant.entries.end();
  double nearest = 0;
  bool refused = false;
  for (auto entry = tenant.entries.begin(); entry != tenant.entries.end();) {
    if (entry->expiry <= now) {
      entry = erase(tenant, entry);
      continue;
    }
    const auto here = entry++;
    if (here->settings != ask.settings) continue;
    const double similarity = cosine(here->embedding, ask.embedding);
    if (similarity < options_.threshold || similarity <= nearest) continue;
    if (!wording) wording = wording_of(ask.text);
    if (here->text != ask.text &&
        disagreement(*wording, here->wording, options_.words) != Disagreement::None) {
      refused = true;
      continue;
    }
    nearest = similarity;
    best = here;
  }
  if (best == tenant.entries.end()) {
    if (refused) ++counts_.refused;
    if (tenant.entries.empty()) tenants_.erase(found);
    return miss();
  }
  ++counts_.hits;
  tenant.entries.splice(tenant.entries.begin(), tenant.entries, best);
  return Hit{best->answer_key, nearest};
}

void SemanticCache::put(const Ask& ask, std::string answer_key, SteadyTime expiry) {
  if (ask.text.size() > options_.text_bytes_max) return;
  Entry entry{.settings = std::string(ask.settings),
              .text = std::string(ask.text),
              .embedding = {ask.embedding.begin(), ask.embedding.end()},
              .wording = wording_of(ask.text),
              .answer_key = std::move(answer_key),
              .expiry = expiry};
  entry.bytes = sizeof(Entry) + entry.settings.size() + entry.text.size() +
                entry.embedding.size() * sizeof(float) + wording_bytes(entry.wording) +
                entry.answer_key.size();
  if (entry.bytes > options_.bytes_max) return;
  Tenant& tenant = tenants_.try_emplace(std::string(ask.tenant)).first->second;
  const auto twin = std::find_if(
      tenant.entries.begin(), tenant.entries.end(),
      [&](const Entry& old) { return old.settings == entry.settings && old.text == entry.text; });
  if (twin != tenant.entries.end()) erase(tenant, twin);
  tenant.bytes += entry.bytes;
  counts_.bytes += entry.bytes;
  ++counts_.entries;
  tenant.entries.push_front(std::move(entry));
  make_room(tenant);
}

void SemanticCache::forget(std::string_view tenant, std::string_view answer_key) {
  const auto found = tenants_.find(tenant);
  if (found == tenants_.end()) return;
  auto& entries = found->second.entries;
  for (auto entry = entries.begin(); entry != entries.end();) {
    entry = entry->answer_key == answer_key ? erase(found->second, entry) : std::next(entry);
  }
  if (entries.empty()) tenants_.erase(found);
}

std::list<SemanticCache::Entry>::iterator SemanticCache::erase(Tenant& tenant,
                                                               std::list<Entry>::iterator entry) {
  tenant.bytes -= entry->bytes;
  counts_.bytes -= entry->bytes;
  --counts_.entries;
  return tenant.entries.erase(entry);
}

void SemanticCache::make_room(Tenant& newest) {
  while (newest.entries.size() > options_.tenant_entries_max) {
    erase(newest, std::prev(newest.entries.end()));
    ++counts_.evictions;
  }
  while (counts_.bytes > options_.bytes_max) {
    const auto largest = std::max_element(
        tenants_.begin(), tenants_.end(),
        [](const auto& a, const auto& b) { return a.second.bytes < b.second.bytes; });
    erase(largest->second, std::prev(largest->second.entries.end()));
    if (largest->second.entries.empty()) tenants_.erase(largest);
    ++counts_.evictions;
  }
}

}  // namespace llm
