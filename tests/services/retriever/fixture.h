#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "retriever/index.h"
#include "support/fake_clock.h"

namespace retriever {

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
    index_ = Index::open(options, clock_).value();
  }

  support::FakeClock clock_;
  std::filesystem::path folder_;
  std::unique_ptr<Index> index_;
};

}  // namespace retriever
