#pragma once

#include <map>
#include <string>

#include "troupe/findings.h"
#include "troupe/world.h"

namespace troupe {

// "warn models: text -> mend (reason)", one line a finding.
inline std::string shown(const Findings& findings) {
  std::string text;
  for (const auto& finding : findings.all()) {
    text += std::string(enum_name(finding.level)) + " " + finding.check + ": " + finding.text;
    if (!finding.mend.empty()) text += " -> " + finding.mend;
    if (!finding.reason.empty()) text += " (" + finding.reason + ")";
    text += '\n';
  }
  return text;
}

// A world of tables. What is not in them is not there.
struct FakeWorld {
  std::map<std::string, std::string> pages;
  std::map<std::string, Ran> programs;  // by path
  std::map<std::string, std::string> variables;
  std::vector<std::vector<std::string>> ran;

  World world() {
    return {[this](const std::string& url) -> Result<std::string> {
              const auto page = pages.find(url);
              if (page != pages.end()) return page->second;
              return Error{Code::Unavailable, "connection refused"};
            },
            [this](const std::vector<std::string>& argv) {
              ran.push_back(argv);
              const auto program = programs.find(argv.front());
              return program == programs.end() ? Ran{127, "", "not there"} : program->second;
            },
            [this](const std::string& name) {
              const auto variable = variables.find(name);
              return variable == variables.end() ? std::string() : variable->second;
            }};
  }
};

}  // namespace troupe
