//! An empty AAAA beside a good A: the name has no IPv6 address. Normal.

use crate::verdict::{Cause, Evidence, Facts, Finding, Scope, Severity, words};

/// The cause.
pub(super) const CAUSE: Cause = Cause {
    code: "nodata_no_ipv6",
    category: "normal",
    normal: true,
    title: "AAAA is empty, A is fine",
    meaning: "getaddrinfo asks for both address families. A name without an IPv6 address is \
        answered NOERROR without records for AAAA: NODATA (RFC 2308, section 2.2). The A answer is \
        used and nothing is lost.",
    signature: "In one lookup A has records and AAAA is NOERROR without any.",
    look_alikes: &[(
        "musl_search_stopped",
        "both families are NODATA, and musl takes that for the end of its search",
    )],
    vantage: "Anywhere.",
    immediate: "Nothing.",
    long_term: "Nothing. Where the second query costs too much, glibc 2.36 has `options no-aaaa`.",
    confirm: &["kubectl exec -n NAMESPACE POD -- getent ahosts NAME"],
    detect,
};

fn detect(facts: &Facts<'_>) -> Option<Finding> {
    let asked: Vec<_> = facts.clients().filter(|client| client.only_ipv4 > 0).collect();
    let lookups: u64 = asked.iter().map(|client| client.only_ipv4).sum();
    let addresses: Vec<_> = asked.iter().map(|client| client.address).collect();
    (lookups > 0).then(|| {
        CAUSE
            .finding(Severity::None, 0.95, facts.whole())
            .about(Scope { clients: Facts::list(&addresses), ..Scope::default() })
            .saying(format!(
                "{} found an IPv4 address and no IPv6 address: the name has none.",
                words::counted(lookups, "lookup")
            ))
            .shown_by(
                Evidence::new("lookups_without_ipv6", lookups as f64, "count", format!(
                    "In {} the answer for A had records and the one for AAAA was empty (NODATA).",
                    words::counted(lookups, "lookup")
                ))
                .filter("dns.qry.type == 28 && dns.flags.response == 1 && dns.flags.rcode == 0 \
                    && dns.count.answers == 0".to_owned()),
            )
    })
}

#[cfg(test)]
mod tests {
    use crate::forge::{A, AAAA, Answer, Capture, Link, ms, secs};
    use crate::verdict::tests::{Seen, Story, View};

    #[test]
    fn an_empty_aaaa_beside_a_good_a_is_normal() {
        Story::each(&View::ALL, 1..=6, |story| {
            story.background(ms(0), secs(20), 8.0, &mut |ask| ask.healthy());
            story.settle(secs(21));
            let seen = story.judge();
            assert!(seen.has("nodata_no_ipv6").normal);
            seen.is_healthy();
        });
    }

    fn pair(four: Answer<'_>, six: Answer<'_>) -> Seen {
        let mut story = Capture::new(Link::Ethernet);
        for n in 0..20 {
            let client = format!("10.1.2.3:{}", 40_000 + n);
            story
                .at(ms(n * 300))
                .ask(&*client, "172.20.0.10", "www.example.com", A, ms(2), four)
                .ask(&*client, "172.20.0.10", "www.example.com", AAAA, ms(3), six);
        }
        story.at(secs(30)).udp("10.1.2.3:9", "10.1.2.4:9", []);
        Seen::of(story.pcap())
    }

    #[test]
    fn two_full_answers_two_empty_ones_and_a_missing_name_are_something_else() {
        pair(Answer::Address("192.0.2.1"), Answer::NoData("example.com")).has("nodata_no_ipv6");
        let others = [
            (Answer::Address("192.0.2.1"), Answer::Address("2001:db8::1")),
            (Answer::NoData("example.com"), Answer::NoData("example.com")),
            (Answer::NxDomain("com"), Answer::NxDomain("com")),
        ];
        for (four, six) in others {
            pair(four, six).has_not("nodata_no_ipv6");
        }
    }
}
