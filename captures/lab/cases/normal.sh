# shellcheck shell=bash
# Cases in which DNS works.

case_healthy() {
    topology_up 1 2; services_up
    capture_all dl-web
    # The same node again, as one pcapng with a block for each interface, as dumpcap and Wireshark write it.
    pcapng_node
    glibc  dl-web  web-glibc  16 420 7 web.default kubernetes.default.svc.cluster.local. www.example.com registry.example.net.
    getent_loop dl-api api-getent 10 0.6 api orders.shop sts.us-west-2.amazonaws.com
    musl   dl-job  job-musl   14 480 7 payments.shop www.example.org redis.cache
    golang dl-shop shop-go    14 480 7 cart.shop api.payments.example.com www.example.net. kube-dns.kube-system
    glibc  dl-cart cart-glibc 14 480 7 postgres.data www.example.org.
    drivers_wait
    settle 1
    captures_stop
    gzip -9 "$OUT/pod.pcap"
    zstd -q --rm -19 "$OUT/node2-any.pcap"
}

pcapng_node() {
    local args=() dev
    for dev in eth0 "$(host_veth dl-web)" "$(host_veth dl-api)" "$(host_veth dl-job)" "$(host_veth dl-cd1)"; do args+=(-i "$dev" -f "$FILTER"); done
    ip netns exec dl-node1 dumpcap -q -w "$OUT/node-interfaces.pcapng" "${args[@]}" 2>"$RUN/dumpcap.err" &
    CAPTURES+=("$!")
    sleep 1
}

case_ndots_search() {
    topology_up 1 2; services_up
    capture node-any.pcap dl-node1 any
    capture pod.pcap dl-web eth0
    capture coredns.pcap dl-cd2 eth0
    glibc  dl-web web-glibc 9 500 6 api.payments.example.com www.example.org myservice.mynamespace.svc.cluster.local
    musl   dl-api api-musl  9 500 6 www.example.com registry.example.net myservice.mynamespace.svc.cluster.local
    golang dl-job job-go    9 500 6 sts.us-west-2.amazonaws.com www.example.com myservice.mynamespace.svc.cluster.local
    drivers_wait
    settle 1
}

case_tcp_large() {
    topology_up 1 2; services_up
    capture node-any.pcap dl-node1 any
    capture pod.pcap dl-web eth0
    capture coredns.pcap dl-cd2 eth0
    # 80 addresses do not fit in 512 bytes: TC=1, then TCP.
    glibc  dl-web web-glibc 5 700 6 workers.batch big.example.com. web.default
    golang dl-web web-go    4 700 6 workers.batch big.example.com.
    musl   dl-api api-musl  4 700 6 workers.batch web.default
    # Several questions on a connection: pipelined by our client, in sequence by glibc's use-vc.
    drive dl-web web-tcp "$BIN/dl-client" tcp -server $CLUSTER_IP -conns 3 -per 8 \
        web.default.svc.cluster.local www.example.com workers.batch.svc.cluster.local
    resolv dl-job "nameserver $CLUSTER_IP" "search $SEARCH" "options ndots:5 use-vc"
    glibc dl-job job-glibc-vc 5 500 6 api.default www.example.org
    # A large TXT record: CoreDNS gets TC=1 from its own upstream.
    in_ns dl-api dig +tries=1 +time=3 +noedns TXT large.example.com @$CLUSTER_IP >"$RUN/dig.txt" 2>&1 || true
    drivers_wait
    settle 1
    captures_stop
    zstd -q --rm -19 "$OUT/node-any.pcap"
}

case_missing_name() {
    topology_up 1 2; services_up
    capture node-any.pcap dl-node1 any
    capture pod.pcap dl-web eth0
    capture coredns.pcap dl-cd2 eth0
    glibc  dl-web web-glibc 16 450 8 orders-db.shop
    musl   dl-api api-musl  12 600 8 orders-db.shop
    golang dl-job job-go    12 600 8 orders-db.shop
    # Somebody whose names exist, so that not all is NXDOMAIN.
    glibc  dl-shop shop-glibc 8 900 8 cart.shop www.example.com.
    drivers_wait
    settle 1
}
