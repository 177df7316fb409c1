// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Where opentelemetry-go reads otherwise than the standard says. `without` takes the cause out of the headers: of those the peer must say
// what we say of the unchanged ones; but for `resolve`, which turns our answer into that about the changed ones, where that cannot be the same.
type difference struct {
	name     string
	standard string
	without  func(testCase) testCase
	resolve  func(ours result, of testCase) result
}

func unchanged(r result, _ testCase) result { return r }

func eachValue(c testCase, name string, change func(string) string) testCase {
	c.headers = slices.Clone(c.headers)
	for at, h := range c.headers {
		if name == "" || strings.EqualFold(h.name, name) {
			c.headers[at].value = change(h.value)
		}
	}
	return c
}
func count(c testCase, name string) int {
	n := 0
	for _, h := range c.headers {
		if strings.EqualFold(h.name, name) {
			n++
		}
	}
	return n
}
func joined(c testCase, name string) testCase {
	var values []string
	var others []header
	for _, h := range c.headers {
		if strings.EqualFold(h.name, name) {
			values = append(values, h.value)
		} else {
			others = append(others, h)
		}
	}
	if len(values) < 2 {
		return c
	}
	c.headers = append(others, header{name, strings.Join(values, ",")})
	return c
}
func trimmed(text string) string { return strings.Trim(text, " \t") }
func eachMember(list string, keep func(string) (string, bool)) string {
	var kept []string
	for _, one := range strings.Split(list, ",") {
		if changed, ok := keep(one); ok {
			kept = append(kept, changed)
		}
	}
	return strings.Join(kept, ",")
}
func keyOf(text string) string {
	key, _, _ := strings.Cut(text, "=")
	return strings.TrimLeft(key, " \t")
}

// Trace Context Level 1, which the peer follows: simple-key / tenant "@" system.
func isLevel1Key(key string) bool {
	letter := func(c byte) bool { return c >= 'a' && c <= 'z' }
	tenant, system, multi := strings.Cut(key, "@")
	if !multi {
		return letter(key[0])
	}
	return tenant != "" && len(tenant) <= 241 && len(system) <= 14 && system != "" && letter(system[0]) && !strings.Contains(system, "@")
}
func isLevel2Key(key string) bool {
	if key == "" || len(key) > 256 || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789_-*/@") != "" || strings.ContainsAny(key[:1], "_-*/@") {
		return false
	}
	return strings.IndexFunc(key, func(c rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789_-*/@", c) }) < 0
}
func withLevel1Keys(list string) string {
	return eachMember(list, func(one string) (string, bool) {
		key := keyOf(one)
		if isLevel2Key(key) && !isLevel1Key(key) {
			at := strings.Index(one, key)
			return one[:at] + fmt.Sprintf("level2_%x", key)[:min(200, 7+2*len(key))] + one[at+len(key):], true
		}
		return one, true
	})
}

func isDenyAlone(c testCase) bool {
	single, ids := "", false
	sampled := ""
	for _, h := range c.headers {
		switch name := strings.ToLower(h.name); {
		case name == "b3" && single == "":
			single = trimmed(h.value)
		case name == "x-b3-sampled" && sampled == "":
			sampled = strings.ToLower(h.value)
		case name == "x-b3-traceid" || name == "x-b3-spanid":
			ids = ids || h.value != ""
		}
	}
	return single == "0" || (!ids && (sampled == "0" || sampled == "false"))
}

var differences = []difference{
	{
		"blanks around a value",
		"RFC 9110, 5.5: \"A field value does not include leading or trailing whitespace.\" Carriers other than HTTP keep it.",
		func(c testCase) testCase { return eachValue(c, "", trimmed) }, unchanged,
	},
	{
		"traceparent of version 00 with flags above 3",
		"Trace Context Level 2, Other Flags: \"The behavior of other flags, such as (00000100) is not defined and is reserved for future use. " +
			"Vendors MUST set those to zero.\" Nothing makes the header invalid.",
		func(c testCase) testCase {
			return eachValue(c, "traceparent", func(value string) string {
				value = trimmed(value)
				if len(value) != 55 || !strings.HasPrefix(value, "00-") {
					return value
				}
				flags, err := strconv.ParseUint(value[53:], 16, 8)
				if err != nil || strings.ContainsAny(value[53:], "ABCDEF") {
					return value
				}
				return fmt.Sprintf("%s%02x", value[:53], flags&3)
			})
		}, unchanged,
	},
	{
		"traceparent of version 00 with a dash behind it",
		"Trace Context Level 2, version-format, for version 00: trace-id \"-\" parent-id \"-\" trace-flags, and no more; only \"if a higher version is " +
			"detected\" the flags may be \"followed by a dash\".",
		func(c testCase) testCase {
			return eachValue(c, "traceparent", func(value string) string {
				if value = trimmed(value); len(value) == 56 && strings.HasPrefix(value, "00-") && value[55] == '-' {
					return ""
				}
				return value
			})
		}, unchanged,
	},
	{
		"several traceparent headers",
		"The test suite of Trace Context, test_traceparent_duplicated: \"harness sends a request with two traceparent headers, expects a valid " +
			"traceparent from the output header, with a newly generated trace_id\".",
		func(c testCase) testCase {
			if count(c, "traceparent") > 1 {
				c.headers = nil
			}
			return c
		}, unchanged,
	},
	{
		"several tracestate headers",
		"Trace Context Level 2, tracestate Header Field Values: \"When receiving multiple tracestate header fields, they MUST be combined into a " +
			"single header according to RFC9110.\"",
		func(c testCase) testCase { return joined(c, "tracestate") }, unchanged,
	},
	{
		"blank members of a tracestate",
		"Trace Context Level 2, tracestate Header Field Values: \"Empty and whitespace-only list members are allowed.\"",
		func(c testCase) testCase {
			return eachValue(c, "tracestate", func(list string) string {
				return eachMember(list, func(one string) (string, bool) { return one, trimmed(one) != "" })
			})
		}, unchanged,
	},
	{
		"keys of a tracestate that Level 1 did not allow",
		"Trace Context Level 2, Key: key = ( lcalpha / DIGIT ) 0*255 ( keychar ), keychar = lcalpha / DIGIT / \"_\" / \"-\" / \"*\" / \"/\" / \"@\".",
		func(c testCase) testCase { return eachValue(c, "tracestate", withLevel1Keys) },
		func(r result, _ testCase) result {
			r.tracestate = withLevel1Keys(r.tracestate)
			return r
		},
	},
	{
		"a key that a tracestate has twice",
		"Trace Context Level 2, Mutating the tracestate Field: \"Finally, vendors MAY also discard duplicate keys that were not generated by them.\" Its " +
			"test suite, test_tracestate_duplicated_keys, expects \"the tracestate to be inherited\".",
		func(c testCase) testCase {
			return eachValue(c, "tracestate", func(list string) string {
				seen := map[string]bool{}
				return eachMember(list, func(one string) (string, bool) {
					key := keyOf(one)
					known := seen[key]
					seen[key] = true
					return one, !known
				})
			})
		}, unchanged,
	},
	{
		"baggage of more than 8192 bytes",
		"W3C Baggage, Limits: \"If either of the above conditions is not met, a platform MAY drop list-members until both conditions are met.\" The peer " +
			"drops all of them, we drop the last ones.",
		func(c testCase) testCase {
			return eachValue(joined(c, "baggage"), "baggage", func(list string) string {
				for len(list) > 8192 {
					list = list[:max(0, strings.LastIndexByte(list, ','))]
				}
				return list
			})
		}, unchanged,
	},
	{
		"a b3 header with something else where a dash belongs",
		"b3-propagation, Single Header: \"In simplest terms b3 maps propagation fields into a hyphen delimited string\".",
		func(c testCase) testCase {
			return eachValue(c, "b3", func(value string) string {
				ids := strings.IndexByte(value, '-') + 17
				if (len(value) > ids && value[ids] != '-') || (len(value) > ids+2 && value[ids+2] != '-') {
					return ""
				}
				return value
			})
		}, unchanged,
	},
	{
		"B3's deny without ids",
		"b3-propagation, Sampling State: \"Sampling state is almost always sent with Identifiers, but it can be sent alone (a predefined decision). " +
			"[...] Deny: aka don't sample or don't record\". The peer forgets it, and samples; with us what starts there is not sampled.",
		func(c testCase) testCase { return c },
		func(r result, c testCase) result {
			if isDenyAlone(c) && r.flags == 0 {
				r.trace, r.span = strings.Repeat("0", 32), strings.Repeat("0", 16)
			}
			return r
		},
	},
}
