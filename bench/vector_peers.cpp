// Compiled with -O3 -march=native, as its libraries are meant to be.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "vector_engine.h"

#ifdef TROUPE_HNSWLIB
#include <hnswlib/hnswlib.h>
#endif
#ifdef TROUPE_FAISS
#include <faiss/AutoTune.h>
#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVF.h>
#include <faiss/IndexRefine.h>
#include <faiss/index_factory.h>
#include <faiss/index_io.h>
#include <omp.h>
#endif
#ifdef TROUPE_USEARCH
#include <usearch/index_dense.hpp>
#endif

namespace bench {
namespace {

constexpr int kLinks = 16;
constexpr int kBuildEffort = 200;
const std::vector<int> kBeams = {10, 16,  20,  24,  28,  32,  36,  40,  48,  56,   64,
                                 80, 100, 120, 160, 200, 280, 400, 640, 960, 1600, 3200};

#ifdef TROUPE_HNSWLIB

class Hnswlib : public Engine {
 public:
  std::string params() const override { return "M=16 efC=200"; }

  Result<void> build(const Matrix<float>& base) override {
    space_ = std::make_unique<hnswlib::InnerProductSpace>(base.columns());
    graph_ = std::make_unique<Graph>(space_.get(), base.rows(), kLinks, kBuildEffort);
    for (std::size_t row = 0; row < base.rows(); ++row) graph_->addPoint(base[row].data(), row);
    return {};
  }

  bool save(const std::string& path) override {
    graph_->saveIndex(path);
    return true;
  }

  Result<void> load(const std::string& path, const Matrix<float>& base) override {
    space_ = std::make_unique<hnswlib::InnerProductSpace>(base.columns());
    graph_ = std::make_unique<Graph>(space_.get(), path);
    return {};
  }

  std::vector<int> efforts() const override { return kBeams; }
  void tune(int effort) override { graph_->setEf(static_cast<std::size_t>(effort)); }

  // This version has no filter, but what a filter does is what a mark of deletion does: the walk
  // goes through the row, the answer leaves it out.
  bool use(const Filter& filter) override {
    for (std::size_t row = 0; row < graph_->cur_element_count; ++row) {
      const bool marked = graph_->isMarkedDeleted(static_cast<hnswlib::tableint>(row));
      if (filter.allows(row) && marked) graph_->unmarkDelete(row);
      if (!filter.allows(row) && !marked) graph_->markDelete(row);
    }
    return true;
  }

  void search(std::span<const float> query, std::span<std::int32_t> ids) override {
    auto found = graph_->searchKnn(query.data(), ids.size());  // the worst on top
    std::fill(ids.begin(), ids.end(), -1);
    for (std::size_t i = found.size(); i-- > 0; found.pop()) {
      ids[i] = static_cast<std::int32_t>(found.top().second);
    }
  }

 private:
  using Graph = hnswlib::HierarchicalNSW<float>;

  std::unique_ptr<hnswlib::InnerProductSpace> space_;
  std::unique_ptr<Graph> graph_;
};

#endif
#ifdef TROUPE_FAISS

// One of Faiss's indexes by its factory's name.
class Faiss : public Engine {
 public:
  Faiss(std::string name, std::string parameter, std::vector<int> efforts)
      : name_(std::move(name)), parameter_(std::move(parameter)), efforts_(std::move(efforts)) {}

  std::string params() const override { return name_; }

  Result<void> build(const Matrix<float>& base) override {
    omp_set_num_threads(1);
    index_.reset(faiss::index_factory(static_cast<int>(base.columns()), name_.c_str(),
                                      faiss::METRIC_INNER_PRODUCT));
    if (auto* graph = dynamic_cast<faiss::IndexHNSW*>(index_.get())) {
      graph->hnsw.efConstruction = kBuildEffort;
    }
    const auto rows = static_cast<faiss::Index::idx_t>(base.rows());
    index_->train(std::min<faiss::Index::idx_t>(rows, 50'000), base[0].data());
    index_->add(rows, base[0].data());
    return {};
  }

  bool save(const std::string& path) override {
    faiss::write_index(index_.get(), path.c_str());
    return true;
  }

  Result<void> load(const std::string& path, const Matrix<float>& /*base*/) override {
    omp_set_num_threads(1);
    index_.reset(faiss::read_index(path.c_str()));
    return {};
  }

  std::vector<int> efforts() const override { return efforts_; }
  void tune(int effort) override {
    omp_set_num_threads(1);
    if (!parameter_.empty()) {
      faiss::ParameterSpace().set_index_parameter(index_.get(), parameter_, effort);
    }
  }

  void search(std::span<const float> query, std::span<std::int32_t> ids) override {
    search_batch(query, ids);
  }

  void search_batch(std::span<const float> queries, std::span<std::int32_t> ids) override {
    const std::size_t count = ids.size() / kRecallAt;
    std::vector<float> scores(ids.size());
    std::vector<faiss::Index::idx_t> found(ids.size());
    index_->search(static_cast<faiss::Index::idx_t>(count), queries.data(), kRecallAt,
                   scores.data(), found.data());
    std::transform(found.begin(), found.end(), ids.begin(),
                   [](faiss::Index::idx_t id) { return static_cast<std::int32_t>(id); });
  }

 private:
  std::string name_;
  std::string parameter_;
  std::vector<int> efforts_;
  std::unique_ptr<faiss::Index> index_;
};

#endif
#ifdef TROUPE_USEARCH

namespace usearch = unum::usearch;

class Usearch : public Engine {
 public:
  explicit Usearch(usearch::scalar_kind_t scalar) : scalar_(scalar) {}

  std::string params() const override {
    return fmt::format("M=16 efC=200 {}",
                       scalar_ == usearch::scalar_kind_t::bf16_k ? "bf16" : "f32");
  }

  Result<void> build(const Matrix<float>& base) override {
    TRY(make(base.columns()));
    if (!index_.try_reserve({base.rows(), kThreads})) {
      return Error{Code::Overloaded, "usearch: cannot reserve"};
    }
    for (std::size_t row = 0; row < base.rows(); ++row) {
      auto result = index_.add(row, base[row].data(), 0);
      if (!result) return Error{Code::Internal, result.error.release()};
    }
    return {};
  }

  bool save(const std::string& path) override {
    return static_cast<bool>(index_.save(path.c_str()));
  }

  Result<void> load(const std::string& path, const Matrix<float>& base) override {
    TRY(make(base.columns()));
    if (!index_.load(path.c_str()) || !index_.try_reserve({base.rows(), kThreads})) {
      return Error{Code::NotFound, path + ": usearch cannot load it"};
    }
    return {};
  }

  std::vector<int> efforts() const override { return kBeams; }
  void tune(int effort) override {
    index_.change_expansion_search(static_cast<std::size_t>(effort));
  }
  bool use(const Filter& filter) override {
    filter_ = filter.words.empty() ? nullptr : &filter;
    return true;
  }

  void search(std::span<const float> query, std::span<std::int32_t> ids) override {
    std::array<std::uint64_t, kRecallAt> keys{};
    std::size_t count = 0;
    if (filter_ == nullptr) {
      count = index_.search(query.data(), ids.size()).dump_to(keys.data());
    } else {
      const auto allows = [&](std::uint64_t key) { return filter_->allows(key); };
      count = index_.filtered_search(query.data(), ids.size(), allows).dump_to(keys.data());
    }
    for (std::size_t i = 0; i < ids.size(); ++i) {
      ids[i] = i < count ? static_cast<std::int32_t>(keys[i]) : -1;
    }
  }

 private:
  static constexpr std::size_t kThreads = 2;

  Result<void> make(std::size_t dimension) {
    const usearch::metric_punned_t metric(dimension, usearch::metric_kind_t::ip_k, scalar_);
    auto made = usearch::index_dense_t::make(
        metric, usearch::index_dense_config_t(kLinks, kBuildEffort, kBeams.front()));
    if (!made) return Error{Code::Internal, made.error.release()};
    index_ = std::move(made.index);
    return {};
  }

  usearch::scalar_kind_t scalar_;
  usearch::index_dense_t index_;
  const Filter* filter_ = nullptr;
};

#endif
}  // namespace

std::vector<Candidate> peers() {
  std::vector<Candidate> found;
#ifdef TROUPE_HNSWLIB
  found.push_back({"hnswlib", [] { return std::make_unique<Hnswlib>(); }});
#endif
#ifdef TROUPE_FAISS
  const auto faiss = [&](std::string name, std::string factory, std::string parameter,
                         std::vector<int> efforts) {
    found.push_back(
        {std::move(name), [=] { return std::make_unique<Faiss>(factory, parameter, efforts); }});
  };
  faiss("faiss", "HNSW16", "efSearch", kBeams);
  faiss("faiss-ivf", "IVF1024,PQ192x4fs,RFlat", "nprobe", {1, 2, 4, 8, 16, 32, 64, 128, 256});
  faiss("faiss-flat", "Flat", "", {0});
#endif
#ifdef TROUPE_USEARCH
  const auto scalar = [&](std::string name, usearch::scalar_kind_t kind) {
    found.push_back({std::move(name), [=] { return std::make_unique<Usearch>(kind); }});
  };
  scalar("usearch", usearch::scalar_kind_t::bf16_k);
  scalar("usearch-f32", usearch::scalar_kind_t::f32_k);
#endif
  return found;
}

std::string peers_missing() {
  std::string missing;
#ifndef TROUPE_HNSWLIB
  missing += " hnswlib (Debian: libhnswlib-dev)";
#endif
#ifndef TROUPE_FAISS
  missing += " Faiss (Debian: libfaiss-dev libopenblas-dev)";
#endif
#ifndef TROUPE_USEARCH
  missing += " usearch (npm install --prefix build/peers --ignore-scripts usearch)";
#endif
  return missing;
}

}  // namespace bench
