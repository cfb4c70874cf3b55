//! IP fragments: put together where they all come, never kept for ever where they do not.

use crate::forge::*;
use crate::seen::see;

const POD: &str = "10.244.1.7:40000";
const SERVER: &str = "10.96.0.10";

fn large_answer(asked: &Message) -> Message {
    (0..20).fold(response(asked), |answer, _| {
        answer.answer(TXT, dns::Data::Bytes([&[200][..], &[b'x'; 200]].concat()))
    })
}

#[test]
fn an_answer_in_fragments_is_an_answer() {
    for (client, server) in [(POD, SERVER), ("[fd00::7]:40000", "fd00::53")] {
        let asked = query("big.example.com", TXT).id(7).edns(4096);
        let answer = Packet::udp(server, client, large_answer(&asked).encode()).ip_id(9);
        let mut story = Capture::new(Link::Ethernet);
        story.message(client, server, &asked).after(ms(1)).fragments(&answer, 1480);
        let seen = see(&story);
        assert_eq!((seen.messages(), seen.matched()), ([1, 1, 0, 0], [1, 1, 0, 0, 0]), "{client}");
        assert_eq!(seen.capture.fragments_incomplete, 0, "{client}");
    }
}

#[test]
fn lost_fragments_are_counted_and_never_kept() {
    // PacketQ: a fragment whose others were lost was never freed.
    const DATAGRAMS: u16 = 20_000;
    let asked = query("big.example.com", TXT).id(7).edns(4096);
    let answer = large_answer(&asked).encode();
    let mut story = Capture::new(Link::Ethernet);
    for n in 0..DATAGRAMS {
        let packet = Packet::udp(SERVER, POD, answer.clone()).ip_id(n);
        // The middle one is lost, or all but the first.
        let mut fragments = packet.fragments(1480);
        fragments.drain(1..if n % 2 == 0 { 2 } else { 3 });
        story.at(us(u64::from(n) * 300));
        for fragment in fragments {
            story.ip(&fragment);
        }
    }
    story.at(secs(30)).ask(POD, SERVER, "web.svc", A, ms(1), Answer::Address("10.0.0.9"));
    let seen = see(&story);
    assert_eq!(seen.capture.fragments_incomplete, u64::from(DATAGRAMS));
    assert_eq!(seen.matched(), [1, 1, 0, 0, 0]);
    assert_eq!(seen.analysed.fragments.reassembled, 0);
}

#[test]
fn the_first_fragment_of_an_answer_answers() {
    // What a resolver behind a device that drops fragments gets is nothing; that the server answered
    // is seen all the same.
    let asked = query("big.example.com", TXT).id(7).edns(4096);
    let answer = Packet::udp(SERVER, POD, large_answer(&asked).encode()).ip_id(9);
    let mut story = Capture::new(Link::Ethernet);
    story.message(POD, SERVER, &asked).after(ms(1)).ip(&answer.fragments(1480)[0]);
    story.at(secs(20)).udp("10.0.0.1:9", "10.0.0.2:9", []);
    let seen = see(&story);
    assert_eq!((seen.messages(), seen.capture.fragments_incomplete), ([1, 1, 0, 0], 1));
    assert_eq!((seen.matched(), seen.capture.dns.malformed), ([1, 1, 0, 0, 0], 0));
}
