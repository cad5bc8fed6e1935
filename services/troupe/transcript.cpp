#include "troupe/transcript.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/line.h"
#include "base/utf8.h"

namespace troupe {
namespace {

using Cells = std::vector<std::string>;

// Without control characters (C0, DEL, C1), which a terminal would obey.
std::string harmless(std::string_view text) {
  const std::string valid = utf8_repaired(text);
  std::string shown;
  for (std::size_t i = 0; i < valid.size(); ++i) {
    const auto byte = static_cast<unsigned char>(valid[i]);
    const auto next = i + 1 < valid.size() ? static_cast<unsigned char>(valid[i + 1]) : 0U;
    if (byte == 0xC2 && next >= 0x80 && next < 0xA0) {
      ++i;
    } else if (byte == '\t') {
      shown += ' ';
    } else if (byte == '\n' || (byte >= ' ' && byte != 0x7F)) {
      shown += valid[i];
    }
  }
  return shown;
}

std::string indented(std::string_view text, std::string_view margin) {
  std::string shown;
  for (const char c : text) {
    shown += c;
    if (c == '\n') shown += margin;
  }
  return shown;
}

std::string dim(std::string_view text, Style style) {
  return style == Style::Plain ? std::string(text) : fmt::format("\x1b[2m{}\x1b[0m", text);
}

std::string bold(std::string_view text, Style style) {
  return style == Style::Plain ? std::string(text) : fmt::format("\x1b[1m{}\x1b[0m", text);
}

// `color` as "#rrggbb"; any other leaves the text bold.
std::string colored(std::string_view text, std::string_view color, Style style) {
  unsigned rgb = 0;
  const char* const end = color.data() + color.size();
  if (style == Style::Plain || color.size() != 7 || color[0] != '#' ||
      std::from_chars(color.data() + 1, end, rgb, 16).ptr != end) {
    return bold(text, style);
  }
  return fmt::format("\x1b[1;38;2;{};{};{}m{}\x1b[0m", rgb >> 16U, (rgb >> 8U) & 255U, rgb & 255U,
                     text);
}

// Columns as wide as their widest cell, two spaces apart; each line begins with `margin`.
std::string table(const std::vector<Cells>& rows, std::string_view margin) {
  std::vector<std::size_t> widths;
  for (const Cells& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], utf8_length(row[i]));
    }
  }
  std::string text;
  for (const Cells& row : rows) {
    std::string line(margin);
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i] + std::string(widths[i] - utf8_length(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

std::string heading(std::string_view text, Style style) {
  return fmt::format("\n{}\n", bold(text, style));
}

// "110.0  addressed 100.0, fairness 10.0": the terms that count, the weightiest first.
Cells score_row(const std::string& name, const std::map<std::string, double>& terms) {
  std::vector<std::pair<std::string, double>> sorted;
  double total = 0;
  for (const auto& [term, value] : terms) {
    if (term == "total") total = value;
    if (term != "total" && std::abs(value) >= 0.05) sorted.emplace_back(term, value);
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return std::abs(a.second) > std::abs(b.second);
  });
  std::string reasons;
  for (const auto& [term, value] : sorted) {
    reasons += fmt::format("{}{} {:.1f}", reasons.empty() ? "" : ", ", term, value);
  }
  return {name, fmt::format("{:.1f}", total), reasons};
}

std::string scores_part(const contracts::ScoreTable& scores, const Cast& cast, Style style) {
  if (scores.empty()) return {};
  std::vector<std::pair<double, Cells>> rows;
  for (const auto& [id, terms] : scores) {
    const auto total = terms.find("total");
    rows.emplace_back(total == terms.end() ? 0 : total->second, score_row(cast.name(id), terms));
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<Cells> cells;
  for (auto& row : rows) cells.push_back(std::move(row.second));
  return heading("Who might speak", style) + table(cells, "  ");
}

std::string verdict(const contracts::Attempt& attempt) {
  if (attempt.fault) return harmless(*attempt.fault);
  if (!attempt.assessment) return "not checked";
  return fmt::format("{}, {:.1f} where {:.1f} is needed",
                     attempt.assessment->passed ? "passed" : "rejected", attempt.assessment->score,
                     attempt.assessment->threshold);
}

std::string attempt_part(const contracts::Attempt& attempt, const std::string& said, Style style) {
  std::string text = fmt::format("  {}. {}\n", attempt.number, verdict(attempt));
  text += fmt::format("     {} of {}, {} band; drafted in {:.1f} ms, checked in {:.1f} ms\n",
                      attempt.model.empty() ? "no model" : harmless(attempt.model),
                      attempt.provider.empty() ? "no provider" : harmless(attempt.provider),
                      enum_name(attempt.band), attempt.draft_ms, attempt.assess_ms);
  for (const auto& failover : attempt.failovers) {
    text += fmt::format("     passed over: {}\n", indented(harmless(failover), "     "));
  }
  if (!attempt.text.empty() && attempt.text != said) {
    text += "     " + dim(indented(harmless(attempt.text), "     "), style) + '\n';
  }
  if (!attempt.assessment) return text;
  const auto& its = attempt.assessment->components;
  text += fmt::format(
      "     authenticity {:.0f}, flow {:.0f}, engagement {:.0f}, grounding {:.0f}, safety {:.0f}\n",
      its.authenticity, its.flow, its.engagement, its.grounding, its.safety);
  for (const auto& finding : attempt.assessment->findings) {
    text += fmt::format("     {} {}: {}\n", enum_name(finding.severity), enum_name(finding.code),
                        indented(harmless(finding.hint), "       "));
  }
  return text;
}

std::string sources_part(const std::vector<contracts::Source>& sources, Style style) {
  if (sources.empty()) return {};
  std::vector<Cells> rows;
  for (const auto& source : sources) {
    Cells row;
    for (const auto* cell : {&source.title, &source.uri, &source.span}) {
      row.push_back(indented(harmless(*cell), "  "));
    }
    rows.push_back(std::move(row));
  }
  return heading("What it could have read", style) + table(rows, "  ");
}

std::string stages_part(const std::vector<contracts::Stage>& stages, Style style) {
  if (stages.empty()) return {};
  std::vector<Cells> rows;
  for (const auto& stage : stages) {
    rows.push_back({stage.name, fmt::format("{:9.1f} ms", stage.ms),
                    dim(fmt::format("from {:.1f}", stage.start_ms), style)});
  }
  return heading("How long it took", style) + table(rows, "  ");
}

std::string summary(const contracts::TurnRecord& record, const Cast& cast, Style style) {
  std::string text =
      fmt::format("{} in {}: {} ({}) after {:.1f} ms\n", record.turn_id, harmless(record.channel),
                  enum_name(record.status), harmless(record.reason), record.ms);
  if (!record.message.empty()) {
    text += "  " + indented(spoken(cast, record.author, record.message, style), "  ") + '\n';
  }
  if (!record.text.empty()) {
    text += "  " + indented(spoken(cast, record.character, record.text, style), "  ") + '\n';
  }
  if (record.status != contracts::TurnStatus::Said) return text;
  return text + fmt::format("\n{} turn, by {}, score {:.1f}{}\n", enum_name(record.kind),
                            record.model.empty() ? "no model" : harmless(record.model),
                            record.score, record.degraded ? ", degraded" : "");
}

std::string megabytes(double value) { return fmt::format("{:.1f} MB", value); }

// "42 s", "7 min", "3 h 5 min", "12 d 4 h".
std::string duration(std::int64_t seconds) {
  if (seconds < 60) return fmt::format("{} s", std::max<std::int64_t>(0, seconds));
  if (seconds < 3600) return fmt::format("{} min", seconds / 60);
  if (seconds < 86'400) return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
  return fmt::format("{} d {} h", seconds / 86'400, seconds / 3600 % 24);
}

// Why a service is not as it should be, or what it has been through.
std::string remark(const contracts::ServiceStatus& status) {
  using State = contracts::ProcessState;
  const bool down = status.state != State::Running && status.state != State::Stopped;
  if (down && status.last_line) return one_line(*status.last_line);
  if (!status.last_exit || (!down && status.restarts == 0)) return "";
  return "last: " + one_line(*status.last_exit);
}

Cells service_cells(const ServiceRow& row) {
  const auto& status = row.status;
  return {status.name,
          std::string(enum_name(status.state)),
          status.ready ? "yes" : "no",
          status.pid == 0 ? "-" : std::to_string(status.pid),
          row.uptime_s ? duration(*row.uptime_s) : "-",
          std::to_string(status.restarts),
          row.memory_mb ? megabytes(*row.memory_mb) : "-",
          status.http.empty() ? "-" : status.http,
          remark(status)};
}

}  // namespace

Cast::Cast(std::vector<contracts::Character> characters) : characters_(std::move(characters)) {}

std::string Cast::name(const std::string& id) const {
  for (const auto& character : characters_) {
    if (character.id == id) return character.name;
  }
  return id;
}

std::string Cast::color(const std::string& id) const {
  for (const auto& character : characters_) {
    if (character.id == id) return character.color;
  }
  return {};
}

std::string spoken(const Cast& cast, const std::string& author, std::string_view text,
                   Style style) {
  const std::string name = indented(harmless(cast.name(author)), " ");
  return fmt::format("{}: {}", colored(name, cast.color(author), style),
                     indented(harmless(text), "  "));
}

std::string silence(std::string_view reason, Style style) {
  if (reason == "quiet") return dim("(nobody answers: asked to be quiet)", style);
  if (reason == "below_threshold" || reason == "at_rest" || reason == "out_of_energy") {
    return dim("(nobody has anything to say to that)", style);
  }
  return dim(fmt::format("(nobody answers: {})", harmless(reason)), style);
}

std::string failure(std::string_view missing, const Error& error, Style style) {
  return dim(fmt::format("({}: {})", missing, harmless(error.message)), style);
}

std::string typing(const Cast& cast, const std::vector<std::string>& ids) {
  std::string names;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i > 0) names += i + 1 == ids.size() ? " and " : ", ";
    names += harmless(cast.name(ids[i]));
  }
  if (names.empty()) return {};
  return fmt::format("{} {} typing…", names, ids.size() == 1 ? "is" : "are");
}

std::string cast_list(const Cast& cast, Style style) {
  std::string text;
  for (const auto& character : cast.characters()) {
    if (!text.empty()) text += '\n';
    text += fmt::format("{} ({})", colored(harmless(character.name), character.color, style),
                        character.id);
    std::string others;
    for (const auto& alias : character.aliases) {
      others += fmt::format("{}{}", others.empty() ? "" : ", ", harmless(alias));
    }
    if (!others.empty()) text += dim(", also " + others, style);
  }
  return text.empty() ? "There are no characters." : text;
}

std::string why_report(const contracts::TurnRecord& record, const Cast& cast, Style style) {
  std::string text = summary(record, cast, style) + scores_part(record.scores, cast, style);
  if (!record.attempts.empty()) text += heading("Attempts", style);
  for (const auto& attempt : record.attempts) text += attempt_part(attempt, record.text, style);
  text += sources_part(record.sources, style);
  if (!record.faults.empty()) text += heading("What went wrong on the way", style);
  for (const auto& fault : record.faults) text += "  " + indented(harmless(fault), "  ") + '\n';
  return text + stages_part(record.stages, style);
}

std::string headed_table(const std::vector<Cells>& rows, Style style) {
  const std::string text = table(rows, "");
  const auto end_of_heading = text.find('\n');
  return dim(text.substr(0, end_of_heading), style) + text.substr(end_of_heading);
}

std::string status_table(const std::vector<ServiceRow>& rows, Style style) {
  std::vector<Cells> cells = {
      {"service", "state", "ready", "pid", "up", "restarts", "memory", "http", ""}};
  double total = 0;
  for (const auto& row : rows) {
    total += row.memory_mb.value_or(0);
    cells.push_back(service_cells(row));
  }
  cells.push_back({"all", "", "", "", "", "", megabytes(total)});
  return headed_table(cells, style);
}

}  // namespace troupe
