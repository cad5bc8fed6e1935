#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

// CHARX: a zip with a V3 card as card.json at its root, and assets (Character Card V3, "CHARX").
// Pure: archives are bytes in memory; nothing is ever unpacked to a disk.
namespace characters {

struct CharxLimits {
  std::uint64_t entries_max = 512;
  std::uint64_t name_bytes_max = 512;
  std::uint64_t unpacked_bytes_max = 256 * 1024 * 1024;  // as the archive states them, of all
  std::uint64_t ratio_max = 200;  // unpacked to packed, of an entry that is large unpacked
  std::size_t card_bytes_max = 1024 * 1024;
};

bool is_zip(std::string_view bytes);

// The card.json of an archive. Refused: what is no zip, is encrypted or damaged, has names that
// lead elsewhere, or would unpack to more than the limits.
Result<std::string> card_in_charx(std::string_view archive, const CharxLimits& limits = {});

// `archive` with `card` as its card.json; of an empty one a new archive.
Result<std::string> charx_with_card(std::string_view archive, std::string_view card);

}  // namespace characters
