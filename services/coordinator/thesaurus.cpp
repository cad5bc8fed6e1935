#include "coordinator/thesaurus.h"

#include <algorithm>
#include <array>
#include <functional>
#include <set>
#include <unordered_map>

#include "lexical/analyser.h"

namespace coordinator {
namespace {

struct Field {
  std::string_view topics;
  std::string_view words;
};

constexpr std::array kFields{
    Field{"beer brewery", "ale lager pub pint keg hops malt brew brewing drunk hangover"},
    Field{"bar", "pub bartender tavern drinks"},
    Field{"food snack",
          "eat eating hungry dinner lunch breakfast meal cook cooking recipe chips nachos "
          "sandwich hotdog bacon fries cheese taco bbq barbecue grill buffet dessert"},
    Field{"burger pizza", "fries takeout topping pepperoni cheeseburger"},
    Field{"tv television", "series episode channel remote sitcom binge netflix"},
    Field{"football", "touchdown quarterback superbowl game team league"},
    Field{"bowling", "strike pins alley"},
    Field{"couch nap", "sofa recliner sleep sleepy tired snooze lazy pillow"},
    Field{"party", "birthday celebrate dance dj balloons"},
    Field{"fishing", "bait fish lake rod"},
    Field{"work", "boss job shift coworker office"},
    Field{"poker", "cards bluff bet casino"},
    Field{"joke", "funny pun prank laugh"},
    Field{"vacation weekend", "holiday beach trip camping"},
    Field{"car truck", "engine drive tires mechanic garage"},
    Field{"book literature novel",
          "read reading reader library author chapter page bookstore "
          "bestseller memoir classic shakespeare hemingway tolstoy proust"},
    Field{"writing",
          "write writer screenplay script essay dialogue plot draft paragraph grammar "
          "editor publisher journal prose story"},
    Field{"poetry", "poem poet verse rhyme sonnet haiku"},
    Field{"jazz music",
          "saxophone trumpet record vinyl album piano band concert song playlist "
          "coltrane miles orchestra melody"},
    Field{"martini wine",
          "gin vermouth olive cocktail vodka whiskey bottle merlot chardonnay pinot"},
    Field{"politics",
          "vote voting election president government senate democrat republican "
          "congress policy tax law mayor liberal conservative"},
    Field{"climate", "warming carbon emissions environment recycling"},
    Field{"philosophy", "meaning existence kant nietzsche ethics moral consciousness plato"},
    Field{"religion", "god church pray bible atheist faith heaven"},
    Field{"film movie", "cinema director documentary oscar actor screening"},
    Field{"dog", "puppy leash bark fetch walkies fur vet tail bone kennel"},
    Field{"coffee", "espresso latte cappuccino cafe"},
    Field{"newspaper", "headline article journalist"},
    Field{"art", "painting museum gallery sculpture painter"},
    Field{"theater", "stage broadway actor audition"},
    Field{"love", "dating girlfriend boyfriend romance crush date breakup"},
    Field{"science invention",
          "experiment laboratory lab physics chemistry laser engineer gadget "
          "prototype patent quantum atom space rocket"},
    Field{"machine robot", "device gadget contraption android circuit"},
    Field{"time", "clock future past travel"},
    Field{"domination plan world",
          "conquer takeover villain evil rule ruler empire scheme mastermind "
          "minion plot dictator supervillain"},
    Field{"king", "emperor throne crown empire kingdom prince queen royal tyrant"},
    Field{"history war", "battle army general napoleon caesar ancient century roman soldier"},
    Field{"weapon", "gun laser ray sword bomb cannon missile catapult"},
    Field{"bear toys", "teddy plush stuffed doll lego toy"},
    Field{"broccoli", "vegetable veggie greens spinach peas"},
    Field{"baby daycare", "toddler diaper crib nursery pacifier bottle preschool kindergarten nap"},
    Field{"opera musical", "aria soprano tenor broadway mozart verdi tune"},
    Field{"genius", "smart brilliant iq intelligence clever"},
    Field{"chess", "checkmate pawn rook bishop gambit"},
    Field{"tea", "teapot earl scone cup"},
};

using Index = std::unordered_map<std::string, std::vector<std::string>>;

Index indexed() {
  Index index;
  for (const Field& field : kFields) {
    const std::vector<std::string> topics = lexical::content_stems(field.topics);
    for (const std::string& word : lexical::content_stems(field.words)) {
      std::vector<std::string>& known = index[word];
      for (const std::string& topic : topics) {
        if (topic != word && std::find(known.begin(), known.end(), topic) == known.end()) {
          known.push_back(topic);
        }
      }
    }
  }
  return index;
}

std::set<std::string, std::less<>> all_topics() {
  std::set<std::string, std::less<>> all;
  for (const Field& field : kFields) {
    for (std::string& topic : lexical::content_stems(field.topics)) all.insert(std::move(topic));
  }
  return all;
}

}  // namespace

bool has_topic(std::string_view stem) {
  static const auto topics = all_topics();
  return topics.contains(stem) || !topics_of_word(stem).empty();
}

const std::vector<std::string>& topics_of_word(std::string_view stem) {
  static const Index index = indexed();
  static const std::vector<std::string> none;
  const auto found = index.find(std::string(stem));
  return found == index.end() ? none : found->second;
}

}  // namespace coordinator
