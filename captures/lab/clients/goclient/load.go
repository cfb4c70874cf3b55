package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// load sends questions at a steady rate from several sockets, as many busy
// clients (or one CoreDNS with its pool of sockets) would. A question that got no
// answer within -retry is asked once more with a new ID. "#" in the name becomes a
// number below -names, so that the server sees that many different names.
func load(args []string) error {
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	server := flags.String("server", "", "address of the server")
	rate := flags.Int("rate", 100, "questions a second")
	seconds := flags.Float64("secs", 1, "seconds")
	sockets := flags.Int("sockets", 8, "sockets")
	distinct := flags.Int("names", 40, "different names")
	name := flags.String("name", "h#.cdn.example.net", "name to ask")
	types := flags.String("types", "A,AAAA", "types, in turn")
	retry := flags.Duration("retry", 0, "ask once more after this time; 0: never")
	_ = flags.Parse(args)
	if *rate < 1 || *rate > 5000 || *seconds > 30 {
		return fmt.Errorf("rate %d for %v s is beyond what the lab allows", *rate, *seconds)
	}

	l := &sender{waiting: map[uint32]bool{}}
	for range *sockets {
		conn, err := net.Dial("udp", net.JoinHostPort(*server, "53"))
		if err != nil {
			return err
		}
		defer conn.Close()
		l.conns = append(l.conns, conn)
		go l.receive(len(l.conns)-1, conn)
	}
	var qtypes []uint16
	for _, t := range strings.Split(*types, ",") {
		qtypes = append(qtypes, map[string]uint16{"A": 1, "AAAA": 28, "TXT": 16}[t])
	}
	total := int(float64(*rate) * *seconds)
	start := time.Now()
	var retries sync.WaitGroup
	for i := range total {
		time.Sleep(time.Until(start.Add(time.Duration(i) * time.Second / time.Duration(*rate))))
		qname := strings.ReplaceAll(*name, "#", fmt.Sprint(rand.IntN(*distinct)))
		qtype := qtypes[i%len(qtypes)]
		key := l.send(i%*sockets, qname, qtype)
		if *retry > 0 {
			retries.Add(1)
			time.AfterFunc(*retry, func() {
				defer retries.Done()
				if l.isWaiting(key) {
					l.resent.Add(1)
					l.send((i+1)%*sockets, qname, qtype)
				}
			})
		}
	}
	retries.Wait()
	time.Sleep(500 * time.Millisecond)
	fmt.Printf("sent\t%d\tresent\t%d\tanswered\t%d\tservfail\t%d\tseconds\t%.3f\n", total, l.resent.Load(), l.answered.Load(),
		l.servfail.Load(), time.Since(start).Seconds())
	return nil
}

type sender struct {
	conns                      []net.Conn
	mu                         sync.Mutex
	waiting                    map[uint32]bool // socket and ID of the questions without an answer
	answered, resent, servfail atomic.Int64
}

func (l *sender) send(socket int, name string, qtype uint16) uint32 {
	id := uint16(rand.Uint32())
	key := uint32(socket)<<16 | uint32(id)
	l.mu.Lock()
	l.waiting[key] = true
	l.mu.Unlock()
	_, _ = l.conns[socket].Write(query(id, name, qtype)) // an ICMP error of an earlier question is no news
	return key
}

func (l *sender) isWaiting(key uint32) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting[key]
}

func (l *sender) receive(socket int, conn net.Conn) {
	buffer := make([]byte, 4096)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			if strings.Contains(err.Error(), "closed") {
				return
			}
			continue
		}
		if n < 12 {
			continue
		}
		key := uint32(socket)<<16 | uint32(binary.BigEndian.Uint16(buffer))
		l.mu.Lock()
		if l.waiting[key] {
			delete(l.waiting, key)
			l.answered.Add(1)
			if buffer[3]&15 == 2 {
				l.servfail.Add(1)
			}
		}
		l.mu.Unlock()
	}
}
