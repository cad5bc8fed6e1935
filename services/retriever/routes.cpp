#include "retriever/routes.h"

#include <memory>

#include "base/clock.h"
#include "json/codec.h"

namespace retriever {
namespace {

using contracts::AddDocument;
using contracts::AddedDocument;
using contracts::CollectionList;
using contracts::DeleteCollection;
using contracts::DeletedCollection;
using contracts::DeletedDocument;
using contracts::DeleteDocument;
using contracts::DocumentList;
using contracts::GetDocument;
using contracts::ListCollections;
using contracts::ListDocuments;
using contracts::QueryReply;
using contracts::QueryRequest;
using contracts::RagSettings;
using contracts::RagTest;
using contracts::RagTestReply;
using contracts::StoredDocument;

// Reply of GET /rag/health.
struct RagHealth {
  static constexpr std::string_view kName = "rag_health";
  std::string status = "healthy";
  std::int64_t documents = 0;
  std::int64_t chunks = 0;
  std::int64_t generation = 0;
  std::string meaning = "off";           // off (no encoder), loading, or ready
  std::int64_t chunks_with_meaning = 0;  // that are searched by it
  static void fields(auto& self, auto&& visit) {
    visit("status", self.status);
    visit("documents", self.documents);
    visit("chunks", self.chunks);
    visit("generation", self.generation);
    visit("meaning", self.meaning);
    visit("chunks_with_meaning", self.chunks_with_meaning);
  }
};

Result<RagHealth> health(const Index& index) {
  const Stats stats = TRY(index.stats());
  RagHealth reply;
  reply.documents = static_cast<std::int64_t>(stats.documents);
  reply.chunks = static_cast<std::int64_t>(stats.chunks);
  reply.generation = index.generation();
  if (const Meaning* meaning = index.meaning()) {
    const Meaning::Stats known = meaning->stats();
    reply.meaning = known.settled ? "ready" : "loading";
    reply.chunks_with_meaning = static_cast<std::int64_t>(known.chunks);
  }
  return reply;
}

void install_gauges(const Index& index, telemetry::Metrics& metrics) {
  const auto documents = metrics.gauge("troupe_retriever_documents", "Documents in the index");
  const auto chunks = metrics.gauge("troupe_retriever_chunks", "Chunks in the index");
  const auto with_meaning =
      metrics.gauge("troupe_retriever_meaning_chunks", "Chunks that are searched by meaning");
  const auto bytes =
      metrics.gauge("troupe_retriever_meaning_bytes", "Memory of sentences' vectors");
  metrics.before_text([&index, documents, chunks, with_meaning, bytes] {
    if (const Meaning* meaning = index.meaning()) {
      const Meaning::Stats known = meaning->stats();
      with_meaning.set(static_cast<double>(known.chunks));
      bytes.set(static_cast<double>(known.bytes));
    }
    const auto stats = index.stats();
    if (!stats) return;
    documents.set(static_cast<double>(stats.value().documents));
    chunks.set(static_cast<double>(stats.value().chunks));
  });
}

// A path cannot name what has a slash in it, a body can.
void install_documents(runtime::Doors& doors, Knowledge& knowledge) {
  doors.method<ListDocuments, DocumentList>(
      "retriever.documents", runtime::Get("/documents", "The documents of a collection, or all"),
      [&](const ListDocuments& request) { return knowledge.documents(request); });
  for (const auto& route :
       {runtime::Get("/documents/{id}", "A document with its text"),
        runtime::Post("/rag/documents/get", "The same, of an id that a body names")}) {
    doors.method<GetDocument, StoredDocument>(
        "retriever.document", route,
        [&](const GetDocument& request) { return knowledge.document(request); });
  }
  for (const auto& route :
       {runtime::Post("/rag/documents/delete", "Deletes a document that a body names"),
        runtime::Delete("/documents/{id}", "Deletes a document")}) {
    doors.method<DeleteDocument, DeletedDocument>(
        "retriever.delete", route,
        [&](const DeleteDocument& request) { return knowledge.remove(request); });
  }
}

void install_collections(runtime::Doors& doors, Knowledge& knowledge) {
  doors.method<ListCollections, CollectionList>(
      "retriever.collections", runtime::Get("/collections", "The collections and their sizes"),
      [&](const ListCollections& request) { return knowledge.collections(request); });
  for (const auto& route :
       {runtime::Delete("/collections/{collection}", "Deletes all documents of a collection"),
        runtime::Post("/collections/delete", "The same, of a collection that a body names")}) {
    doors.method<DeleteCollection, DeletedCollection>(
        "retriever.delete_collection", route,
        [&](const DeleteCollection& request, const runtime::Call& call) {
          return knowledge.remove_collection(request, call.deadline);
        });
  }
}

}  // namespace

void install_routes(runtime::Doors& doors, Knowledge& knowledge, const Index& index,
                    telemetry::Metrics& metrics) {
  const auto indexed = metrics.counter("rag_chunks_indexed_total", "Chunks written to the index");
  const auto queries = metrics.counter("rag_queries_total", "Queries answered or failed");
  const auto latency = metrics.histogram("rag_query_latency_seconds", "Time of a query");
  install_gauges(index, metrics);

  doors.method<AddDocument, AddedDocument>(
      "retriever.add", runtime::Post("/rag/documents", "Adds a document or replaces it"),
      [&knowledge, indexed](const AddDocument& request) -> Result<AddedDocument> {
        AddedDocument added = TRY(knowledge.add(request));
        if (!added.unchanged) indexed.add(static_cast<double>(added.chunks));
        return added;
      });
  doors.method<QueryRequest, QueryReply>(
      "retriever.query", runtime::Post("/rag/query", "Searches, and builds a context of the hits"),
      [&knowledge, queries, latency](const QueryRequest& request) {
        const SteadyTime start = SystemClock::instance().now();
        auto reply = knowledge.query(request);
        queries.add();
        latency.observe(elapsed_ms(start, SystemClock::instance().now()) / 1000);
        return reply;
      });
  install_documents(doors, knowledge);
  install_collections(doors, knowledge);
  doors.method<contracts::Empty, RagHealth>(
      "retriever.health", runtime::Get("/rag/health", "What the knowledge base holds"),
      [&](const contracts::Empty&) { return health(index); });
}

void install_settings(runtime::Doors& doors, Settings& settings, const Knowledge& knowledge) {
  doors.method<contracts::Empty, RagSettings>(
      "retriever.settings", runtime::Get("/settings/rag", "How queries are answered"),
      [&](const contracts::Empty&) -> Result<RagSettings> { return settings.now(); });
  // The body is read by the settings themselves: a member that they do not know is a mistake here.
  doors.http(
      runtime::Put("/settings/rag", "Changes how queries are answered, from the next one on"),
      {"retriever.configure",
       {},
       {runtime::json_of<contracts::ChangeRagSettings>()},
       {{200, {runtime::json_of<RagSettings>()}}}},
      [&](const http::Request& request, const std::shared_ptr<http::Reply>& reply) {
        const auto changed = settings.change(request.body);
        reply->respond(changed ? http::Response::json(json::encode(changed.value()))
                               : http::Response::error(changed.error()));
      });
  doors.method<RagTest, RagTestReply>(
      "retriever.test", runtime::Post("/settings/rag/test", "A query, and how it was answered"),
      [&](const RagTest& request) -> Result<RagTestReply> {
        const SteadyTime start = SystemClock::instance().now();
        RagTestReply reply = TRY(knowledge.test(request));
        reply.ms = elapsed_ms(start, SystemClock::instance().now());
        return reply;
      });
}

}  // namespace retriever
