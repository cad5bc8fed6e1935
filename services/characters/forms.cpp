#include "characters/forms.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <functional>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "characters/charx.h"
#include "characters/png.h"
#include "json/codec.h"

namespace characters {
namespace {

using json::Value;
using json::Writer;

constexpr std::string_view kBackfillNote =
    "This is a Character Card V3 that is loaded as a V2. Use a program that reads V3 to have all "
    "of it.";

// What a V2 or V3 reader expects in `data`, and what stands for nothing.
constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kRequired{
    {{"name", "\"\""},
     {"description", "\"\""},
     {"personality", "\"\""},
     {"scenario", "\"\""},
     {"first_mes", "\"\""},
     {"mes_example", "\"\""},
     {"creator_notes", "\"\""},
     {"system_prompt", "\"\""},
     {"post_history_instructions", "\"\""},
     {"alternate_greetings", "[]"},
     {"tags", "[]"},
     {"creator", "\"\""},
     {"character_version", "\"\""},
     {"extensions", "{}"}}};

// Writes a member in its own way, or says that it stays as it is.
using Rewrite = std::function<bool(Writer&, std::string_view key, Value member)>;

// Copies the members of `object`, those that `rewrite` takes in its way.
void copy_members(Writer& out, Value object, const Rewrite& rewrite) {
  object.each_member([&](std::string_view key, Value member) {
    out.key(key);
    if (!rewrite(out, key, member)) out.raw(member.dump());
  });
}

std::string content_without_decorators(std::string_view content) {
  LoreEntry entry;
  entry.content = content;
  read_decorators(entry);
  return std::move(entry.content);
}

void write_entry(Writer& out, Value entry, Spec spec) {
  if (!entry.is(json::Kind::Object)) return out.raw(entry.dump());
  out.begin_object();
  copy_members(out, entry, [&](Writer& w, std::string_view key, Value member) {
    if (spec != Spec::V2 || key != "content" || !member.is(json::Kind::String)) return false;
    w.string(content_without_decorators(member.string()));
    return true;
  });
  if (spec == Spec::V3 && !entry.find("use_regex")) {
    out.key("use_regex");
    out.boolean(false);
  }
  out.end_object();
}

bool write_book(Writer& out, Value book, Spec spec) {
  if (!book.is(json::Kind::Object)) return false;
  out.begin_object();
  copy_members(out, book, [&](Writer& w, std::string_view key, Value member) {
    if (key != "entries" || !member.is(json::Kind::Array)) return false;
    w.begin_array();
    for (std::size_t i = 0; i < member.size(); ++i) write_entry(w, member.at(i), spec);
    w.end_array();
    return true;
  });
  out.end_object();
  return true;
}

enum class Note { No, Yes };

bool write_data(Writer& out, Value data, Spec spec, Note note) {
  if (!data.is(json::Kind::Object)) return false;
  out.begin_object();
  copy_members(out, data, [&](Writer& w, std::string_view key, Value member) {
    if (key == "creator_notes" && note == Note::Yes) {
      w.string(fmt::format("{}\n\n{}", kBackfillNote, member.string()));
      return true;
    }
    return key == "character_book" && write_book(w, member, spec);
  });
  for (const auto& [key, nothing] : kRequired) {
    if (data.find(key)) continue;
    out.key(key);
    out.raw(key == "creator_notes" && note == Note::Yes ? json::quoted(kBackfillNote) : nothing);
  }
  if (spec == Spec::V3 && !data.find("group_only_greetings")) {
    out.key("group_only_greetings");
    out.raw("[]");
  }
  out.end_object();
  return true;
}

Result<std::string> rewritten(std::string_view card, Spec spec, Note note) {
  const auto document = TRY(json::Document::parse(card));
  const Value root = document.root();
  Writer out;
  out.begin_object();
  copy_members(out, root, [&](Writer& w, std::string_view key, Value member) {
    if (key == "spec") {
      w.string(spec == Spec::V2 ? "chara_card_v2" : "chara_card_v3");
    } else if (key == "spec_version") {
      w.string(spec == Spec::V2 ? "2.0" : "3.0");
    } else {
      return key == "data" && write_data(w, member, spec, note);
    }
    return true;
  });
  if (!root.find("spec_version")) {
    out.key("spec_version");
    out.string(spec == Spec::V2 ? "2.0" : "3.0");
  }
  out.end_object();
  return out.take();
}

struct Persona {
  std::string name;
  std::string system_prompt;
  std::vector<std::string> personality_traits;
  std::string response_style;
  bool memory_retention = true;

  static void fields(auto& self, auto&& visit) {
    const Field text{.bytes_max = 64 * 1024, .defaulted = true};
    visit("name", self.name, Field{.bytes_max = 128, .defaulted = true});
    visit("system_prompt", self.system_prompt, text);
    visit("personality_traits", self.personality_traits,
          Field{.bytes_max = 256, .items_max = 64, .defaulted = true});
    visit("response_style", self.response_style, Field{.bytes_max = 1024, .defaulted = true});
    visit("memory_retention", self.memory_retention, Field{.defaulted = true});
  }
};

bool is_persona(Value root) {
  return root.is(json::Kind::Object) && !root.find("spec") && !root.find("data") &&
         (root.find("personality_traits") || root.find("response_style") ||
          root.find("memory_retention") || root.find("system_prompt"));
}

// A V2 card of a persona; the file itself stays in extensions.troupe.persona.
Result<std::string> card_of_persona(Value root) {
  Persona persona = TRY(json::decode<Persona>(root));
  if (persona.name.empty()) persona.name = "Assistant";
  std::string traits = fmt::format("{}", fmt::join(persona.personality_traits, ", "));
  if (!persona.response_style.empty()) {
    traits +=
        fmt::format("{}Style of answers: {}.", traits.empty() ? "" : ". ", persona.response_style);
  }
  Writer out;
  const auto text = [&](std::string_view key, std::string_view value) {
    out.key(key);
    out.string(value);
  };
  out.begin_object();
  text("spec", "chara_card_v2");
  text("spec_version", "2.0");
  out.key("data");
  out.begin_object();
  text("name", persona.name);
  text("personality", traits);
  text("system_prompt", persona.system_prompt);
  for (const auto& [key, nothing] : kRequired) {
    if (key == "name" || key == "personality" || key == "system_prompt" || key == "extensions") {
      continue;
    }
    out.key(key);
    out.raw(nothing);
  }
  out.key("extensions");
  out.raw(fmt::format(R"({{"troupe":{{"memory_retention":{},"persona":{}}}}})",
                      persona.memory_retention, root.dump()));
  out.end_object();
  out.end_object();
  return out.take();
}

Result<Package> unpack_json(std::string text) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  if (text.size() > kCardBytesMax) {
    return Error{Code::TooLarge,
                 fmt::format("card of {} bytes exceeds {}", text.size(), kCardBytesMax)};
  }
  const auto document = json::Document::parse(text);
  if (!document) {
    return Error{Code::InvalidArgument,
                 fmt::format("no card, which is a PNG, a CHARX (zip) or JSON: {}",
                             document.error().message)};
  }
  const Value root = document.value().root();
  if (is_persona(root)) return Package{Form::Persona, TRY(card_of_persona(root)), {}};
  const bool third = root.text_or("spec", "") == "chara_card_v3";
  return Package{third ? Form::V3 : Form::V2, std::move(text), {}};
}

}  // namespace

Result<Package> unpack(std::string bytes) {
  if (is_png(bytes)) {
    std::string card = TRY(card_in_png(bytes, kCardBytesMax));
    return Package{Form::Png, std::move(card), std::move(bytes)};
  }
  if (is_zip(bytes)) {
    std::string card = TRY(card_in_charx(bytes, {.card_bytes_max = kCardBytesMax}));
    return Package{Form::Charx, std::move(card), std::move(bytes)};
  }
  return unpack_json(std::move(bytes));
}

Result<std::string> as_spec(const Card& card, Spec spec) {
  if (card.spec == spec) return card.raw;
  return rewritten(card.raw, spec, Note::No);
}

Result<std::string> pack(const Card& card, Form form, std::string_view carrier) {
  switch (form) {
    case Form::V2:
      return as_spec(card, Spec::V2);
    case Form::V3:
      return as_spec(card, Spec::V3);
    case Form::Png: {
      const std::string picture = carrier.empty() ? plain_png(card.color) : std::string(carrier);
      if (card.spec == Spec::V2) return png_with_card(picture, card.raw, "");
      const std::string backfill = TRY(rewritten(card.raw, Spec::V2, Note::Yes));
      return png_with_card(picture, backfill, card.raw);
    }
    case Form::Charx: {
      const std::string third = TRY(as_spec(card, Spec::V3));
      return charx_with_card(carrier, third);
    }
    case Form::Persona:
      break;
  }
  return Error{Code::InvalidArgument, "format: must be one of v2, v3, png, charx"};
}

Result<std::string> with_id(std::string_view card, std::string_view id) {
  const auto document = TRY(json::Document::parse(card));
  const std::array<std::string_view, 3> path{"data", "extensions", "troupe"};
  Writer out;
  const std::function<void(std::optional<Value>, std::size_t)> write =
      [&](std::optional<Value> object, std::size_t depth) {
        const std::string_view next = depth < path.size() ? path.at(depth) : "id";
        out.begin_object();
        bool there = false;
        const auto put = [&](std::optional<Value> member) {
          there = true;
          depth < path.size() ? write(member, depth + 1) : out.string(id);
        };
        if (object && object->is(json::Kind::Object)) {
          copy_members(out, *object, [&](Writer&, std::string_view key, Value member) {
            if (key != next) return false;
            put(member);
            return true;
          });
        }
        if (!there) {
          out.key(next);
          put(std::nullopt);
        }
        out.end_object();
      };
  write(document.root(), 0);
  return out.take();
}

}  // namespace characters
