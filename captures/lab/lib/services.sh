# shellcheck shell=bash
# The servers: CoreDNS in the pods, unbound as the resolver of the VPC with an authoritative CoreDNS behind it.

build() {
    mkdir -p "$BIN" "$WORK/src"
    export PATH=$PATH:/usr/local/go/bin
    need go "golang.org"; need tcpdump apt; need tshark apt; need unbound apt; need musl-gcc musl-tools; need jq apt; need ethtool apt
    local v d
    for v in "$COREDNS_VERSION" "$COREDNS_OLD"; do
        [ ! -x "$BIN/coredns-$v" ] || continue
        d=$WORK/src/coredns-$v
        say "building CoreDNS $v (one to three minutes, once)"
        mkdir -p "$d"; cp "$LAB/services/coredns/main.go" "$d/"
        (cd "$d" && { [ -f go.mod ] || go mod init dl-coredns; } && go get "github.com/coredns/coredns@$v" && go mod tidy &&
            go build -p 2 -trimpath -ldflags '-s -w' -o "$BIN/coredns-$v" .) >"$WORK/build-$v.log" 2>&1 || die "see $WORK/build-$v.log"
    done
    # The same source against both C libraries; musl static so that it needs no loader.
    gcc -O1 -Wall -o "$BIN/lookup-glibc" "$LAB/clients/lookup.c"
    musl-gcc -O1 -Wall -static -o "$BIN/lookup-musl" "$LAB/clients/lookup.c"
    gcc -O1 -Wall -pthread -o "$BIN/pairs" "$LAB/clients/pairs.c"
    (cd "$LAB/clients" && CGO_ENABLED=0 GO111MODULE=off go build -tags netgo -trimpath -o "$BIN/dl-client" ./goclient)
}

# The same with the kubernetes plugin, for the cases that need it: "$COREDNS_VERSION-kubernetes" is its version here.
build_kubernetes() {
    local d=$WORK/src/coredns-$COREDNS_VERSION-kubernetes
    [ ! -x "$BIN/coredns-$COREDNS_VERSION-kubernetes" ] || return 0
    say "building CoreDNS $COREDNS_VERSION with the kubernetes plugin (some minutes, once)"
    mkdir -p "$d"; cp "$LAB"/services/coredns/*.go "$d/"
    (cd "$d" && { [ -f go.mod ] || go mod init dl-coredns; } && go get "github.com/coredns/coredns@$COREDNS_VERSION" && go mod tidy &&
        go build -p 2 -tags kubernetes -trimpath -ldflags '-s -w' -o "$BIN/coredns-$COREDNS_VERSION-kubernetes" .) >"$WORK/build-kubernetes.log" 2>&1 ||
        die "see $WORK/build-kubernetes.log"
}

# coredns POD COREFILE [VERSION]: a CoreDNS in the pod, ready when it listens.
declare -A COREDNS_PID=()
coredns() {
    local pod=$1 file=$2 version=${3:-$COREDNS_VERSION}
    ip netns exec "$pod" sh -c "cd '$LAB/services' && exec '$BIN/coredns-$version' -conf '$file'" >>"$RUN/$pod.log" 2>&1 &
    COREDNS_PID[$pod]=$!
    disown $!       # no message of the shell when it is killed
    listening "$pod" 53
}

listening() { # NS PORT
    for _ in $(seq 100); do
        ! in_ns "$1" ss -Hlun "sport = :$2" | grep -q . || return 0
        sleep 0.05
    done
    die "$1 does not listen on $2: $(tail -3 "$RUN/$1.log" 2>/dev/null)"
}

# coredns_stop POD: the process goes, the pod and its address stay
coredns_stop() { kill -KILL "${COREDNS_PID[$1]}"; }

# coredns_swap POD COREFILE: another configuration without closing a socket (the pod was started with $RUN/POD.corefile)
coredns_swap() {
    cp "$LAB/services/$2" "$RUN/$1.corefile"
    kill -USR1 "${COREDNS_PID[$1]}"
}

# unbound gives the flags of a recursive resolver (RA=1, AA=0); the data come from a CoreDNS on loopback.
resolver_up() {
    ip netns exec dl-res sh -c "cd '$LAB/services' && exec '$BIN/coredns-$COREDNS_VERSION' -conf '${INTERNET_CONF:-Corefile.internet}'" >"$RUN/dl-res.log" 2>&1 &
    disown $!
    listening dl-res 5301
    ip netns exec dl-res unbound -d -c "${UNBOUND_CONF:-$LAB/services/unbound.conf}" >>"$RUN/dl-res.log" 2>&1 &
    disown $!
    listening dl-res 53
    # The metadata service: an answer of any kind will do.
    ip netns exec dl-res sh -c "mkdir -p '$RUN/imds/latest/meta-data' && cd '$RUN/imds' && echo i-0dl0lab > latest/meta-data/instance-id &&
        exec python3 -m http.server -b 169.254.169.254 80" >/dev/null 2>&1 &
    disown $!
}

services_up() { # [COREFILE_OF_CD1 [COREFILE_OF_CD2 [VERSION]]]
    resolver_up
    coredns dl-cd1 "${1:-Corefile.eks}" "${3-}"
    coredns dl-cd2 "${2:-Corefile.eks}" "${3-}"
    # Neighbour entries and first packets of the sockets, so that recordings start in a settled network.
    local pod
    for pod in dl-web dl-api dl-job dl-shop dl-cart; do in_ns "$pod" getent ahostsv4 warmup.example.org. >/dev/null || true; done
    sleep 0.3
}
