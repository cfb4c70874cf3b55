// dl-client: the Go clients of the lab.
//
//	dl-client lookup -n COUNT -i MS -d SECONDS NAME...   Go's own (pure) resolver
//	dl-client load -server IP -rate N -secs S ...        a paced sender over UDP
//	dl-client fetch -url URL -rate N -secs S              HTTP, a new connection each time
//	dl-client tcp -server IP -per N -conns N NAME...     several questions on one TCP connection
//	dl-client delay -listen A,B -to RESOLVER ...         a relay whose answers come late
//
// Without a go.mod a program gets the settings of an old Go, whose resolver sends no EDNS. Deployed ones do.
//
//go:debug netedns0=1
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	var err error
	switch os.Args[1] {
	case "lookup":
		err = lookup(os.Args[2:])
	case "load":
		err = load(os.Args[2:])
	case "fetch":
		err = fetch(os.Args[2:])
	case "tcp":
		err = overTCP(os.Args[2:])
	case "delay":
		err = delay(os.Args[2:])
	default:
		usage()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "dl-client:", err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: dl-client lookup|load|fetch|tcp|delay [OPTIONS] [NAME...]")
	os.Exit(2)
}
