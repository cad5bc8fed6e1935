#include "troupe/findings.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/line.h"
#include "json/codec.h"

namespace troupe {
namespace {

std::string mark(Level level, Style style) {
  const std::string_view word = level == Level::Ok     ? "ok  "
                                : level == Level::Warn ? "warn"
                                                       : "FAIL";
  if (style == Style::Plain) return std::string(word);
  const int color = level == Level::Ok ? 32 : level == Level::Warn ? 33 : 31;
  return fmt::format("\x1b[{}m{}\x1b[0m", color, word);
}

}  // namespace

std::size_t Findings::count(Level level) const {
  return static_cast<std::size_t>(std::count_if(
      all_.begin(), all_.end(), [&](const Finding& finding) { return finding.level == level; }));
}

void Findings::place_commands(std::string_view where) {
  for (auto& finding : all_) {
    std::string& mend = finding.mend;
    if (mend.find(" --data ") != mend.npos || mend.find(" --run ") != mend.npos) continue;
    for (const std::string_view command :
         {"troupe up", "troupe down", "troupe status", "troupe why", "troupe ask"}) {
      const auto at = mend.find(command);
      if (at == mend.npos) continue;
      const auto end = at + command.size();
      const std::string_view detach = " --detach";
      mend.insert(mend.compare(end, detach.size(), detach) == 0 ? end + detach.size() : end, where);
    }
  }
}

std::string report(const Findings& findings, Style style) {
  std::string text;
  for (const auto& finding : findings.all()) {
    text += fmt::format("{}  {:<10}  {}", mark(finding.level, style), finding.check,
                        one_line(finding.text));
    if (!finding.reason.empty()) text += fmt::format(" ({})", finding.reason);
    text += '\n';
    if (!finding.mend.empty()) text += fmt::format("      ->      {}\n", one_line(finding.mend));
  }
  const auto fails = findings.count(Level::Fail);
  const auto warns = findings.count(Level::Warn);
  if (fails + warns == 0) return text + "\nAll is well.\n";
  return text + fmt::format("\n{} to mend, {} to know.\n", fails, warns);
}

std::string report_json(const Findings& findings) {
  json::Writer writer;
  writer.begin_object();
  writer.key("ok");
  writer.boolean(findings.count(Level::Fail) == 0);
  writer.key("findings");
  json::detail::write(writer, findings.all());
  writer.end_object();
  return writer.take();
}

}  // namespace troupe
