#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fields.h"
#include "base/limits.h"
#include "json/json.h"

namespace contracts {

enum class SourceKind { Url, Folder, File };
constexpr auto enum_names(SourceKind) {
  return EnumNames<SourceKind, 3>{
      {{SourceKind::Url, "url"}, {SourceKind::Folder, "folder"}, {SourceKind::File, "file"}}};
}

// Done: everything was read or skipped for a reason. Failed: it has ended, and something of it was
// given up, which a retry takes up again.
enum class JobState { Queued, Running, Done, Failed, Cancelled };
constexpr auto enum_names(JobState) {
  return EnumNames<JobState, 5>{{{JobState::Queued, "queued"},
                                 {JobState::Running, "running"},
                                 {JobState::Done, "done"},
                                 {JobState::Failed, "failed"},
                                 {JobState::Cancelled, "cancelled"}}};
}

// crawler.add, POST /jobs: brings a page, a site, a folder or a file into a collection. The same
// source again updates: what is unchanged is not sent again, what is gone is deleted.
struct AddJob {
  static constexpr std::string_view kName = "add_job";
  std::string source;  // a URL, or a path; one that is not absolute is below the first root
  std::string collection = "documents";
  std::optional<SourceKind> kind;  // guessed from the source
  int depth = 0;                   // of a URL: how many links of the same site deep
  int pages_max = 100;             // of a URL
  std::map<std::string, json::Text> metadata;
  bool refresh = false;  // send also what has not changed

  static void fields(auto& self, auto&& visit) {
    visit("source", self.source, Field{.bytes_min = 1, .bytes_max = 2000});
    visit("collection", self.collection,
          Field{.bytes_min = 1, .bytes_max = limits::kIdBytes, .defaulted = true});
    visit("kind", self.kind);
    visit("depth", self.depth, Field{.min = 0, .max = 3, .defaulted = true});
    visit("pages_max", self.pages_max, Field{.min = 1, .max = 10'000, .defaulted = true});
    visit("metadata", self.metadata, Field{.bytes_max = 2000, .items_max = 32, .defaulted = true});
    visit("refresh", self.refresh, Field{.defaulted = true});
  }
};

// On disk when it is answered.
struct AddedJob {
  static constexpr std::string_view kName = "added_job";
  std::string job_id;
  JobState state = JobState::Queued;
  static void fields(auto& self, auto&& visit) {
    visit("job_id", self.job_id, Field{.bytes_max = limits::kIdBytes});
    visit("state", self.state);
  }
};

// How many pages or files of a job stand where, and what they gave.
struct JobCounts {
  static constexpr std::string_view kName = "job_counts";
  std::int64_t found = 0;
  std::int64_t waiting = 0;
  std::int64_t fetched = 0;    // read, unchanged ones included
  std::int64_t unchanged = 0;  // and not sent again
  std::int64_t skipped = 0;
  std::int64_t failed = 0;
  std::int64_t documents = 0;  // that the read ones are
  std::int64_t chunks = 0;     // written to the index
  std::int64_t deleted = 0;    // sources that are gone

  static void fields(auto& self, auto&& visit) {
    visit("found", self.found);
    visit("waiting", self.waiting);
    visit("fetched", self.fetched);
    visit("unchanged", self.unchanged);
    visit("skipped", self.skipped);
    visit("failed", self.failed);
    visit("documents", self.documents);
    visit("chunks", self.chunks);
    visit("deleted", self.deleted);
  }
};

// A page or file that gave no document, and why; or a folder that was not read to its end.
struct JobNote {
  static constexpr std::string_view kName = "job_note";
  std::string source;
  std::string reason;
  std::int64_t attempts = 0;
  static void fields(auto& self, auto&& visit) {
    visit("source", self.source);
    visit("reason", self.reason);
    visit("attempts", self.attempts, Field{.defaulted = true});
  }
};

struct Job {
  static constexpr std::string_view kName = "job";
  std::string job_id;
  JobState state = JobState::Queued;
  std::string source;
  SourceKind kind = SourceKind::Url;
  std::string collection;
  int depth = 0;
  std::int64_t created_ms = 0;
  std::int64_t updated_ms = 0;
  JobCounts counts;
  std::vector<JobNote> skipped;  // the first hundred
  std::vector<JobNote> failed;   // the dead letters, the first hundred
  std::vector<JobNote> waiting;  // tried in vain and tried again later, the first hundred

  static void fields(auto& self, auto&& visit) {
    visit("job_id", self.job_id, Field{.bytes_max = limits::kIdBytes});
    visit("state", self.state);
    visit("source", self.source);
    visit("kind", self.kind);
    visit("collection", self.collection);
    visit("depth", self.depth);
    visit("created_ms", self.created_ms);
    visit("updated_ms", self.updated_ms);
    visit("counts", self.counts);
    visit("skipped", self.skipped, Field{.items_max = 100, .defaulted = true});
    visit("failed", self.failed, Field{.items_max = 100, .defaulted = true});
    visit("waiting", self.waiting, Field{.items_max = 100, .defaulted = true});
  }
};

// crawler.job, GET /jobs/{id}; crawler.cancel, DELETE /jobs/{id}; POST /jobs/{id}/retry: each
// answers with the job as it then stands.
struct JobQuery {
  static constexpr std::string_view kName = "job_query";
  std::string id;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
  }
};

// crawler.jobs, GET /jobs?state=&limit=: the newest first, without their notes.
struct JobsQuery {
  static constexpr std::string_view kName = "jobs_query";
  std::optional<JobState> state;
  int limit = 50;
  static void fields(auto& self, auto&& visit) {
    visit("state", self.state);
    visit("limit", self.limit, Field{.min = 1, .max = 200, .defaulted = true});
  }
};

struct JobList {
  static constexpr std::string_view kName = "job_list";
  std::vector<Job> jobs;
  static void fields(auto& self, auto&& visit) {
    visit("jobs", self.jobs, Field{.items_max = 200});
  }
};

// POST /upload?name=&collection=: the body is the file, or a form (multipart/form-data) whose
// members carry these names and `file`.
struct UploadQuery {
  static constexpr std::string_view kName = "upload_query";
  std::optional<std::string> name;  // its ending says what it is; of a form: that of the file
  std::string collection = "documents";
  static void fields(auto& self, auto&& visit) {
    visit("name", self.name, Field{.bytes_min = 1, .bytes_max = 255});
    visit("collection", self.collection,
          Field{.bytes_min = 1, .bytes_max = limits::kIdBytes, .defaulted = true});
  }
};

// In the index, on disk, when it is answered.
struct Uploaded {
  static constexpr std::string_view kName = "uploaded";
  std::string id;  // of the document; of a long text the first one's
  std::string collection;
  std::string title;
  std::int64_t documents = 0;
  std::int64_t chunks = 0;
  bool unchanged = false;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id);
    visit("collection", self.collection);
    visit("title", self.title);
    visit("documents", self.documents);
    visit("chunks", self.chunks);
    visit("unchanged", self.unchanged);
  }
};

}  // namespace contracts
