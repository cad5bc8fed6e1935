#include "quality/settings.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "config/config.h"
#include "json/patch.h"

namespace quality {
namespace {

using contracts::ReviewSettings;

Error refused(std::string message) { return {Code::InvalidArgument, std::move(message)}; }

// The shares of a struct of numbers must make 100.
template <class Shares>
Result<void> whole(std::string_view name, const Shares& shares) {
  constexpr double kSlack = 0.01;
  double sum = 0;
  Shares::fields(shares, [&](std::string_view, double share, const Field&) { sum += share; });
  if (std::abs(sum - 100) <= kSlack) return {};
  return refused(fmt::format("{}: must sum to 100, not {}", name, sum));
}

// Writes beside the file and renames: a reader sees the old bytes or the new ones.
Result<void> write_file(const std::string& path, std::string_view bytes) {
  const std::string draft = path + ".new";
  const auto failed = [&] {
    return Error{Code::Unavailable, fmt::format("cannot write {}: {}", path, std::strerror(errno))};
  };
  const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return failed();
  const bool written =
      ::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) &&
      ::fsync(file) == 0;
  ::close(file);
  if (!written || std::rename(draft.c_str(), path.c_str()) != 0) return failed();
  return {};
}

}  // namespace

Result<void> usable(const ReviewSettings& settings) {
  TRY(whole("weights", settings.weights));
  const auto& parts = settings.parts;
  TRY(whole("parts.authenticity", parts.authenticity));
  TRY(whole("parts.flow", parts.flow));
  TRY(whole("parts.engagement", parts.engagement));
  TRY(whole("parts.grounding", parts.grounding));
  TRY(whole("parts.safety", parts.safety));
  const auto& needed = settings.thresholds;
  if (needed.warm < needed.cold) {
    return refused(
        fmt::format("thresholds.warm: must be at least thresholds.cold, which is {}", needed.cold));
  }
  if (needed.hot < needed.warm) {
    return refused(
        fmt::format("thresholds.hot: must be at least thresholds.warm, which is {}", needed.warm));
  }
  if (needed.hot + needed.organic_extra > 100) {
    return refused(fmt::format(
        "thresholds.organic_extra: must leave a score of 100 possible above thresholds.hot, which "
        "is {}",
        needed.hot));
  }
  if (needed.hot_from < needed.warm_from) {
    return refused(
        fmt::format("thresholds.hot_from: must be at least thresholds.warm_from, which is {}",
                    needed.warm_from));
  }
  if (settings.major_cap < settings.critical_cap) {
    return refused(fmt::format("major_cap: must be at least critical_cap, which is {}",
                               settings.critical_cap));
  }
  return {};
}

Result<Settings> Settings::open(std::string file, Reviewer& reviewer) {
  Settings settings(std::move(file), reviewer);
  std::error_code ignored;
  if (std::filesystem::exists(settings.file_, ignored)) {
    std::ifstream in(settings.file_);
    std::stringstream text;
    text << in.rdbuf();
    const auto fresh = config::changed(settings.configured_, text.str());
    const auto good = fresh ? usable(fresh.value()) : Result<void>(fresh.error());
    if (!good) return refused(fmt::format("{}: {}", settings.file_, good.error().message));
    settings.kept_ = text.str();
    reviewer.set_options(fresh.value());
  }
  return settings;
}

Result<ReviewSettings> Settings::change(std::string_view object) {
  TRY(config::changed(configured_, object));  // names and values, before null hides a misspelt name
  std::string kept = TRY(json::patched(kept_, object));
  const ReviewSettings fresh = TRY(config::changed(configured_, kept));
  TRY(usable(fresh));
  TRY(write_file(file_, kept + "\n"));
  kept_ = std::move(kept);
  reviewer_->set_options(fresh);
  return fresh;
}

}  // namespace quality
