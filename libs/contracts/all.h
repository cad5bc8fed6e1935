#pragma once

#include <type_traits>

#include "contracts/characters.h"
#include "contracts/conversation.h"
#include "contracts/coordinator.h"
#include "contracts/llm.h"
#include "contracts/quality.h"
#include "contracts/retriever.h"
#include "contracts/router.h"
#include "contracts/watchdog.h"

namespace contracts {

template <class... Messages>
struct MessageList {
  // Calls `visit` with a std::type_identity of each.
  static void each(auto&& visit) { (visit(std::type_identity<Messages>{}), ...); }
};

// Every message there is; proto-json/ holds one schema for each. A struct with a kName that is
// missing here fails the test contracts.schemas.
using AllMessages = MessageList<
    // conversation
    Line, Empty,
    // characters
    Character, CharacterList, PromptRequest, Prompt, CharacterChanged, Knowledge, PreviewRequest,
    FiredEntry, Preview, LintFinding, LintRequest, LintReport, CharacterQuery, PutCharacter,
    AcceptedCharacter, DeleteCharacter, DeletedCharacter, CharacterVersion, CharacterVersions,
    // coordinator
    Selection, SelectRequest, ObserveRequest, ObserveReply, FollowUpRequest, FollowUp,
    HistoryRequest, History,
    // llm
    ChatMessage, ChatRequest, ChatDelta, ChatReply,
    // quality
    Finding, ContextLine, AssessRequest, Components, Assessment, VoiceRequest, VoiceScores,
    // retriever
    AddDocument, AddedDocument, DeleteDocument, DeletedDocument, QueryRequest, Hit, QueryReply,
    ListDocuments, DocumentSummary, DocumentList,
    // router
    OrchestrateRequest, Source, TurnReply, OrganicNotification, OrganicReply, Attempt, Stage,
    TurnRecord, TurnQuery, TurnsQuery, TurnList, TurnLine, TurnTyping, ConversationMessage,
    // watchdog
    ServiceStatus, ServicesRequest, ServicesReply, Incident, IncidentsRequest, IncidentsReply>;

}  // namespace contracts
