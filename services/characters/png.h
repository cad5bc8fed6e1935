#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

// Cards in pictures: the tEXt chunks `chara` (base 64 of a V2 card) and `ccv3` (of a V3 card) of a
// PNG or APNG (W3C PNG section 5, Character Card V2 and V3). Pixels are never decoded. Pure.
namespace characters {

bool is_png(std::string_view bytes);

// The JSON of the card in `png`: that of `ccv3` where there are both. Every chunk's length and
// checksum is verified; InvalidArgument says what is wrong with the picture.
Result<std::string> card_in_png(std::string_view png, std::size_t card_bytes_max);

// `png` with these cards and no others in it. An empty text leaves that chunk out.
Result<std::string> png_with_card(std::string_view png, std::string_view v2, std::string_view v3);

// A small picture in one colour, "#d9a441"; grey for what is no colour.
std::string plain_png(std::string_view color);

}  // namespace characters
