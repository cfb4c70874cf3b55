//! Documents made by hand: healthy, an upstream that is cut off, and a capture that shows too little.

use dnspect::aggregate::Timeline;
use dnspect::report::{Capture, DnsMessages, Document, Latency, ResolverRate, Search, Traffic};
use dnspect::verdict::{
    Alternative, Evidence, Finding, Mitigation, Scope, Severity, Status, Verdict, Window,
};

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|&text| text.to_owned()).collect()
}

fn window(start: &str, end: &str) -> Window {
    Window { start: start.to_owned(), end: end.to_owned() }
}

fn evidence(
    metric: &str,
    value: f64,
    unit: &str,
    text: &str,
    frames: &[u64],
    filter: &str,
) -> Evidence {
    Evidence {
        metric: metric.to_owned(),
        value,
        unit: unit.to_owned(),
        text: text.to_owned(),
        frames: frames.to_vec(),
        display_filter: filter.to_owned(),
    }
}

fn finding(cause: &'static str, category: &'static str) -> Finding {
    Finding {
        cause,
        category,
        normal: category == "normal",
        severity: Severity::None,
        confidence: 0.95,
        window: window("2026-11-20T10:10:00.000120Z", "2026-11-20T10:20:00.5Z"),
        scope: Scope::default(),
        evidence: Vec::new(),
        alternatives: Vec::new(),
        mitigation: Mitigation::default(),
        confirm: Vec::new(),
        summary: String::new(),
        damage: 0,
        losses: 0,
    }
}

fn search_chain() -> Finding {
    Finding {
        summary: "ndots:5 makes clients walk their search list: 3,120 NXDOMAINs on the way to an \
                  answer, none of them a failure"
            .to_owned(),
        evidence: vec![evidence(
            "search_nxdomain",
            3_120.0,
            "count",
            "980 of 1,020 lookups tried 4 search domains and then got their answer",
            &[3, 5, 7],
            "dns.flags.rcode == 3 && dns.qry.name contains \"cluster.local\"",
        )],
        ..finding("ndots_search_chain", "normal")
    }
}

fn traffic() -> Traffic {
    Traffic {
        lookups: 1_020,
        transactions: 5_310,
        answered: 5_310,
        rcodes: [("NOERROR", 2_190), ("NXDOMAIN", 3_120)]
            .map(|(name, number)| (name.to_owned(), number))
            .into(),
        latency_us: Latency { p50: 412, p90: 1_250, p99: 4_180, p999: 12_400, max: 38_400 },
        search: Search {
            lookups_with_search: 980,
            extra_queries: 3_120,
            amplification: 4.1,
            search_domains: texts(&[
                "shop.svc.cluster.local",
                "svc.cluster.local",
                "cluster.local",
            ]),
        },
        resolvers: dnspect::verdict::Kinds::default(),
        resolver_pps: vec![ResolverRate {
            interface: Some("eth0".to_owned()),
            source: Some("02:42:ac:11:00:02".to_owned()),
            destination_group: "link_local".to_owned(),
            peak: 121,
            peak_at: "2026-11-20T10:12:30Z".to_owned(),
            seconds_over_limit: 0,
            limit: 1_024,
        }],
        ..Traffic::default()
    }
}

fn capture() -> Capture {
    Capture {
        files: texts(&["node-a.pcapng.zst"]),
        first_packet: Some("2026-11-20T10:10:00.000120Z".to_owned()),
        last_packet: Some("2026-11-20T10:20:00.5Z".to_owned()),
        packets: 12_345,
        bytes: 1_234_567,
        dns: DnsMessages { udp_queries: 5_310, udp_responses: 5_310, ..DnsMessages::default() },
        copies: 1_000,
        dropped_by_kernel: Some(0),
        ..Capture::default()
    }
}

/// Nothing wrong, one thing that looks like it.
pub(crate) fn healthy() -> Document {
    Document {
        schema: "dnspect.report/1",
        verdict: Verdict {
            status: Status::Healthy,
            root_cause: "none",
            category: None,
            severity: Severity::None,
            confidence: 0.97,
            summary: "All 5,310 DNS questions were answered, 99 % of them within 4.1 ms."
                .to_owned(),
        },
        findings: vec![search_chain()],
        traffic: traffic(),
        names: std::collections::BTreeMap::new(),
        capture: capture(),
        timeline: Timeline::default(),
    }
}

const CUT_OFF: &str = "The cluster DNS gets no answer from its upstream resolvers 10.0.0.2 and \
    10.0.0.3: external names fail everywhere, cluster names resolve.";

fn upstream_unreachable() -> Finding {
    Finding {
        severity: Severity::High,
        confidence: 0.92,
        window: window("2026-11-20T10:15:07.1Z", "2026-11-20T10:15:37.2Z"),
        scope: Scope {
            clients: (11..26).map(|n| format!("10.0.12.{n}")).collect(),
            servers: texts(&["10.0.0.2", "10.0.0.3"]),
            interfaces: texts(&["eth0"]),
            names: texts(&["api.stripe.com.", "sts.eu-west-1.amazonaws.com."]),
        },
        evidence: vec![
            evidence(
                "upstream_unanswered_ratio",
                1.0,
                "ratio",
                "None of the 1,204 queries that 10.0.12.40 and 10.0.14.9 forwarded to 10.0.0.2 and \
                 10.0.0.3 was answered, and no ICMP error or RST came back.",
                &[1_717, 1_721, 1_730],
                "dns && ip.dst in {10.0.0.2, 10.0.0.3} && dns.flags.response == 0",
            ),
            evidence(
                "cluster_answered_ratio",
                0.999_7,
                "ratio",
                "Names of the cluster were answered in the same seconds, at 380 µs in the median.",
                &[1_719],
                "dns.flags.response == 1 && dns.qry.name contains \"cluster.local\"",
            ),
        ],
        alternatives: vec![
            Alternative {
                cause: "dns_port_closed".to_owned(),
                why_less_likely: "a closed port answers with ICMP port unreachable; none was seen"
                    .to_owned(),
            },
            Alternative {
                cause: "vpc_dns_pps_exceeded".to_owned(),
                why_less_likely:
                    "the peak of 121 packets/s is far below 1,024, and the limit drops \
                                  some packets, not all"
                        .to_owned(),
            },
        ],
        mitigation: Mitigation {
            immediate: "Allow egress from the CoreDNS pods in kube-system to 10.0.0.2/32 and \
                        10.0.0.3/32 on UDP and TCP 53."
                .to_owned(),
            long_term: "Keep the VPC resolver in the egress rules of every policy that selects \
                        kube-system, and alert on coredns_forward_healthcheck_failures_total."
                .to_owned(),
        },
        confirm: texts(&[
            "kubectl get networkpolicy -n kube-system -o yaml",
            "kubectl get networkpolicy,ciliumnetworkpolicy,ciliumclusterwidenetworkpolicy -A -o wide",
        ]),
        summary: CUT_OFF.to_owned(),
        damage: 1_204,
        losses: 0,
        ..finding("upstream_unreachable", "network_policy")
    }
}

fn near_limit() -> Finding {
    Finding {
        severity: Severity::Low,
        confidence: 0.7,
        evidence: vec![evidence(
            "peak_pps",
            893.0,
            "packets/s",
            "eth1 sent up to 893 packets in a second to link-local services.",
            &[],
            "ip.dst == 169.254.169.253",
        )],
        mitigation: Mitigation {
            immediate: "Nothing yet; watch linklocal_allowance_exceeded on this node.".to_owned(),
            long_term: "Deploy NodeLocal DNSCache.".to_owned(),
        },
        confirm: texts(&["ethtool -S eth1 | grep linklocal_allowance_exceeded"]),
        summary: "eth1 is at 87 % of its limit to link-local services.".to_owned(),
        damage: 0,
        losses: 0,
        ..finding("vpc_dns_pps_near_limit", "pps_throttling")
    }
}

/// The incident replay: an egress policy cuts the cluster DNS off, and two things beside it.
pub(crate) fn cut_off() -> Document {
    let mut traffic = traffic();
    traffic.transactions = 6_514;
    traffic.unanswered = 1_192;
    traffic.pending_at_end = 12;
    traffic.retransmissions = 2_408;
    traffic.rcodes.insert("SERVFAIL".to_owned(), 602);
    traffic.resolver_pps.insert(
        0,
        ResolverRate {
            interface: Some("eth1".to_owned()),
            source: Some("02:42:ac:11:00:03".to_owned()),
            destination_group: "link_local".to_owned(),
            peak: 893,
            peak_at: "2026-11-20T10:18:01Z".to_owned(),
            seconds_over_limit: 0,
            limit: 1_024,
        },
    );
    let limits = Capture { dropped_by_kernel: None, ..capture() }.limits();
    Document {
        schema: "dnspect.report/1",
        verdict: Verdict {
            status: Status::Failing,
            root_cause: "upstream_unreachable",
            category: Some("network_policy"),
            severity: Severity::High,
            confidence: 0.92,
            summary: CUT_OFF.to_owned(),
        },
        findings: vec![upstream_unreachable(), near_limit(), search_chain()],
        traffic,
        names: std::collections::BTreeMap::new(),
        capture: Capture {
            files: (1..=6).map(|n| format!("node-a.pcap{n}")).collect(),
            dropped_by_kernel: None,
            snaplen_truncated: 3,
            caveats: limits,
            ..capture()
        },
        timeline: Timeline::default(),
    }
}

/// One direction only.
pub(crate) fn one_sided() -> Document {
    let summary = "Only queries were captured: whether they were answered cannot be told.";
    let cause = Finding {
        severity: Severity::None,
        confidence: 0.9,
        summary: summary.to_owned(),
        evidence: vec![evidence(
            "responses",
            0.0,
            "count",
            "214 queries, not one response.",
            &[],
            "dns",
        )],
        mitigation: Mitigation {
            immediate: "Record again without a direction or host filter: `tcpdump -i any`."
                .to_owned(),
            long_term: String::new(),
        },
        ..finding("capture_incomplete", "capture")
    };
    Document {
        schema: "dnspect.report/1",
        verdict: Verdict {
            status: Status::Inconclusive,
            root_cause: "undetermined",
            category: Some("capture"),
            severity: Severity::None,
            confidence: 0.9,
            summary: summary.to_owned(),
        },
        findings: vec![cause],
        traffic: Traffic { lookups: 107, transactions: 214, unanswered: 214, ..Traffic::default() },
        names: std::collections::BTreeMap::new(),
        capture: Capture {
            dns: DnsMessages { udp_queries: 214, ..DnsMessages::default() },
            copies: 0,
            one_sided: true,
            dropped_by_kernel: None,
            ..capture()
        },
        timeline: Timeline::default(),
    }
}
