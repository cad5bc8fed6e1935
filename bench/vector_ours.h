#pragma once

#include <string>

#include "base/result.h"
#include "vector_data.h"

// What only our index is asked: each gives one JSON object. `folder` is for files.

namespace bench {

// Every vector removed and inserted again, in no order, beside the index as it was built.
Result<std::string> measure_churn(const DataSet& set);

// One thread searches while another inserts, beside a control in which the other searches too;
// medians of five rounds of each, by turns.
Result<std::string> measure_inserts(const DataSet& set);

// Opens a file of the whole set and answers a query, the file being in the page cache.
Result<std::string> measure_open(const DataSet& set, const std::string& folder);

// What whole scans read in a second beside what memory gives one thread, by turns.
Result<std::string> measure_dram(const DataSet& set);

}  // namespace bench
