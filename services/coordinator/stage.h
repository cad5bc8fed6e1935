#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "contracts/coordinator.h"
#include "coordinator/cast.h"
#include "coordinator/conversations.h"
#include "coordinator/delays.h"
#include "coordinator/selector.h"

namespace coordinator {

// Who speaks, when, and whether at all, over the stored conversations. Thread-safe.
class Stage {
 public:
  struct Options {
    Weights weights;  // the same that the conversations spend by
    DelayOptions delays;
  };

  // `cast` and `conversations` must outlive the stage.
  Stage(Options options, const Cast& cast, Conversations& conversations);
  ~Stage();  // waits for the answers that are under way
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // `done` is called once, on the thread that writes the database.
  using Observed = std::function<void(Result<contracts::ObserveReply>)>;
  void observe(contracts::ObserveRequest request, Observed done);
  contracts::Selection select(const contracts::SelectRequest& request) const;

  // Erases what a person has said and what was said to it, on disk before it returns.
  Result<contracts::ForgottenLines> forget(const contracts::ForgetLines& request);

  // None while the channel is quiet. The same line gets the same follow-up and pays for it once,
  // however often it is asked about. After a person's line the best speaker has its turn already by
  // observe(): only a second one may join; without one the reason is "superseded".
  Result<contracts::FollowUp> follow_up(const contracts::FollowUpRequest& request);
  Result<contracts::QuietReply> quiet(const contracts::QuietRequest& request);
  Result<contracts::History> history(const contracts::HistoryRequest& request);
  Result<contracts::Said> said(const contracts::SaidRequest& request);

 private:
  using Participants = std::optional<std::vector<std::string>>;
  void remember(const std::string& channel, const Participants& participants);
  Cast::Snapshot company_in(const std::string& channel) const;
  bool present(const std::string& channel, const std::string& character) const;
  contracts::ObserveReply reaction(const std::string& channel, contracts::Kind kind,
                                   Conversation conversation) const;
  contracts::Selection decide(const std::string& channel, Conversation& conversation,
                              double energy) const;
  std::int64_t delay(const std::string& channel, const Conversation& conversation,
                     const std::string& speaker) const;

  const Options options_;
  const Cast& cast_;
  Conversations& conversations_;

  mutable std::mutex mutex_;
  // Of channels where not all of the cast are, as they were told last.
  std::unordered_map<std::string, std::vector<std::string>> participants_;
};

}  // namespace coordinator
