#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cache/cache.h"
#include "llm/run.h"

namespace llm {

// One answer for the books, if there are any.
void book(const RunContext& context, const AccountRef& account, Ending ending,
          std::string_view provider, std::string_view model, const talk::Usage& usage, double cost);

// One chat from the question to its end in the books. A provider that speaks
// the client's dialect gets the question, and the client the answer, as they
// are, while somebody looks on; for all others both are translated. Answers
// that may be repeated are looked for in the cache first.
class Exchange final : public Run {
 public:
  Exchange(std::shared_ptr<RunContext> context, ChatTask task);

  // On the loop's thread, once.
  void start();

 private:
  // What one provider has said so far.
  struct Attempt {
    std::unique_ptr<talk::StreamReader> reader;  // what it says is translated
    std::unique_ptr<talk::Watch> watch;          // or passes through as a stream
    std::string held;                            // of that, before its first token
    std::string body;                            // or passes through as a whole
    talk::Completion completion;                 // with the parts only where somebody wants them
    std::int64_t pieces = 0;
    std::int64_t text_bytes = 0;
    std::chrono::nanoseconds first_token{0};  // since the request
    bool begun = false;                       // the audience has something
  };

  Result<std::vector<Candidate>> order() override;
  void ask() override;
  std::optional<Failure> read(std::string_view bytes) override;
  bool answered() const override;
  std::optional<Failure> complete(const Result<void>& outcome) override;
  std::size_t told() const override;
  void account(Ending ending) override;
  void deliver(std::optional<talk::Refusal> refusal) override;

  std::vector<std::string> routed(const std::string& wanted);
  bool too_small(const std::string& model);
  bool recall();
  void fetch(const std::string& key,
             std::function<void(Exchange& self, const cache::Value& found)> go_on);
  bool replay(const cache::Value& found, std::string_view from);
  void look_for_meaning();
  void find_meaning();
  void remember();
  void keep_told(const cache::Value& value);
  std::optional<Failure> unfit();
  void pass();
  talk::OnDelta copy();
  void translate();
  void not_understood(const Error& why);
  void play_understudy();
  void say(const std::string& line);
  void answer_nothing();
  std::optional<Failure> read_passed(std::string_view bytes);
  std::optional<Failure> complete_passed();
  std::optional<Failure> complete_whole();
  std::optional<Failure> complete_translated(const Result<void>& outcome);
  void on_delta(const talk::Delta& delta);
  void first_token();
  void begin_telling();
  void estimate();
  void write_down(Ending ending, std::string_view provider, std::string_view model,
                  const talk::Usage& usage);
  Speaker speaker();

  const std::unique_ptr<Asked> asked_;
  const AccountRef account_;
  const Reservation reservation_;
  const Asked::Most most_;
  const std::unique_ptr<Audience> audience_;
  const talk::OnDelta on_delta_;
  std::string cache_key_;           // empty: this answer is not remembered
  std::optional<Meaning> meaning_;  // by which it may be found, too
  std::shared_ptr<Run> embedding_;  // of that, under way
  std::string_view cached_;         // "exact" or "semantic": it came from there
  Attempt attempt_;
  std::int64_t used_tokens_ = 0;
  double used_cost_ = 0;
};

}  // namespace llm
