#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace crawler {

// What a robots.txt says to one crawler (RFC 9309). Pure and immutable.
class Robots {
 public:
  // As much of a file is read as the RFC asks for; the rest is as if it were not there.
  static constexpr std::size_t kBytesMax = 500 * 1024;

  static Robots allow_all() { return {}; }
  // For a site whose robots.txt cannot be had (section 2.3.1.4).
  static Robots disallow_all();

  // The rules for the product token `agent`: those of all groups that name it, else those of "*".
  static Robots parse(std::string_view text, std::string_view agent);

  // Whether `target` (path and query) may be fetched: the longest matching rule decides, of equally
  // long ones the one that allows. /robots.txt itself always may.
  bool allows(std::string_view target) const;

  // Crawl-delay, which the RFC does not know but many sites say.
  std::optional<Milliseconds> crawl_delay() const { return crawl_delay_; }

 private:
  struct Rule {
    std::string pattern;  // normalised; * and a $ at the end are special
    bool allow = false;
  };

  std::vector<Rule> rules_;
  std::optional<Milliseconds> crawl_delay_;
};

}  // namespace crawler
