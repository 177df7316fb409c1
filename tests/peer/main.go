// SPDX-License-Identifier: Apache-2.0

// Compares what opentelemetry-go and we read from headers, generated and malformed, and whether each reads what the other writes. Where the
// two differ, the difference must be one of those in differences.go, and each of those must occur: the standard's text decides, and when
// the peer follows it one day, the entry must go.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"reflect"
	"sort"
	"strconv"
	"strings"

	"go.opentelemetry.io/contrib/propagators/b3"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

const casesOfEachKind = 6000

// The bits of nanospan::propagator.
const (
	traceContext = 1
	baggageOnly  = 2
	b3Single     = 4
	b3Multiple   = 8
)

type header struct{ name, value string }
type testCase struct {
	formats int
	headers []header
}

// What a context says, of either side.
type member struct{ key, value, properties string }
type result struct {
	trace, span string // all zero: none
	flags       int
	debug       bool
	tracestate  string
	baggage     []member
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

// ---- ours

type program struct {
	in  io.Writer
	out *bufio.Scanner
}

func start(name string) *program {
	command := exec.Command(name)
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	must(err)
	out, err := command.StdoutPipe()
	must(err)
	must(command.Start())
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	return &program{in, lines}
}

func (p *program) ask(fields ...string) []string {
	_, err := fmt.Fprintln(p.in, strings.Join(fields, "\t"))
	must(err)
	if !p.out.Scan() {
		must(fmt.Errorf("no answer to %v: %v", fields, p.out.Err()))
	}
	return strings.Split(p.out.Text(), "\t")
}

func toHex(text string) string { return hex.EncodeToString([]byte(text)) }
func fromHex(digits string) string {
	text, err := hex.DecodeString(digits)
	must(err)
	return string(text)
}

func (p *program) extract(c testCase) result {
	fields := []string{"extract", strconv.Itoa(c.formats)}
	for _, h := range c.headers {
		fields = append(fields, toHex(h.name)+"="+toHex(h.value))
	}
	answer := p.ask(fields...)
	flags, err := strconv.Atoi(answer[2])
	must(err)
	r := result{trace: answer[0], span: answer[1], flags: flags, debug: answer[3] == "1", tracestate: fromHex(answer[4])}
	for _, one := range answer[5:] {
		parts := strings.Split(one, ":")
		r.baggage = append(r.baggage, member{fromHex(parts[0]), fromHex(parts[1]), readProperties(fromHex(parts[2]))})
	}
	return r.sorted()
}

func (p *program) inject(formats int, r result) []header {
	fields := []string{"inject", strconv.Itoa(formats), r.trace, r.span, strconv.Itoa(r.flags), toHex(r.tracestate)}
	for _, m := range r.baggage {
		fields = append(fields, toHex(m.key)+":"+toHex(m.value)+":"+toHex(m.properties))
	}
	var headers []header
	for _, one := range p.ask(fields...) {
		if name, value, found := strings.Cut(one, "="); found {
			headers = append(headers, header{fromHex(name), fromHex(value)})
		}
	}
	return headers
}

func (r result) sorted() result {
	sort.Slice(r.baggage, func(i, j int) bool { return r.baggage[i].key < r.baggage[j].key })
	return r
}

// Properties as key=value, decoded.
func readProperties(text string) string {
	var all []string
	for _, one := range strings.Split(text, ";") {
		if one == "" {
			continue
		}
		key, value, found := strings.Cut(one, "=")
		key = strings.Trim(key, " \t")
		if found {
			key += "=" + decoded(strings.Trim(value, " \t"))
		}
		all = append(all, key)
	}
	return strings.Join(all, ";")
}

func decoded(text string) string {
	var out []byte
	for at := 0; at < len(text); at++ {
		if text[at] == '%' && at+2 < len(text) {
			if octet, err := hex.DecodeString(text[at+1 : at+3]); err == nil {
				out = append(out, octet...)
				at += 2
				continue
			}
		}
		out = append(out, text[at])
	}
	return string([]rune(string(out))) // each byte that is not UTF-8 becomes U+FFFD
}

// ---- theirs

func propagatorOf(formats int) propagation.TextMapPropagator {
	switch formats {
	case traceContext:
		return propagation.TraceContext{}
	case baggageOnly:
		return propagation.Baggage{}
	case b3Single:
		return b3.New(b3.WithInjectEncoding(b3.B3SingleHeader))
	default:
		return b3.New(b3.WithInjectEncoding(b3.B3MultipleHeader))
	}
}

func theirs(c testCase) result {
	carrier := http.Header{}
	for _, h := range c.headers {
		carrier.Add(h.name, h.value)
	}
	ctx := propagatorOf(c.formats).Extract(context.Background(), propagation.HeaderCarrier(carrier))
	sc := trace.SpanContextFromContext(ctx)
	r := result{trace: sc.TraceID().String(), span: sc.SpanID().String(), flags: int(sc.TraceFlags()), tracestate: sc.TraceState().String()}
	if sc.IsValid() && c.formats&(b3Single|b3Multiple) != 0 {
		again := http.Header{}
		propagatorOf(b3Single).Inject(ctx, propagation.HeaderCarrier(again))
		r.debug = strings.HasSuffix(again.Get("b3"), "-d")
	}
	for _, m := range baggage.FromContext(ctx).Members() {
		var properties []string
		for _, p := range m.Properties() {
			text := p.Key()
			if value, has := p.Value(); has {
				text += "=" + value
			}
			properties = append(properties, text)
		}
		r.baggage = append(r.baggage, member{m.Key(), m.Value(), strings.Join(properties, ";")})
	}
	return r.sorted()
}

func theirInject(formats int, r result) []header {
	traceID, err := trace.TraceIDFromHex(r.trace)
	must(err)
	spanID, err := trace.SpanIDFromHex(r.span)
	must(err)
	state, err := trace.ParseTraceState(r.tracestate)
	must(err)
	ctx := trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: traceID, SpanID: spanID, TraceFlags: trace.TraceFlags(r.flags), TraceState: state}))
	var members []baggage.Member
	for _, m := range r.baggage {
		var properties []baggage.Property
		for _, one := range strings.Split(m.properties, ";") {
			if key, value, has := strings.Cut(one, "="); has {
				p, err := baggage.NewKeyValuePropertyRaw(key, value)
				must(err)
				properties = append(properties, p)
			} else if key != "" {
				p, err := baggage.NewKeyProperty(key)
				must(err)
				properties = append(properties, p)
			}
		}
		made, err := baggage.NewMemberRaw(m.key, m.value, properties...)
		must(err)
		members = append(members, made)
	}
	bag, err := baggage.New(members...)
	must(err)
	carrier := http.Header{}
	propagatorOf(formats).Inject(baggage.ContextWithBaggage(ctx, bag), propagation.HeaderCarrier(carrier))
	var headers []header
	for name, values := range carrier {
		for _, value := range values {
			headers = append(headers, header{name, value})
		}
	}
	return headers
}

// ---- the comparison

type comparison struct {
	ours     *program
	valid    map[int]int // by format: how many were a context on both sides
	explains map[string]int
	failures int
}

func (c *comparison) fail(format string, arguments ...any) {
	c.failures++
	if c.failures <= 20 {
		fmt.Printf(format+"\n", arguments...)
	}
}

func (c *comparison) read(one testCase) {
	mine, peer := c.ours.extract(one), theirs(one)
	if reflect.DeepEqual(mine, peer) {
		if strings.Trim(mine.trace, "0") != "" || len(mine.baggage) != 0 {
			c.valid[one.formats]++
		}
		return
	}
	// One difference explains it, if the peer agrees where that one is out of the way; else all of them together.
	all, image := one, mine
	for _, d := range differences {
		if !reflect.DeepEqual(d.resolve(mine, one), theirs(d.without(one))) {
			all, image = d.without(all), d.resolve(image, all)
			continue
		}
		c.explains[d.name]++
		return
	}
	if !reflect.DeepEqual(image, theirs(all)) {
		c.fail("not the same: %q\n  ours   %+v\n  theirs %+v", one, mine, peer)
	}
}

func (c *comparison) roundTrip(formats int, r result) {
	wanted := r
	if formats != traceContext {
		wanted.tracestate = ""
	}
	if formats == baggageOnly {
		wanted.trace, wanted.span, wanted.flags = strings.Repeat("0", 32), strings.Repeat("0", 16), 0
	} else {
		wanted.baggage = nil
	}
	if formats == b3Single || formats == b3Multiple {
		wanted.flags &= 1
	}
	wanted = wanted.sorted()
	mine := c.ours.inject(formats, r)
	if read := theirs(testCase{formats, mine}); !reflect.DeepEqual(read, wanted) {
		c.fail("they read otherwise what we wrote: %q\n  wanted %+v\n  read   %+v", mine, wanted, read)
	}
	peer := theirInject(formats, r)
	if read := c.ours.extract(testCase{formats, peer}); !reflect.DeepEqual(read, wanted) {
		c.fail("we read otherwise what they wrote: %q\n  wanted %+v\n  read   %+v", peer, wanted, read)
	}
}

func main() {
	if len(os.Args) != 2 {
		must(fmt.Errorf("usage: peer PROGRAM"))
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) // bad headers are what this is about
	c := comparison{ours: start(os.Args[1]), valid: map[int]int{}, explains: map[string]int{}}
	g := generator{rand.New(rand.NewPCG(1, 2))}
	for _, kind := range []struct {
		formats  int
		generate func() []header
	}{{traceContext, g.traceparent}, {traceContext, g.tracestate}, {baggageOnly, g.baggage}, {b3Single, g.b3Single}, {b3Single, g.b3Multiple}} {
		for range casesOfEachKind {
			c.read(testCase{kind.formats, kind.generate()})
		}
	}
	for _, one := range g.rare() {
		c.read(one)
	}
	for _, formats := range []int{traceContext, baggageOnly, b3Single, b3Multiple} {
		for range casesOfEachKind / 3 {
			c.roundTrip(formats, g.context())
		}
		if formats != b3Multiple && c.valid[formats] < casesOfEachKind/10 {
			c.fail("of format %d only %d cases were valid: that compares nothing", formats, c.valid[formats])
		}
	}
	for _, d := range differences {
		fmt.Printf("%6d  %s\n", c.explains[d.name], d.name)
		if c.explains[d.name] == 0 {
			c.fail("does not occur any more: %s\n  %s", d.name, d.standard)
		}
	}
	fmt.Printf("%d failures; agreed and valid, by format: %v\n", c.failures, c.valid)
	if c.failures != 0 {
		os.Exit(1)
	}
}
