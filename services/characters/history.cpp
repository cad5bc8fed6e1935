#include "characters/history.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>

#include "characters/files.h"

namespace characters {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCarrierBytesMax = 64 * 1024 * 1024;

std::string file_of(int number) { return fmt::format("{}.json", number); }

std::optional<int> number_of(const fs::path& file) {
  if (file.extension() != ".json") return std::nullopt;
  const std::string stem = file.stem().string();
  int number = 0;
  const auto [end, error] = std::from_chars(stem.data(), stem.data() + stem.size(), number);
  if (error != std::errc() || end != stem.data() + stem.size() || number < 1) return std::nullopt;
  return number;
}

std::string carrier_name(Form form) { return fmt::format("carrier.{}", enum_name(form)); }

}  // namespace

// An id may be ".." but "of-.." is only a name.
fs::path History::folder_of(std::string_view id) const {
  return folder_ / fmt::format("of-{}", id);
}

std::vector<Version> History::versions(std::string_view id) const {
  std::vector<Version> found;
  std::error_code error;
  for (fs::directory_iterator it(folder_of(id), error), end; !error && it != end;
       it.increment(error)) {
    const auto number = number_of(it->path());
    struct stat status {};
    if (!number || ::stat(it->path().c_str(), &status) != 0) continue;
    found.push_back({*number, static_cast<std::uint64_t>(status.st_size),
                     status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1'000'000});
  }
  std::sort(found.begin(), found.end(),
            [](const Version& a, const Version& b) { return a.number < b.number; });
  return found;
}

Result<std::string> History::card(std::string_view id, int number) const {
  const fs::path path = folder_of(id) / file_of(number);
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    return Error{Code::NotFound, fmt::format("no version {} of character {} is kept", number, id)};
  }
  return read_file(path, kCardBytesMax);
}

Result<int> History::keep(std::string_view id, std::string_view card_text) {
  const fs::path folder = folder_of(id);
  const auto known = versions(id);
  const int newest = known.empty() ? 0 : known.back().number;
  if (newest > 0 && known.back().bytes == card_text.size()) {
    const auto kept = card(id, newest);
    if (kept && kept.value() == card_text) return newest;
  }
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return file_error("cannot make", folder, error.message());
  TRY(write_file(folder / file_of(newest + 1), card_text));
  const auto room = static_cast<std::size_t>(versions_max_ - 1);
  for (std::size_t i = 0; i + room < known.size(); ++i) {
    fs::remove(folder / file_of(known[i].number), error);
  }
  return newest + 1;
}

Result<void> History::keep_carrier(std::string_view id, Form form, std::string_view bytes) {
  const fs::path folder = folder_of(id);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return file_error("cannot make", folder, error.message());
  return write_file(folder / carrier_name(form), bytes);
}

Result<std::string> History::carrier(std::string_view id, Form form) const {
  const fs::path path = folder_of(id) / carrier_name(form);
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::string();
  return read_file(path, std::min<std::size_t>(kCarrierBytesMax, fs::file_size(path, ignored)));
}

Result<void> History::forget(std::string_view id) {
  std::error_code error;
  fs::remove_all(folder_of(id), error);
  if (error) return file_error("cannot remove", folder_of(id), error.message());
  return {};
}

}  // namespace characters
