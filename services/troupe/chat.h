#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "contracts/tuning.h"
#include "messaging/client.h"
#include "troupe/options.h"
#include "troupe/terminal.h"
#include "troupe/transcript.h"

namespace troupe {

// Talking with the cast in a terminal. What the person types goes to the router; lines come back as
// its replies and as the events of the router, whichever is first. A person need not wait for an
// answer before going on; a script's lines are sent one after the other's answer.
//
// run() reads on its caller's thread; replies and events come on the node's.
class Chat {
 public:
  // All must outlive the chat; the node is stopped when run() returns.
  Chat(const Options& options, Style style, messaging::Node& node, Terminal& terminal);

  // Until /quit or the end of the input.
  void run();

 private:
  std::shared_ptr<const Cast> cast();
  void meet(const Result<contracts::CharacterList>& list);
  void show_history();
  void listen();
  // False to leave.
  bool obey(const std::string& command);
  void say(const std::string& text);
  void explain();
  void hush(std::string_view how_long);
  void rate(contracts::Opinion opinion);
  void again();
  void wait_without_person();

  void on_reply(const Result<contracts::TurnReply>& reply);
  void on_line(const contracts::TurnLine& line);
  void on_message(const contracts::ConversationMessage& message);
  void on_typing(const contracts::TurnTyping& typing);
  void show_line(const std::string& turn_id, const std::string& character, const std::string& text);
  void set_typing(const std::string& character, bool typing);

  const Options& options_;
  Style style_;
  messaging::Node& node_;
  Terminal& terminal_;
  messaging::Client router_;

  std::mutex mutex_;
  std::shared_ptr<const Cast> cast_ = std::make_shared<const Cast>();  // replaced as a whole
  std::condition_variable answered_;
  bool leaving_ = false;
  int under_way_ = 0;
  std::string said_;               // the turn of the latest line, empty before the first
  std::deque<std::string> shown_;  // turns, the latest last
  std::deque<std::string> own_messages_;
  std::vector<std::string> typing_;
};

// One question, one answer.
Result<int> ask(const Options& options, Style style, messaging::Node& node);

// The record of the turn that is named, else of the latest.
Result<int> why(const Options& options, Style style, messaging::Node& node);

}  // namespace troupe
