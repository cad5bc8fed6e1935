#include "encoder/encoder.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "json/json.h"
#include "support/temp_dir.h"

namespace encoder {
namespace {

using Doubles = std::vector<double>;

constexpr std::size_t kPieces = 40;
constexpr std::size_t kRows = kPieces + 2;

// A model of random weights in TensorFlow.js's form, and the same arithmetic in double precision.
class Model {
 public:
  explicit Model(const std::string& folder) : folder_(folder) {
    const std::string stack = root + "KonaTransformer/Encode/TransformerStack/";
    draw("module/Embeddings_en", {kRows, kEmbedded}, .3);
    draw(stack + "Layer_0/AddTimingSignal/TimingSignal/ExpandDims_1", {1, kEmbedded / 2}, .5);
    draw(layer(0) + "dense/kernel" + whole, {kEmbedded, kDimension}, .06);
    draw(layer(0) + "dense/bias" + whole, {kDimension}, .1);
    for (std::size_t i = 0; i < kLayers; ++i) draw_layer(i, i == 0 ? kEmbedded : kDimension);
    draw(last + "weights", {kDimension, kDimension}, .04);
    draw(last + "bias", {kDimension}, .1);
    write();
  }

  Doubles encode(const std::vector<std::uint32_t>& pieces) const {
    std::vector<Doubles> rows;
    const auto& frequency =
        at(root +
           "KonaTransformer/Encode/TransformerStack/Layer_0/AddTimingSignal/TimingSignal/"
           "ExpandDims_1");
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      Doubles row(kEmbedded);
      for (std::size_t k = 0; k < kEmbedded; ++k) {
        row[k] = 2 * at("module/Embeddings_en")[pieces[i] * kEmbedded + k];
      }
      for (std::size_t k = 0; k < frequency.size(); ++k) {
        row[k] += std::sin(static_cast<double>(i) * frequency[k]);
        row[kEmbedded / 2 + k] += std::cos(static_cast<double>(i) * frequency[k]);
      }
      rows.push_back(row);
    }
    std::vector<Doubles> residual;
    for (const Doubles& row : rows) {
      residual.push_back(times(row, layer(0) + "dense/kernel" + whole, layer(0) + "dense/bias"));
    }
    residual = through(0, rows, residual);
    residual = through(1, residual, residual);
    Doubles mean(kDimension);
    for (const Doubles& row : residual) {
      for (std::size_t k = 0; k < kDimension; ++k) {
        mean[k] += row[k] / static_cast<double>(residual.size());
      }
    }
    Doubles out = times(mean, last + "weights", last + "bias");
    double squared = 0;
    for (double& value : out) value = std::tanh(value);
    for (const double value : out) squared += value * value;
    for (double& value : out) value /= std::sqrt(squared);
    return out;
  }

 private:
  const std::string root = "module_apply_default/Encoder_en/";
  const std::string last = "module/Encoder_en/hidden_layers/tanh_layer_0/";
  const std::string whole = "/ConcatPartitions/concat";

  static std::string layer(std::size_t i, const std::string& of = "module_apply_default") {
    return fmt::format("{}/Encoder_en/KonaTransformer/Encode/Layer_{}/TransformerLayer/", of, i);
  }
  std::string inner(std::size_t i) const {
    return fmt::format(
        "{}KonaTransformer/Encode/TransformerStack/Layer_{}/TransformerLayer/FFN/conv", root, i);
  }

  void draw_layer(std::size_t i, std::size_t width) {
    const std::string norm = "layer_prepostprocess/layer_norm/layer_norm_";
    draw(layer(i) + norm + "scale" + whole, {width}, 1);
    draw(layer(i) + norm + "bias" + whole, {width}, .1);
    draw(layer(i) + "FFN/" + norm + "scale" + whole, {kDimension}, 1);
    draw(layer(i) + "FFN/" + norm + "bias" + whole, {kDimension}, .1);
    const std::string parts = "MultiheadAttention/qkv_transform_single/";
    const std::string out = "MultiheadAttention/output_transform_single/";
    draw(layer(i, "module") + parts + "kernel/part_0", {1, 1, width, 3 * width}, .1);
    draw(layer(i) + parts + "bias" + whole, {3 * width}, .1);
    draw(layer(i, "module") + out + "kernel/part_0", {1, 1, width, kDimension}, .06);
    draw(layer(i) + out + "bias" + whole, {kDimension}, .1);
    draw(inner(i) + "1/Tensordot/Reshape_1", {kDimension, kInner}, .04);
    draw(layer(i) + "FFN/conv1/bias" + whole, {kInner}, .1);
    draw(inner(i) + "2/Tensordot/Reshape_1", {kInner, kDimension}, .03);
    draw(layer(i) + "FFN/conv2/bias" + whole, {kDimension}, .1);
  }

  void draw(const std::string& name, const std::vector<std::size_t>& shape, double deviation) {
    std::size_t count = 1;
    for (const std::size_t side : shape) count *= side;
    std::normal_distribution<double> normal(0, deviation);
    std::vector<float>& values = tensors_[name];
    for (std::size_t i = 0; i < count; ++i) values.push_back(static_cast<float>(normal(random_)));
    listed_.push_back(fmt::format(R"({{"name":{},"shape":[{}],"dtype":"float32"}})",
                                  json::quoted(name), fmt::join(shape, ",")));
    bytes_.insert(bytes_.end(), values.begin(), values.end());
  }

  // In two shards whose border is in the middle of a number.
  void write() {
    const std::string bytes(reinterpret_cast<const char*>(bytes_.data()),
                            bytes_.size() * sizeof(float));
    const std::size_t border = bytes.size() / 2 + 1;
    std::ofstream(folder_ + "/a", std::ios::binary) << bytes.substr(0, border);
    std::ofstream(folder_ + "/b", std::ios::binary) << bytes.substr(border);
    std::ofstream(folder_ + "/model.json") << fmt::format(
        R"({{"weightsManifest":[{{"paths":["a","b"],"weights":[{}]}}]}})", fmt::join(listed_, ","));
    std::string list = R"(["?",0],["",0],["",0],["",0],["",0],["",0],["▁",-9])";
    for (std::size_t i = 7; i < kPieces; ++i) {
      list += fmt::format(R"(,["{}",-{}])", static_cast<char>('a' + (i - 7) % 26), i);
    }
    std::ofstream(folder_ + "/vocab.json") << "[" << list << "]";
  }

  const std::vector<float>& at(const std::string& name) const { return tensors_.at(name); }

  Doubles times(const Doubles& row, const std::string& kernel, std::string bias) const {
    if (bias != last + "bias") bias += whole;
    const auto& weights = at(kernel);
    const auto& added = at(bias);
    Doubles out(added.begin(), added.end());
    for (std::size_t in = 0; in < row.size(); ++in) {
      for (std::size_t k = 0; k < out.size(); ++k) {
        out[k] += row[in] * static_cast<double>(weights[in * out.size() + k]);
      }
    }
    return out;
  }

  Doubles normalised(const Doubles& row, const std::string& of) const {
    const std::string norm = of + "layer_prepostprocess/layer_norm/layer_norm_";
    double mean = 0;
    double variance = 0;
    for (const double value : row) mean += value / static_cast<double>(row.size());
    for (const double value : row) {
      variance += (value - mean) * (value - mean) / static_cast<double>(row.size());
    }
    Doubles out;
    for (std::size_t k = 0; k < row.size(); ++k) {
      out.push_back((row[k] - mean) / std::sqrt(variance + 1e-6) *
                        static_cast<double>(at(norm + "scale" + whole)[k]) +
                    static_cast<double>(at(norm + "bias" + whole)[k]));
    }
    return out;
  }

  Doubles attended(const std::vector<Doubles>& parts, std::size_t i, std::size_t width) const {
    const std::size_t head = width / kHeads;
    Doubles out(width);
    for (std::size_t start = 0; start < width; start += head) {
      Doubles shares;
      double sum = 0;
      for (const Doubles& other : parts) {
        double product = 0;
        for (std::size_t k = start; k < start + head; ++k)
          product += parts[i][k] * other[width + k];
        shares.push_back(std::exp(product / std::sqrt(static_cast<double>(head))));
        sum += shares.back();
      }
      for (std::size_t j = 0; j < parts.size(); ++j) {
        for (std::size_t k = start; k < start + head; ++k) {
          out[k] += shares[j] / sum * parts[j][2 * width + k];
        }
      }
    }
    return out;
  }

  std::vector<Doubles> through(std::size_t i, const std::vector<Doubles>& input,
                               std::vector<Doubles> residual) const {
    const std::string attention = "MultiheadAttention/";
    std::vector<Doubles> parts;
    for (const Doubles& row : input) {
      parts.push_back(times(normalised(row, layer(i)),
                            layer(i, "module") + attention + "qkv_transform_single/kernel/part_0",
                            layer(i) + attention + "qkv_transform_single/bias"));
    }
    for (std::size_t n = 0; n < input.size(); ++n) {
      const Doubles seen =
          times(attended(parts, n, input[n].size()),
                layer(i, "module") + attention + "output_transform_single/kernel/part_0",
                layer(i) + attention + "output_transform_single/bias");
      for (std::size_t k = 0; k < kDimension; ++k) residual[n][k] += seen[k];
      Doubles between = times(normalised(residual[n], layer(i) + "FFN/"),
                              inner(i) + "1/Tensordot/Reshape_1", layer(i) + "FFN/conv1/bias");
      for (double& value : between) value = std::max(value, 0.0);
      const Doubles added =
          times(between, inner(i) + "2/Tensordot/Reshape_1", layer(i) + "FFN/conv2/bias");
      for (std::size_t k = 0; k < kDimension; ++k) residual[n][k] += added[k];
    }
    return residual;
  }

  const std::string folder_;
  std::mt19937 random_{7};
  std::map<std::string, std::vector<float>> tensors_;
  std::vector<std::string> listed_;
  std::vector<float> bytes_;
};

double cosine(const Doubles& a, const Vector& b) {
  double sum = 0;
  for (std::size_t k = 0; k < kDimension; ++k) sum += a[k] * static_cast<double>(b[k]);
  return sum;
}

TEST(Encoder, DoesWhatTheModelDoesInDoublePrecision) {
  const support::TempDir folder;
  const Model model(folder.path());
  const std::string file = folder.path() + "/weights";
  convert(folder.path(), file).value();
  const auto weights = Weights::open(file).value();
  const Encoder encoder = Encoder::open(file).value();
  for (const std::string text : {"a", "the fox", "zz zz"}) {
    const auto pieces = pieces_of(weights->vocabulary, text, Encoder::kPiecesMax);
    const Vector vector = encoder.encode(text);
    EXPECT_GT(cosine(model.encode(pieces), vector), .995) << text;
    EXPECT_NEAR(similarity(vector, vector), 1, 1e-4) << text;
  }
}

TEST(Encoder, AnEmptyTextHasAVectorAndALongOneIsReadToItsLimit) {
  const support::TempDir folder;
  const Model model(folder.path());
  const std::string file = folder.path() + "/weights";
  convert(folder.path(), file).value();
  const Encoder encoder = Encoder::open(file).value();
  const Vector empty = encoder.encode("");
  EXPECT_NEAR(similarity(empty, empty), 1, 1e-4);
  const std::string most(Encoder::kPiecesMax - 1, 'b');
  EXPECT_EQ(encoder.encode(most), encoder.encode(most + std::string(100'000, 'c')));
  EXPECT_NE(encoder.encode(most), encoder.encode(most.substr(1)));
}

TEST(Encoder, RefusesAModelThatLacksAPartAndAFileThatIsNoneOfIts) {
  const support::TempDir folder;
  EXPECT_EQ(Encoder::open(folder.path() + "/none").error().code, Code::NotFound);
  EXPECT_EQ(convert(folder.path(), folder.path() + "/out").error().code, Code::InvalidArgument);
  const Model model(folder.path());
  std::ofstream(folder.path() + "/b", std::ios::binary) << "short";
  const auto refused = convert(folder.path(), folder.path() + "/out");
  EXPECT_EQ(refused.error().code, Code::InvalidArgument);
  EXPECT_NE(refused.error().message.find("too short"), std::string::npos);
  EXPECT_EQ(Encoder::open(folder.path() + "/out").error().code, Code::NotFound);
}

// The real weights: scripts/test makes their file before it runs the tests.
TEST(Encoder, GivesTheProductsThatTheModelsOwnProgramGives) {
  const auto opened = Encoder::open(TROUPE_SENTENCE_WEIGHTS);
  ASSERT_TRUE(opened) << opened.error().message << ": scripts/test makes it";
  const auto product = [&](std::string_view a, std::string_view b) {
    return similarity(opened.value().encode(a), opened.value().encode(b));
  };
  EXPECT_NEAR(product("How old are you?", "What is your age?"), .846, .02);
  EXPECT_NEAR(product("I have no appetite for salad.", "I never eat greens."), .623, .02);
  EXPECT_NEAR(product("How old are you?", "The brewery closes when it snows."), .044, .02);
  EXPECT_NEAR(product("What is your age?", "I never eat greens."), .130, .02);
  const auto weights = Weights::open(TROUPE_SENTENCE_WEIGHTS).value();
  EXPECT_EQ(pieces_of(weights->vocabulary, "The brewery closes when it snows.", 128),
            (std::vector<std::uint32_t>{34, 7275, 2442, 786, 7, 96, 21, 3882, 7, 6}));
}

}  // namespace
}  // namespace encoder
