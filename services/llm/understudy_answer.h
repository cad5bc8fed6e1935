#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "llm/understudy_scene.h"
#include "llm/understudy_words.h"

// Finds the sentences of the knowledge that answer a question or touch a subject. It would rather
// find nothing than something else: every head word of a question must be met by a sentence.
namespace llm::understudy {

// What a sentence is about, seen from the character.
enum class Subject { Self, SelfsPerson, SelfsWoman, Other, Unclear };

struct Fact {
  std::string_view text;
  Subject subject = Subject::Other;
  std::string_view subject_name;  // of an Other whose sentence begins with a pronoun
  bool related = false;           // mentions the character, or a person of his
  bool leans = false;             // begins with a pronoun that only the sentence before explains
  std::size_t previous = 0;       // that sentence
  std::size_t words = 0;
  std::vector<std::uint64_t> places;  // that it names
  bool age = false;                   // tells an age
  bool of_self = false;               // begins with the character, not with a thing of his
  bool view = false;                  // what he thinks, not what is
  std::size_t has_at = 0;             // where among what is said a verb of having stands, or 0
  unsigned sorts = 0;                 // of all its words
  unsigned kinds = 0;                 // of answers that it tells: understudy_kinds.h
  std::vector<std::uint64_t> named;   // its capitalised words but the first
  bool names = false;                 // somebody besides the character
  std::vector<std::pair<std::uint64_t, double>> said;  // meanings, and how directly they are said
  std::vector<std::uint64_t> named_things;  // whose names it tells: of "my cousin Bob" the cousin
  std::uint64_t introduces = 0;             // "... is Rupert, a teddy bear"
  std::vector<std::uint64_t> counted;       // stand close behind a number
  std::size_t own_said = 0;                 // of these stand in the sentence itself, in its order
  std::size_t favourite = 0;                // where among them behind "favourite", or 0,
  std::size_t favourite_end = 0;            // and where its noun ends: "favourite football team is"
};

enum class Expect { Anything, Name, Place, Time, Count, Age, Content, Reason };

struct Question {
  std::vector<std::uint64_t> heads;    // each must be met
  std::vector<std::uint64_t> softs;    // help
  std::vector<std::uint64_t> context;  // what a follow-up goes on about
  Expect expect = Expect::Anything;
  bool to_self = false;                // asks about the character
  bool to_asker = false;               // asks about the one who asks
  bool favourite = false;              // "what is your favourite ...?"
  bool likes = false;                  // "which ... do you like best?"
  bool leans = false;                  // "and what does it cost?"
  bool open = false;                   // "tell me something"
  bool has = false;                    // "what car do you have?"
  bool job = false;                    // asks for his work and nothing else
  std::uint64_t counted = 0;           // "how many records ...?"
  std::vector<std::uint64_t> subject;  // of the own line before: what "it" likely means
  std::uint64_t whom = 0;              // "who is Lois?": the name's meaning
};

// The questions in the line to answer, at most two: "how old are you and where were you born?".
std::vector<std::string_view> questions_in(std::string_view line);

// What `asked`, a part of the line, asks, with what a follow-up needs of the lines before.
Question read_question(const Scene& scene, std::string_view asked);

struct Match {
  std::size_t fact = 0;
  double score = 0;
};

// All sentences that the character knows, read once a draft. Views into the scene's messages.
class Knowledge {
 public:
  explicit Knowledge(const Scene& scene);

  const std::vector<Fact>& facts() const { return facts_; }
  bool female() const { return female_; }

  // Confident answers, best first, at most eight (any, when
  // the question is open).
  std::vector<Match> answers(const Question& question) const;
  // Sentences about the character that speak of some of `things`, best first, at most eight.
  std::vector<Match> related(const std::vector<std::uint64_t>& things) const;
  // Whether any sentence says a word of that meaning.
  bool knows(std::uint64_t asked) const;

 private:
  void read_passage(const Scene& scene, const Passage& passage);
  void note_persons(const std::vector<Token>& tokens);
  void settle_subject(const Scene& scene, Fact& fact, const std::vector<Token>& tokens) const;
  void link_persons();
  void borrow_from_before();
  // One asked meaning and its weight.
  struct Asked {
    std::uint64_t meaning;
    double weight;
    bool head;
    bool context;
  };
  std::optional<double> score(const Fact& fact, const Question& question,
                              const std::vector<Asked>& asked) const;
  double rarity(std::uint64_t asked) const;

  std::vector<Fact> facts_;
  std::unordered_set<std::uint64_t> known_;  // hashes of the texts: overlapping chunks repeat them
  std::vector<std::pair<std::uint64_t, std::uint64_t>> persons_;  // name, what he is: Lois, wife
  bool female_ = false;
};

// The sentence as one line: no list marks, no line breaks, no emphasis.
std::string cleaned(std::string_view sentence);

}  // namespace llm::understudy
