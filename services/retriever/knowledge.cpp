#include "retriever/knowledge.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "crypto/crypto.h"
#include "json/codec.h"
#include "json/json.h"
#include "retriever/chunker.h"

namespace retriever {
namespace {

using Members = std::map<std::string, json::Text>;

std::string object_text(const Members& members) {
  json::Writer writer;
  writer.begin_object();
  for (const auto& [name, value] : members) {
    writer.key(name);
    writer.raw(value.text);
  }
  writer.end_object();
  return writer.take();
}

Result<Members> members_of(const std::string& object) {
  Members members;
  if (object == "{}") return members;
  const auto document = TRY(json::Document::parse(object));
  document.root().each_member([&](std::string_view name, json::Value value) {
    members.emplace(name, json::Text{value.dump()});
  });
  return members;
}

Result<contracts::Hit> reply_hit(Hit hit) {
  contracts::Hit reply;
  reply.id = std::move(hit.id);
  reply.document_id = std::move(hit.document_id);
  reply.collection = std::move(hit.collection);
  reply.title = std::move(hit.title);
  reply.uri = std::move(hit.uri);
  reply.text = std::move(hit.text);
  reply.score = hit.score;
  reply.start = static_cast<std::int64_t>(hit.start);
  reply.end = static_cast<std::int64_t>(hit.end);
  reply.metadata = TRY(members_of(hit.metadata));
  return reply;
}

}  // namespace

std::string context_of(const std::vector<contracts::Hit>& hits, std::size_t tokens_max) {
  std::string context;
  std::size_t tokens = 0;
  for (std::size_t i = 0; i < hits.size(); ++i) {
    const std::string entry = fmt::format("[{}] {}\n{}\n\n", i + 1, hits[i].title, hits[i].text);
    tokens += estimated_tokens(entry);
    if (tokens > tokens_max) break;
    context += entry;
  }
  return context;
}

Result<contracts::AddedDocument> Knowledge::add(const contracts::AddDocument& request) {
  Document document;
  document.id = request.id.value_or("");
  document.collection = request.collection;
  document.source_type = request.source_type.value_or("");
  document.source_id = request.source_id.value_or("");
  document.title = request.title;
  document.uri = request.uri;
  document.metadata = object_text(request.metadata);
  document.content = request.content;
  const Upserted done = TRY(index_.upsert(std::move(document)));
  contracts::AddedDocument reply;
  reply.id = done.id;
  reply.collection = request.collection;
  reply.chunks = static_cast<std::int64_t>(done.chunks);
  reply.unchanged = done.unchanged;
  return reply;
}

Result<contracts::DeletedDocument> Knowledge::remove(const contracts::DeleteDocument& request) {
  contracts::DeletedDocument reply;
  reply.deleted = TRY(index_.remove(request.id));
  return reply;
}

Result<contracts::QueryReply> Knowledge::query(const contracts::QueryRequest& request) const {
  // Read first: a change during the query then makes the reply look older than it is, never newer.
  const Index::Version version = index_.version();
  contracts::QueryRequest what = request;
  what.session_id.reset();  // nothing of the reply depends on it
  const std::string basis = fmt::format("{} {}", options_.context_tokens_max, json::encode(what));
  const std::string key =
      fmt::format("rag:{}:{}", crypto::hex(crypto::sha256(basis)), version.stamp);
  if (const auto kept = cache::fetch_and_wait(cache_, key)) {
    auto reply = json::decode<contracts::QueryReply>(std::string_view(*kept));
    if (reply) return reply;
  }
  auto reply = TRY(searched(request, version.generation));
  if (!reply.degraded) cache_.put(key, json::encode(reply), options_.ttl);
  return reply;
}

Result<contracts::QueryReply> Knowledge::searched(const contracts::QueryRequest& request,
                                                  std::int64_t generation) const {
  contracts::QueryReply reply;
  reply.generation = generation;
  Query query;
  query.text = request.query;
  query.collections = request.collections;
  query.filters = object_text(request.filters);
  query.top_k = static_cast<std::size_t>(request.top_k);
  for (Hit& hit : TRY(index_.query(query))) reply.hits.push_back(TRY(reply_hit(std::move(hit))));
  if (request.context) reply.context = context_of(reply.hits, options_.context_tokens_max);
  return reply;
}

Result<contracts::DocumentList> Knowledge::documents(
    const contracts::ListDocuments& request) const {
  contracts::DocumentList reply;
  for (Summary& summary : TRY(index_.list(request.collection.value_or("")))) {
    contracts::DocumentSummary document;
    document.id = std::move(summary.id);
    document.collection = std::move(summary.collection);
    document.title = std::move(summary.title);
    document.uri = std::move(summary.uri);
    document.chunks = static_cast<std::int64_t>(summary.chunks);
    document.bytes = static_cast<std::int64_t>(summary.bytes);
    document.created_ms = summary.created_ms;
    reply.documents.push_back(std::move(document));
  }
  return reply;
}

}  // namespace retriever
