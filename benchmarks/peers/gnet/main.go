// gnet as its users write it: OnTraffic takes everything that is there and writes it back. Built
// twice, plain and with -tags poll_opt.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/panjf2000/gnet/v2"
)

const readBufferBytes = 64 * 1024

type echoServer struct {
	gnet.BuiltinEventEngine
	address string
	work    time.Duration
}

func (s *echoServer) OnBoot(gnet.Engine) gnet.Action {
	fmt.Printf("listening on %s\n", s.address)
	return gnet.None
}

func (s *echoServer) OnTraffic(c gnet.Conn) gnet.Action {
	bytes, err := c.Next(-1)
	if err != nil {
		return gnet.Close
	}
	for begin := time.Now(); time.Since(begin) < s.work; {
	}
	if _, err := c.Write(bytes); err != nil {
		return gnet.Close
	}
	return gnet.None
}

// gnet does not say which port the kernel chose for port 0, so one is chosen here.
func freePort() int {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func main() {
	port := flag.Int("port", 0, "0: the kernel chooses")
	loops := flag.Int("loops", 1, "event loops")
	workMicroseconds := flag.Int("work_us", 0, "what each message costs the handler")
	flag.Parse()

	if *port == 0 {
		*port = freePort()
	}
	server := &echoServer{
		address: fmt.Sprintf("tcp://127.0.0.1:%d", *port),
		work:    time.Duration(*workMicroseconds) * time.Microsecond,
	}
	err := gnet.Run(server, server.address,
		gnet.WithNumEventLoop(*loops),
		gnet.WithReusePort(true),
		gnet.WithTCPNoDelay(gnet.TCPNoDelay),
		gnet.WithReadBufferCap(readBufferBytes))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
