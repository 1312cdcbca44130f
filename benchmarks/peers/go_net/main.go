// Go's own net package: a goroutine for each connection that reads and writes back.
package main

import (
	"flag"
	"fmt"
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

func main() {
	port := flag.Int("port", 0, "0: the kernel chooses")
	loops := flag.Int("loops", 1, "threads that run Go code")
	workMicroseconds := flag.Int("work_us", 0, "what each message costs the handler")
	flag.Parse()
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
		go serve(connection, time.Duration(*workMicroseconds)*time.Microsecond)
	}
}
