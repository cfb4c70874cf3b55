# shellcheck shell=bash
# Vantage points: tcpdump in the namespaces, all at the same time.

# Queries and answers, ICMP errors, later fragments (they have no ports), the
# metadata service and ARP. Whoever records only `port 53` cannot tell DROP from REJECT.
FILTER='port 53 or icmp or icmp6 or (ip[6:2] & 0x1fff != 0) or host 169.254.169.254 or host 169.254.169.253 or arp'

declare -a CAPTURES=()

# capture FILE NS IFACE [TCPDUMP OPTION...]
capture() {
    local file=$1 ns=$2 dev=$3 err=$RUN/$1.tcpdump; shift 3
    # -Z root: tcpdump drops to a user of its own else, who may not write here.
    # -U and immediate mode: what is on the wire is in the file, even when we stop at once.
    # -s 2048: a whole packet here, and in immediate mode the size of a slot of the kernel's ring. With the
    # default of 256 kB the ring holds 32 packets and loses some.
    ip netns exec "$ns" tcpdump -Z root -n -U --immediate-mode -B 8192 -s 2048 -i "$dev" -w "$OUT/$file" "$@" "$FILTER" 2>"$err" &
    CAPTURES+=("$!")
    for _ in $(seq 50); do
        ! grep -qs 'listening on' "$err" || return 0
        sleep 0.05
    done
    die "tcpdump on $ns/$dev: $(cat "$err")"
}

captures_stop() {
    local pid
    sleep 0.5       # dumpcap reads its ring in blocks; what is in an open one would be lost
    for pid in "${CAPTURES[@]}"; do kill -INT "$pid" 2>/dev/null || true; done
    for pid in "${CAPTURES[@]}"; do wait "$pid" 2>/dev/null || true; done
    CAPTURES=()
    # What the kernel dropped makes a recording worthless as a truth.
    fact tcpdump_lost "$(awk '/dropped by kernel/ {n += $1} END {print n + 0}' "$RUN"/*.tcpdump)"
}

# The usual set: both nodes, one client pod, one CoreDNS pod.
capture_all() { # [CLIENT_POD]
    capture node-any.pcap dl-node1 any
    capture node-eth0.pcap dl-node1 eth0
    capture node2-any.pcap dl-node2 any
    capture pod.pcap "${1:-dl-web}" eth0
    capture coredns.pcap dl-cd2 eth0
}
