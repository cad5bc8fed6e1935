#include "llm/routes.h"

#include <cstring>
#include <utility>

#include "contracts/llm.h"
#include "llm/understudy.h"

namespace llm {
namespace {

talk::Role role_of(contracts::Role role) {
  switch (role) {
    case contracts::Role::System:
      return talk::Role::System;
    case contracts::Role::User:
      return talk::Role::User;
    case contracts::Role::Assistant:
      break;
  }
  return talk::Role::Assistant;
}

talk::ChatAsk ask_of(const contracts::ChatRequest& request) {
  talk::ChatAsk ask;
  ask.model = request.model;
  for (const auto& message : request.messages) {
    ask.messages.push_back({.role = role_of(message.role),
                            .parts = {talk::Text{message.content}},
                            .calls = {},
                            .call_id = {}});
  }
  ask.max_tokens = request.max_tokens;
  ask.temperature = request.temperature;
  ask.seed = request.seed;
  return ask;
}

// Answers llm.chat, as a whole.
class ChatMethod final : public Audience {
 public:
  explicit ChatMethod(runtime::Answer<contracts::ChatReply> answer) : answer_(std::move(answer)) {}

  void begin(const Speaker&) override {}
  void delta(const talk::Delta&) override {}
  bool flush() override { return true; }
  bool pass(std::string_view) override { return true; }
  void answer(std::string, const Speaker&) override {}
  void done(const talk::Completion& completion, const Speaker& speaker) override {
    contracts::ChatReply reply;
    reply.text = completion.text();
    reply.model = completion.model;
    reply.provider = completion.provider;
    reply.finish_reason = completion.finish == talk::Finish::Length ? "length" : "stop";
    reply.prompt_tokens = completion.usage.prompt;
    reply.completion_tokens = completion.usage.completion;
    reply.estimated = !completion.usage.exact;
    reply.failovers = completion.failovers;
    reply.first_token_ms = std::chrono::duration<double, std::milli>(speaker.first_token).count();
    answer_(std::move(reply));
  }
  void failed(const talk::Refusal& refusal, const Speaker&) override { answer_(refusal.error); }

 private:
  const runtime::Answer<contracts::ChatReply> answer_;
};

void chat(Chain& chain, const contracts::ChatRequest& request, const runtime::Call& call,
          const runtime::Answer<contracts::ChatReply>& answer) {
  if (request.messages.empty()) {
    return answer(Error{Code::InvalidArgument, "messages: must not be empty"});
  }
  ChatTask task;
  task.asked = std::make_unique<Asked>(ask_of(request));
  task.deadline = call.deadline;
  task.audience = std::make_unique<ChatMethod>(answer);
  const auto handle = chain.chat(std::move(task));
  call.on_gone([weak = std::weak_ptr(handle)] {
    if (const auto run = weak.lock()) run->cancel();
  });
}

// llm.embed: the vectors as items of raw bytes, then the reply.
void answer_embed(const std::shared_ptr<messaging::Incoming>& incoming,
                  const Result<talk::Embeddings>& result) {
  if (!result) return incoming->reply(result.error());
  const talk::Embeddings& embeddings = result.value();
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
  talk::EmbedAsk ask;
  ask.model = std::move(request.value().model);
  ask.inputs = std::move(request.value().inputs);
  ask.dimensions = request.value().dimensions;
  const auto handle = chain.embed(
      std::move(ask), incoming->deadline(),
      [incoming](const Result<talk::Embeddings>& result) { answer_embed(incoming, result); });
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

void install_routes(runtime::Doors& doors, Chain& chain, Ledger* ledger) {
  doors.async_method<contracts::ChatRequest, contracts::ChatReply>(
      "llm.chat", runtime::Post("/chat", "A model's next line in a conversation"),
      [&chain](const contracts::ChatRequest& request, const runtime::Call& call,
               const runtime::Answer<contracts::ChatReply>& answer) {
        chat(chain, request, call, answer);
      });
  doors.rpc("llm.embed", [&chain](const std::shared_ptr<messaging::Incoming>& incoming) {
    embed(chain, incoming);
  });
  doors.quick_method<contracts::Empty, ProviderList>(
      "llm.providers",
      runtime::Get("/providers", "The providers in the order asked, and their state"),
      [&chain](const contracts::Empty&) -> Result<ProviderList> {
        return ProviderList{chain.providers()};
      });
  if (ledger == nullptr) return;
  doors.method<UsageQuery, Usage>(
      "llm.usage", runtime::Get("/usage", "What was used, by day, key, model and provider"),
      [ledger](const UsageQuery& query) { return ledger->usage(query); });
}

}  // namespace llm
