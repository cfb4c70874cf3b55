# shellcheck shell=bash
# Causes that somebody configured: NodeLocal DNSCache, dnsPolicy, search domains, the wrong address; and limits of an ENI.

# --- NodeLocal DNSCache ----------------------------------------------------------------------------------------

NODELOCAL=169.254.20.10
KUBE_DNS_UPSTREAM=172.20.166.7       # ClusterIP of the Service kube-dns-upstream: the same endpoints, for the cache only

# nodelocal_up: a CoreDNS in node 1's own namespace, as node-cache is: the cluster zone by TCP to CoreDNS, all else by UDP to the VPC.
# The address stands on lo (this kernel has no dummy interface). It listens on all addresses, which only the node itself could tell.
nodelocal_up() {
    cat >"$RUN/nodelocal.corefile" <<EOF
cluster.local:53 in-addr.arpa:53 {
    errors
    cache {
        success 9984 30
        denial 9984 5
    }
    forward . $KUBE_DNS_UPSTREAM {
        force_tcp
    }
}
.:53 {
    errors
    cache 30
    forward . 10.0.0.2
}
EOF
    ip -n dl-node1 addr add $NODELOCAL/32 dev lo
    in_ns dl-node1 iptables -t nat -A OUTPUT -d $KUBE_DNS_UPSTREAM -p tcp --dport 53 -m statistic --mode random --probability 0.5 -j DNAT --to-destination "${POD_IP[dl-cd1]}:53"
    in_ns dl-node1 iptables -t nat -A OUTPUT -d $KUBE_DNS_UPSTREAM -p tcp --dport 53 -j DNAT --to-destination "${POD_IP[dl-cd2]}:53"
    # As node-cache does: its own traffic is not tracked.
    notrack $NODELOCAL
    coredns dl-node1 "$RUN/nodelocal.corefile"
}

notrack() { # ADDRESS
    local proto
    for proto in udp tcp; do
        in_ns dl-node1 iptables -t raw -A PREROUTING -d "$1" -p $proto --dport 53 -j CT --notrack
        in_ns dl-node1 iptables -t raw -A OUTPUT -s "$1" -p $proto --sport 53 -j CT --notrack
    done
}

nodelocal_pods() { local pod; for pod in "$@"; do resolv "$pod" "nameserver $NODELOCAL" "search $SEARCH" "options ndots:5"; done; }

nodelocal_clients() { # SECONDS
    glibc  dl-web  web-glibc  $(($1 * 2)) 480 "$1" web.default www.example.com.
    musl   dl-api  api-musl   $(($1 * 2)) 480 "$1" orders.shop www.example.org.
    golang dl-job  job-go     $(($1 * 2)) 480 "$1" cart.shop registry.example.net.
    glibc  dl-shop shop-glibc $(($1 * 2)) 480 "$1" cart.shop www.example.org.
}

case_nodelocal_healthy() {
    topology_up 1 2; services_up; nodelocal_up; nodelocal_pods dl-web dl-api dl-job
    capture node-any.pcap dl-node1 any
    capture node-eth0.pcap dl-node1 eth0
    capture pod.pcap dl-web eth0
    nodelocal_clients 6
    drivers_wait
    settle 1
}

# kube-proxy in iptables mode: the cache has the ClusterIP as well, so that pods need no other resolv.conf.
case_nodelocal_clusterip() {
    topology_up 1 2; services_up; nodelocal_up
    ip -n dl-node1 addr add $CLUSTER_IP/32 dev lo
    notrack $CLUSTER_IP
    nodelocal_pods dl-job           # one pod knows the link-local address
    capture node-any.pcap dl-node1 any
    capture node-eth0.pcap dl-node1 eth0
    capture pod.pcap dl-web eth0
    nodelocal_clients 6
    drivers_wait
    settle 1
}

# As with kube-proxy in IPVS mode (whose ClusterIP the cache cannot have) and a kubelet that still hands out the ClusterIP.
case_nodelocal_bypass() {
    topology_up 1 2; services_up; nodelocal_up
    nodelocal_pods dl-job           # the one that was told of the cache
    capture node-any.pcap dl-node1 any
    capture node-eth0.pcap dl-node1 eth0
    capture pod.pcap dl-web eth0
    capture coredns.pcap dl-cd2 eth0
    nodelocal_clients 8
    glibc dl-job job-glibc 16 450 8 payments.shop redis.cache
    drivers_wait
    settle 1
}

nodelocal_fails() {
    topology_up 1 2; services_up; nodelocal_up; nodelocal_pods dl-web dl-api dl-job
    capture node-any.pcap dl-node1 any
    capture node-eth0.pcap dl-node1 eth0
    capture pod.pcap dl-web eth0
    local i
    nodelocal_clients 9
    for i in 2 3 4; do glibc dl-web "web-glibc$i" 18 480 9 api.default redis.cache www.example.org.; done
    glibc dl-node1 host-glibc 10 900 9 www.example.org
    sleep 3
    "$@"
    mark cache_gone
    drivers_wait
    mark clients_done
    settle 6
}
case_nodelocal_down() { nodelocal_fails coredns_stop dl-node1; }
# The process hangs: its socket is open, nobody reads it. Also what a cache looks like whose interface is up and whose packets are lost.
case_nodelocal_silent() { nodelocal_fails nodelocal_stops_reading; }
nodelocal_stops_reading() { kill -STOP "${COREDNS_PID[dl-node1]}"; }

# --- names and addresses ---------------------------------------------------------------------------------------

# A hostNetwork pod with the default dnsPolicy (so the node's resolv.conf), and an ordinary pod with dnsPolicy: Default.
case_cluster_name_upstream() {
    topology_up 1 2; services_up
    resolv dl-api "nameserver 10.0.0.2" "search us-west-2.compute.internal"
    capture node-any.pcap dl-node1 any
    capture node-eth0.pcap dl-node1 eth0
    capture pod.pcap dl-api eth0
    capture pod-other.pcap dl-web eth0
    glibc  dl-node1 host-glibc 16 450 7 web.default.svc.cluster.local www.example.com
    golang dl-node1 host-go     8 800 7 orders.shop.svc.cluster.local registry.example.net
    musl   dl-api   api-musl   14 480 7 redis.cache.svc.cluster.local www.example.org
    glibc  dl-web   web-glibc  14 480 7 web.default www.example.com.
    golang dl-job   job-go      8 800 7 orders.shop
    glibc  dl-shop  shop-glibc 14 480 7 cart.shop
    drivers_wait
    settle 1
}

# internet_with_wildcard: the VPC's private zone gets a wildcard that has no address, so that every name below it exists and is empty.
internet_with_wildcard() {
    { cat "$LAB/services/vpc.zone"; echo '* IN TXT "wildcard"'; } >"$RUN/vpc.zone"
    sed "s#file vpc.zone#file $RUN/vpc.zone#" "$LAB/services/Corefile.internet" >"$RUN/internet.corefile"
    INTERNET_CONF=$RUN/internet.corefile services_up "$@"
}

search_stop_clients() { # NAME...
    musl   dl-api api-musl   10 600 8 "$@"
    glibc  dl-web web-glibc  10 600 8 "$@"
    golang dl-job job-go     10 600 8 "$@"
    musl   dl-api api-musl2  10 600 8 web.default www.example.com.
    glibc  dl-shop shop-glibc 8 900 8 cart.shop
}

search_stop_captures() {
    capture node-any.pcap dl-node1 any
    capture pod.pcap dl-api eth0
    capture pod-glibc.pcap dl-web eth0
    capture coredns.pcap dl-cd2 eth0
}

case_musl_search_stopped() {
    topology_up 1 2; internet_with_wildcard
    search_stop_captures
    search_stop_clients www.example.org registry.example.net api.payments.example.com
    drivers_wait
    settle 1
    pack node-any.pcap
}

# An empty non-terminal in the cluster zone: mysql.default has no address, its instances have; the wanted mysql is the VPC's.
case_musl_search_ent() {
    local pod
    topology_up 1 2
    { cat "$LAB/services/cluster.local.zone"; echo 'mysql-0.mysql.default.svc IN A 10.0.1.77'; } >"$RUN/ent.zone"
    sed "s#file cluster.local.zone#file $RUN/ent.zone#" "$LAB/services/Corefile.eks" >"$RUN/ent.corefile"
    { cat "$LAB/services/vpc.zone"; echo 'mysql IN A 10.0.5.5'; } >"$RUN/vpc.zone"
    sed "s#file vpc.zone#file $RUN/vpc.zone#" "$LAB/services/Corefile.internet" >"$RUN/internet.corefile"
    INTERNET_CONF=$RUN/internet.corefile services_up "$RUN/ent.corefile" "$RUN/ent.corefile"
    search_stop_captures
    search_stop_clients mysql
    drivers_wait
    settle 1
    pack node-any.pcap
}

# wrong-nameserver with a router that says so.
case_wrong_nameserver_icmp() {
    local pod
    topology_up 1 2; services_up
    for pod in dl-api dl-job; do resolv $pod "nameserver 10.100.0.10" "search $SEARCH" "options ndots:5"; done
    ip -n dl-vpc route add unreachable 10.100.0.0/16
    capture node-any.pcap dl-node1 any
    capture node-eth0.pcap dl-node1 eth0
    capture pod.pcap dl-api eth0
    glibc  dl-web  web-glibc  20 480 9 web.default www.example.com.
    golang dl-shop shop-go    10 900 9 cart.shop
    glibc  dl-api  api-glibc  12 700 9 api.default
    musl   dl-job  job-musl   2 100 9 orders.shop
    glibc  dl-job  job-glibc  10 800 9 www.example.com.
    drivers_wait
    settle 6
}

# A Service is created while somebody already asks for it: NXDOMAIN from the cache until the 5 s of the SOA are over, then it is there.
case_name_created() {
    topology_up 1 2
    sed -e '/ IN SOA /s/ 30$/ 5/' -e 's/^$TTL 30/$TTL 5/' "$LAB/services/cluster.local.zone" >"$RUN/new.zone"
    sed -e "s#file cluster.local.zone cluster.local#file $RUN/new.zone cluster.local {\n        reload 500ms\n    }#" "$LAB/services/Corefile.eks" >"$RUN/new.corefile"
    services_up "$RUN/new.corefile" "$RUN/new.corefile"
    capture node-any.pcap dl-node1 any
    capture pod.pcap dl-web eth0
    capture coredns.pcap dl-cd2 eth0
    glibc  dl-web  web-glibc  30 400 13 invoices.shop
    golang dl-job  job-go     24 500 13 invoices.shop
    musl   dl-api  api-musl   24 500 13 invoices.shop
    glibc  dl-shop shop-glibc 24 500 13 cart.shop www.example.org.
    sleep 3
    { sed 's/1767225600/1767225700/' "$RUN/new.zone"; echo 'invoices.shop.svc IN A 172.20.77.3'; } >"$RUN/new.zone.next"
    mv "$RUN/new.zone.next" "$RUN/new.zone"
    mark created
    drivers_wait
    settle 1
    pack node-any.pcap
}

# --- limits of an ENI ------------------------------------------------------------------------------------------

# The platform tracks connections for the security groups, and its table is full: what is not in it yet is dropped behind the ENI.
case_conntrack_allowance() {
    topology_up 2 2; services_up
    # Looking at the state makes the router track, so that flows that are there already are known to it when it fills up.
    in_ns dl-vpc iptables -A FORWARD -i n1 -m conntrack --ctstate ESTABLISHED -j ACCEPT
    capture node-any.pcap dl-node1 any
    capture node-eth0.pcap dl-node1 eth0
    capture pod.pcap dl-web eth0
    capture pod-fresh.pcap dl-api eth0
    capture coredns.pcap dl-cd2 eth0
    local i
    for i in 1 2 3 4; do keep dl-web "web-keep$i" 19 web.default.svc.cluster.local; done
    for i in 1 2; do keep dl-job "job-keep$i" 19 orders.shop.svc.cluster.local; done
    for i in 1 2 3; do
        glibc  dl-web "web-glibc$i" 30 500 18 api.default www.example.com.
        glibc  dl-api "api-glibc$i" 30 500 18 orders.shop
        musl   dl-api "api-musl$i"  30 500 18 www.example.org.
        golang dl-job "job-go$i"    30 500 18 cart.shop
    done
    glibc  dl-shop shop-glibc 30 600 18 cart.shop
    sleep 4
    ethtool_like 0 >"$OUT/ethtool-before.txt"
    in_ns dl-vpc iptables -A FORWARD -i n1 -m conntrack --ctstate NEW -j DROP
    mark full
    # Somebody else's new connections fail as well.
    drive dl-node1 imds "$BIN/dl-client" fetch -url http://169.254.169.254/latest/meta-data/instance-id -rate 1 -secs 9
    sleep 10
    local dropped; dropped=$(dropped_by dl-vpc filter FORWARD)
    in_ns dl-vpc iptables -D FORWARD -i n1 -m conntrack --ctstate NEW -j DROP
    mark room_again
    drivers_wait
    fact packets_dropped "$dropped"
    ethtool_like "$dropped" >"$OUT/ethtool-after.txt"
    settle 6
    pack node-any.pcap node-eth0.pcap
}

# ethtool_like DROPPED: what `ethtool -S eth0` of an ENA would say. There is no ENA here: written by us, to fit what the rule dropped.
ethtool_like() {
    cat <<EOF
NIC statistics:
     total_resets: 0
     reset_fail: 0
     tx_timeout: 0
     suspend: 0
     resume: 0
     wd_expired: 0
     interface_up: 1
     interface_down: 0
     admin_q_pause: 0
     bw_in_allowance_exceeded: 0
     bw_out_allowance_exceeded: 12
     pps_allowance_exceeded: 0
     conntrack_allowance_exceeded: $((4183 + $1))
     linklocal_allowance_exceeded: 77
     conntrack_allowance_available: $([ "$1" = 0 ] && echo 212 || echo 0)
     queue_0_tx_cnt: $((918273 + 40 * $1))
     queue_0_rx_cnt: $((918100 + 38 * $1))
EOF
}

# The budget is shared: DNS alone stays below the limit, the metadata service takes the rest of it.
case_over_the_limit_imds() {
    topology_up 1 2; services_up; limit_1024
    capture node-eth0.pcap dl-node1 eth0 -s 128
    capture pod.pcap dl-web eth0 -s 128
    quiet; sleep 1
    mark load_begins
    limited_load 700 4 0s
    sleep 0.3
    drive dl-node1 imds "$BIN/dl-client" fetch -url http://169.254.169.254/latest/meta-data/instance-id -rate 140 -secs 3
    drivers_wait
    mark load_ends
    quiet; drivers_wait
    settle 6
    fact packets_dropped_by_limiter "$(dropped_by dl-vpc filter LIMIT)"
    pack node-eth0.pcap
}

# Both CoreDNS pods on one node, so on one ENI, and names that no cache has: what they forward goes over the limit.
case_over_the_limit_coredns() {
    topology_up 1 1
    sed 's/forward . 10.0.0.2 10.0.0.3/forward . 10.0.0.2/' "$LAB/services/Corefile.eks" >"$RUN/one.corefile"
    services_up "$RUN/one.corefile" "$RUN/one.corefile"; limit_1024
    capture node-eth0.pcap dl-node1 eth0 -s 128
    capture pod.pcap dl-web eth0 -s 128
    capture coredns.pcap dl-cd1 eth0 -s 128
    quiet
    glibc dl-shop shop-glibc 20 450 9 cart.shop orders.shop.svc.cluster.local.
    glibc dl-web web-glibc 12 800 9 www.example.org api.payments.example.com
    sleep 1.5
    mark load_begins
    load dl-web  load-web  $CLUSTER_IP 550 3.5 -sockets 24 -names 1000000
    load dl-api  load-api  $CLUSTER_IP 550 3.5 -sockets 24 -names 1000000
    load dl-cart load-cart $CLUSTER_IP 350 3.5 -sockets 24 -names 1000000
    drivers_wait
    mark load_ends
    quiet; drivers_wait
    settle 6
    fact packets_dropped_by_limiter "$(dropped_by dl-vpc filter LIMIT)"
    pack node-eth0.pcap pod.pcap coredns.pcap
}
