# shellcheck shell=bash
# Cases about rates, loss and servers that fail now and then.

# The limiter of the platform: one bucket for everything that node 1's ENI sends to link-local addresses
# and to the VPC resolver. It stands behind eth0, so a capture of eth0 shows every query and only the answers that are left.
limit_1024() {
    in_ns dl-vpc iptables -N LIMIT
    in_ns dl-vpc iptables -A LIMIT -m hashlimit --hashlimit-name eni1 --hashlimit-upto 1024/s --hashlimit-burst 64 -j RETURN
    in_ns dl-vpc iptables -A LIMIT -j DROP
    in_ns dl-vpc iptables -A FORWARD -i n1 -d 169.254.0.0/16 -j LIMIT
    in_ns dl-vpc iptables -A FORWARD -i n1 -d 10.0.0.2/32 -j LIMIT
}

limited_load() { # TOTAL_RATE SECONDS RETRY
    # Two pods and the host itself; the pods' packets leave with the node's address (SNAT), so eth0 shows one source.
    local options=(-sockets 12 -names 60 -name 'h#.cdn.example.net' -retry "$3")
    load dl-web   load-web  169.254.169.253 $(($1 * 2 / 5)) "$2" "${options[@]}"
    load dl-api   load-api  169.254.169.253 $(($1 * 2 / 5)) "$2" "${options[@]}"
    load dl-node1 load-host 169.254.169.253 $(($1 / 5))     "$2" "${options[@]}"
}

# quiet NS: a few lookups a second after the load
quiet() { glibc dl-job job-glibc 14 500 8 web.default www.example.com.; glibc dl-node1 host-glibc 8 900 8 www.example.org; }

case_over_the_limit() {
    topology_up 1 2; services_up; limit_1024
    capture node-eth0.pcap dl-node1 eth0 -s 128
    capture node-any.pcap dl-node1 any -s 128
    quiet; sleep 1
    mark load_begins
    limited_load 1650 3.5 2s
    drivers_wait
    mark load_ends
    quiet; drivers_wait
    settle 1
    fact packets_dropped_by_limiter "$(in_ns dl-vpc iptables -L LIMIT -v -n -x | awk '$3=="DROP"{n+=$1} END{print n+0}')"
    captures_stop
    gzip -9 "$OUT/node-eth0.pcap"
    zstd -q --rm -19 "$OUT/node-any.pcap"
}

case_near_the_limit() {
    topology_up 1 2; services_up; limit_1024
    capture node-eth0.pcap dl-node1 eth0 -s 128
    quiet; sleep 1
    limited_load 900 3 0s
    drivers_wait
    quiet; drivers_wait
    settle 1
    fact packets_dropped_by_limiter "$(in_ns dl-vpc iptables -L LIMIT -v -n -x | awk '$3=="DROP"{n+=$1} END{print n+0}')"
    captures_stop
    gzip -9 "$OUT/node-eth0.pcap"
}

# A backend that goes away: for about a second it cannot forward any more (SERVFAIL at once), then it leaves the
# endpoints and ends. Go asks again from a new port, which kube-proxy's random choice can bring to the other one.
# glibc would not do: after SERVFAIL for both of a pair it repeats on the same port, so at the same backend.
case_servfail_transient() {
    topology_up 1 2
    cp "$LAB/services/Corefile.eks" "$RUN/dl-cd2.corefile"
    services_up Corefile.eks "$RUN/dl-cd2.corefile"
    # Two tries can both meet the failing backend; with four, lookups of this pod do not fail.
    resolv dl-web "nameserver $CLUSTER_IP" "search $SEARCH" "options ndots:5 attempts:4"
    capture_all dl-web
    golang dl-web  web-go     30 350 11 h1.cdn.example.net. h2.cdn.example.net. h3.many.example.com. h4.many.example.com. h5.cdn.example.net. h6.many.example.com.
    glibc  dl-api  api-glibc  18 560 11 web.default orders.shop
    glibc  dl-shop shop-glibc 22 470 11 cart.shop web.default
    sleep 4
    coredns_swap dl-cd2 Corefile.broken-forward
    mark broken
    sleep 1.8       # the swap takes about one second
    kube_proxy 1 "${POD_IP[dl-cd1]}"; kube_proxy 2 "${POD_IP[dl-cd1]}"
    mark endpoint_removed
    sleep 0.3
    coredns_stop dl-cd2
    drivers_wait
    settle 1
}

case_servfail_burst() {
    topology_up 1 2
    cp "$LAB/services/Corefile.eks" "$RUN/dl-cd2.corefile"
    services_up Corefile.eks "$RUN/dl-cd2.corefile"
    capture_all dl-web
    glibc  dl-web  web-glibc  40 280 13 a1.many.example.com. api.default www.example.com. h7.cdn.example.net.
    golang dl-job  job-go     30 380 13 h8.cdn.example.net. web.default b1.many.example.com.
    musl   dl-api  api-musl   30 380 13 c1.many.example.com. orders.shop h9.cdn.example.net.
    glibc  dl-shop shop-glibc 30 380 13 d1.many.example.com. cart.shop h10.cdn.example.net.
    sleep 2
    coredns_swap dl-cd2 Corefile.broken-forward
    mark broken
    drivers_wait
    settle 6
}

# One packet in twenty is lost between the nodes, in both directions, and to the upstream. Both CoreDNS pods stand on
# node 2, so every lookup of node 1's pods crosses the loss. timeout:1 makes the clients ask again soon.
case_random_loss() {
    local pod
    topology_up 2 2; services_up
    for pod in dl-web dl-api dl-job; do resolv "$pod" "nameserver $CLUSTER_IP" "search $SEARCH" "options ndots:5 timeout:1 attempts:3"; done
    capture node-any.pcap dl-node1 any
    capture node-eth0.pcap dl-node1 eth0
    capture pod.pcap dl-web eth0
    capture coredns.pcap dl-cd2 eth0
    in_ns dl-vpc iptables -A FORWARD -p udp -m statistic --mode random --probability 0.05 -j DROP
    mark loss_begins
    local i
    for i in 1 2 3; do
        glibc  dl-web "web-glibc$i" 60 110 12 web.default.svc.cluster.local. api.default "h$i.cdn.example.net."
        musl   dl-api "api-musl$i"  60 110 12 orders.shop.svc.cluster.local. redis.cache "h$((i + 3)).cdn.example.net."
        golang dl-job "job-go$i"    60 110 12 cart.shop.svc.cluster.local. api.default "h$((i + 6)).cdn.example.net."
    done
    drivers_wait
    mark clients_done
    fact packets_lost "$(in_ns dl-vpc iptables -L FORWARD -v -n -x | awk '$3=="DROP"{n+=$1} END{print n+0}')"
    settle 7
    captures_stop
    zstd -q --rm -19 "$OUT/node-any.pcap"
}
