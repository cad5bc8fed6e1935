#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "crawler/library.h"
#include "crawler/queue.h"
#include "support/temp_dir.h"

namespace crawler {

// A knowledge base in memory that fails when it is told to.
class FakeShelf final : public Shelf {
 public:
  Result<contracts::AddedDocument> add(const contracts::AddDocument& document) override {
    if (fail_after == 0) return Error{Code::Unavailable, "away"};
    if (fail_after > 0) --fail_after;
    documents[*document.id] = document;
    return contracts::AddedDocument{*document.id, document.collection, 1, false};
  }
  Result<void> remove(const std::string& id) override {
    if (fail_after == 0) return Error{Code::Unavailable, "away"};
    documents.erase(id);
    return {};
  }
  Result<bool> has(const std::string& id) override {
    if (fail_after == 0) return Error{Code::Unavailable, "away"};
    return documents.contains(id);
  }

  std::map<std::string, contracts::AddDocument> documents;
  int fail_after = -1;  // documents that are still taken; -1: all
};

// A library with a file of its own on a fake shelf.
class WithLibrary : public ::testing::Test {
 protected:
  static std::unique_ptr<store::Database> open(const support::TempDir& dir) {
    store::Database::Options file;
    file.path = dir.file("queue.db");
    file.grade = store::Grade::PowerSafe;
    file.migrations = {Queue::schema()};
    return store::Database::open(std::move(file)).value();
  }

  support::TempDir dir_;
  std::unique_ptr<store::Database> database_ = open(dir_);
  FakeShelf shelf_;
  Library library_{shelf_, *database_};
};

}  // namespace crawler
