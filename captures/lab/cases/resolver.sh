# shellcheck shell=bash
# Cases whose cause is on the resolvers' side: the upstream, its validation, CoreDNS itself.

# slow_up SHARE MIN MAX [DELAY OPTION]: as services_up, with a resolver of the VPC that holds back a share of its answers.
# unbound answers on loopback; a relay on 10.0.0.2 and 10.0.0.3 gives its answers on. Corefile from $COREFILE.
slow_up() {
    sed -e '/interface: 10\.0\.0\.3/d' -e 's/interface: 10\.0\.0\.2/interface: 127.0.0.1@5300/' \
        "$LAB/services/unbound.conf" >"$RUN/unbound.conf"
    UNBOUND_CONF=$RUN/unbound.conf resolver_up
    ip netns exec dl-res "$BIN/dl-client" delay -listen 10.0.0.2:53,10.0.0.3:53 -to 127.0.0.1:5300 \
        -share "$1" -min "$2" -max "$3" "${@:4}" >>"$RUN/delay.log" 2>&1 &
    DELAY_PID=$!
    disown $!
    coredns dl-cd1 "${COREFILE:-Corefile.eks}"; coredns dl-cd2 "${COREFILE:-Corefile.eks}"
    warm
    sleep 3         # CoreDNS' own probe for loops at its start is held back too
}

warm() { # the cluster's names only
    local pod
    for pod in dl-web dl-api dl-job dl-shop dl-cart; do in_ns "$pod" getent ahostsv4 kubernetes.default.svc.cluster.local. >/dev/null || true; done
}

# finish SECONDS: settles; the recordings of the nodes, which hold most, are compressed
finish() {
    settle "$1"
    captures_stop
    zstd -q --rm -19 "$OUT"/node*.pcap
}

# What dnsmasq, dig and agents would never have cached: every lookup has another name.
capture_resolvers() { capture_all "${1:-dl-web}"; capture upstream.pcap dl-res eth0; }

outside() { # SECONDS: four resolvers ask for names that no cache has
    glibc  dl-web  web-glibc  40 250 "$1" w{1..40}.cdn.example.net.
    musl   dl-api  api-musl   40 350 "$1" a{1..40}.many.example.com.
    golang dl-job  job-go     40 350 "$1" j{1..40}.cdn.example.net.
    glibc  dl-shop shop-glibc 40 350 "$1" s{1..40}.many.example.com.
}

inside() { # SECONDS: names of the cluster
    glibc  dl-web  web-cluster  100 300 "$1" api.default.svc.cluster.local. orders.shop.svc.cluster.local.
    golang dl-cart cart-cluster 100 400 "$1" cart.shop.svc.cluster.local. web.default.svc.cluster.local.
}

case_upstream_slow() {
    topology_up 1 2; slow_up 1 800ms 1300ms
    capture_resolvers
    outside 10; inside 10
    drivers_wait
    finish 6
}

# Later than the two seconds that CoreDNS waits.
case_upstream_too_slow() {
    topology_up 1 2; slow_up 1 2300ms 2900ms
    capture_resolvers
    outside 10; inside 10
    drivers_wait
    finish 6
}

# A resolver with a cold cache now and then: nothing is wrong.
case_healthy_cold() {
    topology_up 1 2; slow_up 0.15 100ms 300ms
    capture_resolvers
    outside 9; inside 9
    drivers_wait
    finish 1
}

# zone_conf ADDRESS_OF_PARTNER ADDRESS_OF_LEGACY: unbound with two zones of others
zone_conf() {
    sed 's/^server:/server:\n    ede: yes/' "$LAB/services/unbound.conf"
    printf 'forward-zone:\n    name: "partner.example."\n    forward-addr: %s\n' "$1"
    printf 'forward-zone:\n    name: "legacy.example."\n    forward-addr: %s\n' "$2"
}

two_zones() { # SECONDS: everybody asks for names of the two zones, and for others
    glibc  dl-web  web-glibc   20 500 "$1" api.partner.example. www.example.com. db.legacy.example.
    resolv dl-api "nameserver $CLUSTER_IP" "search $SEARCH" "options ndots:5 edns0"
    glibc  dl-api  api-edns    20 500 "$1" p{1..20}.partner.example.
    golang dl-job  job-go      14 700 "$1" j{1..7}.legacy.example. www.example.org.
    musl   dl-shop shop-musl    4 700 "$1" s{1..4}.partner.example.
    inside "$1"
}

# The servers of two zones fail (SERVFAIL, REFUSED); the upstream says SERVFAIL.
case_upstream_servfail() {
    topology_up 1 2
    sed "s|file \([a-z-]*\.zone\)|file $LAB/services/\1|" "$LAB/services/Corefile.internet" >"$RUN/Corefile.internet"
    printf 'partner.example:5301 {\n    template ANY ANY {\n        rcode SERVFAIL\n    }\n}\n' >>"$RUN/Corefile.internet"
    printf 'legacy.example:5301 {\n    template ANY ANY {\n        rcode REFUSED\n    }\n}\n' >>"$RUN/Corefile.internet"
    zone_conf 127.0.0.1@5301 127.0.0.1@5301 >"$RUN/unbound.conf"
    INTERNET_CONF=$RUN/Corefile.internet UNBOUND_CONF=$RUN/unbound.conf services_up
    capture_resolvers
    two_zones 10
    drivers_wait
    finish 6
}

# Nothing listens where the servers of two zones should be: unbound tries for longer than anybody waits.
case_authority_unreachable() {
    topology_up 1 2
    zone_conf 127.0.0.1@5399 127.0.0.1@5398 >"$RUN/unbound.conf"
    UNBOUND_CONF=$RUN/unbound.conf services_up
    capture_resolvers
    two_zones 10
    drivers_wait
    finish 6
}

# signed_zone NAME OPTION...: a zone with a key of its own, signed; $RUN/NAME.zone and the key's DS in $RUN/anchors
signed_zone() {
    local zone=$1 key; shift
    need dnssec-signzone bind9-utils
    printf '$TTL 60\n@ IN SOA ns1 hostmaster 2026010100 7200 900 1209600 300\n@ IN NS ns1\nns1 IN A 198.51.100.1\nwww IN A 198.51.100.2\napi IN A 198.51.100.3\n*.host IN A 198.51.100.4\n' >"$RUN/$zone.plain"
    key=$(cd "$RUN" && dnssec-keygen -q -a ECDSAP256SHA256 -f KSK "$zone")
    (cd "$RUN" && cat "$key.key" >>"$zone.plain" && dnssec-signzone -q -P -z -o "$zone" -f "$zone.zone" "$@" "$zone.plain" "$key" >/dev/null 2>&1)
    grep DNSKEY "$RUN/$key.key" >>"$RUN/anchors"
}

case_dnssec_validation_failure() {
    local zone key
    topology_up 1 2
    : >"$RUN/anchors"
    signed_zone signed.example
    signed_zone expired.example -s 20260101000000 -e 20260201000000
    signed_zone forged.example
    # Somebody changes data after signing: bogus.
    sed -i 's/198\.51\.100\.[234]$/203.0.113.66/' "$RUN/forged.example.zone"
    # The anchor is of a key that the zone does not have (any more).
    signed_zone rolled.example
    key=$(cd "$RUN" && dnssec-keygen -q -a ECDSAP256SHA256 -f KSK rolled.example)
    sed -i '/rolled\.example/d' "$RUN/anchors"
    grep DNSKEY "$RUN/$key.key" >>"$RUN/anchors"
    {
        cat "$LAB/services/Corefile.internet"
        for zone in signed expired forged rolled; do printf '%s.example:5301 {\n    file %s/%s.example.zone\n}\n' $zone "$RUN" $zone; done
    } >"$RUN/Corefile.internet"
    sed -e 's/^server:/server:\n    ede: yes/' -e 's/module-config: .*/module-config: "validator iterator"/' \
        -e "s|^remote-control:|server:\n    trust-anchor-file: $RUN/anchors\nremote-control:|" "$LAB/services/unbound.conf" >"$RUN/unbound.conf"
    sed -i "s|file \([a-z-]*\.zone\)|file $LAB/services/\1|" "$RUN/Corefile.internet"
    INTERNET_CONF=$RUN/Corefile.internet UNBOUND_CONF=$RUN/unbound.conf services_up
    capture_resolvers
    resolv dl-web "nameserver $CLUSTER_IP" "search $SEARCH" "options ndots:5 edns0"
    # Built without a module, this Go client sends no OPT of its own accord.
    local -x GODEBUG=netedns0=1
    glibc  dl-web  web-edns    20 450 10 www.expired.example. api.forged.example. www.signed.example. www.rolled.example. www.example.com.
    glibc  dl-api  api-glibc   14 600 10 api.expired.example. www.signed.example. www.forged.example.
    golang dl-job  job-go      14 600 10 j{1..3}.host.expired.example. www.example.org. j{1..3}.host.forged.example. j{1..2}.host.rolled.example.
    golang dl-shop shop-go     10 800 10 www.rolled.example. www.signed.example.
    inside 10
    # What an operator does: the same name with and without checking.
    sleep 3
    for zone in expired forged rolled; do
        in_ns dl-web dig +tries=1 +time=3 "www.$zone.example" @$CLUSTER_IP >>"$RUN/dig.txt" 2>&1 || true
        in_ns dl-web dig +tries=1 +time=3 +cd "www.$zone.example" @$CLUSTER_IP >>"$RUN/dig.txt" 2>&1 || true
    done
    fact dig "$(grep -o 'status: [A-Z]*' "$RUN/dig.txt" | cut -c9- | tr '\n' ' ')"
    drivers_wait
    finish 6
}

# Everybody is served but pod job, which an ACL of CoreDNS blocks.
case_query_refused_acl() {
    topology_up 1 2; services_up Corefile.acl Corefile.acl
    capture_all dl-job
    glibc  dl-job  job-glibc   12 500 9 web.default www.example.com.
    golang dl-job  job-go       8 700 9 api.default www.example.org.
    glibc  dl-web  web-glibc   16 450 9 api.default www.example.com.
    musl   dl-api  api-musl    10 600 9 orders.shop www.example.org
    golang dl-shop shop-go     10 600 9 cart.shop registry.example.net.
    drivers_wait
    finish 6
}

# A Corefile without the zone ".": nobody is responsible for names outside.
case_query_refused_zone() {
    topology_up 1 2; services_up Corefile.cluster-only Corefile.cluster-only
    capture_all dl-web
    glibc  dl-web  web-glibc   12 500 9 www.example.com. api.default
    musl   dl-api  api-musl     2 500 9 www.example.org.
    golang dl-job  job-go       8 700 9 registry.example.net. api.default
    inside 9
    drivers_wait
    finish 6
}

# Questions outside wait for a slow upstream until CoreDNS has as many in flight as it may.
case_query_refused_concurrency() {
    topology_up 1 2; COREFILE=Corefile.concurrency slow_up 1 350ms 550ms
    capture_resolvers
    glibc dl-shop shop-glibc 10 600 8 s{1..10}.many.example.com.
    inside 8
    sleep 2
    mark load_begins
    load dl-api load-api $CLUSTER_IP 120 3 -sockets 12 -names 5000 -name 'n#.cdn.example.net'
    drivers_wait
    finish 6
}

# coredns_kubernetes POD: CoreDNS with the kubernetes plugin, whose API server cannot be reached
coredns_kubernetes() {
    ip netns exec "$1" sh -c "cd '$LAB/services' && exec '$BIN/coredns-$COREDNS_VERSION-kubernetes' -conf Corefile.kubernetes" >>"$RUN/$1.log" 2>&1 &
    COREDNS_PID[$1]=$!
    disown $!
}

# A new CoreDNS pod that cannot reach the API server and is in the endpoints all the same (no readiness probe).
case_coredns_not_synced() {
    build_kubernetes
    topology_up 1 2
    ip -n dl-vpc route add blackhole 172.20.0.1/32
    in_ns dl-vpc iptables -A OUTPUT -p icmp --icmp-type 3 -j DROP
    services_up
    kube_proxy 1 "${POD_IP[dl-cd1]}"; kube_proxy 2 "${POD_IP[dl-cd1]}"
    coredns_stop dl-cd2
    capture_all dl-web
    glibc  dl-web  web-glibc  40 300 14 api.default web.default.svc.cluster.local. www.example.com.
    golang dl-job  job-go     30 400 14 orders.shop web.default.svc.cluster.local. www.example.org.
    musl   dl-api  api-musl   30 400 14 cart.shop.svc.cluster.local. redis.cache.svc.cluster.local.
    glibc  dl-shop shop-glibc 30 400 14 cart.shop www.example.net.
    coredns_kubernetes dl-cd2
    mark started
    sleep 2
    for _ in $(seq 200); do ! in_ns dl-cd2 ss -Hlun 'sport = :53' | grep -q . || break; sleep 0.05; done
    mark listening
    kube_proxy 1 "${POD_IP[dl-cd1]}" "${POD_IP[dl-cd2]}"; kube_proxy 2 "${POD_IP[dl-cd1]}" "${POD_IP[dl-cd2]}"
    mark in_the_endpoints
    drivers_wait
    finish 6
}

# cpu_limit POD MICROSECONDS_PER_100MS: what a CPU limit is, CFS quota on the process of the pod
cpu_limit() {
    local group=/sys/fs/cgroup/cpu/dnspect-lab-$$-$1
    [ -d /sys/fs/cgroup/cpu ] || die "this case needs the cpu controller of cgroup v1"
    mkdir -p "$group"
    echo 100000 >"$group/cpu.cfs_period_us"; echo "$2" >"$group/cpu.cfs_quota_us"
    echo "${COREDNS_PID[$1]}" >"$group/cgroup.procs"
}

cpu_limit_end() { # POD: how often the limit was met, and away with it
    local group=/sys/fs/cgroup/cpu/dnspect-lab-$$-$1
    fact "throttled_$1" "$(awk '/nr_throttled|throttled_time/ {printf "%s%s %s", c, $1, $2; c = ", "}' "$group/cpu.stat")"
    echo "${COREDNS_PID[$1]}" >/sys/fs/cgroup/cpu/cgroup.procs
    rmdir "$group"
}

# overload QUOTA OUTSTANDING TIMEOUT
overload() {
    topology_up 1 2; services_up
    cpu_limit dl-cd1 "$1"; cpu_limit dl-cd2 "$1"
    capture node-any.pcap dl-node1 any
    capture node-eth0.pcap dl-node1 eth0
    capture pod.pcap dl-web eth0
    capture coredns.pcap dl-cd2 eth0
    inside 15
    glibc dl-web  web-outside 20 700 15 www.example.com. h{1..20}.cdn.example.net.
    sleep 4
    mark load_begins
    PERF_WAITING=$2
    perf dl-api api-perf $CLUSTER_IP 700 4 20 "$3" web.default.svc.cluster.local api.default.svc.cluster.local orders.shop.svc.cluster.local redis.cache.svc.cluster.local
    perf dl-shop shop-perf $CLUSTER_IP 500 4 20 "$3" web.default.svc.cluster.local api.default.svc.cluster.local cart.shop.svc.cluster.local
    sleep 4
    mark load_ends
    drivers_wait
    PERF_WAITING=100
    cpu_limit_end dl-cd1; cpu_limit_end dl-cd2
    settle 6
    captures_stop
    zstd -q --rm -19 "$OUT"/*.pcap
}
case_coredns_overload()      { overload 3000 100 5; }
case_coredns_overload_loss() { overload 1000 4000 2; }

# Two thousand questions a second, and all is well.
case_healthy_busy() {
    topology_up 1 2; services_up
    capture node-any.pcap dl-node1 any
    capture node-eth0.pcap dl-node1 eth0
    capture coredns.pcap dl-cd2 eth0
    inside 6
    perf dl-api api-perf $CLUSTER_IP 1400 3 40 5 web.default.svc.cluster.local api.default.svc.cluster.local www.example.com www.example.org redis.cache.svc.cluster.local
    perf dl-job job-perf $CLUSTER_IP 800 3 40 5 orders.shop.svc.cluster.local www.example.net registry.example.net nosuch.default.svc.cluster.local
    drivers_wait
    settle 1
    captures_stop
    zstd -q --rm -19 "$OUT"/*.pcap
}

loop_clients() {
    glibc  dl-web  web-glibc    4 300 6 www.example.com. www.example.org. login.example.com. hooks.example.org.
    golang dl-job  job-go       3 300 6 registry.example.net. www.example.net. api.example.com.
    glibc  dl-shop shop-cluster 12 500 6 cart.shop web.default
    inside 6
}

forwarding_loop() { # COREFILE_OF_CD1 COREFILE_OF_CD2
    topology_up 1 2; resolver_up
    coredns dl-cd1 "$1"; coredns dl-cd2 "$2"
    warm
    capture node-any.pcap dl-node1 any
    capture pod.pcap dl-web eth0
    # Inside the pod all interfaces, loopback as well.
    capture coredns-any.pcap dl-cd2 any
    capture coredns.pcap dl-cd2 eth0
    loop_clients
    drivers_wait
    settle 6
    captures_stop
    zstd -q --rm -19 "$OUT/node-any.pcap" "$OUT/coredns-any.pcap"
}
case_forwarding_loop_mutual()    { forwarding_loop Corefile.loop-to-cd2 Corefile.loop-to-cd1; }
case_forwarding_loop_clusterip() { forwarding_loop Corefile.loop-clusterip Corefile.loop-clusterip; }
case_forwarding_loop_localhost() { forwarding_loop Corefile.eks Corefile.loop-localhost; }

# The loop plugin finds its own probe again and ends CoreDNS, which is started again and again.
case_forwarding_loop_detected() {
    local i
    topology_up 1 2; resolver_up
    coredns dl-cd1 Corefile.eks; coredns dl-cd2 Corefile.eks
    warm
    coredns_stop dl-cd2
    capture node-any.pcap dl-node1 any
    capture pod.pcap dl-web eth0
    capture coredns-any.pcap dl-cd2 any
    glibc  dl-web  web-glibc  20 500 10 api.default www.example.com.
    golang dl-job  job-go     20 500 10 registry.example.net. web.default
    glibc  dl-shop shop-glibc 20 500 10 cart.shop web.default
    for i in 1 2 3; do
        ip netns exec dl-cd2 sh -c "cd '$LAB/services' && exec '$BIN/coredns-$COREDNS_VERSION' -conf Corefile.loop-plugin" >>"$RUN/dl-cd2.log" 2>&1 &
        wait $! || true
        mark "crash_$i"
        sleep 1.5
    done
    fact loop_message "$(grep -o 'plugin/loop: Loop.*detected' "$RUN/dl-cd2.log" | sed 's/[0-9]\{6,\}[0-9.]*/N/g' | head -n 1)"
    drivers_wait
    finish 6
}

# unbound ends, its host stays: ICMP port unreachable from 10.0.0.2 and 10.0.0.3.
resolver_stop() {
    local pid
    for pid in $(ip netns pids dl-res); do
        [ "$(cat "/proc/$pid/comm")" != unbound ] || kill -KILL "$pid"
    done
}

upstream_refuses() { # VERSION
    fact coredns "$1"
    topology_up 1 2; services_up Corefile.eks Corefile.eks "$1"
    capture_resolvers
    outside 9; inside 9
    sleep 2
    resolver_stop
    mark stopped
    drivers_wait
    finish 6
}
case_upstream_refuses() { upstream_refuses "$COREDNS_VERSION"; }
case_upstream_refuses_1_12() {
    upstream_refuses "$COREDNS_OLD"
    rm "$OUT/node-eth0.pcap.zst" "$OUT/node2-any.pcap.zst" "$OUT/pod.pcap"
}

case_one_upstream_dead() {
    topology_up 1 2; services_up
    capture_resolvers
    outside 12; inside 12
    sleep 2
    in_ns dl-vpc iptables -A FORWARD -d 10.0.0.3/32 -j DROP
    mark dead
    drivers_wait
    finish 6
}

scale_down() { # LAMEDUCK: cd2 gets SIGTERM; kube-proxy learns of it after two seconds
    topology_up 1 2
    services_up Corefile.eks "Corefile.$1"
    capture_all dl-web
    glibc  dl-web  web-glibc  60 250 15 api.default www.example.com.
    golang dl-job  job-go     40 350 15 web.default h{1..20}.cdn.example.net.
    musl   dl-api  api-musl   40 350 15 orders.shop.svc.cluster.local. redis.cache.svc.cluster.local.
    glibc  dl-shop shop-glibc 40 350 15 cart.shop www.example.org.
    sleep 3
    kill -TERM "${COREDNS_PID[dl-cd2]}"
    mark sigterm
    (
        for _ in $(seq 400); do kill -0 "${COREDNS_PID[dl-cd2]}" 2>/dev/null || break; sleep 0.02; done
        mark process_gone
        # The kubelet removes the sandbox a moment after its last container: interface and route of the pod go.
        sleep 0.4
        ip -n dl-node2 link del "$(host_veth dl-cd2)"
        mark sandbox_gone
    ) &
    local watcher=$!
    sleep 2
    kube_proxy 1 "${POD_IP[dl-cd1]}"; kube_proxy 2 "${POD_IP[dl-cd1]}"
    mark endpoint_removed
    wait "$watcher"
    drivers_wait
    finish 6
}
case_scale_down_lameduck() { scale_down eks; }
case_scale_down_abrupt()   { scale_down no-lameduck; }

# The process of one CoreDNS pod is away for twenty seconds; the pod, its address and the endpoint stay.
case_coredns_restart() {
    topology_up 1 2; services_up
    capture_all dl-web
    glibc  dl-web  web-glibc  60 450 32 api.default www.example.com.
    golang dl-job  job-go     50 600 32 web.default orders.shop
    musl   dl-api  api-musl   40 700 32 orders.shop.svc.cluster.local. redis.cache.svc.cluster.local.
    glibc  dl-shop shop-glibc 40 700 32 cart.shop www.example.org.
    sleep 5
    coredns_stop dl-cd2
    mark stopped
    sleep 20
    coredns dl-cd2 Corefile.eks
    mark started
    drivers_wait
    finish 6
}

# The same twenty seconds, but nobody says anything: the process hangs (SIGSTOP).
case_coredns_hangs() {
    topology_up 1 2; services_up
    capture_all dl-web
    glibc  dl-web  web-glibc  60 450 32 api.default www.example.com.
    golang dl-job  job-go     50 600 32 web.default orders.shop
    musl   dl-api  api-musl   40 700 32 orders.shop.svc.cluster.local. redis.cache.svc.cluster.local.
    glibc  dl-shop shop-glibc 40 700 32 cart.shop www.example.org.
    sleep 5
    kill -STOP "${COREDNS_PID[dl-cd2]}"
    mark stopped
    sleep 20
    kill -CONT "${COREDNS_PID[dl-cd2]}"
    mark goes_on
    drivers_wait
    finish 6
}

# cut_coredns POD...: the egress policy of the runbook, on these CoreDNS pods
cut_coredns() {
    local pod ns
    for pod in "$@"; do
        ns=dl-node${POD_NODE[$pod]}
        in_ns "$ns" iptables -A FORWARD -i "$(host_veth "$pod")" -m conntrack --ctdir REPLY -j ACCEPT
        in_ns "$ns" iptables -A FORWARD -i "$(host_veth "$pod")" -d 172.20.0.0/16 -j ACCEPT
        in_ns "$ns" iptables -A FORWARD -i "$(host_veth "$pod")" -j DROP
    done
    mark blocked
}

# The runbook's incident to its end: the cut, a restart of CoreDNS, a third replica, then the egress rule.
case_incident_replay() {
    local pod
    topology_up 1 2; services_up
    pod_up dl-cd3 1 10.0.1.63
    resolv dl-cd3 "nameserver 10.0.0.2" "nameserver 10.0.0.3"
    capture node-any.pcap dl-node1 any
    capture node2-any.pcap dl-node2 any
    capture pod.pcap dl-web eth0
    capture coredns.pcap dl-cd2 eth0
    glibc  dl-web   web-cluster  70 500 42 kubernetes.default orders.shop
    glibc  dl-web   web-glibc    40 700 42 w{1..40}.cdn.example.net.
    musl   dl-api   api-musl     40 900 42 www.example.org hooks.example.org
    golang dl-shop  shop-go      30 900 42 s{1..30}.many.example.com. cart.shop
    glibc  dl-node1 host-glibc   40 900 42 www.example.com hooks.example.org
    sleep 3
    cut_coredns dl-cd1 dl-cd2 dl-cd3
    sleep 12
    for pod in dl-cd1 dl-cd2; do
        coredns_stop $pod
        coredns $pod Corefile.eks
    done
    mark restarted
    sleep 9
    coredns dl-cd3 Corefile.eks
    kube_proxy 1 10.0.1.61 10.0.2.62 10.0.1.63; kube_proxy 2 10.0.1.61 10.0.2.62 10.0.1.63
    mark scaled
    sleep 9
    for pod in dl-cd1 dl-cd2 dl-cd3; do
        in_ns "dl-node${POD_NODE[$pod]}" iptables -I FORWARD -i "$(host_veth $pod)" -d 10.0.0.2/31 -p udp --dport 53 -j ACCEPT
    done
    mark allowed
    drivers_wait
    finish 6
}

# Three minutes of little traffic; the upstream is away for twenty seconds in the middle.
case_upstream_outage() {
    topology_up 1 2; services_up
    capture node-any.pcap dl-node1 any
    capture pod.pcap dl-web eth0
    capture coredns.pcap dl-cd2 eth0
    glibc  dl-web  web-glibc   95 1600 190 w{1..95}.cdn.example.net.
    glibc  dl-web  web-cluster 90 2000 190 api.default.svc.cluster.local. orders.shop
    golang dl-job  job-go      60 3000 190 j{1..60}.many.example.com.
    musl   dl-api  api-musl    60 3000 190 redis.cache.svc.cluster.local. www.example.org.
    glibc  dl-shop shop-glibc  60 3000 190 s{1..60}.cdn.example.net.
    sleep 90
    in_ns dl-vpc iptables -A FORWARD -d 10.0.0.0/24 -p udp --dport 53 -j DROP
    mark cut
    sleep 20
    in_ns dl-vpc iptables -D FORWARD -d 10.0.0.0/24 -p udp --dport 53 -j DROP
    mark healed
    drivers_wait
    finish 6
}

# Two faults that have nothing to do with each other.
case_two_faults() {
    topology_up 1 2; services_up
    block_job DROP
    capture_all dl-web
    capture pod-blocked.pcap dl-job eth0
    outside 14; inside 14
    glibc  dl-job  job-glibc 1 100 12 api.default.svc.cluster.local.
    golang dl-job  job-go2   2 300 12 web.default.svc.cluster.local.
    sleep 2
    cut_coredns dl-cd1 dl-cd2
    drivers_wait
    finish 6
}

# c-ares and dnsperf as clients, all well.
case_clients_healthy() {
    topology_up 1 2; services_up
    capture node-any.pcap dl-node1 any
    capture pod.pcap dl-web eth0
    capture coredns.pcap dl-cd2 eth0
    cares dl-web web-cares 20 300 8 web.default.svc.cluster.local www.example.com registry.example.net api.default.svc.cluster.local
    cares dl-shop shop-cares 20 300 8 cart.shop.svc.cluster.local www.example.org
    perf  dl-api api-perf $CLUSTER_IP 40 6 4 5 web.default.svc.cluster.local www.example.com www.example.org redis.cache.svc.cluster.local
    glibc dl-job job-glibc 16 400 8 orders.shop www.example.net.
    drivers_wait
    finish 1
}

# The same clients when CoreDNS is cut from its upstreams.
case_clients_upstream_cut() {
    topology_up 1 2; services_up
    capture_all dl-web
    cares dl-web  web-cares     12 300 14 w{1..12}.cdn.example.net
    cares dl-web  web-cares-in  30 400 14 web.default.svc.cluster.local api.default.svc.cluster.local
    cares dl-shop shop-cares    12 300 14 s{1..12}.many.example.com
    perf  dl-api  api-perf $CLUSTER_IP 10 12 4 5 web.default.svc.cluster.local x{1..60}.cdn.example.net redis.cache.svc.cluster.local
    sleep 2
    cut_coredns dl-cd1 dl-cd2
    drivers_wait
    finish 6
}

# systemd-resolved between the programs of a pod and the cluster DNS, all well.
case_clients_resolved() {
    topology_up 1 2; services_up
    capture node-any.pcap dl-node1 any
    capture pod.pcap dl-web eth0
    capture coredns.pcap dl-cd2 eth0
    resolved dl-web  web-resolved  24 300 14 web.default.svc.cluster.local. w{1..10}.cdn.example.net. api.default.svc.cluster.local. s{1..10}.many.example.com.
    resolved dl-shop shop-resolved 20 350 14 x{1..20}.many.example.com.
    glibc    dl-job  job-glibc     16 400 8 orders.shop www.example.net.
    drivers_wait
    finish 1
}

# The same when CoreDNS is cut from its upstreams.
case_clients_resolved_cut() {
    topology_up 1 2; services_up
    capture_all dl-web
    resolved dl-web  web-resolved  16 300 40 w{1..16}.cdn.example.net.
    resolved dl-shop shop-resolved 16 300 40 web.default.svc.cluster.local. s{1..15}.many.example.com.
    glibc    dl-job  job-glibc     40 500 30 web.default.svc.cluster.local. api.default.svc.cluster.local.
    sleep 3
    cut_coredns dl-cd1 dl-cd2
    drivers_wait
    finish 6
}

# Both CoreDNS pods started while the API server could not be reached.
case_coredns_not_synced_all() {
    build_kubernetes
    topology_up 1 2
    ip -n dl-vpc route add blackhole 172.20.0.1/32
    in_ns dl-vpc iptables -A OUTPUT -p icmp --icmp-type 3 -j DROP
    resolver_up
    coredns_kubernetes dl-cd1; coredns_kubernetes dl-cd2
    sleep 4
    for _ in $(seq 200); do ! in_ns dl-cd2 ss -Hlun 'sport = :53' | grep -q . || break; sleep 0.05; done
    sleep 1
    capture_all dl-web
    glibc  dl-web  web-glibc   16 450 8 api.default web.default.svc.cluster.local.
    glibc  dl-web  web-outside 16 450 8 www.example.com. www.example.org.
    golang dl-job  job-go      12 600 8 orders.shop www.example.org.
    musl   dl-api  api-musl     2 400 8 cart.shop.svc.cluster.local.
    glibc  dl-shop shop-glibc  12 600 8 cart.shop www.example.net.
    drivers_wait
    finish 6
}

# Nothing outside can be resolved: the upstream answers SERVFAIL to everything.
case_upstream_servfail_all() {
    topology_up 1 2
    printf '.:5301 {\n    template ANY ANY {\n        rcode SERVFAIL\n    }\n}\n' >"$RUN/Corefile.internet"
    INTERNET_CONF=$RUN/Corefile.internet services_up
    capture_resolvers
    outside 8; inside 8
    drivers_wait
    finish 6
}

# Of two CoreDNS pods one has too little CPU.
case_coredns_overload_one() {
    topology_up 1 2; services_up
    cpu_limit dl-cd2 1500
    capture node-any.pcap dl-node1 any
    capture node2-any.pcap dl-node2 any
    capture coredns.pcap dl-cd2 eth0
    inside 13
    glibc dl-web  web-outside 20 700 13 www.example.com. h{1..20}.cdn.example.net.
    sleep 4
    mark load_begins
    PERF_WAITING=1000
    perf dl-api api-perf $CLUSTER_IP 500 3 40 3 web.default.svc.cluster.local api.default.svc.cluster.local orders.shop.svc.cluster.local redis.cache.svc.cluster.local
    perf dl-shop shop-perf $CLUSTER_IP 300 3 40 3 web.default.svc.cluster.local api.default.svc.cluster.local cart.shop.svc.cluster.local
    drivers_wait
    PERF_WAITING=100
    cpu_limit_end dl-cd2
    settle 6
    captures_stop
    zstd -q --rm -19 "$OUT"/*.pcap
}

# The upstream is slow while CoreDNS has much to do, and does it well: no overload.
case_upstream_slow_busy() {
    topology_up 1 2; slow_up 1 400ms 900ms
    capture node-any.pcap dl-node1 any
    capture pod.pcap dl-web eth0
    capture coredns.pcap dl-cd2 eth0
    outside 9; inside 9
    sleep 2
    mark load_begins
    perf dl-api api-perf $CLUSTER_IP 500 4 40 5 web.default.svc.cluster.local api.default.svc.cluster.local orders.shop.svc.cluster.local redis.cache.svc.cluster.local
    load dl-job load-job $CLUSTER_IP 25 4 -sockets 8 -names 5000 -name 'n#.cdn.example.net'
    drivers_wait
    finish 6
    zstd -q --rm -19 "$OUT/coredns.pcap"
}
