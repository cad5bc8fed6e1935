#include "runtime/openapi.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

namespace runtime {
namespace {

constexpr std::string_view kDialect = "https://json-schema.org/draft/2020-12/schema";
constexpr std::string_view kErrorSchema = "error";

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

// {name} in a pattern.
std::vector<std::string> parameters_of(std::string_view path) {
  std::vector<std::string> names;
  for (auto open = path.find('{'); open != path.npos; open = path.find('{', open + 1)) {
    names.emplace_back(path.substr(open + 1, path.find('}', open) - open - 1));
  }
  return names;
}

// Writes one document; `writer_` is inside its root object.
class Document {
 public:
  explicit Document(const ApiSource& source) : source_(source) { writer_.begin_object(); }

  std::string take(const std::vector<DoorSpec>& doors) {
    head();
    object("paths", [&] { paths(doors); });
    object("components", [&] {
      object("schemas", [&] {
        for (const auto& [name, schema] : schemas_) raw(name, schema_text(schema));
        object(kErrorSchema, [&] { error_schema(); });
      });
      object("responses", [&] {
        error_response("refused", "The request cannot be served", 400, 499);
        error_response("failed", "The service could not serve it now", 500, 599);
      });
    });
    writer_.end_object();
    return writer_.take();
  }

 private:
  template <class Body>
  void object(std::string_view key, const Body& body) {
    writer_.key(key);
    writer_.begin_object();
    body();
    writer_.end_object();
  }
  void text(std::string_view key, std::string_view value) {
    writer_.key(key);
    writer_.string(value);
  }
  void raw(std::string_view key, std::string_view json) {
    writer_.key(key);
    writer_.raw(json);
  }
  void flag(std::string_view key) {
    writer_.key(key);
    writer_.boolean(true);
  }

  void head() {
    text("openapi", "3.1.0");
    object("info", [&] {
      text("title", fmt::format("Troupe: {}", source_.service));
      text("version", source_.version);
    });
    text("jsonSchemaDialect", kDialect);
    writer_.key("servers");
    writer_.begin_array();
    writer_.begin_object();
    text("url", source_.url);
    writer_.end_object();
    writer_.end_array();
    raw("security", "[]");  // an operator's door asks nobody who he is
    writer_.key("tags");
    writer_.begin_array();
    writer_.begin_object();
    text("name", source_.service);
    text("description", fmt::format("The doors of {}", source_.service));
    writer_.end_object();
    writer_.end_array();
  }

  // In the order registered; the methods of one path stand together.
  void paths(const std::vector<DoorSpec>& doors) {
    std::vector<std::string_view> written;
    for (const DoorSpec& first : doors) {
      if (std::find(written.begin(), written.end(), first.path) != written.end()) continue;
      written.push_back(first.path);
      object(first.path, [&] {
        for (const DoorSpec& door : doors) {
          if (door.path != first.path) continue;
          object(lower(name(door.method)), [&] { operation(door); });
        }
      });
    }
  }

  void operation(const DoorSpec& door) {
    text("operationId", door.about.operation);
    if (!door.summary.empty()) text("summary", door.summary);
    writer_.key("tags");
    writer_.begin_array();
    writer_.string(source_.service);
    writer_.end_array();
    parameters(door);
    if (!door.about.takes.empty()) {
      object("requestBody", [&] {
        flag("required");
        contents(door.about.takes);
      });
    }
    object("responses", [&] { responses(door.about); });
  }

  void parameters(const DoorSpec& door) {
    const auto in_path = parameters_of(door.path);
    writer_.key("parameters");
    writer_.begin_array();
    std::optional<json::Document> texts;
    if (door.about.texts) texts = json::Document::parse(door.about.texts->text()).value();
    const auto members = texts ? texts->root().find("properties") : std::nullopt;
    for (const auto& name : in_path) {
      const auto member = members ? members->find(name) : std::nullopt;
      parameter("path", name, member ? member->dump() : R"({"type":"string","minLength":1})", true);
    }
    if (members) {
      const json::Value required = *texts->root().find("required");
      members->each_member([&](std::string_view name, json::Value member) {
        if (std::find(in_path.begin(), in_path.end(), name) != in_path.end()) return;
        bool needed = false;
        for (std::size_t i = 0; i < required.size(); ++i) {
          needed = needed || required.at(i).string() == name;
        }
        parameter("query", name, member.dump(), needed);
      });
    }
    writer_.end_array();
  }

  void parameter(std::string_view where, std::string_view name, std::string_view schema,
                 bool required) {
    writer_.begin_object();
    text("name", name);
    text("in", where);
    writer_.key("required");
    writer_.boolean(required);
    raw("schema", schema);
    writer_.end_object();
  }

  void contents(const std::vector<Content>& forms) {
    object("content", [&] {
      for (const Content& form : forms) {
        object(form.type, [&] { content(form); });
      }
    });
  }

  void content(const Content& form) {
    if (form.schema) {
      const std::string name(form.schema->name);
      schemas_.emplace(name, *form.schema);
      raw("schema", fmt::format(R"({{"$ref":"#/components/schemas/{}"}})", name));
    } else if (form.type == "application/json") {
      raw("schema", R"({"type":"object"})");
    } else if (form.type.starts_with("text/")) {
      raw("schema", R"({"type":"string"})");
    }
  }

  void responses(const About& about) {
    for (const auto& answer : about.gives) {
      object(std::to_string(answer.first), [&] {
        text("description", http::reason(answer.first));
        contents(answer.second);
      });
    }
    for (const auto& [range, response] :
         {std::pair{"4XX", "refused"}, std::pair{"5XX", "failed"}}) {
      if (about.foreign_errors) {
        object(range, [&] {
          text("description", "An error in the dialect of this door");
          contents({Content{}});
        });
      } else {
        raw(range, fmt::format(R"({{"$ref":"#/components/responses/{}"}})", response));
      }
    }
  }

  // The schema without its dialect, which the document names once.
  static std::string schema_text(const Schema& schema) {
    const std::string with = schema.text();
    const std::string prefix = fmt::format(R"({{"$schema":"{}",)", kDialect);
    assert(with.starts_with(prefix));
    return "{" + with.substr(prefix.size());
  }

  static std::vector<Code> codes(int status_min, int status_max) {
    std::vector<Code> found;
    for (int i = 0; i <= static_cast<int>(Code::Internal); ++i) {
      const auto code = static_cast<Code>(i);
      const int status = http_status(code);
      if (status >= status_min && status <= status_max) found.push_back(code);
    }
    return found;
  }

  // What http::Response::error() writes.
  void error_schema() {
    text("title", kErrorSchema);
    text("type", "object");
    std::string names;
    for (const Code code : codes(400, 599)) {
      names += fmt::format("{}\"{}\"", names.empty() ? "" : ",", name(code));
    }
    raw("properties", fmt::format(R"({{"error":{{"type":"object","properties":{{)"
                                  R"("code":{{"enum":[{}]}},)"
                                  R"("message":{{"type":"string","minLength":1}}}},)"
                                  R"("required":["code","message"]}}}})",
                                  names));
    raw("required", R"(["error"])");
  }

  void error_response(std::string_view key, std::string_view what, int status_min, int status_max) {
    std::string names;
    for (const Code code : codes(status_min, status_max)) {
      names += fmt::format("{}{} {}", names.empty() ? "" : ", ", http_status(code), name(code));
    }
    object(key, [&] {
      text("description", fmt::format("{}: {}", what, names));
      object("content", [&] {
        object("application/json", [&] {
          raw("schema", fmt::format(R"({{"$ref":"#/components/schemas/{}"}})", kErrorSchema));
        });
      });
    });
  }

  const ApiSource& source_;
  json::Writer writer_;
  std::map<std::string, Schema> schemas_;  // what the paths have referred to
};

}  // namespace

std::string openapi(const ApiSource& source, const std::vector<DoorSpec>& doors) {
  return Document(source).take(doors);
}

}  // namespace runtime
