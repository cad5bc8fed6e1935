#pragma once

#include <optional>
#include <string_view>

#include "bot/company.h"
#include "bot/ledger.h"
#include "bot/ports.h"
#include "contracts/tuning.h"
#include "discord/types.h"

namespace bot {

// A thumb, in any colour of skin; nothing for other emoji.
std::optional<contracts::Opinion> opinion_of(const discord::Emoji& emoji);

// Tells tuning what people think of this bot's lines, by their thumbs under them. Owned and used by
// the loop's thread.
class Feedback {
 public:
  Feedback(const Company& company, Ledger& ledger, Peers& peers)
      : company_(company), ledger_(ledger), peers_(peers) {}

  enum class Change { Added, Removed };
  void reacted(const discord::Reaction& reaction, Change change);

 private:
  void tell(contracts::FeedbackRequest opinion);

  static constexpr std::size_t kUnderWayMax = 64;  // beyond, a reaction is passed over
  std::size_t under_way_ = 0;
  const Company& company_;
  Ledger& ledger_;
  Peers& peers_;
};

}  // namespace bot
