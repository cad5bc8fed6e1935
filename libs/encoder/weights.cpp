#include "encoder/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "json/json.h"
#include "segment/writer.h"

namespace encoder {
namespace {

using vector::Factor;

constexpr segment::Identity kIdentity{segment::kind("senc"), 1};
constexpr const char* kRoot = "module_apply_default/Encoder_en/";
constexpr const char* kModule = "module/Encoder_en/";

std::string layer_name(std::size_t layer, std::string_view part) {
  return fmt::format("layer{}.{}", layer, part);
}

// --- Reading the file.

class Blocks {
 public:
  explicit Blocks(const segment::File& file) : file_(file) {}

  Result<std::span<const float>> floats(const std::string& name, std::size_t count) const {
    const auto values = TRY(file_.array<float>(name));
    if (values.size() != count) return misshapen(name);
    return values;
  }

  // `outputs` 0: as many as there are.
  Result<Matrix> matrix(const std::string& name, std::size_t inputs, std::size_t outputs) const {
    const auto codes = TRY(file_.array<std::uint8_t>(name + ".codes"));
    const auto factors = TRY(file_.array<Factor>(name + ".factors"));
    if (factors.empty() || codes.size() != factors.size() * inputs) return misshapen(name);
    if (outputs != 0 && factors.size() != outputs) return misshapen(name);
    return Matrix{{codes.data(), inputs, factors.data()}, inputs, factors.size()};
  }

  Result<Norm> norm(const std::string& name, std::size_t width) const {
    Norm norm;
    norm.scale = TRY(floats(name + ".scale", width));
    norm.bias = TRY(floats(name + ".bias", width));
    return norm;
  }

  Result<Vocabulary> vocabulary(std::size_t pieces) const {
    const auto text = TRY(file_.array<char>("pieces.text"));
    Vocabulary out;
    out.text = {text.data(), text.size()};
    out.ends = TRY(file_.array<std::uint32_t>("pieces.ends"));
    out.ids = TRY(file_.array<std::uint32_t>("pieces.ids"));
    out.scores = TRY(file_.array<float>("pieces.scores"));
    const bool fits =
        out.ids.size() == out.size() && out.scores.size() == out.size() &&
        std::is_sorted(out.ends.begin(), out.ends.end()) &&
        (out.ends.empty() ? text.empty() : out.ends.back() == text.size()) &&
        std::all_of(out.ids.begin(), out.ids.end(), [&](std::uint32_t id) { return id < pieces; });
    if (!fits) return misshapen("pieces");
    return out;
  }

 private:
  Error misshapen(std::string_view name) const {
    return Error(Code::DataLoss, fmt::format("{} has another shape of {}", file_.path(), name));
  }

  const segment::File& file_;
};

// --- Making it.

Result<std::string> file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error(Code::InvalidArgument, fmt::format("cannot read {}", path));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// The tensors of a TensorFlow.js model, by their names.
class Tensors {
 public:
  static Result<Tensors> read(const std::string& folder) {
    const std::string model = TRY(file_text(folder + "/model.json"));
    const auto document = TRY(json::Document::parse(model));
    Tensors tensors;
    const auto groups = document.root().find("weightsManifest");
    for (std::size_t g = 0; groups && g < groups->size(); ++g) {
      TRY(tensors.read_group(folder, groups->at(g)));
    }
    return tensors;
  }

  Result<std::vector<float>> floats(const std::string& name, std::size_t count) const {
    const auto found = places_.find(name);
    if (found == places_.end() || found->second.second != count) {
      return Error(Code::InvalidArgument,
                   fmt::format("the model has no {} of {} floats", name, count));
    }
    std::vector<float> values(count);
    std::memcpy(values.data(), bytes_.data() + found->second.first, count * sizeof(float));
    return values;
  }

 private:
  Result<void> read_group(const std::string& folder, json::Value group) {
    std::size_t at = bytes_.size();
    const auto paths = group.find("paths");
    for (std::size_t i = 0; paths && i < paths->size(); ++i) {
      bytes_ += TRY(file_text(folder + "/" + std::string(paths->at(i).string())));
    }
    const auto weights = group.find("weights");
    for (std::size_t i = 0; weights && i < weights->size(); ++i) {
      const json::Value weight = weights->at(i);
      const std::string_view type = weight.text_or("dtype", "");
      if ((type != "float32" && type != "int32") || weight.find("quantization")) {
        return Error(Code::InvalidArgument, "the model has tensors that are not of 4 bytes");
      }
      std::size_t count = 1;
      const auto shape = weight.find("shape");
      for (std::size_t d = 0; shape && d < shape->size(); ++d) {
        count *= static_cast<std::size_t>(std::max<std::int64_t>(shape->at(d).integer(), 0));
      }
      if (count > (bytes_.size() - at) / 4) {
        return Error(Code::InvalidArgument, "the model's shards are too short");
      }
      places_[std::string(weight.text_or("name", ""))] = {at, count};
      at += 4 * count;
    }
    return {};
  }

  std::string bytes_;
  std::map<std::string, std::pair<std::size_t, std::size_t>> places_;  // offset, elements
};

class Converter {
 public:
  Converter(const Tensors& tensors, segment::Writer& writer) : tensors_(tensors), writer_(writer) {}

  Result<void> convert() {
    const std::string stack = std::string(kRoot) + "KonaTransformer/Encode/TransformerStack/";
    TRY(vector("frequencies", stack + "Layer_0/AddTimingSignal/TimingSignal/ExpandDims_1",
               kEmbedded / 2));
    TRY(matrix("widen", layer(0) + "dense/kernel" + kWhole, layer(0) + "dense/bias" + kWhole,
               kEmbedded, kDimension));
    for (std::size_t i = 0; i < kLayers; ++i)
      TRY(convert_layer(i, i == 0 ? kEmbedded : kDimension));
    const std::string last = std::string(kModule) + "hidden_layers/tanh_layer_0/";
    return matrix("last", last + "weights", last + "bias", kDimension, kDimension);
  }

  Result<void> convert_vocabulary(json::Value list) {
    std::vector<std::pair<std::string, std::size_t>> pieces;
    for (std::size_t i = kReserved; i < list.size(); ++i) {
      pieces.emplace_back(list.at(i).at(0).string(), i);
    }
    std::sort(pieces.begin(), pieces.end());
    std::string text;
    std::vector<std::uint32_t> ends, ids;
    std::vector<float> scores;
    for (const auto& [piece, id] : pieces) {
      text += piece;
      ends.push_back(static_cast<std::uint32_t>(text.size()));
      ids.push_back(static_cast<std::uint32_t>(id));
      scores.push_back(static_cast<float>(list.at(id).at(1).number()));
    }
    TRY(writer_.add("pieces.text", std::span<const char>(text)));
    TRY(add("pieces.ends", ends));
    TRY(add("pieces.ids", ids));
    TRY(add("pieces.scores", scores));
    const auto rows =
        TRY(tensors_.floats("module/Embeddings_en", (list.size() + kSpare) * kEmbedded));
    return add_rows("pieces", rows, kEmbedded, std::vector<float>(rows.size() / kEmbedded));
  }

 private:
  static constexpr std::size_t kReserved = 6;  // ids that stand for no text
  static constexpr std::size_t kSpare = 2;     // rows beyond the vocabulary
  static constexpr const char* kWhole = "/ConcatPartitions/concat";

  static std::string layer(std::size_t i, std::string_view root = kRoot) {
    return fmt::format("{}KonaTransformer/Encode/Layer_{}/TransformerLayer/", root, i);
  }

  Result<void> convert_layer(std::size_t i, std::size_t width) {
    const std::string from = layer(i);
    const std::string attention = "MultiheadAttention/";
    const std::string kernels = layer(i, kModule) + attention;
    const std::string inner = fmt::format(
        "{}KonaTransformer/Encode/TransformerStack/Layer_{}/TransformerLayer/FFN/", kRoot, i);
    TRY(norm(layer_name(i, "before_attention"), from, width));
    TRY(matrix(layer_name(i, "attention_in"), kernels + "qkv_transform_single/kernel/part_0",
               from + attention + "qkv_transform_single/bias" + kWhole, width, 3 * width));
    TRY(matrix(layer_name(i, "attention_out"), kernels + "output_transform_single/kernel/part_0",
               from + attention + "output_transform_single/bias" + kWhole, width, kDimension));
    TRY(norm(layer_name(i, "before_inner"), from + "FFN/", kDimension));
    TRY(matrix(layer_name(i, "inner_in"), inner + "conv1/Tensordot/Reshape_1",
               from + "FFN/conv1/bias" + kWhole, kDimension, kInner));
    return matrix(layer_name(i, "inner_out"), inner + "conv2/Tensordot/Reshape_1",
                  from + "FFN/conv2/bias" + kWhole, kInner, kDimension);
  }

  Result<void> norm(const std::string& name, const std::string& from, std::size_t width) {
    const std::string norm = from + "layer_prepostprocess/layer_norm/layer_norm_";
    TRY(vector(name + ".scale", norm + "scale" + kWhole, width));
    return vector(name + ".bias", norm + "bias" + kWhole, width);
  }

  Result<void> vector(const std::string& name, const std::string& from, std::size_t width) {
    const auto values = TRY(tensors_.floats(from, width));
    return add(name, values);
  }

  // TensorFlow has a row an input.
  Result<void> matrix(const std::string& name, const std::string& from, const std::string& bias,
                      std::size_t inputs, std::size_t outputs) {
    const auto values = TRY(tensors_.floats(from, inputs * outputs));
    std::vector<float> turned(values.size());
    for (std::size_t in = 0; in < inputs; ++in) {
      for (std::size_t out = 0; out < outputs; ++out) {
        turned[out * inputs + in] = values[in * outputs + out];
      }
    }
    const auto biases = TRY(tensors_.floats(bias, outputs));
    return add_rows(name, turned, inputs, biases);
  }

  Result<void> add_rows(const std::string& name, const std::vector<float>& values,
                        std::size_t width, const std::vector<float>& bias) {
    std::vector<std::uint8_t> codes(values.size());
    std::vector<Factor> factors;
    for (std::size_t row = 0; row < bias.size(); ++row) {
      const float* in = values.data() + row * width;
      float largest = 0;
      for (std::size_t i = 0; i < width; ++i) largest = std::max(largest, std::abs(in[i]));
      const float inverse = largest == 0 ? 0 : 127 / largest;
      for (std::size_t i = 0; i < width; ++i) {
        codes[row * width + i] = static_cast<std::uint8_t>(std::lrint(in[i] * inverse) + 128);
      }
      factors.push_back({largest / 127, bias[row]});
    }
    TRY(add(name + ".codes", codes));
    return add(name + ".factors", factors);
  }

  template <class T>
  Result<void> add(const std::string& name, const std::vector<T>& values) {
    return writer_.add(name, std::span<const T>(values));
  }

  const Tensors& tensors_;
  segment::Writer& writer_;
};

}  // namespace

Result<std::shared_ptr<const Weights>> Weights::open(const std::string& path) {
  auto file = TRY(segment::File::open(path, kIdentity));
  std::shared_ptr<Weights> weights(new Weights(std::move(file)));
  TRY(weights->read());
  return std::shared_ptr<const Weights>(std::move(weights));
}

Result<void> Weights::read() {
  const Blocks blocks(*file_);
  pieces = TRY(blocks.matrix("pieces", kEmbedded, 0));
  vocabulary = TRY(blocks.vocabulary(pieces.outputs));
  frequencies = TRY(blocks.floats("frequencies", kEmbedded / 2));
  widen = TRY(blocks.matrix("widen", kEmbedded, kDimension));
  for (std::size_t i = 0; i < kLayers; ++i) {
    const std::size_t width = i == 0 ? kEmbedded : kDimension;
    LayerWeights& layer = layers[i];
    layer.before_attention = TRY(blocks.norm(layer_name(i, "before_attention"), width));
    layer.attention_in = TRY(blocks.matrix(layer_name(i, "attention_in"), width, 3 * width));
    layer.attention_out = TRY(blocks.matrix(layer_name(i, "attention_out"), width, kDimension));
    layer.before_inner = TRY(blocks.norm(layer_name(i, "before_inner"), kDimension));
    layer.inner_in = TRY(blocks.matrix(layer_name(i, "inner_in"), kDimension, kInner));
    layer.inner_out = TRY(blocks.matrix(layer_name(i, "inner_out"), kInner, kDimension));
  }
  last = TRY(blocks.matrix("last", kDimension, kDimension));
  return {};
}

Result<void> convert(const std::string& folder, const std::string& path) {
  const Tensors tensors = TRY(Tensors::read(folder));
  const std::string list = TRY(file_text(folder + "/vocab.json"));
  const auto pieces = TRY(json::Document::parse(list));
  const auto writer = TRY(segment::Writer::create(path, kIdentity));
  Converter converter(tensors, *writer);
  TRY(converter.convert_vocabulary(pieces.root()));
  TRY(converter.convert());
  return writer->finish();
}

}  // namespace encoder
