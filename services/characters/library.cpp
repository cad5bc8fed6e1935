#include "characters/library.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/ids.h"
#include "base/utf8.h"
#include "characters/files.h"

namespace characters {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHistoryFolder = ".history";

// The folder appears under its name (or takes the place of an empty one) only when all files are in
// it, so that a start that was cut short does not leave half a cast.
Result<void> fill(const fs::path& folder, std::span<const ShippedFile> shipped) {
  const fs::path draft = folder.string() + ".new";
  std::error_code error;
  fs::remove_all(draft, error);
  fs::create_directories(draft, error);
  if (error) return file_error("cannot make", draft, error.message());
  for (const auto& [name, text] : shipped) {
    TRY(write_file(draft / name, text));
  }
  fs::rename(draft, folder, error);
  if (error) return file_error("cannot make", folder, error.message());
  return sync_folder(fs::absolute(folder).parent_path());
}

Result<std::string> knowledge_of(const fs::path& folder, const Card& card) {
  if (card.knowledge_file.empty()) return std::string();
  std::string knowledge = TRY(read_file(folder / card.knowledge_file, Library::kKnowledgeBytesMax));
  if (!utf8_valid(knowledge)) {
    return Error{Code::InvalidArgument, fmt::format("{} is not UTF-8", card.knowledge_file)};
  }
  return knowledge;
}

}  // namespace

Error no_character(std::string_view id) {
  return Error{Code::NotFound, fmt::format("no character {}", id)};
}

const Member* Cast::find(std::string_view id) const {
  const auto found = members.find(id);
  return found == members.end() ? nullptr : found->second.get();
}

std::vector<const Card*> Cast::others_than(std::string_view id) const {
  std::vector<const Card*> others;
  for (const auto& [member_id, member] : members) {
    if (member_id != id) others.push_back(&member->card);
  }
  return others;
}

Library::Library(fs::path folder, int versions_max)
    : folder_(std::move(folder)),
      history_(folder_ / kHistoryFolder, versions_max),
      cast_(std::make_shared<const Cast>()) {}

Result<std::unique_ptr<Library>> Library::open(fs::path folder,
                                               std::span<const ShippedFile> shipped,
                                               int versions_max) {
  if (!folder.has_filename()) folder = folder.parent_path();  // "cards/"
  std::error_code error;
  const bool missing = !fs::exists(folder, error);
  if (missing || fs::is_empty(folder, error)) TRY(fill(folder, shipped));
  if (!fs::is_directory(folder, error)) return file_error("cannot open", folder, "not a folder");
  return std::unique_ptr<Library>(new Library(std::move(folder), versions_max));
}

std::shared_ptr<const Cast> Library::cast() const {
  const std::lock_guard lock(mutex_);
  return cast_;
}

Result<Reload> Library::reload() {
  const std::lock_guard folder_lock(folder_mutex_);
  const std::vector<std::string> files = TRY(card_files());
  std::erase_if(entries_, [&](const auto& entry) {
    return !std::binary_search(files.begin(), files.end(), entry.first);
  });
  Reload result;
  for (const auto& file : files) {
    const auto known = entries_.find(file);
    if (known != entries_.end() && known->second.card == stamp(file) &&
        known->second.knowledge == stamp(known->second.knowledge_file)) {
      continue;
    }
    Entry& entry = entries_[file];
    auto loaded = load(file, entry);
    const auto before = std::exchange(entry.problem, std::nullopt);
    if (loaded) continue;
    entry.problem = loaded.error();
    if (before && before->message == entry.problem->message) continue;
    result.problems.push_back({file, entry.good ? entry.good->card.id : "", *entry.problem});
  }
  result.changes = publish();
  return result;
}

// Stamps are taken before the reading: what is written meanwhile shows at the next reload.
Result<void> Library::load(const std::string& file, Entry& entry) {
  entry.card = stamp(file);
  entry.knowledge = stamp(entry.knowledge_file);
  const std::string text = TRY(read_file(folder_ / file, kCardBytesMax));
  Card card = TRY(parse_card(text));
  entry.knowledge_file = card.knowledge_file;
  entry.knowledge = stamp(entry.knowledge_file);
  const std::string* holder = file_of(card.id);
  if (holder != nullptr && *holder != file) {
    entry.card.reset();  // tried again until the other card gives the id up
    return Error{Code::Conflict, fmt::format("another card has the id {}", card.id)};
  }
  std::string knowledge = TRY(knowledge_of(folder_, card));
  // A card that cannot be kept (a folder that is read-only) is on stage all the same.
  const int version = [&] {
    const auto kept = history_.keep(card.id, card.raw);
    return kept ? kept.value() : 0;
  }();
  entry.good =
      std::make_shared<const Member>(Member{std::move(card), std::move(knowledge), version});
  return {};
}

// The file that holds the card of `id`.
const std::string* Library::file_of(std::string_view id) const {
  for (const auto& [file, entry] : entries_) {
    if (entry.good && entry.good->card.id == id) return &file;
  }
  return nullptr;
}

// Where a card is to be written.
Result<std::string> Library::file_for(const Card& card) const {
  if (const std::string* file = file_of(card.id)) return *file;
  std::string file = card.id + ".json";
  std::error_code ignored;
  if (fs::exists(folder_ / file, ignored)) {
    return Error{Code::Conflict,
                 fmt::format("the card of {} belongs into {}, which holds another or a bad one",
                             card.id, file)};
  }
  if (entries_.size() >= kCardsMax) {
    return Error{Code::TooLarge,
                 fmt::format("there are {} characters, the most that can be", kCardsMax)};
  }
  return file;
}

// An edit of the file that no reload has seen yet is the present version, too.
Result<void> Library::check_version(std::string_view id, std::optional<int> expected) {
  const std::string* file = file_of(id);
  if (file != nullptr && entries_.at(*file).card != stamp(*file)) {
    Entry& entry = entries_.at(*file);
    if (!load(*file, entry)) entry.card.reset();  // the next reload says why
    file = file_of(id);
  }
  const int version = file == nullptr ? 0 : entries_.at(*file).good->version;
  if (!expected || *expected == version) return {};
  if (file == nullptr) {
    return Error{Code::Conflict,
                 fmt::format("there is no character {}, so no version {} of it", id, *expected)};
  }
  return Error{Code::Conflict,
               fmt::format("character {} is at version {}, not {}", id, version, *expected)};
}

Result<Put> Library::put(std::string_view id, const Package& package, std::optional<int> expected) {
  std::string text = package.card;
  Card card = TRY(parse_card(text));
  if (!id.empty() && card.id != id) {
    if (card.has_own_id) {
      return Error{
          Code::InvalidArgument,
          fmt::format("data.extensions.troupe.id: is {}, but it is put as {}", card.id, id)};
    }
    text = TRY(with_id(text, id));
    card = TRY(parse_card(text));
  }
  const std::lock_guard folder_lock(folder_mutex_);
  TRY(check_version(card.id, expected));
  auto knowledge = knowledge_of(folder_, card);
  if (!knowledge) {
    return Error{Code::InvalidArgument,
                 fmt::format("data.extensions.troupe.knowledge: {}", knowledge.error().message)};
  }
  const std::string file = TRY(file_for(card));
  // First the card, then its version: a crash in between leaves a card whose version is kept at the
  // next start, and never a version of what was not put.
  TRY(write_file(folder_ / file, text));
  if (!package.carrier.empty()) {
    TRY(history_.keep_carrier(card.id, package.form, package.carrier));
  }
  Entry& entry = entries_[file];
  if (auto loaded = load(file, entry); !loaded) {
    entry.card.reset();  // the next reload tries again
    return std::move(loaded).error();
  }
  entry.problem.reset();
  if (entry.good->version == 0) {
    return Error{Code::Unavailable, fmt::format("the version of {} cannot be kept", card.id)};
  }
  const auto on_stage = cast();
  const Member* before = on_stage->find(card.id);
  const bool same = before && before->card.raw == text && before->version == entry.good->version;
  publish();
  Put result{card.id, card.name, entry.good->version, std::nullopt};
  if (!same) result.change = Change{card.id, false};
  return result;
}

Result<Change> Library::remove(std::string_view id, std::optional<int> expected) {
  const std::lock_guard folder_lock(folder_mutex_);
  if (file_of(id) == nullptr) return no_character(id);
  TRY(check_version(id, expected));
  const std::string* file = file_of(id);  // the edit may have given the file to another
  if (file == nullptr) return no_character(id);
  std::error_code error;
  fs::remove(folder_ / *file, error);
  if (error) return file_error("cannot remove", folder_ / *file, error.message());
  TRY(sync_folder(folder_));
  TRY(history_.forget(id));
  entries_.erase(std::string(*file));
  publish();
  return Change{std::string(id), true};
}

Result<std::vector<Version>> Library::versions(std::string_view id) const {
  if (cast()->find(id) == nullptr) return no_character(id);
  const std::lock_guard folder_lock(folder_mutex_);
  return history_.versions(id);
}

Result<std::string> Library::version(std::string_view id, int number) const {
  if (cast()->find(id) == nullptr) return no_character(id);
  const std::lock_guard folder_lock(folder_mutex_);
  return history_.card(id, number);
}

Result<std::string> Library::carrier(std::string_view id, Form form) const {
  const std::lock_guard folder_lock(folder_mutex_);
  return history_.carrier(id, form);
}

// Makes the entries the cast and says what differs from the one before.
std::vector<Change> Library::publish() {
  auto next = std::make_shared<Cast>();
  for (const auto& [file, entry] : entries_) {
    const std::string id = entry.good ? entry.good->card.id : "";
    if (entry.good) next->members.emplace(id, entry.good);
    if (entry.problem) next->problems.push_back({file, id, *entry.problem});
  }
  for (const auto& [id, member] : next->members) {
    next->fingerprint = hash64(member->card.raw, hash64(id, next->fingerprint));
  }
  const auto before = cast();
  std::vector<Change> changes;
  for (const auto& [id, member] : before->members) {
    if (!next->members.contains(id)) changes.push_back({id, true});
  }
  for (const auto& [id, member] : next->members) {
    const auto old = before->members.find(id);
    if (old == before->members.end() || old->second != member) changes.push_back({id, false});
  }
  std::sort(changes.begin(), changes.end(),
            [](const Change& a, const Change& b) { return a.id < b.id; });
  const std::lock_guard lock(mutex_);
  cast_ = std::move(next);
  return changes;
}

std::optional<Library::Stamp> Library::stamp(const std::string& file) const {
  if (file.empty()) return std::nullopt;
  std::error_code error;
  Stamp result;
  result.time = fs::last_write_time(folder_ / file, error);
  if (error) return std::nullopt;
  result.bytes = fs::file_size(folder_ / file, error);
  if (error) return std::nullopt;
  return result;
}

// The names of all cards, sorted.
Result<std::vector<std::string>> Library::card_files() const {
  std::error_code error;
  std::vector<std::string> files;
  for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() != ".json") continue;
    std::error_code unreadable;  // a dangling link is no card, and no reason to stop
    if (!it->is_regular_file(unreadable)) continue;
    if (files.size() == kCardsMax) {
      return Error{Code::TooLarge,
                   fmt::format("{} holds more than {} cards", folder_.string(), kCardsMax)};
    }
    files.push_back(it->path().filename().string());
  }
  if (error) return file_error("cannot list", folder_, error.message());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace characters
