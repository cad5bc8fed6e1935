#pragma once

#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "contracts/watchdog.h"

namespace watchdog {

// What went wrong with the services, on disk: a file of JSON lines, the oldest first, replaced as a
// whole by rename. At most `kept` of them; what happens to a service again and again is one
// incident with a count, so that a crash loop does not push out the others. Thread-safe.
class Incidents {
 public:
  using Kind = contracts::IncidentKind;

  // Lines that cannot be read are dropped. InvalidArgument when the folder cannot be written.
  // `clock` must outlive it.
  static Result<std::unique_ptr<Incidents>> open(std::filesystem::path file, std::size_t kept,
                                                 const Clock& clock);

  // A disk that does not take it costs the file, not the list.
  void add(const std::string& service, Kind kind, const std::string& detail,
           const std::string& last_line = {});

  // The latest first; of `service` alone when it is named.
  std::vector<contracts::Incident> list(const contracts::IncidentsRequest& request) const;

 private:
  Incidents(std::filesystem::path file, std::size_t kept, const Clock& clock);
  void load();
  Result<void> save() const;

  const std::filesystem::path file_;
  const std::size_t kept_;
  const Clock& clock_;

  mutable std::mutex mutex_;
  std::deque<contracts::Incident> incidents_;  // by last_ms, the latest last
};

}  // namespace watchdog
