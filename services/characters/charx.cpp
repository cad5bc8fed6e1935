#include "characters/charx.h"

#include <fmt/format.h>
#include <zip.h>

#include <memory>

#include "base/utf8.h"

namespace characters {
namespace {

constexpr const char* kCard = "card.json";
// Below this no ratio is suspicious: a page of blanks packs well.
constexpr std::uint64_t kRatioFree = 1024 * 1024;
constexpr std::uint64_t kRatioNeeds = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;

Error refused(std::string_view why) {
  return Error{Code::InvalidArgument, fmt::format("CHARX: {}", why)};
}

struct CloseFile {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
struct FreeSource {
  void operator()(zip_source_t* source) const { zip_source_free(source); }
};
struct Discard {
  void operator()(zip_t* zip) const { zip_discard(zip); }
};
using Source = std::unique_ptr<zip_source_t, FreeSource>;
using Zip = std::unique_ptr<zip_t, Discard>;

std::string text_of(zip_error_t& error) {
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

// An open archive, and the bytes that it reads and, when it is closed, writes.
struct Archive {
  Source bytes;
  Zip zip;  // before `bytes` in its end
};

Result<Archive> open(std::string_view bytes, int flags) {
  zip_error_t error;
  zip_error_init(&error);
  Archive archive;
  archive.bytes.reset(zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error));
  if (!archive.bytes) return Error{Code::Internal, text_of(error)};
  archive.zip.reset(zip_open_from_source(archive.bytes.get(), flags, &error));
  if (!archive.zip) return refused(text_of(error));
  zip_source_keep(archive.bytes.get());  // the archive has taken the first reference
  return archive;
}

bool leads_elsewhere(std::string_view name) {
  if (name.empty() || name.front() == '/' || name.find('\\') != std::string_view::npos ||
      name.find(':') != std::string_view::npos || !utf8_valid(name)) {
    return true;
  }
  return fmt::format("/{}/", name).find("/../") != std::string::npos;
}

// What an entry unpacks to, or why the archive is refused for it.
Result<std::uint64_t> checked_size(zip_t* zip, std::uint64_t index, const CharxLimits& limits) {
  zip_stat_t stat;
  zip_stat_init(&stat);
  if (zip_stat_index(zip, index, 0, &stat) != 0 || (stat.valid & kRatioNeeds) != kRatioNeeds) {
    return refused(fmt::format("entry {} cannot be read", index));
  }
  const std::string name = stat.name;
  const std::string shown = utf8_repaired(name.substr(0, 100));
  if (name.size() > limits.name_bytes_max) {
    return refused(fmt::format("a name has more than {} bytes", limits.name_bytes_max));
  }
  if (leads_elsewhere(name)) return refused(fmt::format("the name '{}' leads elsewhere", shown));
  if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && stat.encryption_method != ZIP_EM_NONE) {
    return refused(fmt::format("'{}' is encrypted", shown));
  }
  if (stat.size > kRatioFree && stat.size / limits.ratio_max > stat.comp_size) {
    return refused(
        fmt::format("'{}' would unpack to more than {} times its size", shown, limits.ratio_max));
  }
  return stat.size;
}

Result<void> check(zip_t* zip, const CharxLimits& limits) {
  const auto entries = static_cast<std::uint64_t>(zip_get_num_entries(zip, 0));
  if (entries > limits.entries_max) {
    return Error{Code::TooLarge, fmt::format("CHARX: {} entries, at most {} are allowed", entries,
                                             limits.entries_max)};
  }
  std::uint64_t room = limits.unpacked_bytes_max;
  for (std::uint64_t i = 0; i < entries; ++i) {
    const std::uint64_t size = TRY(checked_size(zip, i, limits));
    if (size > room) {
      return Error{Code::TooLarge, fmt::format("CHARX: would unpack to more than {} bytes",
                                               limits.unpacked_bytes_max)};
    }
    room -= size;
  }
  return {};
}

Result<std::string> bytes_of(zip_source_t* source) {
  zip_stat_t stat;
  zip_stat_init(&stat);
  if (zip_source_stat(source, &stat) != 0 || (stat.valid & ZIP_STAT_SIZE) == 0 ||
      zip_source_open(source) != 0) {
    return Error{Code::Internal, "CHARX: the written archive cannot be read"};
  }
  std::string bytes(stat.size, '\0');
  const auto read = zip_source_read(source, bytes.data(), bytes.size());
  zip_source_close(source);
  if (read != static_cast<zip_int64_t>(bytes.size())) {
    return Error{Code::Internal, "CHARX: the written archive is cut off"};
  }
  return bytes;
}

}  // namespace

bool is_zip(std::string_view bytes) { return bytes.starts_with("PK\x03\x04"); }

Result<std::string> card_in_charx(std::string_view archive, const CharxLimits& limits) {
  // The check also refuses an archive that has one name twice, or contradicts itself.
  const Archive opened = TRY(open(archive, ZIP_RDONLY | ZIP_CHECKCONS));
  zip_t* zip = opened.zip.get();
  TRY(check(zip, limits));
  const std::unique_ptr<zip_file_t, CloseFile> file(zip_fopen(zip, kCard, 0));
  if (!file) return refused("no card.json at its root");
  // The stated size may be a lie: what is read is bounded by itself.
  std::string card(limits.card_bytes_max + 1, '\0');
  std::size_t filled = 0;
  while (filled < card.size()) {
    const auto read = zip_fread(file.get(), card.data() + filled, card.size() - filled);
    if (read < 0) return refused("card.json is damaged");
    if (read == 0) break;
    filled += static_cast<std::size_t>(read);
  }
  if (filled > limits.card_bytes_max) {
    return Error{Code::TooLarge,
                 fmt::format("CHARX: card.json exceeds {} bytes", limits.card_bytes_max)};
  }
  card.resize(filled);
  return card;
}

Result<std::string> charx_with_card(std::string_view archive, std::string_view card) {
  Archive opened = TRY(open(archive, archive.empty() ? ZIP_TRUNCATE : 0));
  zip_t* zip = opened.zip.get();
  zip_source_t* text = zip_source_buffer(zip, card.data(), card.size(), 0);
  const zip_int64_t index =
      text == nullptr ? -1 : zip_file_add(zip, kCard, text, ZIP_FL_OVERWRITE | ZIP_FL_ENC_UTF_8);
  if (index < 0) {
    if (text != nullptr) zip_source_free(text);
    return Error{Code::Internal, fmt::format("CHARX: {}", zip_strerror(zip))};
  }
  // The same card gives the same bytes.
  constexpr time_t kMtime = 315'576'000;
  zip_file_set_mtime(zip, static_cast<zip_uint64_t>(index), kMtime, 0);
  if (zip_close(zip) != 0) return refused(zip_strerror(zip));
  opened.zip.release();  // closing has freed it
  return bytes_of(opened.bytes.get());
}

}  // namespace characters
