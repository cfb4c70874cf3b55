# shellcheck shell=bash
# Causes that sit in the network between client and server: conntrack and NAT, fragments, filters in odd places.

# pack FILE...: ends the recording and compresses what is large
pack() {
    local file
    captures_stop
    for file in "$@"; do zstd -q --rm -19 "$OUT/$file"; done
}

# --- one of a pair is lost before the DNAT ---------------------------------------------------------------------

# This kernel resolves the race itself (README.md, conntrack races), so the loss is made: what the race drops, and
# nothing else. mangle/PREROUTING is after the conntrack lookup and before nat, so that a dropped packet has its copy on the
# veth and none after DNAT, as one whose conntrack entry could not be inserted.
#   second packet of a flow: while nothing has been answered on that port yet, so the AAAA of a pair
#   first packet of a flow:  now and then musl's A; the AAAA, which follows in any case, then opens the flow. (A glibc that has
#                            met a timeout sends a lone A, and a lone packet cannot lose a race.)
# A repeat is neither. Go asks A and AAAA from two ports, so no packet of it matches.
race_rules() { # PROBABILITY_OF_MUSLS_FIRST PROBABILITY_OF_THE_SECOND
    local nth="--connbytes-dir original --connbytes-mode packets"
    in_ns dl-node1 iptables -t mangle -N RACE
    # shellcheck disable=SC2086  # two options
    in_ns dl-node1 iptables -t mangle -A RACE -s "${POD_IP[dl-api]}" -m connbytes --connbytes 1:1 $nth \
        -m string --algo bm --hex-string '|0000010001|' -m statistic --mode random --probability "$1" -j DROP
    # shellcheck disable=SC2086
    in_ns dl-node1 iptables -t mangle -A RACE -m connbytes --connbytes 2:2 $nth -m conntrack --ctstate NEW \
        -m statistic --mode random --probability "$2" -j DROP
    in_ns dl-node1 iptables -t mangle -A PREROUTING -i eni+ -d $CLUSTER_IP -p udp --dport 53 -j RACE
}

dropped_by() { in_ns "$1" iptables -t "$2" -L "$3" -v -n -x | awk '$3=="DROP" || $3=="REJECT" {n+=$1} END {print n+0}'; }   # NS TABLE CHAIN

# glibc_each POD LOG COUNT INTERVAL_S NAME...: one process a lookup, as scripts and short-lived jobs have it. (getent will not do: it has
# AI_ADDRCONFIG and asks for no AAAA in a pod without an IPv6 address.)
glibc_each() {
    local ns=$1 log=$2 count=$3 interval=$4; shift 4
    # shellcheck disable=SC2016  # for the inner shell
    drive "$ns" "$log" bash -c 'lookup=$1 count=$2 interval=$3; shift 3; names=("$@")
        for ((i = 0; i < count; i++)); do "$lookup" -n 1 -d 1 "${names[i % $#]}"; sleep "$interval"; done' glibc_each "$BIN/lookup-glibc" "$count" "$interval" "$@"
}

race_clients() {
    local i
    # A glibc that has met a timeout asks one after another from then on and is safe: the long process loses one.
    for i in 1 2 3 4; do glibc_each dl-web "web-each$i" 16 0.35 web.default.svc.cluster.local api.default orders.shop; done
    glibc dl-web web-glibc 24 450 12 cart.shop payments.shop
    for i in 1 2 3; do musl dl-api "api-musl$i" 26 330 12 orders.shop.svc.cluster.local. redis.cache www.example.com.; done
    for i in 1 2; do golang dl-job "job-go$i" 26 400 12 cart.shop.svc.cluster.local. api.default; done
    glibc dl-shop shop-glibc 20 550 12 cart.shop www.example.org.
}

case_dnat_race() {
    topology_up 1 2; services_up
    race_rules 0.04 0.10
    capture node-any.pcap dl-node1 any
    capture node-eth0.pcap dl-node1 eth0
    capture pod.pcap dl-web eth0
    capture pod-musl.pcap dl-api eth0
    capture pod-go.pcap dl-job eth0
    capture coredns.pcap dl-cd2 eth0
    race_clients
    drivers_wait
    mark clients_done
    fact packets_lost "$(dropped_by dl-node1 mangle RACE)"
    settle 6
    pack node-any.pcap node-eth0.pcap coredns.pcap
}

case_dnat_race_timeout2() {
    local pod
    topology_up 1 2; services_up
    for pod in dl-web dl-api dl-job; do resolv "$pod" "nameserver $CLUSTER_IP" "search $SEARCH" "options ndots:5 timeout:2"; done
    race_rules 0.04 0.10
    capture node-any.pcap dl-node1 any
    capture pod.pcap dl-web eth0
    capture pod-musl.pcap dl-api eth0
    race_clients
    drivers_wait
    mark clients_done
    fact packets_lost "$(dropped_by dl-node1 mangle RACE)"
    settle 6
    pack node-any.pcap
}

# The race for real, and what this kernel makes of it: both queries get through, often to two backends.
case_dnat_race_resolved() {
    topology_up 1 2; services_up
    capture node-any.pcap dl-node1 any
    capture pod.pcap dl-job eth0
    drive dl-job job-pairs "$BIN/pairs" $CLUSTER_IP 160 20
    glibc dl-web web-glibc 8 450 5 web.default www.example.com.
    drivers_wait
    fact clash_resolve "$(in_ns dl-node1 conntrack -S | grep -o 'clash_resolve=[0-9]*' | awk -F= '{n+=$2} END {print n+0}')"
    fact insert_failed "$(in_ns dl-node1 conntrack -S | grep -o 'insert_failed=[0-9]*' | awk -F= '{n+=$2} END {print n+0}')"
    settle 6
}

# --- stale conntrack -------------------------------------------------------------------------------------------

# cares POD LOG COUNT INTERVAL_MS NAME...: c-ares in Node, one channel for all questions
cares() { local ns=$1 log=$2; shift 2; drive "$ns" "$log" timeout 60 node "$LAB/clients/cares.js" "$@"; }

# keep POD LOG SECONDS NAME: one socket for ever, two questions a second, as a proxy has it
keep() { load "$1" "$2" $CLUSTER_IP 2 "$3" -sockets 1 -names 1 -name "$4"; }

# An endpoint is taken out properly and then its pod goes; the conntrack entries stay, which kube-proxy should have
# deleted. Whoever keeps its socket keeps its backend.
case_stale_conntrack() {
    local i
    topology_up 2 2; services_up
    capture node-any.pcap dl-node1 any
    capture node-eth0.pcap dl-node1 eth0
    capture pod.pcap dl-job eth0
    capture pod-cares.pcap dl-api eth0
    capture coredns.pcap dl-cd1 eth0
    for i in 1 2 3 4 5; do keep dl-job "job-keep$i" 29 web.default.svc.cluster.local; done
    for i in 1 2 3; do keep dl-web "web-keep$i" 29 orders.shop.svc.cluster.local; done
    for i in 1 2 3 4; do cares dl-api "api-cares$i" 58 500 cart.shop.svc.cluster.local api.default.svc.cluster.local; done
    glibc  dl-job job-glibc 40 700 29 web.default www.example.com.
    golang dl-api api-go    30 900 29 cart.shop
    musl   dl-web web-musl  30 900 29 orders.shop
    sleep 5
    kube_proxy 1 "${POD_IP[dl-cd1]}"; kube_proxy 2 "${POD_IP[dl-cd1]}"
    mark endpoint_removed
    sleep 0.3
    coredns_stop dl-cd2
    ip -n dl-node2 route replace blackhole "${POD_IP[dl-cd2]}/32"
    mark pod_deleted
    drivers_wait
    mark clients_done
    in_ns dl-node1 conntrack -L -p udp --dport 53 2>/dev/null | grep -c "src=${POD_IP[dl-cd2]}" >"$RUN/stale.txt" || true
    fact stale_entries "$(cat "$RUN/stale.txt")"
    settle 6
    pack node-any.pcap node-eth0.pcap coredns.pcap
}

# --- answers from another address ------------------------------------------------------------------------------

# bridge_pods POD...: the node 1 pods on a Linux bridge (as kubenet or a plain bridge CNI has them) instead of routed veths
bridge_pods() {
    local pod host
    ip -n dl-node1 link add cbr0 address 0a:58:0a:00:01:31 type bridge
    ip -n dl-node1 addr add 10.0.1.49/28 dev cbr0
    ip -n dl-node1 link set cbr0 up
    for pod in "$@"; do
        host=$(host_veth "$pod")
        ip -n dl-node1 route del "${POD_IP[$pod]}/32"
        ip -n dl-node1 link set "$host" master cbr0
        ip -n "$pod" addr flush dev eth0
        ip -n "$pod" addr add "${POD_IP[$pod]}/28" dev eth0
        ip -n "$pod" route add default via 10.0.1.49
    done
    # br_netfilter is not there: what stays on the bridge passes no conntrack.
    in_ns dl-node1 sh -c 'for f in /proc/sys/net/bridge/bridge-nf-call-*; do [ ! -e "$f" ] || echo 0 >"$f"; done' 2>/dev/null || true
}

reply_clients() {
    glibc  dl-web  web-glibc  12 500 9 web.default www.example.com.
    glibc  dl-web  web-glibc2 12 500 9 api.default
    musl   dl-api  api-musl   10 500 9 orders.shop www.example.org.
    golang dl-job  job-go     8  600 9 cart.shop
    glibc  dl-shop shop-glibc 20 450 11 cart.shop www.example.org.
}

case_reply_source() {
    topology_up 1 2; bridge_pods dl-web dl-api dl-job dl-cd1; services_up
    capture node-any.pcap dl-node1 any
    capture node-eth0.pcap dl-node1 eth0
    capture pod.pcap dl-web eth0
    capture pod-musl.pcap dl-api eth0
    capture coredns.pcap dl-cd1 eth0
    reply_clients
    drivers_wait
    mark clients_done
    settle 6
}

# The same from both backends: the answers on node 1 are not tracked, so nothing turns their source back into the ClusterIP.
case_reply_source_notrack() {
    topology_up 2 2; services_up
    in_ns dl-node1 iptables -t raw -A PREROUTING -p udp --sport 53 -s "${POD_IP[dl-cd1]}" -j CT --notrack
    in_ns dl-node1 iptables -t raw -A PREROUTING -p udp --sport 53 -s "${POD_IP[dl-cd2]}" -j CT --notrack
    capture node-any.pcap dl-node1 any
    capture node-eth0.pcap dl-node1 eth0
    capture pod.pcap dl-web eth0
    capture coredns.pcap dl-cd2 eth0
    reply_clients
    drivers_wait
    mark clients_done
    settle 6
}

# --- fragments -------------------------------------------------------------------------------------------------

# A headless Service of 220 pods in the cluster zone (3.5 kB), and unbound that sends up to 4096 bytes.
large_answers() {
    local i
    { cat "$LAB/services/cluster.local.zone"; for i in $(seq 220); do echo "fleet.batch.svc IN A 10.0.$((4 + i / 200)).$((20 + i % 200))"; done; } >"$RUN/large.zone"
    sed "s#file cluster.local.zone#file $RUN/large.zone#" "$LAB/services/Corefile.eks" >"$RUN/large.corefile"
    sed 's/1232/4096/' "$LAB/services/unbound.conf" >"$RUN/unbound.conf"
    UNBOUND_CONF=$RUN/unbound.conf services_up "$RUN/large.corefile" "$RUN/large.corefile"
}

# dig_loop POD LOG COUNT INTERVAL_S TYPE NAME [OPTION...]: as getent_loop; ok is an answer with records
dig_loop() {
    local ns=$1 log=$2 count=$3 interval=$4 type=$5 name=$6; shift 6
    # shellcheck disable=SC2016  # for the inner shell
    drive "$ns" "$log" bash -c '
        count=$1 interval=$2 type=$3 name=$4; shift 4
        for ((i = 0; i < count; i++)); do
            t0=${EPOCHREALTIME/./}
            first=$(dig +short "$@" "$type" "$name" 2>/dev/null | grep -v "^;" | head -n 1 | cut -c 1-40)
            t1=${EPOCHREALTIME/./}
            printf "%s.%s\t%s\t%s\t%s\t%s\n" "${t0:0:10}" "${t0:10}" "$name" "$(((t1 - t0) / 1000))" "$([ -n "$first" ] && echo ok || echo failed)" "${first:--}"
            sleep "$interval"
        done' dig_loop "$count" "$interval" "$type" "$name" "$@"
}

fragment_clients() {
    dig_loop dl-web web-large  4 0.6 A fleet.batch.svc.cluster.local +bufsize=4096 +tries=2 +time=2
    dig_loop dl-api api-large  4 0.6 A fleet.batch.svc.cluster.local +bufsize=4096 +tries=2 +time=2
    dig_loop dl-web web-1232   5 1.5 A fleet.batch.svc.cluster.local +bufsize=1232 +tries=2 +time=2
    dig_loop dl-api api-txt    2 1.5 TXT large.example.com +bufsize=4096 +tries=2 +time=2
    glibc  dl-web  web-glibc  16 700 13 web.default www.example.com.
    golang dl-job  job-go     12 900 13 cart.shop api.payments.example.com.
    glibc  dl-shop shop-glibc 12 900 13 cart.shop
}

fragment_captures() {
    capture node-any.pcap dl-node1 any
    capture node-eth0.pcap dl-node1 eth0
    FILTER='port 53' capture node-eth0-port53.pcap dl-node1 eth0
    capture node2-eth0.pcap dl-node2 eth0
    capture pod.pcap dl-web eth0
}

# Both CoreDNS pods on node 2, so every answer to node 1 crosses the VPC, and the VPC loses what has an offset.
case_fragments_lost() {
    topology_up 2 2; large_answers
    in_ns dl-vpc iptables -A FORWARD -o n1 -f -j DROP
    fragment_captures
    capture coredns.pcap dl-cd2 eth0
    fragment_clients
    drivers_wait
    mark clients_done
    fact fragments_lost "$(dropped_by dl-vpc filter FORWARD)"
    settle 6
    pack node-any.pcap node2-eth0.pcap
}

case_fragments_arrive() {
    topology_up 2 2; large_answers
    fragment_captures
    fragment_clients
    drivers_wait
    settle 6
    pack node-any.pcap node2-eth0.pcap
}

# The same on the way from the VPC's resolver to CoreDNS: what the clients see is SERVFAIL.
case_fragments_lost_upstream() {
    topology_up 1 2; large_answers
    in_ns dl-vpc iptables -A FORWARD -i res -f -j DROP
    capture node-any.pcap dl-node1 any
    capture node-eth0.pcap dl-node1 eth0
    capture pod.pcap dl-web eth0
    dig_loop dl-web web-large  3 0.5 TXT large.example.com +bufsize=4096 +tries=1 +time=7
    dig_loop dl-api api-large  3 0.6 TXT large.example.com +bufsize=4096 +tries=1 +time=7
    dig_loop dl-job job-large  3 0.7 TXT large.example.com +bufsize=4096 +tries=1 +time=7
    glibc  dl-web  web-glibc  24 600 16 web.default www.example.com.
    golang dl-api  api-go     16 900 16 cart.shop api.payments.example.com.
    drivers_wait
    mark clients_done
    fact fragments_lost "$(dropped_by dl-vpc filter FORWARD)"
    settle 6
}

# --- filters in odd places -------------------------------------------------------------------------------------

rejected_captures() {
    capture node-any.pcap dl-node1 any
    capture node-eth0.pcap dl-node1 eth0
    capture pod-blocked.pcap dl-job eth0
}

rejected_clients() {
    neighbours 6
    glibc  dl-job job-glibc 8 700 6 api.default www.example.com.
    musl   dl-job job-musl  1 200 6 orders.shop
    golang dl-job job-go    4 1300 6 web.default
    drivers_wait
    mark clients_done
}

reject_on_node() { # ICMP_TYPE
    topology_up 1 2; services_up
    block_job REJECT --reject-with "$1"
    rejected_captures
    rejected_clients
    settle 6
    fact packets_rejected "$(dropped_by dl-node1 filter FORWARD)"
}
case_rejected_net_unreachable()  { reject_on_node icmp-net-unreachable; }
case_rejected_host_prohibited()  { reject_on_node icmp-host-prohibited; }

# A firewall between the nodes, which sees the packets after DNAT.
case_rejected_by_router() {
    topology_up 2 2; services_up
    in_ns dl-vpc iptables -A FORWARD -s "${POD_IP[dl-job]}" -p udp --dport 53 -j REJECT --reject-with icmp-admin-prohibited
    fact blocked_pod "${POD_IP[dl-job]}"
    rejected_captures
    capture coredns.pcap dl-cd2 eth0
    rejected_clients
    settle 6
    fact packets_rejected "$(dropped_by dl-vpc filter FORWARD)"
}

# TCP to port 53 is answered with RST by the node, UDP passes.
case_tcp53_reset() {
    topology_up 2 2; services_up
    in_ns dl-node1 iptables -A FORWARD -p tcp --dport 53 -j REJECT --reject-with tcp-reset
    capture node-any.pcap dl-node1 any
    capture node-eth0.pcap dl-node1 eth0
    capture pod.pcap dl-web eth0
    glibc  dl-api api-glibc 10 700 8 web.default www.example.com.
    golang dl-web web-go     6 600 6 workers.batch
    glibc  dl-web web-glibc  5 600 6 workers.batch.svc.cluster.local.
    glibc  dl-web web-small 10 900 9 orders.shop
    drivers_wait
    settle 6
}

dropped_clients() {
    local i
    neighbours 13
    glibc  dl-job job-glibc 1 0 5 api.default
    for i in 1 2 3; do musl dl-job "job-musl$i" 2 100 9 orders.shop; done
    for i in 1 2; do golang dl-job "job-go$i" 1 0 5 www.example.com.; done
    drivers_wait
    mark clients_done
}

# As a security group of the CoreDNS pods that does not know the client's: what job sends arrives and is dropped there.
case_client_dropped_at_server() {
    local pod
    topology_up 1 2; services_up
    for pod in dl-cd1 dl-cd2; do in_ns $pod iptables -A INPUT -s "${POD_IP[dl-job]}" -p udp --dport 53 -j DROP; done
    fact blocked_pod "${POD_IP[dl-job]}"
    blocked_captures
    dropped_clients
    settle 6
    fact packets_dropped "$(($(dropped_by dl-cd1 filter INPUT) + $(dropped_by dl-cd2 filter INPUT)))"
}

# Only the answers are dropped, on job's own node.
case_answers_dropped() {
    topology_up 1 2; services_up
    in_ns dl-node1 iptables -A FORWARD -d "${POD_IP[dl-job]}" -p udp --sport 53 -j DROP
    fact blocked_pod "${POD_IP[dl-job]}"
    blocked_captures
    dropped_clients
    settle 6
    fact packets_dropped "$(dropped_by dl-node1 filter FORWARD)"
}

# A pod is born, and for its first four seconds everything it sends is dropped, as the VPC CNI does in its strict mode until the
# policies are programmed. A clone of a healthy neighbour otherwise.
case_strict_startup() {
    topology_up 1 2; services_up
    capture node-any.pcap dl-node1 any
    capture node-eth0.pcap dl-node1 eth0
    capture coredns.pcap dl-cd2 eth0
    neighbours 16
    sleep 2
    in_ns dl-node1 iptables -A FORWARD -s 10.0.1.54 -j DROP
    pod_up dl-fresh 1 10.0.1.54
    capture pod.pcap dl-fresh eth0
    mark pod_born
    glibc  dl-fresh fresh-glibc 20 500 13 api.default
    glibc  dl-fresh fresh-glibc2 20 500 13 web.default www.example.com.
    musl   dl-fresh fresh-musl  20 500 13 orders.shop
    golang dl-fresh fresh-go    20 500 13 cart.shop
    sleep 4
    fact packets_dropped "$(dropped_by dl-node1 filter FORWARD)"
    in_ns dl-node1 iptables -D FORWARD -s 10.0.1.54 -j DROP
    mark policy_programmed
    drivers_wait
    mark clients_done
    settle 6
    pack node-any.pcap
}
