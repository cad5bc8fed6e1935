#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "encoder/pieces.h"
#include "segment/file.h"
#include "vector/kernels.h"

// The weights of the sentence encoder, as one file that processes share: matrices as bytes with a
// scale for each row, in the layout of libs/vector, whose kernels multiply by them. 7 MB for what
// is 28 MB of floats.
namespace encoder {

inline constexpr std::size_t kDimension = 512;
inline constexpr std::size_t kEmbedded = 256;  // of a piece, before the first layer
inline constexpr std::size_t kInner = 1536;    // of the feed-forward halves of both layers
inline constexpr std::size_t kLayers = 2;
inline constexpr std::size_t kHeads = 4;

// y = W x + b: a row an output, its bias in the factor.
struct Matrix {
  vector::CodeRows rows;
  std::size_t inputs = 0;
  std::size_t outputs = 0;
};

struct Norm {
  std::span<const float> scale;
  std::span<const float> bias;
};

struct LayerWeights {
  Norm before_attention, before_inner;
  Matrix attention_in;   // queries, keys and values, each as wide as the layer's input
  Matrix attention_out;  // to kDimension
  Matrix inner_in, inner_out;
};

class Weights {
 public:
  // Errors as segment::File::open; DataLoss when a block has another shape.
  static Result<std::shared_ptr<const Weights>> open(const std::string& path);

  Vocabulary vocabulary;
  Matrix pieces;                       // a row a piece; its bias is 0
  std::span<const float> frequencies;  // of the sines that tell where a piece stands
  Matrix widen;                        // the first layer's input for its residual, to kDimension
  std::array<LayerWeights, kLayers> layers;
  Matrix last;  // before the hyperbolic tangent

 private:
  explicit Weights(std::shared_ptr<segment::File> file) : file_(std::move(file)) {}
  Result<void> read();

  std::shared_ptr<segment::File> file_;
};

// Writes `path` from a folder with the Universal Sentence Encoder lite as TensorFlow.js has it:
// model.json, vocab.json and the shards that the former names. InvalidArgument says what of it is
// missing or has another shape.
Result<void> convert(const std::string& folder, const std::string& path);

}  // namespace encoder
