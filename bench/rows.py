# SPDX-License-Identifier: Apache-2.0
"""Rows of figures: read from what programs print, gathered over runs, judged."""
import dataclasses
import operator
import statistics

SENSES = {"<=": operator.le, ">=": operator.ge}
# Half of the runs may lie so far apart, of their median: the row's, and the two timer reads' of the same runs.
BELIEVED_SPREAD = 0.10
RULE = (f"Each figure is the median of the runs, with the least and the most of them, of one process each. A row is *noisy* where the middle half of its runs, or of the "
        f"two timer reads beside them, spreads over more than {BELIEVED_SPREAD:.0%} of the median; if then not all runs are on the same side of the bar, the row is "
        f"*too noisy* to be believed.")


def spread(values):
    middle = statistics.median(values)
    if len(values) < 2 or middle == 0:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return abs((high - low) / middle)


def number(value):
    return f"{value:.0f}" if abs(value) >= 100 or value == 0 else f"{value:.3g}" if abs(value) < 1 else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


@dataclasses.dataclass(frozen=True)
class sample:
    """A row of one run. `bar` is empty or `<= 1.1`; `each` the nanoseconds behind a ratio, `reads` two timer reads of the same run: 0 where there are none."""
    section: str
    name: str
    value: float
    unit: str
    bar: str = ""
    each: float = 0
    reads: float = 0

    @property
    def key(self):
        return self.section, self.name, self.unit, self.bar


class row:
    """A row of all runs with one compiler."""

    def __init__(self, samples):
        self.values = [one.value for one in samples]
        self.each = [one.each for one in samples if one.each]
        self.reads = [one.reads for one in samples if one.reads]
        self.bar = samples[0].bar

    @property
    def noisy(self):
        return max(spread(self.values), spread(self.reads) if self.reads else 0) > BELIEVED_SPREAD

    def verdict(self):
        """yes, no, too noisy; empty without a bar."""
        if not self.bar:
            return ""
        sense, bar = self.bar.split()
        within = [SENSES[sense](value, float(bar)) for value in self.values]
        if float(bar) == 0:
            return "yes" if all(within) else "no"  # what must never be
        if self.noisy and len(set(within)) != 1:
            return "too noisy"
        return "yes" if SENSES[sense](statistics.median(self.values), float(bar)) else "no"

    def text(self):
        text = number(statistics.median(self.values))
        if len(self.values) > 1 and min(self.values) != max(self.values):
            text += f" ({number(min(self.values))} to {number(max(self.values))})"
        nanoseconds = [f"{number(statistics.median(values))} ns" for values in (self.each, self.reads) if values]
        if nanoseconds:
            text += "; " + " / ".join(nanoseconds)
        return text + (" noisy" if self.noisy else "")


def read(output):
    """The samples that a program printed, and what it complained of."""
    section, samples, complaints = "", [], []
    for line in output.splitlines():
        if line.startswith("# "):
            section = line[2:]
        elif line.startswith("! "):
            complaints.append(line[2:])
        elif line.count("\t") == 5:
            name, value, unit, bar, each, reads = line.split("\t")
            samples.append(sample(section, name, float(value), unit, bar, float(each), float(reads)))
    return samples, complaints


class results:
    """{key: {compiler: [sample]}}, in the order of measuring, and what went wrong."""

    def __init__(self, compilers):
        self.compilers = compilers
        self.samples = {}
        self.failures = []

    def add(self, compiler, samples):
        for one in samples:
            self.samples.setdefault(one.key, {}).setdefault(compiler, []).append(one)

    def fail(self, text):
        if text not in self.failures:
            self.failures.append(text)

    def rows(self):
        """(section, name, unit, bar), {compiler: row}; a section's together."""
        sections = list(dict.fromkeys(key[0] for key in self.samples))
        for key in sorted(self.samples, key=lambda key: sections.index(key[0])):
            yield key, {compiler: row(samples) for compiler, samples in self.samples[key].items()}

    def reads(self, compiler):
        return [one.reads for by_compiler in self.samples.values() for one in by_compiler.get(compiler, ()) if one.reads and "memcpy" not in one.unit]
