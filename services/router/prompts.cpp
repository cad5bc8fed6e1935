#include "router/prompts.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace router {

std::string cues_in(const contracts::Prompt& prompt, const std::vector<contracts::Line>& talk) {
  std::string present(prompt.cues.size(), '-');
  const std::size_t lines = std::min(talk.size(), static_cast<std::size_t>(prompt.cue_lines));
  for (std::size_t i = talk.size() - lines; i < talk.size() && !present.empty(); ++i) {
    const std::string text = ascii_lower(talk[i].text);
    for (std::size_t cue = 0; cue < present.size(); ++cue) {
      if (text.find(prompt.cues[cue]) != std::string::npos) present[cue] = '+';
    }
  }
  return present;
}

std::shared_ptr<const contracts::Prompt> Prompts::find(
    const contracts::PromptRequest& request) const {
  const auto latest = latest_.find(request.character);
  if (latest == latest_.end()) return nullptr;
  const auto kept =
      kept_.find(Key{request.character, request.seed, cues_in(*latest->second, request.talk)});
  return kept == kept_.end() || kept->second.until <= clock_.now() ? nullptr : kept->second.prompt;
}

void Prompts::keep(const contracts::PromptRequest& request,
                   std::shared_ptr<const contracts::Prompt> prompt) {
  if (prompt->by_talk) return;
  if (kept_.size() >= options_.prompts_max) clear();
  kept_[Key{request.character, request.seed, cues_in(*prompt, request.talk)}] = {
      prompt, clock_.now() + options_.ttl};
  latest_[request.character] = std::move(prompt);
}

void Prompts::clear() {
  latest_.clear();
  kept_.clear();
}

}  // namespace router
