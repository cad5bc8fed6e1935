#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "llm/events.h"
#include "llm/format.h"
#include "llm/talk.h"

// When the client and the provider speak the same dialect, a request is sent as it came but for a
// few members, and the answer goes through byte by byte while somebody looks on. This is the hot
// path: a request is read once without a tree, and of a stream only the events that matter.
namespace llm::talk {

// Where the members of a JSON object lie in its text. It is checked for being one object with
// closed strings and matching brackets; what is inside the members is for the provider to judge.
class Outline {
 public:
  struct Member {
    std::string_view key;
    std::string_view value;  // its JSON
  };

  // InvalidArgument: it is no such object; or a key is written with escapes or twice, so that we
  // and the provider might not read the same. The body must outlive the outline.
  static Result<Outline> of(std::string_view body);

  // The member's JSON; empty when there is none.
  std::string_view find(std::string_view key) const;
  // A string without escapes; empty when it is none.
  std::string_view text(std::string_view key) const;
  bool is_true(std::string_view key) const { return find(key) == "true"; }
  std::optional<std::int64_t> integer(std::string_view key) const;
  const std::vector<Member>& members() const { return members_; }

  // A member's JSON is replaced, or added at the end; all else stays as it is, byte by byte.
  struct Edit {
    std::string_view key;
    std::string json;
  };
  std::string with(const std::vector<Edit>& edits) const;

 private:
  std::string_view body_;
  std::vector<Member> members_;
};

// Looks on while the stream of an answer goes through.
class Watch {
 public:
  // HideUsage: we asked for the usage in an OpenAI stream and the client did not, so the chunk
  // that has nothing else is taken out.
  enum class HideUsage { No, Yes };
  // `copy`, where there is one, hears all that is said.
  Watch(std::unique_ptr<StreamReader> reader, HideUsage hide, OnDelta copy = {});

  // What of the piece, and of what was held back, goes to the client now; lives until the next
  // call. After an Error (the provider told one in its stream, or garbage) no more may be fed.
  Result<std::string_view> feed(std::string_view piece);
  // The body has ended as HTTP wants it: what was held back to the last. An Error: the answer is
  // not whole.
  Result<std::string_view> end();

  // A first token has come: from here on the client has something.
  bool begun() const { return deltas() > 0; }
  bool done() const { return reader_->done(); }
  bool ended() const { return reader_->ended(); }
  const std::string& model() const { return reader_->model(); }
  const Usage& usage() const { return usage_; }
  std::optional<Finish> finish() const { return finish_; }
  // Pieces of the answer and the bytes of their text: what to count by when no usage has come.
  std::int64_t deltas() const { return deltas_ + reader_->skimmed().pieces; }
  std::int64_t text_bytes() const { return text_bytes_ + reader_->skimmed().text_bytes; }

 private:
  void note(const Delta& delta);
  std::string_view without_usage(std::string_view piece);

  std::unique_ptr<StreamReader> reader_;
  HideUsage hide_;
  OnDelta copy_;
  OnDelta on_delta_;
  SseCutter events_;  // of HideUsage::Yes
  std::string held_;  // the unfinished event of the pieces before
  std::string out_;
  Usage usage_;
  std::optional<Finish> finish_;
  std::int64_t deltas_ = 0;
  std::int64_t text_bytes_ = 0;
};

}  // namespace llm::talk
