#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/fields.h"
#include "base/result.h"
#include "characters/card.h"

// The forms in which cards travel: JSON of either version, pictures, CHARX archives, and the
// persona.json of small chat programs, which is only read. Members that are not ours go through
// every conversion. Pure.
namespace characters {

enum class Form { V2, V3, Png, Charx, Persona };
constexpr auto enum_names(Form) {
  return EnumNames<Form, 5>{{{Form::V2, "v2"},
                             {Form::V3, "v3"},
                             {Form::Png, "png"},
                             {Form::Charx, "charx"},
                             {Form::Persona, "persona"}}};
}

// What arrived: the card's JSON, and the picture or archive that it came in.
struct Package {
  Form form = Form::V2;
  std::string card;
  std::string carrier{};
};

// Reads any form, told apart by its content. InvalidArgument and TooLarge say why not.
Result<Package> unpack(std::string bytes);

// `card` as JSON of that version. One that has the version already stays as it is, to the byte.
// What V2 has no word for stays as members that its readers skip, except lorebook decorators, which
// they would read aloud.
Result<std::string> as_spec(const Card& card, Spec spec);

// `card` in that form, inside `carrier` (of the same form; empty: a plain one of ours).
Result<std::string> pack(const Card& card, Form form, std::string_view carrier);

// The card with data.extensions.troupe.id set.
Result<std::string> with_id(std::string_view card, std::string_view id);

}  // namespace characters
