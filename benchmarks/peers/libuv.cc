// libuv as its users write it: uv_read_start, one read buffer a loop, and a reply that is tried at
// once (uv_try_write) and queued with uv_write only when it does not fit.
#include <uv.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

#include "benchmarks/peers/arguments.h"
#include "benchmarks/peers/listener.h"
#include "benchmarks/peers/replies.h"

namespace {

int work_us = 0;
std::unique_ptr<const peers::Replies> replies;

struct Client {
  uv_tcp_t tcp;
  size_t begun = 0;  // Bytes of a request that is not complete.
};

struct Loop {
  uv_loop_t loop;
  uv_tcp_t listener;
  char buffer[peers::kReadBufferBytes];
};

// A reply that has to wait, with a copy of its bytes if it needs one; freed when it is written.
struct PendingWrite {
  uv_write_t request;
  std::vector<char> bytes;
};

void OnClosed(uv_handle_t* handle) {
  delete reinterpret_cast<Client*>(handle);
}

void Close(uv_stream_t* stream) {
  auto* handle = reinterpret_cast<uv_handle_t*>(stream);
  if (!uv_is_closing(handle)) uv_close(handle, OnClosed);
}

void OnWritten(uv_write_t* request, int status) {
  uv_stream_t* stream = request->handle;
  delete reinterpret_cast<PendingWrite*>(request);
  if (status < 0) Close(stream);
}

void Queue(uv_stream_t* stream, const char* data, size_t size) {
  auto* pending = new PendingWrite{{}, std::vector<char>(data, data + size)};
  uv_buf_t rest = uv_buf_init(pending->bytes.data(), static_cast<unsigned>(size));
  uv_write(&pending->request, stream, &rest, 1, OnWritten);
}

void Answer(uv_stream_t* stream, size_t due) {
  const std::string_view reply = replies->reply();
  const std::vector<uv_buf_t> buffers(
      due, uv_buf_init(const_cast<char*>(reply.data()), static_cast<unsigned>(reply.size())));
  auto* pending = new PendingWrite;
  uv_write(&pending->request, stream, buffers.data(), static_cast<unsigned>(due), OnWritten);
}

void OnAllocate(uv_handle_t* handle, size_t, uv_buf_t* buffer) {
  auto* loop = static_cast<Loop*>(handle->loop->data);
  *buffer = uv_buf_init(loop->buffer, sizeof(loop->buffer));
}

void OnRead(uv_stream_t* stream, ssize_t received, const uv_buf_t* buffer) {
  if (received == 0) return;
  if (received < 0) return Close(stream);
  peers::Work(work_us);
  if (!replies->echo()) {
    const size_t due = replies->Due(received, &reinterpret_cast<Client*>(stream)->begun);
    if (due > 0) Answer(stream, due);
    return;
  }
  uv_buf_t reply = uv_buf_init(buffer->base, static_cast<unsigned>(received));
  int sent = uv_try_write(stream, &reply, 1);
  if (sent == received) return;
  if (sent < 0 && sent != UV_EAGAIN) return Close(stream);
  sent = std::max(sent, 0);
  Queue(stream, buffer->base + sent, received - sent);
}

void OnConnection(uv_stream_t* listener, int status) {
  if (status < 0) return;
  auto* client = new Client;
  uv_tcp_init(listener->loop, &client->tcp);
  auto* stream = reinterpret_cast<uv_stream_t*>(client);
  if (uv_accept(listener, stream) != 0) return Close(stream);
  uv_tcp_nodelay(&client->tcp, 1);
  uv_read_start(stream, OnAllocate, OnRead);
}

void RunLoop(int fd) {
  auto* loop = new Loop;
  uv_loop_init(&loop->loop);
  loop->loop.data = loop;
  uv_tcp_init(&loop->loop, &loop->listener);
  uv_tcp_open(&loop->listener, fd);
  uv_listen(reinterpret_cast<uv_stream_t*>(&loop->listener), peers::kBacklog, OnConnection);
  uv_run(&loop->loop, UV_RUN_DEFAULT);
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
