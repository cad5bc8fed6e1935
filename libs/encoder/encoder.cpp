#include "encoder/encoder.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "vector/kernels.h"

namespace encoder {
namespace {

constexpr float kNormEpsilon = 1e-6F;
constexpr float kLengthMin = 1e-12F;
constexpr float kRounding = 12582912;

// A row of floats for each piece of the text.
class Rows {
 public:
  Rows(std::size_t count, std::size_t width)
      : count_(count), width_(width), values_(count * width) {}

  std::size_t count() const { return count_; }
  std::size_t width() const { return width_; }
  float* row(std::size_t i) { return values_.data() + i * width_; }
  const float* row(std::size_t i) const { return values_.data() + i * width_; }
  float* data() { return values_.data(); }

  void add(const Rows& other) {
    for (std::size_t i = 0; i < values_.size(); ++i) values_[i] += other.values_[i];
  }
  void keep_positive() {
    for (float& value : values_) value = std::max(value, 0.0F);
  }

 private:
  std::size_t count_;
  std::size_t width_;
  std::vector<float> values_;
};

// Rows as signed bytes, each with a scale of its own: queries for libs/vector.
class Coded {
 public:
  explicit Coded(const Rows& rows) : codes_(rows.count() * rows.width()) {
    for (std::size_t i = 0; i < rows.count(); ++i) {
      queries_.push_back(coded(rows.row(i), rows.width(), codes_.data() + i * rows.width()));
    }
  }

  Rows times(const Matrix& matrix) const {
    Rows out(queries_.size(), matrix.outputs);
    vector::kernels().score_i8_batch(queries_.data(), queries_.size(), matrix.rows, 0,
                                     matrix.outputs, out.data());
    return out;
  }

 private:
  static vector::CodeQuery coded(const float* values, std::size_t n, std::int8_t* codes) {
    float largest = 0;
    for (std::size_t i = 0; i < n; ++i) largest = std::max(largest, std::abs(values[i]));
    const float inverse = largest == 0 ? 0 : 127 / largest;
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
      // Adding and taking away 1.5 * 2^23 rounds, in a loop that the compiler can vectorise.
      codes[i] = static_cast<std::int8_t>((values[i] * inverse + kRounding) - kRounding);
      sum += codes[i];
    }
    // Bytes of a row are stored 128 above their value.
    return {codes, largest / 127 / 2, 0, 256 * sum};
  }

  std::vector<std::int8_t> codes_;
  std::vector<vector::CodeQuery> queries_;
};

Rows normalised(const Rows& rows, const Norm& norm) {
  Rows out(rows.count(), rows.width());
  const auto width = static_cast<float>(rows.width());
  for (std::size_t i = 0; i < rows.count(); ++i) {
    const float* in = rows.row(i);
    float mean = 0;
    for (std::size_t k = 0; k < rows.width(); ++k) mean += in[k];
    mean /= width;
    float variance = 0;
    for (std::size_t k = 0; k < rows.width(); ++k) variance += (in[k] - mean) * (in[k] - mean);
    const float scale = 1 / std::sqrt(variance / width + kNormEpsilon);
    for (std::size_t k = 0; k < rows.width(); ++k) {
      out.row(i)[k] = (in[k] - mean) * scale * norm.scale[k] + norm.bias[k];
    }
  }
  return out;
}

void softmax(std::vector<float>& values) {
  const float most = *std::max_element(values.begin(), values.end());
  float sum = 0;
  for (float& value : values) sum += value = std::exp(value - most);
  for (float& value : values) value /= sum;
}

// Of rows that hold a piece's query, key and value, `width` each.
Rows attended(const Rows& parts, std::size_t width) {
  const std::size_t head = width / kHeads;
  const float scale = 1 / std::sqrt(static_cast<float>(head));
  Rows out(parts.count(), width);
  std::vector<float> shares(parts.count());
  for (std::size_t at = 0; at < width; at += head) {
    for (std::size_t i = 0; i < parts.count(); ++i) {
      for (std::size_t j = 0; j < parts.count(); ++j) {
        const float* key = parts.row(j) + width + at;
        shares[j] = scale * vector::kernels().dot_f32(parts.row(i) + at, key, head);
      }
      softmax(shares);
      float* sum = out.row(i) + at;
      for (std::size_t j = 0; j < parts.count(); ++j) {
        const float* value = parts.row(j) + 2 * width + at;
        for (std::size_t k = 0; k < head; ++k) sum[k] += shares[j] * value[k];
      }
    }
  }
  return out;
}

// The pieces' vectors, twice, and where they stand: sines and cosines of their places.
Rows embedded(const Weights& weights, const std::vector<std::uint32_t>& pieces) {
  Rows out(pieces.size(), kEmbedded);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const std::size_t piece = std::min<std::size_t>(pieces[i], weights.pieces.outputs - 1);
    const std::uint8_t* codes = weights.pieces.rows.codes + piece * weights.pieces.rows.stride;
    const float scale = 2 * weights.pieces.rows.factors[piece].scale;
    for (std::size_t k = 0; k < kEmbedded; ++k) {
      out.row(i)[k] = scale * static_cast<float>(static_cast<int>(codes[k]) - 128);
    }
    for (std::size_t k = 0; k < weights.frequencies.size(); ++k) {
      const float angle = static_cast<float>(i) * weights.frequencies[k];
      out.row(i)[k] += std::sin(angle);
      out.row(i)[kEmbedded / 2 + k] += std::cos(angle);
    }
  }
  return out;
}

// `residual` is what the layer adds to: its input, as wide as its output.
Rows through(const LayerWeights& layer, const Rows& input, Rows residual) {
  const Rows parts = Coded(normalised(input, layer.before_attention)).times(layer.attention_in);
  residual.add(Coded(attended(parts, input.width())).times(layer.attention_out));
  Rows inner = Coded(normalised(residual, layer.before_inner)).times(layer.inner_in);
  inner.keep_positive();
  residual.add(Coded(inner).times(layer.inner_out));
  return residual;
}

}  // namespace

Result<Encoder> Encoder::open(const std::string& path) { return Encoder(TRY(Weights::open(path))); }

Vector Encoder::encode(std::string_view text) const {
  const Rows words = embedded(*weights_, pieces_of(weights_->vocabulary, text, kPiecesMax));
  const Rows first = through(weights_->layers[0], words, Coded(words).times(weights_->widen));
  const Rows second = through(weights_->layers[1], first, first);
  Rows mean(1, kDimension);
  for (std::size_t i = 0; i < second.count(); ++i) {
    for (std::size_t k = 0; k < kDimension; ++k) {
      mean.row(0)[k] += second.row(i)[k] / static_cast<float>(second.count());
    }
  }
  const Rows last = Coded(mean).times(weights_->last);
  Vector vector;
  float squared = 0;
  for (std::size_t k = 0; k < kDimension; ++k) {
    vector[k] = std::tanh(last.row(0)[k]);
    squared += vector[k] * vector[k];
  }
  const float scale = 1 / std::sqrt(std::max(squared, kLengthMin));
  for (float& value : vector) value *= scale;
  return vector;
}

std::string weights_beside_program() {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  return (program.parent_path().parent_path() / "share/troupe/sentences.weights").string();
}

float similarity(const Vector& a, const Vector& b) {
  return vector::kernels().dot_f32(a.data(), b.data(), kDimension);
}

}  // namespace encoder
