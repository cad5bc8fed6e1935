#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "contracts/characters.h"
#include "contracts/router.h"
#include "contracts/watchdog.h"

// How things look to a person: texts made of messages. Pure. What people, models and pages wrote is
// made harmless first, so that no text can move the cursor or pass for somebody else's line.
namespace troupe {

enum class Style { Plain, Color };

// The characters' names and colours. Who is not among them is called by his id.
class Cast {
 public:
  Cast() = default;
  explicit Cast(std::vector<contracts::Character> characters);

  std::string name(const std::string& id) const;
  std::string color(const std::string& id) const;  // "#rrggbb", empty for people and strangers
  const std::vector<contracts::Character>& characters() const { return characters_; }

 private:
  std::vector<contracts::Character> characters_;
};

// "Peter Griffin: ..."; further lines of the text are indented.
std::string spoken(const Cast& cast, const std::string& author, std::string_view text, Style style);
// "(nobody answers: below_threshold)"
std::string silence(std::string_view reason, Style style);
// "(no answer: no instance of router is running)"; `missing` is what there is not: "no answer".
std::string failure(std::string_view missing, const Error& error, Style style);
// "Peter Griffin and Brian Griffin are typing…"; empty for nobody.
std::string typing(const Cast& cast, const std::vector<std::string>& ids);
// One line a character: name, id, other names.
std::string cast_list(const Cast& cast, Style style);

// All that the record of a turn says about why it went as it did.
std::string why_report(const contracts::TurnRecord& record, const Cast& cast, Style style);

// Columns as wide as their widest cell; the first row is the heading.
std::string headed_table(const std::vector<std::vector<std::string>>& rows, Style style);

struct ServiceRow {
  contracts::ServiceStatus status;
  std::optional<std::int64_t> uptime_s;
  std::optional<double> memory_mb;  // share of the physical memory (Pss)
};
std::string status_table(const std::vector<ServiceRow>& rows, Style style);

}  // namespace troupe
