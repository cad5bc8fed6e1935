#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fields.h"
#include "http/http.h"
#include "json/codec.h"

// The OpenAPI 3.1 document of a process, written from what its doors were registered with. Plain
// values and one pure function.
namespace runtime {

// The JSON Schema of a struct by its name; its text is made only when the document is asked for.
struct Schema {
  std::string_view name;
  std::string (*text)();
};
template <HasFields T>
Schema schema_of() {
  return {T::kName, &json::schema<T>};
}

// A form that a body may have. Without a schema: an object for JSON, a text for text/..., and
// nothing more is said of other types.
struct Content {
  std::string_view type = "application/json";
  std::optional<Schema> schema{};
};
template <HasFields T>
Content json_of() {
  return {"application/json", schema_of<T>()};
}

// What a door says of itself beside its URL.
struct About {
  std::string operation;          // operationId: the name of the method, unique in the stack
  std::optional<Schema> texts{};  // the struct whose members come from path and query
  std::vector<Content> takes{};   // forms of the request's body; empty: it has none
  std::map<int, std::vector<Content>> gives{{200, {Content{}}}};  // forms of each status
  bool foreign_errors = false;  // errors have the shape of a foreign dialect, not that of ours
};

struct DoorSpec {
  http::Method method = http::Method::Get;
  std::string path;
  std::string summary;
  About about;
};

struct ApiSource {
  std::string service;
  std::string version;
  std::string url;  // where the doors are
};

// The document. Structs stand once, under components/schemas, exactly as proto-json/ has them.
std::string openapi(const ApiSource& source, const std::vector<DoorSpec>& doors);

}  // namespace runtime
