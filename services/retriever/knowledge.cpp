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

using contracts::MeaningUse;
using Members = std::map<std::string, json::Text>;

// What a page of documents says of them; many times less than a frame holds, whatever it escapes.
constexpr std::size_t kPageBytes = 512UL * 1024;
// What the last transaction of a deletion and the answer may take.
constexpr Milliseconds kAnswerTime{2'000};

Expansion expansion_of(const contracts::RagSettings& settings) {
  return settings.expansion ? Expansion::On : Expansion::Off;
}

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

Result<std::vector<contracts::Hit>> hits_of(Found found) {
  std::vector<contracts::Hit> hits;
  for (Hit& hit : found.hits) hits.push_back(TRY(reply_hit(std::move(hit))));
  return hits;
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
  TRY(contracts::check_metadata(request.metadata));
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
  const contracts::RagSettings settings = settings_.now();
  what.top_k = request.top_k.value_or(settings.top_k);
  // It changes when vectors arrive or go, so no reply without meaning outlives their arrival.
  const std::int64_t encoder = index_.encoder_for(what.collections);
  const std::string basis = fmt::format("{} {} {} {}", settings.context_tokens, settings.expansion,
                                        encoder, json::encode(what));
  const std::string key =
      fmt::format("rag:{}:{}", crypto::hex(crypto::sha256(basis)), version.stamp);
  if (const auto kept = cache::fetch_and_wait(cache_, key)) {
    auto reply = json::decode<contracts::QueryReply>(std::string_view(*kept));
    if (reply) return reply;
  }
  contracts::QueryReply reply;
  reply.generation = version.generation;
  Found found = TRY(search(what, settings, encoder != 0));
  reply.hits = TRY(hits_of(std::move(found)));
  if (request.context) {
    reply.context = context_of(reply.hits, static_cast<std::size_t>(settings.context_tokens));
  }
  cache_.put(key, json::encode(reply), options_.ttl);
  return reply;
}

Result<contracts::RagTestReply> Knowledge::test(const contracts::RagTest& request) const {
  contracts::RagTestReply reply;
  reply.settings = settings_.now();
  reply.settings.top_k = request.top_k.value_or(reply.settings.top_k);
  reply.settings.expansion = request.expansion.value_or(reply.settings.expansion);
  Terms terms = terms_of(request.query, expansion_of(reply.settings));
  reply.words = std::move(terms.own);
  reply.related = std::move(terms.related);
  contracts::QueryRequest query;
  query.query = request.query;
  query.top_k = reply.settings.top_k;
  if (request.collection) query.collections = {*request.collection};
  const bool by_meaning = index_.encoder_for(query.collections) != 0;
  Found found = TRY(search(query, reply.settings, by_meaning));
  reply.meaning = found.by_meaning ? MeaningUse::Searched
                  : by_meaning     ? MeaningUse::Unneeded
                                   : MeaningUse::Unavailable;
  reply.hits = TRY(hits_of(std::move(found)));
  return reply;
}

Result<Found> Knowledge::search(const contracts::QueryRequest& request,
                                const contracts::RagSettings& settings, bool by_meaning) const {
  Query query;
  query.text = request.query;
  query.expansion = expansion_of(settings);
  query.collections = request.collections;
  query.filters = object_text(request.filters);
  query.top_k = static_cast<std::size_t>(request.top_k.value_or(settings.top_k));
  query.by_meaning = by_meaning;
  return index_.query(query);
}

Result<contracts::DocumentList> Knowledge::documents(
    const contracts::ListDocuments& request) const {
  contracts::DocumentList reply;
  const auto limit = static_cast<std::size_t>(request.limit);
  std::size_t bytes = 0;
  // One more than asked for tells whether there is a next page.
  for (Summary& summary :
       TRY(index_.list(request.collection.value_or(""), request.after.value_or(""), limit + 1))) {
    if (reply.documents.size() == limit || bytes > kPageBytes) {
      reply.next = reply.documents.back().id;
      break;
    }
    bytes += summary.id.size() + summary.title.size() + summary.uri.size();
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

Result<contracts::StoredDocument> Knowledge::document(const contracts::GetDocument& request) const {
  auto found = TRY(index_.find(request.id));
  if (!found) return Error(Code::NotFound, fmt::format("no document {}", request.id));
  Document& document = found->document;
  contracts::StoredDocument reply;
  reply.id = std::move(document.id);
  reply.collection = std::move(document.collection);
  reply.title = std::move(document.title);
  reply.uri = std::move(document.uri);
  reply.source_type = std::move(document.source_type);
  reply.source_id = std::move(document.source_id);
  reply.metadata = TRY(members_of(document.metadata));
  reply.content = std::move(document.content);
  reply.chunks = static_cast<std::int64_t>(found->chunks);
  reply.created_ms = found->created_ms;
  return reply;
}

Result<contracts::CollectionList> Knowledge::collections(
    const contracts::ListCollections& request) const {
  contracts::CollectionList reply;
  const auto limit = static_cast<std::size_t>(request.limit);
  for (Collection& found : TRY(index_.collections(request.after.value_or(""), limit + 1))) {
    if (reply.collections.size() == limit) {
      reply.next = reply.collections.back().name;
      break;
    }
    contracts::CollectionSummary collection;
    collection.name = std::move(found.name);
    collection.documents = static_cast<std::int64_t>(found.stats.documents);
    collection.chunks = static_cast<std::int64_t>(found.stats.chunks);
    collection.bytes = static_cast<std::int64_t>(found.stats.bytes);
    reply.collections.push_back(std::move(collection));
  }
  return reply;
}

Result<contracts::DeletedCollection> Knowledge::remove_collection(
    const contracts::DeleteCollection& request, SteadyTime deadline) {
  const Erased erased = TRY(index_.remove_collection(request.collection, deadline - kAnswerTime));
  if (erased.documents == 0) {
    return Error(Code::NotFound, fmt::format("no collection {}", request.collection));
  }
  contracts::DeletedCollection reply;
  reply.collection = request.collection;
  reply.documents = static_cast<std::int64_t>(erased.documents);
  reply.done = erased.all;
  return reply;
}

}  // namespace retriever
