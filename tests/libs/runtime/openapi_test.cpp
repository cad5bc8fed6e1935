#include "runtime/openapi.h"

#include <gtest/gtest.h>

namespace runtime::testing {
namespace {

struct Ask {
  static constexpr std::string_view kName = "ask";
  std::string id;
  int limit = 20;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id, Field{.bytes_min = 1, .bytes_max = 8});
    visit("limit", self.limit, Field{.min = 1, .max = 200, .defaulted = true});
  }
};

struct Answered {
  static constexpr std::string_view kName = "answered";
  std::string text;
  static void fields(auto& self, auto&& visit) { visit("text", self.text, Field{.bytes_max = 9}); }
};

// The value at a path of keys, as text; "absent" when there is none.
std::string at(const std::string& document, const std::vector<std::string>& keys) {
  const auto parsed = json::Document::parse(document).value();
  json::Value value = parsed.root();
  for (const auto& key : keys) {
    const auto found = value.is(json::Kind::Array) ? value.at(std::stoul(key)) : value.find(key);
    if (!found) return "absent";
    value = *found;
  }
  return value.dump();
}

std::string document_of(std::vector<DoorSpec> doors) {
  return openapi({"stage", "1.2.3", "http://127.0.0.1:6099"}, doors);
}

DoorSpec getting(const std::string& path) {
  return {http::Method::Get,
          path,
          "Asks",
          {"stage.ask", schema_of<Ask>(), {}, {{200, {json_of<Answered>()}}}}};
}

TEST(OpenApi, NamesTheServiceItsVersionAndWhereItIs) {
  const auto document = document_of({});
  EXPECT_EQ(at(document, {"openapi"}), R"("3.1.0")");
  EXPECT_EQ(at(document, {"info"}), R"({"title":"Troupe: stage","version":"1.2.3"})");
  EXPECT_EQ(at(document, {"servers"}), R"([{"url":"http://127.0.0.1:6099"}])");
  EXPECT_EQ(at(document, {"tags", "0", "name"}), R"("stage")");
  EXPECT_EQ(at(document, {"paths"}), "{}");
}

TEST(OpenApi, DescribesAMethodByItsStructs) {
  const auto document =
      document_of({{http::Method::Post,
                    "/ask",
                    "Asks",
                    {"stage.ask", {}, {json_of<Ask>()}, {{200, {json_of<Answered>()}}}}}});
  const std::vector<std::string> post{"paths", "/ask", "post"};
  const auto member = [&](std::vector<std::string> more) {
    std::vector<std::string> keys = post;
    keys.insert(keys.end(), more.begin(), more.end());
    return at(document, keys);
  };
  EXPECT_EQ(member({"operationId"}), R"("stage.ask")");
  EXPECT_EQ(member({"summary"}), R"("Asks")");
  EXPECT_EQ(member({"parameters"}), "[]");
  EXPECT_EQ(member({"requestBody", "required"}), "true");
  EXPECT_EQ(member({"requestBody", "content", "application/json", "schema", "$ref"}),
            R"("#/components/schemas/ask")");
  EXPECT_EQ(member({"responses", "200", "content", "application/json", "schema", "$ref"}),
            R"("#/components/schemas/answered")");
  EXPECT_EQ(at(document, {"components", "schemas", "answered"}),
            R"({"title":"answered","type":"object","properties":{"text":{"type":"string",)"
            R"("maxLength":9}},"required":["text"]})");
}

TEST(OpenApi, TakesThePartsOfAUrlFromTheStruct) {
  const auto document = document_of({getting("/ask/{id}")});
  const std::vector<std::string> parameters{"paths", "/ask/{id}", "get", "parameters"};
  EXPECT_EQ(at(document, parameters), R"([{"name":"id","in":"path","required":true,)"
                                      R"("schema":{"type":"string","minLength":1,"maxLength":8}},)"
                                      R"({"name":"limit","in":"query","required":false,)"
                                      R"("schema":{"type":"integer","minimum":1,"maximum":200}}])");
  EXPECT_EQ(at(document, {"paths", "/ask/{id}", "get", "requestBody"}), "absent");
}

TEST(OpenApi, NamesAPartOfTheUrlThatNoStructHas) {
  const auto document = document_of({{http::Method::Put, "/cards/{card}", "Puts", {"stage.put"}}});
  EXPECT_EQ(at(document, {"paths", "/cards/{card}", "put", "parameters", "0", "name"}),
            R"("card")");
}

TEST(OpenApi, KeepsTheMethodsOfOnePathTogether) {
  auto second = getting("/ask");
  second.method = http::Method::Delete;
  const auto document = document_of({getting("/ask"), getting("/other"), second});
  EXPECT_NE(at(document, {"paths", "/ask", "get"}), "absent");
  EXPECT_NE(at(document, {"paths", "/ask", "delete"}), "absent");
}

TEST(OpenApi, NamesEveryErrorCodeWithItsStatus) {
  const auto document = document_of({getting("/ask")});
  const std::vector<std::string> responses{"paths", "/ask", "get", "responses"};
  EXPECT_EQ(at(document, {"paths", "/ask", "get", "responses", "4XX", "$ref"}),
            R"("#/components/responses/refused")");
  EXPECT_EQ(at(document, {"components", "responses", "refused", "description"}),
            R"("The request cannot be served: 400 invalid_argument, 401 unauthenticated, )"
            R"(403 permission_denied, 404 not_found, 409 conflict, 413 too_large, 429 overloaded, )"
            R"(499 cancelled")");
  EXPECT_EQ(at(document, {"components", "responses", "failed", "description"}),
            R"("The service could not serve it now: 504 deadline_exceeded, 503 unavailable, )"
            R"(501 unimplemented, 500 data_loss, 500 internal")");
}

TEST(OpenApi, SaysLessOfForeignFormats) {
  const auto document = document_of({{http::Method::Post,
                                      "/v1/chat",
                                      "Chat",
                                      {"stage.chat",
                                       {},
                                       {Content{}, {"image/png"}},
                                       {{200, {Content{}, {"text/event-stream"}}}},
                                       true}}});
  const std::vector<std::string> post{"paths", "/v1/chat", "post"};
  EXPECT_EQ(at(document, {"paths", "/v1/chat", "post", "requestBody", "content"}),
            R"({"application/json":{"schema":{"type":"object"}},"image/png":{}})");
  EXPECT_EQ(at(document, {"paths", "/v1/chat", "post", "responses", "200", "content"}),
            R"({"application/json":{"schema":{"type":"object"}},)"
            R"("text/event-stream":{"schema":{"type":"string"}}})");
  EXPECT_EQ(at(document, {"paths", "/v1/chat", "post", "responses", "4XX", "$ref"}), "absent");
}

}  // namespace
}  // namespace runtime::testing
