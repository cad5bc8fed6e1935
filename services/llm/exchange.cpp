#include "llm/exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "llm/answer_cache.h"
#include "llm/tokens.h"
#include "llm/understudy.h"

namespace llm {
namespace {

constexpr std::size_t kStreamBytesMax = 64 * 1024 * 1024;
constexpr std::size_t kWholeBytesMax = 16 * 1024 * 1024;
constexpr std::size_t kHeldBytesMax = 256 * 1024;  // before the first token

bool is_token(const talk::Delta& delta) {
  return !std::holds_alternative<talk::Finished>(delta) &&
         !std::holds_alternative<talk::Counted>(delta);
}

std::string_view text_of(const talk::Delta& delta) {
  if (const auto* text = std::get_if<talk::TextDelta>(&delta)) return text->text;
  if (const auto* thinking = std::get_if<talk::ThinkingDelta>(&delta)) return thinking->text;
  if (const auto* arguments = std::get_if<talk::CallArguments>(&delta)) return arguments->text;
  return {};
}

std::vector<Message> lines_of(const talk::ChatAsk& ask) {
  std::vector<Message> lines;
  for (const talk::ChatMessage& message : ask.messages) {
    std::string text;
    for (const talk::Part& part : message.parts) {
      if (const auto* piece = std::get_if<talk::Text>(&part)) text += piece->text;
    }
    const bool assistant = message.role == talk::Role::Assistant;
    const bool system = message.role == talk::Role::System;
    lines.push_back({assistant ? "assistant" : system ? "system" : "user", std::move(text)});
  }
  return lines;
}

}  // namespace

Exchange::Exchange(std::shared_ptr<RunContext> context, ChatTask task)
    : Run(std::move(context), task.deadline),
      asked_(std::move(task.asked)),
      account_(std::move(task.account)),
      reservation_(task.reservation),
      most_(task.most),
      audience_(std::move(task.audience)),
      on_delta_([this](const talk::Delta& delta) { on_delta(delta); }) {}

// --- the caches
// ---------------------------------------------------------------------------------

void Exchange::start() {
  if (!recall()) begin();
}

// Whether the answer may be in the cache, and all goes on when that has said
// so.
bool Exchange::recall() {
  if (context().with.cache == nullptr) return false;
  const bool repeatable = asked_->repeatable();
  const bool by_meaning = asked_->dialect() != nullptr &&
                          wants_meaning(options().semantic, account_.get()) && asked_->understood();
  if (!repeatable && !by_meaning) return false;
  const auto ask = asked_->ask();
  if (!ask) return false;  // the provider may understand what we do not
  const std::string_view tenant = account_ ? std::string_view(account_->tenant) : "";
  if (by_meaning) meaning_ = meaning_of(*ask.value(), tenant, options().semantic);
  if (!repeatable && !meaning_) return false;
  cache_key_ = answer_key(*ask.value(), tenant);
  fetch(cache_key_, [](Exchange& self, const cache::Value& found) {
    if (self.replay(found, "exact")) return;
    self.meaning_ ? self.look_for_meaning() : self.begin();
  });
  return true;
}

void Exchange::fetch(const std::string& key,
                     std::function<void(Exchange& self, const cache::Value& found)> go_on) {
  cache::Cache& cache = *context().with.cache;
  if (!cache.remote()) return go_on(*this, cache.get(key));
  const auto self = std::static_pointer_cast<Exchange>(shared_from_this());
  cache.fetch(key, [self, go_on = std::move(go_on)](cache::Value found) {
    self->context().loop.post([self, go_on, found = std::move(found)] {
      if (self->over()) return;
      if (self->context().closing) return self->done(shutting_down());
      go_on(*self, found);
    });
  });
}

// False when there is nothing to replay.
bool Exchange::replay(const cache::Value& found, std::string_view from) {
  if (found == nullptr) return false;
  auto kept = decode_answer(*found);
  if (!kept) return false;
  cached_ = from;
  attempt_.completion = std::move(kept).value();
  if (asked_->stream()) {
    audience_->begin(speaker());
    attempt_.begun = true;
    attempt_.completion.replay([this](const talk::Delta& delta) { audience_->delta(delta); });
    audience_->flush();
  }
  if (from == "exact") keep_told(found);
  context().cache_hits.add();
  // Nobody was paid for it.
  write_down(Ending::Cached, attempt_.completion.provider, attempt_.completion.model,
             attempt_.completion.usage);
  done(std::nullopt);
  return true;
}

// Of what another process may change, one has to ask that first.
void Exchange::keep_told(const cache::Value& value) {
  if (asked_->stream() || asked_->dialect() == nullptr || context().with.cache->remote()) return;
  const talk::Completion& completion = attempt_.completion;
  const std::string id = hex64(context().random.next()) + hex64(context().random.next());
  std::string body = asked_->dialect()->write(
      completion, {id, completion.model, SystemClock::instance().wall_ms(), 0});
  const auto told = std::make_shared<Replays::Told>();
  if (const std::size_t at = body.find(id); at != body.npos) {
    told->tail = body.substr(at + id.size());
    body.resize(at);
  }
  told->head = std::move(body);
  told->cache_key = cache_key_;
  told->value = value;
  told->asked_model = asked_->model();
  told->most = most_;
  told->model = completion.model;
  told->provider = completion.provider;
  told->usage = completion.usage;
  const std::string_view tenant = account_ ? std::string_view(account_->tenant) : "";
  context().replays.put({asked_->dialect(), tenant, asked_->body()}, told);
}

void Exchange::remember() {
  if (cache_key_.empty() || !cached_.empty()) return;
  talk::Completion& completion = attempt_.completion;
  if (!attempt_.body.empty() && provider().format() != nullptr) {
    const auto ask = asked_->ask();
    auto read = provider().format()->read_chat(attempt_.body, *ask.value());
    if (!read) return;
    completion.parts = std::move(read.value().parts);
    completion.calls = std::move(read.value().calls);
    completion.finish = read.value().finish;
    completion.stop_sequence = std::move(read.value().stop_sequence);
  }
  if (!worth_keeping(completion)) return;
  context().with.cache->put(cache_key_, encode_answer(completion), options().cache_ttl);
  if (!meaning_ || meaning_->embedding.empty()) return;
  semantic().put(meaning_->ask(), cache_key_, SystemClock::instance().now() + options().cache_ttl);
}

// --- asking
// -------------------------------------------------------------------------------------

void Exchange::ask() {
  attempt_ = Attempt();
  attempt_.completion.provider = provider().options().name;
  attempt_.completion.model = model();
  if (provider().format() == nullptr) return play_understudy();
  if (const auto failure = unfit()) return failed(*failure);
  if (asked_->passes_to(provider().options().kind)) {
    pass();
  } else {
    translate();
  }
}

std::optional<Failure> Exchange::unfit() {
  if (model().empty()) {
    return Failure{{Code::Unavailable, provider().knows_models() ? "it has no model that speaks"
                                                                 : "it offers no model yet"},
                   Blame::Nobody};
  }
  // Ollama would cut the prompt's beginning off without a word: the character
  // with it.
  const int room = provider().options().num_ctx;
  if (room == 0 || asked_->prompt_tokens_bound() <= room) return std::nullopt;
  const std::int64_t tokens = asked_->prompt_tokens();
  if (tokens <= room) return std::nullopt;
  return Failure{
      {Code::TooLarge,
       fmt::format("messages: the prompt has about {} tokens, num_ctx is {}", tokens, room)},
      Blame::Nobody};
}

void Exchange::pass() {
  if (!asked_->stream()) {
    return send(asked_->passed_to(provider(), model()), options().whole, kWholeBytesMax);
  }
  const auto hide =
      asked_->hides_usage() ? talk::Watch::HideUsage::Yes : talk::Watch::HideUsage::No;
  talk::ChatAsk form;
  form.choices = asked_->choices();
  attempt_.watch = std::make_unique<talk::Watch>(provider().format()->reader(form), hide, copy());
  send(asked_->passed_to(provider(), model()), options().first_token, kStreamBytesMax);
  if (!over()) limit_first_token();
}

// Hears a stream that passes through and shall be remembered.
talk::OnDelta Exchange::copy() {
  if (cache_key_.empty()) return {};
  return [this](const talk::Delta& delta) { attempt_.completion.add(delta); };
}

// A stream is asked for in any case: so a provider that stalls is found out in
// time. Servers that cannot stream calls of tools are many.
void Exchange::translate() {
  const auto read = asked_->ask();
  if (!read) return not_understood(read.error());
  if (read.value()->messages.empty()) return answer_nothing();
  const bool stream = asked_->stream() || read.value()->tools.empty();
  const auto ask = asked_->ask_as(stream ? Asked::As::Stream : Asked::As::Whole);
  auto wire = provider().format()->chat(*ask.value(), model());
  if (!wire) return failed({wire.error(), Blame::Nobody});
  attempt_.reader = provider().format()->reader(*ask.value());
  send(std::move(wire).value(), stream ? options().first_token : options().whole, kStreamBytesMax);
  if (stream && !over()) limit_first_token();
}

// Somebody further down may take the request as it is.
void Exchange::not_understood(const Error& why) {
  const bool somebody = std::any_of(rest().begin(), rest().end(), [&](const Candidate& next) {
    return asked_->passes_to(next.provider->options().kind);
  });
  if (somebody) return failed({why, Blame::Nobody});
  reject(why);
}

void Exchange::play_understudy() {
  const auto ask = asked_->ask();
  if (!ask) return not_understood(ask.error());
  if (ask.value()->messages.empty()) return answer_nothing();
  if (context().closing) return done(shutting_down());
  std::vector<Message> lines = lines_of(*ask.value());
  const std::string_view last = lines.empty() ? std::string_view() : lines.back().content;
  const auto& given = ask.value()->seed;
  const std::uint64_t seed = given ? static_cast<std::uint64_t>(*given) : hash64(last);
  // Not on the loop: sentences that are new to it take milliseconds each.
  auto self = std::static_pointer_cast<Exchange>(shared_from_this());
  auto draft = [self = std::move(self), lines = std::move(lines), seed]() mutable {
    RunContext& all = self->context();
    const bool wanted = !self->over() && !all.closing;
    const std::string line =
        wanted ? understudy_line(lines, seed, all.with.meanings) : std::string();
    all.loop.post([self = std::move(self), line, wanted] {
      if (self->over()) return;
      if (!wanted) return self->done(shutting_down());
      self->say(line);
    });
  };
  const bool taken = context().understudies->post(std::move(draft));
  if (!taken) failed({{Code::Overloaded, "the understudy has too many asked"}, Blame::Nobody});
}

void Exchange::say(const std::string& line) {
  for (const std::string& piece : understudy_pieces(line)) on_delta(talk::TextDelta{piece});
  on_delta(talk::Finished{talk::Finish::Stop});
  talk::Usage& usage = attempt_.completion.usage;
  usage.prompt = asked_->prompt_tokens();
  usage.completion = estimated_tokens(line);
  on_delta(talk::Counted{usage});
  if (asked_->stream()) audience_->flush();
  finish();
}

// Ollama's clients ask without a message to have a model loaded.
void Exchange::answer_nothing() {
  if (asked_->stream()) begin_telling();
  on_delta(talk::Finished{talk::Finish::Stop});
  finish();
}

// --- hearing
// ------------------------------------------------------------------------------------

// Our own services would rather ask the same model again than hear another one.
std::size_t Exchange::told() const {
  const auto bytes = attempt_.watch ? attempt_.watch->text_bytes() : attempt_.text_bytes;
  if (attempt_.begun) return static_cast<std::size_t>(std::max<std::int64_t>(bytes, 1));
  return asked_->dialect() == nullptr ? static_cast<std::size_t>(bytes) : 0;
}

bool Exchange::answered() const {
  if (attempt_.watch) return attempt_.watch->ended();
  return attempt_.reader && attempt_.reader->ended();
}

std::optional<Failure> Exchange::read(std::string_view bytes) {
  if (attempt_.watch) return read_passed(bytes);
  if (!attempt_.reader) {
    attempt_.body += bytes;
    return std::nullopt;
  }
  const auto fed = attempt_.reader->feed(bytes, on_delta_);
  const auto limit = static_cast<std::int64_t>(options().text_bytes_max);
  if (asked_->dialect() == nullptr && attempt_.text_bytes > limit) {
    return Failure{{Code::TooLarge, "the model's answer exceeds the limit"}, Blame::Nobody};
  }
  if (!fed) return failure_of(fed.error());
  if (attempt_.begun && !audience_->flush()) {
    stop({Code::Cancelled, "the client does not read its answer"});
  }
  return std::nullopt;
}

std::optional<Failure> Exchange::read_passed(std::string_view bytes) {
  const auto out = attempt_.watch->feed(bytes);
  if (!out) return failure_of(out.error());
  if (!attempt_.begun) {
    attempt_.held += out.value();
    if (attempt_.held.size() > kHeldBytesMax) {
      return Failure{{Code::TooLarge, "too much came before a first token"}};
    }
    if (!attempt_.watch->begun()) return std::nullopt;
    first_token();
    begin_telling();
  }
  const bool heard = attempt_.held.empty() ? out.value().empty() || audience_->pass(out.value())
                                           : audience_->pass(std::exchange(attempt_.held, {}));
  if (!heard) stop({Code::Cancelled, "the client does not read its answer"});
  return std::nullopt;
}

void Exchange::first_token() {
  first_token_came();
  attempt_.first_token = SystemClock::instance().now() - began();
  context().first_token.observe(std::chrono::duration<double>(attempt_.first_token).count());
}

void Exchange::begin_telling() {
  attempt_.begun = true;
  audience_->begin(speaker());
}

void Exchange::on_delta(const talk::Delta& delta) {
  if (is_token(delta)) {
    if (attempt_.pieces++ == 0) first_token();
    attempt_.text_bytes += static_cast<std::int64_t>(text_of(delta).size());
  }
  const bool stream = asked_->stream();
  if (!stream || !cache_key_.empty() || asked_->dialect() == nullptr || !is_token(delta)) {
    attempt_.completion.add(delta);
  }
  if (!stream) return;
  if (!attempt_.begun && is_token(delta)) {
    begin_telling();
    const talk::Usage& usage = attempt_.completion.usage;
    if (usage.prompt > 0) audience_->delta(talk::Counted{usage});
  }
  if (attempt_.begun) audience_->delta(delta);
}

std::optional<Failure> Exchange::complete(const Result<void>& outcome) {
  if (attempt_.reader) return complete_translated(outcome);
  if (attempt_.watch) {
    if (attempt_.watch->done()) return complete_passed();
    if (!outcome) return failure_of(outcome.error());
    const auto rest = attempt_.watch->end();
    if (!rest) return failure_of(rest.error());
    attempt_.held += rest.value();
    return complete_passed();
  }
  if (!outcome) return failure_of(outcome.error());
  return complete_whole();
}

std::optional<Failure> Exchange::complete_whole() {
  const auto answer = talk::Outline::of(attempt_.body);
  if (answer && answer.value().find("error").empty()) {
    attempt_.completion.usage = usage_in(answer.value(), provider().options().kind);
    return std::nullopt;
  }
  // An error, garbage, or a server that streams though nobody wanted it.
  const std::string body = std::exchange(attempt_.body, {});
  const auto reader = provider().format()->reader(talk::ChatAsk());
  const auto fed = reader->feed(body, on_delta_);
  if (!fed) return failure_of(fed.error());
  if (!reader->done()) {
    const auto ended = reader->end(on_delta_);
    if (!ended) return failure_of(ended.error());
  }
  estimate();
  return std::nullopt;
}

// An answer without any token is one too.
std::optional<Failure> Exchange::complete_passed() {
  if (!attempt_.begun) begin_telling();
  if (!attempt_.held.empty()) audience_->pass(std::exchange(attempt_.held, {}));
  attempt_.completion.usage = attempt_.watch->usage();
  attempt_.completion.finish = attempt_.watch->finish();
  return std::nullopt;
}

std::optional<Failure> Exchange::complete_translated(const Result<void>& outcome) {
  if (!attempt_.reader->done()) {
    if (!outcome) return failure_of(outcome.error());
    const auto ended = attempt_.reader->end(on_delta_);
    if (!ended) return failure_of(ended.error());
  }
  estimate();
  if (!asked_->stream()) return std::nullopt;
  if (!attempt_.begun) {
    begin_telling();
    if (attempt_.completion.finish) {
      audience_->delta(talk::Finished{*attempt_.completion.finish});
    }
  }
  audience_->delta(talk::Counted{attempt_.completion.usage});
  audience_->flush();
  return std::nullopt;
}

// Where the provider has not counted, or had not yet when it was cut: some tell at the beginning
// what they have said so far.
void Exchange::estimate() {
  talk::Usage& usage = attempt_.completion.usage;
  if (usage.exact) return;
  if (usage.prompt == 0) usage.prompt = asked_->prompt_tokens();
  std::int64_t said = 0;
  if (attempt_.watch) {
    said = estimated_streamed(attempt_.watch->deltas(), attempt_.watch->text_bytes());
  } else if (!attempt_.body.empty()) {
    const auto read = provider().format()->read_chat(attempt_.body, talk::ChatAsk());
    if (read) said = talk::estimated_completion(read.value());
  } else {
    said = estimated_streamed(attempt_.pieces, attempt_.text_bytes);
  }
  usage.completion = std::max(usage.completion, said);
}

// --- the end
// ------------------------------------------------------------------------------------

Speaker Exchange::speaker() {
  const talk::Completion& completion = attempt_.completion;
  const bool passes = attempt_.watch != nullptr;
  // Some dialects begin a stream with the length of the prompt.
  const bool counts = asked_->stream() && !passes && asked_->dialect() != nullptr;
  const std::int64_t known = completion.usage.prompt;
  return {.model = completion.model,
          .provider = completion.provider,
          .overhead = overhead(),
          .prompt_tokens = known > 0 || !counts ? known : asked_->prompt_tokens(),
          .first_token = attempt_.first_token,
          .passes = passes,
          .cache = cached_};
}

void Exchange::account(Ending ending) {
  if (attempt_.watch && ending != Ending::Whole) {
    attempt_.completion.usage = attempt_.watch->usage();
  }
  // Who has answered nothing but an error is not paid for the question.
  const bool said = attempt_.pieces > 0 || (attempt_.watch && attempt_.watch->begun());
  if (ending != Ending::Failed || said) estimate();
  write_down(ending, provider().options().name, model(), attempt_.completion.usage);
}

void Exchange::write_down(Ending ending, std::string_view provider, std::string_view model,
                          const talk::Usage& usage) {
  const double cost = ending == Ending::Cached ? 0 : cost_of(options().prices, model, usage);
  if (ending != Ending::Cached) {
    used_tokens_ += usage.prompt + usage.completion;
    used_cost_ += cost;
  }
  book(context(), account_, ending, provider, model, usage, cost);
}

void book(const RunContext& context, const AccountRef& account, Ending ending,
          std::string_view provider, std::string_view model, const talk::Usage& usage,
          double cost) {
  Ledger* const ledger = context.with.ledger;
  if (ledger == nullptr) return;
  const auto added = ledger->add({.at_ms = SystemClock::instance().wall_ms(),
                                  .key = account ? std::string_view(account->key) : "",
                                  .model = model,
                                  .provider = provider,
                                  .prompt_tokens = usage.prompt,
                                  .cached_tokens = usage.cached,
                                  .completion_tokens = usage.completion,
                                  .cost = cost,
                                  .exact = usage.exact,
                                  .ending = ending});
  if (!added) return;  // it keeps what it could not write, and says so itself
}

void Exchange::deliver(std::optional<talk::Refusal> refusal) {
  if (const auto embedding = embedding_) embedding->cancel();  // what it came to is added here
  if (cached_.empty()) (refusal ? context().failures : context().completions).add();
  if (reservation_) context().with.gate->settle(reservation_, used_tokens_, used_cost_);
  talk::Completion& completion = attempt_.completion;
  completion.failovers = failovers();
  completion.took = SystemClock::instance().now() - began();
  if (refusal) return audience_->failed(*refusal, speaker());
  if (context().with.cache != nullptr) remember();
  if (cached_.empty() && !attempt_.reader && !attempt_.watch && !attempt_.body.empty()) {
    return audience_->answer(std::move(attempt_.body), speaker());
  }
  audience_->done(completion, speaker());
}

}  // namespace llm
