// What the Go runtime makes of sockets, by system calls of its own: a web server and its clients, datagrams, an error.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	clients   = 20
	requests  = 10
	datagrams = 300
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func expect(got, wanted string) {
	if got != wanted {
		must(fmt.Errorf("got %q instead of %q", got, wanted))
	}
}

func web() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "you asked for %s", r.URL.Path)
	}))
	var all sync.WaitGroup
	for i := 0; i < clients; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: i%2 == 0}}
			for j := 0; j < requests; j++ {
				path := fmt.Sprintf("/%d/%d", i, j)
				answer, err := client.Get("http://" + listener.Addr().String() + path)
				must(err)
				body, err := io.ReadAll(answer.Body)
				must(err)
				must(answer.Body.Close())
				expect(string(body), "you asked for "+path)
			}
			client.CloseIdleConnections()
		}(i)
	}
	all.Wait()
	must(listener.Close())
}

func echo(socket net.PacketConn) {
	bytes := make([]byte, 2048)
	for {
		count, from, err := socket.ReadFrom(bytes)
		if err != nil {
			return
		}
		_, err = socket.WriteTo(bytes[:count], from)
		must(err)
	}
}

func ask() {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(err)
	go echo(server)
	socket, err := net.Dial("udp", server.LocalAddr().String())
	must(err)
	bytes := make([]byte, 2048)
	for i := 0; i < datagrams; i++ {
		question := fmt.Sprintf("question %d", i)
		_, err = fmt.Fprint(socket, question)
		must(err)
		count, err := socket.Read(bytes)
		must(err)
		expect(string(bytes[:count]), question)
	}
	must(socket.SetReadDeadline(time.Now().Add(time.Millisecond)))
	_, err = socket.Read(bytes)
	if timeout, ok := err.(net.Error); !ok || !timeout.Timeout() {
		must(fmt.Errorf("%v instead of a timeout", err))
	}
	must(socket.Close())
	must(server.Close())
}

func fail() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	must(listener.Close())
	address := listener.Addr().String()
	again, err := net.Listen("tcp", address) // it is free at once
	must(err)
	must(again.Close())
	_, err = net.Dial("tcp", "127.0.0.1:9")
	if err == nil {
		must(fmt.Errorf("connected to nobody"))
	}
	expect(err.Error(), "dial tcp 127.0.0.1:9: connect: connection refused")
}

func main() {
	web()
	ask()
	fail()
	if len(os.Args) > 1 {
		answer, err := http.Get(os.Args[1])
		must(err)
		count, err := io.Copy(io.Discard, answer.Body)
		must(err)
		fmt.Println(count)
	}
}
