#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/fields.h"
#include "troupe/transcript.h"

namespace troupe {

// Warn: it works, but not as one may think. Fail: something that was asked for does not work, or a
// character would keep silent.
enum class Level { Ok, Warn, Fail };
constexpr auto enum_names(Level) {
  return EnumNames<Level, 3>{{{Level::Ok, "ok"}, {Level::Warn, "warn"}, {Level::Fail, "fail"}}};
}

struct Finding {
  Level level = Level::Ok;
  std::string check;   // what was looked at, in a word
  std::string text;    // what was found
  std::string mend;    // the command that mends it
  std::string reason;  // the code of the silence that it would be

  static void fields(auto& self, auto&& visit) {
    visit("level", self.level);
    visit("check", self.check);
    visit("text", self.text);
    visit("mend", self.mend);
    visit("reason", self.reason);
  }
};

// What the doctor has found, in the order of looking. Not thread-safe.
class Findings {
 public:
  void ok(std::string_view check, std::string text) { add(Level::Ok, check, std::move(text)); }
  void warn(std::string_view check, std::string text, std::string mend, std::string reason = {}) {
    add(Level::Warn, check, std::move(text), std::move(mend), std::move(reason));
  }
  void fail(std::string_view check, std::string text, std::string mend, std::string reason = {}) {
    add(Level::Fail, check, std::move(text), std::move(mend), std::move(reason));
  }

  // Puts " --data DIR" behind the troupe commands that mend, but for those that name one.
  void place_commands(std::string_view where);

  const std::vector<Finding>& all() const { return all_; }
  std::size_t count(Level level) const;

 private:
  void add(Level level, std::string_view check, std::string text, std::string mend = {},
           std::string reason = {}) {
    all_.push_back(
        {level, std::string(check), std::move(text), std::move(mend), std::move(reason)});
  }

  std::vector<Finding> all_;
};

// One line a finding, its mending command under it, and a line that sums up.
std::string report(const Findings& findings, Style style);
// {"ok":false,"findings":[...]}
std::string report_json(const Findings& findings);

}  // namespace troupe
