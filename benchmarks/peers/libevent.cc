// libevent as its users write it: a listener, and a bufferevent for each connection whose input is
// moved into its output without a copy. One event_base a loop, each with a listener of its own.
#include <memory>
#include <thread>
#include <vector>

#include "benchmarks/peers/arguments.h"
#include "benchmarks/peers/listener.h"
#include "benchmarks/peers/replies.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

namespace {

int work_us = 0;
std::unique_ptr<const peers::Replies> replies;

// Of a client of a server that does not echo.
struct Client {
  size_t begun = 0;  // Bytes of a request that is not complete.
};

void OnRead(bufferevent* event, void*) {
  peers::Work(work_us);
  bufferevent_write_buffer(event, bufferevent_get_input(event));
}

void OnRequests(bufferevent* event, void* context) {
  evbuffer* const input = bufferevent_get_input(event);
  const size_t received = evbuffer_get_length(input);
  evbuffer_drain(input, received);
  const std::string_view reply = replies->reply();
  for (size_t due = replies->Due(received, &static_cast<Client*>(context)->begun); due > 0; --due) {
    evbuffer_add_reference(bufferevent_get_output(event), reply.data(), reply.size(), nullptr,
                           nullptr);
  }
}

void OnEvent(bufferevent* event, short what, void* context) {
  if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))) return;
  delete static_cast<Client*>(context);
  bufferevent_free(event);
}

void OnAccept(evconnlistener* listener, evutil_socket_t fd, sockaddr*, int, void*) {
  event_base* base = evconnlistener_get_base(listener);
  bufferevent* event = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
  if (replies->echo()) {
    bufferevent_setcb(event, OnRead, nullptr, OnEvent, nullptr);
  } else {
    bufferevent_setcb(event, OnRequests, nullptr, OnEvent, new Client);
  }
  bufferevent_set_max_single_read(event, peers::kReadBufferBytes);
  bufferevent_set_max_single_write(event, peers::kReadBufferBytes);
  bufferevent_enable(event, EV_READ | EV_WRITE);
}

void RunLoop(int fd) {
  // One thread a base needs no locks, and no change list is the default.
  event_config* config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  event_base* base = event_base_new_with_config(config);
  evconnlistener_new(base, OnAccept, nullptr, LEV_OPT_CLOSE_ON_EXEC, 0, fd);
  event_base_dispatch(base);
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
