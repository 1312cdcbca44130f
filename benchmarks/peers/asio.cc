// Standalone asio as its users write it: a session object that keeps itself alive, async_read_some,
// then async_write of the same bytes. One io_context a loop, told that one thread runs it, so it
// takes no locks; asio itself recycles the memory of the handlers.
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "benchmarks/peers/arguments.h"
#include "benchmarks/peers/listener.h"
#include "benchmarks/peers/replies.h"
#include <asio.hpp>

namespace {

using asio::ip::tcp;

constexpr size_t kSessionBufferBytes = 64 * 1024;

int work_us = 0;
std::unique_ptr<const peers::Replies> replies;

// One buffer that all sessions of a loop share would save memory, but a session that is writing
// needs its bytes until it is done, so each has its own, as in asio's own examples.
class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(tcp::socket socket)
      : socket_(std::move(socket)), buffer_(new char[kSessionBufferBytes]) {}

  void Read() {
    socket_.async_read_some(
        asio::buffer(buffer_.get(), kSessionBufferBytes),
        [self = shared_from_this()](const asio::error_code& error, size_t received) {
          if (error) return;
          peers::Work(work_us);
          if (replies->echo()) {
            self->Write(asio::buffer(self->buffer_.get(), received));
          } else {
            self->Answer(replies->Due(received, &self->begun_));
          }
        });
  }

 private:
  void Answer(size_t due) {
    if (due == 0) return Read();
    replies_.assign(due, asio::buffer(replies->reply()));
    Write(replies_);
  }

  template <class Buffers>
  void Write(const Buffers& buffers) {
    asio::async_write(socket_, buffers,
                      [self = shared_from_this()](const asio::error_code& error, size_t) {
                        if (!error) self->Read();
                      });
  }

  tcp::socket socket_;
  // Not value-initialised: a page that is never read into is never touched.
  std::unique_ptr<char[]> buffer_;
  size_t begun_ = 0;  // Bytes of a request that is not complete.
  std::vector<asio::const_buffer> replies_;
};

void Accept(tcp::acceptor& acceptor) {
  acceptor.async_accept([&acceptor](const asio::error_code& error, tcp::socket socket) {
    if (!error) {
      asio::error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      std::make_shared<Session>(std::move(socket))->Read();
    }
    Accept(acceptor);
  });
}

void RunLoop(int fd) {
  asio::io_context context(1);
  tcp::acceptor acceptor(context, tcp::v4(), fd);
  Accept(acceptor);
  context.run();
}

}  // namespace

int main(int argc, char** argv) {
  peers::Arguments arguments = peers::ParseArguments(argc, argv);
  work_us = arguments.work_us;
  replies = std::make_unique<peers::Replies>(arguments.request_bytes, arguments.reply_bytes);
  std::vector<int> listeners;
  for (int i = 0; i < arguments.loops; ++i) {
    listeners.push_back(peers::Listen(&arguments.port, SOCK_NONBLOCK));
  }
  peers::PrintListening(arguments.port);
  std::vector<std::thread> threads;
  for (int i = 1; i < arguments.loops; ++i) threads.emplace_back(RunLoop, listeners[i]);
  RunLoop(listeners[0]);
}
