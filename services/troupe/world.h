#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "json/json.h"

namespace troupe {

// How a program that was run has ended.
struct Ran {
  int status = 0;  // as a shell gives it: 127 when it could not be started, 128 + signal
  std::string output;
  std::string error;
};

// What the doctor may do to find out. The tests' is a table.
struct World {
  // The body of a GET, whatever its status is below 400.
  std::function<Result<std::string>(const std::string& url)> fetch;
  std::function<Ran(const std::vector<std::string>& argv)> run;
  // A variable of the environment, empty when it is not set.
  std::function<std::string(const std::string& name)> variable;
};

// The machine's own. Every wait has a limit of a few seconds.
World real_world();

// As World::fetch, parsed.
Result<json::Document> fetch_json(const World& world, const std::string& url);

// Runs a program without input and gathers what it writes, up to 1 MiB each, for at most `timeout`.
Ran run_program(const std::vector<std::string>& argv, Milliseconds timeout);

// Says PING to a Redis server at redis://[[user]:password@]host[:port][/db] or unix:///path: the
// word that it answers, or why there is none.
Result<std::string> ping_redis(const std::string& url, Milliseconds timeout);

}  // namespace troupe
