#pragma once

#include <string>
#include <string_view>

#include "llm/events.h"
#include "llm/format.h"

// What the readers of all three formats have in common.
namespace llm::talk {

constexpr std::size_t kWholeBytesMax = 16 * 1024 * 1024;  // of an answer that is not streamed

// Most events of a stream are the one before with another text in it. What stands around the text
// is learned from an event that was read in full; where it is the same, only the text is new, and
// the event need not be parsed.
class Frame {
 public:
  // `text` is all that the event said; it is found behind `key`, if it is written without escapes.
  void learn(const StreamEvent& event, std::string_view key, std::string_view text);
  // Whether the event is of this frame, and its text as JSON writes it.
  bool fits(const StreamEvent& event, std::string_view& text) const;

 private:
  bool known_ = false;
  std::string name_;
  std::string before_;
  std::string behind_;
};

// Reads server-sent events, or lines, and as well one JSON object in the place of events: errors
// come so, and the answers of servers that do not stream.
class EventReader : public StreamReader {
 public:
  Result<void> feed(std::string_view bytes, const OnDelta& on_delta) final;
  Result<void> end(const OnDelta& on_delta) final;
  const std::string& model() const final { return model_; }
  void skim() final { skims_ = true; }
  Skimmed skimmed() const final { return skimmed_; }

 protected:
  enum class Framing { Events, Lines };
  explicit EventReader(Framing framing) : framing_(framing) {}

  virtual Result<void> take(const StreamEvent& event, const OnDelta& on_delta) = 0;
  // Whether an event has more in it than a piece of the answer. Only asked when skimming.
  virtual bool matters(const StreamEvent& event) const = 0;
  // The member that holds the text of a piece, with its quotes and colon: "\"content\":".
  virtual std::string_view text_key() const = 0;
  virtual Result<Completion> whole(std::string_view body) const = 0;
  virtual void finish_whole() = 0;  // from now on it is done

  // Hands over a piece of the answer itself.
  void speak(const Delta& delta, const OnDelta& on_delta) {
    spoke_ = true;
    ++said_;
    const auto* const text = std::get_if<TextDelta>(&delta);
    said_text_ = text ? text->text : std::string_view();
    on_delta(delta);
  }
  bool spoke() const { return spoke_; }
  void heard_model(std::string_view model) {
    if (model_.empty()) model_ = model;
  }

 private:
  enum class Form { Unknown, Stream, Whole };
  Result<void> one(const StreamEvent& event, const OnDelta& on_delta);
  Result<void> drain(const OnDelta& on_delta);
  void count(std::size_t text_bytes);

  Framing framing_;
  Form form_ = Form::Unknown;
  SseCutter events_;
  LineCutter lines_;
  std::string head_;   // for the error, when it is garbage
  std::string whole_;  // of Form::Whole
  std::string model_;
  Frame frame_;
  int said_ = 0;           // deltas of the event under way
  std::string said_text_;  // of the last of them
  bool spoke_ = false;
  bool skims_ = false;
  Skimmed skimmed_;
};

// The JSON string behind `key` in `data`, as it is written, without its quotes; empty when there is
// none.
std::string_view raw_text(std::string_view data, std::string_view key);
// Whether `data` has a member of that name whose value is neither null nor false.
bool has_member(std::string_view data, std::string_view quoted_key);

}  // namespace llm::talk
