#include "characters/lint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include "base/utf8.h"
#include "characters/prompt.h"

namespace characters {
namespace {

using contracts::LintFinding;
using contracts::LintLevel;

// What a conversation and the knowledge for it need beside the prompt.
constexpr std::size_t kTalkTokens = 1024;

class Linter {
 public:
  Linter(const Card& card, const Cast& cast, const LintLimits& limits)
      : card_(card), cast_(cast), limits_(limits) {}

  std::vector<LintFinding> run() {
    spec();
    texts();
    names();
    for (std::size_t i = 0; i < card_.book.entries.size(); ++i) entry(i);
    budget();
    return std::move(findings_);
  }

 private:
  void say(std::string_view code, LintLevel level, std::string where, std::string hint) {
    if (findings_.size() >= limits_.findings_max) return;
    findings_.push_back({std::string(code), level, std::move(where), std::move(hint)});
  }

  void spec() {
    const bool second = card_.spec == Spec::V2;
    if (card_.spec_version == (second ? "2.0" : "3.0")) return;
    if (!second && std::strtod(card_.spec_version.c_str(), nullptr) > 3.0) {
      say("newer_spec", LintLevel::Warning, "spec_version",
          fmt::format("{} is newer than 3.0: what it adds is kept, but not used",
                      card_.spec_version));
    } else {
      say("odd_spec_version", LintLevel::Info, "spec_version",
          fmt::format("should be {}", second ? "2.0" : "3.0"));
    }
  }

  void text(std::string_view member, std::string_view written, std::size_t shown_max) {
    const std::string where = fmt::format("data.{}", member);
    if (written.size() > shown_max) {
      say("too_long", LintLevel::Warning, where,
          fmt::format("has {} bytes, the prompt shows the first {}", written.size(), shown_max));
    }
    macros(where, written);
  }

  void macros(const std::string& where, std::string_view written) {
    for (const std::string& name : unknown_macros(written)) {
      say("unknown_macro", LintLevel::Warning, where,
          fmt::format("{{{{{}}}}} means nothing here and is left as it stands", name));
    }
  }

  void texts() {
    const PromptLimits shown;
    text("description", card_.description, shown.free_text_max);
    text("personality", card_.personality, shown.free_text_max);
    text("scenario", card_.scenario, shown.free_text_max);
    text("system_prompt", card_.system_prompt, shown.free_text_max);
    text("mes_example", card_.example_dialogue, shown.free_text_max / 2);
    macros("data.first_mes", card_.first_message);
    macros("data.post_history_instructions", card_.post_history);
    for (const auto& [situation, lines] : card_.lines) {
      for (const auto& line : lines) macros("data.extensions.troupe.lines." + situation, line);
    }
    if (trimmed(card_.description).empty()) {
      say("empty_member", LintLevel::Warning, "data.description",
          "says who the character is; without it a model has only the name");
    }
    if (trimmed(card_.personality).empty() && trimmed(card_.example_dialogue).empty()) {
      say("no_voice", LintLevel::Info, "data.personality",
          "personality or mes_example show how the character speaks");
    }
    if (trimmed(card_.first_message).empty()) {
      say("no_first_message", LintLevel::Warning, "data.first_mes",
          "a first message sets the tone of a talk");
    }
    if (!card_.lines.contains("dodge")) {
      say("no_dodges", LintLevel::Info, "data.extensions.troupe.lines.dodge",
          "lines to say when no draft was good enough");
    }
  }

  // Two who answer to one name both feel addressed.
  void names() {
    std::map<std::string, std::string> taken;
    for (const auto& [id, member] : cast_.members) {
      if (id == card_.id) continue;
      taken.emplace(ascii_lower(member->card.name), id);
      for (const auto& alias : member->card.aliases) taken.emplace(ascii_lower(alias), id);
    }
    const auto check = [&](const std::string& name, std::string where) {
      const auto found = taken.find(ascii_lower(name));
      if (found == taken.end()) return;
      say("duplicate_name", LintLevel::Error, std::move(where),
          fmt::format("{} also answers to '{}'", found->second, name));
    };
    check(card_.name, "data.name");
    for (std::size_t i = 0; i < card_.aliases.size(); ++i) {
      check(card_.aliases[i], fmt::format("data.extensions.troupe.aliases[{}]", i));
    }
  }

  void entry(std::size_t index) {
    const LoreEntry& entry = card_.book.entries[index];
    const std::string where = fmt::format("data.character_book.entries[{}]", index);
    if (!entry.regex_understood) {
      say("regex_unsupported", LintLevel::Warning, where + ".keys",
          "only plain alternatives such as /cat|dog/i are matched; this entry never fires");
    } else if (entry.enabled && !entry.can_fire()) {
      const bool empty = trimmed(entry.content).empty();
      say("never_fires", LintLevel::Warning, where + (empty ? ".content" : ".keys"),
          empty ? "there is nothing to add to a prompt"
                : "it has no key, and is not constant: no talk calls it up");
    }
    if (!entry.unsupported.empty()) {
      say("decorator_ignored", LintLevel::Info, where + ".content",
          fmt::format("@@{} does nothing here", fmt::join(entry.unsupported, ", @@")));
    }
    if (entry.selective && entry.secondary_keys.empty()) {
      say("no_secondary_keys", LintLevel::Info, where + ".secondary_keys",
          "selective has no effect without them");
    }
    if (lore_budget() < estimated_tokens(entry.content)) {
      say("lore_over_budget", LintLevel::Warning, where + ".content",
          fmt::format("about {} tokens do not fit into the book's {}",
                      estimated_tokens(entry.content), lore_budget()));
    }
    macros(where + ".content", entry.content);
  }

  std::size_t lore_budget() const {
    const auto stated = card_.book.token_budget;
    return stated ? std::min(static_cast<std::size_t>(*stated), limits_.lore_tokens)
                  : limits_.lore_tokens;
  }

  void budget() {
    Staging staging;
    std::size_t constant = 0;
    for (const LoreEntry& entry : card_.book.entries) {
      if (entry.enabled && entry.constant) constant += estimated_tokens(entry.content);
    }
    if (constant > lore_budget()) {
      say("lore_over_budget", LintLevel::Warning, "data.character_book.token_budget",
          fmt::format("the constant entries alone have about {} tokens, the book {}", constant,
                      lore_budget()));
    }
    const std::size_t tokens =
        estimated_tokens(system_prompt(card_, cast_.others_than(card_.id), staging)) +
        estimated_tokens(post_history(card_, staging)) + lore_budget();
    if (tokens + kTalkTokens > limits_.context_tokens) {
      say("prompt_over_context", LintLevel::Warning, "data",
          fmt::format(
              "the prompt may reach about {} tokens; with {} for the talk a model of {} has "
              "no room",
              tokens, kTalkTokens, limits_.context_tokens));
    }
  }

  const Card& card_;
  const Cast& cast_;
  const LintLimits& limits_;
  std::vector<LintFinding> findings_;
};

}  // namespace

std::vector<LintFinding> lint(const Card& card, const Cast& cast, const LintLimits& limits) {
  auto findings = Linter(card, cast, limits).run();
  for (const BadCard& bad : cast.problems) {
    if (bad.id != card.id) continue;
    findings.push_back({"file_refused", LintLevel::Error, bad.file,
                        fmt::format("{}; the last good version is on stage", bad.error.message)});
  }
  return findings;
}

}  // namespace characters
