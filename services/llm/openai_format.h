#pragma once

#include <memory>

#include "llm/completion.h"

namespace llm {

// The OpenAI dialect, as we speak it to OpenAI, Groq, DeepSeek, vLLM, llama.cpp and others: POST
// /chat/completions with server-sent events, POST /embeddings, GET /models
// (platform.openai.com/docs/api-reference). The provider's URL ends in the version, as in
// https://api.openai.com/v1.
std::unique_ptr<WireFormat> make_openai_format();

}  // namespace llm
