#include "runtime/runtime.h"
#include "tuning/config.h"
#include "tuning/learner.h"
#include "tuning/routes.h"
#include "tuning/upkeep.h"

namespace {

Result<void> serve(runtime::Process& process, const tuning::Config& config) {
  const std::string folder = TRY(process.data_dir());
  auto options = TRY(tuning::Learner::options_of(config, folder + "/outcomes.db"));
  const auto learner = TRY(tuning::Learner::open(std::move(options)));
  const tuning::Upkeep upkeep(*learner);
  tuning::install_routes(process.doors(), *learner, process.metrics());
  return process.run();
}

}  // namespace

int main(int argc, char** argv) {
  return runtime::main<tuning::Config>("tuning", argc, argv, serve);
}
