//! The live report is that of tcpdump's simultaneous capture.

use serde_json::Value;

use crate::net::{FAR, NODE};
use crate::net_or_skip;
use crate::process::{end_tcpdump, live, report, scratch, tcpdump};
use crate::traffic::{Client, serve};

/// What both have to say alike. A live capture knows names of interfaces, and what was dropped. Some packets
/// are stamped by each socket for itself, microseconds apart; and of two that cross, on two processors, each
/// socket has another one first, so that frames have other numbers.
fn comparable(report: &Value) -> String {
    let mut report = report.clone();
    let capture = report["capture"].as_object_mut().unwrap();
    for key in ["files", "dropped_by_kernel", "caveats", "out_of_order"] {
        capture.remove(key);
    }
    report["traffic"].as_object_mut().unwrap().remove("latency_us");
    report["verdict"]["summary"] = without_latency(report["verdict"]["summary"].as_str().unwrap());
    for row in report["traffic"]["resolver_pps"].as_array_mut().unwrap() {
        let row = row.as_object_mut().unwrap();
        row.remove("interface");
        row.remove("source");
    }
    for finding in report["findings"].as_array_mut().unwrap() {
        finding["evidence"].as_array_mut().unwrap().iter_mut().for_each(without_numbers);
    }
    let text = serde_json::to_string_pretty(&report).unwrap();
    let is_moment =
        |word: &str| word.starts_with("\"20") && word.contains('T') && word.contains("Z\"");
    let words = text.split(' ').map(|word| if is_moment(word) { "MOMENT\n" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// A healthy summary but for its p99: a microsecond is a tenth of a millisecond where that is rounded.
fn without_latency(summary: &str) -> Value {
    let Some((before, p99)) = summary.split_once("99 % within ") else { return summary.into() };
    let (number, after) = p99.split_once(" ms").unwrap();
    assert!(number.parse::<f64>().is_ok(), "{summary}");
    format!("{before}99 % within LATENCY ms{after}").into()
}

/// Evidence that still says how many frames it names.
fn without_numbers(evidence: &mut Value) {
    for frame in evidence["frames"].as_array_mut().unwrap() {
        assert!(frame.is_u64(), "{frame}");
        *frame = "FRAME".into();
    }
    if evidence["display_filter"].as_str().is_some_and(|filter| filter.contains("frame.number")) {
        evidence["display_filter"] = "FRAME".into();
    }
}

fn same_as_tcpdump(interface: &str, options: &[&str]) -> Option<Value> {
    let net = match crate::net::Net::new() {
        Ok(net) => net,
        Err(why) => {
            eprintln!("skipped: {why}");
            return None;
        }
    };
    serve(&net.far, FAR);
    serve(&net.far, "fd09::2");
    serve(&net.far, "169.254.169.253");
    let file = scratch("tcpdump.pcap");
    let Some(beside) = tcpdump(&net.node, interface, &file) else {
        eprintln!("skipped: there is no tcpdump");
        return None;
    };
    let options = [&["-i", interface, "--query-timeout", "5s"], options, &["not icmp6"]].concat();
    let process = live(Some(&net.node), &options);
    for server in [FAR, "fd09::2", "169.254.169.253"] {
        Client::new(&net.node, server).ask_all();
    }
    let seen = report(process, Some("INT"));
    let read = end_tcpdump(beside, &file, seen["capture"]["packets"].as_u64().unwrap());
    assert_eq!(seen["capture"]["dropped_by_kernel"], 0);
    assert_eq!(seen["capture"]["dropped_by_dnspect"], 0);
    assert!(seen["traffic"]["transactions"].as_u64().unwrap() >= 3 * 66, "{}", seen["traffic"]);
    assert_alike(&seen, &read);
    Some(seen)
}

/// The report of a live capture and that of tcpdump's file say the same.
#[track_caller]
pub(crate) fn assert_alike(live: &Value, file: &Value) {
    let [live, file] = [live, file].map(comparable);
    let different = live.lines().zip(file.lines()).find(|(live, file)| live != file);
    assert_eq!((different, live.lines().count()), (None, file.lines().count()));
}

#[test]
fn one_interface_is_what_tcpdump_sees() {
    let Some(seen) = same_as_tcpdump("va", &[]) else { return };
    assert_eq!(seen["capture"]["fragments_incomplete"], 0);
    assert_eq!(seen["capture"]["dns"]["tcp_queries"], 30);
}

#[test]
fn any_is_what_tcpdump_sees_and_knows_names() {
    let Some(seen) = same_as_tcpdump("any", &[]) else { return };
    let rows = seen["traffic"]["resolver_pps"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["interface"] == "va" && row["source"] == NODE), "{rows:?}");
}

/// Which of them a packet goes to makes no difference.
#[test]
fn several_threads_see_the_same_together() {
    same_as_tcpdump("va", &["--capture-threads", "3"]);
    same_as_tcpdump("any", &["--capture-threads", "2"]);
}

#[test]
fn two_interfaces_are_one_capture_in_the_order_of_time() {
    let net = net_or_skip!();
    net.second();
    for server in [FAR, "10.8.0.2"] {
        serve(&net.far, server);
    }
    let process = live(Some(&net.node), &["-i", "va", "-i", "wa"]);
    let (mut one, mut two) = (Client::new(&net.node, FAR), Client::new(&net.node, "10.8.0.2"));
    for number in 0..50 {
        one.ask(&format!("a{number}.test"));
        two.ask(&format!("b{number}.test"));
    }
    let seen = report(process, Some("TERM"));
    assert_eq!(seen["traffic"]["answered"], 100);
    assert_eq!(seen["traffic"]["transactions"], 100);
    assert_eq!(seen["capture"]["out_of_order"], 0);
    assert_eq!(seen["capture"]["files"][0], "live on va, wa");
}
