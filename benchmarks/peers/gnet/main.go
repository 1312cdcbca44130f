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
	"github.com/panjf2000/gnet/v2/pkg/pool/goroutine"
)

const readBufferBytes = 128 * 1024

type echoServer struct {
	gnet.BuiltinEventEngine
	address      string
	work         time.Duration
	requestBytes int
	reply        []byte
	workers      *goroutine.Pool // Answers; nil: the loop does.
}

// Of a client of a server that does not echo.
type client struct {
	begun   int // Bytes of a request that is not complete.
	replies [][]byte
}

func (s *echoServer) OnBoot(gnet.Engine) gnet.Action {
	fmt.Printf("listening on %s\n", s.address)
	return gnet.None
}

func (s *echoServer) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	if s.requestBytes > 0 {
		c.SetContext(&client{})
	}
	return nil, gnet.None
}

// The fixed reply for each request that is complete, all in one call.
func (s *echoServer) answer(c gnet.Conn, received int) error {
	client := c.Context().(*client)
	client.begun += received
	client.replies = client.replies[:0]
	for ; client.begun >= s.requestBytes; client.begun -= s.requestBytes {
		client.replies = append(client.replies, s.reply)
	}
	if len(client.replies) == 0 {
		return nil
	}
	_, err := c.Writev(client.replies)
	return err
}

// As gnet's own examples do it: a copy of the bytes, and a write from the goroutine.
func (s *echoServer) offload(c gnet.Conn, bytes []byte) error {
	message := append([]byte{}, bytes...)
	return s.workers.Submit(func() {
		for begin := time.Now(); time.Since(begin) < s.work; {
		}
		_ = c.AsyncWrite(message, nil)
	})
}

func (s *echoServer) OnTraffic(c gnet.Conn) gnet.Action {
	bytes, err := c.Next(-1)
	if err != nil {
		return gnet.Close
	}
	if s.workers != nil {
		if s.offload(c, bytes) != nil {
			return gnet.Close
		}
		return gnet.None
	}
	for begin := time.Now(); time.Since(begin) < s.work; {
	}
	if s.requestBytes > 0 {
		err = s.answer(c, len(bytes))
	} else {
		_, err = c.Write(bytes)
	}
	if err != nil {
		return gnet.Close
	}
	return gnet.None
}

// The bytes that the generator expects.
func makeReply(size int) []byte {
	reply := make([]byte, size)
	for i := range reply {
		reply[i] = byte(i % 251)
	}
	return reply
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
	workers := flag.Int("workers", 0, "0: the loop answers; else gnet's default pool does")
	requestBytes := flag.Int("request_bytes", 0, "bytes of a request; 0: bytes come back")
	replyBytes := flag.Int("reply_bytes", 0, "bytes of the fixed reply to each")
	flag.Parse()

	if *port == 0 {
		*port = freePort()
	}
	server := &echoServer{
		address:      fmt.Sprintf("tcp://127.0.0.1:%d", *port),
		work:         time.Duration(*workMicroseconds) * time.Microsecond,
		requestBytes: *requestBytes,
		reply:        makeReply(*replyBytes),
	}
	if *workers > 0 {
		server.workers = goroutine.Default()
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
