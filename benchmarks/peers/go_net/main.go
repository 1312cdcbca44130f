// Go's own net package: a goroutine for each connection that reads and writes back.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"time"
)

const readBufferBytes = 64 * 1024

func serve(connection net.Conn, work time.Duration) {
	defer connection.Close()
	buffer := make([]byte, readBufferBytes)
	for {
		size, err := connection.Read(buffer)
		if err != nil {
			return
		}
		for begin := time.Now(); time.Since(begin) < work; {
		}
		if _, err := connection.Write(buffer[:size]); err != nil {
			return
		}
	}
}

// Reads one request after the other and answers each with the fixed reply.
func answer(connection net.Conn, requestBytes int, reply []byte) {
	defer connection.Close()
	reader := bufio.NewReaderSize(connection, readBufferBytes)
	request := make([]byte, requestBytes)
	for {
		if _, err := io.ReadFull(reader, request); err != nil {
			return
		}
		if _, err := connection.Write(reply); err != nil {
			return
		}
	}
}

// The bytes that the generator expects.
func makeReply(size int) []byte {
	reply := make([]byte, size)
	for i := range reply {
		reply[i] = byte(i % 251)
	}
	return reply
}

func main() {
	port := flag.Int("port", 0, "0: the kernel chooses")
	loops := flag.Int("loops", 1, "threads that run Go code")
	workMicroseconds := flag.Int("work_us", 0, "what each message costs the handler")
	requestBytes := flag.Int("request_bytes", 0, "bytes of a request; 0: bytes come back")
	replyBytes := flag.Int("reply_bytes", 0, "bytes of the fixed reply to each")
	flag.Parse()
	reply := makeReply(*replyBytes)
	runtime.GOMAXPROCS(*loops)

	listener, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	fmt.Printf("listening on tcp://%s\n", listener.Addr())
	for {
		connection, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if *requestBytes > 0 {
			go answer(connection, *requestBytes, reply)
		} else {
			go serve(connection, time.Duration(*workMicroseconds)*time.Microsecond)
		}
	}
}
