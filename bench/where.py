# SPDX-License-Identifier: Apache-2.0
"""Where the time goes: a span's instructions (callgrind) and nanoseconds (perf's samples) by step, on the thread that records and in the background.

Both give addresses; the debugging symbols say which functions, inlined ones too, an address is in, from the innermost out. The first that
belongs to a step decides. What belongs to none, such as a helper that copies a word, counts for who calls it.
"""
import collections
import pathlib
import re
import statistics
import subprocess
import tempfile

SPANS_A_ROUND = 8192  # bench/profiled.cpp
ATTRIBUTES = (0, 4)
HALVES = {"recorder": "on the thread that records", "bench_profiled": "in the background"}

# (step, file, function): regular expressions.
STEPS = {
    "recorder": [
        ("timer reads", r"nanospan/clock\.hpp", ""),
        ("timer reads", r"nanospan/span_recorder\.hpp", r"::start_clock"),
        ("ids", r"nanospan/id\.hpp", r"generator|random"),
        ("context stack", r"nanospan/scope\.hpp", ""),
        ("attributes", r"nanospan/attribute\.hpp", ""),
        ("attributes", r"nanospan/span_recorder\.hpp", r"::(add_|put_|append)"),
        ("into the ring", r"nanospan/(thread_)?ring\.hpp", ""),
        ("into the ring", r"nanospan/span_recorder\.hpp", r"::(hand_over|finish)"),
        ("header, begin and end", r"nanospan/(span|span_recorder|sampler)\.hpp", ""),
        ("the loop and the call", r"bench/", ""),
    ],
    "bench_profiled": [
        ("read the ring", r"nanospan/((thread_)?ring|collector)\.hpp", ""),
        ("clock conversion", r"nanospan/clock(_converter)?\.hpp", ""),
        ("names and keys from the cache", r"nanospan/detail/literal_cache\.hpp", ""),
        ("check of text", r"nanospan/detail/utf8\.hpp", ""),
        ("attributes made unique", r"nanospan/attribute_set\.hpp", r"::(add|collect|same_key|clear)|entry"),
        ("write", r"nanospan/(attribute_set|wire|otlp)\.hpp", ""),
        ("HTTP and socket", r"nanospan/(sender|pipeline|provider)\.hpp|nanospan/(exporters|detail)/|boost/", ""),
    ],
}
OUTSIDE = [  # by symbol, where there are no debugging symbols
    ("memcpy of the C library", r"mem(cpy|move|set)|__mem"),
    ("allocator", r"malloc|free|realloc|operator (new|delete)|_int_|calloc"),
]


def step_of_frames(half, frames):
    for function, file in frames:
        for step, of_file, of_function in STEPS[half]:
            if re.search(of_file, file) and re.search(of_function, function):
                return step
    return "other"


def step_of_symbol(half, symbol, library):
    if "kernel" in library:
        return "kernel"
    if half == "bench_profiled" and ("vdso" in library or "clock_gettime" in symbol):
        return "clock conversion"
    for step, pattern in OUTSIDE:
        if re.search(pattern, symbol):
            return step
    return "HTTP and socket" if half == "bench_profiled" and re.search(r"send|recv|poll|write|read", symbol) else "other"


class frames_of:
    """Address -> [(function, file)], the innermost first."""

    def __init__(self, program, addresses):
        listed = sorted(set(addresses))
        done = subprocess.run(["addr2line", "-e", program, "-ifaC"], input="".join(f"{address:#x}\n" for address in listed),
                              capture_output=True, text=True, check=True)
        self.known = collections.defaultdict(list)
        address, function = None, None
        for line in done.stdout.splitlines():
            if re.fullmatch(r"0x[0-9a-f]{16}", line):
                address, function = int(line, 16), None
            elif function is None:
                function = re.sub(r"\(.*", "", line)
            else:
                self.known[address].append((function, line))
                function = None

    def __getitem__(self, address):
        return self.known[address]


def by_step(half, program, weights):
    """{step: weight} of {(library, address, symbol): weight}."""
    inside = frames_of(program, [address for library, address, _ in weights if pathlib.Path(library).name == pathlib.Path(program).name])
    steps = collections.Counter()
    for (library, address, symbol), weight in weights.items():
        frames = inside[address]
        steps[step_of_frames(half, frames) if frames else step_of_symbol(half, symbol, library)] += weight
    return steps


def costs(profile):
    """{(object, address, function): instructions} of one of callgrind's files; what callees took stands with them."""
    found, library, function, of_callee = collections.Counter(), "", "", False
    for line in profile.splitlines():
        if line.startswith("ob="):
            library = line[3:]
        elif line.startswith("fn="):
            function = line[3:]
        elif line.startswith("calls="):
            of_callee = True
        elif line.startswith("0x"):
            if not of_callee:
                address, instructions = line.split()
                found[library, int(address, 16), function] += int(instructions)
            of_callee = False
    return found


def instructions(program, sink, attributes, rounds, directory):
    """{half: {step: instructions a span}}"""
    loop = "bench::loops::no_attribute(unsigned long)" if attributes == 0 else "bench::loops::four_attributes(unsigned long)"
    subprocess.run(["valgrind", "-q", "--tool=callgrind", "--dump-instr=yes", "--dump-line=no", "--compress-pos=no", "--compress-strings=no",
                    "--separate-threads=yes", "--callgrind-out-file=profile", f"--toggle-collect={loop}",
                    "--toggle-collect=nanospan::v0::tracer_provider::poll()", program, sink, str(rounds), str(attributes)],
                   cwd=directory, check=True, stdout=subprocess.DEVNULL)
    threads = {"bench_profiled": "profile-01", "recorder": "profile-02"}
    return {half: {step: sum_ / (rounds * SPANS_A_ROUND) for step, sum_ in
                   by_step(half, program, costs((pathlib.Path(directory) / threads[half]).read_text(encoding="utf-8"))).items()} for half in HALVES}


def nanoseconds(program, sink, attributes, rounds, directory):
    """{half: {step: nanoseconds a span}}; None where perf cannot sample. The kernel is the background's: who records waits for its turn there, and no more."""
    command = [program, sink, str(rounds), str(attributes)]
    measured = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=True).stdout.split()  # without samples, which take their time
    try:
        subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-F", "20000", "-o", "samples", *command], cwd=directory, capture_output=True, check=True)
        script = subprocess.run(["perf", "script", "-i", "samples", "-F", "comm,ip,sym,dso"], cwd=directory, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    weights = {half: collections.Counter() for half in HALVES}
    for line in script.stdout.splitlines():
        match = re.match(r"\s*(\S+)\s+([0-9a-f]+) (.*) \((.*)\)$", line)
        if match is None or match[1] not in HALVES or (match[1] == "recorder" and "kernel" in match[4]):
            continue
        weights[match[1]][match[4], int(match[2], 16), match[3]] += 1
    if not all(weights.values()):
        return None
    each = {}
    for half, all_steps in (("recorder", float(measured[0])), ("bench_profiled", float(measured[1]))):
        total = sum(weights[half].values())
        each[half] = {step: all_steps * count / total for step, count in by_step(half, program, weights[half]).items()}
    return each


def median_of(runs):
    steps = {step for run in runs for step in run}
    return {step: statistics.median(run.get(step, 0.0) for run in runs) for step in steps}


def measure(program, sink, quick):
    """{(half, attributes): ({step: instructions}, {step: nanoseconds} or None)}"""
    found = {}
    for attributes in ATTRIBUTES:
        with tempfile.TemporaryDirectory() as directory:
            counted = instructions(program, sink, attributes, 2 if quick else 8, directory)
            sampled = [run for run in (nanoseconds(program, sink, attributes, 50 if quick else 250, directory) for _ in range(1 if quick else 3)) if run is not None]
        for half in HALVES:
            found[half, attributes] = counted[half], median_of([run[half] for run in sampled]) if sampled else None
    return found
