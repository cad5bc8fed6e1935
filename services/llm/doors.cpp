#include "llm/doors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/ids.h"
#include "llm/accounts.h"
#include "llm/http_answer.h"
#include "llm/tokens.h"

namespace llm {
namespace {

using Refuse = http::Response (*)(const talk::Refusal&);

// GET /v1/models/{id}.
struct ModelQuery {
  static constexpr std::string_view kName = "model_query";
  std::string id;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id, Field{.bytes_min = 1, .bytes_max = 256});
  }
};

// What the doors share: the dialects, and the next request's id.
struct Front {
  explicit Front(Proxy proxy_in) : proxy(std::move(proxy_in)) {}

  const Proxy proxy;
  const std::unique_ptr<talk::Dialect> openai_chat = talk::make_openai_chat();
  const std::unique_ptr<talk::Dialect> openai_completions = talk::make_openai_completions();
  const std::unique_ptr<talk::Dialect> ollama_chat = talk::make_ollama_chat();
  const std::unique_ptr<talk::Dialect> ollama_generate = talk::make_ollama_generate();
  const std::unique_ptr<talk::Dialect> anthropic = talk::make_anthropic_messages();
  Random random{hash64(make_id("req"))};  // an id need not be a secret
};
using FrontRef = std::shared_ptr<Front>;

std::string request_id(Front& front, const http::Request& request) {
  const auto given = request.headers.get("x-request-id");
  if (given && valid_id(*given)) return std::string(*given);
  std::string id;
  id.reserve(36);
  id = "req_";
  return append_hex64(append_hex64(id, front.random.next()), front.random.next());
}

talk::Refusal refusal_of(Rejection rejection) {
  return {.error = std::move(rejection.error), .retry_after = rejection.retry_after};
}

// A request at a door: who asks is known, and how errors are told. Held by all that may have to
// wait.
struct Visit {
  http::Request request;
  std::shared_ptr<http::Reply> reply;
  std::string id;
  Refuse refuse = nullptr;
  AccountRef account = nullptr;

  void fail(const talk::Refusal& refusal) const {
    http::Response response = refuse(refusal);
    response.headers.set("x-request-id", id);
    reply->respond(std::move(response));
  }
  void fail(Error error) const { fail(talk::Refusal{std::move(error)}); }
  void answer(std::string body) const {
    http::Response response = http::Response::json(std::move(body));
    response.headers.set("x-request-id", id);
    reply->respond(std::move(response));
  }
};
using VisitRef = std::shared_ptr<Visit>;

using Visited = std::function<void(const FrontRef&, const VisitRef&)>;

// Asks the gate by `ask`. Where it needs a share of what other instances may use as well, that is
// waited for, so many times.
template <class Granted, class Ask, class Go, class Refused>
void pass_gate(const FrontRef& front, Ask ask, Go go, Refused refused, int leases = 3) {
  auto answer = ask();
  auto* const rejection = std::get_if<Rejection>(&answer);
  if (rejection == nullptr) return go(std::move(std::get<Granted>(answer)));
  if (rejection->lease == 0 || leases == 0) return refused(refusal_of(std::move(*rejection)));
  front->proxy.gate.wait(rejection->lease, [front, ask = std::move(ask), go = std::move(go),
                                            refused = std::move(refused), leases]() mutable {
    pass_gate<Granted>(front, std::move(ask), std::move(go), std::move(refused), leases - 1);
  });
}

http::Handler door(const FrontRef& front, Refuse refuse, Visited visited) {
  const auto shared = std::make_shared<const Visited>(std::move(visited));
  return [front, refuse, shared](http::Request request, std::shared_ptr<http::Reply> reply) {
    std::string id = request_id(*front, request);
    const auto visit =
        std::make_shared<Visit>(Visit{std::move(request), std::move(reply), std::move(id), refuse});
    pass_gate<AccountRef>(
        front,
        [front, visit] {
          const http::Request& asked = visit->request;
          return front->proxy.gate.admit(key_in(asked.headers), asked.peer, asked.path);
        },
        [front, visit, shared](AccountRef account) {
          visit->account = std::move(account);
          (*shared)(front, visit);
        },
        [visit](const talk::Refusal& refusal) { visit->fail(refusal); });
  };
}

SteadyTime deadline_of(const Front& front) {
  return SystemClock::instance().now() + front.proxy.terms->request_timeout;
}

void cancel_when_gone(const std::shared_ptr<http::Reply>& reply,
                      const std::shared_ptr<Chain::Handle>& handle) {
  reply->on_gone([weak = std::weak_ptr(handle)] {
    if (const auto run = weak.lock()) run->cancel();
  });
}

// What a request may come to: by the price of its model, or by the dearest when we choose it.
double most_cost(const Proxy& proxy, const std::string& model, const talk::Usage& usage) {
  const double named = cost_of(proxy.terms->prices, model, usage);
  if (named > 0 || model != "auto") return named;
  double most = 0;
  for (const Price& price : proxy.terms->prices) {
    most = std::max(most, cost_of({{"*", price.prompt_per_million, price.completion_per_million}},
                                  model, usage));
  }
  return most;
}

// What an Anthropic client says of the form of its request beside the body.
http::Headers forms_in(const http::Headers& headers) {
  http::Headers forms;
  for (const char* const name : {"anthropic-version", "anthropic-beta"}) {
    if (const auto value = headers.get(name)) forms.add(name, std::string(*value));
  }
  return forms;
}

// Answers what was asked in these very bytes before, if the gate lets it pass at once: where it
// does not, the long way says why, or waits.
bool told_again(const FrontRef& front, const ChatDoor& dialect, const Visit& visit) {
  const SteadyTime began = SystemClock::instance().now();
  if (visit.request.headers.get("anthropic-beta")) return false;
  Chain& chain = front->proxy.chain;
  const std::string_view tenant = visit.account ? std::string_view(visit.account->tenant) : "";
  const auto told = chain.told({dialect.dialect, tenant, visit.request.body});
  if (told == nullptr) return false;
  const auto [prompt, answer] = told->most;
  const double cost =
      most_cost(front->proxy, told->asked_model, {.prompt = prompt, .completion = answer});
  Gatekeeper& gate = front->proxy.gate;
  auto passed = gate.reserve(visit.account, {told->asked_model, prompt + answer, cost});
  const auto* const reservation = std::get_if<Reservation>(&passed);
  if (reservation == nullptr) return false;
  if (*reservation) gate.settle(*reservation, 0, 0);
  chain.told_again(*told, visit.account);
  Speaker speaker{.model = told->model, .provider = told->provider};
  speaker.overhead = SystemClock::instance().now() - began;
  speaker.cache = "exact";
  std::string body = told->head;
  if (!told->tail.empty()) body.append(answer_id(visit.id)).append(told->tail);
  tell_whole(*visit.reply, visit.id, std::move(body), speaker);
  return true;
}

void chat(const FrontRef& front, const ChatDoor& dialect, const VisitRef& visit) {
  if (told_again(front, dialect, *visit)) return;
  auto asked = Asked::of(dialect, std::move(visit->request.body));
  if (!asked) return visit->fail(asked.error());
  const auto task = std::make_shared<ChatTask>();
  task->asked = std::move(asked).value();
  if (dialect.same == ProviderKind::Anthropic) task->asked->carry(forms_in(visit->request.headers));
  task->account = visit->account;
  task->deadline = deadline_of(*front);
  task->audience = std::make_unique<HttpAnswer>(visit->reply, *task->asked, visit->id);
  const Asked::Most most = task->asked->most(front->proxy.terms->usual_answer_tokens);
  const double cost = most_cost(front->proxy, task->asked->model(),
                                {.prompt = most.prompt, .completion = most.answer});
  task->most = most;
  pass_gate<Reservation>(
      front,
      [front, task, most, cost] {
        return front->proxy.gate.reserve(task->account,
                                         {task->asked->model(), most.prompt + most.answer, cost});
      },
      [front, task, visit](Reservation reservation) {
        task->reservation = std::move(reservation);
        cancel_when_gone(visit->reply, front->proxy.chain.chat(std::move(*task)));
      },
      [visit](const talk::Refusal& refusal) { visit->fail(refusal); });
}

// --- what is asked beside chats -----------------------------------------------------------------

using ReadEmbed = Result<talk::EmbedAsk> (*)(std::string_view);
using WriteEmbed = std::string (*)(const talk::Embeddings&, const talk::EmbedAsk&);

struct Embed {
  talk::EmbedAsk ask;
  WriteEmbed write;
  VisitRef visit;
};

void run(const FrontRef& front, const std::shared_ptr<Embed>& task, Reservation reservation) {
  // The texts are not needed to answer.
  auto inputs = std::exchange(task->ask.inputs, {});
  talk::EmbedAsk ask = task->ask;
  ask.inputs = std::move(inputs);
  const auto handle = front->proxy.chain.embed(
      std::move(ask), deadline_of(*front), task->visit->account,
      [front, task, reservation = std::move(reservation)](const Result<talk::Embeddings>& result,
                                                          const Paid& paid) {
        front->proxy.gate.settle(reservation, paid.tokens, paid.cost);
        if (!result) return task->visit->fail(result.error());
        const talk::Embeddings& found = result.value();
        http::Response response = http::Response::json(task->write(found, task->ask));
        const Speaker speaker{.model = found.model, .provider = found.provider};
        const http::Headers told = told_headers(task->visit->id, speaker);
        for (const auto& [name, value] : told.lines()) response.headers.set(name, value);
        task->visit->reply->respond(std::move(response));
      });
  cancel_when_gone(task->visit->reply, handle);
}

Visited embed(ReadEmbed read, WriteEmbed write) {
  return [read, write](const FrontRef& front, const VisitRef& visit) {
    auto ask = read(visit->request.body);
    if (!ask) return visit->fail(ask.error());
    visit->request.body = {};  // the answer may take its time
    const auto task = std::make_shared<Embed>(Embed{std::move(ask).value(), write, visit});
    talk::Usage most;
    for (const std::string& input : task->ask.inputs) most.prompt += estimated_tokens(input);
    const double cost = most_cost(front->proxy, task->ask.model, most);
    pass_gate<Reservation>(
        front,
        [front, task, tokens = most.prompt, cost] {
          return front->proxy.gate.reserve(task->visit->account, {task->ask.model, tokens, cost});
        },
        [front, task](Reservation reservation) { run(front, task, std::move(reservation)); },
        [visit](const talk::Refusal& refusal) { visit->fail(refusal); });
  };
}

// Those that the key may ask for.
std::vector<talk::ModelInfo> models_of(const FrontRef& front, const Visit& visit) {
  auto models = front->proxy.chain.models();
  std::erase_if(models, [&](const auto& model) { return !visit.account->may_use(model.name); });
  return models;
}

std::optional<talk::ModelInfo> model_named(std::vector<talk::ModelInfo> models,
                                           const std::string& name) {
  for (talk::ModelInfo& model : models) {
    if (model.name == name || model.name == name + ":latest") return std::move(model);
  }
  return std::nullopt;
}

Error no_model(const std::string& name) {
  return {Code::NotFound, fmt::format("model: '{}' is not offered here", name)};
}

// OpenAI and Anthropic have one URL for it.
bool speaks_anthropic(const http::Request& request) {
  return request.headers.get("anthropic-version").has_value();
}

void list_models(const FrontRef& front, const VisitRef& visit) {
  const auto models = models_of(front, *visit);
  visit->answer(speaks_anthropic(visit->request) ? talk::anthropic::write_models(models)
                                                 : talk::openai::write_models(models));
}

void show_model(const FrontRef& front, const VisitRef& visit) {
  const std::string& name = visit->request.params["id"];
  const auto model = model_named(models_of(front, *visit), name);
  if (speaks_anthropic(visit->request)) {
    visit->refuse = talk::anthropic::refuse;
    if (!model) return visit->fail(no_model(name));
    return visit->answer(talk::anthropic::write_model(*model));
  }
  if (!model) return visit->fail(no_model(name));
  visit->answer(talk::openai::write_model(*model));
}

void show_ollama(const FrontRef& front, const VisitRef& visit) {
  const auto name = talk::ollama::read_show(visit->request.body);
  if (!name) return visit->fail(name.error());
  const auto model = model_named(models_of(front, *visit), name.value());
  if (!model) return visit->fail(no_model(name.value()));
  visit->answer(talk::ollama::write_show(*model));
}

void count_tokens(const FrontRef&, const VisitRef& visit) {
  const auto ask = talk::anthropic::read_count(visit->request.body);
  if (!ask) return visit->fail(ask.error());
  visit->answer(talk::anthropic::write_count(talk::estimated_prompt(ask.value())));
}

// Progress goes through as the provider tells it, a line of JSON each.
void pull(const FrontRef& front, const VisitRef& visit) {
  if (!visit->account->admin) {
    return visit->fail({Code::PermissionDenied, "models are pulled by admins only"});
  }
  const auto name = talk::ollama::read_show(visit->request.body);
  if (!name) return visit->fail(name.error());
  const auto begun = std::make_shared<bool>(false);
  const auto handle = front->proxy.chain.pull(
      std::move(visit->request.body), visit->request.query["provider"],
      [visit, begun](std::string_view bytes) {
        if (!std::exchange(*begun, true)) {
          visit->reply->begin(
              200, {{"content-type", "application/x-ndjson"}, {"x-request-id", visit->id}});
        }
        return visit->reply->write(std::string(bytes));
      },
      [visit, begun](const Result<void>& outcome) {
        if (!*begun) {
          return visit->fail(outcome ? Error{Code::Unavailable, "the provider said nothing"}
                                     : outcome.error());
        }
        if (outcome) return visit->reply->end(http::Reply::Ending::Complete);
        visit->reply->write(visit->refuse(talk::Refusal{outcome.error()}).body + "\n");
        visit->reply->end(http::Reply::Ending::Cut);
      });
  cancel_when_gone(visit->reply, handle);
}

// --- the doors of each dialect ------------------------------------------------------------------

runtime::About about(std::string operation, std::string_view stream_type = {}) {
  std::vector<runtime::Content> forms{runtime::Content{}};
  if (!stream_type.empty()) forms.push_back({stream_type});
  return {std::move(operation), {}, {runtime::Content{}}, {{200, std::move(forms)}}, true};
}
runtime::About about_get(std::string operation) {
  return {std::move(operation), {}, {}, {{200, {runtime::Content{}}}}, true};
}

Visited chat_door(const ChatDoor& dialect) {
  return [dialect](const FrontRef& front, const VisitRef& visit) { chat(front, dialect, visit); };
}

void install_openai(runtime::Doors& doors, const FrontRef& front) {
  const ChatDoor completions{front->openai_completions.get()};
  const ChatDoor chats{front->openai_chat.get(), ProviderKind::OpenAi, "/chat/completions"};
  const Refuse refuse = talk::openai::refuse;
  constexpr std::string_view kEvents = "text/event-stream";
  for (const char* const path : {"/v1/chat/completions", "/chat/completions"}) {
    doors.http(runtime::Post(path, "Chat completions in the OpenAI dialect, streamed on request"),
               about("llm.completions", kEvents), door(front, refuse, chat_door(chats)));
  }
  doors.http(runtime::Post("/v1/completions", "Completions in the older OpenAI dialect"),
             about("llm.text_completions", kEvents), door(front, refuse, chat_door(completions)));
  doors.http(runtime::Post("/v1/generate", "A completion of a prompt"),
             about("llm.generate", kEvents), door(front, refuse, chat_door(completions)));
  doors.http(runtime::Post("/v1/embeddings", "Vectors of texts, in the OpenAI dialect"),
             about("llm.embeddings"),
             door(front, refuse, embed(talk::openai::read_embed, talk::openai::write_embeddings)));
  doors.http(runtime::Get("/v1/models", "The models there are, as OpenAI or Anthropic lists them"),
             about_get("llm.models"), door(front, refuse, list_models));
  runtime::About model = about_get("llm.model");
  model.texts = runtime::schema_of<ModelQuery>();
  doors.http(runtime::Get("/v1/models/{id}", "One of the models"), std::move(model),
             door(front, refuse, show_model));
}

void install_ollama(runtime::Doors& doors, const FrontRef& front) {
  const Refuse refuse = talk::ollama::refuse;
  constexpr std::string_view kLines = "application/x-ndjson";
  const ChatDoor chats{front->ollama_chat.get(), ProviderKind::Ollama, "/api/chat", true};
  const ChatDoor generate{front->ollama_generate.get(), ProviderKind::Ollama, "/api/generate",
                          true};
  doors.http(runtime::Post("/api/chat", "A chat in Ollama's dialect"),
             about("llm.ollama_chat", kLines), door(front, refuse, chat_door(chats)));
  doors.http(runtime::Post("/api/generate", "A completion in Ollama's dialect"),
             about("llm.ollama_generate", kLines), door(front, refuse, chat_door(generate)));
  doors.http(runtime::Post("/api/embed", "Vectors of texts, in Ollama's dialect"),
             about("llm.ollama_embed"),
             door(front, refuse, embed(talk::ollama::read_embed, talk::ollama::write_embeddings)));
  doors.http(
      runtime::Post("/api/embeddings", "The vector of a text, in Ollama's older dialect"),
      about("llm.ollama_embeddings"),
      door(front, refuse, embed(talk::ollama::read_embeddings, talk::ollama::write_embeddings)));
  doors.http(runtime::Get("/api/tags", "The models there are, as Ollama lists them"),
             about_get("llm.ollama_tags"),
             door(front, refuse, [](const FrontRef& all, const VisitRef& visit) {
               visit->answer(talk::ollama::write_tags(models_of(all, *visit)));
             }));
  doors.http(runtime::Post("/api/show", "One of the models, as Ollama shows it"),
             about("llm.ollama_show"), door(front, refuse, show_ollama));
  doors.http(runtime::Get("/api/version", "The version of Ollama whose dialect this is"),
             about_get("llm.ollama_version"),
             door(front, refuse, [](const FrontRef& all, const VisitRef& visit) {
               visit->answer(talk::ollama::write_version(all->proxy.version));
             }));
  for (const char* const path : {"/api/pull", "/models/pull"}) {
    doors.http(runtime::Post(path, "Has an Ollama server fetch a model, and tells how it goes"),
               about("llm.pull", kLines), door(front, refuse, pull));
  }
}

void install_anthropic(runtime::Doors& doors, const FrontRef& front) {
  const Refuse refuse = talk::anthropic::refuse;
  const ChatDoor messages{front->anthropic.get(), ProviderKind::Anthropic, "/messages"};
  doors.http(runtime::Post("/v1/messages", "A chat in Anthropic's dialect"),
             about("llm.messages", "text/event-stream"), door(front, refuse, chat_door(messages)));
  doors.http(runtime::Post("/v1/messages/count_tokens", "An estimate of a prompt's tokens"),
             about("llm.count_tokens"), door(front, refuse, count_tokens));
}

constexpr std::array<std::string_view, 4> kOpen{"/health", "/ready", "/metrics", "/openapi.json"};
bool is_open(std::string_view path) {
  return std::find(kOpen.begin(), kOpen.end(), path) != kOpen.end();
}

bool of_a_dialect(std::string_view path) {
  return path.starts_with("/v1/") || path.starts_with("/api/") || path == "/chat/completions" ||
         path == "/models/pull";
}

}  // namespace

void install_dialects(runtime::Doors& doors, const Proxy& proxy) {
  const auto front = std::make_shared<Front>(proxy);
  install_openai(doors, front);
  install_ollama(doors, front);
  install_anthropic(doors, front);
}

http::Handler behind_gate(Gatekeeper& gate, http::Handler inner) {
  return [&gate, inner = std::move(inner)](http::Request request,
                                           std::shared_ptr<http::Reply> reply) {
    if (of_a_dialect(request.path) || is_open(request.path)) {
      return inner(std::move(request), std::move(reply));
    }
    auto admitted = gate.admit(key_in(request.headers), request.peer, request.path);
    if (auto* const rejection = std::get_if<Rejection>(&admitted)) {
      const talk::Refusal refusal = refusal_of(std::move(*rejection));
      return reply->respond(talk::refused(refusal, talk::status_of(refusal),
                                          http::Response::error(refusal.error).body));
    }
    if (!std::get<AccountRef>(admitted)->admin) {
      return reply->respond(
          http::Response::error({Code::PermissionDenied, request.path + " is for admins only"}));
    }
    inner(std::move(request), std::move(reply));
  };
}

}  // namespace llm
