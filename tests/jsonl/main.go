// SPDX-License-Identifier: Apache-2.0

// Reads what PROGRAM writes as OpenTelemetry's Collector does, whose module this is: each line of traces.jsonl must say the same as the batch that it was made of.
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Compared as the Collector writes them: a NaN is not equal to itself.
func text(traces ptrace.Traces) []byte {
	out, err := (&ptrace.JSONMarshaler{}).MarshalTraces(traces)
	must(err)
	return out
}

func main() {
	if len(os.Args) != 2 {
		must(fmt.Errorf("usage: jsonl PROGRAM"))
	}
	folder, err := os.MkdirTemp("", "nanospan-jsonl-")
	must(err)
	defer os.RemoveAll(folder)
	command := exec.Command(os.Args[1], folder)
	command.Stderr = os.Stderr
	must(command.Run())

	file, err := os.ReadFile(filepath.Join(folder, "traces.jsonl"))
	must(err)
	lines := bytes.Split(bytes.TrimSuffix(file, []byte("\n")), []byte("\n"))
	batches, err := filepath.Glob(filepath.Join(folder, "*.otlp"))
	must(err)
	if len(lines) != len(batches) {
		must(fmt.Errorf("%d lines of %d batches", len(lines), len(batches)))
	}
	spans := 0
	for at, line := range lines {
		fromJSON, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
		must(err)
		encoded, err := os.ReadFile(filepath.Join(folder, fmt.Sprintf("%d.otlp", at)))
		must(err)
		fromBytes, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(encoded)
		must(err)
		if !bytes.Equal(text(fromJSON), text(fromBytes)) {
			must(fmt.Errorf("line %d is read otherwise than its batch:\n%s\n%s", at+1, text(fromJSON), text(fromBytes)))
		}
		spans += fromJSON.SpanCount()
	}
	fmt.Printf("%d spans on %d lines are the same\n", spans, len(lines))
	if spans != 2000 {
		must(fmt.Errorf("2000 were written"))
	}
}
