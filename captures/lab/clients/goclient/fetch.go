package main

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// fetch gets a document at a steady rate, each time over a new connection: an agent that polls the metadata service.
func fetch(args []string) error {
	flags := flag.NewFlagSet("fetch", flag.ExitOnError)
	url := flags.String("url", "", "what to get")
	rate := flags.Int("rate", 10, "fetches a second")
	seconds := flags.Float64("secs", 1, "seconds")
	_ = flags.Parse(args)
	if *rate < 1 || *rate > 400 || *seconds > 30 {
		return fmt.Errorf("rate %d for %v s is beyond what the lab allows", *rate, *seconds)
	}
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	var good atomic.Int64
	var running sync.WaitGroup
	total := int(float64(*rate) * *seconds)
	start := time.Now()
	for i := range total {
		time.Sleep(time.Until(start.Add(time.Duration(i) * time.Second / time.Duration(*rate))))
		running.Add(1)
		go func() {
			defer running.Done()
			response, err := client.Get(*url)
			if err != nil {
				return
			}
			_, err = io.Copy(io.Discard, response.Body)
			response.Body.Close()
			if err == nil {
				good.Add(1)
			}
		}()
	}
	running.Wait()
	fmt.Printf("sent\t%d\tanswered\t%d\tseconds\t%.3f\n", total, good.Load(), time.Since(start).Seconds())
	return nil
}
