#include "troupe/model_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

namespace troupe {
namespace {

constexpr std::string_view kOllamaDefault = "http://127.0.0.1:11434";
constexpr std::string_view kOpenAi = "openai";
constexpr Milliseconds kRedisTimeout{2'000};

// A model server of the settings, and what is wanted of it.
struct Server {
  std::string name;
  std::string url;
  std::vector<std::string> models;
};

std::string with_scheme(std::string_view url) {
  return url.find("://") == url.npos ? fmt::format("http://{}", url) : std::string(url);
}

std::vector<Server> ollama_servers(json::Value settings) {
  std::vector<Server> servers;
  const auto model = settings.text_or("default_model", "");
  std::vector<std::string> wanted;
  if (!model.empty() && model != "auto") wanted.emplace_back(model);
  if (const auto url = settings.text_or("ollama_url", ""); !url.empty()) {
    servers.push_back({"ollama", with_scheme(url), wanted});
  }
  const auto providers = settings.find("providers");
  for (std::size_t i = 0; providers && i < providers->size(); ++i) {
    const auto provider = providers->at(i);
    if (provider.text_or("kind", "") != "ollama") continue;
    Server server{std::string(provider.text_or("name", "?")),
                  with_scheme(provider.text_or("url", kOllamaDefault)),
                  {}};
    const auto models = provider.find("models");
    for (std::size_t j = 0; models && j < models->size(); ++j) {
      server.models.emplace_back(models->at(j).string());
    }
    if (server.models.empty()) server.models = wanted;
    servers.push_back(std::move(server));
  }
  return servers;
}

// The names of the models that an Ollama server has; "llama3.2" is "llama3.2:latest".
Result<std::set<std::string>> pulled(const World& world, const std::string& url) {
  const auto document = TRY(fetch_json(world, url + "/api/tags"));
  std::set<std::string> names;
  const auto models = document.root().find("models");
  if (!models) return Error{Code::Unavailable, "it does not answer as Ollama does"};
  for (std::size_t i = 0; i < models->size(); ++i) {
    names.emplace(models->at(i).text_or("name", ""));
  }
  return names;
}

std::string on_server(const std::string& url, const std::string& command) {
  return url == kOllamaDefault ? command : fmt::format("OLLAMA_HOST={} {}", url, command);
}

void check_server(const World& world, const Server& server, Findings& findings) {
  const auto names = pulled(world, server.url);
  if (!names) {
    findings.fail(
        "models",
        fmt::format("{} at {} does not answer: {}", server.name, server.url, names.error().message),
        on_server(server.url, "ollama serve"));
    return;
  }
  if (names.value().empty()) {
    findings.fail(
        "models", fmt::format("{} at {} has no model at all", server.name, server.url),
        on_server(server.url, "ollama pull " + (server.models.empty() ? std::string("llama3.2:3b")
                                                                      : server.models.front())));
    return;
  }
  bool complete = true;
  for (const auto& model : server.models) {
    const bool tagged = model.find(':') != model.npos;
    if (names.value().contains(tagged ? model : model + ":latest")) continue;
    complete = false;
    findings.fail("models",
                  fmt::format("{} at {} does not have {}", server.name, server.url, model),
                  on_server(server.url, "ollama pull " + model));
  }
  if (complete) {
    findings.ok("models", fmt::format("{} at {} answers and has {}", server.name, server.url,
                                      server.models.empty() ? *names.value().begin()
                                                            : server.models.front()));
  }
}

// Nobody has named a server: is there one all the same?
void check_unnamed(const World& world, Findings& findings) {
  const std::string host = world.variable("OLLAMA_HOST");
  const std::string url = host.empty() ? std::string(kOllamaDefault) : with_scheme(host);
  const auto names = pulled(world, url);
  const std::string start = fmt::format("troupe down && OLLAMA_BASE_URL={} troupe up", url);
  const std::string_view found = !names ? ""
                                 : names.value().empty()
                                     ? "; there is an Ollama without models"
                                     : "; there is an Ollama that could be used";
  const bool usable = names && !names.value().empty();
  findings.warn("models",
                fmt::format("no model is named, so the understudy speaks, from cards and knowledge "
                            "alone{}",
                            found),
                usable ? start : "ollama pull llama3.2:3b && " + start);
}

bool named_in(json::Value settings, std::string_view variable, std::string_view word) {
  const auto providers = settings.find("providers");
  for (std::size_t i = 0; providers && i < providers->size(); ++i) {
    const auto provider = providers->at(i);
    if (provider.text_or("key_env", "") == variable ||
        provider.text_or("url", "").find(word) != std::string_view::npos) {
      return true;
    }
  }
  return false;
}

// Whether llm takes OpenAI's own variable for a provider, as it does where that is allowed or the
// chain has that name.
bool takes_openai(json::Value settings) {
  const auto allow = settings.find("allow_cloud");
  const auto chain = settings.find("chain");
  bool named = allow && allow->boolean();
  for (std::size_t i = 0; chain && i < chain->size(); ++i) {
    named = named || chain->at(i).string() == kOpenAi;
  }
  return named;
}

void check_keys(const World& world, json::Value settings, Findings& findings) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kKeys{
      {{"OPENAI_API_KEY", kOpenAi},
       {"ANTHROPIC_API_KEY", "anthropic"},
       {"GROQ_API_KEY", "groq"},
       {"DEEPSEEK_API_KEY", "deepseek"},
       {"SILICONFLOW_API_KEY", "siliconflow"},
       {"MOONSHOT_API_KEY", "moonshot"}}};
  const auto allow = settings.find("allow_cloud");
  for (const auto& [variable, word] : kKeys) {
    if (world.variable(std::string(variable)).empty() || named_in(settings, variable, word)) {
      continue;
    }
    if (word == kOpenAi && takes_openai(settings)) continue;
    const std::string text = fmt::format(
        "{} is set but not used: the settings of llm name no such provider, so nothing is sent to "
        "it{}",
        variable, allow ? "" : ", and this build has none");
    findings.warn("keys", text,
                  allow && word == kOpenAi ? "troupe down && TROUPE_LLM_ALLOW_CLOUD=1 troupe up"
                                           : fmt::format("unset {}", variable));
  }
}

}  // namespace

void check_models(const World& world, json::Value settings, Findings& findings) {
  const auto servers = ollama_servers(settings);
  for (const auto& server : servers) check_server(world, server, findings);
  const auto providers = settings.find("providers");
  const bool openai = takes_openai(settings) && !world.variable("OPENAI_API_KEY").empty();
  const bool others =
      (providers && providers->size() > 0) || openai || !settings.text_or("openai_url", "").empty();
  if (servers.empty() && !others) check_unnamed(world, findings);
  check_keys(world, settings, findings);
}

void check_providers(json::Value reply, Findings& findings) {
  const auto providers = reply.find("providers");
  std::string first;
  for (std::size_t i = 0; providers && i < providers->size(); ++i) {
    const auto provider = providers->at(i);
    const auto name = provider.text_or("name", "?");
    const auto state = provider.text_or("state", "unknown");
    const bool open = provider.text_or("breaker", "closed") == "open";
    if (state == "up" && !open) {
      if (first.empty()) first = name;
      continue;
    }
    if (state == "unknown" && !open) continue;
    findings.fail("providers",
                  fmt::format("{} is {}: {}", name, open ? "shut out after failures" : state,
                              provider.text_or("last_error", "no reason was given")),
                  "troupe why");
  }
  if (first.empty()) return;
  findings.ok("providers", first + " answers first");
}

void check_redis(const World& world, Findings& findings) {
  for (const auto* name : {"TROUPE_REDIS_URL", "REDIS_URL"}) {
    const std::string url = world.variable(name);
    if (url.empty()) continue;
    const auto answer = ping_redis(url, kRedisTimeout);
    // The address may hold a password: it is not shown.
    if (answer) return findings.ok("redis", fmt::format("the server of {} answers", name));
    return findings.fail("redis",
                         fmt::format("the server of {} is not used, each service keeps a cache of "
                                     "its own: {}",
                                     name, answer.error().message),
                         fmt::format("redis-cli -u \"${}\" ping", name));
  }
}

}  // namespace troupe
