#include "quality/voice.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "base/utf8.h"
#include "lexical/sentences.h"

namespace quality {
namespace {

// Nats for one mark; a phrase is rarely an accident, a word sometimes is.
constexpr double kPhraseNats = 3.0;
constexpr double kWordNats = 1.2;
// Nobody calls himself by name unless he introduces himself.
constexpr double kOwnNameNats = 1.5;
constexpr int kPhrasesCounted = 2;
constexpr int kWordsCounted = 3;
// Words of one line depend on each other, so their evidence counts for less than its sum.
constexpr double kWordTrust = 0.7;
constexpr double kShapeTrust = 0.25;
constexpr double kHabitTrust = 0.8;
constexpr std::size_t kSentencesTrusted = 3;  // more of them tell no more
constexpr std::size_t kExamplesForShape = 8;

int mark_tag(std::size_t character, bool phrase) {
  return static_cast<int>(character * 2 + (phrase ? 1 : 0));
}

// Whether all that a phrase is about was brought up by others.
bool quoted(const Text& line, const PhraseSet::Hit& hit, const HashSet& brought_up) {
  bool found = false;
  for (std::size_t i = hit.first; i < hit.first + hit.words; ++i) {
    if (brought_up.contains(line.words[i].stem)) {
      found = true;
    } else if (content_word(line, line.words[i])) {
      return false;
    }
  }
  return found;
}

constexpr std::string_view kIntroductions = R"(
    i am, im, the name is, my name, call me)";

bool introduction(const Text& line) {
  static const PhraseSet kSet{{0, kIntroductions}};
  return !kSet.find(line).empty();
}

// Whether a word is drawn together with an apostrophe; a possessive is not.
bool contracted(std::string_view sentence) {
  static constexpr std::array<std::string_view, 10> kEndings{
      "'t", "'m", "'re", "'ve", "'ll", "'d", "it's", "that's", "there's", "he's"};
  const std::string lower = ascii_lower(sentence);
  return std::any_of(kEndings.begin(), kEndings.end(), [&](std::string_view ending) {
    return lower.find(ending) != std::string::npos;
  });
}

}  // namespace

VoiceModel::VoiceModel(const std::vector<contracts::Character>& cast) : size_(cast.size()) {
  for (std::size_t i = 0; i < cast.size(); ++i) {
    for (const auto& phrase : cast[i].phrases) marks_.add(phrase, mark_tag(i, true));
    for (const auto& word : cast[i].words) marks_.add(word, mark_tag(i, false));
    names_.add(cast[i].name, static_cast<int>(i));
    for (const auto& alias : cast[i].aliases) names_.add(alias, static_cast<int>(i));
    shapes_.push_back(shape_of(cast[i]));
    habits_.push_back(habits_of(cast[i]));
  }
  learn_words(cast);
}

void VoiceModel::learn_words(const std::vector<contracts::Character>& cast) {
  std::unordered_map<std::uint64_t, std::vector<double>> counts;
  std::vector<double> totals(size_, 0.0);
  double all = 0;
  for (std::size_t i = 0; i < size_; ++i) {
    const auto learn = [&](const std::string& text) {
      for (const Word& word : read_text(text).words) {
        auto& row = counts[word.stem];
        row.resize(size_, 0.0);
        row[i] += 1;
        totals[i] += 1;
        all += 1;
      }
    };
    for (const auto& example : cast[i].examples) learn(example);
    for (const auto& phrase : cast[i].phrases) learn(phrase);
    for (const auto& word : cast[i].words) learn(word);
  }
  // The prior weighs as much as a character's average text, so that short cards are not punished.
  const double prior = std::max(1.0, all / static_cast<double>(std::max<std::size_t>(size_, 1)));
  for (const double total : totals) unused_.push_back(std::log(prior / (total + prior)));
  for (const auto& [hash, row] : counts) {
    double common = 0;
    for (const double count : row) common += count;
    common /= all;
    for (std::size_t i = 0; i < size_; ++i) {
      if (row[i] > 0) gains_[hash].push_back({i, std::log1p(row[i] / (prior * common))});
    }
  }
}

VoiceModel::Features VoiceModel::features(const Text& line,
                                          const std::vector<std::string_view>& sentences) {
  double letters = 0;
  for (const Word& word : line.words) letters += static_cast<double>(word.end - word.start);
  double exclaims = 0;
  double questions = 0;
  for (const std::string_view sentence : sentences) {
    const std::string_view tail =
        sentence.substr(sentence.size() - std::min<std::size_t>(3, sentence.size()));
    if (tail.find('!') != std::string_view::npos) exclaims += 1;
    if (tail.find('?') != std::string_view::npos) questions += 1;
  }
  const double words = std::max(1.0, static_cast<double>(line.words.size()));
  const double count = std::max(1.0, static_cast<double>(sentences.size()));
  return {letters / words, std::log2(words / count), exclaims / count, questions / count};
}

VoiceModel::Shape VoiceModel::shape_of(const contracts::Character& character) {
  constexpr Features kDeviationMin{0.5, 0.6, 0.3, 0.3};
  const double shortest = std::log2(std::max(1, character.sentence_words_min));
  const double longest = std::log2(std::max(1, character.sentence_words_max));
  Shape shape{{4.1, (shortest + longest) / 2, character.exclaim, character.question},
              {0.8, std::max(0.6, (longest - shortest) / 3), 0.45, 0.45}};
  if (character.examples.size() < kExamplesForShape) return shape;
  Features sum{};
  Features squares{};
  for (const auto& example : character.examples) {
    const Features sample = features(read_text(example), lexical::sentences(example));
    for (std::size_t f = 0; f < kFeatures; ++f) {
      sum[f] += sample[f];
      squares[f] += sample[f] * sample[f];
    }
  }
  const auto n = static_cast<double>(character.examples.size());
  for (std::size_t f = 0; f < kFeatures; ++f) {
    shape.mean[f] = sum[f] / n;
    const double variance = squares[f] / n - shape.mean[f] * shape.mean[f];
    shape.deviation[f] = std::max(kDeviationMin[f], std::sqrt(std::max(0.0, variance)));
  }
  return shape;
}

VoiceModel::Habits VoiceModel::habits(const std::vector<std::string_view>& sentences) {
  constexpr std::size_t kTail = 3;
  Habits count{};
  for (const std::string_view sentence : sentences) {
    const std::string_view tail =
        sentence.substr(sentence.size() - std::min(kTail, sentence.size()));
    count[0] += tail.find('!') != std::string_view::npos ? 1 : 0;
    count[1] += tail.find('?') != std::string_view::npos ? 1 : 0;
    count[2] += contracted(sentence) ? 1 : 0;
  }
  return count;
}

VoiceModel::Habits VoiceModel::habits_of(const contracts::Character& character) {
  // As if a few sentences had been heard that do as the card says.
  constexpr double kPrior = 4;
  Habits shares{kPrior * character.exclaim, kPrior * character.question, kPrior * 0.3};
  double all = kPrior;
  for (const auto& example : character.examples) {
    const auto sentences = lexical::sentences(example);
    const Habits count = habits(sentences);
    for (std::size_t h = 0; h < kHabits; ++h) shares[h] += count[h];
    all += static_cast<double>(sentences.size());
  }
  for (double& share : shares) share = std::clamp(share / all, 0.02, 0.98);
  return shares;
}

std::vector<Marks> VoiceModel::marks(const Text& line, const HashSet& brought_up) const {
  std::vector<Marks> all(size_);
  for (const PhraseSet::Hit& hit : marks_.find(line)) {
    if (quoted(line, hit, brought_up)) continue;
    Marks& marks = all[static_cast<std::size_t>(hit.tag) / 2];
    (hit.tag % 2 == 1 ? marks.phrases : marks.words) += 1;
  }
  return all;
}

Voice VoiceModel::listen(const Text& line, const std::vector<std::string_view>& sentences,
                         const HashSet& brought_up) const {
  Voice voice{std::vector<double>(size_, 0.0), marks(line, brought_up),
              std::vector<double>(size_, 0.0)};
  if (size_ == 0) return voice;
  for (const Word& word : line.words) {
    const auto found = gains_.find(word.stem);
    if (found == gains_.end() || brought_up.contains(word.stem)) continue;
    for (std::size_t i = 0; i < size_; ++i) voice.scores[i] += kWordTrust * unused_[i];
    for (const Weight& weight : found->second) {
      voice.scores[weight.character] += kWordTrust * weight.gain;
    }
  }
  if (!introduction(line)) {
    for (const PhraseSet::Hit& hit : names_.find(line)) {
      voice.scores[static_cast<std::size_t>(hit.tag)] -= kOwnNameNats;
    }
  }
  const Features sample = features(line, sentences);
  const Habits done = habits(sentences);
  const double count = static_cast<double>(std::max<std::size_t>(1, sentences.size()));
  const double trust = kHabitTrust * std::min(1.0, kSentencesTrusted / count);
  for (std::size_t i = 0; i < size_; ++i) {
    for (std::size_t h = 0; h < kHabits; ++h) {
      voice.scores[i] += trust * (done[h] * std::log(habits_[i][h]) +
                                  (count - done[h]) * std::log(1 - habits_[i][h]));
    }
    double distance = 0;
    double nats = 0;
    for (std::size_t f = 0; f < kFeatures; ++f) {
      const double z = (sample[f] - shapes_[i].mean[f]) / shapes_[i].deviation[f];
      const double squared = std::min(9.0, z * z);
      distance += squared;
      // The other features are habits, counted above.
      if (f < 2) nats -= squared / 2 + std::log(shapes_[i].deviation[f]);
    }
    voice.shape_fits[i] = std::exp(-distance / (2 * kFeatures));
    voice.scores[i] += kShapeTrust * nats;
    voice.scores[i] += kPhraseNats * std::min(voice.marks[i].phrases, kPhrasesCounted);
    voice.scores[i] += kWordNats * std::min(voice.marks[i].words, kWordsCounted);
  }
  const double best = *std::max_element(voice.scores.begin(), voice.scores.end());
  double sum = 0;
  for (double& score : voice.scores) sum += score = std::exp(score - best);
  for (double& score : voice.scores) score /= sum;
  return voice;
}

}  // namespace quality
