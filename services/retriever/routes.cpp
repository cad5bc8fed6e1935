#include "retriever/routes.h"

#include <memory>

#include "base/clock.h"

namespace retriever {
namespace {

using contracts::AddDocument;
using contracts::AddedDocument;
using contracts::DeletedDocument;
using contracts::DeleteDocument;
using contracts::DocumentList;
using contracts::ListDocuments;
using contracts::QueryReply;
using contracts::QueryRequest;

// Reply of GET /rag/health.
struct RagHealth {
  static constexpr std::string_view kName = "rag_health";
  std::string status = "healthy";
  std::int64_t documents = 0;
  std::int64_t chunks = 0;
  std::int64_t generation = 0;
  static void fields(auto& self, auto&& visit) {
    visit("status", self.status);
    visit("documents", self.documents);
    visit("chunks", self.chunks);
    visit("generation", self.generation);
  }
};

Result<RagHealth> health(const Index& index) {
  const Stats stats = TRY(index.stats());
  RagHealth reply;
  reply.documents = static_cast<std::int64_t>(stats.documents);
  reply.chunks = static_cast<std::int64_t>(stats.chunks);
  reply.generation = index.generation();
  return reply;
}

void install_gauges(const Index& index, telemetry::Metrics& metrics) {
  const auto documents = metrics.gauge("troupe_retriever_documents", "Documents in the index");
  const auto chunks = metrics.gauge("troupe_retriever_chunks", "Chunks in the index");
  metrics.before_text([&index, documents, chunks] {
    const auto stats = index.stats();
    if (!stats) return;
    documents.set(static_cast<double>(stats.value().documents));
    chunks.set(static_cast<double>(stats.value().chunks));
  });
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
  for (const auto& route :
       {runtime::Post("/rag/documents/delete", "Deletes a document that a body names"),
        runtime::Delete("/documents/{id}", "Deletes a document")}) {
    doors.method<DeleteDocument, DeletedDocument>(
        "retriever.delete", route,
        [&](const DeleteDocument& request) { return knowledge.remove(request); });
  }
  doors.method<ListDocuments, DocumentList>(
      "retriever.documents", runtime::Get("/documents", "The documents of a collection, or all"),
      [&](const ListDocuments& request) { return knowledge.documents(request); });
  doors.method<contracts::Empty, RagHealth>(
      "retriever.health", runtime::Get("/rag/health", "What the knowledge base holds"),
      [&](const contracts::Empty&) { return health(index); });
}

}  // namespace retriever
