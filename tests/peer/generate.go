// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Headers, most of them nearly right. The same every time.
type generator struct{ *rand.Rand }

func (g generator) often(share float64) bool { return g.Float64() < share }
func pick[T any](g generator, from ...T) T   { return from[g.IntN(len(from))] }
func (g generator) text(alphabet string, size int) string {
	var b strings.Builder
	for range size {
		b.WriteByte(alphabet[g.IntN(len(alphabet))])
	}
	return b.String()
}
func (g generator) digits(size int) string { return g.text("0123456789abcdef", size) }

// One to three characters changed, added, removed, or a part repeated.
func (g generator) mutated(text, alphabet string) string {
	for range 1 + g.IntN(3) {
		at := g.IntN(len(text) + 1)
		end := min(len(text), at+1)
		switch g.IntN(4) {
		case 0:
			text = text[:at] + g.text(alphabet, 1) + text[end:]
		case 1:
			text = text[:at] + g.text(alphabet, 1) + text[at:]
		case 2:
			text = text[:at] + text[end:]
		default:
			text = text[:at] + text[g.IntN(at+1):]
		}
	}
	return text
}
func (g generator) mostly(text, alphabet string) string {
	if g.often(0.5) {
		return text
	}
	return g.mutated(text, alphabet)
}
func (g generator) blanks() string {
	if g.often(0.9) {
		return ""
	}
	return g.text(" \t", 1+g.IntN(3))
}

func (g generator) aTraceparent() string {
	version := pick(g, "00", "00", "00", "01", "cc", "fe", "ff", "0A")
	flags := pick(g, "00", "01", "02", "03", g.digits(2))
	return version + "-" + g.digits(32) + "-" + g.digits(16) + "-" + flags + pick(g, "", "", "", "", "-", "-what", "x")
}

func (g generator) traceparent() []header {
	headers := []header{{"traceparent", g.blanks() + g.mostly(g.aTraceparent(), "0123456789abcdefABCDEFg-_ \t") + g.blanks()}}
	switch g.IntN(40) {
	case 0:
		headers[0].value = pick(g, "", "-", "00", strings.Repeat("0", 55), strings.Repeat("-", 55), "00-"+strings.Repeat("0", 32)+"-"+g.digits(16)+"-01",
			"00-"+g.digits(32)+"-"+strings.Repeat("0", 16)+"-01")
	case 1:
		headers = append(headers, header{"traceparent", g.aTraceparent()})
	case 2:
		headers[0].name = "TraceParent"
	}
	if g.often(0.2) {
		headers = append(headers, header{"tracestate", "vendor=1"})
	}
	return headers
}

func (g generator) stateKey() string {
	const rest = "abcxyz019_-*/"
	switch g.IntN(12) {
	case 0:
		return pick(g, "0", "7") + g.text(rest, g.IntN(5))
	case 1:
		return g.text("ab1", 1+g.IntN(3)) + "@" + pick(g, "a", "b") + g.text(rest, g.IntN(6))
	case 2:
		return "a" + g.text(rest+"@", g.IntN(8))
	case 3:
		return "k" + g.text(rest, 250+g.IntN(8))
	default:
		return pick(g, "a", "b", "c", "k", "z") + g.text(rest, g.IntN(4))
	}
}
func (g generator) stateValue() string {
	const printable = "abcXYZ019 !\"#$%&'()*+-./:;<>?@[\\]^_`{|}~"
	size := 1 + g.IntN(8)
	if g.often(0.03) {
		size = 254 + g.IntN(5)
	}
	return g.text(printable, size-1) + g.text(printable[10:], 1)
}
func (g generator) stateList(members int) string {
	var all []string
	for range members {
		all = append(all, g.blanks()+g.stateKey()+"="+g.stateValue()+g.blanks())
		if g.often(0.04) {
			all = append(all, pick(g, "", " ", "\t "))
		}
	}
	return strings.Join(all, ",")
}

func (g generator) tracestate() []header {
	members := 1 + g.IntN(5)
	if g.often(0.05) {
		members = 30 + g.IntN(6)
	}
	list := g.stateList(members)
	if g.often(0.3) {
		list = g.mutated(list, "ab=,=, \t@AB\x01\x7f\xc3\xa4")
	}
	headers := []header{{"traceparent", "00-" + g.digits(32) + "-" + g.digits(16) + "-01"}, {"tracestate", list}}
	if g.often(0.1) {
		headers = append(headers, header{"tracestate", g.stateList(1 + g.IntN(3))})
	}
	return headers
}

const token = "abcXYZ019!#$%&'*+-.^_`|~"

func (g generator) baggageValue() string {
	const octets = "abcXYZ019!#$&'()*+-./:<=>?@[]^_`{|}~"
	var b strings.Builder
	for range g.IntN(6) {
		switch g.IntN(4) {
		case 0:
			b.WriteString(pick(g, "%20", "%2C", "%c3%a4", "%C3%A4", "%F0%9F%98%80", "%ff", "%c3", "%ed%a0%80", "%00", "%25", "%E2%82"))
		default:
			b.WriteString(g.text(octets, 1+g.IntN(4)))
		}
	}
	return b.String()
}
func (g generator) aMember() string {
	text := g.blanks() + g.text(token, 1+g.IntN(4)) + g.blanks() + "=" + g.blanks() + g.baggageValue() + g.blanks()
	for g.often(0.2) {
		text += ";" + g.blanks() + g.text(token, 1+g.IntN(3)) + g.blanks()
		if g.often(0.5) {
			text += "=" + g.blanks() + g.baggageValue() + g.blanks()
		}
	}
	return text
}

func (g generator) baggage() []header {
	var headers []header
	for range 1 + g.IntN(8)/7 {
		var members []string
		for range 1 + g.IntN(5) {
			members = append(members, g.mostly(g.aMember(), "ab=,;=,; \t%\"\\\x01\x7f\xc3\xa4+"))
		}
		headers = append(headers, header{"baggage", strings.Join(members, ",")})
	}
	return headers
}

func (g generator) b3Single() []header {
	value := g.digits(pick(g, 32, 32, 16)) + "-" + g.digits(16)
	if g.often(0.7) {
		value += "-" + pick(g, "0", "1", "d")
		if g.often(0.3) {
			value += "-" + g.digits(16)
		}
	}
	headers := []header{{"b3", g.mostly(value, "0123456789abcdefABCD-dg ")}}
	switch g.IntN(40) {
	case 0:
		headers[0].value = pick(g, "0", "1", "d", "2", "", "-", "true", strings.Repeat("0", 32)+"-"+g.digits(16)+"-1", g.digits(32)+"-"+strings.Repeat("0", 16))
	case 1:
		headers = append(headers, header{"b3", value})
	case 2:
		headers = append(headers, g.b3Multiple()...)
	}
	return headers
}

func (g generator) b3Multiple() []header {
	headers := []header{
		{"X-B3-TraceId", g.mostly(g.digits(pick(g, 32, 16)), "0123456789abcdefABCDg-")}, {"x-b3-spanid", g.digits(16)}}
	if g.often(0.1) {
		headers[1].value = g.mutated(headers[1].value, "0123456789abcdefABCDg-")
	}
	if g.often(0.7) {
		headers = append(headers, header{"X-B3-Sampled", pick(g, "0", "1", "1", "true", "false", "True", "FALSE", "d", "2", "", "on")})
	}
	if g.often(0.3) {
		headers = append(headers, header{"X-B3-Flags", pick(g, "1", "1", "0", "2", "")})
	}
	if g.often(0.3) {
		headers = append(headers, header{"X-B3-ParentSpanId", g.mostly(g.digits(16), "0123456789abcdefA-")})
	}
	if g.often(0.1) {
		headers = headers[1:]
	}
	if g.often(0.05) {
		headers = headers[min(2, len(headers)):]
	}
	return headers
}

// What chance does not find: limits.
func (g generator) rare() []testCase {
	many := func(members, size int) string {
		var all []string
		for at := range members {
			all = append(all, fmt.Sprintf("k%d=%s", at, strings.Repeat("v", size)))
		}
		return strings.Join(all, ",")
	}
	var all []testCase
	for members := 62; members <= 66; members++ {
		all = append(all, testCase{baggageOnly, []header{{"baggage", many(members, 1)}}}, testCase{baggageOnly, []header{{"baggage", many(members, 130)}}})
	}
	for size := 8185; size <= 8195; size++ {
		all = append(all, testCase{baggageOnly, []header{{"baggage", many(1, size)}}}, testCase{baggageOnly, []header{{"baggage", "a=1," + many(1, size-4)}}})
	}
	for members := 31; members <= 34; members++ {
		all = append(all, testCase{traceContext, []header{{"traceparent", "00-" + g.digits(32) + "-" + g.digits(16) + "-01"}, {"tracestate", many(members, 2)}}})
	}
	return all
}

// A context that either may write: of Trace Context Level 1, which is what the peer accepts.
func (g generator) context() result {
	r := result{trace: "1" + g.digits(31), span: "1" + g.digits(15), flags: g.IntN(4)}
	var members []string
	for at := range g.IntN(6) {
		members = append(members, fmt.Sprintf("%s%d=%s", pick(g, "a", "b", "c@d"), at, g.text("abc XYZ;:%\"", g.IntN(20))+"x"))
	}
	r.tracestate = strings.Join(members, ",")
	for at := range g.IntN(6) {
		value := ""
		for range g.IntN(8) {
			value += pick(g, "a", "B", " ", "+", "%", "%20", ",", ";", "=", "\"", "\\", "ä", "日本", "😀", "\x00", "\n", "\x7f", "/")
		}
		r.baggage = append(r.baggage, member{fmt.Sprintf("%s%d", g.text(token, 3), at), value, pick(g, "", "", "p", "p;q=1", "ttl=30;s")})
	}
	return r
}
