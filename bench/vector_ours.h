#pragma once

#include <string>

#include "base/result.h"
#include "vector_data.h"

// What only our index is asked: each gives one JSON object. `folder` is for files.

namespace bench {

// Every vector removed and inserted again, in no order, beside what was built: an index by the
// recall that is asked of it, in thousandths, after it has learnt from a second of such searches,
// and the graph alone by the breadth of its walks.
Result<std::string> measure_churn(const DataSet& set);

// One thread searches while another inserts, beside a control in which the other searches too;
// medians of five rounds of each, by turns.
Result<std::string> measure_inserts(const DataSet& set);

// Opens a file of the whole set and answers a query, the file being in the page cache; with `keep`
// the file that --index ours --keep left, or leaves one.
Result<std::string> measure_open(const DataSet& set, const std::string& folder, bool keep);

// What whole scans read in a second beside what memory gives one thread, by turns.
Result<std::string> measure_dram(const DataSet& set);

}  // namespace bench
