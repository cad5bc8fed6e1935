#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace bench {

// A whole stack of real processes in a temporary directory, on free ports, ended by the destructor.
class Stack {
 public:
  // `config` is the text of the config file; every service must have "port": 0 in it.
  static Result<Stack> start(const std::string& config);
  Stack(Stack&& other) noexcept;
  Stack& operator=(Stack&&) = delete;
  ~Stack();

  double ready_ms() const { return ready_ms_; }
  std::string url(const std::string& service) const { return "http://" + http_.at(service); }
  pid_t pid(const std::string& service) const { return pids_.at(service); }
  const std::string& directory() const { return directory_; }

  // User and system CPU of all processes together, in milliseconds.
  double cpu_ms() const;
  // Proportional set size by service, in KiB.
  std::map<std::string, long> pss_kib() const;

 private:
  Stack() = default;

  std::string directory_;
  pid_t watchdog_ = -1;
  double ready_ms_ = 0;
  std::map<std::string, std::string> http_;  // by service
  std::map<std::string, pid_t> pids_;
};

// The services of a turn, and all with those that bring it to a chat.
inline constexpr std::string_view kStage =
    "characters,retriever,crawler,llm,quality,coordinator,tuning,router";
inline constexpr std::string_view kAll = "";

// A config that runs the services in `only` (comma-separated) and gives each port 0, with `extra`
// members by service: {"llm": R"("ollama_url":"http://...")"}.
std::string config_with(const std::map<std::string, std::string>& extra,
                        std::string_view only = kStage);

// The middle and the q-th quantile (0 to 1) of samples; 0 for none.
double quantile(std::vector<double> samples, double q);

// The median time of an fdatasync of 4 KiB in `directory`, in milliseconds.
double fdatasync_p50_ms(const std::string& directory);

}  // namespace bench
