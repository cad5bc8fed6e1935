#include "llm/pass_through.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/limits.h"
#include "llm/stream_reader.h"
#include "llm/talk_json.h"

namespace llm::talk {
namespace {

constexpr std::size_t kMembersMax = 64;

// Goes over JSON text without making anything of it.
class Skipper {
 public:
  explicit Skipper(std::string_view text) : text_(text) {}

  void space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) {
      ++at_;
    }
  }
  bool take(char wanted) {
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  bool at_end() const { return at_ == text_.size(); }
  std::size_t at() const { return at_; }

  // A string, from its first quote to behind its last.
  bool string() {
    if (!take('"')) return false;
    while (true) {
      const std::size_t quote = text_.find('"', at_);
      if (quote == text_.npos) return false;
      std::size_t slashes = 0;
      while (text_[quote - slashes - 1] == '\\') ++slashes;
      at_ = quote + 1;
      if (slashes % 2 == 0) return true;
    }
  }

  // Any value; of an object or array as far as its brackets match.
  bool value() {
    if (at_end()) return false;
    if (text_[at_] == '"') return string();
    if (text_[at_] == '{' || text_[at_] == '[') return nested();
    const std::size_t begin = at_;
    at_ = std::min(text_.find_first_of(",}] \t\r\n", at_), text_.size());
    return at_ > begin;
  }

 private:
  bool nested() {
    std::uint64_t objects = 0;  // a bit for each open bracket: whether it is an object's
    std::size_t depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        if (!string()) return false;
        continue;
      }
      ++at_;
      if (c == '{' || c == '[') {
        if (++depth > limits::kJsonDepth) return false;
        objects = objects << 1 | (c == '{' ? 1U : 0U);
      } else if (c == '}' || c == ']') {
        if ((objects & 1) != (c == '}' ? 1U : 0U)) return false;
        objects >>= 1;
        if (--depth == 0) return true;
      }
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// The chunk that carries the usage has no choice.
bool usage_only(std::string_view chunk) {
  constexpr std::string_view kChoices = "\"choices\"";
  if (!has_member(chunk, "\"usage\"")) return false;
  const std::size_t at = chunk.find(kChoices);
  if (at == chunk.npos) return false;
  Skipper rest(chunk.substr(at + kChoices.size()));
  rest.space();
  if (!rest.take(':')) return false;
  rest.space();
  if (!rest.take('[')) return false;
  rest.space();
  return rest.take(']');
}

static_assert(limits::kJsonDepth <= 64, "the brackets have their places in 64 bits");

}  // namespace

Result<Outline> Outline::of(std::string_view body) {
  const auto nonsense = [] { return wrong("the body must be a JSON object"); };
  Outline outline;
  outline.body_ = body;
  outline.members_.reserve(16);
  Skipper text(body);
  text.space();
  if (!text.take('{')) return nonsense();
  text.space();
  bool more = !text.take('}');
  while (more) {
    text.space();
    const std::size_t key_at = text.at();
    if (!text.string()) return nonsense();
    const std::string_view key = body.substr(key_at + 1, text.at() - key_at - 2);
    if (key.find('\\') != key.npos) return wrong("a member's name has escapes in it");
    if (!outline.find(key).empty()) return wrong(std::string(key) + ": stands there twice");
    text.space();
    if (!text.take(':')) return nonsense();
    text.space();
    const std::size_t value_at = text.at();
    if (!text.value()) return nonsense();
    if (outline.members_.size() == kMembersMax) return wrong("the body has too many members");
    outline.members_.push_back({key, body.substr(value_at, text.at() - value_at)});
    text.space();
    more = text.take(',');
    if (!more && !text.take('}')) return nonsense();
  }
  text.space();
  if (!text.at_end()) return nonsense();
  return outline;
}

std::string_view Outline::find(std::string_view key) const {
  for (const Member& member : members_) {
    if (member.key == key) return member.value;
  }
  return {};
}

std::string_view Outline::text(std::string_view key) const {
  const std::string_view value = find(key);
  if (value.size() < 2 || value.front() != '"' || value.find('\\') != value.npos) return {};
  return value.substr(1, value.size() - 2);
}

std::optional<std::int64_t> Outline::integer(std::string_view key) const {
  const std::string_view value = find(key);
  std::int64_t number = 0;
  const char* const end = value.data() + value.size();
  const auto [rest, failed] = std::from_chars(value.data(), end, number);
  if (value.empty() || failed != std::errc() || rest != end) return std::nullopt;
  return number;
}

std::string Outline::with(const std::vector<Edit>& edits) const {
  std::string changed;
  std::size_t room = body_.size();
  for (const Edit& edit : edits) room += edit.key.size() + edit.json.size() + 4;
  changed.reserve(room);
  std::size_t copied = 0;
  const auto offset = [&](const char* place) {
    return static_cast<std::size_t>(place - body_.data());
  };
  for (const Member& member : members_) {
    const auto edit = std::find_if(edits.begin(), edits.end(),
                                   [&](const Edit& one) { return one.key == member.key; });
    if (edit == edits.end()) continue;
    const std::size_t value_at = offset(member.value.data());
    changed += body_.substr(copied, value_at - copied);
    changed += edit->json;
    copied = value_at + member.value.size();
  }
  const std::size_t close = body_.rfind('}');
  changed += body_.substr(copied, close - copied);
  bool first = members_.empty();
  for (const Edit& edit : edits) {
    if (!find(edit.key).empty()) continue;
    if (!std::exchange(first, false)) changed += ',';
    changed += '"';
    changed += edit.key;
    changed += "\":";
    changed += edit.json;
  }
  changed += body_.substr(close);
  return changed;
}

Watch::Watch(std::unique_ptr<StreamReader> reader, HideUsage hide, OnDelta copy)
    : reader_(std::move(reader)),
      hide_(hide),
      copy_(std::move(copy)),
      on_delta_([this](const Delta& delta) { note(delta); }) {
  if (!copy_) reader_->skim();
}

Result<std::string_view> Watch::feed(std::string_view piece) {
  TRY(reader_->feed(piece, on_delta_));
  return hide_ == HideUsage::Yes ? without_usage(piece) : piece;
}

Result<std::string_view> Watch::end() {
  TRY(reader_->end(on_delta_));
  out_ = std::exchange(held_, {});
  return std::string_view(out_);
}

void Watch::note(const Delta& delta) {
  if (copy_) copy_(delta);
  if (const auto* counted = std::get_if<Counted>(&delta)) {
    usage_ = counted->usage;
  } else if (const auto* finished = std::get_if<Finished>(&delta)) {
    finish_ = finished->reason;
  } else {
    ++deltas_;
    if (const auto* text = std::get_if<TextDelta>(&delta)) {
      text_bytes_ += static_cast<std::int64_t>(text->text.size());
    }
  }
}

// Whole events only: what is unfinished waits for the rest of it.
std::string_view Watch::without_usage(std::string_view piece) {
  out_.clear();
  if (!events_.feed(piece)) return piece;
  bool changed = !held_.empty();
  std::size_t sent = 0;
  StreamEvent event;
  while (events_.next(event)) {
    const std::size_t begin = std::exchange(sent, event.end);
    if (usage_only(event.data)) {
      if (!std::exchange(changed, true)) out_ = piece.substr(0, begin);
    } else if (changed) {
      out_ += held_;
      out_ += piece.substr(begin, event.end - begin);
    }
    held_.clear();
  }
  held_ += piece.substr(sent);
  return changed ? std::string_view(out_) : piece.substr(0, sent);
}

}  // namespace llm::talk
