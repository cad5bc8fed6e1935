#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "json/tree.h"

namespace json {
namespace {

using Json = nlohmann::json;

// Hands nlohmann's parser events on to the tree.
class Events : public nlohmann::json_sax<Json> {
 public:
  explicit Events(TreeBuilder& tree) : tree_(tree) {}

  bool null() override { return tree_.null(); }
  bool boolean(bool value) override { return tree_.boolean(value); }
  bool number_integer(std::int64_t value) override { return tree_.integer(value); }
  bool number_unsigned(std::uint64_t value) override { return tree_.unsigned_integer(value); }
  bool number_float(double value, const std::string&) override { return tree_.real(value); }
  bool string(std::string& value) override { return tree_.string(value); }
  bool binary(Json::binary_t&) override { return tree_.fail("binary values are not JSON"); }
  bool key(std::string& name) override { return tree_.key(name); }
  bool start_object(std::size_t) override { return tree_.begin_object(); }
  bool end_object() override { return tree_.end_object(); }
  bool start_array(std::size_t) override { return tree_.begin_array(); }
  bool end_array() override { return tree_.end_array(); }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& why) override {
    std::string_view text = why.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ..."
    if (const auto colon = text.find(": "); colon != std::string_view::npos) {
      text.remove_prefix(colon + 2);
    }
    return tree_.fail(
        fmt::format("not JSON at byte {}: {}", position, utf8_prefix(utf8_repaired(text), 160)));
  }

 private:
  TreeBuilder& tree_;
};

}  // namespace

bool parse_strict(std::string_view text, const ParseOptions& options, TreeBuilder& tree) {
  Events events(tree);
  return Json::sax_parse(text.begin(), text.end(), &events, Json::input_format_t::json, true,
                         options.comments);
}

}  // namespace json
