#pragma once

#include <memory>
#include <string>

#include "llm/completion.h"

namespace llm {

struct OllamaOptions {
  int num_ctx = 8192;              // set explicitly: Ollama's default would cut the prompt silently
  std::string keep_alive = "10m";  // how long the model stays loaded
};

// Ollama's own protocol: POST /api/chat with newline-delimited JSON, POST /api/embed, GET /api/tags
// (github.com/ollama/ollama docs/api.md).
std::unique_ptr<WireFormat> make_ollama_format(OllamaOptions options);

}  // namespace llm
