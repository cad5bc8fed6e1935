#include "hub/multipart.h"

#include <charconv>

#include "base/utf8.h"
#include "hub/wire.h"

namespace hub {
namespace {

constexpr std::size_t kNameBytes = 100;

// The value of `key` in "form-data; name=\"a\"; filename=\"b\"".
std::optional<std::string> attribute(std::string_view line, std::string_view key) {
  const std::string start = "; " + std::string(key) + "=";
  const std::size_t at = ascii_lower(line).find(start);
  if (at == std::string_view::npos) return std::nullopt;
  line.remove_prefix(at + start.size());
  if (!line.starts_with('"')) return std::string(line.substr(0, line.find(';')));
  std::string value;
  for (std::size_t i = 1; i < line.size() && line[i] != '"'; ++i) {
    if (line[i] == '\\' && i + 1 < line.size()) ++i;
    value += line[i];
  }
  return value;
}

std::string file_name(std::string_view given) {
  std::string name;
  for (const char c :
       without_controls(utf8_repaired(given.substr(given.find_last_of("/\\") + 1)))) {
    const bool plain = (c & 0x80) != 0 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                       (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_';
    name += plain ? c : '_';
  }
  name = utf8_prefix(name, kNameBytes);
  while (name.starts_with('.')) name.erase(0, 1);
  return name.empty() ? "file" : name;
}

Result<void> take(Parts& parts, std::string_view head, std::string_view content) {
  std::string disposition;
  while (!head.empty()) {
    const std::string_view line = head.substr(0, head.find("\r\n"));
    if (ascii_lower(line).starts_with("content-disposition:")) disposition = line;
    head.remove_prefix(std::min(head.size(), line.size() + 2));
  }
  const auto name = attribute(disposition, "name");
  if (!name) return Error{Code::InvalidArgument, "a part of the form has no name"};
  if (*name == "payload_json") {
    parts.payload_json = content;
    return {};
  }
  const auto file = attribute(disposition, "filename");
  if (!file) return {};
  if (parts.files.size() == kFilesMax) {
    return Error{Code::InvalidArgument, "at most 10 files are allowed"};
  }
  int index = static_cast<int>(parts.files.size());
  if (const std::size_t open = name->find('['); open != std::string::npos) {
    std::from_chars(name->data() + open + 1, name->data() + name->size(), index);
  }
  parts.files.push_back({index, file_name(*file), std::string(content)});
  return {};
}

}  // namespace

std::optional<std::string> boundary_of(std::string_view content_type) {
  if (!ascii_lower(content_type).starts_with("multipart/form-data")) return std::nullopt;
  const std::size_t at = ascii_lower(content_type).find("boundary=");
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view value = content_type.substr(at + 9);
  value = value.substr(0, value.find(';'));
  if (value.size() >= 2 && value.front() == '"') value = value.substr(1, value.size() - 2);
  if (value.empty() || value.size() > 70) return std::nullopt;
  return std::string(value);
}

Result<Parts> read_multipart(std::string_view body, std::string_view boundary) {
  Parts parts;
  const std::string line = "--" + std::string(boundary);
  std::size_t at = body.find(line);
  if (at == std::string_view::npos) {
    return Error{Code::InvalidArgument, "the form does not begin with its boundary"};
  }
  while (true) {
    at += line.size();
    if (body.substr(at, 2) == "--") return parts;
    if (body.substr(at, 2) != "\r\n") {
      return Error{Code::InvalidArgument,
                   "the form's boundary does not stand on a line of its own"};
    }
    at += 2;
    const std::size_t content = body.find("\r\n\r\n", at);
    const std::size_t end = body.find("\r\n" + line, at);
    if (content == std::string_view::npos || end == std::string_view::npos || content > end) {
      return Error{Code::InvalidArgument, "the form is cut off"};
    }
    const std::size_t begin = std::min(content + 4, end);
    TRY(take(parts, body.substr(at, content - at), body.substr(begin, end - begin)));
    at = end + 2;
  }
}

}  // namespace hub
