#!/usr/bin/env bash
# systemd-resolved as the resolver of a pod, and glibc's getaddrinfo that asks it at 127.0.0.53:
#
#   resolved.sh FOLDER LOOKUP [ARGUMENT...]
#
# FOLDER holds the unpacked Debian packages systemd-resolved and libsystemd-shared (nothing is installed: the
# package would take over the machine's resolv.conf). No systemd and no D-Bus are needed: it warns and works.
# Run it in the pod's network namespace; it makes a mount namespace of its own, in which resolv.conf, the users and
# /run are changed. It serves the name servers of the pod's resolv.conf and caches, as on a node.
set -euo pipefail
if [ "${1-}" != --inside ]; then exec unshare --mount --propagation private "$0" --inside "$@"; fi
shift
folder=$1; shift
scratch=$(mktemp -d)
servers=$(awk '$1 == "nameserver" {printf "%s ", $2}' /etc/resolv.conf)
rest=$(grep -v '^nameserver' /etc/resolv.conf)
for file in passwd group; do
    cp "/etc/$file" "$scratch/$file"
    grep -q '^systemd-resolve:' "$scratch/$file" || printf 'systemd-resolve:x:991:%s\n' "$([ $file = group ] || printf '991::/:/usr/sbin/nologin')" >>"$scratch/$file"
    mount --bind "$scratch/$file" "/etc/$file"
done
printf 'nameserver 127.0.0.53\n%s\n' "$rest" >"$scratch/resolv.conf"
mount --bind "$scratch/resolv.conf" /etc/resolv.conf
mount -t tmpfs none /run; mkdir -p /run/systemd/resolve; chown systemd-resolve:systemd-resolve /run/systemd/resolve
mkdir -p /etc/systemd; mount -t tmpfs none /etc/systemd
printf '[Resolve]\nDNS=%s\nFallbackDNS=\nDNSSEC=no\nLLMNR=no\nMulticastDNS=no\nDomains=~.\n' "$servers" >/etc/systemd/resolved.conf
LD_LIBRARY_PATH=$folder/usr/lib/x86_64-linux-gnu/systemd "$folder/lib/systemd/systemd-resolved" &
daemon=$!
for _ in $(seq 50); do ! ss -Hlun 'src 127.0.0.53:53' | grep -q . || break; sleep 0.1; done
"$@" || true
kill "$daemon"; wait "$daemon" || true
rm -rf "$scratch"
