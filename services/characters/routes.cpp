#include "characters/routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/utf8.h"
#include "characters/forms.h"

namespace characters {
namespace {

using contracts::AcceptedCharacter;
using contracts::CharacterList;
using contracts::CharacterQuery;
using contracts::CharacterVersions;
using contracts::DeleteCharacter;
using contracts::Empty;
using contracts::LintReport;
using contracts::LintRequest;
using contracts::Preview;
using contracts::PreviewRequest;
using contracts::Prompt;
using contracts::PromptRequest;
using contracts::PutCharacter;
using http::Request;
using http::Response;
using ReplyTo = std::shared_ptr<http::Reply>;

// No card may be so large that nobody is told of the others: each has its share of a frame.
CharacterList list(const Cast& cast) {
  constexpr std::size_t kBytesMax = limits::kFrameBytes / 4 * 3;
  CharacterList reply;
  for (const auto& [id, member] : cast.members) {
    reply.characters.push_back(profile(member->card, kBytesMax / cast.members.size()));
  }
  return reply;
}

// Whether there is `room` for a member of a list, as JSON; if so it is taken.
bool takes_room(std::string_view text, std::size_t& room) {
  constexpr std::size_t kAround = 32;  // quotes, commas, a number
  const auto escaped = std::count_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == '"' || c == '\\'; });
  const std::size_t bytes = kAround + text.size() + 5 * static_cast<std::size_t>(escaped);
  if (bytes > room) return false;
  room -= bytes;
  return true;
}

std::string query_of(const Request& request, const std::string& name) {
  const auto found = request.query.find(name);
  return found == request.query.end() ? std::string() : found->second;
}

// The version that a request expects: If-Match ("3", also with quotes) or ?version=3.
Result<std::optional<int>> expected_version(const Request& request) {
  const auto header = request.headers.get("If-Match");
  const std::string asked = query_of(request, "version");
  std::string_view text = header ? trimmed(*header) : asked;
  if (text.empty()) return std::optional<int>();
  if (text.starts_with("W/")) text.remove_prefix(2);
  if (text.size() > 1 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  int version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc() || end != text.data() + text.size() || version < 0) {
    return Error{Code::InvalidArgument, fmt::format("{}: must be the number of a version",
                                                    header ? "If-Match" : "version")};
  }
  return std::optional<int>(version);
}

Result<AcceptedCharacter> accept(const House& house, std::string_view id, const Package& package,
                                 std::optional<int> expected) {
  const Put put = TRY(house.library.put(id, package, expected));
  if (put.change) house.keeper.tell(*put.change);
  AcceptedCharacter reply;
  reply.id = put.id;
  reply.name = put.name;
  reply.version = put.version;
  reply.changed = put.change.has_value();
  reply.form = enum_name(package.form);
  const auto cast = house.library.cast();
  if (const Member* member = cast->find(put.id)) {
    reply.findings = lint(member->card, *cast, house.lint);
  }
  return reply;
}

// What is wrong with a card that is a member of a message.
Error in_card(const Error& error) {
  const bool about_card = error.code == Code::InvalidArgument || error.code == Code::TooLarge;
  return about_card ? Error{error.code, "card: " + error.message} : error;
}

Result<AcceptedCharacter> put(const House& house, const PutCharacter& request) {
  const auto package = unpack(request.card.text);
  if (!package) return in_card(package.error());
  auto accepted = accept(house, request.character, package.value(), request.version);
  if (!accepted) return in_card(accepted.error());
  return accepted;
}

Result<contracts::DeletedCharacter> remove(const House& house, const DeleteCharacter& request) {
  const Change change = TRY(house.library.remove(request.id, request.version));
  house.keeper.tell(change);
  return contracts::DeletedCharacter{true};
}

Result<CharacterVersions> versions(const House& house, const CharacterQuery& query) {
  const auto kept = TRY(house.library.versions(query.id));
  const auto cast = house.library.cast();
  const Member* member = cast->find(query.id);
  CharacterVersions reply;
  reply.id = query.id;
  for (const Version& version : kept) {
    reply.versions.push_back({version.number, static_cast<std::int64_t>(version.bytes),
                              version.written_ms,
                              member != nullptr && member->version == version.number});
  }
  return reply;
}

Result<LintReport> lint_of(const House& house, const CharacterQuery& query) {
  const auto cast = house.library.cast();
  const Member* member = cast->find(query.id);
  if (member == nullptr) return no_character(query.id);
  return LintReport{query.id, lint(member->card, *cast, house.lint)};
}

Result<LintReport> lint_bytes(const House& house, std::string bytes) {
  const Package package = TRY(unpack(std::move(bytes)));
  const Card card = TRY(parse_card(package.card));
  return LintReport{card.id, lint(card, *house.library.cast(), house.lint)};
}

Result<LintReport> lint_card(const House& house, const LintRequest& request) {
  auto report = lint_bytes(house, request.card.text);
  if (!report) return in_card(report.error());
  return report;
}

// --- doors whose bodies are no messages of ours ---

template <class T>
Response response_of(const Result<T>& result) {
  return result ? Response::json(json::encode(result.value())) : Response::error(result.error());
}

Result<AcceptedCharacter> import(const House& house, const Request& request) {
  if (request.body.empty()) {
    return Error{Code::InvalidArgument, "the body is empty, a card is expected"};
  }
  const auto expected = TRY(expected_version(request));
  const Package package = TRY(unpack(request.body));
  return accept(house, query_of(request, "id"), package, expected);
}

Response put_card(const House& house, const Request& request) {
  const std::string& id = request.params.at("id");
  // Their doors are posted to; see the other rows of install_routes().
  if (id == "import" || id == "lint") {
    Response response =
        Response::error({Code::Unimplemented, "PUT is not allowed here, only POST"});
    response.status = 405;
    response.headers.set("Allow", "POST");
    return response;
  }
  const auto expected = expected_version(request);
  if (!expected) return Response::error(expected.error());
  const auto package = unpack(request.body);
  if (!package) return Response::error(package.error());
  const auto accepted = accept(house, id, package.value(), expected.value());
  Response response = response_of(accepted);
  if (accepted) response.headers.set("ETag", fmt::format("\"{}\"", accepted.value().version));
  return response;
}

struct Exported {
  std::string bytes;
  Form form;
  int version;
};

Result<Exported> exported(const Library& library, const Request& request) {
  const std::string& id = request.params.at("id");
  const auto cast = library.cast();
  const Member* member = cast->find(id);
  if (member == nullptr) return no_character(id);
  const std::string asked = query_of(request, "format");
  Form form = member->card.spec == Spec::V2 ? Form::V2 : Form::V3;
  bool known = asked.empty();
  for (const auto& [candidate, text] : enum_names(Form{})) {
    if (text != asked || candidate == Form::Persona) continue;
    form = candidate;
    known = true;
  }
  if (!known) {
    return Error{Code::InvalidArgument, "format: must be one of v2, v3, png, charx"};
  }
  const auto version = TRY(expected_version(request));
  const std::string carrier = TRY(library.carrier(id, form));
  if (!version) return Exported{TRY(pack(member->card, form, carrier)), form, member->version};
  const std::string text = TRY(library.version(id, *version));
  const Card card = TRY(parse_card(text));
  return Exported{TRY(pack(card, form, carrier)), form, *version};
}

Response export_card(const Library& library, const Request& request) {
  auto result = exported(library, request);
  if (!result) return Response::error(result.error());
  auto& [bytes, form, version] = result.value();
  const bool json = form == Form::V2 || form == Form::V3;
  Response response;
  response.headers.set("Content-Type", json                ? "application/json"
                                       : form == Form::Png ? "image/png"
                                                           : "application/zip");
  response.headers.set("Content-Disposition",
                       fmt::format("attachment; filename=\"{}.{}\"", request.params.at("id"),
                                   json ? "json" : enum_name(form)));
  response.headers.set("ETag", fmt::format("\"{}\"", version));
  response.body = std::move(bytes);
  return response;
}

Result<Preview> preview_of(const House& house, const Request& request) {
  if (request.body.empty()) {
    return Error{Code::InvalidArgument, "the body is empty, a JSON object is expected"};
  }
  auto wanted = TRY(json::decode<PreviewRequest>(std::string_view(request.body)));
  wanted.character = request.params.at("id");
  return house.prompter.preview(*house.library.cast(), wanted);
}

// Cards as files: JSON of other programs, pictures, archives.
void install_file_routes(runtime::Doors& doors, const House& house) {
  const std::vector<runtime::Content> cards{{}, {"image/png"}, {"application/zip"}};
  const auto accepts = [&](std::string operation, const runtime::Content& gives) {
    return runtime::About{std::move(operation), {}, cards, {{200, {gives}}}};
  };
  // The card as its file is, for other programs that read character cards.
  doors.http(runtime::Get("/characters/{id}/card", "the card as its file is"), {"characters.card"},
             [house](const Request& request, const ReplyTo& reply) {
               const auto cast = house.library.cast();
               const auto& id = request.params.at("id");
               const Member* member = cast->find(id);
               reply->respond(member == nullptr ? Response::error(no_character(id))
                                                : Response::json(member->card.raw));
             });
  doors.http(runtime::Get("/characters/{id}/export", "the card as JSON, PNG or CHARX"),
             {"characters.export", {}, {}, {{200, cards}}},
             [house](const Request& request, const ReplyTo& reply) {
               reply->respond(export_card(house.library, request));
             });
  doors.http(runtime::Put("/characters/{id}", "make a card that of a character"),
             accepts("characters.put_card", runtime::json_of<AcceptedCharacter>()),
             [house](const Request& request, const ReplyTo& reply) {
               reply->respond(put_card(house, request));
             });
  doors.http(runtime::Post("/characters/import", "take a card into the cast"),
             accepts("characters.import", runtime::json_of<AcceptedCharacter>()),
             [house](const Request& request, const ReplyTo& reply) {
               reply->respond(response_of(import(house, request)));
             });
  doors.http(runtime::Post("/characters/lint", "what is odd about a card"),
             accepts("characters.lint_file", runtime::json_of<LintReport>()),
             [house](const Request& request, const ReplyTo& reply) {
               reply->respond(response_of(lint_bytes(house, request.body)));
             });
  doors.http(runtime::Post("/characters/{id}/preview", "what a model would be sent"),
             {"characters.preview_of",
              {},
              {runtime::json_of<PreviewRequest>()},
              {{200, {runtime::json_of<Preview>()}}}},
             [house](const Request& request, const ReplyTo& reply) {
               reply->respond(response_of(preview_of(house, request)));
             });
}

}  // namespace

contracts::Character profile(const Card& card, std::size_t bytes_max) {
  constexpr std::size_t kExamplesMax = 512;
  constexpr std::size_t kExampleBytesMax = 1000;
  constexpr std::size_t kSmallMembers = 1024;  // in bytes, with their names
  std::size_t room = bytes_max - std::min(bytes_max, kSmallMembers);
  const auto fitting = [&](std::vector<std::string> list) {
    std::erase_if(list, [&](const std::string& item) { return !takes_room(item, room); });
    return list;
  };
  contracts::Character result;
  result.id = card.id;
  result.name = card.name;
  result.aliases = fitting(card.aliases);
  result.color = card.color;
  result.talkativeness = card.talkativeness;
  result.hallucination_risk = card.hallucination_risk;
  result.topics = card.topics;
  std::erase_if(result.topics, [&](const auto& topic) { return !takes_room(topic.first, room); });
  result.phrases = fitting(card.voice.phrases);
  result.words = fitting(card.voice.words);
  result.sentence_words_min = card.voice.sentence_words_min;
  result.sentence_words_max = card.voice.sentence_words_max;
  result.exclaim = card.voice.exclaim;
  result.question = card.voice.question;
  for (const auto& [situation, lines] : card.lines) {
    for (const auto& line : lines) {
      // Templates are no lines that anybody says.
      std::string said = filled(line, card.scene());
      const bool whole = said.find('{') == std::string::npos && said.size() <= kExampleBytesMax;
      if (whole && result.examples.size() < kExamplesMax && takes_room(said, room)) {
        result.examples.push_back(std::move(said));
      }
    }
  }
  return result;
}

void install_routes(runtime::Doors& doors, const House& house) {
  doors.quick_method<Empty, CharacterList>(
      "characters.list", runtime::Get("/characters", "who is in the cast"),
      [house](const Empty&) -> Result<CharacterList> { return list(*house.library.cast()); });
  doors.method<PromptRequest, Prompt>(
      "characters.prompt", runtime::Post("/prompt", "the system prompt of a character"),
      [house](const PromptRequest& request) {
        return house.prompter.prompt(*house.library.cast(), request);
      });
  doors.method<PreviewRequest, Preview>(
      "characters.preview", runtime::Post("/preview", "what a model would be sent"),
      [house](const PreviewRequest& request) {
        return house.prompter.preview(*house.library.cast(), request);
      });
  doors.method<PutCharacter, AcceptedCharacter>(
      "characters.put", runtime::Post("/put", "make a card that of a character"),
      [house](const PutCharacter& request) { return put(house, request); });
  doors.method<DeleteCharacter, contracts::DeletedCharacter>(
      "characters.delete", runtime::Delete("/characters/{id}", "remove a character"),
      [house](const DeleteCharacter& request) { return remove(house, request); });
  doors.method<CharacterQuery, CharacterVersions>(
      "characters.versions", runtime::Get("/characters/{id}/versions", "the cards that are kept"),
      [house](const CharacterQuery& query) { return versions(house, query); });
  doors.method<CharacterQuery, LintReport>(
      "characters.lint", runtime::Get("/characters/{id}/lint", "what is odd about a character"),
      [house](const CharacterQuery& query) { return lint_of(house, query); });
  doors.method<LintRequest, LintReport>(
      "characters.lint_card", runtime::Post("/lint-card", "what is odd about a card"),
      [house](const LintRequest& request) { return lint_card(house, request); });
  install_file_routes(doors, house);
}

}  // namespace characters
