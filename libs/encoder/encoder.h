#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "encoder/weights.h"

// Vectors of sentences: texts that mean much the same have a product near 1, others near 0. The
// Universal Sentence Encoder in its lite form (Cer et al. 2018, arXiv:1803.11175): word pieces, two
// transformer layers of pre-normalised attention and feed-forward halves, the mean over pieces,
// a hyperbolic tangent, length 1. English. Integer arithmetic; the same on every processor up to
// rounding of the floats between the layers.
namespace encoder {

using Vector = std::array<float, kDimension>;

class Encoder {
 public:
  static constexpr std::size_t kPiecesMax = 128;  // what stands behind them is not read

  // Of the file that scripts/lib.sh makes. Errors as segment::File::open, NotFound before all.
  static Result<Encoder> open(const std::string& path);

  // Some .07 ms a piece. Thread-safe.
  Vector encode(std::string_view text) const;

 private:
  explicit Encoder(std::shared_ptr<const Weights> weights) : weights_(std::move(weights)) {}

  std::shared_ptr<const Weights> weights_;
};

// Where the file of weights lies unless a setting names another: in share/troupe beside the
// directory of the program.
std::string weights_beside_program();

// The cosine of two sentences' vectors, -1 to 1.
float similarity(const Vector& a, const Vector& b);

}  // namespace encoder
