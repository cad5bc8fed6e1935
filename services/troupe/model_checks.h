#pragma once

#include <string>
#include <vector>

#include "json/json.h"
#include "troupe/findings.h"
#include "troupe/world.h"

// Who would write the lines: the doctor's look at models and keys, and at the shared cache.
namespace troupe {

// `settings` are those of llm. Asks each Ollama server that they name, and tells of a cloud key in
// the environment that is not used: a key alone sends nothing anywhere.
void check_models(const World& world, json::Value settings, Findings& findings);

// What a running llm says of its providers: the reply of GET /providers.
void check_providers(json::Value providers, Findings& findings);

// Does the Redis server answer that the environment names? Says nothing when it names none.
void check_redis(const World& world, Findings& findings);

}  // namespace troupe
