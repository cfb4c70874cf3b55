//! The texts of the causes against the contract, and as somebody reads them at night.

use crate::verdict::causes::{ALL, find};

/// The table of `spec/report.md`.
const TABLE: [(&str, &str); 33] = [
    ("normal", "ndots_search_chain"),
    ("normal", "servfail_transient"),
    ("normal", "nodata_no_ipv6"),
    ("pps_throttling", "vpc_dns_pps_exceeded"),
    ("pps_throttling", "vpc_dns_pps_near_limit"),
    ("pps_throttling", "conntrack_allowance_exceeded"),
    ("coredns_overload", "coredns_overload"),
    ("coredns_overload", "servfail_burst"),
    ("coredns_down", "coredns_backend_gone"),
    ("coredns_down", "kube_dns_no_endpoints"),
    ("coredns_down", "dns_port_closed"),
    ("coredns_down", "coredns_not_synced"),
    ("upstream_failure", "upstream_slow"),
    ("upstream_failure", "upstream_servfail"),
    ("upstream_failure", "dnssec_validation_failure"),
    ("upstream_failure", "query_refused"),
    ("network_policy", "upstream_unreachable"),
    ("network_policy", "client_egress_dropped"),
    ("network_policy", "firewall_reject"),
    ("network_policy", "tcp53_blocked"),
    ("network_policy", "fragment_loss"),
    ("config_error", "wrong_nameserver"),
    ("config_error", "nodelocaldns_bypass"),
    ("config_error", "nodelocaldns_down"),
    ("config_error", "dns_forwarding_loop"),
    ("config_error", "cluster_name_sent_upstream"),
    ("config_error", "musl_search_stopped"),
    ("config_error", "name_does_not_exist"),
    ("packet_loss", "conntrack_dnat_race"),
    ("packet_loss", "stale_conntrack_udp"),
    ("packet_loss", "random_loss"),
    ("packet_loss", "reply_source_mismatch"),
    ("capture", "capture_incomplete"),
];

/// How a command that changes nothing begins.
const READ_ONLY: [&str; 31] = [
    "kubectl get ",
    "kubectl describe ",
    "kubectl logs ",
    "kubectl top ",
    "kubectl -n kube-system get ",
    "kubectl -n kube-system describe ",
    "kubectl -n kube-system logs ",
    "kubectl -n kube-system top ",
    "kubectl exec <pod> -- cat ",
    "kubectl exec <pod> -- getent ",
    "kubectl exec <pod> -- dig ",
    "kubectl exec <pod> -- nslookup ",
    "ip -s link",
    "ip addr",
    "ip route",
    "sudo ethtool -S ",
    "ethtool -S ",
    "sudo iptables-save",
    "sudo nft list ",
    "sudo conntrack -S",
    "sudo conntrack -L",
    "sudo ipvsadm -L",
    "capinfos ",
    "cat /etc/resolv.conf",
    "netstat -su",
    "dig ",
    "uname -r",
    "sudo sysctl net.",
    "sudo ss -",
    "tshark -r <file> ",
    "nstat -az",
];

/// What the reader fills in.
const PLACEHOLDERS: [&str; 5] = ["pod", "file", "instance-id", "name", "ns"];
/// What a finding fills in.
const FILLED: [&str; 2] = ["client", "server"];

#[test]
fn codes_and_categories_are_the_contracts_in_its_order() {
    let mut last = 0;
    for cause in ALL {
        let at = TABLE.iter().position(|row| *row == (cause.category, cause.code));
        let at =
            at.unwrap_or_else(|| panic!("{} {} is not in the table", cause.category, cause.code));
        assert!(at >= last, "{} stands too late", cause.code);
        last = at;
        assert_eq!(cause.normal, cause.category == "normal", "{}", cause.code);
        assert_eq!(
            ALL.iter().filter(|other| other.code == cause.code).count(),
            1,
            "{}",
            cause.code
        );
        assert!(find(cause.code).is_some());
    }
}

#[test]
fn look_alikes_are_codes_or_words() {
    for cause in ALL {
        for (other, why) in cause.look_alikes {
            let code = TABLE.iter().any(|row| row.1 == *other);
            assert!(code || !other.contains('_'), "{}: no such cause: {other}", cause.code);
            assert!(
                *other != cause.code && !why.is_empty() && !why.ends_with('.'),
                "{}: {why}",
                cause.code
            );
        }
    }
}

#[test]
fn confirm_commands_only_read() {
    for cause in ALL {
        assert!(!cause.confirm.is_empty(), "{}", cause.code);
        for command in cause.confirm {
            let known = READ_ONLY.iter().any(|verb| command.starts_with(verb.trim_end()));
            let aws = command.starts_with("aws ")
                && command.split(' ').nth(2).is_some_and(|verb| verb.starts_with("describe-"));
            assert!(known || aws, "{}: {command}", cause.code);
            for bad in ["|", ";", "&&", ">>", " > ", "$(", "`", "\n"] {
                assert!(
                    !command.contains(bad),
                    "{}: {command} is more than one command",
                    cause.code
                );
            }
            assert_eq!(command.matches('\'').count() % 2, 0, "{}: {command}", cause.code);
            for hole in holes(command) {
                let known = PLACEHOLDERS.contains(&hole) || FILLED.contains(&hole);
                assert!(known, "{}: <{hole}> in {command}", cause.code);
            }
        }
    }
}

/// What stands between angle brackets.
fn holes(text: &str) -> impl Iterator<Item = &str> {
    text.split('<').skip(1).filter_map(|part| part.split_once('>')).map(|(hole, _)| hole)
}

#[test]
fn texts_are_whole_sentences() {
    for cause in ALL {
        let code = cause.code;
        let sentences =
            [cause.meaning, cause.signature, cause.vantage, cause.immediate, cause.long_term];
        for text in sentences {
            assert!(text.ends_with('.'), "{code}: {text}");
            assert!(
                text.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit())
                    || ["getaddrinfo ", "kube-proxy ", "`"]
                        .iter()
                        .any(|name| text.starts_with(name)),
                "{code}: {text}"
            );
            assert!(!text.contains("  "), "{code}: two spaces: {text}");
        }
        assert!(!cause.title.ends_with('.'), "{code}");
        assert!(cause.title.chars().count() <= 100, "{code}");
    }
}
