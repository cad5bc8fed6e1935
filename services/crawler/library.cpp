#include "crawler/library.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "crypto/crypto.h"
#include "json/json.h"

namespace crawler {
namespace {

using store::Connection;
using store::Row;

constexpr std::size_t kPartBytesMax = 500 * 1024;  // a document of the retriever holds 512 KiB
constexpr std::size_t kSourceIdBytesMax = 500;
constexpr std::size_t kUriBytesMax = 2000;

Result<std::map<std::string, json::Text>> metadata_of(const Source& source,
                                                      const std::string& object) {
  std::map<std::string, json::Text> metadata;
  const auto document = TRY(json::Document::parse(object));
  document.root().each_member([&](std::string_view name, json::Value value) {
    metadata.emplace(name, json::Text{value.dump()});
  });
  metadata["source_type"] = {json::quoted(source.type)};
  metadata["source_id"] = {json::quoted(utf8_prefix(source.id, kSourceIdBytesMax))};
  return metadata;
}

}  // namespace

std::string document_id(const Source& source, std::int64_t part) {
  const std::string whole = fmt::format("{}:{}{}:{}{}", source.collection.size(), source.collection,
                                        source.type.size(), source.type, source.id);
  const std::string id = "src_" + crypto::hex(crypto::sha256(whole)).substr(0, 32);
  return part == 1 ? id : fmt::format("{}_{}", id, part);
}

std::vector<std::string_view> parts_of(std::string_view text, std::size_t bytes_max) {
  std::vector<std::string_view> parts;
  while (text.size() > bytes_max) {
    const std::string_view window = utf8_prefix(text, bytes_max);
    std::size_t end = window.rfind("\n\n");
    if (end == std::string_view::npos || end < bytes_max / 2) end = window.rfind('\n');
    if (end == std::string_view::npos || end < bytes_max / 2) end = window.rfind(' ');
    if (end == std::string_view::npos || end == 0) end = window.size();
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  if (!trimmed(text).empty() || parts.empty()) parts.push_back(text);
  return parts;
}

Result<std::optional<Delivered>> Library::find(const Source& source) const {
  std::optional<Delivered> found;
  TRY(database_.read([&](Connection& db) {
    return db.query(
        "SELECT print, etag, last_modified, documents FROM sources WHERE "
        "collection = ? AND type = ? AND source = ?",
        {source.collection, source.type, source.id}, [&](const Row& row) {
          found = Delivered{std::string(row.text(0)), std::string(row.text(1)),
                            std::string(row.text(2)), row.integer(3)};
        });
  }));
  return found;
}

Result<void> Library::note(const Source& source, const Delivered& delivered) {
  return database_.write([&](Connection& db) {
    return db.execute("INSERT OR REPLACE INTO sources VALUES(?,?,?,?,?,?,?)",
                      {source.collection, source.type, source.id, delivered.print, delivered.etag,
                       delivered.last_modified, delivered.documents});
  });
}

Result<Receipt> Library::deliver(const Source& source, const Content& content) {
  const auto before = TRY(find(source));
  const auto parts = parts_of(content.text, kPartBytesMax);
  const auto count = static_cast<std::int64_t>(parts.size());
  const std::int64_t had = before ? before->documents : 0;
  // Noted first, so that a crash leaves no document that nobody knows of.
  if (count > had) TRY(note(source, {{}, {}, {}, count}));
  contracts::AddDocument document;
  document.collection = source.collection;
  document.title = content.title;
  document.uri = utf8_prefix(content.uri, kUriBytesMax);
  document.source_type = source.type;
  document.metadata = TRY(metadata_of(source, content.metadata));
  Receipt receipt;
  for (std::int64_t part = 1; part <= count; ++part) {
    document.id = document_id(source, part);
    document.source_id = utf8_prefix(source.id, kSourceIdBytesMax);
    document.content = parts[static_cast<std::size_t>(part - 1)];
    const auto added = TRY(shelf_.add(document));
    if (part == 1) receipt.id = added.id;
    if (!added.unchanged) receipt.chunks += added.chunks;
    ++receipt.documents;
  }
  for (std::int64_t part = count + 1; part <= had; ++part) {
    TRY(shelf_.remove(document_id(source, part)));
  }
  TRY(note(source, {content.print, content.etag, content.last_modified, count}));
  return receipt;
}

Result<bool> Library::holds(const Source& source, const Delivered& delivered) const {
  for (std::int64_t part = 1; part <= delivered.documents; ++part) {
    if (!TRY(shelf_.has(document_id(source, part)))) return false;
  }
  return true;
}

Result<bool> Library::withdraw(const Source& source) {
  const auto before = TRY(find(source));
  if (!before) return false;
  for (std::int64_t part = 1; part <= before->documents; ++part) {
    TRY(shelf_.remove(document_id(source, part)));
  }
  TRY(database_.write([&](Connection& db) {
    return db.execute("DELETE FROM sources WHERE collection = ? AND type = ? AND source = ?",
                      {source.collection, source.type, source.id});
  }));
  return true;
}

Result<std::vector<std::string>> Library::under(const std::string& collection,
                                                const std::string& type,
                                                const std::string& prefix) const {
  std::vector<std::string> found;
  TRY(database_.read([&](Connection& db) {
    // Compared as text, not by LIKE, whose signs may stand in a path.
    return db.query(
        "SELECT source FROM sources WHERE collection = ?1 AND type = ?2 AND "
        "source >= ?3 AND substr(source, 1, length(?3)) = ?3 ORDER BY source",
        {collection, type, prefix}, [&](const Row& row) { found.emplace_back(row.text(0)); });
  }));
  return found;
}

}  // namespace crawler
