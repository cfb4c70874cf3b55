package main

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"
)

// overTCP asks several questions on each of several TCP connections: half of
// them pipelined in one write, the rest one after another.
func overTCP(args []string) error {
	flags := flag.NewFlagSet("tcp", flag.ExitOnError)
	server := flags.String("server", "", "address of the server")
	conns := flags.Int("conns", 2, "connections")
	per := flags.Int("per", 6, "questions a connection")
	_ = flags.Parse(args)
	names := flags.Args()
	if len(names) == 0 {
		return errors.New("no names")
	}
	for c := range *conns {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(*server, "53"), 5*time.Second)
		if err != nil {
			return err
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		var batch []byte
		answers := 0
		for i := range *per {
			message := query(uint16(rand.Uint32()), names[(c+i)%len(names)], []uint16{1, 28}[i%2])
			batch = binary.BigEndian.AppendUint16(batch, uint16(len(message)))
			batch = append(batch, message...)
			if i+1 < *per/2 {
				continue // pipelined: the first half goes out in one segment
			}
			sent := 1
			if i+1 == *per/2 {
				sent = *per / 2
			}
			if _, err := conn.Write(batch); err != nil {
				return err
			}
			batch = batch[:0]
			for range sent {
				if err := readMessage(conn); err != nil {
					return err
				}
				answers++
			}
		}
		conn.Close()
		fmt.Printf("connection\t%d\tquestions\t%d\tanswers\t%d\n", c, *per, answers)
		time.Sleep(200 * time.Millisecond)
	}
	return nil
}

func readMessage(conn net.Conn) error {
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return err
	}
	_, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint16(length[:])))
	return err
}
