//! The texts of the causes against the contract, and as somebody reads them at night.

use crate::verdict::causes::{ALL, find};
use crate::verdict::commands::{HOLES, fill};

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
    "kubectl exec -n NAMESPACE POD -- cat ",
    "kubectl exec -n NAMESPACE POD -- getent ",
    "kubectl exec -n NAMESPACE POD -- dig ",
    "kubectl exec -n NAMESPACE POD -- nslookup ",
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
    "tshark -r FILE ",
    "nstat -az",
];

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
            let bare = plain(command);
            for hole in capitals(&bare) {
                assert!(HOLES.contains(&hole), "{}: {hole} in {command}", cause.code);
            }
        }
    }
}

/// What a shell sees of a command besides what stands between single quotes: words and nothing else.
fn plain(command: &str) -> String {
    assert_eq!(command.matches('\'').count() % 2, 0, "{command}");
    let bare = command.split('\'').step_by(2).collect::<Vec<_>>().join("''");
    for bad in ["|", ";", "&", "<", ">", "$", "`", "\n", "\\", "*", "?", "~", "(", "#", "!"] {
        assert!(!bare.contains(bad), "{bad} in {command}");
    }
    bare
}

/// Words of several capitals; an option's letters and a record type of dig's are none.
fn capitals(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-');
    words.filter(|word| {
        word.len() > 1
            && word.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c == '-')
            && !word.starts_with('-')
    })
}

/// As a shell reads them: filled in or not, they parse, and a hole that nobody filled is an argument
/// that the command refuses, no redirection.
#[test]
fn confirm_commands_are_shell() {
    let mut checked = 0;
    for cause in ALL {
        let mut filled: Vec<String> = cause.confirm.iter().map(|&text| text.to_owned()).collect();
        for hole in HOLES {
            fill(&mut filled, hole, "fd00::1");
        }
        for command in cause.confirm.iter().copied().chain(filled.iter().map(String::as_str)) {
            plain(command); // Else it would be run.
            // It prints its words; the placeholders are not commands, nor is what follows them.
            let script = format!("printf '%s\\n' {command}");
            let bash = std::process::Command::new("bash").args(["-c", &script]).output();
            let Ok(output) = bash else {
                eprintln!("skipped: no bash");
                return;
            };
            assert!(output.status.success() && output.stderr.is_empty(), "{command}");
            let words = String::from_utf8(output.stdout).unwrap();
            let words: Vec<&str> = words.lines().collect();
            assert_eq!(words.join(" "), command.replace('\'', ""), "{command}");
            checked += 1;
        }
        assert!(!filled.iter().any(|text| capitals(text).any(|word| HOLES.contains(&word))));
    }
    assert!(checked > ALL.len() * 2);
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
