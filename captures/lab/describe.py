#!/usr/bin/env python3
"""Measures a recording with tshark, checks it, and writes README.md and expected.json of its case.

    describe.py CASE OUT RUN META     one case: captures in OUT, logs in RUN, text and checks in META
    describe.py --again CAPTURES CASE...   texts and expectations of CASE.json anew; what was measured stays
    describe.py --index CAPTURES      the table of CAPTURES/README.md

The figures are of frames: a packet that was recorded at three interfaces counts three times.
Exit status 1: a check of META failed, so the recording does not show what it should.
"""
import collections
import json
import pathlib
import statistics
import subprocess
import sys

FIELDS = ("frame.time_epoch frame.len frame.cap_len ip.src ip.dst udp.srcport tcp.srcport tcp.dstport tcp.flags icmp.type icmp.code "
          "dns.id dns.flags.response dns.flags.rcode dns.flags.authoritative dns.flags.recavail dns.flags.truncated dns.count.answers").split()
RCODES = {"0": "NOERROR", "1": "FORMERR", "2": "SERVFAIL", "3": "NXDOMAIN", "5": "REFUSED"}
SUFFIXES = (".pcap", ".pcapng", ".pcap.gz", ".pcap.zst")


def read(path):
    """Rows of tshark fields, a list of values each; a .zst is unpacked for tshark."""
    source, command = path, []
    for field in FIELDS:
        command += ["-e", field]
    if path.name.endswith(".zst"):
        source = path.parent.parent / "unpacked.pcap"
        subprocess.run(["zstd", "-dqf", path, "-o", source], check=True)
    # Not defragmented: the first fragment holds the header, and counts where the others are missing, too.
    out = subprocess.run(["tshark", "-n", "-o", "ip.defragment:FALSE", "-r", source, "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,", *command],
                         check=True, capture_output=True, text=True).stdout
    if source != path:
        source.unlink()
    for line in out.splitlines():
        yield dict(zip(FIELDS, (value.split(",") if value else [] for value in line.split("\t"))))


def truth(value):
    return value in ("1", "True", "true")


def measure(path):
    """What tshark says about one capture."""
    rcodes, icmp, flags = collections.Counter(), collections.Counter(), collections.Counter()
    times = []
    legs = collections.defaultdict(lambda: [0, 0])
    count = collections.Counter()
    last_query = None
    resolver = collections.Counter()                    # packets sent to link-local services, by wall-clock second
    for row in read(path):
        time = float(row["frame.time_epoch"][0])
        times.append(time)
        count["frames"] += 1
        count["cut"] += row["frame.len"] != row["frame.cap_len"]
        source, target = (row["ip.src"] or [""])[0], (row["ip.dst"] or [""])[0]
        resolver[int(time)] += target.startswith("169.254.169.")
        if row["icmp.type"]:
            icmp[f"type {row['icmp.type'][0]} code {row['icmp.code'][0]} from {source} to {target}"] += 1
            continue                                    # the DNS inside is a quotation
        if "53" in row["tcp.srcport"] + row["tcp.dstport"]:      # not the metadata service
            tcp_flags = int(row["tcp.flags"][0], 16)
            count["tcp_syn"] += tcp_flags & 0x12 == 2
            count["tcp_rst"] += tcp_flags & 4 != 0
        transport = "tcp" if row["tcp.srcport"] else "udp"
        for i, response in enumerate(row["dns.flags.response"]):
            if not truth(response):
                count[f"{transport}_queries"] += 1
                legs[source, target][0] += 1
                last_query = time
                continue
            count[f"{transport}_responses"] += 1
            legs[target, source][1] += 1

            def at(field, i=i):
                values = row[field]
                return values[i] if i < len(values) else ""
            rcode = RCODES.get(at("dns.flags.rcode"), at("dns.flags.rcode"))
            rcodes[rcode] += 1
            flags["truncated"] += truth(at("dns.flags.truncated"))
            flags["nodata"] += rcode == "NOERROR" and at("dns.count.answers") == "0"
            if rcode == "SERVFAIL":
                flags["servfail_aa"] += truth(at("dns.flags.authoritative"))
                flags["servfail_ra"] += truth(at("dns.flags.recavail"))
    facts = {"bytes": path.stat().st_size, "seconds": round(times[-1] - times[0], 3) if times else 0}
    facts |= {key: count[key] for key in ("frames", "udp_queries", "udp_responses", "tcp_queries", "tcp_responses", "tcp_syn", "tcp_rst", "cut")}
    facts |= {"seconds_after_last_query": round(times[-1] - last_query, 3) if last_query else None,
              "link_local_peak": max(resolver.values(), default=0), "link_local_seconds_over_1024": sum(n > 1024 for n in resolver.values()),
              "rcodes": dict(rcodes), "flags": {k: v for k, v in flags.items() if v}, "icmp": dict(icmp.most_common(12)),
              "legs": [{"client": c, "server": s, "query_frames": q, "response_frames": r}
                       for (c, s), (q, r) in sorted(legs.items(), key=lambda leg: -leg[1][0])[:16]]}
    return facts


def clients(run):
    """Outcome of every driver, by log."""
    result = {}
    for log in sorted(run.glob("*.tsv")):
        rows = [line.split("\t") for line in log.read_text().splitlines()]
        if rows and rows[0][0] in ("sent", "connection"):
            result[log.stem] = [dict(zip(row[::2], row[1::2])) for row in rows]
            continue
        ms = [float(row[2]) for row in rows]
        result[log.stem] = {"lookups": len(rows), "ok": sum(row[3] == "ok" for row in rows),
                            "errors": dict(collections.Counter(row[3][:60] for row in rows if row[3] != "ok")),
                            "ms_median": round(statistics.median(ms), 1) if ms else None, "ms_max": round(max(ms), 1) if ms else None}
    return result


def check(meta, facts):
    """Evaluates the checks of a case: `f` is facts by capture, `d` what the drivers and marks say."""
    captures = {name.split(".")[0].replace("-", "_"): value["facts"] for name, value in facts["captures"].items()}
    # All names are globals: a generator inside eval sees no locals.
    scope = {"__builtins__": {"all": all, "any": any, "sum": sum, "float": float}, "f": captures, "d": facts["facts"],
             "rcode": lambda name, code: captures[name]["rcodes"].get(code, 0),
             "icmp": lambda name: sum(captures[name]["icmp"].values()),
             "leg": lambda name, client, server: next(((leg["query_frames"], leg["response_frames"]) for leg in captures[name]["legs"]
                                                       if (leg["client"], leg["server"]) == (client, server)), (0, 0)),
             "ok": lambda *logs: all(facts["facts"]["clients"][log]["lookups"] == facts["facts"]["clients"][log]["ok"] > 0 for log in logs)}
    failed = []
    for expression in [*meta.get("checks", []), "d['tcpdump_lost']=='0'"]:
        try:
            good = bool(eval(expression, scope))  # our own file
        except (KeyError, StopIteration) as error:
            good = False
            print(f"  {expression}: {error!r}", file=sys.stderr)
        if not good:
            failed.append(expression)
    return failed


def readme(case, meta, facts):
    """README.md of the case."""
    lines = [f"# {case}: {meta['title']}", "", meta["what"], "", "## What a reader should see", "", meta["see"], "", "## Where it was recorded", "",
             "| file | vantage point | expected verdict | frames | UDP q/r | TCP q/r | rcodes (frames) | ICMP | quiet at the end |",
             "|---|---|---|---|---|---|---|---|---|"]
    for name, capture in facts["captures"].items():
        f = capture["facts"]
        rcodes = ", ".join(f"{k} {v}" for k, v in sorted(f["rcodes"].items())) or "none"
        verdict = f"{words(capture['status'])}: `{words(capture['root_cause'])}`"
        if capture.get("include"):
            verdict += f", with `{'`, `'.join(capture['include'])}`"
        lines.append(f"| `{name}` | {meta['captures'][name]['where']} | {verdict} | {f['frames']} | {f['udp_queries']}/{f['udp_responses']} | "
                     f"{f['tcp_queries']}/{f['tcp_responses']} | {rcodes} | {sum(f['icmp'].values())} | {f['seconds_after_last_query']} s |")
    lines += ["", "Frames as tshark counts them, copies at several interfaces included.", "", "## Clients", "",
              "| log | lookups | good | median | longest | errors |", "|---|---|---|---|---|---|"]
    for log, result in facts["facts"]["clients"].items():
        if isinstance(result, list):
            lines.append(f"| {log} | " + "; ".join(", ".join(f"{k} {v}" for k, v in row.items()) for row in result) + " | | | | |")
            continue
        errors = "; ".join(f"{n} × {text}" for text, n in result["errors"].items()) or "none"
        lines.append(f"| {log} | {result['lookups']} | {result['ok']} | {result['ms_median']} ms | {result['ms_max']} ms | {errors} |")
    other = {k: v for k, v in facts["facts"].items() if k not in ("clients", "coredns", "versions")}
    if other:
        lines += ["", "Measured while recording: " + ", ".join(f"{k} {v}" for k, v in other.items()) + "."]
    lines += ["", "## Recorded by", "", f"    captures/lab/record {case}", "",
              "Network namespaces, nodes and pods as `captures/lab/README.md` says; " + facts["facts"]["versions"] + ".", ""]
    return "\n".join(lines)


def words(value):
    return " or ".join(value) if isinstance(value, list) else value


def versions(coredns):
    def first(*command):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return (done.stdout or done.stderr).splitlines()[0].strip()
    glibc = first("getconf", "GNU_LIBC_VERSION")
    musl = first("dpkg-query", "-W", "-f", "musl ${Version}\n", "musl")
    return (f"CoreDNS {coredns}, {first('unbound', '-V').replace('Version', 'unbound')}, {glibc}, {musl}, "
            f"{first('go', 'version').replace(' version', '')}, {first('tcpdump', '--version').replace('version ', '')}, Linux {first('uname', '-r')}")


def describe(case, out, run, meta_path):
    out, run = pathlib.Path(out), pathlib.Path(run)
    meta = json.loads(pathlib.Path(meta_path).read_text())
    facts = {"purpose": meta["title"], "facts": {"clients": clients(run)}, "captures": {}}
    for line in (run / "facts.txt").read_text().splitlines():
        key, value = line.split("\t")
        facts["facts"][key] = value
    facts["facts"]["versions"] = versions(facts["facts"]["coredns"])
    found = sorted(path.name for path in out.iterdir() if path.name.endswith(SUFFIXES))
    if found != sorted(meta["captures"]):
        sys.exit(f"captures {found}, but {meta_path} describes {sorted(meta['captures'])}")
    for name, expected in meta["captures"].items():
        facts["captures"][name] = {k: v for k, v in expected.items() if k != "where"} | {"facts": measure(out / name)}
    (out / "expected.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
    (out / "README.md").write_text(readme(case, meta, facts))
    failed = check(meta, facts)
    for expression in failed:
        print(f"  not so: {expression}", file=sys.stderr)
    return bool(failed)


def again(captures, cases):
    """After a change of words or expectations: no new recording is needed for that."""
    for case in cases:
        folder = pathlib.Path(captures) / case
        meta = json.loads((pathlib.Path(captures) / "lab" / "cases" / f"{case}.json").read_text())
        facts = json.loads((folder / "expected.json").read_text())
        if sorted(facts["captures"]) != sorted(meta["captures"]):
            sys.exit(f"{case}: other captures than in its description")
        facts["purpose"] = meta["title"]
        facts["captures"] = {name: {k: v for k, v in expected.items() if k != "where"} | {"facts": facts["captures"][name]["facts"]}
                             for name, expected in meta["captures"].items()}
        (folder / "expected.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
        (folder / "README.md").write_text(readme(case, meta, facts))


def index(captures):
    captures = pathlib.Path(captures)
    rows = []
    for path in sorted(captures.glob("[a-z]*/expected.json")):
        case, facts = path.parent.name, json.loads(path.read_text())
        for i, (name, capture) in enumerate(facts["captures"].items()):
            rows.append(f"| {f'[{case}]({case}/)' if not i else ''} | {facts['purpose'] if not i else ''} | `{name}` | {words(capture['status'])} | "
                        f"`{words(capture['root_cause'])}` | {capture['facts']['bytes'] // 1024} kB |")
    text = (captures / "lab" / "index.md").read_text()
    (captures / "README.md").write_text(text.replace("{{cases}}", "\n".join(rows)))


if __name__ == "__main__":
    if sys.argv[1] == "--index":
        index(sys.argv[2])
    elif sys.argv[1] == "--again":
        again(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(describe(*sys.argv[1:]))
