#include <utility>

#include "llm/exchange.h"

// What was answered to the same question in other words.
namespace llm {

void Exchange::look_for_meaning() {
  const SemanticSettings& settings = options().semantic;
  if (settings.embed_model.empty()) {
    meaning_->embedding = built_in_embedding(meaning_->text);
    return find_meaning();
  }
  talk::EmbedAsk ask;
  ask.model = settings.embed_model;
  ask.inputs.push_back(meaning_->text);
  const auto self = std::static_pointer_cast<Exchange>(shared_from_this());
  const SteadyTime deadline =
      SystemClock::instance().now() + Milliseconds(settings.embed_timeout_ms);
  embedding_ = make_embed_run(shared_context(), std::move(ask), deadline, account_,
                              [self](Result<talk::Embeddings> found, const Paid& paid) {
                                self->embedding_.reset();
                                self->used_tokens_ += paid.tokens;
                                self->used_cost_ += paid.cost;
                                if (self->over()) return;
                                if (!found) {
                                  self->meaning_.reset();
                                  return self->begin();
                                }
                                self->meaning_->embedding =
                                    std::move(found.value().vectors.front());
                                self->find_meaning();
                              });
  const auto running = embedding_;  // it may be over, and gone, before begin() returns
  running->begin();
}

void Exchange::find_meaning() {
  const auto hit = semantic().find(meaning_->ask(), SystemClock::instance().now());
  if (!hit) {
    context().semantic_misses.add();
    return begin();
  }
  fetch(hit->answer_key, [key = hit->answer_key](Exchange& self, const cache::Value& found) {
    if (self.replay(found, "semantic")) return self.context().semantic_hits.add();
    self.semantic().forget(self.meaning_->tenant, key);
    self.context().semantic_misses.add();
    self.begin();
  });
}

}  // namespace llm
