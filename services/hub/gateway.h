#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "hub/events.h"
#include "hub/switchboard.h"
#include "net/net.h"
#include "telemetry/metrics.h"

namespace hub {

// The Gateway's door (discord.com/developers/docs, "Gateway"): WebSockets and time for a
// Switchboard, which holds all the rules. Every call on the loop's thread, also the destructor's
// unless the loop has ended; the roster and the metrics outlive it, and it outlives the connections
// that its door has open or is told of them in vain.
class Gateway final : public Announcer, public Presences {
 public:
  struct Options {
    Switchboard::Options rules;
    std::size_t queue_bytes = 4 * 1024 * 1024;  // unsent; over it the reader is too slow
  };
  Gateway(net::Loop& loop, const Roster& roster, Options options, telemetry::Metrics& metrics,
          const Clock& clock = SystemClock::instance());
  ~Gateway() override;

  // For net::listen: consents to handshakes at /gateway, /gateway/ and /, refuses others with 404.
  // The handler may outlive the Gateway: it refuses then.
  net::UpgradeHandler upgrade();

  void announce(Event event) override;
  std::string_view status(Snowflake user) const override;

  // Ends every session of the user, for good: its token is void (4004) or it is banned.
  void disconnect(Snowflake user, std::uint16_t code);
  // Asks every client to come back (op 7): the process is about to end.
  void reconnect_all();
  // Sessions, also those whose client is away and may resume.
  std::size_t sessions() const;
  // The door's address, once it is known: what READY names as resume_gateway_url.
  void set_url(std::string url);

 private:
  class Hub;
  std::shared_ptr<Hub> hub_;
};

}  // namespace hub
