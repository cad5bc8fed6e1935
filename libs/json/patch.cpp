#include "json/patch.h"

#include <optional>

#include "json/json.h"

namespace json {
namespace {

// As deep as the patch, which the parser has bounded.
void write_patched(Writer& writer, std::optional<Value> target, Value patch) {
  if (!patch.is(Kind::Object)) return writer.raw(patch.dump());
  if (target && !target->is(Kind::Object)) target.reset();
  writer.begin_object();
  if (target) {
    target->each_member([&](std::string_view name, Value old) {
      const auto change = patch.find(name);
      if (change && change->is(Kind::Null)) return;
      writer.key(name);
      if (change) {
        write_patched(writer, old, *change);
      } else {
        writer.raw(old.dump());
      }
    });
  }
  patch.each_member([&](std::string_view name, Value fresh) {
    if (fresh.is(Kind::Null) || (target && target->find(name))) return;
    writer.key(name);
    write_patched(writer, std::nullopt, fresh);
  });
  writer.end_object();
}

}  // namespace

Result<std::string> patched(std::string_view target, std::string_view patch) {
  const Document before = TRY(Document::parse(target));
  const Document change = TRY(Document::parse(patch));
  Writer writer;
  write_patched(writer, before.root(), change.root());
  return writer.take();
}

}  // namespace json
