#include <sqlite3.h>

#include "lexical_engines.h"

#ifdef TROUPE_XAPIAN
#include <xapian.h>
#endif

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

namespace bench {
namespace {

// SQLite's FTS5 in memory. What stands between spaces in a question is a phrase, so that an
// identifier is sought as one; any of them may match.
class Fts5 : public Engine {
 public:
  explicit Fts5(const Fts5Options& options) : options_(options) {}
  ~Fts5() override {
    sqlite3_finalize(insert_);
    sqlite3_finalize(search_);
    sqlite3_close(database_);
  }
  Fts5(const Fts5&) = delete;
  Fts5& operator=(const Fts5&) = delete;

  Result<void> open() {
    if (sqlite3_open(":memory:", &database_) != SQLITE_OK) return failed("open");
    TRY(run(fmt::format("CREATE VIRTUAL TABLE chunks USING fts5(title, text, tokenize='{}')",
                        options_.tokenizer)));
    TRY(run("BEGIN"));
    TRY(prepare("INSERT INTO chunks(rowid, title, text) VALUES(?1, ?2, ?3)", &insert_));
    return prepare(fmt::format("SELECT rowid FROM chunks WHERE chunks MATCH ?1 "
                               "ORDER BY bm25(chunks, {}, 1.0) LIMIT ?2",
                               options_.title_weight),
                   &search_);
  }

  std::string name() const override {
    return fmt::format("fts5, {}, title {}", options_.tokenizer, options_.title_weight);
  }

  Result<void> add(const Chunk& chunk) override {
    sqlite3_reset(insert_);
    sqlite3_bind_int64(insert_, 1, static_cast<sqlite3_int64>(chunk.id));
    bind(insert_, 2, chunk.title);
    bind(insert_, 3, chunk.text);
    if (sqlite3_step(insert_) != SQLITE_DONE) return failed("insert");
    return {};
  }

  Result<void> commit() override {
    TRY(run("COMMIT"));
    return run("INSERT INTO chunks(chunks) VALUES('optimize')");
  }

  Result<std::vector<std::uint64_t>> search(std::string_view question, std::size_t k) override {
    const std::string match = phrases(question);
    std::vector<std::uint64_t> found;
    if (match.empty()) return found;
    sqlite3_reset(search_);
    bind(search_, 1, match);
    sqlite3_bind_int64(search_, 2, static_cast<sqlite3_int64>(k));
    int state = SQLITE_ROW;
    while ((state = sqlite3_step(search_)) == SQLITE_ROW) {
      found.push_back(static_cast<std::uint64_t>(sqlite3_column_int64(search_, 0)));
    }
    if (state != SQLITE_DONE) return failed(match);
    return found;
  }

 private:
  static std::string phrases(std::string_view question) {
    std::string match;
    std::string phrase;
    const auto finish = [&] {
      if (!phrase.empty()) match += fmt::format("{}\"{}\"", match.empty() ? "" : " OR ", phrase);
      phrase.clear();
    };
    for (const char c : question) {
      if (c == ' ') {
        finish();
      } else if (c != '"') {
        phrase += c;
      }
    }
    finish();
    return match;
  }

  static void bind(sqlite3_stmt* statement, int at, const std::string& text) {
    sqlite3_bind_text(statement, at, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
  }

  Result<void> run(const std::string& sql) {
    if (sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return {};
    return failed(sql);
  }

  Result<void> prepare(const std::string& sql, sqlite3_stmt** statement) {
    if (sqlite3_prepare_v2(database_, sql.c_str(), -1, statement, nullptr) == SQLITE_OK) return {};
    return failed(sql);
  }

  Error failed(std::string_view what) const {
    return {Code::Internal, fmt::format("sqlite: {}: {}", what, sqlite3_errmsg(database_))};
  }

  Fts5Options options_;
  sqlite3* database_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  sqlite3_stmt* search_ = nullptr;
};

#ifdef TROUPE_XAPIAN

// Removed with all that is in it.
struct Folder {
  std::string path;

  explicit Folder(std::string path_in) : path(std::move(path_in)) {}
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

// Xapian in a temporary folder, as its own guide does it: stems beside words, the title with and
// without a prefix, BM25, any word may match.
class XapianEngine : public Engine {
 public:
  explicit XapianEngine(const std::string& folder)
      : folder_(folder),
        database_(folder, Xapian::DB_CREATE | Xapian::DB_NO_SYNC | Xapian::DB_BACKEND_GLASS),
        stem_("english") {
    generator_.set_stemmer(stem_);
  }

  std::string name() const override { return "xapian"; }

  Result<void> add(const Chunk& chunk) override {
    Xapian::Document document;
    generator_.set_document(document);
    generator_.index_text(chunk.title, 1, "S");
    generator_.index_text(chunk.title);
    generator_.increase_termpos();
    generator_.index_text(chunk.text);
    try {
      database_.add_document(document);  // of number id + 1
    } catch (const Xapian::Error& error) {
      return failed(error);
    }
    return {};
  }

  Result<void> commit() override {
    database_.commit();
    parser_.set_stemmer(stem_);
    parser_.set_stemming_strategy(Xapian::QueryParser::STEM_SOME);
    parser_.set_default_op(Xapian::Query::OP_OR);
    parser_.set_database(database_);
    return {};
  }

  Result<std::vector<std::uint64_t>> search(std::string_view question, std::size_t k) override {
    std::vector<std::uint64_t> found;
    try {
      Xapian::Enquire enquire(database_);
      // Without flags: nothing in the question is an operator.
      enquire.set_query(parser_.parse_query(std::string(question), 0));
      const Xapian::MSet hits = enquire.get_mset(0, static_cast<Xapian::doccount>(k));
      for (auto hit = hits.begin(); hit != hits.end(); ++hit) found.push_back(*hit - 1);
    } catch (const Xapian::Error& error) {
      return failed(error);
    }
    return found;
  }

 private:
  static Error failed(const Xapian::Error& error) {
    return {Code::Internal, "xapian: " + error.get_description()};
  }

  Folder folder_;  // outlives the database
  Xapian::WritableDatabase database_;
  Xapian::Stem stem_;
  Xapian::TermGenerator generator_;
  Xapian::QueryParser parser_;
};

#endif

}  // namespace

Result<std::unique_ptr<Engine>> fts5_engine(const Fts5Options& options) {
  auto engine = std::make_unique<Fts5>(options);
  TRY(engine->open());
  return std::unique_ptr<Engine>(std::move(engine));
}

std::unique_ptr<Engine> xapian_engine() {
#ifdef TROUPE_XAPIAN
  std::string folder = (std::filesystem::temp_directory_path() / "xapian-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return nullptr;
  return std::make_unique<XapianEngine>(folder);
#else
  return nullptr;
#endif
}

}  // namespace bench
