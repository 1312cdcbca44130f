// All of Rondo: servers that hold very many connections, on event loops of one thread each.
// Begin with event_handler.h and connection.h; for frames instead of bytes, framed_handler.h.

#ifndef RONDO_RONDO_H_
#define RONDO_RONDO_H_

#include "rondo/codec.h"
#include "rondo/codecs.h"
#include "rondo/connection.h"
#include "rondo/connection_handle.h"
#include "rondo/connection_options.h"
#include "rondo/engine.h"
#include "rondo/event_handler.h"
#include "rondo/event_loop.h"
#include "rondo/frame_reader.h"
#include "rondo/framed_handler.h"
#include "rondo/listen.h"
#include "rondo/load_balancer.h"
#include "rondo/log_severity.h"
#include "rondo/offload.h"
#include "rondo/offload_handler.h"
#include "rondo/options.h"
#include "rondo/platform.h"
#include "rondo/socket_address.h"
#include "rondo/socket_options.h"
#include "rondo/statistics.h"
#include "rondo/unique_fd.h"
#include "rondo/worker_pool.h"

#endif  // RONDO_RONDO_H_
