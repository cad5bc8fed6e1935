#include "llm/routes.h"

#include <cstring>
#include <utility>

#include "base/ids.h"
#include "contracts/llm.h"
#include "http/stream.h"
#include "llm/openai.h"

namespace llm {
namespace {

ChatAsk ask_of(const contracts::ChatRequest& request) {
  ChatAsk ask;
  ask.model = request.model;
  for (const auto& message : request.messages) {
    ask.messages.push_back({std::string(enum_name(message.role)), message.content});
  }
  ask.max_tokens = request.max_tokens;
  ask.temperature = request.temperature;
  ask.seed = request.seed;
  return ask;
}

Result<contracts::ChatReply> reply_of(const Result<Completion>& result) {
  if (!result) return result.error();
  const Completion& completion = result.value();
  contracts::ChatReply reply;
  reply.text = completion.text;
  reply.model = completion.model;
  reply.provider = completion.provider;
  reply.finish_reason = completion.finish_reason;
  reply.prompt_tokens = completion.prompt_tokens;
  reply.completion_tokens = completion.completion_tokens;
  reply.estimated = completion.estimated;
  reply.failovers = completion.failovers;
  reply.first_token_ms = completion.first_token_ms;
  return reply;
}

std::int64_t unix_seconds() { return SystemClock::instance().wall_ms() / 1000; }

// One streamed answer in the OpenAI dialect.
class SseAnswer : public std::enable_shared_from_this<SseAnswer> {
 public:
  SseAnswer(std::shared_ptr<http::Reply> reply, bool include_usage)
      : reply_(std::move(reply)), include_usage_(include_usage) {}

  // The model that speaks is named, also when "auto" was asked for.
  void begin(std::string_view model, std::string_view provider) {
    begun_ = true;
    model_ = model;
    reply_->begin(200, {{"Content-Type", "text/event-stream"},
                        {"Cache-Control", "no-cache"},
                        {"X-Troupe-Provider", std::string(provider)}});
    send(openai::chunk_json(openai::Chunk::Role, "", model_, id_, created_));
  }

  void text(std::string_view piece) {
    send(openai::chunk_json(openai::Chunk::Text, piece, model_, id_, created_));
  }

  void done(const Result<Completion>& result) {
    if (!result) {
      if (!begun_) return reply_->respond(openai::error_response(result.error()));
      // The stream has begun: what cuts it is said in it, then the connection ends.
      send(openai::error_response(result.error()).body);
      return reply_->end(http::Reply::Ending::Cut);
    }
    if (!begun_) begin(result.value().model, result.value().provider);
    send(openai::chunk_json(openai::Chunk::Finish, result.value().finish_reason, model_, id_,
                            created_));
    if (include_usage_) send(openai::usage_chunk_json(result.value(), id_, created_));
    send("[DONE]");
    reply_->end(http::Reply::Ending::Complete);
  }

 private:
  void send(std::string data) {
    reply_->write(http::encode(http::SseEvent{{}, std::move(data), {}}));
  }

  std::shared_ptr<http::Reply> reply_;
  bool include_usage_;
  std::string model_;
  std::string id_ = make_id("chatcmpl");
  std::int64_t created_ = unix_seconds();
  bool begun_ = false;
};

void chat_completions(Chain& chain, Milliseconds timeout, const http::Request& request,
                      const std::shared_ptr<http::Reply>& reply) {
  auto body = openai::read_chat(request.body);
  if (!body) return reply->respond(openai::error_response(body.error()));
  openai::ChatBody& chat = body.value();
  const SteadyTime deadline = SystemClock::instance().now() + timeout;
  Chain::Listener listener;
  if (chat.stream) {
    const auto answer = std::make_shared<SseAnswer>(reply, chat.include_usage);
    listener.on_begin = [answer](std::string_view model, std::string_view provider) {
      answer->begin(model, provider);
    };
    listener.on_text = [answer](std::string_view piece) { answer->text(piece); };
    listener.on_done = [answer](const Result<Completion>& result) { answer->done(result); };
  } else {
    listener.on_done = [reply](const Result<Completion>& result) {
      if (!result) return reply->respond(openai::error_response(result.error()));
      http::Response response = http::Response::json(
          openai::completion_json(result.value(), make_id("chatcmpl"), unix_seconds()));
      response.headers.set("X-Troupe-Provider", result.value().provider);
      reply->respond(std::move(response));
    };
  }
  const auto handle = chain.run(std::move(chat.ask), deadline, std::move(listener));
  reply->on_gone([weak = std::weak_ptr(handle)] {
    if (const auto run = weak.lock()) run->cancel();
  });
}

void embeddings(Chain& chain, Milliseconds timeout, const http::Request& request,
                const std::shared_ptr<http::Reply>& reply) {
  auto body = openai::read_embeddings(request.body);
  if (!body) return reply->respond(openai::error_response(body.error()));
  const auto handle =
      chain.embed(std::move(body.value().ask), SystemClock::instance().now() + timeout,
                  [reply, base64 = body.value().base64](const Result<Embeddings>& result) {
                    if (!result) return reply->respond(openai::error_response(result.error()));
                    http::Response response =
                        http::Response::json(openai::embeddings_json(result.value(), base64));
                    response.headers.set("X-Troupe-Provider", result.value().provider);
                    reply->respond(std::move(response));
                  });
  reply->on_gone([weak = std::weak_ptr(handle)] {
    if (const auto run = weak.lock()) run->cancel();
  });
}

// llm.embed: the vectors as items of raw bytes, then the reply.
void answer_embed(const std::shared_ptr<messaging::Incoming>& incoming,
                  const Result<Embeddings>& result) {
  if (!result) return incoming->reply(result.error());
  const Embeddings& embeddings = result.value();
  for (const auto& vector : embeddings.vectors) {
    std::string bytes(vector.size() * sizeof(float), '\0');
    std::memcpy(bytes.data(), vector.data(), bytes.size());
    if (!incoming->item(std::move(bytes))) break;  // then the reply says so, if anybody hears it
  }
  contracts::EmbedReply reply;
  reply.model = embeddings.model;
  reply.provider = embeddings.provider;
  reply.dimensions = static_cast<int>(embeddings.vectors.front().size());
  reply.count = static_cast<int>(embeddings.vectors.size());
  reply.prompt_tokens = embeddings.prompt_tokens;
  reply.estimated = embeddings.estimated;
  reply.failovers = embeddings.failovers;
  incoming->reply(json::encode(reply));
}

void embed(Chain& chain, const std::shared_ptr<messaging::Incoming>& incoming) {
  auto request = json::decode<contracts::EmbedRequest>(std::string_view(incoming->body()));
  if (!request) return incoming->reply(request.error());
  if (request.value().inputs.empty()) {
    return incoming->reply(Error{Code::InvalidArgument, "inputs: must not be empty"});
  }
  EmbedAsk ask{std::move(request.value().model), std::move(request.value().inputs),
               request.value().dimensions};
  const auto handle =
      chain.embed(std::move(ask), incoming->deadline(),
                  [incoming](const Result<Embeddings>& result) { answer_embed(incoming, result); });
  incoming->on_gone([weak = std::weak_ptr(handle)] {
    if (const auto run = weak.lock()) run->cancel();
  });
}

// Reply of GET /providers.
struct ProviderList {
  static constexpr std::string_view kName = "provider_list";
  std::vector<ProviderState> providers;
  static void fields(auto& self, auto&& visit) { visit("providers", self.providers); }
};

}  // namespace

void install_routes(runtime::Doors& doors, Chain& chain, Milliseconds request_timeout) {
  doors.async_method<contracts::ChatRequest, contracts::ChatReply>(
      "llm.chat", runtime::Post("/chat", "A model's next line in a conversation"),
      [&chain](const contracts::ChatRequest& request, const runtime::Call& call,
               const runtime::Answer<contracts::ChatReply>& answer) {
        if (request.messages.empty()) {
          return answer(Error{Code::InvalidArgument, "messages: must not be empty"});
        }
        Chain::Listener listener;
        listener.on_done = [answer](const Result<Completion>& result) { answer(reply_of(result)); };
        const auto handle = chain.run(ask_of(request), call.deadline, std::move(listener));
        call.on_gone([weak = std::weak_ptr(handle)] {
          if (const auto run = weak.lock()) run->cancel();
        });
      });
  const http::Handler chat = [&chain, request_timeout](const http::Request& request,
                                                       const std::shared_ptr<http::Reply>& reply) {
    chat_completions(chain, request_timeout, request, reply);
  };
  // With "stream": true the answer is a stream of server-sent events, the last of them [DONE].
  const runtime::About openai{"llm.completions",
                              {},
                              {runtime::Content{}},
                              {{200, {runtime::Content{}, {"text/event-stream"}}}},
                              true};
  for (const char* const path : {"/v1/chat/completions", "/chat/completions"}) {
    doors.http(runtime::Post(path, "Chat completions in the OpenAI dialect, streamed on request"),
               openai, chat);
  }
  doors.http(runtime::Post("/v1/embeddings", "Vectors of texts, in the OpenAI dialect"),
             {"llm.embeddings", {}, {runtime::Content{}}, {{200, {runtime::Content{}}}}, true},
             [&chain, request_timeout](const http::Request& request,
                                       const std::shared_ptr<http::Reply>& reply) {
               embeddings(chain, request_timeout, request, reply);
             });
  doors.rpc("llm.embed", [&chain](const std::shared_ptr<messaging::Incoming>& incoming) {
    embed(chain, incoming);
  });
  doors.http(runtime::Get("/v1/models", "The models there are, in the OpenAI dialect"),
             {"llm.models"},
             [&chain](const http::Request&, const std::shared_ptr<http::Reply>& reply) {
               std::vector<std::pair<std::string, std::string>> models{{"auto", "troupe"}};
               for (const auto& provider : chain.providers()) {
                 for (const auto& model : provider.models)
                   models.emplace_back(model, provider.name);
               }
               reply->respond(http::Response::json(openai::models_json(models)));
             });
  doors.quick_method<contracts::Empty, ProviderList>(
      "llm.providers",
      runtime::Get("/providers", "The providers in the order asked, and their state"),
      [&chain](const contracts::Empty&) -> Result<ProviderList> {
        return ProviderList{chain.providers()};
      });
}

}  // namespace llm
