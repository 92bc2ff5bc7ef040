// Load on an etcd cluster through its gRPC client. Every client sends its next operation when the one before is
// answered. Prints one JSON object. Built by scripts/bench/etcd.ts against Debian's golang-etcd-server-dev.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/clientv3"
)

// What one client did.
type tally struct {
	latenciesMs []float64
	errors      int
}

type report struct {
	Op        string  `json:"op"`
	KeysPerOp int     `json:"keys_per_op"`
	Clients   int     `json:"clients"`
	Seconds   float64 `json:"seconds"`
	Ops       int     `json:"ops"`
	Errors    int     `json:"errors"`
	OpsPerS   float64 `json:"ops_per_s"`
	P50Ms     float64 `json:"p50_ms"`
	P99Ms     float64 `json:"p99_ms"`
	P999Ms    float64 `json:"p999_ms"`
}

// Connections, spread over the endpoints and shared by the clients.
const connections = 8

type operation struct {
	keys int
	run  func(cli *clientv3.Client, random *rand.Rand) error
}

func operations(keys int, value string) map[string]operation {
	ctx := context.Background()
	name := func(i int) string { return fmt.Sprintf("key%d", i) }
	any := func(random *rand.Rand) string { return name(random.Intn(keys)) }
	return map[string]operation{
		"put": {1, func(cli *clientv3.Client, random *rand.Rand) error {
			_, err := cli.Put(ctx, any(random), value)
			return err
		}},
		"get": {1, func(cli *clientv3.Client, random *rand.Rand) error {
			_, err := cli.Get(ctx, any(random))
			return err
		}},
		"serializable-get": {1, func(cli *clientv3.Client, random *rand.Rand) error {
			_, err := cli.Get(ctx, any(random), clientv3.WithSerializable())
			return err
		}},
		// Two puts, of two keys.
		"txn": {2, func(cli *clientv3.Client, random *rand.Rand) error {
			first := 2 * random.Intn(keys/2)
			puts := []clientv3.Op{clientv3.OpPut(name(first), value), clientv3.OpPut(name(first+1), value)}
			answer, err := cli.Txn(ctx).Then(puts...).Commit()
			if err == nil && !answer.Succeeded {
				return fmt.Errorf("a transaction without conditions did not succeed")
			}
			return err
		}},
	}
}

func main() {
	op := flag.String("op", "put", "put, get (linearizable), serializable-get, or txn (puts of two keys)")
	clients := flag.Int("clients", 64, "how many send at the same time")
	duration := flag.Duration("duration", 8*time.Second, "measured time")
	warmup := flag.Duration("warmup", 0, "time before it")
	endpoints := flag.String("endpoints", "", "URLs, parted by commas")
	keys := flag.Int("keys", 10000, "number of keys, at least 2")
	size := flag.Int("size", 256, "bytes of a value")
	flag.Bool("json", true, "there is no other output")
	flag.Parse()

	chosen, known := operations(*keys, strings.Repeat("x", *size))[*op]
	if !known || *clients < 1 || *keys < 2 {
		fmt.Fprintln(os.Stderr, "unknown operation, or too few clients or keys")
		os.Exit(2)
	}
	stubs, err := connect(strings.Split(*endpoints, ","))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	tallies := drive(chosen, stubs, *clients, time.Now().Add(*warmup), *duration)
	result := summary(tallies)
	if result.Ops == 0 {
		fmt.Fprintln(os.Stderr, "no operation succeeded")
		os.Exit(1)
	}
	result.Op, result.KeysPerOp, result.Clients, result.Seconds = *op, chosen.keys, *clients, duration.Seconds()
	result.OpsPerS = float64(result.Ops) / result.Seconds
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		os.Exit(1)
	}
}

func connect(endpoints []string) ([]*clientv3.Client, error) {
	stubs := make([]*clientv3.Client, connections)
	for i := range stubs {
		endpoint := endpoints[i%len(endpoints)]
		stub, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, DialTimeout: 5 * time.Second})
		if err != nil {
			return nil, err
		}
		stubs[i] = stub
	}
	return stubs, nil
}

// Operations that begin before `begin` are not counted, and none begins after the measured time.
func drive(chosen operation, stubs []*clientv3.Client, clients int, begin time.Time, measured time.Duration) []tally {
	end := begin.Add(measured)
	tallies := make([]tally, clients)
	var running sync.WaitGroup
	for client := range tallies {
		running.Add(1)
		go func(own *tally, stub *clientv3.Client, random *rand.Rand) {
			defer running.Done()
			for {
				sent := time.Now()
				if sent.After(end) {
					return
				}
				err := chosen.run(stub, random)
				switch took := time.Since(sent); {
				case sent.Before(begin):
				case err != nil:
					own.errors++
				default:
					own.latenciesMs = append(own.latenciesMs, took.Seconds()*1000)
				}
			}
		}(&tallies[client], stubs[client%len(stubs)], rand.New(rand.NewSource(int64(client))))
	}
	running.Wait()
	return tallies
}

func summary(tallies []tally) (result report) {
	var all []float64
	for _, each := range tallies {
		all = append(all, each.latenciesMs...)
		result.Errors += each.errors
	}
	result.Ops = len(all)
	if len(all) == 0 {
		return
	}
	sort.Float64s(all)
	nearest := func(share float64) float64 {
		rank := int(math.Ceil(share*float64(len(all)))) - 1
		if rank < 0 {
			rank = 0
		}
		return all[rank]
	}
	result.P50Ms, result.P99Ms, result.P999Ms = nearest(0.5), nearest(0.99), nearest(0.999)
	return
}
