#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "base/utf8.h"
#include "contracts/conversation.h"
#include "json/json.h"

namespace contracts {

inline constexpr int kTopMax = 50;     // hits of a query
inline constexpr int kPageMax = 1000;  // entries of a list
inline constexpr std::size_t kDocumentIdBytes = 256;
inline constexpr std::size_t kDocumentBytes = 512UL * 1024;
inline constexpr std::size_t kMetadataDepth = 8;  // of one value; a reply nests it in more

// InvalidArgument names the member that is nested too deep to be read in a reply.
inline Result<void> check_metadata(const std::map<std::string, json::Text>& metadata) {
  for (const auto& [name, value] : metadata) {
    const auto parsed = json::Document::parse(value.text, {.depth_max = kMetadataDepth});
    if (!parsed) {
      return Error{Code::InvalidArgument, "metadata." + std::string(utf8_prefix(name, 64)) + ": " +
                                              parsed.error().message};
    }
  }
  return {};
}

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
    visit("content", self.content, Field{.bytes_min = 1, .bytes_max = kDocumentBytes});
    visit("id", self.id, Field{.bytes_min = 1, .bytes_max = kDocumentIdBytes});
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
    visit("id", self.id, Field{.bytes_min = 1, .bytes_max = kDocumentIdBytes});
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
  std::optional<int> top_k;              // absent: as the settings say
  std::vector<std::string> collections;  // empty: all
  std::map<std::string, json::Text> filters;
  bool context = true;  // whether the reply carries the hits' texts once more, joined

  static void fields(auto& self, auto&& visit) {
    visit("query", self.query, Field{.bytes_min = 1, .bytes_max = limits::kMessageBytes});
    visit("session_id", self.session_id, Field{.bytes_max = limits::kIdBytes});
    visit("top_k", self.top_k, Field{.min = 1, .max = kTopMax});
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
  double score = 0;        // of its ranks by words and by meaning; higher is better in this reply
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
    visit("hits", self.hits, Field{.items_max = kTopMax});
    visit("context", self.context);
    visit("degraded", self.degraded);
    visit("generation", self.generation, Field{.defaulted = true});
  }
};

// retriever.documents, GET /documents?collection=&limit=&after=: by id. Whoever goes on after each
// page's `next` meets every document that was there all the while, once.
struct ListDocuments {
  static constexpr std::string_view kName = "list_documents";
  std::optional<std::string> collection;
  int limit = 100;
  std::optional<std::string> after;  // an id, whether such a document is there or not
  static void fields(auto& self, auto&& visit) {
    visit("collection", self.collection, Field{.bytes_max = limits::kIdBytes});
    visit("limit", self.limit, Field{.min = 1, .max = kPageMax, .defaulted = true});
    visit("after", self.after, Field{.bytes_max = kDocumentIdBytes});
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
  std::vector<DocumentSummary> documents;  // fewer than the limit when they are large
  std::optional<std::string> next;         // the `after` of the next page, absent on the last
  static void fields(auto& self, auto&& visit) {
    visit("documents", self.documents, Field{.items_max = kPageMax});
    visit("next", self.next);
  }
};

// retriever.document, GET /documents/{id} and POST /rag/documents/get; not_found when there is
// none.
struct GetDocument {
  static constexpr std::string_view kName = "get_document";
  std::string id;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id, Field{.bytes_min = 1, .bytes_max = kDocumentIdBytes});
  }
};

struct StoredDocument {
  static constexpr std::string_view kName = "stored_document";
  std::string id;
  std::string collection;
  std::string title;
  std::string uri;
  std::string source_type;
  std::string source_id;
  std::map<std::string, json::Text> metadata;
  std::string content;
  std::int64_t chunks = 0;
  std::int64_t created_ms = 0;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("collection", self.collection);
    visit("title", self.title);
    visit("uri", self.uri);
    visit("source_type", self.source_type);
    visit("source_id", self.source_id);
    visit("metadata", self.metadata);
    visit("content", self.content, Field{.bytes_max = kDocumentBytes});
    visit("chunks", self.chunks);
    visit("created_ms", self.created_ms);
  }
};

// retriever.collections, GET /collections?limit=&after=: by name.
struct ListCollections {
  static constexpr std::string_view kName = "list_collections";
  int limit = 100;
  std::optional<std::string> after;
  static void fields(auto& self, auto&& visit) {
    visit("limit", self.limit, Field{.min = 1, .max = kPageMax, .defaulted = true});
    visit("after", self.after, Field{.bytes_max = limits::kIdBytes});
  }
};

struct CollectionSummary {
  static constexpr std::string_view kName = "collection_summary";
  std::string name;
  std::int64_t documents = 0;
  std::int64_t chunks = 0;
  std::int64_t bytes = 0;  // of the documents' texts
  static void fields(auto& self, auto&& visit) {
    visit("name", self.name);
    visit("documents", self.documents);
    visit("chunks", self.chunks);
    visit("bytes", self.bytes);
  }
};

struct CollectionList {
  static constexpr std::string_view kName = "collection_list";
  std::vector<CollectionSummary> collections;
  std::optional<std::string> next;  // the `after` of the next page, absent on the last
  static void fields(auto& self, auto&& visit) {
    visit("collections", self.collections, Field{.items_max = kPageMax});
    visit("next", self.next);
  }
};

// retriever.delete_collection, DELETE /collections/{collection} and POST /collections/delete;
// not_found when there is none.
struct DeleteCollection {
  static constexpr std::string_view kName = "delete_collection";
  std::string collection;
  static void fields(auto& self, auto&& visit) {
    visit("collection", self.collection, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
  }
};

struct DeletedCollection {
  static constexpr std::string_view kName = "deleted_collection";
  std::string collection;
  std::int64_t documents = 0;  // deleted by this call
  bool done = false;           // false: the time was over before all were deleted, call again
  static void fields(auto& self, auto&& visit) {
    visit("collection", self.collection);
    visit("documents", self.documents);
    visit("done", self.done);
  }
};

// retriever.settings, GET /settings/rag: what is in force.
struct RagSettings {
  static constexpr std::string_view kName = "rag_settings";
  int top_k = 10;               // hits of a query that does not say how many
  int context_tokens = 10'000;  // at most, of the context of a reply
  bool expansion = true;        // whether related words are searched for as well
  static void fields(auto& self, auto&& visit) {
    visit("top_k", self.top_k, Field{.min = 1, .max = kTopMax});
    visit("context_tokens", self.context_tokens, Field{.min = 100, .max = 16'000});
    visit("expansion", self.expansion);
  }
};

// PUT /settings/rag, from the next query on and over restarts. What is left out stays as it is,
// of what is null the configuration decides again; the answer is all of it, as RagSettings.
struct ChangeRagSettings {
  static constexpr std::string_view kName = "change_rag_settings";
  std::optional<int> top_k;
  std::optional<int> context_tokens;
  std::optional<bool> expansion;
  static void fields(auto& self, auto&& visit) { RagSettings::fields(self, visit); }
};

// retriever.test, POST /settings/rag/test: a query that tells how it was answered, past the cache.
// With other settings than those in force, if it names any.
struct RagTest {
  static constexpr std::string_view kName = "rag_test";
  std::string query;
  std::optional<std::string> collection;
  std::optional<int> top_k;
  std::optional<bool> expansion;
  static void fields(auto& self, auto&& visit) {
    visit("query", self.query, Field{.bytes_min = 1, .bytes_max = limits::kMessageBytes});
    visit("collection", self.collection, Field{.bytes_max = limits::kIdBytes});
    visit("top_k", self.top_k, Field{.min = 1, .max = kTopMax});
    visit("expansion", self.expansion);
  }
};

// Whether the sentences' vectors were searched beside the words: unneeded when a sentence of the
// best hit has most of the question's words, unavailable when they are not (yet) there.
enum class MeaningUse { Searched, Unneeded, Unavailable };
constexpr auto enum_names(MeaningUse) {
  return std::array<std::pair<MeaningUse, std::string_view>, 3>{
      {{MeaningUse::Searched, "searched"},
       {MeaningUse::Unneeded, "unneeded"},
       {MeaningUse::Unavailable, "unavailable"}}};
}

struct RagTestReply {
  static constexpr std::string_view kName = "rag_test_reply";
  std::vector<std::string> words;    // of the query, as they were searched for
  std::vector<std::string> related;  // that expansion added
  MeaningUse meaning = MeaningUse::Unavailable;
  std::vector<Hit> hits;
  double ms = 0;         // of the search
  RagSettings settings;  // that it was made with
  static void fields(auto& self, auto&& visit) {
    visit("words", self.words);
    visit("related", self.related);
    visit("meaning", self.meaning, Field{.defaulted = true});
    visit("hits", self.hits, Field{.items_max = kTopMax});
    visit("ms", self.ms);
    visit("settings", self.settings);
  }
};

}  // namespace contracts
