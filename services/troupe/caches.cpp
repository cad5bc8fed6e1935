#include "troupe/caches.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <map>
#include <utility>

namespace troupe {
namespace {

using Counted = double CacheRow::*;

constexpr std::array<std::pair<std::string_view, Counted>, 4> kEndings{
    {{"_hits_total", &CacheRow::hits},
     {"_misses_total", &CacheRow::misses},
     {"_evictions_total", &CacheRow::evictions},
     {"_bytes", &CacheRow::bytes}}};

// "NAME{labels} 12" as name and value; an empty name for a comment and for what is no number.
std::pair<std::string_view, double> sample(std::string_view line) {
  const auto name = line.substr(0, line.find_first_of("{ "));
  const auto space = line.rfind(' ');
  if (line.starts_with('#') || space == line.npos) return {};
  double value = 0;
  const char* const end = line.data() + line.size();
  const auto read = std::from_chars(line.data() + space + 1, end, value);
  return read.ec == std::errc{} && read.ptr == end ? std::pair{name, value}
                                                   : std::pair{std::string_view(), 0.0};
}

std::string share(const CacheRow& row) {
  const double asked = row.hits + row.misses;
  return asked > 0 ? fmt::format("{:.0f} %", 100 * row.hits / asked) : "-";
}

}  // namespace

std::vector<CacheRow> caches_in(const std::string& service, std::string_view metrics) {
  const std::string prefix = fmt::format("troupe_{}_cache_", service);
  std::map<std::string, CacheRow, std::less<>> rows;
  while (!metrics.empty()) {
    const auto line = metrics.substr(0, metrics.find('\n'));
    metrics.remove_prefix(std::min(metrics.size(), line.size() + 1));
    auto [name, value] = sample(line);
    if (!name.starts_with(prefix)) continue;
    name.remove_prefix(prefix.size());
    for (const auto& [ending, counted] : kEndings) {
      if (!name.ends_with(ending) || name.size() == ending.size()) continue;
      const std::string cache(name.substr(0, name.size() - ending.size()));
      auto& row = rows.try_emplace(cache, CacheRow{service, cache}).first->second;
      row.*counted += value;
      break;
    }
  }
  std::vector<CacheRow> all;
  for (auto& [name, row] : rows) all.push_back(std::move(row));
  return all;
}

std::string cache_table(const std::vector<CacheRow>& rows, Style style) {
  if (rows.empty()) return {};
  std::vector<std::vector<std::string>> cells = {
      {"cache", "of", "hits", "misses", "hit rate", "evicted", "memory"}};
  for (const auto& row : rows) {
    cells.push_back({row.name, row.service, fmt::format("{:.0f}", row.hits),
                     fmt::format("{:.0f}", row.misses), share(row),
                     fmt::format("{:.0f}", row.evictions),
                     fmt::format("{:.1f} MB", row.bytes / 1024 / 1024)});
  }
  return headed_table(cells, style);
}

}  // namespace troupe
