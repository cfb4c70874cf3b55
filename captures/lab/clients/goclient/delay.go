package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// delay relays questions over UDP to a resolver and gives its answers back later: a resolver whose recursion takes
// time. A share of the questions is held back for -min to -max, at random; SIGUSR1 turns that on and off.
func delay(args []string) error {
	flags := flag.NewFlagSet("delay", flag.ExitOnError)
	listen := flags.String("listen", "", "addresses with port, comma between them")
	to := flags.String("to", "", "the resolver, with port")
	least := flags.Duration("min", time.Second, "shortest delay")
	most := flags.Duration("max", time.Second, "longest delay")
	share := flags.Float64("share", 1, "of the questions that are held back")
	off := flags.Bool("off", false, "begin without delay")
	_ = flags.Parse(args)
	if *most < *least || *most > 10*time.Second {
		return errors.New("delays of 0 to 10 s, the shortest first")
	}
	var slow atomic.Bool
	slow.Store(!*off)
	toggle := make(chan os.Signal, 1)
	signal.Notify(toggle, syscall.SIGUSR1)
	for _, address := range strings.Split(*listen, ",") {
		socket, err := net.ListenPacket("udp4", address)
		if err != nil {
			return err
		}
		go func() {
			buffer := make([]byte, 4096)
			for {
				n, client, err := socket.ReadFrom(buffer)
				if err != nil {
					continue // an ICMP error about an answer that came too late
				}
				var wait time.Duration
				if slow.Load() && rand.Float64() < *share {
					wait = *least + rand.N(*most-*least+1)
				}
				question := append([]byte(nil), buffer[:n]...)
				go relay(socket, client, *to, question, wait)
			}
		}()
	}
	for range toggle {
		slow.Store(!slow.Load())
		fmt.Fprintln(os.Stderr, "delay:", slow.Load())
	}
	return nil
}

// relay asks at once and answers after the wait.
func relay(socket net.PacketConn, client net.Addr, to string, question []byte, wait time.Duration) {
	answer := time.After(wait)
	conn, err := net.Dial("udp", to)
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Write(question); err != nil {
		return
	}
	buffer := make([]byte, 4096)
	n, err := conn.Read(buffer)
	if err != nil {
		return
	}
	<-answer
	_, _ = socket.WriteTo(buffer[:n], client)
}
