# shellcheck shell=bash
# What every part of the lab shares: paths, versions, messages, processes, cleanup.
# Sourced by ../record; LAB is set there.

WORK=${DL_WORK:-/tmp/lab}            # scratch: binaries, logs, half-made recordings
BIN=$WORK/bin
RUN=$WORK/run                        # logs and generated configuration of the running case
COREDNS_VERSION=${COREDNS_VERSION:-v1.13.2}
COREDNS_OLD=v1.12.4                  # before max_connect_attempts (1.13.2): another timing of forward

CLUSTER_IP=172.20.0.10               # kube-dns; EKS takes 172.20.0.0/16 when the VPC is in 10/8
SEARCH="default.svc.cluster.local svc.cluster.local cluster.local us-west-2.compute.internal"
VPC_CIDR=10.0.0.0/16

say()  { printf '[%(%H:%M:%S)T] %s\n' -1 "$*" >&2; }
die()  { say "error: $*"; exit 1; }
need() { command -v "$1" >/dev/null || die "$1 is missing ($2)"; }

in_ns() { local ns=$1; shift; ip netns exec "$ns" "$@"; }

# Started processes, by id, so that only these are ended.
declare -a DRIVERS=()

# drive NS LOG COMMAND...: a client in the background, its output in the case's log folder.
drive() {
    local ns=$1 log=$2; shift 2
    ip netns exec "$ns" "$@" >"$RUN/$log.tsv" 2>"$RUN/$log.err" &
    DRIVERS+=("$!")
}

# Waits for every driver; none may run longer than the limit that it was given.
drivers_wait() {
    local pid
    for pid in "${DRIVERS[@]}"; do wait "$pid" || true; done
    DRIVERS=()
}

# Ends what still runs inside the lab's own namespaces, then removes these. Nothing outside is touched.
lab_down() {
    local ns pids
    for ns in $(ip netns list | awk '$1 ~ /^dl-/ {print $1}'); do
        pids=$(ip netns pids "$ns" 2>/dev/null || true)
        # Not TERM: CoreDNS would stay for its lameduck time.
        # shellcheck disable=SC2086  # a list of ids
        [ -z "$pids" ] || kill -KILL $pids 2>/dev/null || true
        ip netns del "$ns" 2>/dev/null || true
        rm -rf "/etc/netns/$ns"
    done
    rmdir /etc/netns 2>/dev/null || true
    DRIVERS=()
    CAPTURES=()
}

# fact NAME VALUE: something measured while recording, for expected.json.
fact() { printf '%s\t%s\n' "$1" "$2" >>"$RUN/facts.txt"; }

# mark NAME: the moment, in Unix time, at which something was made to happen.
mark() { fact "at_$1" "$(date +%s.%6N)"; }
