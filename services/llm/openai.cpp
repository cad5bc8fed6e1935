#include "llm/openai.h"

#include <fmt/format.h>

#include "crypto/crypto.h"
#include "json/json.h"

namespace llm::openai {
namespace {

constexpr std::size_t kMessagesMax = 1024;
constexpr std::size_t kContentBytesMax = 512 * 1024;
constexpr std::size_t kInputsMax = 1024;
constexpr std::size_t kInputBytesMax = 256 * 1024;

Error wrong(std::string text) { return {Code::InvalidArgument, std::move(text)}; }

Result<std::string> read_model(json::Value root) {
  const auto model = root.find("model");
  if (!model || !model->is(json::Kind::String) || model->string().empty()) {
    return wrong("model: is required and must be a string");
  }
  return std::string(model->string());
}

// A content is a string, or parts of which the text ones count here.
Result<std::string> read_content(json::Value value, const std::string& where) {
  if (value.is(json::Kind::String)) return std::string(value.string());
  if (value.is(json::Kind::Null)) return std::string();
  if (!value.is(json::Kind::Array)) return wrong(where + ": must be a string or an array of parts");
  std::string text;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value.at(i).text_or("type", "") != "text") {
      return wrong(fmt::format("{}[{}].type: only 'text' is understood", where, i));
    }
    text += value.at(i).text_or("text", "");
  }
  return text;
}

Result<std::vector<Message>> read_messages(json::Value root) {
  const auto messages = root.find("messages");
  if (!messages) return wrong("messages: is required");
  if (!messages->is(json::Kind::Array) || messages->size() == 0) {
    return wrong("messages: must be a non-empty array");
  }
  if (messages->size() > kMessagesMax) {
    return wrong(fmt::format("messages: has {} items, at most {} are allowed", messages->size(),
                             kMessagesMax));
  }
  std::vector<Message> read;
  for (std::size_t i = 0; i < messages->size(); ++i) {
    const json::Value item = messages->at(i);
    std::string role(item.text_or("role", ""));
    if (role == "developer") role = "system";
    if (role != "system" && role != "user" && role != "assistant") {
      return wrong(fmt::format("messages[{}].role: must be one of system, user, assistant", i));
    }
    const auto content = item.find("content");
    if (!content) return wrong(fmt::format("messages[{}].content: is required", i));
    auto text = TRY(read_content(*content, fmt::format("messages[{}].content", i)));
    if (text.size() > kContentBytesMax) {
      return wrong(fmt::format("messages[{}].content: has {} bytes, at most {} are allowed", i,
                               text.size(), kContentBytesMax));
    }
    read.push_back({std::move(role), std::move(text)});
  }
  return read;
}

Result<std::optional<double>> read_number(json::Value root, std::string_view key, double min,
                                          double max) {
  const auto value = root.find(key);
  if (!value || value->is(json::Kind::Null)) return std::optional<double>{};
  if (!value->is(json::Kind::Integer) && !value->is(json::Kind::Real)) {
    return wrong(fmt::format("{}: must be a number", key));
  }
  if (value->number() < min || value->number() > max) {
    return wrong(fmt::format("{}: must be between {} and {}", key, min, max));
  }
  return std::optional<double>(value->number());
}

// A string, or up to four of them.
Result<std::vector<std::string>> read_stop(json::Value root) {
  constexpr std::size_t kStopsMax = 4;
  const auto stop = root.find("stop");
  if (!stop || stop->is(json::Kind::Null)) return std::vector<std::string>{};
  if (stop->is(json::Kind::String)) return std::vector<std::string>{std::string(stop->string())};
  if (!stop->is(json::Kind::Array) || stop->size() > kStopsMax) {
    return wrong(fmt::format("stop: must be a string or at most {} strings", kStopsMax));
  }
  std::vector<std::string> words;
  for (std::size_t i = 0; i < stop->size(); ++i) {
    if (!stop->at(i).is(json::Kind::String))
      return wrong(fmt::format("stop[{}]: must be a string", i));
    words.emplace_back(stop->at(i).string());
  }
  return words;
}

// A text, or several. Clients may also send tokens, which only one model would understand.
Result<std::vector<std::string>> read_inputs(json::Value root) {
  const auto input = root.find("input");
  if (!input) return wrong("input: is required");
  const bool list = input->is(json::Kind::Array);
  if (!list && !input->is(json::Kind::String)) return wrong("input: must be a string or a list");
  if (list && (input->size() == 0 || input->size() > kInputsMax)) {
    return wrong(
        fmt::format("input: has {} items, 1 to {} are allowed", input->size(), kInputsMax));
  }
  std::vector<std::string> inputs;
  for (std::size_t i = 0; i < (list ? input->size() : 1); ++i) {
    const json::Value item = list ? input->at(i) : *input;
    const std::string where = list ? fmt::format("input[{}]", i) : "input";
    if (!item.is(json::Kind::String)) {
      return wrong(where + ": must be a string, tokens are not understood");
    }
    const std::string_view text = item.string();
    if (text.empty()) return wrong(where + ": must not be empty");
    if (text.size() > kInputBytesMax) {
      return wrong(fmt::format("{}: has {} bytes, at most {} are allowed", where, text.size(),
                               kInputBytesMax));
    }
    inputs.emplace_back(text);
  }
  return inputs;
}

Result<bool> read_base64(json::Value root) {
  const auto format = root.find("encoding_format");
  if (!format || format->is(json::Kind::Null) || format->string() == "float") return false;
  if (format->string() == "base64") return true;
  return wrong("encoding_format: must be one of float, base64");
}

std::string_view bytes_of(const std::vector<float>& vector) {
  return {reinterpret_cast<const char*>(vector.data()), vector.size() * sizeof(float)};
}

void begin(json::Writer& writer, std::string_view object, std::string_view id, std::int64_t created,
           std::string_view model) {
  writer.begin_object();
  writer.key("id");
  writer.string(id);
  writer.key("object");
  writer.string(object);
  writer.key("created");
  writer.integer(created);
  writer.key("model");
  writer.string(model);
}

void write_usage(json::Writer& writer, const Completion& completion) {
  writer.key("usage");
  writer.begin_object();
  writer.key("prompt_tokens");
  writer.integer(completion.prompt_tokens);
  writer.key("completion_tokens");
  writer.integer(completion.completion_tokens);
  writer.key("total_tokens");
  writer.integer(completion.prompt_tokens + completion.completion_tokens);
  writer.end_object();
}

}  // namespace

Result<ChatBody> read_chat(std::string_view body) {
  const auto document = TRY(json::Document::parse(body));
  const json::Value root = document.root();
  if (!root.is(json::Kind::Object)) return wrong("the body must be a JSON object");
  ChatBody chat;
  chat.ask.model = TRY(read_model(root));
  chat.ask.messages = TRY(read_messages(root));
  const auto max_tokens = TRY(read_number(root, "max_tokens", 1, 1'000'000));
  const auto max_completion = TRY(read_number(root, "max_completion_tokens", 1, 1'000'000));
  if (const auto limit = max_completion ? max_completion : max_tokens) {
    chat.ask.max_tokens = static_cast<int>(*limit);
  }
  chat.ask.temperature = TRY(read_number(root, "temperature", 0, 2));
  if (const auto seed = TRY(read_number(root, "seed", -9e15, 9e15))) {
    chat.ask.seed = static_cast<std::int64_t>(*seed);
  }
  chat.ask.stop = TRY(read_stop(root));
  if (const auto stream = root.find("stream")) {
    if (!stream->is(json::Kind::Boolean) && !stream->is(json::Kind::Null)) {
      return wrong("stream: must be true or false");
    }
    chat.stream = stream->boolean();
  }
  if (const auto options = root.find("stream_options")) {
    const auto include = options->find("include_usage");
    chat.include_usage = include && include->boolean();
  }
  return chat;
}

std::string completion_json(const Completion& completion, std::string_view id,
                            std::int64_t created) {
  json::Writer writer;
  begin(writer, "chat.completion", id, created, completion.model);
  writer.key("choices");
  writer.begin_array();
  writer.begin_object();
  writer.key("index");
  writer.integer(0);
  writer.key("message");
  writer.begin_object();
  writer.key("role");
  writer.string("assistant");
  writer.key("content");
  writer.string(completion.text);
  writer.end_object();
  writer.key("finish_reason");
  writer.string(completion.finish_reason);
  writer.end_object();
  writer.end_array();
  write_usage(writer, completion);
  writer.end_object();
  return writer.take();
}

std::string chunk_json(Chunk chunk, std::string_view text, std::string_view model,
                       std::string_view id, std::int64_t created) {
  json::Writer writer;
  begin(writer, "chat.completion.chunk", id, created, model);
  writer.key("choices");
  writer.begin_array();
  writer.begin_object();
  writer.key("index");
  writer.integer(0);
  writer.key("delta");
  writer.begin_object();
  if (chunk == Chunk::Role) {
    writer.key("role");
    writer.string("assistant");
  }
  if (chunk != Chunk::Finish) {
    writer.key("content");
    writer.string(chunk == Chunk::Text ? text : "");
  }
  writer.end_object();
  writer.key("finish_reason");
  if (chunk == Chunk::Finish) {
    writer.string(text);
  } else {
    writer.null();
  }
  writer.end_object();
  writer.end_array();
  writer.end_object();
  return writer.take();
}

std::string usage_chunk_json(const Completion& completion, std::string_view id,
                             std::int64_t created) {
  json::Writer writer;
  begin(writer, "chat.completion.chunk", id, created, completion.model);
  writer.key("choices");
  writer.begin_array();
  writer.end_array();
  write_usage(writer, completion);
  writer.end_object();
  return writer.take();
}

Result<EmbeddingsBody> read_embeddings(std::string_view body) {
  const auto document = TRY(json::Document::parse(body));
  const json::Value root = document.root();
  if (!root.is(json::Kind::Object)) return wrong("the body must be a JSON object");
  EmbeddingsBody embeddings;
  embeddings.ask.model = TRY(read_model(root));
  embeddings.ask.inputs = TRY(read_inputs(root));
  if (const auto dimensions = TRY(read_number(root, "dimensions", 1, 65536))) {
    embeddings.ask.dimensions = static_cast<int>(*dimensions);
  }
  embeddings.base64 = TRY(read_base64(root));
  return embeddings;
}

std::string embeddings_json(const Embeddings& embeddings, bool base64) {
  json::Writer writer;
  writer.begin_object();
  writer.key("object");
  writer.string("list");
  writer.key("model");
  writer.string(embeddings.model);
  writer.key("data");
  writer.begin_array();
  for (std::size_t i = 0; i < embeddings.vectors.size(); ++i) {
    const std::vector<float>& vector = embeddings.vectors[i];
    writer.begin_object();
    writer.key("object");
    writer.string("embedding");
    writer.key("index");
    writer.integer(static_cast<std::int64_t>(i));
    writer.key("embedding");
    if (base64) {
      writer.string(crypto::base64(bytes_of(vector)));
    } else {
      // The shortest text of a float: as a double it would be twice as long and no truer.
      writer.raw(fmt::format("[{}]", fmt::join(vector, ",")));
    }
    writer.end_object();
  }
  writer.end_array();
  writer.key("usage");
  writer.begin_object();
  writer.key("prompt_tokens");
  writer.integer(embeddings.prompt_tokens);
  writer.key("total_tokens");
  writer.integer(embeddings.prompt_tokens);
  writer.end_object();
  writer.end_object();
  return writer.take();
}

std::string models_json(const std::vector<std::pair<std::string, std::string>>& models_and_owners) {
  json::Writer writer;
  writer.begin_object();
  writer.key("object");
  writer.string("list");
  writer.key("data");
  writer.begin_array();
  for (const auto& [model, owner] : models_and_owners) {
    writer.begin_object();
    writer.key("id");
    writer.string(model);
    writer.key("object");
    writer.string("model");
    writer.key("created");
    writer.integer(0);
    writer.key("owned_by");
    writer.string(owner);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return writer.take();
}

http::Response error_response(const Error& error) {
  const int status = http_status(error.code);
  std::string_view type = "api_error";
  if (status == 400 || status == 404 || status == 413) type = "invalid_request_error";
  if (status == 401) type = "authentication_error";
  if (status == 429) type = "rate_limit_error";
  json::Writer writer;
  writer.begin_object();
  writer.key("error");
  writer.begin_object();
  writer.key("message");
  writer.string(error.message);
  writer.key("type");
  writer.string(type);
  writer.key("param");
  // "messages[0].role: must be ..." names the member before the colon.
  const std::size_t colon = error.message.find(':');
  const std::string_view param = std::string_view(error.message).substr(0, colon);
  if (error.code == Code::InvalidArgument && colon != std::string::npos &&
      param.find(' ') == std::string_view::npos) {
    writer.string(param);
  } else {
    writer.null();
  }
  writer.key("code");
  if (error.code == Code::NotFound) {
    writer.string("model_not_found");
  } else {
    writer.null();
  }
  writer.end_object();
  writer.end_object();
  return http::Response::json(writer.take(), status);
}

}  // namespace llm::openai
