#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "bot/catch_up.h"
#include "bot/commands.h"
#include "bot/company.h"
#include "bot/config.h"
#include "bot/feedback.h"
#include "bot/ledger.h"
#include "bot/listener.h"
#include "bot/ports.h"
#include "bot/poster.h"
#include "bot/silences.h"
#include "bot/typist.h"
#include "contracts/router.h"
#include "json/json.h"
#include "telemetry/metrics.h"

namespace bot {

// A character on Discord: what the Gateway tells goes to whoever deals with it. It knows no
// sockets. Owned and used by the loop's thread; `silences` may be read by others.
class Bot {
 public:
  struct World {
    Ledger& ledger;
    Channels& channels;
    Interactions& interactions;
    Peers& peers;
    Timers& timers;
    const Clock& clock;
  };
  Bot(const Config& config, World world, Silences& silences, telemetry::Metrics& metrics);

  // A dispatch of the Gateway.
  void dispatch(std::string_view name, json::Value data);
  // The router's event turn.typing, of any character.
  void typing(const contracts::TurnTyping& event);
  // Who else of the cast is there: the router's event bot.company and its answers.
  void met(contracts::BotCompany company);
  // bot.speak.
  void speak(const contracts::SpeakRequest& line, Poster::Done done);

 private:
  void ready(const discord::Ready& ready);
  void guild(const discord::Guild& guild);
  void message(discord::Message message);
  void guild_deleted(json::Value data);
  void reaction(json::Value data, Feedback::Change change);
  void join();
  void join_again(int tries);
  void announce(const Poster::Said& line, int tries);
  void forget_old();

  const Config config_;
  const World world_;
  telemetry::Counter lines_said_;
  telemetry::Counter lines_not_said_;
  Company company_;
  Typist typist_;
  Poster poster_;
  Listener listener_;
  CatchUp catch_up_;
  Feedback feedback_;
  Commands commands_;
  bool begun_ = false;  // READY has come once
  std::size_t announcing_ = 0;
};

}  // namespace bot
