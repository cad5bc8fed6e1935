#include "crawler/routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/limits.h"
#include "base/utf8.h"
#include "crawler/fetcher.h"
#include "crawler/upload.h"
#include "crawler/url.h"
#include "ops_http/ops_http.h"

namespace crawler {
namespace {

using contracts::AddedJob;
using contracts::AddJob;
using contracts::Job;
using contracts::JobList;
using contracts::JobQuery;
using contracts::JobsQuery;
using contracts::SourceKind;
using contracts::Uploaded;
using contracts::UploadQuery;
using http::Request;
using http::Response;
using ReplyTo = std::shared_ptr<http::Reply>;

template <class T>
Response response_of(const Result<T>& result) {
  return result ? Response::json(json::encode(result.value())) : Response::error(result.error());
}

Result<AddedJob> add(const House& house, AddJob job) {
  const Found first = TRY(first_piece(job, house.roots, house.allowed));
  return house.queue.add(job, first);
}

Result<Job> cancel(const House& house, const JobQuery& query) {
  TRY(house.queue.cancel(query.id));
  return house.queue.job(query.id);
}

Result<Job> retry(const House& house, const Request& request) {
  const auto query = TRY(json::decode_texts<JobQuery>(request.params));
  TRY(house.queue.retry(query.id));
  return house.queue.job(query.id);
}

Result<Uploaded> upload(const House& house, const Request& request) {
  const UploadedFile file = TRY(file_of(request));
  return take_upload(file, house.extractor, house.library);
}

void install_gauges(Queue& queue, telemetry::Metrics& metrics) {
  const auto lag = metrics.gauge("rag_ingestion_lag_seconds",
                                 "How long the oldest job that has not ended has been waiting");
  const auto jobs = metrics.gauge("troupe_crawler_open_jobs", "Jobs that have not ended");
  metrics.before_text([&queue, lag, jobs] {
    const auto backlog = queue.backlog();
    if (!backlog) return;
    lag.set(static_cast<double>(backlog.value().oldest_ms) / 1000);
    jobs.set(static_cast<double>(backlog.value().jobs));
  });
}

}  // namespace

Result<Found> first_piece(AddJob& job, const Roots& roots, const AllowedPlaces& allowed) {
  TRY(contracts::check_metadata(job.metadata));
  const std::string start = ascii_lower(std::string_view(job.source).substr(0, 8));
  const bool web = start.starts_with("http://") || start.starts_with("https://");
  if (job.kind.value_or(SourceKind::Url) == SourceKind::Url && (web || job.kind)) {
    job.kind = SourceKind::Url;
    const Url url = TRY(parse_url(job.source));
    TRY(check_place(allowed, url));
    return Found{Task::Page, url.text(), url.origin(), 0, {}};
  }
  if (job.source.find("://") != std::string::npos) {
    return Error{Code::InvalidArgument, "source: must be a URL with http or https, or a path"};
  }
  std::string path = TRY(roots.find(job.source));
  std::error_code failed;
  const bool folder = std::filesystem::is_directory(path, failed);
  const SourceKind kind = folder ? SourceKind::Folder : SourceKind::File;
  if (job.kind.value_or(kind) != kind) {
    return Error{Code::InvalidArgument,
                 fmt::format("kind: {} is a {}", job.source, enum_name(kind))};
  }
  job.kind = kind;
  return Found{folder ? Task::Folder : Task::File, std::move(path), {}, 0, {}};
}

http::Listen listen_for_uploads(std::size_t bytes_max) {
  return [bytes_max](http::ServerOptions options, const http::Handler& handler) {
    options.limits.body_bytes = std::max(bytes_max, options.limits.body_bytes);
    return ops_http::listen(std::move(options), [handler](Request request, const ReplyTo& reply) {
      // A JSON message stays small, for its tree is many times its size.
      if (request.body.size() > limits::kBodyBytes && request.path != "/upload") {
        return reply->respond(Response::error(
            {Code::TooLarge, fmt::format("the body of {} bytes exceeds {}", request.body.size(),
                                         limits::kBodyBytes)}));
      }
      handler(std::move(request), reply);
    });
  };
}

void install_routes(runtime::Doors& doors, const House& house, telemetry::Metrics& metrics) {
  install_gauges(house.queue, metrics);
  doors.method<AddJob, AddedJob>(
      "crawler.add", runtime::Post("/jobs", "Brings a page, a site, a folder or a file in"),
      [house](const AddJob& job) { return add(house, job); });
  doors.method<JobsQuery, JobList>(
      "crawler.jobs", runtime::Get("/jobs", "The jobs, the newest first"),
      [house](const JobsQuery& query) { return house.queue.jobs(query); });
  doors.method<JobQuery, Job>(
      "crawler.job", runtime::Get("/jobs/{id}", "How a job stands, and what was left out and why"),
      [house](const JobQuery& query) { return house.queue.job(query.id); });
  doors.method<JobQuery, Job>("crawler.cancel", runtime::Delete("/jobs/{id}", "Cancels a job"),
                              [house](const JobQuery& query) { return cancel(house, query); });
  doors.http(
      runtime::Post("/jobs/{id}/retry", "Takes up again what a job gave up"),
      {"crawler.retry", runtime::schema_of<JobQuery>(), {}, {{200, {runtime::json_of<Job>()}}}},
      [house](const Request& request, const ReplyTo& reply) {
        reply->respond(response_of(retry(house, request)));
      });
  doors.http(runtime::Post("/upload", "Makes a document of a file"),
             {"crawler.upload",
              runtime::schema_of<UploadQuery>(),
              {{"application/octet-stream"}, {"multipart/form-data"}, {"text/plain"}},
              {{200, {runtime::json_of<Uploaded>()}}}},
             [house](const Request& request, const ReplyTo& reply) {
               reply->respond(response_of(upload(house, request)));
             });
}

}  // namespace crawler
