// LogSeverity: how much a line of a log matters.

#ifndef RONDO_LOG_SEVERITY_H_
#define RONDO_LOG_SEVERITY_H_

#include "rondo/platform.h"

namespace rondo {

enum class LogSeverity { kInfo, kWarning, kError };

}  // namespace rondo

#endif  // RONDO_LOG_SEVERITY_H_
