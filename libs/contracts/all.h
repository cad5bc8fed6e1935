#pragma once

#include <type_traits>

#include "contracts/bot.h"
#include "contracts/characters.h"
#include "contracts/conversation.h"
#include "contracts/coordinator.h"
#include "contracts/crawler.h"
#include "contracts/hub.h"
#include "contracts/llm.h"
#include "contracts/quality.h"
#include "contracts/retriever.h"
#include "contracts/router.h"
#include "contracts/tuning.h"
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
    // bot
    SpeakRequest, SpeakReply, Silence, Silences,
    // characters
    Character, CharacterList, PromptRequest, Prompt, CharacterChanged, Knowledge, PreviewRequest,
    FiredEntry, Preview, LintFinding, LintRequest, LintReport, CharacterQuery, PutCharacter,
    AcceptedCharacter, DeleteCharacter, DeletedCharacter, CharacterVersion, CharacterVersions,
    // coordinator
    Selection, SelectRequest, ObserveRequest, Answered, ObserveReply, FollowUpRequest, FollowUp,
    HistoryRequest, History, SaidRequest, SaidLine, Said, QuietRequest, QuietReply, ForgetLines,
    ForgottenLines,
    // crawler
    AddJob, AddedJob, JobCounts, JobNote, Job, JobQuery, JobsQuery, JobList, UploadQuery, Uploaded,
    // hub
    AddBot, AddedBot, AccountRequest, Account, HubStage,
    // llm
    ChatMessage, ChatRequest, ChatDelta, ChatReply, EmbedRequest, EmbedReply,
    // quality
    Finding, ContextLine, AssessRequest, Components, Assessment, VoiceRequest, VoiceScores,
    ReviewSettings,
    // retriever
    AddDocument, AddedDocument, DeleteDocument, DeletedDocument, QueryRequest, Hit, QueryReply,
    ListDocuments, DocumentSummary, DocumentList, GetDocument, StoredDocument, ListCollections,
    CollectionSummary, CollectionList, DeleteCollection, DeletedCollection, RagSettings,
    ChangeRagSettings, RagTest, RagTestReply,
    // router
    OrchestrateRequest, RegenerateRequest, Source, TurnReply, OrganicNotification, OrganicReply,
    Attempt, Stage, TurnRecord, TurnQuery, TurnsQuery, TurnList, TurnLine, TurnTyping,
    ConversationMessage, BotPresence, BotCompany, ForgetRequest, ForgetReply, TurnEnded,
    // tuning
    Variant, RetryHint, RetryHints, HintsRequest, Hints, OutcomeAttempt, Outcome, OutcomesRequest,
    OutcomesReply, FeedbackRequest, FeedbackReply, ReportRequest, VariantReport, FindingCount,
    HintReport, CharacterReport, TuningReport, ExportRequest, ExportedMessage, ExportedTurn,
    ForgetOutcomes, ForgottenOutcomes,
    // watchdog
    ServiceStatus, ServicesRequest, ServicesReply, Incident, IncidentsRequest, IncidentsReply>;

}  // namespace contracts
