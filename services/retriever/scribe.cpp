#include "retriever/scribe.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "telemetry/log.h"

namespace retriever {
namespace {

constexpr Milliseconds kIdle{600'000};
constexpr Milliseconds kRetry{1'000};
constexpr std::size_t kBatchChunks = 16;  // that one write to the disk keeps
constexpr std::size_t kPageCollections = 1'000;

void pause(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, kRetry, [] { return false; });
}

std::optional<Sentences> encoded(const SentenceEncoder& encoder, std::string_view text,
                                 const std::stop_token& stop) {
  std::vector<encoder::Vector> vectors;
  for (const std::string_view sentence : Sentences::of(text)) {
    if (stop.stop_requested()) return std::nullopt;
    vectors.push_back(encoder.encode(sentence));
  }
  return Sentences(vectors);
}

}  // namespace

void Scribe::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto done = catch_up(stop, kIdle);
    if (done) continue;
    telemetry::warn("sentence vectors have to wait", {{"error", done.error().message}});
    pause(stop);
  }
}

Result<void> Scribe::catch_up(const std::stop_token& stop, Milliseconds idle) {
  if (!listed_) TRY(list());
  for (auto next = meaning_.next(stop, idle); next; next = meaning_.next(stop, idle)) {
    const auto written = write(*next, stop);
    if (written) continue;
    meaning_.changed(*next);  // again later
    return written;
  }
  return {};
}

Result<void> Scribe::list() {
  std::vector<Collection> page;
  do {
    page = TRY(index_.collections(page.empty() ? "" : page.back().name, kPageCollections));
    for (const Collection& collection : page) meaning_.changed(collection.name);
  } while (page.size() == kPageCollections);
  meaning_.know_all();
  listed_ = true;
  return {};
}

Result<void> Scribe::write(const std::string& collection, const std::stop_token& stop) {
  const std::size_t chunks_max = meaning_.limits().chunks_max;
  const auto chunks = TRY(index_.chunk_keys(collection, chunks_max + 1));
  bool room = chunks.size() <= chunks_max && meaning_.has_room(collection);
  std::vector<std::int64_t> missing;
  if (room) missing = meaning_.keep_only(collection, chunks);
  sentences_made_ = 0;
  for (std::span<const std::int64_t> rest = missing; room && !rest.empty();) {
    const std::size_t count = std::min(rest.size(), kBatchChunks);
    room = TRY(write(collection, rest.first(count), stop));
    if (stop.stop_requested()) return {};
    rest = rest.subspan(count);
  }
  if (!room) {
    meaning_.leave_out(collection);
    return {};
  }
  meaning_.complete(collection);
  if (sentences_made_ > 0) {
    telemetry::info("collection is searched by meaning", {{"collection", collection},
                                                          {"chunks", chunks.size()},
                                                          {"sentences_made", sentences_made_}});
  }
  return {};
}

// Whether there was room in memory.
Result<bool> Scribe::write(const std::string& collection, std::span<const std::int64_t> chunks,
                           const std::stop_token& stop) {
  const SentenceEncoder& encoder = meaning_.encoder();
  std::vector<std::pair<std::int64_t, Sentences>> ready;
  std::vector<Index::Vectors> made;
  for (const auto& [chunk, text, bytes] : TRY(index_.vectors_of(chunks, encoder.identity))) {
    auto kept = Sentences::from(bytes);
    if (kept) {
      ready.emplace_back(chunk, std::move(kept).value());
      continue;
    }
    auto sentences = encoded(encoder, text, stop);
    if (!sentences) break;
    sentences_made_ += sentences->count();
    made.push_back({chunk, {}, sentences->bytes()});
    ready.emplace_back(chunk, std::move(*sentences));
  }
  TRY(index_.keep_vectors(made, encoder.identity));
  for (auto& [chunk, sentences] : ready) {
    if (!meaning_.add(collection, chunk, std::move(sentences))) return false;
  }
  return true;
}

}  // namespace retriever
