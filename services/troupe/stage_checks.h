#pragma once

#include <string>
#include <vector>

#include "contracts/watchdog.h"
#include "json/json.h"
#include "messaging/node.h"
#include "troupe/findings.h"
#include "troupe/world.h"

// What the doctor asks a running stack: is every service there, and would the characters speak?
namespace troupe {

// `data` is for the mending commands: where the logs are. `now_ms` is wall time.
void check_services(const std::vector<contracts::ServiceStatus>& services, const std::string& data,
                    Findings& findings);
void check_incidents(const std::vector<contracts::Incident>& incidents, std::int64_t now_ms,
                     const std::string& data, Findings& findings);

// Whether the running program is the one on disk. `executable` is what /proc/PID/exe points to.
void check_build(const std::string& service, const std::string& executable, Findings& findings);

// Each service's own view: GET /health. What it waits for, its version, its Redis.
void check_health(const World& world, const std::vector<contracts::ServiceStatus>& services,
                  const std::string& data, Findings& findings);

// Each character: its card, what it knows, and whether it would answer when it is asked by name.
// `door` is the URL of the characters service, `folder` where the cards are, for the mending.
void check_characters(messaging::Node& node, const std::string& door, const std::string& folder,
                      Findings& findings);
// The energy of `channel` for talk among characters. `coordinator` are that service's settings.
void check_energy(messaging::Node& node, const std::string& channel, json::Value coordinator,
                  Findings& findings);

// Without a running stack: can the card files of `folder` be read at all?
void check_card_files(const std::string& folder, Findings& findings);

}  // namespace troupe
