#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "contracts/retriever.h"
#include "store/store.h"

namespace crawler {

// Where documents go: the retriever, or a test's fake.
class Shelf {
 public:
  virtual ~Shelf() = default;
  // On disk when it returns. Replaces the document of the same id.
  virtual Result<contracts::AddedDocument> add(const contracts::AddDocument& document) = 0;
  // Whether it was there or not.
  virtual Result<void> remove(const std::string& id) = 0;
  virtual Result<bool> has(const std::string& id) = 0;
};

// What a document comes from. The same again takes the place of what it was.
struct Source {
  std::string collection;
  std::string type;  // web, file, upload
  std::string id;    // URL, path, name
};

// What is known of a source that has been delivered.
struct Delivered {
  std::string print;  // of what was sent, compared to tell whether to send it again
  std::string etag;
  std::string last_modified;
  std::int64_t documents = 0;
};

struct Content {
  std::string title;
  std::string uri;
  std::string text;
  std::string metadata = "{}";  // a JSON object, joined by source_type and source_id
  std::string print;
  std::string etag;
  std::string last_modified;
};

struct Receipt {
  std::string id;  // of the first document
  std::int64_t documents = 0;
  std::int64_t chunks = 0;
};

// Brings sources into the knowledge base and remembers what it has brought, power-safe: what is
// noted has been delivered, and what may have been delivered is noted before. Thread-safe for
// different sources; of two deliveries of one source the last wins.
class Library {
 public:
  // Both must outlive it. The table is part of Queue::schema().
  Library(Shelf& shelf, store::Database& database) : shelf_(shelf), database_(database) {}

  Result<std::optional<Delivered>> find(const Source& source) const;

  // A text that is too long for one document becomes several, parted between paragraphs.
  Result<Receipt> deliver(const Source& source, const Content& content);

  // Whether the knowledge base still has all of what was delivered.
  Result<bool> holds(const Source& source, const Delivered& delivered) const;

  // Deletes what was delivered; whether there was anything.
  Result<bool> withdraw(const Source& source);

  // The sources of that type whose id begins with `prefix`.
  Result<std::vector<std::string>> under(const std::string& collection, const std::string& type,
                                         const std::string& prefix) const;

 private:
  Result<void> note(const Source& source, const Delivered& delivered);

  Shelf& shelf_;
  store::Database& database_;
};

// The id of a source's document number `part` (from 1): the same for the same source, always.
std::string document_id(const Source& source, std::int64_t part);

// Cuts a text into parts of at most `bytes_max`, between paragraphs where there are any.
std::vector<std::string_view> parts_of(std::string_view text, std::size_t bytes_max);

}  // namespace crawler
