#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <array>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/ids.h"
#include "lexical/analyser.h"
#include "retriever/index.h"
#include "retriever/scribe.h"
#include "support/fake_clock.h"

namespace retriever {

// Stands for a model: words of one line mean the same, others nothing to each other. Little words
// and their order do not count.
class Synonyms {
 public:
  encoder::Vector encode(std::string_view text) {
    ++encoded_;
    if (before_) before_(text);
    encoder::Vector vector{};
    for (const std::string& word : lexical::tokens(text)) {
      if (!lexical::stopword(word)) vector[dimension_of(word)] += 1;
    }
    float squared = 0;
    for (const float value : vector) squared += value * value;
    for (float& value : vector) value /= squared == 0 ? 1 : std::sqrt(squared);
    return vector;
  }

  std::size_t encoded() const { return encoded_; }
  void before(std::function<void(std::string_view)> call) { before_ = std::move(call); }

 private:
  static std::size_t dimension_of(const std::string& word) {
    constexpr std::array<std::string_view, 3> kSame{" hound dog puppy ", " ale beer lager ",
                                                    " automobile car "};
    for (std::size_t i = 0; i < kSame.size(); ++i) {
      if (kSame[i].find(" " + word + " ") != std::string_view::npos) return i;
    }
    return kSame.size() + hash64(word) % (encoder::kDimension - kSame.size());
  }

  std::atomic<std::size_t> encoded_ = 0;
  std::function<void(std::string_view)> before_;
};

// An index in a folder of its own.
class WithIndex : public ::testing::Test {
 protected:
  WithIndex() {
    std::string pattern = (std::filesystem::temp_directory_path() / "troupe-index-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    reopen();
  }
  ~WithIndex() override {
    index_.reset();
    std::filesystem::remove_all(folder_);
  }

  void reopen() {
    index_.reset();
    Index::Options options;
    options.path = (folder_ / "knowledge.db").string();
    index_ = Index::open(options, clock_, meaning_.get()).value();
  }

  // Opens it to be searched by meaning, with an empty memory.
  void reopen_with_meaning(Meaning::Limits limits = {}, std::int64_t identity = 7) {
    index_.reset();
    const auto encode = [this](std::string_view text) { return synonyms_.encode(text); };
    meaning_ = std::make_unique<Meaning>(SentenceEncoder{identity, encode}, limits);
    reopen();
    scribe_ = std::make_unique<Scribe>(*index_, *meaning_);
  }

  support::FakeClock clock_;
  Synonyms synonyms_;
  std::filesystem::path folder_;
  std::unique_ptr<Meaning> meaning_;  // none until a test makes it and opens the index again
  std::unique_ptr<Index> index_;
  std::unique_ptr<Scribe> scribe_;
};

}  // namespace retriever
