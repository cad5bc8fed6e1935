// How well and how fast libs/lexical finds, beside SQLite's FTS5 and Xapian in the same run.
//
//   bench/lexical --docs F.jsonl --queries F.jsonl --qrels F.tsv [--show KIND]
//   bench/lexical --zipf 100000
//
// Either may have --engine NAME: those alone whose name begins so (troupe, fts5, xapian).
//
// The first form measures quality: documents {id, title, text}, questions {id, text, kind} and what
// they should find, which bench/lexical_corpus.py makes of Debian's documentation and of
// bench/data/lexical_queries_*.jsonl. Of each engine and kind: nDCG@10, MRR@10, recall@10. A
// question with several wanted chunks asks for any of them: its gain is that of the first found.
// --show prints our misses of a kind, which is for the tuning part only.
//
// The second form measures speed on made-up chunks of 2 KB with a vocabulary of Zipf's law: four
// common words (each in most chunks), four rare ones, and a mixture.
//
// Prints one JSON object an engine. Times are CPU time of the thread, because machines are shared.

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "json/codec.h"
#include "json/json.h"
#include "lexical/index.h"
#include "lexical/question.h"
#include "lexical_data.h"
#include "lexical_engines.h"

namespace bench {
namespace {

constexpr std::size_t kTop = 10;
constexpr std::size_t kZipfQuestions = 200;
constexpr std::size_t kZipfWords = 4;

class Ours : public Engine {
 public:
  explicit Ours(bool plain) : plain_(plain), index_(lexical::Index::in_memory()) {
    if (plain) options_ = {.stem = 0, .pair = 0, .stopword = 1};
  }

  std::string name() const override { return plain_ ? "troupe, exact words alone" : "troupe"; }
  Result<void> add(const Chunk& chunk) override {
    return index_->add(chunk.id, chunk.title, chunk.text);
  }

  Result<void> commit() override {
    TRY(index_->commit());
    TRY(index_->merge_all());
    TRY(index_->commit());
    snapshot_ = index_->snapshot();
    if (plain_) return {};
    const std::vector<lexical::WordCount> words = snapshot_->words();
    std::vector<std::pair<std::string_view, std::uint64_t>> counts;
    counts.reserve(words.size());
    for (const auto& [word, documents] : words) counts.emplace_back(word, documents);
    spelling_ = std::make_unique<lexical::Spelling>(counts);
    return {};
  }

  Result<std::vector<std::uint64_t>> search(std::string_view question, std::size_t k) override {
    lexical::Query query;
    if (plain_) {
      query.terms = lexical::understand(question, analysis_, nullptr, options_).terms;
      std::erase_if(query.terms, [](const auto& term) { return term.weight == 0; });
    } else {
      const lexical::Known known{*spelling_, *snapshot_};
      query.terms = lexical::understand(question, analysis_, &known, options_).terms;
    }
    query.k = k;
    std::vector<std::uint64_t> found;
    for (const lexical::Hit& hit : snapshot_->search(query)) found.push_back(hit.id);
    return found;
  }

 private:
  bool plain_;
  lexical::QuestionOptions options_;
  std::unique_ptr<lexical::Index> index_;
  std::shared_ptr<const lexical::Snapshot> snapshot_;
  std::unique_ptr<lexical::Spelling> spelling_;
  lexical::Analysis analysis_;
};

struct DocumentLine {
  static constexpr std::string_view kName = "lexical_document";
  std::string id;
  std::string title;
  std::string text;

  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("title", self.title);
    visit("text", self.text);
  }
};

struct QuestionLine {
  static constexpr std::string_view kName = "lexical_question";
  std::string id;
  std::string text;
  std::string kind;

  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("text", self.text);
    visit("kind", self.kind);
  }
};

struct Quality {
  std::size_t questions = 0;
  double ndcg = 0;
  double reciprocal_rank = 0;
  double found = 0;
};

struct Collection {
  std::vector<std::string> names;  // of the chunks
  std::vector<Chunk> chunks;
  std::vector<QuestionLine> questions;
  std::map<std::string, std::set<std::uint64_t>> wanted;  // by question
};

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

template <class Line>
Result<std::vector<Line>> read_lines(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Error{Code::NotFound, fmt::format("{}: cannot be read", path)};
  std::vector<Line> all;
  for (std::string text; std::getline(file, text);) {
    all.push_back(TRY(json::decode<Line>(std::string_view(text))));
  }
  if (all.empty()) return Error{Code::InvalidArgument, fmt::format("{}: is empty", path)};
  return all;
}

Result<Collection> read_collection(const std::string& docs, const std::string& questions,
                                   const std::string& wanted) {
  Collection all;
  std::unordered_map<std::string, std::uint64_t> numbers;
  for (DocumentLine& line : TRY(read_lines<DocumentLine>(docs))) {
    const std::uint64_t number = all.chunks.size();
    numbers[line.id] = number;
    all.names.push_back(std::move(line.id));
    all.chunks.push_back({number, std::move(line.title), std::move(line.text)});
  }
  all.questions = TRY(read_lines<QuestionLine>(questions));
  std::ifstream file(wanted);
  if (!file) return Error{Code::NotFound, fmt::format("{}: cannot be read", wanted)};
  for (std::string line; std::getline(file, line);) {
    const std::size_t tab = line.find('\t');
    const auto chunk =
        tab == std::string::npos ? numbers.end() : numbers.find(line.substr(tab + 1));
    if (chunk == numbers.end()) {
      return Error{Code::InvalidArgument, fmt::format("{}: no such chunk: {}", wanted, line)};
    }
    all.wanted[line.substr(0, tab)].insert(chunk->second);
  }
  return all;
}

void print_times(json::Writer& out, std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  const auto at = [&](double share) {
    const auto place = static_cast<std::size_t>(share * static_cast<double>(seconds.size()));
    return seconds[std::min(place, seconds.size() - 1)] * 1e3;
  };
  out.key("p50_ms");
  out.real(at(.5));
  out.key("p99_ms");
  out.real(at(.99));
}

// Files `count` chunks; prints how long it took.
Result<void> fill(Engine& engine, std::size_t count,
                  const std::function<const Chunk&(std::size_t)>& chunk, json::Writer& out) {
  double spent = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Chunk& next = chunk(i);
    const double began = cpu_seconds();
    TRY(engine.add(next));
    spent += cpu_seconds() - began;
  }
  const double began = cpu_seconds();
  TRY(engine.commit());
  spent += cpu_seconds() - began;
  out.key("engine");
  out.string(engine.name());
  out.key("chunks");
  out.integer(static_cast<std::int64_t>(count));
  out.key("index_seconds");
  out.real(spent);
  out.key("chunks_per_second");
  out.real(static_cast<double>(count) / spent);
  return {};
}

void show_miss(const Collection& all, const QuestionLine& question,
               const std::vector<std::uint64_t>& found, const std::set<std::uint64_t>& wanted) {
  std::fprintf(stderr, "%s\n  wanted %s\n", question.text.c_str(),
               all.names[*wanted.begin()].c_str());
  for (std::size_t i = 0; i < std::min<std::size_t>(found.size(), 3); ++i) {
    std::fprintf(stderr, "  found  %s\n", all.names[found[i]].c_str());
  }
}

void print_quality(json::Writer& out, const std::map<std::string, Quality>& kinds) {
  for (const auto& [kind, sums] : kinds) {
    const auto count = static_cast<double>(sums.questions);
    out.key(kind);
    out.begin_object();
    out.key("questions");
    out.integer(static_cast<std::int64_t>(sums.questions));
    out.key("ndcg10");
    out.real(sums.ndcg / count);
    out.key("mrr10");
    out.real(sums.reciprocal_rank / count);
    out.key("recall10");
    out.real(sums.found / count);
    out.end_object();
  }
}

Result<void> measure_quality(Engine& engine, const Collection& all, const std::string& shown) {
  json::Writer out;
  out.begin_object();
  TRY(fill(
      engine, all.chunks.size(), [&](std::size_t i) -> const Chunk& { return all.chunks[i]; },
      out));
  std::map<std::string, Quality> kinds;
  std::vector<double> seconds;
  for (const QuestionLine& question : all.questions) {
    const auto wanted = all.wanted.find(question.id);
    if (wanted == all.wanted.end()) continue;
    const double began = cpu_seconds();
    const std::vector<std::uint64_t> found = TRY(engine.search(question.text, kTop));
    seconds.push_back(cpu_seconds() - began);
    const auto first = std::find_if(found.begin(), found.end(),
                                    [&](std::uint64_t id) { return wanted->second.contains(id); });
    const auto rank = static_cast<double>(first - found.begin()) + 1;
    for (Quality* sums : {&kinds[question.kind], &kinds["all"]}) {
      ++sums->questions;
      if (first == found.end()) continue;
      sums->ndcg += 1 / std::log2(rank + 1);
      sums->reciprocal_rank += 1 / rank;
      sums->found += 1;
    }
    if (question.kind == shown && rank > 1) show_miss(all, question, found, wanted->second);
  }
  if (seconds.empty()) return Error{Code::InvalidArgument, "no question has a wanted chunk"};
  print_quality(out, kinds);
  print_times(out, seconds);
  out.end_object();
  fmt::print("{}\n", out.text());
  std::fflush(stdout);
  return {};
}

Result<void> measure_speed(Engine& engine, std::size_t count) {
  const Text text(1);
  json::Writer out;
  out.begin_object();
  Chunk chunk;
  TRY(fill(
      engine, count,
      [&](std::size_t i) -> const Chunk& {
        chunk = text.chunk(i);
        chunk.id = i;
        return chunk;
      },
      out));
  const auto ask = [&](const char* kind, auto&& question) -> Result<void> {
    std::vector<double> seconds;
    for (std::size_t i = 0; i < kZipfQuestions; ++i) {
      const std::string words = question(i);
      const double began = cpu_seconds();
      TRY(engine.search(words, kTop));
      seconds.push_back(cpu_seconds() - began);
    }
    out.key(kind);
    out.begin_object();
    print_times(out, seconds);
    out.end_object();
    return {};
  };
  TRY(ask("common", [&](std::size_t i) { return text.common_query(i, kZipfWords); }));
  TRY(ask("rare", [&](std::size_t i) { return text.rare_query(i, kZipfWords); }));
  TRY(ask("mixed", [&](std::size_t i) { return text.mixed_query(i, kZipfWords); }));
  out.end_object();
  fmt::print("{}\n", out.text());
  std::fflush(stdout);
  return {};
}

// One engine at a time, so that none has another's memory beside it; those whose name begins so.
Result<void> each_engine(const std::string& beginning,
                         const std::function<Result<void>(Engine&)>& measure) {
  const auto try_one = [&](const std::unique_ptr<Engine>& engine) -> Result<void> {
    if (engine == nullptr || !engine->name().starts_with(beginning)) return {};
    return measure(*engine);
  };
  TRY(try_one(full_engine()));
  TRY(try_one(plain_engine()));
  for (const Fts5Options& options : {kFts5Best, kFts5Porter}) {
    const std::unique_ptr<Engine> engine = TRY(fts5_engine(options));
    TRY(try_one(engine));
  }
  return try_one(xapian_engine());
}

Result<void> run(std::map<std::string, std::string> flags) {
  if (flags.contains("--zipf")) {
    const std::size_t count = std::strtoull(flags["--zipf"].c_str(), nullptr, 10);
    if (count == 0) return Error{Code::InvalidArgument, "--zipf wants a number of chunks"};
    return each_engine(flags["--engine"],
                       [&](Engine& engine) { return measure_speed(engine, count); });
  }
  if (!flags.contains("--docs") || !flags.contains("--queries") || !flags.contains("--qrels")) {
    return Error{Code::InvalidArgument, "wants --docs, --queries and --qrels, or --zipf N"};
  }
  const Collection all =
      TRY(read_collection(flags["--docs"], flags["--queries"], flags["--qrels"]));
  std::string shown = flags["--show"];
  return each_engine(flags["--engine"], [&](Engine& engine) {
    return measure_quality(engine, all, std::exchange(shown, {}));  // of the first engine alone
  });
}

}  // namespace

std::unique_ptr<Engine> full_engine() { return std::make_unique<Ours>(false); }
std::unique_ptr<Engine> plain_engine() { return std::make_unique<Ours>(true); }

}  // namespace bench

int main(int argc, char** argv) {
  std::map<std::string, std::string> flags;
  for (int i = 1; i + 1 < argc; i += 2) flags[argv[i]] = argv[i + 1];
  const Result<void> done = bench::run(std::move(flags));
  if (!done) fmt::print(stderr, "lexical: {}\n", done.error().message);
  return done ? 0 : 2;
}
