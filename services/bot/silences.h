#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "contracts/bot.h"
#include "telemetry/metrics.h"

namespace bot {

// Why a message was not answered, or a line not posted.
namespace silence {
inline constexpr std::string_view kOwnMessage = "own_message";
inline constexpr std::string_view kCastBot = "cast_bot";
inline constexpr std::string_view kForeignBot = "foreign_bot";
inline constexpr std::string_view kWebhook = "webhook";
inline constexpr std::string_view kEmptyMessage = "empty_message";
inline constexpr std::string_view kSystemMessage = "system_message";
inline constexpr std::string_view kOtherChannel = "other_channel";
inline constexpr std::string_view kTooOld = "too_old";
inline constexpr std::string_view kOverloaded = "overloaded";
inline constexpr std::string_view kAnotherSpeaks = "another_speaks";
inline constexpr std::string_view kRefused = "refused";      // Discord would not have the line
inline constexpr std::string_view kForbidden = "forbidden";  // the bot may not post there
inline constexpr std::string_view kUnsureSent = "unsure_sent";
inline constexpr std::string_view kNotWritten = "not_written";  // the ledger's disk failed
}  // namespace silence

// Remembers and counts the silences of one bot: its own reasons and the router's. Thread-safe.
class Silences {
 public:
  static constexpr std::size_t kKept = 200;

  Silences(telemetry::Metrics& metrics, const Clock& clock);

  void note(const std::string& channel, const std::string& message_id, std::string_view reason);
  contracts::Silences list() const;  // the latest first

 private:
  const Clock& clock_;
  std::map<std::string, telemetry::Counter, std::less<>> counters_;

  mutable std::mutex mutex_;
  std::deque<contracts::Silence> kept_;
};

}  // namespace bot
