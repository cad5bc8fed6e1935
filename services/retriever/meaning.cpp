#include "retriever/meaning.h"

#include <algorithm>
#include <mutex>
#include <unordered_set>
#include <utility>

namespace retriever {
namespace {

// Of two sentences that have nothing to do with each other it is .1 to .2, of 270 questions and the
// chunk that answers them .15 or more for all but three.
constexpr float kNearnessMin = 0.15F;
constexpr std::size_t kEntryBytes = 128;  // of what refers to them

std::size_t bytes_of(const Sentences& sentences) { return sentences.memory() + kEntryBytes; }

}  // namespace

bool Meaning::ready(const std::string& name) const {
  const auto found = collections_.find(name);
  if (found == collections_.end()) return listed_ && !overfull_;
  return found->second.complete;
}

bool Meaning::covers(const std::vector<std::string>& collections) const {
  const std::lock_guard lock(mutex_);
  if (collections.empty()) {
    return listed_ && !overfull_ &&
           std::all_of(collections_.begin(), collections_.end(),
                       [](const auto& entry) { return entry.second.complete; });
  }
  return std::all_of(collections.begin(), collections.end(),
                     [this](const std::string& name) { return ready(name); });
}

std::vector<std::shared_ptr<const Meaning::Shown>> Meaning::shown(
    const std::vector<std::string>& collections) const {
  std::vector<std::shared_ptr<const Shown>> all;
  const auto take = [&](const Collection& collection) {
    if (collection.shown) all.push_back(collection.shown);
  };
  const std::set names(collections.begin(), collections.end());
  const std::lock_guard lock(mutex_);
  if (names.empty()) {
    for (const auto& entry : collections_) take(entry.second);
  }
  for (const std::string& name : names) {
    const auto found = collections_.find(name);
    if (found != collections_.end()) take(found->second);
  }
  return all;
}

std::vector<lexical::Hit> Meaning::search(std::string_view text,
                                          const std::vector<std::string>& collections,
                                          std::size_t count) const {
  const CodedQuestion question(encoder_.encode(text));
  std::vector<lexical::Hit> hits;
  for (const auto& collection : shown(collections)) {
    for (const auto& [chunk, sentences] : *collection) {
      const float nearness = sentences->nearest(question);
      if (nearness >= kNearnessMin) hits.push_back({static_cast<std::uint64_t>(chunk), nearness});
    }
  }
  count = std::min(count, hits.size());
  std::partial_sort(hits.begin(), hits.begin() + static_cast<std::ptrdiff_t>(count), hits.end(),
                    [](const lexical::Hit& a, const lexical::Hit& b) {
                      return std::pair(-a.score, a.id) < std::pair(-b.score, b.id);
                    });
  hits.resize(count);
  return hits;
}

Meaning::Change::Change(Meaning* meaning, std::string collection)
    : meaning_(meaning),
      collection_(std::move(collection)),
      noted_(meaning_ != nullptr && meaning_->begin(collection_)) {}

Meaning::Change::~Change() {
  if (noted_) meaning_->end(collection_);
}

// nullptr when there is no room for another name.
Meaning::Collection* Meaning::entry(const std::string& name) {
  const auto found = collections_.find(name);
  if (found != collections_.end()) return &found->second;
  if (collections_.size() == limits_.collections_max) {
    overfull_ = true;
    return nullptr;
  }
  return &collections_[name];
}

// False when there was no room for its name.
bool Meaning::begin(const std::string& collection) {
  const std::lock_guard lock(mutex_);
  Collection* const known = entry(collection);
  if (known == nullptr) return false;
  known->complete = false;
  ++known->changes;
  return true;
}

void Meaning::end(const std::string& collection) {
  const std::lock_guard lock(mutex_);
  --collections_.at(collection).changes;  // complete() leaves it alone meanwhile
  changed_.insert(collection);
  told_.notify_all();
}

void Meaning::changed(const std::string& collection) { const Change now(this, collection); }

Meaning::Stats Meaning::stats() const {
  const std::lock_guard lock(mutex_);
  Stats stats;
  stats.bytes = bytes_;
  stats.settled = listed_ && !busy_ && changed_.empty();
  for (const auto& [name, collection] : collections_) {
    if (collection.complete) stats.chunks += collection.shown->size();
    if (collection.changes > 0) stats.settled = false;
  }
  return stats;
}

std::optional<std::string> Meaning::next(const std::stop_token& stop, Milliseconds at_most) {
  std::unique_lock lock(mutex_);
  busy_ = false;
  const bool found = told_.wait_for(lock, stop, at_most, [&] { return !changed_.empty(); });
  if (!found || stop.stop_requested()) return std::nullopt;
  busy_ = true;
  // By turns, so that one that always changes does not keep the others waiting.
  auto next = changed_.upper_bound(last_);
  if (next == changed_.end()) next = changed_.begin();
  return last_ = std::move(changed_.extract(next).value());
}

std::vector<std::int64_t> Meaning::keep_only(const std::string& collection,
                                             const std::vector<std::int64_t>& chunks) {
  const std::unordered_set<std::int64_t> kept(chunks.begin(), chunks.end());
  std::vector<std::int64_t> missing;
  const std::lock_guard lock(mutex_);
  const auto found = collections_.find(collection);
  if (found == collections_.end()) return missing;
  Collection& known = found->second;
  std::erase_if(known.chunks, [&](const auto& chunk) {
    if (kept.contains(chunk.first)) return false;
    known.bytes -= bytes_of(*chunk.second);
    bytes_ -= bytes_of(*chunk.second);
    return true;
  });
  for (const std::int64_t chunk : chunks) {
    if (!known.chunks.contains(chunk)) missing.push_back(chunk);
  }
  return missing;
}

bool Meaning::has_room(const std::string& collection) const {
  const std::lock_guard lock(mutex_);
  const auto found = collections_.find(collection);
  if (found == collections_.end()) return false;
  const Collection& known = found->second;
  return bytes_ - known.bytes + known.lacked <= limits_.bytes_max;
}

bool Meaning::add(const std::string& collection, std::int64_t chunk, Sentences sentences) {
  const std::size_t bytes = bytes_of(sentences);
  const std::lock_guard lock(mutex_);
  const auto found = collections_.find(collection);
  if (found == collections_.end()) return false;
  Collection& known = found->second;
  if (bytes_ + bytes > limits_.bytes_max) {
    known.lacked = known.bytes + bytes;
    return false;
  }
  auto kept = std::make_shared<const Sentences>(std::move(sentences));
  if (known.chunks.emplace(chunk, std::move(kept)).second) {
    known.bytes += bytes;
    bytes_ += bytes;
  }
  return true;
}

void Meaning::complete(const std::string& collection) {
  const std::lock_guard lock(mutex_);
  const auto found = collections_.find(collection);
  if (found == collections_.end() || found->second.changes > 0) return;
  if (changed_.contains(collection)) return;
  Collection& known = found->second;
  if (known.chunks.empty()) {
    collections_.erase(found);
    return;
  }
  known.shown = std::make_shared<const Shown>(known.chunks.begin(), known.chunks.end());
  known.complete = true;
  known.lacked = 0;
}

void Meaning::leave_out(const std::string& collection) {
  Chunks gone;  // freed when the lock is not held
  std::shared_ptr<const Shown> hidden;
  const std::lock_guard lock(mutex_);
  const auto found = collections_.find(collection);
  if (found == collections_.end()) return;
  Collection& known = found->second;
  bytes_ -= std::exchange(known.bytes, 0);
  gone.swap(known.chunks);
  hidden.swap(known.shown);
  known.complete = false;
}

void Meaning::know_all() {
  const std::lock_guard lock(mutex_);
  listed_ = true;
}

}  // namespace retriever
