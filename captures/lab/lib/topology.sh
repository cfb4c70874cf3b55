# shellcheck shell=bash
# Two EKS-like nodes, a VPC and a resolver, each a network namespace of its own.
#
#   dl-web .51  dl-api .52  dl-job .53        dl-shop .51  dl-cart .52
#        \        |        /                       |        /
#         dl-node1 10.0.1.10                 dl-node2 10.0.2.10
#                     \ eth0 (ENI)          eth0 (ENI) /
#                      dl-vpc  10.0.1.1 / 10.0.2.1 / 10.0.0.1
#                                   |
#                      dl-res  10.0.0.2, 10.0.0.3, 169.254.169.253, .254
#
# CoreDNS pods dl-cd1 and dl-cd2 stand on the nodes that the case asks for.
# As the AWS VPC CNI does it: no bridge, no overlay; every pod has a /32, a
# default route via 169.254.1.1 with a permanent neighbour entry, and the node
# has a /32 route to the pod's veth.

declare -A POD_IP POD_NODE

sysctls() { # NS
    # IPv6 off: an IPv4 EKS cluster; it also keeps neighbour discovery out of the recordings.
    in_ns "$1" sh -c '
        for i in all default lo; do
            echo 0 > /proc/sys/net/ipv4/conf/$i/rp_filter
            echo 0 > /proc/sys/net/ipv4/conf/$i/send_redirects
            echo 0 > /proc/sys/net/ipv4/conf/$i/accept_redirects
            echo 1 > /proc/sys/net/ipv6/conf/$i/disable_ipv6
        done
        echo "0 2147483647" > /proc/sys/net/ipv4/ping_group_range' 2>/dev/null
}

new_ns() { # NS [router]
    ip netns add "$1"
    sysctls "$1"
    ip -n "$1" link set lo up
    [ "${2-}" != router ] || in_ns "$1" sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
}

# Real checksums and one packet per wire packet, as on an ENI seen from outside.
no_offload() { # NS DEV
    in_ns "$1" ethtool -K "$2" tx off rx off gso off tso off gro off >/dev/null 2>&1 || true
}

# veth NS1 DEV1 MAC1 NS2 DEV2 MAC2
veth() {
    ip -n "$1" link add "$2" address "$3" type veth peer name "$5" address "$6" netns "$4"
    no_offload "$1" "$2"; no_offload "$4" "$5"
    ip -n "$1" link set "$2" up
    ip -n "$4" link set "$5" up
}

mac_of() { # IP -> locally administered MAC that shows the address
    local IFS=.; # shellcheck disable=SC2086
    set -- $1
    printf '0a:58:%02x:%02x:%02x:%02x' "$1" "$2" "$3" "$4"
}

node_up() { # N
    local n=$1 ns=dl-node$1 ip=10.0.$1.10 gw=10.0.$1.1
    new_ns "$ns" router
    veth dl-vpc "n$n" "$(mac_of "$gw")" "$ns" eth0 "$(mac_of "$ip")"
    ip -n dl-vpc addr add "$gw/24" dev "n$n"
    ip -n "$ns" addr add "$ip/24" dev eth0
    ip -n "$ns" route add default via "$gw"
    # Like the CNI: what leaves the VPC takes the node's own address, what stays inside keeps the pod's.
    in_ns "$ns" iptables -t nat -A POSTROUTING ! -d "$VPC_CIDR" -m addrtype ! --dst-type LOCAL -o eth0 \
        -j SNAT --to-source "$ip" --random-fully
    resolv "$ns" "nameserver 10.0.0.2" "search us-west-2.compute.internal"
}

pod_up() { # NAME NODE IP
    local name=$1 node=dl-node$2 ip=$3 host
    host=eni$(printf %s "$name" | sha1sum | cut -c1-11)      # the CNI's name: eni + 11 hex digits
    new_ns "$name"
    veth "$node" "$host" "$(printf '0e:%s' "$(printf %s "$host" | md5sum | sed 's/\(..\)/\1:/g' | cut -c1-14)")" \
         "$name" eth0 "$(mac_of "$ip")"
    ip -n "$name" addr add "$ip/32" dev eth0
    ip -n "$name" route add 169.254.1.1 dev eth0 scope link
    ip -n "$name" route add default via 169.254.1.1
    ip -n "$name" neigh add 169.254.1.1 dev eth0 nud permanent \
        lladdr "$(ip -n "$node" -j link show dev "$host" | jq -r '.[0].address')"
    ip -n "$node" route add "$ip/32" dev "$host" scope link
    ip -n dl-vpc route add "$ip/32" via "10.0.$2.10"         # the VPC knows which ENI owns a secondary address
    POD_IP[$name]=$ip; POD_NODE[$name]=$2
    resolv "$name" "nameserver $CLUSTER_IP" "search $SEARCH" "options ndots:5"
}

host_veth() { printf 'eni%s' "$(printf %s "$1" | sha1sum | cut -c1-11)"; }   # POD

# resolv NS LINE...: what `ip netns exec` mounts over /etc/resolv.conf
resolv() {
    local ns=$1; shift
    mkdir -p "/etc/netns/$ns"
    printf '%s\n' "$@" >"/etc/netns/$ns/resolv.conf"
    printf 'hosts: files dns\n' >"/etc/netns/$ns/nsswitch.conf"
    printf '127.0.0.1 localhost\n' >"/etc/netns/$ns/hosts"
}

# topology_up NODE_OF_CD1 NODE_OF_CD2
topology_up() {
    lab_down
    POD_IP=(); POD_NODE=()
    new_ns dl-vpc router
    # The implicit router of a VPC does not count as a hop: give back the TTL that ours takes.
    in_ns dl-vpc iptables -t mangle -A FORWARD -j TTL --ttl-inc 1
    new_ns dl-res
    # Not the resolver of the machine that records: the metadata service looks up its own name.
    resolv dl-res "nameserver 127.0.0.1"
    veth dl-vpc res "$(mac_of 10.0.0.1)" dl-res eth0 "$(mac_of 10.0.0.2)"
    ip -n dl-vpc addr add 10.0.0.1/24 dev res
    ip -n dl-res addr add 10.0.0.2/24 dev eth0
    ip -n dl-res addr add 10.0.0.3/24 dev eth0
    ip -n dl-res addr add 169.254.169.253/32 dev eth0
    ip -n dl-res addr add 169.254.169.254/32 dev eth0
    ip -n dl-res route add default via 10.0.0.1
    ip -n dl-vpc route add 169.254.169.253/32 via 10.0.0.2
    ip -n dl-vpc route add 169.254.169.254/32 via 10.0.0.2
    node_up 1; node_up 2
    pod_up dl-web 1 10.0.1.51; pod_up dl-api 1 10.0.1.52; pod_up dl-job 1 10.0.1.53
    pod_up dl-shop 2 10.0.2.51; pod_up dl-cart 2 10.0.2.52
    pod_up dl-cd1 "$1" "10.0.$1.61"; pod_up dl-cd2 "$2" "10.0.$2.62"
    # CoreDNS runs with dnsPolicy: Default, so with the node's resolvers.
    resolv dl-cd1 "nameserver 10.0.0.2" "nameserver 10.0.0.3"; resolv dl-cd2 "nameserver 10.0.0.2" "nameserver 10.0.0.3"
    kube_proxy 1 "${POD_IP[dl-cd1]}" "${POD_IP[dl-cd2]}"
    kube_proxy 2 "${POD_IP[dl-cd1]}" "${POD_IP[dl-cd2]}"
}

# kube_proxy NODE ENDPOINT...: the nat rules that kube-proxy (iptables mode) has for kube-system/kube-dns.
# The chain names are the real ones: hashes of "kube-system/kube-dns:dns" and ":dns-tcp".
# Without an endpoint it is, as there, a REJECT in the filter table.
kube_proxy() {
    local ns=dl-node$1 proto chain n i ep; shift
    {
        echo '*nat'
        echo ':KUBE-SERVICES - [0:0]'; echo ':KUBE-MARK-MASQ - [0:0]'; echo ':KUBE-POSTROUTING - [0:0]'
        echo ':KUBE-SVC-TCOU7JCQXEZGVUNU - [0:0]'; echo ':KUBE-SVC-ERIFXISQEP7F7OF4 - [0:0]'
        echo '-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000'
        echo '-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN'
        echo '-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000'
        echo '-A KUBE-POSTROUTING -j MASQUERADE --random-fully'
        for proto in udp tcp; do
            [ $proto = udp ] && chain=KUBE-SVC-TCOU7JCQXEZGVUNU || chain=KUBE-SVC-ERIFXISQEP7F7OF4
            n=$#; i=0
            for ep in "$@"; do
                echo ":KUBE-SEP-$proto-$i - [0:0]"
                echo "-A KUBE-SEP-$proto-$i -s $ep/32 -j KUBE-MARK-MASQ"
                echo "-A KUBE-SEP-$proto-$i -p $proto -m $proto -j DNAT --to-destination $ep:53"
                if [ $((n - i)) -gt 1 ]; then
                    echo "-A $chain -m statistic --mode random --probability $(awk "BEGIN{printf \"%.11f\",1/($n-$i)}") -j KUBE-SEP-$proto-$i"
                else
                    echo "-A $chain -j KUBE-SEP-$proto-$i"
                fi
                i=$((i + 1))
            done
            [ "$n" = 0 ] || echo "-A KUBE-SERVICES -d $CLUSTER_IP/32 -p $proto -m $proto --dport 53 -j $chain"
        done
        echo COMMIT
    } | in_ns "$ns" iptables-restore --noflush
    in_ns "$ns" sh -c 'for c in PREROUTING OUTPUT; do iptables -t nat -C $c -j KUBE-SERVICES 2>/dev/null || iptables -t nat -A $c -j KUBE-SERVICES; done
        iptables -t nat -C POSTROUTING -j KUBE-POSTROUTING 2>/dev/null || iptables -t nat -I POSTROUTING -j KUBE-POSTROUTING'
    if [ $# = 0 ]; then
        for proto in udp tcp; do
            for chain in FORWARD OUTPUT; do
                in_ns "$ns" iptables -A $chain -d $CLUSTER_IP -p $proto --dport 53 -j REJECT --reject-with icmp-port-unreachable
            done
        done
    fi
}
