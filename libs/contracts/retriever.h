#pragma once

#include "contracts/conversation.h"
#include "json/json.h"

namespace contracts {

// retriever.add, POST /rag/documents: adds or replaces one document. The same id replaces; without
// an id the same source_type and source_id do; without these a new id is made.
struct AddDocument {
  static constexpr std::string_view kName = "add_document";
  std::string content;
  std::optional<std::string> id;
  std::string collection = "documents";
  std::string title;
  std::string uri;
  std::optional<std::string> source_type;
  std::optional<std::string> source_id;
  std::map<std::string, json::Text> metadata;

  static void fields(auto& self, auto&& visit) {
    visit("content", self.content, Field{.bytes_min = 1, .bytes_max = 512 * 1024});
    visit("id", self.id, Field{.bytes_min = 1, .bytes_max = 256});
    visit("collection", self.collection,
          Field{.bytes_min = 1, .bytes_max = limits::kIdBytes, .defaulted = true});
    visit("title", self.title, Field{.bytes_max = 500, .defaulted = true});
    visit("uri", self.uri, Field{.bytes_max = 2000, .defaulted = true});
    visit("source_type", self.source_type, Field{.bytes_max = 64});
    visit("source_id", self.source_id, Field{.bytes_max = 500});
    visit("metadata", self.metadata, Field{.bytes_max = 2000, .items_max = 64, .defaulted = true});
  }
};

struct AddedDocument {
  static constexpr std::string_view kName = "added_document";
  std::string id;
  std::string collection;
  std::int64_t chunks = 0;
  bool unchanged = false;  // the same content was there already
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("collection", self.collection);
    visit("chunks", self.chunks);
    visit("unchanged", self.unchanged, Field{.defaulted = true});
  }
};

// retriever.delete, DELETE /documents/{id} and POST /rag/documents/delete.
struct DeleteDocument {
  static constexpr std::string_view kName = "delete_document";
  std::string id;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id, Field{.bytes_min = 1, .bytes_max = 256});
  }
};

struct DeletedDocument {
  static constexpr std::string_view kName = "deleted_document";
  bool deleted = false;
  static void fields(auto& self, auto&& visit) { visit("deleted", self.deleted); }
};

// retriever.query, POST /rag/query. Filters compare metadata members for equality.
struct QueryRequest {
  static constexpr std::string_view kName = "query_request";
  std::string query;
  std::optional<std::string> session_id;
  int top_k = 10;
  std::vector<std::string> collections;  // empty: all
  std::map<std::string, json::Text> filters;
  bool context = true;  // whether the reply carries the hits' texts once more, joined

  static void fields(auto& self, auto&& visit) {
    visit("query", self.query, Field{.bytes_min = 1, .bytes_max = limits::kMessageBytes});
    visit("session_id", self.session_id, Field{.bytes_max = limits::kIdBytes});
    visit("top_k", self.top_k, Field{.min = 1, .max = 50, .defaulted = true});
    visit("collections", self.collections,
          Field{.bytes_max = limits::kIdBytes, .items_max = 32, .defaulted = true});
    visit("filters", self.filters, Field{.bytes_max = 2000, .items_max = 32, .defaulted = true});
    visit("context", self.context, Field{.defaulted = true});
  }
};

struct Hit {
  static constexpr std::string_view kName = "hit";
  std::string id;  // of the chunk
  std::string document_id;
  std::string collection;
  std::string title;
  std::string uri;
  std::string text;
  double score = 0;        // higher is better
  std::int64_t start = 0;  // bytes of the chunk in the document
  std::int64_t end = 0;
  std::map<std::string, json::Text> metadata;

  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("document_id", self.document_id);
    visit("collection", self.collection);
    visit("title", self.title, Field{.defaulted = true});
    visit("uri", self.uri, Field{.defaulted = true});
    visit("text", self.text);
    visit("score", self.score);
    visit("start", self.start);
    visit("end", self.end);
    visit("metadata", self.metadata, Field{.defaulted = true});
  }
};

struct QueryReply {
  static constexpr std::string_view kName = "query_reply";
  std::vector<Hit> hits;
  std::string context;  // the hits' texts, numbered, at most 10k tokens
  bool degraded = false;
  std::int64_t generation = 0;  // of the index
  static void fields(auto& self, auto&& visit) {
    visit("hits", self.hits, Field{.items_max = 50});
    visit("context", self.context);
    visit("degraded", self.degraded);
    visit("generation", self.generation, Field{.defaulted = true});
  }
};

// retriever.documents, GET /documents?collection=.
struct ListDocuments {
  static constexpr std::string_view kName = "list_documents";
  std::optional<std::string> collection;
  static void fields(auto& self, auto&& visit) {
    visit("collection", self.collection, Field{.bytes_max = limits::kIdBytes});
  }
};

struct DocumentSummary {
  static constexpr std::string_view kName = "document_summary";
  std::string id;
  std::string collection;
  std::string title;
  std::string uri;
  std::int64_t chunks = 0;
  std::int64_t bytes = 0;
  std::int64_t created_ms = 0;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("collection", self.collection);
    visit("title", self.title);
    visit("uri", self.uri);
    visit("chunks", self.chunks);
    visit("bytes", self.bytes);
    visit("created_ms", self.created_ms);
  }
};

struct DocumentList {
  static constexpr std::string_view kName = "document_list";
  std::vector<DocumentSummary> documents;
  static void fields(auto& self, auto&& visit) { visit("documents", self.documents); }
};

}  // namespace contracts
