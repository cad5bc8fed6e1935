#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bot/ledger.h"
#include "bot/ports.h"
#include "bot/silences.h"
#include "contracts/bot.h"

namespace bot {

// Brings the lines of turns to their channels, each once: the ledger has it first, every message
// has a nonce that follows from the turn, and what nobody can tell about is looked for in the
// channel. Owned and used by the loop's thread.
class Poster {
 public:
  struct Options {
    std::size_t lines_max = 64;         // in the works; beyond: Overloaded
    Milliseconds nonce_lives{120'000};  // for so long the same nonce is posted once
    int looks_max = 6;                  // for a message, when the channel cannot be read
  };
  // A line that stands in its channel: as a whole, or as far as it came.
  struct Said {
    std::string turn_id;
    std::string channel;
    std::string text;
    std::string message_id;  // of its first message: where people begin to read
    bool answer = false;     // to a message: only the router has such
    bool of_router = true;   // false: the router has been found not to know the turn
  };
  // `said` is called for each line that the router has not been told of yet.
  Poster(Options options, Ledger& ledger, Channels& channels, Timers& timers, const Clock& clock,
         Silences& silences, std::function<void(const Said&)> said);

  // Posts a line, or tells what became of it when it was posted before. An error: nothing of it
  // stands there. Silences are noted here.
  using Done = std::function<void(Result<contracts::SpeakReply>)>;
  void say(const contracts::SpeakRequest& line, Done done);
  // At the start, once Discord answers: what an earlier process has left.
  void recover();

 private:
  struct Work {
    std::vector<Part> parts;
    std::vector<Done> waiting;
    int tries = 0;
    int looks = 0;
    bool sent_once = false;  // a part may stand there although no answer came
    std::string reason;      // why not all of it was posted
  };

  std::vector<Part> parts_of(const contracts::SpeakRequest& line) const;
  void claimed(const std::string& turn_id, Result<std::vector<Part>> parts);
  void step(const std::string& turn_id);
  void post(const std::string& turn_id, const Part& part);
  void look(const std::string& turn_id, const Part& part);
  void posted(const std::string& turn_id, Posted result);
  void looked(const std::string& turn_id, const Result<std::string>& found);
  void again(const std::string& turn_id, Work& work);
  void settle(Work& work, PartState state, const std::string& message_id);
  void give_up(Work& work, PartState state, std::string_view reason);
  void finish(const std::string& turn_id);
  Part* pending(Work& work) const;

  const Options options_;
  Ledger& ledger_;
  Channels& channels_;
  Timers& timers_;
  const Clock& clock_;
  Silences& silences_;
  const std::function<void(const Said&)> said_;
  std::map<std::string, Work> works_;  // by turn
};

// At most discord::kNonceBytes that follow from the turn and the part.
std::string nonce_of(std::string_view turn_id, int part);

}  // namespace bot
