#include "watchdog/incidents.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <system_error>
#include <utility>

#include "base/utf8.h"
#include "json/codec.h"
#include "telemetry/log.h"

namespace watchdog {
namespace {

constexpr std::size_t kDetailBytes = 512;
constexpr std::size_t kLastLineBytes = 1000;

std::string at_most(const std::string& text, std::size_t bytes) {
  return std::string(utf8_prefix(utf8_repaired(text), bytes));
}

}  // namespace

Incidents::Incidents(std::filesystem::path file, std::size_t kept, const Clock& clock)
    : file_(std::move(file)), kept_(kept), clock_(clock) {}

Result<std::unique_ptr<Incidents>> Incidents::open(std::filesystem::path file, std::size_t kept,
                                                   const Clock& clock) {
  auto incidents = std::unique_ptr<Incidents>(new Incidents(std::move(file), kept, clock));
  incidents->load();
  TRY(incidents->save());
  return incidents;
}

void Incidents::load() {
  std::ifstream file(file_);
  for (std::string line; std::getline(file, line);) {
    auto incident = json::decode<contracts::Incident>(std::string_view(line));
    if (!incident) continue;
    incidents_.push_back(std::move(incident).value());
    if (incidents_.size() > kept_) incidents_.pop_front();
  }
}

Result<void> Incidents::save() const {
  const std::filesystem::path fresh = file_.string() + ".new";
  {
    std::ofstream file(fresh, std::ios::trunc);
    for (const auto& incident : incidents_) file << json::encode(incident) << '\n';
    file.flush();
    if (!file) {
      return Error{Code::InvalidArgument, fmt::format("cannot write {}", fresh.string())};
    }
  }
  std::error_code failed;
  std::filesystem::rename(fresh, file_, failed);
  if (!failed) return {};
  return Error{Code::InvalidArgument,
               fmt::format("cannot write {}: {}", file_.string(), failed.message())};
}

void Incidents::add(const std::string& service, Kind kind, const std::string& detail,
                    const std::string& last_line) {
  const std::lock_guard lock(mutex_);
  contracts::Incident incident;
  incident.service = service;
  incident.kind = kind;
  incident.detail = at_most(detail, kDetailBytes);
  incident.first_ms = clock_.wall_ms();
  // The latest of this service and kind; a different end is another incident.
  const auto same = std::find_if(incidents_.rbegin(), incidents_.rend(), [&](const auto& other) {
    return other.service == service && other.kind == kind;
  });
  if (same != incidents_.rend() && same->detail == incident.detail) {
    incident.first_ms = same->first_ms;
    incident.count = same->count + 1;
    incidents_.erase(std::next(same).base());
  }
  incident.last_line = at_most(last_line, kLastLineBytes);
  incident.last_ms = clock_.wall_ms();
  incidents_.push_back(std::move(incident));
  if (incidents_.size() > kept_) incidents_.pop_front();
  if (const auto saved = save(); !saved) {
    telemetry::warn("incident not on disk", {{"why", saved.error().message}});
  }
}

std::vector<contracts::Incident> Incidents::list(const contracts::IncidentsRequest& request) const {
  const std::lock_guard lock(mutex_);
  std::vector<contracts::Incident> found;
  for (auto it = incidents_.rbegin(); it != incidents_.rend(); ++it) {
    if (request.service && it->service != *request.service) continue;
    if (found.size() == static_cast<std::size_t>(request.limit)) break;
    found.push_back(*it);
  }
  return found;
}

}  // namespace watchdog
