#include "characters/neighbours.h"

#include "characters/routes.h"
#include "contracts/characters.h"
#include "contracts/retriever.h"
#include "json/codec.h"

namespace characters {

void Neighbours::announce(const Change& change) {
  node_.publish("character.changed",
                json::encode(contracts::CharacterChanged{change.id, change.removed}));
}

Result<void> Neighbours::teach(const Member& member) {
  const std::string name = contracts::knowledge_collection(member.card.id);
  contracts::AddDocument document;
  document.content = member.knowledge;
  document.id = name;
  document.collection = name;
  document.title = member.card.name;
  document.uri = "character:" + member.card.id;
  document.source_type = "character";
  document.source_id = member.card.id;
  document.metadata["character"] = json::Text{json::quoted(member.card.id)};
  TRY(retriever_.call<contracts::AddedDocument>("retriever.add", document, once()));
  return {};
}

Result<void> Neighbours::forget(const std::string& id) {
  const contracts::DeleteDocument document{contracts::knowledge_collection(id)};
  TRY(retriever_.call<contracts::DeletedDocument>("retriever.delete", document, once()));
  return {};
}

}  // namespace characters
