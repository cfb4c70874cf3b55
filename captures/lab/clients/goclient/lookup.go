package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"time"
)

// lookup asks for names with the pure Go resolver, one after another.
func lookup(args []string) error {
	flags := flag.NewFlagSet("lookup", flag.ExitOnError)
	count := flags.Int("n", 1, "lookups")
	interval := flags.Int("i", 0, "milliseconds between lookups")
	seconds := flags.Int("d", 30, "start no lookup after so many seconds")
	_ = flags.Parse(args)
	names := flags.Args()
	if len(names) == 0 {
		return errors.New("no names")
	}
	resolver := net.Resolver{PreferGo: true}
	end := time.Now().Add(time.Duration(*seconds) * time.Second)
	for i := 0; i < *count && time.Now().Before(end); i++ {
		name := names[i%len(names)]
		start := time.Now()
		addresses, err := resolver.LookupHost(context.Background(), name)
		result, first := "ok", "-"
		if err != nil {
			result = err.Error()
		} else {
			first = addresses[0]
		}
		fmt.Printf("%.6f\t%s\t%.3f\t%s\t%s\n", float64(start.UnixMicro())/1e6, name,
			float64(time.Since(start).Microseconds())/1e3, result, first)
		time.Sleep(time.Duration(*interval) * time.Millisecond)
	}
	return nil
}
