#include "characters/library.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <system_error>
#include <utility>

#include "base/utf8.h"

namespace characters {
namespace {

namespace fs = std::filesystem;

Error io_error(std::string_view what, const fs::path& path, std::string_view why) {
  return Error{Code::Unavailable, fmt::format("{} {}: {}", what, path.string(), why)};
}

Result<std::string> read_file(const fs::path& path, std::size_t bytes_max) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return io_error("cannot read", path, "no such file or no permission");
  std::string text(bytes_max + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return io_error("cannot read", path, "read failed");
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > bytes_max) {
    return Error{Code::TooLarge,
                 fmt::format("{} exceeds {} bytes", path.filename().string(), bytes_max)};
  }
  return text;
}

// The folder appears under its name (or takes the place of an empty one) only when all files are in
// it, so that a start that was cut short does not leave half a cast.
Result<void> fill(const fs::path& folder, std::span<const ShippedFile> shipped) {
  const fs::path draft = folder.string() + ".new";
  std::error_code error;
  fs::remove_all(draft, error);
  fs::create_directories(draft, error);
  if (error) return io_error("cannot make", draft, error.message());
  for (const auto& [name, text] : shipped) {
    std::ofstream out(draft / name, std::ios::binary);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    out.close();
    if (!out) return io_error("cannot write", draft / name, "write failed");
  }
  fs::rename(draft, folder, error);
  if (error) return io_error("cannot make", folder, error.message());
  return {};
}

}  // namespace

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

Library::Library(fs::path folder)
    : folder_(std::move(folder)), cast_(std::make_shared<const Cast>()) {}

Result<std::unique_ptr<Library>> Library::open(fs::path folder,
                                               std::span<const ShippedFile> shipped) {
  std::error_code error;
  const bool missing = !fs::exists(folder, error);
  if (missing || fs::is_empty(folder, error)) TRY(fill(folder, shipped));
  if (!fs::is_directory(folder, error)) return io_error("cannot open", folder, "not a folder");
  return std::unique_ptr<Library>(new Library(std::move(folder)));
}

std::shared_ptr<const Cast> Library::cast() const {
  const std::lock_guard lock(mutex_);
  return cast_;
}

Result<Reload> Library::reload() {
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
    std::string problem = loaded ? std::string() : loaded.error().message;
    const bool news = std::exchange(entry.problem, std::move(problem)) != entry.problem;
    if (!loaded && news) result.problems.push_back({file, std::move(loaded).error()});
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
  if (id_taken(card.id, file)) {
    entry.card.reset();  // tried again until the other card gives the id up
    return Error{Code::Conflict, fmt::format("another card has the id {}", card.id)};
  }
  std::string knowledge;
  if (!card.knowledge_file.empty()) {
    knowledge = TRY(read_file(folder_ / card.knowledge_file, kKnowledgeBytesMax));
    if (!utf8_valid(knowledge)) {
      return Error{Code::InvalidArgument, fmt::format("{} is not UTF-8", card.knowledge_file)};
    }
  }
  entry.good = std::make_shared<const Member>(Member{std::move(card), std::move(knowledge)});
  return {};
}

bool Library::id_taken(const std::string& id, const std::string& file) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const auto& entry) {
    return entry.first != file && entry.second.good && entry.second.good->card.id == id;
  });
}

// Makes the entries the cast and says what differs from the one before.
std::vector<Change> Library::publish() {
  auto next = std::make_shared<Cast>();
  for (const auto& [file, entry] : entries_) {
    if (entry.good) next->members.emplace(entry.good->card.id, entry.good);
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
  if (error) return io_error("cannot list", folder_, error.message());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace characters
