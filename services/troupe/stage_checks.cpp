#include "troupe/stage_checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <utility>

#include "contracts/characters.h"
#include "contracts/coordinator.h"
#include "contracts/retriever.h"
#include "messaging/client.h"

namespace troupe {
namespace {

constexpr Milliseconds kAskTimeout{3'000};
constexpr std::int64_t kRecentMs = 60LL * 60 * 1000;
constexpr std::size_t kFilesMax = 256;
// The reason codes of a turn: nobody is chosen, or who was chosen could not be asked.
constexpr std::string_view kUnreachable = "coordinator_unavailable";

template <class Reply, class Request>
Result<Reply> ask(messaging::Node& node, const std::string& service, const std::string& method,
                  const Request& request) {
  return messaging::Client(node, service)
      .call<Reply>(method, request, {.deadline = SystemClock::instance().now() + kAskTimeout});
}

std::string log_command(const std::string& data, const std::string& service) {
  return fmt::format("tail -n 20 {}/logs/{}.log", data, service);
}

// --- characters ---------------------------------------------------------------------------------

void check_card(messaging::Node& node, const contracts::Character& character,
                const std::string& door, Findings& findings) {
  // A service that has no such door yet, or no time, keeps this check to itself.
  const auto report = ask<contracts::LintReport>(node, "characters", "characters.lint",
                                                 contracts::CharacterQuery{character.id});
  if (!report) return;
  for (const auto& finding : report.value().findings) {
    if (finding.severity != contracts::LintLevel::Error) continue;
    findings.warn(
        "card",
        fmt::format("{}: {} at {}: {}", character.id, finding.code, finding.where, finding.hint),
        fmt::format("curl -s {}/characters/{}/lint", door, character.id));
  }
}

std::string write_knowledge(const std::string& folder, const std::string& id) {
  return fmt::format(
      "${{EDITOR:-vi}} {}/{}.md  # the card names it: data.extensions.troupe.knowledge", folder,
      id);
}

// How many documents each collection has.
Result<std::map<std::string, std::int64_t>> ask_collections(messaging::Node& node) {
  std::map<std::string, std::int64_t> documents;
  contracts::ListCollections page;
  page.limit = contracts::kPageMax;
  do {
    const auto reply =
        TRY(ask<contracts::CollectionList>(node, "retriever", "retriever.collections", page));
    for (const auto& collection : reply.collections) {
      documents[collection.name] = collection.documents;
    }
    page.after = reply.next;
  } while (page.after);
  return documents;
}

void check_knowledge(messaging::Node& node, const std::vector<contracts::Character>& cast,
                     const std::string& folder, Findings& findings) {
  const auto collections = ask_collections(node);
  if (!collections) {
    return findings.fail("knowledge", collections.error().message, "troupe status");
  }
  std::int64_t documents = 0;
  for (const auto& [name, count] : collections.value()) documents += count;
  std::vector<std::string> without;
  for (const auto& character : cast) {
    if (collections.value().contains(contracts::knowledge_collection(character.id))) continue;
    without.push_back(character.id);
  }
  if (documents == 0) {
    findings.warn("knowledge", "it is empty: nobody can answer from anything read",
                  write_knowledge(folder, without.front()));
  } else if (!without.empty()) {
    findings.warn("knowledge",
                  fmt::format("{} answers from the card alone", fmt::join(without, ", ")),
                  write_knowledge(folder, without.front()));
  } else {
    findings.ok("knowledge", fmt::format("{} documents", documents));
  }
}

std::string with_weight(std::string_view weight, int value) {
  return fmt::format("troupe down && TROUPE_COORDINATOR_WEIGHTS='{{\"{}\":{}}}' troupe up --detach",
                     weight, value);
}

// Asks each by name in a scene of its own, which leaves no trace.
void check_voices(messaging::Node& node, const std::vector<contracts::Character>& cast,
                  Findings& findings) {
  std::vector<std::string> ids;
  for (const auto& character : cast) ids.push_back(character.id);
  std::size_t heard = 0;
  for (const auto& character : cast) {
    contracts::SelectRequest request;
    request.participants = ids;
    contracts::Line line;
    line.author = "doctor";
    line.text = character.name + ", come here.";
    request.history = {std::move(line)};
    request.seed = 1;
    const auto chosen =
        ask<contracts::Selection>(node, "coordinator", "coordinator.select", request);
    if (!chosen) {
      return findings.fail("voices", chosen.error().message, "troupe status",
                           std::string(kUnreachable));
    }
    const auto& speakers = chosen.value().speakers;
    if (std::find(speakers.begin(), speakers.end(), character.id) != speakers.end()) {
      ++heard;
      continue;
    }
    // Somebody else would speak: this one's score is what keeps it silent.
    const std::string reason =
        speakers.empty() ? chosen.value().reason : std::string("below_threshold");
    findings.fail("voices", fmt::format("{} would not answer to its own name", character.name),
                  with_weight("threshold", 25), reason);
  }
  if (heard == cast.size()) {
    findings.ok("voices", fmt::format("all {} answer when they are asked by name", heard));
  }
}

}  // namespace

void check_services(const std::vector<contracts::ServiceStatus>& services, const std::string& data,
                    Findings& findings) {
  using State = contracts::ProcessState;
  std::size_t good = 0;
  for (const auto& service : services) {
    if (service.state == State::Running && service.ready) {
      ++good;
      continue;
    }
    const bool runs = service.state == State::Running;
    const std::string why = runs ? "" : service.last_line.value_or(service.last_exit.value_or(""));
    findings.fail("services",
                  runs ? service.name + " runs, but says that it is not ready or does not answer"
                       : fmt::format("{} is {}{}{}", service.name, enum_name(service.state),
                                     why.empty() ? "" : ": ", why),
                  log_command(data, service.name));
  }
  if (good == services.size()) findings.ok("services", fmt::format("all {} are ready", good));
}

void check_incidents(const std::vector<contracts::Incident>& incidents, std::int64_t now_ms,
                     const std::string& data, Findings& findings) {
  for (const auto& incident : incidents) {
    const auto age = now_ms - incident.last_ms;
    if (age > kRecentMs) continue;
    findings.warn("incidents",
                  fmt::format("{} {} {} times, {} min ago: {}{}{}", incident.service,
                              enum_name(incident.kind), incident.count,
                              std::max<std::int64_t>(0, age / 60'000), incident.detail,
                              incident.last_line.empty() ? "" : ": ", incident.last_line),
                  log_command(data, incident.service));
  }
}

void check_build(const std::string& service, const std::string& executable, Findings& findings) {
  if (!executable.ends_with(" (deleted)")) return;
  findings.warn("programs", fmt::format("{} runs an older build than the one on disk", service),
                "troupe down && troupe up --detach");
}

void check_health(const World& world, const std::vector<contracts::ServiceStatus>& services,
                  const std::string& data, Findings& findings) {
  std::map<std::string, std::string> versions;  // of each, who has it
  for (const auto& service : services) {
    if (service.http.empty()) continue;
    const auto document = fetch_json(world, service.http + "/health");
    if (!document) {
      findings.fail("health", fmt::format("{}: {}", service.name, document.error().message),
                    "troupe status");
      continue;
    }
    const auto root = document.value().root();
    versions[std::string(root.text_or("version", "?"))] += " " + service.name;
    const auto others = root.find("services");
    const auto cards = others ? others->text_or("cards", "") : "";
    if (cards.find("refused") != cards.npos) {
      findings.warn("card", fmt::format("{}: {}", service.name, cards),
                    fmt::format("grep 'card refused' {}/logs/{}.log", data, service.name));
    }
    const auto discord = others ? others->text_or("discord", "") : "";
    if (!discord.empty() && discord != "ready") {
      findings.fail("discord", fmt::format("{}'s bot hears nobody: {}", service.name, discord),
                    fmt::format("grep discord {}/logs/{}.log", data, service.name),
                    "not_connected");
      continue;
    }
    if (!others || root.text_or("status", "healthy") == "healthy") continue;
    std::string words;
    others->each_member([&](std::string_view name, json::Value word) {
      words += fmt::format("{}{} {}", words.empty() ? "" : ", ", name, word.string());
    });
    findings.warn("health", fmt::format("{} is degraded: {}", service.name, words),
                  fmt::format("curl -s {}/health", service.http));
  }
  if (versions.size() < 2) return;
  std::string all;
  for (const auto& [version, names] : versions) all += fmt::format(" {}:{}", version, names);
  findings.warn("versions", "services of different versions run together:" + all,
                "troupe down && troupe up --detach");
}

void check_characters(messaging::Node& node, const std::string& door, const std::string& folder,
                      Findings& findings) {
  const auto list =
      ask<contracts::CharacterList>(node, "characters", "characters.list", contracts::Empty{});
  if (!list) return findings.fail("characters", list.error().message, "troupe status");
  const auto& cast = list.value().characters;
  if (cast.empty()) {
    return findings.fail("characters", "there are none, so nobody speaks",
                         fmt::format("mv {0} {0}.old && troupe down && troupe up --detach  "
                                     "# the shipped ones come back",
                                     folder),
                         "no_participants");
  }
  std::string names;
  for (const auto& character : cast) names += (names.empty() ? "" : ", ") + character.id;
  findings.ok("characters", names);
  for (const auto& character : cast) check_card(node, character, door, findings);
  check_knowledge(node, cast, folder, findings);
  check_voices(node, cast, findings);
}

void check_energy(messaging::Node& node, const std::string& channel, json::Value coordinator,
                  Findings& findings) {
  const auto weights = coordinator.find("weights");
  const double budget = weights ? weights->number_or("energy_budget", 4) : 4;
  if (budget < 1) {
    return findings.warn("energy",
                         fmt::format("a budget of {}: characters never answer each other", budget),
                         with_weight("energy_budget", 4), "out_of_energy");
  }
  const auto history = ask<contracts::History>(node, "coordinator", "coordinator.history",
                                               contracts::HistoryRequest{channel, 1});
  if (!history) return;  // the services' own check has said so
  const double energy = history.value().energy;
  if (energy >= 1 || history.value().lines.empty()) {
    return findings.ok("energy", fmt::format("{:.1f} of {:.1f} in {}", energy, budget, channel));
  }
  findings.warn(
      "energy",
      fmt::format("{:.1f} left in {}: nobody goes on there until a person speaks", energy, channel),
      fmt::format("troupe ask --channel {} 'Hello, everybody!'", channel), "out_of_energy");
}

void check_card_files(const std::string& folder, Findings& findings) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::size_t good = 0;
  std::size_t bad = 0;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() != ".json" || good + bad >= kFilesMax) continue;
    std::ifstream file(entry->path());
    std::stringstream text;
    text << file.rdbuf();
    const auto card = json::Document::parse(std::string(text.view()));
    if (card && card.value().root().text_or("spec", "").starts_with("chara_card_v")) {
      ++good;
      continue;
    }
    ++bad;
    findings.fail(
        "card",
        fmt::format("{}: {}", entry->path().string(),
                    card ? "its spec is not that of a character card" : card.error().message),
        "${EDITOR:-vi} " + entry->path().string());
  }
  if (error || good + bad == 0) {
    findings.ok("characters", "the shipped ones are put into " + folder + " at the start");
  } else if (bad == 0) {
    findings.ok("characters", fmt::format("{} card files in {}", good, folder));
  }
}

}  // namespace troupe
