// Rondo as its users write it: a handler for each loop, and a context for what a connection knows.
#include "rondo/rondo.h"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"

#include "benchmarks/peers/arguments.h"
#include "benchmarks/peers/replies.h"
#include "support/serve.h"
#include "support/server_flags.h"

ABSL_FLAG(int, work_us, 0, "what each message costs the handler");
ABSL_FLAG(int, request_bytes, 0, "bytes of a request; 0: bytes come back");
ABSL_FLAG(int, reply_bytes, 0, "bytes of the fixed reply to each");
ABSL_FLAG(int, workers, 0, "threads of a worker pool that answers; 0: the loop does");
ABSL_FLAG(bool, timeouts, false, "an idle timeout and keep-alive on every connection");

namespace {

class Echo : public rondo::EventHandler {
 public:
  rondo::Action OnTraffic(rondo::Connection& connection) override {
    (void)connection.Write(connection.Next());
    return rondo::Action::kNone;
  }
};

class WorkingEcho : public Echo {
 public:
  explicit WorkingEcho(int work_us) : work_us_(work_us) {}

  rondo::Action OnTraffic(rondo::Connection& connection) override {
    peers::Work(work_us_);
    return Echo::OnTraffic(connection);
  }

 private:
  const int work_us_;
};

// Answers on the worker pool, after its work.
class OffloadedEcho : public rondo::EventHandler {
 public:
  explicit OffloadedEcho(int work_us) : work_us_(work_us) {}

  rondo::Action OnTraffic(rondo::Connection& connection) override {
    return rondo::CloseIfRefused(connection.Offload(
        [work_us = work_us_, message = std::string(connection.Next())]() mutable {
          peers::Work(work_us);
          return std::move(message);
        },
        [](rondo::Connection& answered, std::string reply) {
          return rondo::CloseIfRefused(answered.Write(std::move(reply)));
        }));
  }

 private:
  const int work_us_;
};

class Answer : public rondo::EventHandler {
 public:
  explicit Answer(const peers::Replies& replies) : replies_(replies) {}

  rondo::Action OnOpen(rondo::Connection& connection) override {
    connection.set_context(std::make_unique<Client>());
    return rondo::Action::kNone;
  }

  rondo::Action OnTraffic(rondo::Connection& connection) override {
    Client& client = *connection.context<Client>();
    client.replies.assign(replies_.Due(connection.Next().size(), &client.begun), replies_.reply());
    (void)connection.Writev(client.replies);
    return rondo::Action::kNone;
  }

 private:
  struct Client : rondo::ConnectionContext {
    size_t begun = 0;  // Bytes of a request that is not complete.
    std::vector<std::string_view> replies;
  };

  const peers::Replies& replies_;
};

}  // namespace

int main(int argc, char** argv) {
  examples::ParseFlags(argc, argv, "What the benchmarks measure of Rondo.");
  const int work_us = absl::GetFlag(FLAGS_work_us);
  const int workers = absl::GetFlag(FLAGS_workers);
  const peers::Replies replies(absl::GetFlag(FLAGS_request_bytes),
                               absl::GetFlag(FLAGS_reply_bytes));
  const rondo::HandlerFactory factory = [&](size_t) -> std::unique_ptr<rondo::EventHandler> {
    if (!replies.echo()) return std::make_unique<Answer>(replies);
    if (workers > 0) return std::make_unique<OffloadedEcho>(work_us);
    if (work_us > 0) return std::make_unique<WorkingEcho>(work_us);
    return std::make_unique<Echo>();
  };
  rondo::Options options = examples::OptionsFromFlags();
  if (workers > 0) {
    options.workers = rondo::WorkerPoolOptions{.min_threads = workers, .max_threads = workers};
  }
  if (absl::GetFlag(FLAGS_timeouts)) {
    options.connection.idle_timeout = absl::Minutes(5);
    options.connection.socket.keep_alive = rondo::KeepAlive();
  }
  return examples::Serve(factory, absl::GetFlag(FLAGS_address), options);
}
