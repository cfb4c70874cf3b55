# shellcheck shell=bash
# Cases in which something between the parties blocks: NetworkPolicy, firewall, closed port.

EXTERNAL='api.payments.example.com www.example.org'

case_upstream_blocked()      { upstream_blocked "$COREDNS_VERSION"; }
# The twin is for the timing of the older version; two of its five files are enough.
case_upstream_blocked_1_12() {
    fact coredns "$COREDNS_OLD"
    upstream_blocked "$COREDNS_OLD"
    captures_stop
    rm "$OUT/node-any.pcap" "$OUT/node-eth0.pcap" "$OUT/pod.pcap"
}

# The incident of the runbook: a default-deny egress policy on kube-system that
# forgot the upstream resolvers. Answers of CoreDNS and cluster addresses pass.
upstream_blocked() {
    local pod ns
    topology_up 1 2; services_up Corefile.eks Corefile.eks "$1"
    capture_all dl-web
    glibc  dl-shop shop-glibc  60 300 17 orders.shop kubernetes.default web.default
    glibc  dl-node1 host-glibc 20 900 18 www.example.com hooks.example.org
    glibc  dl-cart cart-before 2 300 2 www.example.com.
    sleep 2
    for pod in dl-cd1 dl-cd2; do
        ns=dl-node${POD_NODE[$pod]}
        # Replies of CoreDNS to its clients belong to tracked flows; what it begins itself must be allowed.
        in_ns "$ns" iptables -A FORWARD -i "$(host_veth $pod)" -m conntrack --ctdir REPLY -j ACCEPT
        in_ns "$ns" iptables -A FORWARD -i "$(host_veth $pod)" -d 172.20.0.0/16 -j ACCEPT
        in_ns "$ns" iptables -A FORWARD -i "$(host_veth $pod)" -j DROP
    done
    mark blocked
    # shellcheck disable=SC2086
    {
        glibc  dl-web  web-glibc    3 200 10 $EXTERNAL
        glibc  dl-web  web-cluster 25 500 14 api orders.shop
        musl   dl-api  api-musl     4 200 10 $EXTERNAL
        golang dl-job  job-go       2 200 10 $EXTERNAL
        glibc  dl-cart cart-glibc   4 200 10 sqs.us-west-2.amazonaws.com.
    }
    drivers_wait
    mark clients_done
    settle 6
    in_ns dl-node1 iptables -L FORWARD -v -n -x >"$RUN/rules1.txt"; in_ns dl-node2 iptables -L FORWARD -v -n -x >"$RUN/rules2.txt"
    fact packets_dropped_by_policy "$(cat "$RUN"/rules?.txt | awk '$3=="DROP"{n+=$1} END{print n+0}')"
}

# block_job RULE...: what is done to packets of dl-job to port 53 on its node
block_job() {
    local proto
    for proto in udp tcp; do in_ns dl-node1 iptables -A FORWARD -s "${POD_IP[dl-job]}" -p $proto --dport 53 -j "$@"; done
    fact blocked_pod "${POD_IP[dl-job]}"
    mark blocked
}

neighbours() { # SECONDS: pods whose DNS works all the time
    glibc  dl-web  web-glibc  $(($1 * 2)) 480 "$1" web.default www.example.com.
    musl   dl-api  api-musl   "$1" 900 "$1" orders.shop www.example.org
    golang dl-shop shop-go    "$1" 900 "$1" cart.shop registry.example.net.
}

blocked_captures() {
    capture node-any.pcap dl-node1 any
    capture node-eth0.pcap dl-node1 eth0
    capture pod-blocked.pcap dl-job eth0
    capture pod-other.pcap dl-web eth0
    capture coredns.pcap dl-cd2 eth0
}

case_pod_blocked() {
    topology_up 1 2; services_up
    block_job DROP
    blocked_captures
    neighbours 16
    glibc  dl-job job-glibc 1 0 5 api.default
    musl   dl-job job-musl  3 100 12 orders.shop
    golang dl-job job-go    1 0 5 www.example.com.
    sleep 3
    getent_loop dl-job job-getent 1 0 www.example.org.
    drivers_wait
    mark clients_done
    settle 6
    fact packets_dropped_by_policy "$(in_ns dl-node1 iptables -L FORWARD -v -n -x | awk '$3=="DROP"{n+=$1} END{print n+0}')"
}

pod_rejected() { # REJECT OPTION...
    topology_up 1 2; services_up
    block_job REJECT "$@"
    blocked_captures
    neighbours 9
    glibc  dl-job job-glibc 12 700 8 api.default www.example.com.
    musl   dl-job job-musl  2 200 6 orders.shop
    golang dl-job job-go    5 1500 8 web.default
    drivers_wait
    mark clients_done
    settle 6
    fact packets_rejected "$(in_ns dl-node1 iptables -L FORWARD -v -n -x | awk '$3=="REJECT"{n+=$1} END{print n+0}')"
}
case_pod_rejected()      { pod_rejected --reject-with icmp-admin-prohibited; }
case_pod_rejected_port() { pod_rejected; }

# The CoreDNS processes end; the pods, their addresses and the endpoints stay.
case_port_closed() {
    topology_up 1 2; services_up
    capture_all dl-web
    glibc  dl-web  web-glibc 16 600 11 web.default www.example.com.
    golang dl-job  job-go    10 900 11 api.default
    glibc  dl-shop shop-glibc 12 800 11 cart.shop
    musl   dl-api  api-musl   8 700 8 orders.shop
    sleep 2
    coredns_stop dl-cd1; coredns_stop dl-cd2
    mark stopped
    drivers_wait
    mark clients_done
    settle 6
}

# No endpoint of kube-dns is ready: kube-proxy puts a REJECT before the DNAT.
case_no_endpoints() {
    topology_up 1 2; services_up
    capture node-any.pcap dl-node1 any
    capture node-eth0.pcap dl-node1 eth0
    capture pod.pcap dl-web eth0
    glibc  dl-web  web-glibc 16 600 10 web.default www.example.com.
    golang dl-job  job-go    10 900 10 api.default
    musl   dl-api  api-musl   8 700 8 orders.shop
    sleep 2
    kube_proxy 1; kube_proxy 2
    mark no_endpoints
    drivers_wait
    settle 6
}

# TCP to port 53 is dropped between the nodes, UDP is not: truncated answers cannot be completed.
case_tcp53_blocked() {
    topology_up 2 2; services_up
    in_ns dl-node1 iptables -A FORWARD -p tcp --dport 53 -j DROP
    capture node-any.pcap dl-node1 any
    capture pod.pcap dl-web eth0
    capture coredns.pcap dl-cd2 eth0
    glibc  dl-api api-glibc 10 700 8 web.default www.example.com.
    golang dl-web web-go     2 300 6 workers.batch
    drive dl-web web-glibc timeout 14 "$BIN/lookup-glibc" -n 1 -d 1 workers.batch.svc.cluster.local.
    glibc  dl-web web-small 10 900 9 orders.shop
    drivers_wait
    settle 6
}

# Kubelet of node 1 hands out the ClusterIP of the other EKS default; nothing owns that address.
case_wrong_nameserver() {
    topology_up 1 2; services_up
    local pod
    for pod in dl-api dl-job; do resolv $pod "nameserver 10.100.0.10" "search $SEARCH" "options ndots:5"; done
    # The VPC has no route for it and says nothing.
    ip -n dl-vpc route add blackhole 10.100.0.0/16
    in_ns dl-vpc iptables -A INPUT -d 10.100.0.0/16 -j DROP; in_ns dl-vpc iptables -A OUTPUT -p icmp --icmp-type 3 -j DROP
    capture node-any.pcap dl-node1 any
    capture node-eth0.pcap dl-node1 eth0
    capture pod.pcap dl-api eth0
    glibc  dl-web  web-glibc  30 480 14 web.default www.example.com.
    golang dl-shop shop-go    14 900 14 cart.shop
    glibc  dl-api  api-glibc   1 0 5 api.default
    musl   dl-job  job-musl    3 100 12 orders.shop
    glibc  dl-job  job-glibc   1 0 5 www.example.com.
    drivers_wait
    settle 6
}

# CoreDNS pod cd2 is silent from now on, neither an answer nor an ICMP error, as when its node is gone; for so many
# seconds the endpoints still name it.
lose_cd2() {
    in_ns dl-cd2 iptables -A INPUT -j DROP
    mark gone
    sleep "$1"
    kube_proxy 1 "${POD_IP[dl-cd1]}"; kube_proxy 2 "${POD_IP[dl-cd1]}"
    mark endpoint_removed
    drivers_wait
    settle 6
}

# A CoreDNS pod is gone from the network (its node died, or its veth), and for ten seconds the endpoints still name it.
case_backend_gone() {
    topology_up 1 2; services_up
    capture_all dl-web
    # Several processes in each pod: one that met the dead backend waits for seconds.
    local i
    for i in 1 2 3; do
        glibc  dl-web  "web-glibc$i" 20 350 11 web.default www.example.com. api
        musl   dl-api  "api-musl$i"  20 350 11 orders.shop redis.cache.svc.cluster.local.
        golang dl-job  "job-go$i"    20 350 11 cart.shop kubernetes.default.svc.cluster.local.
    done
    glibc  dl-shop shop-glibc 20 350 10 cart.shop postgres.data
    sleep 3
    lose_cd2 9
}

# A node is lost, and its CoreDNS pod stays an endpoint until the node counts as gone, most of a minute.
case_backend_gone_long() {
    topology_up 1 2; services_up
    capture node-any.pcap dl-node1 any
    capture pod.pcap dl-web eth0
    capture pod-waits.pcap dl-api eth0
    capture pod-go.pcap dl-job eth0
    # Four processes in one pod, each with one lookup at a time; one in the next; Go, which asks again from a new port.
    local i
    for i in 1 2 3 4; do
        glibc dl-web "web-glibc$i" 200 350 75 web.default www.example.com. api postgres.data
    done
    musl   dl-api  api-musl  400 350 75 orders.shop redis.cache.svc.cluster.local. www.example.com.
    golang dl-job  job-go    200 350 75 cart.shop kubernetes.default.svc.cluster.local.
    glibc  dl-shop shop-glibc 40 900 75 cart.shop postgres.data
    sleep 10
    lose_cd2 52
    pack node-any.pcap
}
