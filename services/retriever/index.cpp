#include "retriever/index.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <list>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>

#include "base/ids.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "crypto/crypto.h"
#include "json/json.h"
#include "lexical/analyser.h"
#include "lexical/fusion.h"
#include "lexical/sentences.h"
#include "retriever/expansion.h"

namespace retriever {
namespace {

using store::Connection;
using store::Row;

constexpr std::size_t kTermsMax = 32;
constexpr std::size_t kTermBytesMax = 64;
constexpr std::size_t kTopMax = 50;
// Hits of each side that are fused. The weights and the constant are fitted on 270 questions about
// the cast's knowledge; close to the best of them the fit is flat.
constexpr std::size_t kDepth = 30;
constexpr std::size_t kWordsEnough = 2;          // of a question in one sentence
constexpr std::array<double, 2> kSides{1, 1.5};  // words, meaning
constexpr lexical::FusionOptions kFusion{lexical::FusionMethod::ReciprocalRank, 2};
// What one transaction erases: others wait for it.
constexpr std::size_t kErasedDocumentsMax = 64;
constexpr std::size_t kErasedChunksMax = 1024;

constexpr const char* kSchema = R"sql(
  CREATE TABLE documents(
    key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, collection TEXT NOT NULL,
    source_type TEXT NOT NULL, source_id TEXT NOT NULL, title TEXT NOT NULL, uri TEXT NOT NULL,
    metadata TEXT NOT NULL, fingerprint TEXT NOT NULL, bytes INTEGER NOT NULL,
    chunks INTEGER NOT NULL, created_ms INTEGER NOT NULL);
  CREATE INDEX documents_by_source ON documents(source_type, source_id) WHERE source_id <> '';
  CREATE INDEX documents_by_collection ON documents(collection);
  CREATE TABLE chunks(
    key INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents(key),
    ordinal INTEGER NOT NULL, first INTEGER NOT NULL, past INTEGER NOT NULL,
    title TEXT NOT NULL, text TEXT NOT NULL);
  CREATE INDEX chunks_by_document ON chunks(document);
  CREATE VIRTUAL TABLE words USING fts5(title, text, content='chunks', content_rowid='key',
    tokenize='porter unicode61 remove_diacritics 2');
  CREATE TRIGGER chunk_added AFTER INSERT ON chunks BEGIN
    INSERT INTO words(rowid, title, text) VALUES(new.key, new.title, new.text);
  END;
  CREATE TRIGGER chunk_removed AFTER DELETE ON chunks BEGIN
    INSERT INTO words(words, rowid, title, text) VALUES('delete', old.key, old.title, old.text);
  END;
  CREATE TABLE state(generation INTEGER NOT NULL);
  INSERT INTO state VALUES(1);
)sql";

constexpr const char* kStamps = R"sql(
  ALTER TABLE state ADD COLUMN stamp TEXT NOT NULL DEFAULT '';
  UPDATE state SET stamp = lower(hex(randomblob(16)));
)sql";

// The text of a document that was there before is that of its chunks; without a fingerprint it is
// replaced by the real one when the document is added again.
constexpr const char* kContents = R"sql(
  CREATE TABLE contents(document INTEGER PRIMARY KEY REFERENCES documents(key),
    text TEXT NOT NULL);
  INSERT INTO contents SELECT document, group_concat(text, char(10))
    FROM (SELECT document, text FROM chunks ORDER BY document, ordinal) GROUP BY document;
  UPDATE documents SET fingerprint = '';
  DROP INDEX documents_by_collection;
  CREATE INDEX documents_by_collection ON documents(collection, id, chunks, bytes);
  CREATE TABLE settings(one INTEGER PRIMARY KEY CHECK(one = 1), text TEXT NOT NULL);
)sql";

// Keys of chunks are not used twice, so that whoever has one in memory knows its text.
constexpr const char* kVectors = R"sql(
  ALTER TABLE state ADD COLUMN next_chunk INTEGER NOT NULL DEFAULT 1;
  UPDATE state SET next_chunk = (SELECT coalesce(max(key), 0) + 1 FROM chunks);
  CREATE TABLE vectors(chunk INTEGER PRIMARY KEY, encoder INTEGER NOT NULL,
    sentences BLOB NOT NULL);
  CREATE TRIGGER chunk_vectors_removed AFTER DELETE ON chunks BEGIN
    DELETE FROM vectors WHERE chunk = old.key;
  END;
)sql";

constexpr const char* kChanged =
    "UPDATE state SET generation = generation + 1, stamp = lower(hex(randomblob(16)))";

constexpr const char* kIsObject =
    "SELECT CASE WHEN json_valid(?1) THEN json_type(?1) = 'object' ELSE 0 END";

// An equal member has the same type too, but for whole and real numbers.
constexpr const char* kByWords = R"sql(
  SELECT words.rowid, -bm25(words, 2.0, 1.0) AS score FROM words
  WHERE words MATCH ?1
    AND (?2 IS NULL OR (SELECT d.collection FROM chunks c JOIN documents d ON d.key = c.document
                        WHERE c.key = words.rowid) IN (SELECT value FROM json_each(?2)))
    AND (?3 IS NULL OR NOT EXISTS (
      SELECT 1 FROM json_each(?3) f WHERE NOT EXISTS (
        SELECT 1 FROM chunks c JOIN documents d ON d.key = c.document, json_each(d.metadata) m
        WHERE c.key = words.rowid AND m.key = f.key AND m.value IS f.value
          AND replace(m.type, 'integer', 'real') = replace(f.type, 'integer', 'real'))))
  ORDER BY score DESC, words.rowid LIMIT ?4
)sql";

// Of these chunks those whose metadata are as a filter wants them.
constexpr const char* kFiltered = R"sql(
  SELECT c.key FROM json_each(?1) hit JOIN chunks c ON c.key = hit.value
    JOIN documents d ON d.key = c.document
  WHERE NOT EXISTS (
    SELECT 1 FROM json_each(?2) f WHERE NOT EXISTS (
      SELECT 1 FROM json_each(d.metadata) m
      WHERE m.key = f.key AND m.value IS f.value
        AND replace(m.type, 'integer', 'real') = replace(f.type, 'integer', 'real')))
)sql";

constexpr const char* kHits = R"sql(
  SELECT d.id, c.ordinal, d.collection, c.title, d.uri, c.text, hit.key, c.first, c.past,
         d.metadata
  FROM json_each(?1) hit JOIN chunks c ON c.key = hit.value JOIN documents d ON d.key = c.document
  ORDER BY hit.key
)sql";

constexpr const char* kChunkKeys =
    "SELECT c.key FROM documents d JOIN chunks c ON c.document = d.key WHERE d.collection = ? "
    "LIMIT ?";

constexpr const char* kVectorsOf = R"sql(
  SELECT c.key, c.text, v.sentences FROM json_each(?1) wanted JOIN chunks c ON c.key = wanted.value
    LEFT JOIN vectors v ON v.chunk = c.key AND v.encoder = ?2
  ORDER BY wanted.key
)sql";

constexpr const char* kKeepVectors =
    "INSERT OR REPLACE INTO vectors(chunk, encoder, sentences) "
    "SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM chunks WHERE key = ?1)";

std::size_t count(const Row& row, int column) {
  return static_cast<std::size_t>(row.integer(column));
}

store::Value number(std::size_t value) { return static_cast<std::int64_t>(value); }

Result<void> require_object(Connection& connection, const std::string& json,
                            std::string_view what) {
  bool object = false;
  TRY(connection.query(kIsObject, {json}, [&](const Row& row) { object = row.integer(0) != 0; }));
  if (object) return {};
  return Error(Code::InvalidArgument, fmt::format("{} must be a JSON object", what));
}

// What a replacement is compared by.
std::string fingerprint(const Document& document) {
  std::string all;
  for (const std::string* part : {&document.collection, &document.source_type, &document.source_id,
                                  &document.title, &document.uri, &document.metadata}) {
    all += fmt::format("{}:{}", part->size(), *part);
  }
  all += document.content;
  return crypto::hex(crypto::sha256(all));
}

Result<Index::Version> read_version(Connection& connection) {
  Index::Version version;
  TRY(connection.query("SELECT generation, stamp FROM state", {}, [&](const Row& row) {
    version = {row.integer(0), std::string(row.text(1))};
  }));
  return version;
}

// The documents that an upsert takes the place of.
struct Replaced {
  std::vector<std::int64_t> keys;
  std::set<std::string> collections;
  std::string id;
  std::string fingerprint;
  std::size_t chunks = 0;
  std::int64_t created_ms = 0;
};

Result<std::optional<Replaced>> find_replaced(Connection& connection, const Document& document) {
  std::optional<Replaced> found;
  const auto note = [&](const Row& row) {
    if (!found)
      found = Replaced{{},
                       {},
                       std::string(row.text(1)),
                       std::string(row.text(2)),
                       count(row, 3),
                       row.integer(4)};
    found->keys.push_back(row.integer(0));
    found->collections.emplace(row.text(5));
  };
  if (!document.id.empty()) {
    TRY(connection.query(
        "SELECT key, id, fingerprint, chunks, created_ms, collection FROM documents WHERE id = ?",
        {document.id}, note));
  } else if (!document.source_id.empty()) {
    TRY(connection.query(
        "SELECT key, id, fingerprint, chunks, created_ms, collection FROM documents "
        "WHERE source_type = ? AND source_id = ? AND source_id <> '' ORDER BY key",
        {document.source_type, document.source_id}, note));
  }
  return found;
}

Result<void> erase(Connection& connection, std::int64_t document_key) {
  TRY(connection.execute("DELETE FROM chunks WHERE document = ?", {document_key}));
  TRY(connection.execute("DELETE FROM contents WHERE document = ?", {document_key}));
  return connection.execute("DELETE FROM documents WHERE key = ?", {document_key});
}

Result<void> insert(Connection& connection, const Document& document, const std::string& print,
                    const std::vector<Chunk>& chunks, std::int64_t created_ms) {
  TRY(connection.execute(
      "INSERT INTO documents(id, collection, source_type, source_id, title, uri, metadata, "
      "fingerprint, bytes, chunks, created_ms) VALUES(?,?,?,?,?,?,?,?,?,?,?)",
      {document.id, document.collection, document.source_type, document.source_id, document.title,
       document.uri, document.metadata, print, number(document.content.size()),
       number(chunks.size()), created_ms}));
  const std::int64_t key = connection.last_insert_id();
  TRY(connection.execute("INSERT INTO contents(document, text) VALUES(?, ?)",
                         {key, document.content}));
  std::int64_t chunk_key = 0;
  TRY(connection.query("SELECT next_chunk FROM state", {},
                       [&](const Row& row) { chunk_key = row.integer(0); }));
  for (std::size_t i = 0; i < chunks.size(); ++i, ++chunk_key) {
    const Chunk& chunk = chunks[i];
    TRY(connection.execute(
        "INSERT INTO chunks(key, document, ordinal, first, past, title, text) "
        "VALUES(?,?,?,?,?,?,?)",
        {chunk_key, key, number(i), number(chunk.start), number(chunk.end), chunk.title,
         document.content.substr(chunk.start, chunk.end - chunk.start)}));
  }
  return connection.execute("UPDATE state SET next_chunk = ?", {chunk_key});
}

// Erases documents of a collection, not too many; how many, and whether none is left.
Result<Erased> erase_some(Connection& connection, const std::string& collection) {
  std::vector<std::int64_t> keys;
  std::size_t chunks = 0;
  Erased erased{0, true};
  TRY(connection.query("SELECT key, chunks FROM documents WHERE collection = ? LIMIT ?",
                       {collection, number(kErasedDocumentsMax + 1)}, [&](const Row& row) {
                         if (keys.size() == kErasedDocumentsMax || chunks >= kErasedChunksMax) {
                           erased.all = false;
                           return;
                         }
                         keys.push_back(row.integer(0));
                         chunks += count(row, 1);
                       }));
  for (const std::int64_t key : keys) TRY(erase(connection, key));
  if (!keys.empty()) TRY(connection.execute(kChanged));
  erased.documents = keys.size();
  return erased;
}

Hit hit_from(const Row& row, double score) {
  Hit hit;
  hit.document_id = row.text(0);
  hit.id = fmt::format("{}#{}", hit.document_id, row.integer(1));
  hit.collection = row.text(2);
  hit.title = row.text(3);
  hit.uri = row.text(4);
  hit.text = row.text(5);
  hit.score = score;
  hit.start = count(row, 7);
  hit.end = count(row, 8);
  hit.metadata = row.text(9);
  return hit;
}

store::Value collections_json(const std::vector<std::string>& collections) {
  if (collections.empty()) return nullptr;
  json::Writer writer;
  writer.begin_array();
  for (const std::string& collection : collections) writer.string(collection);
  writer.end_array();
  return writer.take();
}

std::string keys_json(std::span<const std::int64_t> keys) {
  return fmt::format("[{}]", fmt::join(keys, ","));
}

std::string keys_json(const std::vector<lexical::Hit>& ranking) {
  std::vector<std::int64_t> keys;
  for (const lexical::Hit& hit : ranking) keys.push_back(static_cast<std::int64_t>(hit.id));
  return keys_json(keys);
}

bool is_filtered(const Query& query) { return !query.filters.empty() && query.filters != "{}"; }

using Ranking = std::vector<lexical::Hit>;

Result<Ranking> ranked_by_words(Connection& connection, const Query& query) {
  Ranking ranking;
  const std::string expression = match_expression(query.text, query.expansion);
  if (expression.empty()) return ranking;
  const store::Value filters =
      is_filtered(query) ? store::Value(query.filters) : store::Value(nullptr);
  TRY(connection.query(
      kByWords,
      {expression, collections_json(query.collections), filters,
       number(std::max(query.top_k, kDepth))},
      [&](const Row& row) {
        ranking.push_back({static_cast<std::uint64_t>(row.integer(0)), row.real(1)});
      }));
  return ranking;
}

Result<Ranking> ranked_by_meaning(Connection& connection, const Query& query,
                                  const Meaning& meaning) {
  const std::size_t depth = std::max(query.top_k, kDepth);
  if (!is_filtered(query)) return meaning.search(query.text, query.collections, depth);
  Ranking ranking = meaning.search(query.text, query.collections, SIZE_MAX);
  std::unordered_set<std::uint64_t> passing;
  TRY(connection.query(kFiltered, {keys_json(ranking), query.filters}, [&](const Row& row) {
    passing.insert(static_cast<std::uint64_t>(row.integer(0)));
  }));
  std::erase_if(ranking, [&](const lexical::Hit& hit) { return !passing.contains(hit.id); });
  ranking.resize(std::min(ranking.size(), depth));
  return ranking;
}

Result<std::vector<Hit>> hits_of(Connection& connection, const Ranking& ranking) {
  std::vector<Hit> hits;
  if (ranking.empty()) return hits;
  TRY(connection.query(kHits, {keys_json(ranking)}, [&](const Row& row) {
    hits.push_back(hit_from(row, ranking[count(row, 6)].score));
  }));
  return hits;
}

// Whether one sentence of the text has two words of the question, and half of them or more. Of the
// questions that kSides was fitted on 6 % are answered so, and lose nothing by it.
bool answers(std::string_view text, std::string_view question) {
  const auto stems = lexical::content_stems(question);
  const std::set<std::string> wanted(stems.begin(), stems.end());
  if (wanted.size() < kWordsEnough) return false;
  for (const std::string_view sentence : lexical::sentences(text)) {
    std::set<std::string> said;
    for (std::string& stem : lexical::content_stems(sentence)) {
      if (wanted.contains(stem)) said.insert(std::move(stem));
    }
    if (said.size() >= kWordsEnough && 2 * said.size() >= wanted.size()) return true;
  }
  return false;
}

// Meaning costs more than all the rest, so it is asked only where words leave something open.
Result<bool> words_are_enough(Connection& connection, const Query& query, const Ranking& by_words) {
  if (by_words.empty()) return lexical::words(query.text).empty();
  const auto best = TRY(hits_of(connection, {by_words.front()}));
  return !best.empty() && answers(best.front().text, query.text);
}

}  // namespace

Terms terms_of(std::string_view text, Expansion expansion) {
  // The words as they stand in the text, so that FTS5 parts them as it parted the documents.
  const std::string query = utf8_repaired(utf8_prefix(text, limits::kMessageBytes));
  std::set<std::string> seen;
  Terms terms;
  const auto add = [&](std::vector<std::string>& to, std::string_view term,
                       std::string_view folded) {
    if (seen.size() < kTermsMax && seen.insert(lexical::stem(folded)).second) to.emplace_back(term);
  };
  const auto words = lexical::words(query);
  const auto useful = [](const lexical::Word& word) {
    return word.end - word.start <= kTermBytesMax && !lexical::stopword(word.text);
  };
  for (const lexical::Word& word : words) {
    if (useful(word)) {
      add(terms.own, std::string_view(query).substr(word.start, word.end - word.start), word.text);
    }
  }
  if (expansion == Expansion::Off) return terms;
  // What was asked comes first: the other words take only the places that are left.
  for (const lexical::Word& word : words) {
    if (!useful(word)) continue;
    for (const std::string_view other : other_words(word.text)) {
      add(terms.related, other, other);
    }
  }
  return terms;
}

std::string match_expression(std::string_view text, Expansion expansion) {
  const Terms terms = terms_of(text, expansion);
  std::string expression;
  for (const auto* words : {&terms.own, &terms.related}) {
    for (const std::string& word : *words) {
      // A quoted string knows no operators, and a word contains no quote.
      expression += fmt::format("{}\"{}\"", expression.empty() ? "" : " OR ", word);
    }
  }
  return expression;
}

Index::Index(Options options, const Clock& clock, std::unique_ptr<store::Database> database,
             Meaning* meaning)
    : options_(std::move(options)),
      clock_(clock),
      database_(std::move(database)),
      meaning_(meaning) {}

Result<std::unique_ptr<Index>> Index::open(Options options, const Clock& clock, Meaning* meaning) {
  store::Database::Options file;
  file.path = options.path;
  file.grade = store::Grade::PowerSafe;
  file.migrations = {kSchema, kStamps, kContents, kVectors};
  file.readers = options.readers;
  file.cache_kib = options.cache_kib;
  std::unique_ptr<Index> index(
      new Index(std::move(options), clock, TRY(store::Database::open(std::move(file))), meaning));
  const store::Work read = [&](Connection& connection) -> Result<void> {
    index->adopt(TRY(read_version(connection)));
    return {};
  };
  TRY(index->database_->read(read));
  return index;
}

Index::Version Index::version() const {
  const std::lock_guard lock(mutex_);
  return version_;
}

// Writers may arrive here in another order than they have committed in.
void Index::adopt(Version version) {
  const std::lock_guard lock(mutex_);
  if (version.generation > version_.generation) version_ = std::move(version);
}

// The version is told after the commit: an answer cached meanwhile stays under the old one.
Result<void> Index::change(const store::Work& work) {
  Version changed;
  const store::Work do_it = [&](Connection& connection) -> Result<void> {
    TRY(work(connection));
    changed = TRY(read_version(connection));
    return {};
  };
  TRY(database_->write(do_it));
  adopt(std::move(changed));
  return {};
}

Result<Upserted> Index::upsert(Document document) {
  if (document.content.size() > options_.content_bytes_max) {
    return Error(Code::TooLarge, fmt::format("document of {} bytes, at most {} are allowed",
                                             document.content.size(), options_.content_bytes_max));
  }
  if (!utf8_valid(document.content)) document.content = utf8_repaired(document.content);
  const auto chunks = chunks_of(document.content, document.title, options_.chunks);
  if (chunks.empty()) return Error(Code::InvalidArgument, "document without text");

  const std::string print = fingerprint(document);
  const Meaning::Change changing(meaning_, document.collection);
  std::list<Meaning::Change> leaving;  // collections that a document was in before
  Upserted done;
  const store::Work replace = [&](Connection& connection) -> Result<void> {
    TRY(require_object(connection, document.metadata, "metadata"));
    const auto replaced = TRY(find_replaced(connection, document));
    if (document.id.empty()) document.id = replaced ? replaced->id : make_id("doc");
    if (replaced && replaced->keys.size() == 1 && replaced->fingerprint == print) {
      done = {document.id, replaced->chunks, true};
      return {};
    }
    if (replaced) {
      for (const std::int64_t key : replaced->keys) TRY(erase(connection, key));
      for (const std::string& name : replaced->collections) leaving.emplace_back(meaning_, name);
    }
    TRY(insert(connection, document, print, chunks,
               replaced ? replaced->created_ms : clock_.wall_ms()));
    done = {document.id, chunks.size(), false};
    return connection.execute(kChanged);
  };
  TRY(change(replace));
  return done;
}

Result<bool> Index::remove(const std::string& id) {
  std::set<std::string> left;
  std::optional<Meaning::Change> changing;  // from before the commit until the version is told
  const store::Work erase_it = [&](Connection& connection) -> Result<void> {
    std::int64_t key = 0;
    TRY(connection.query("SELECT key, collection FROM documents WHERE id = ?", {id},
                         [&](const Row& row) {
                           key = row.integer(0);
                           left.emplace(row.text(1));
                         }));
    if (left.empty()) return {};
    changing.emplace(meaning_, *left.begin());
    TRY(erase(connection, key));
    return connection.execute(kChanged);
  };
  TRY(change(erase_it));
  return !left.empty();
}

Result<Erased> Index::remove_collection(const std::string& collection, SteadyTime until) {
  Erased erased;
  std::optional<Meaning::Change> changing;
  do {
    Erased some;
    const store::Work erase_them = [&](Connection& connection) -> Result<void> {
      some = TRY(erase_some(connection, collection));
      if (some.documents > 0 && !changing) changing.emplace(meaning_, collection);
      return {};
    };
    TRY(change(erase_them));
    erased.documents += some.documents;
    erased.all = some.all;
  } while (!erased.all && clock_.now() < until);
  return erased;
}

std::int64_t Index::encoder_for(const std::vector<std::string>& collections) const {
  if (meaning_ == nullptr || !meaning_->covers(collections)) return 0;
  return meaning_->encoder().identity;
}

Result<Found> Index::query(const Query& query) const {
  if (query.top_k < 1 || query.top_k > kTopMax) {
    return Error(Code::InvalidArgument, fmt::format("top_k must be 1 to {}", kTopMax));
  }
  Found found;
  const store::Work search = [&](Connection& connection) -> Result<void> {
    if (is_filtered(query)) TRY(require_object(connection, query.filters, "filters"));
    const Ranking by_words = TRY(ranked_by_words(connection, query));
    Ranking by_meaning;
    if (meaning_ != nullptr && query.by_meaning &&
        !TRY(words_are_enough(connection, query, by_words))) {
      by_meaning = TRY(ranked_by_meaning(connection, query, *meaning_));
      found.by_meaning = true;
    }
    const std::array<lexical::Ranking, 2> sides{by_words, by_meaning};
    found.hits = TRY(hits_of(connection, lexical::fuse(sides, kSides, query.top_k, kFusion)));
    return {};
  };
  TRY(database_->read(search));
  return found;
}

Result<std::vector<std::int64_t>> Index::chunk_keys(const std::string& collection,
                                                    std::size_t limit) const {
  std::vector<std::int64_t> keys;
  TRY(database_->read([&](Connection& connection) {
    return connection.query(kChunkKeys, {collection, number(limit)},
                            [&](const Row& row) { keys.push_back(row.integer(0)); });
  }));
  std::sort(keys.begin(), keys.end(), std::greater());
  return keys;
}

Result<std::vector<Index::Vectors>> Index::vectors_of(std::span<const std::int64_t> chunks,
                                                      std::int64_t encoder) const {
  std::vector<Vectors> vectors;
  TRY(database_->read([&](Connection& connection) {
    return connection.query(kVectorsOf, {keys_json(chunks), encoder}, [&](const Row& row) {
      const auto bytes = row.blob(2);
      vectors.push_back({row.integer(0), std::string(row.text(1)), {bytes.begin(), bytes.end()}});
    });
  }));
  return vectors;
}

Result<void> Index::keep_vectors(const std::vector<Vectors>& made, std::int64_t encoder) {
  if (made.empty()) return {};
  return database_->write([&](Connection& connection) -> Result<void> {
    for (const Vectors& vectors : made) {
      TRY(connection.execute(kKeepVectors, {vectors.chunk, encoder, vectors.bytes}));
    }
    return {};
  });
}

Result<std::optional<Stored>> Index::find(const std::string& id) const {
  std::optional<Stored> found;
  TRY(database_->read([&](Connection& connection) {
    return connection.query(
        "SELECT d.collection, d.source_type, d.source_id, d.title, d.uri, d.metadata, c.text, "
        "d.chunks, d.created_ms FROM documents d JOIN contents c ON c.document = d.key "
        "WHERE d.id = ?",
        {id}, [&](const Row& row) {
          const auto text = [&](int column) { return std::string(row.text(column)); };
          found = Stored{{id, text(0), text(1), text(2), text(3), text(4), text(5), text(6)},
                         count(row, 7),
                         row.integer(8)};
        });
  }));
  return found;
}

Result<std::vector<Summary>> Index::list(const std::string& collection, const std::string& after,
                                         std::size_t limit) const {
  const std::string sql = fmt::format(
      "SELECT id, collection, title, uri, chunks, bytes, created_ms FROM documents "
      "WHERE id > ?1 {} ORDER BY id LIMIT ?2",
      collection.empty() ? "" : "AND collection = ?3");
  std::vector<store::Value> arguments{after, number(limit)};
  if (!collection.empty()) arguments.emplace_back(collection);
  std::vector<Summary> page;
  TRY(database_->read([&](Connection& connection) {
    return connection.query(sql, arguments, [&](const Row& row) {
      page.push_back({std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2)),
                      std::string(row.text(3)), count(row, 4), count(row, 5), row.integer(6)});
    });
  }));
  return page;
}

Result<std::vector<Collection>> Index::collections(const std::string& after,
                                                   std::size_t limit) const {
  std::vector<Collection> page;
  TRY(database_->read([&](Connection& connection) {
    return connection.query(
        "SELECT collection, count(*), sum(chunks), sum(bytes) FROM documents "
        "WHERE collection > ? GROUP BY collection ORDER BY collection LIMIT ?",
        {after, number(limit)}, [&](const Row& row) {
          page.push_back({std::string(row.text(0)), {count(row, 1), count(row, 2), count(row, 3)}});
        });
  }));
  return page;
}

Result<Stats> Index::stats() const {
  Stats stats;
  TRY(database_->read([&](Connection& connection) {
    return connection.query("SELECT count(*), sum(chunks), sum(bytes) FROM documents", {},
                            [&](const Row& row) {
                              stats = {count(row, 0), count(row, 1), count(row, 2)};
                            });
  }));
  return stats;
}

Result<std::string> Index::settings() const {
  std::string text;
  TRY(database_->read([&](Connection& connection) {
    return connection.query("SELECT text FROM settings", {},
                            [&](const Row& row) { text = row.text(0); });
  }));
  return text;
}

Result<void> Index::keep_settings(const std::string& text) {
  return database_->write([&](Connection& connection) {
    return connection.execute("INSERT OR REPLACE INTO settings(one, text) VALUES(1, ?)", {text});
  });
}

}  // namespace retriever
