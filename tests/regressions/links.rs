//! What DNS is wrapped in.

use crate::forge::*;
use crate::seen::{Seen, see, see_bytes};

fn both_families(story: &mut Capture) {
    story.ask("10.244.1.7:40000", "10.96.0.10", "web.svc", A, ms(1), Answer::Address("10.0.0.9"));
    story.ask("[fd00::7]:40000", "fd00::53", "web.svc", AAAA, ms(1), Answer::NoData("svc"));
}

fn assert_both(seen: &Seen, what: &str) {
    assert_eq!((seen.messages(), seen.matched()), ([2, 2, 0, 0], [2, 2, 0, 0, 0]), "{what}");
    assert_eq!((seen.others(), seen.capture.unsupported), ([0; 3], 0), "{what}");
}

#[test]
fn every_link_type_of_tcpdump_is_read() {
    // dnsmonster, dnscap, PacketQ: SLL2 and NULL captures were unreadable for years.
    for link in [Link::Ethernet, Link::Sll, Link::Sll2, Link::Raw, Link::Null, Link::Loop] {
        let mut story = Capture::new(link);
        both_families(&mut story);
        assert_both(&see_bytes(story.pcap()), &format!("{link:?}"));
        let big_endian =
            PcapOptions { big_endian: true, nanoseconds: true, ..PcapOptions::new(link) };
        assert_both(&see_bytes(story.pcap_with(big_endian)), &format!("{link:?}, big-endian"));
        assert_both(&see(&story), &format!("{link:?}, pcapng"));
    }
}

#[test]
fn vlan_tags_one_or_two_are_looked_through() {
    for tags in [&[7][..], &[7, 8], &[7, 8, 9]] {
        let mut story = Capture::new(Link::Ethernet);
        story.vlans(tags);
        both_families(&mut story);
        assert_both(&see(&story), &format!("{tags:?}"));
    }
}

#[test]
fn a_mirror_in_vxlan_is_looked_into() {
    let mut inner = Capture::new(Link::Ethernet);
    both_families(&mut inner);
    let mut story = Capture::new(Link::Ethernet);
    for told in inner.packets() {
        story.at(told.time).packet(&vxlan("10.0.0.1:50000", "10.0.0.2", 5, &told.frame));
    }
    assert_both(&see(&story), "vxlan");
}
