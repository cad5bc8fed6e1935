#include "crawler/upload.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/utf8.h"
#include "crawler/secrets.h"
#include "crawler/text.h"
#include "crawler/worker.h"
#include "json/codec.h"

namespace crawler {
namespace {

constexpr int kPartsMax = 32;

Error invalid(std::string_view why) {
  return {Code::InvalidArgument, fmt::format("upload: {}", why)};
}

// The parameter `name` of a header value: form-data; name="file"; filename="a.md".
std::optional<std::string> parameter(std::string_view value, std::string_view name) {
  std::size_t at = 0;
  while ((at = value.find(';', at)) != std::string_view::npos) {
    ++at;
    std::string_view rest = trimmed(value.substr(at));
    const auto equals = rest.find('=');
    if (equals == std::string_view::npos || ascii_lower(trimmed(rest.substr(0, equals))) != name) {
      continue;
    }
    rest.remove_prefix(equals + 1);
    if (rest.starts_with('"')) {
      const auto end = rest.find('"', 1);
      if (end == std::string_view::npos) return std::nullopt;
      return std::string(rest.substr(1, end - 1));
    }
    return std::string(trimmed(rest.substr(0, rest.find(';'))));
  }
  return std::nullopt;
}

struct Part {
  std::string name;
  std::string file_name;
  std::string_view bytes;
};

Result<Part> part_of(std::string_view text) {
  const auto head_end = text.find("\r\n\r\n");
  if (head_end == std::string_view::npos) return invalid("a part of the form has no head");
  Part part;
  part.bytes = text.substr(head_end + 4);
  std::string_view head = text.substr(0, head_end);
  while (!head.empty()) {
    const auto end = head.find("\r\n");
    const auto line = head.substr(0, end);
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 2);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    if (ascii_lower(trimmed(line.substr(0, colon))) != "content-disposition") continue;
    part.name = parameter(line.substr(colon + 1), "name").value_or("");
    part.file_name = parameter(line.substr(colon + 1), "filename").value_or("");
  }
  return part;
}

// The form's parts (RFC 2046 section 5.1.1).
Result<std::vector<Part>> parts_of_form(std::string_view body, const std::string& boundary) {
  if (boundary.empty() || boundary.size() > 70) return invalid("the form names no boundary");
  const std::string line = "\r\n--" + boundary;
  std::vector<Part> parts;
  if (!body.starts_with(std::string_view(line).substr(2))) return invalid("the form is broken");
  body.remove_prefix(line.size() - 2);
  while (!body.starts_with("--")) {
    if (!body.starts_with("\r\n") || parts.size() == kPartsMax)
      return invalid("the form is broken");
    body.remove_prefix(2);
    const auto end = body.find(line);
    if (end == std::string_view::npos) return invalid("the form is cut off");
    parts.push_back(TRY(part_of(body.substr(0, end))));
    body.remove_prefix(end + line.size());
  }
  return parts;
}

}  // namespace

Result<UploadedFile> file_of(const http::Request& request) {
  auto query = TRY(json::decode_texts<contracts::UploadQuery>(request.query));
  UploadedFile file{query.name.value_or(""), query.collection, request.body};
  const std::string type(request.headers.get("Content-Type").value_or(""));
  if (ascii_lower(type).starts_with("multipart/form-data")) {
    file.bytes = {};
    bool found = false;
    std::map<std::string, std::string> texts = request.query;
    for (const Part& part :
         TRY(parts_of_form(request.body, parameter(type, "boundary").value_or("")))) {
      if (part.name == "file" && found) return invalid("the form has two files");
      if (part.name == "file") {
        found = true;
        file.bytes = part.bytes;
        if (!texts.contains("name")) texts["name"] = part.file_name;
      } else if (part.name == "name" || part.name == "collection") {
        texts[part.name] = std::string(part.bytes.substr(0, 1000));
      }
    }
    if (!found) return invalid("the form has no part 'file'");
    query = TRY(json::decode_texts<contracts::UploadQuery>(texts));
    file.name = query.name.value_or("");
    file.collection = query.collection;
  }
  if (file.name.empty()) return invalid("name: is required, its ending says what the file is");
  if (!utf8_valid(file.name) || !utf8_valid(file.collection)) return invalid("name: is no UTF-8");
  if (file.bytes.empty()) return invalid("the file is empty");
  return file;
}

Result<contracts::Uploaded> take_upload(const UploadedFile& file, Extractor& extractor,
                                        Library& library) {
  if (const auto secret = secret_name(file.name)) {
    return Error{Code::PermissionDenied, fmt::format("{}: {}", file.name, *secret)};
  }
  const auto format = format_of_name(file.name);
  if (!format) {
    return invalid(
        fmt::format("name: '{}' does not end as a kind of file that is read: .md .txt "
                    ".html .pdf .rst .csv",
                    file.name));
  }
  const auto extracted = extractor.read(*format, file.bytes, {}, file.name);
  if (!extracted) {
    return Error{extracted.error().code,
                 fmt::format("{}: {}", file.name, extracted.error().message)};
  }
  if (const auto secret = secret_in(extracted.value().text)) {
    return Error{Code::PermissionDenied, fmt::format("{}: contains {}", file.name, *secret)};
  }
  const Source source{file.collection, "upload", file.name};
  Content content;
  content.title = extracted.value().title;
  content.uri = "upload:" + file.name;
  content.text = extracted.value().text;
  content.print = print_of(content.text, content.title, content.metadata);
  const auto before = TRY(library.find(source));
  contracts::Uploaded uploaded;
  uploaded.collection = file.collection;
  uploaded.title = content.title;
  if (before && before->print == content.print) {
    uploaded.unchanged = TRY(library.holds(source, *before));
  }
  const Receipt receipt = TRY(library.deliver(source, content));
  uploaded.id = receipt.id;
  uploaded.documents = receipt.documents;
  uploaded.chunks = receipt.chunks;
  return uploaded;
}

}  // namespace crawler
