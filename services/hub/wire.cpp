#include "hub/wire.h"

#include <algorithm>
#include <ctime>

namespace hub {

std::string timestamp(std::int64_t wall_ms) {
  const std::time_t seconds = wall_ms / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}000+00:00", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     wall_ms % 1000);
}

// Of Unicode: C0, DEL, C1, U+2028 to U+202E and U+2066 to U+2069.
std::string without_controls(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const unsigned first = byte(i), second = byte(i + 1), third = byte(i + 2);
    if (first < 0x20 || first == 0x7f) continue;
    if (first == 0xc2 && second >= 0x80 && second <= 0x9f) {
      ++i;
    } else if (first == 0xe2 && ((second == 0x80 && third >= 0xa8 && third <= 0xae) ||
                                 (second == 0x81 && third >= 0xa6 && third <= 0xa9))) {
      i += 2;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

MessageForm redacted(MessageForm form) {
  form.content.clear();
  form.attachments.clear();
  form.embeds.text = "[]";
  form.components.text = "[]";
  return form;
}

bool reads_always(const MessageForm& form, std::string_view user) {
  return form.author.id == user || std::any_of(form.mentions.begin(), form.mentions.end(),
                                               [&](const auto& one) { return one.id == user; });
}

std::string redacted_json(std::string_view message) {
  const auto document = json::Document::parse(message);
  if (!document) return std::string(message);
  json::Writer writer;
  writer.begin_object();
  document.value().root().each_member([&](std::string_view key, json::Value value) {
    writer.key(key);
    if (key == "content") return writer.string("");
    if (key == "attachments" || key == "embeds" || key == "components") return writer.raw("[]");
    if (key == "referenced_message" && value.is(json::Kind::Object)) {
      return writer.raw(redacted_json(value.dump()));
    }
    writer.raw(value.dump());
  });
  writer.end_object();
  return writer.take();
}

}  // namespace hub
