#pragma once

#include <functional>
#include <string>

#include "bot/company.h"
#include "bot/ledger.h"
#include "bot/ports.h"
#include "contracts/router.h"
#include "discord/types.h"

namespace bot {

// Answers the application commands: "Regenerate" and "Why did you say that?" on a message, and
// /regenerate, /why, /quiet [minutes] and /forget. Every one is deferred at once, as each asks
// others first, carried out when Discord knows that, and answered for the asker's eyes. Owned and
// used by the loop's thread.
class Commands {
 public:
  Commands(const Company& company, Ledger& ledger, Channels& channels, Interactions& interactions,
           Peers& peers, const Clock& clock)
      : company_(company),
        ledger_(ledger),
        channels_(channels),
        interactions_(interactions),
        peers_(peers),
        clock_(clock) {}

  // The commands as PUT /applications/{id}/guilds/{id}/commands takes them.
  static std::string definitions();

  void called(const discord::Interaction& interaction);

 private:
  using Told = std::function<void(const std::string& text)>;
  using OnLine = std::function<void(const Standing& line)>;

  void deferred(const discord::Interaction& interaction);
  void dispatch(const discord::Interaction& interaction, const Told& tell);
  // The line that the command is about; who asked is told when there is none.
  void with_line(const discord::Interaction& interaction, const Told& tell, OnLine then);
  void why(const discord::Interaction& interaction, const Told& tell);
  void tell_turn(const std::string& turn_id, const Told& tell);
  void tell_posted(const std::string& message_id, const std::string& channel, const Told& tell);
  void regenerate(const discord::Interaction& interaction, const Told& tell);
  void replace(const Standing& line, const contracts::TurnReply& turn, const Told& tell);
  void replaced(const Standing& line, const contracts::TurnReply& turn, const Told& tell);
  void quiet(const discord::Interaction& interaction, const Told& tell);
  void forget(const discord::Interaction& interaction, const Told& tell);

  static constexpr std::size_t kUnderWayMax = 32;
  std::size_t under_way_ = 0;
  const Company& company_;
  Ledger& ledger_;
  Channels& channels_;
  Interactions& interactions_;
  Peers& peers_;
  const Clock& clock_;
};

}  // namespace bot
