#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

#include "contracts/conversation.h"

namespace characters::testing {

// A small card of ours, as a file would hold it.
inline std::string card_json(std::string_view id, std::string_view name,
                             std::string_view knowledge = "") {
  return R"({"spec":"chara_card_v2","spec_version":"2.0","data":{"name":")" + std::string(name) +
         R"(","description":"{{char}} mends clocks. He is slow.","personality":"patient",)" +
         R"("extensions":{"troupe":{"id":")" + std::string(id) + R"(","knowledge":")" +
         std::string(knowledge) + R"("}}}})";
}

inline contracts::Line line(std::string author, std::string text,
                            contracts::Kind kind = contracts::Kind::Human) {
  return {std::move(author), std::move(text), kind, std::nullopt};
}

// A folder that is gone after the test. The path is where a library may make its folder.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "characters-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) ADD_FAILURE() << "cannot make a folder";
    root_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::filesystem::path path() const { return root_ / "characters"; }

  // Writes as careful programs do: the file appears at once and is never half there.
  void write(const std::string& name, std::string_view text) const {
    std::filesystem::create_directories(path());
    const auto draft = root_ / "draft";
    std::ofstream(draft, std::ios::binary) << text;
    std::filesystem::rename(draft, path() / name);
  }
  void remove(const std::string& name) const { std::filesystem::remove(path() / name); }

 private:
  std::filesystem::path root_;
};

}  // namespace characters::testing
