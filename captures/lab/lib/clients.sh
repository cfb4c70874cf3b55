# shellcheck shell=bash
# Traffic of the pods. Every client is bounded by a number of lookups and by a time.

# glibc POD LOG COUNT INTERVAL_MS SECONDS NAME...; likewise musl and golang
glibc()  { client lookup-glibc "$@"; }
musl()   { client lookup-musl "$@"; }
golang() { client 'dl-client lookup' "$@"; }

client() {
    local program=$1 ns=$2 log=$3 count=$4 interval=$5 seconds=$6; shift 6
    # shellcheck disable=SC2086  # program and subcommand
    drive "$ns" "$log" $BIN/$program -n "$count" -i "$interval" -d "$seconds" "$@"
}

# getent_loop POD LOG COUNT INTERVAL_S NAME...: one process a lookup, as a shell script in a pod does it
getent_loop() {
    local ns=$1 log=$2 count=$3 interval=$4; shift 4
    # shellcheck disable=SC2016  # for the inner shell
    drive "$ns" "$log" bash -c '
        count=$1 interval=$2; shift 2; names=("$@")
        for ((i = 0; i < count; i++)); do
            name=${names[i % $#]} t0=${EPOCHREALTIME/./}
            first=$(getent ahosts "$name" | head -n 1 | cut -d " " -f 1)
            t1=${EPOCHREALTIME/./}
            printf "%s.%s\t%s\t%s\t%s\t%s\n" "${t0:0:10}" "${t0:10}" "$name" "$(((t1 - t0) / 1000))" "$([ -n "$first" ] && echo ok || echo failed)" "${first:--}"
            sleep "$interval"
        done' getent_loop "$count" "$interval" "$@"
}

# load NS LOG SERVER RATE SECONDS [OPTION...]
load() {
    local ns=$1 log=$2 server=$3 rate=$4 seconds=$5; shift 5
    drive "$ns" "$log" "$BIN/dl-client" load -server "$server" -rate "$rate" -secs "$seconds" "$@"
}

# settle SECONDS: the quiet at the end, longer than any timer of a client and than the query timeout, with a last
# packet everywhere. An analyser measures from the last packet of a capture: without one, what was lost last would
# be "pending" for ever. The pods and the nodes fetch from the metadata service, which no case blocks, as agents do.
settle() {
    local ns
    sleep "$1"
    for ns in dl-node1 dl-node2 "${!POD_IP[@]}"; do
        in_ns "$ns" timeout 1 bash -c 'exec 3<>/dev/tcp/169.254.169.254/80 && printf "GET /latest/meta-data/instance-id HTTP/1.0\r\n\r\n" >&3 && cat <&3' >/dev/null 2>&1 || true
    done
}

# cares POD LOG COUNT INTERVAL_MS SECONDS NAME...: Node.js' dns.resolve, so c-ares
cares() {
    local ns=$1 log=$2; shift 2
    need node nodejs
    drive "$ns" "$log" node "$LAB/clients/resolve.js" "$@"
}

# PERF_WAITING: as many questions dnsperf keeps waiting before it asks no more
PERF_WAITING=100

# perf POD LOG SERVER RATE SECONDS SOCKETS TIMEOUT_S NAME...: dnsperf, A questions in turn
perf() {
    local ns=$1 log=$2 server=$3 rate=$4 seconds=$5 sockets=$6 timeout=$7; shift 7
    need dnsperf apt
    printf '%s A\n' "$@" >"$RUN/$log.names"
    # shellcheck disable=SC2016  # for the inner shell
    drive "$ns" "$log" bash -c '
        dnsperf -s "$1" -Q "$2" -l "$3" -c "$4" -t "$5" -q "$7" -d "$6.names" >"$6.dnsperf" 2>&1
        awk -F: "/Queries sent/ {s=\$2+0} /Queries completed/ {c=\$2+0} /Queries lost/ {l=\$2+0} /Average Latency/ {a=\$2*1000}
            END {printf \"sent\t%d\tanswered\t%d\tlost\t%d\tms_mean\t%.1f\n\", s, c, l, a}" "$6.dnsperf"' \
        perf "$server" "$rate" "$seconds" "$sockets" "$timeout" "$RUN/$log" "$PERF_WAITING"
}

# resolved POD LOG COUNT INTERVAL_MS SECONDS NAME...: glibc that asks systemd-resolved in the same pod
resolved() {
    local ns=$1 log=$2; shift 2
    local folder=$WORK/resolved package
    if [ ! -d "$folder" ]; then
        mkdir -p "$folder.new"
        (cd "$folder.new" && apt-get -q download systemd-resolved libsystemd-shared >&2)
        for package in "$folder.new"/*.deb; do dpkg -x "$package" "$folder.new"; done
        mv "$folder.new" "$folder"
    fi
    drive "$ns" "$log" "$LAB/clients/resolved.sh" "$folder" "$BIN/lookup-glibc" -n "$1" -i "$2" -d "$3" "${@:4}"
}
