use super::*;

fn settled(sent: i64, took: Option<i64>) -> Settled {
    Settled {
        zone: Zone::Cluster as u8,
        sent: Timestamp(sent * 1_000_000),
        answered: took.map(|took| (Timestamp((sent + took) * 1_000_000), 1)),
        again: false,
    }
}

fn server() -> Server {
    Server { address: Address([7; 16]), ..Server::default() }
}

fn sum(row: &ServerLoad) -> Load {
    let mut all = Load::default();
    row.bins().for_each(|(_, bin)| all.add(bin));
    all
}

#[test]
fn bins_widen_and_nothing_is_lost() {
    let (mut loads, mut server) = (Loads::default(), server());
    for second in 0..5_000 {
        loads.note(&mut server, &settled(1_000_000 + second * 1_000, Some(1)));
        loads.note(&mut server, &settled(1_000_000 + second * 1_000, None));
    }
    let rows = loads.rows();
    let all = sum(rows[0]);
    assert_eq!((all.asked, all.answered, all.lost, all.slow), (10_000, 5_000, 5_000, 0));
    assert!(rows[0].bins().count() <= MAX_BINS && rows[0].width() >= Span::from_secs(10));
    let busy = rows[0].bins().filter(|(_, bin)| bin.asked > 0);
    let rates: Vec<f64> =
        busy.map(|(_, bin)| f64::from(bin.asked) / rows[0].width().as_secs_f64()).collect();
    let middle = &rates[1..rates.len() - 1];
    assert!(middle.iter().all(|rate| (1.9..2.1).contains(rate)), "{rates:?}");
}

#[test]
fn latencies_are_known_to_a_half_octave() {
    let (mut loads, mut server) = (Loads::default(), server());
    for n in 0..100 {
        loads.note(&mut server, &settled(n * 10, Some(if n < 90 { 1 } else { 300 })));
    }
    let all = sum(loads.rows()[0]);
    assert_eq!((all.answered, all.slow), (100, 10));
    let millis = |share| all.spread.quantile(share).as_secs_f64() * 1e3;
    assert!((1.0..1.5).contains(&millis(0.5)) && (300.0..430.0).contains(&millis(0.95)));
}

#[test]
fn a_server_that_pauses_while_it_is_asked_is_stalled() {
    let (mut loads, mut server) = (Loads::default(), server());
    loads.note(&mut server, &settled(0, Some(1)));
    // Nothing came from 1 to 100, and this one waited for it.
    loads.note(&mut server, &settled(5, Some(95)));
    // Nobody asked for a while: no stall.
    loads.note(&mut server, &settled(190, Some(1)));
    assert_eq!(loads.rows()[0].stalls, (1, Span::from_millis(99)));
    loads.note(&mut server, &settled(180, Some(60)));
    assert_eq!(loads.rows()[0].stalls, (2, Span::from_millis(99 + 49)));
}

#[test]
fn only_so_many_servers_are_measured() {
    let mut loads = Loads::default();
    for n in 0..MAX_LOADED as u16 + 3 {
        let mut octets = [0; 16];
        octets[..2].copy_from_slice(&n.to_be_bytes());
        let mut server = Server { address: Address(octets), ..Server::default() };
        loads.note(&mut server, &settled(0, Some(1)));
        loads.note(&mut server, &settled(5, Some(1)));
    }
    assert_eq!((loads.rows().len(), loads.overflowed), (MAX_LOADED, 3));
    assert!(loads.rows().iter().all(|row| sum(row).asked == 2));
}
