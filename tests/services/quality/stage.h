#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "contracts/quality.h"
#include "quality/profile.h"
#include "quality/reviewer.h"

// What the tests of quality share: a small cast, and requests in few words.
namespace quality::test {

// A view that shows what it is given.
class FixedCast : public CastView {
 public:
  FixedCast() = default;
  explicit FixedCast(std::vector<contracts::Character> characters)
      : cast_(std::make_shared<const Cast>(std::move(characters))) {}
  std::shared_ptr<const Cast> cast() const override { return cast_; }

 private:
  std::shared_ptr<const Cast> cast_;
};

// The shipped characters as their cards describe them, as the characters service sends them.
std::vector<contracts::Character> shipped_cast();

// One line of a card; templates are filled in.
struct ShippedLine {
  std::string character;
  std::string situation;
  std::string text;
};
std::vector<ShippedLine> shipped_lines();

// "somebody" says each of `lines`, the last one last; "peter: text" names another speaker.
std::vector<contracts::ContextLine> said(const std::vector<std::string>& lines);

// A draft in a busy channel.
contracts::AssessRequest draft(std::string character, std::string line,
                               const std::vector<std::string>& context = {},
                               std::vector<std::string> knowledge = {});

// The finding with that code, or nothing.
std::optional<contracts::Finding> found(const contracts::Assessment& assessment,
                                        contracts::FindingCode code);

}  // namespace quality::test
