//! More traffic than can be taken: what is missing is counted and said, and never taken for a fault of
//! those who were captured.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use serde_json::Value;

use crate::keeping::{assert_same, read};
use crate::net::{FAR, Net};
use crate::net_or_skip;
use crate::process::{PATIENCE, Process, live, report, scratch};
use crate::traffic::{answer, query};

/// How sure a capture may be of losses that lost packets itself.
const FLAWED: f64 = 0.3;
/// Sockets at a time, fewer than any machine allows.
const SOCKETS: usize = 400;
/// Longer than an answer is waited for where nobody says.
const TIMEOUT: Duration = Duration::from_secs(6);

/// Clients in the node, and a server at the far end that answers everything. One thread plays both, so that
/// nothing is sent before there is room for it: whatever is lost, the capture has lost.
struct Dialogue {
    node: String,
    server: UdpSocket,
    packets: u64,
}

impl Dialogue {
    fn new(net: &Net) -> Dialogue {
        let server = Net::within(&net.far, || UdpSocket::bind((FAR, 53)).unwrap());
        server.set_read_timeout(Some(PATIENCE)).unwrap();
        Dialogue { node: net.node.clone(), server, packets: 0 }
    }

    /// Asks so many questions, from ports of their own, and has `waiting` of them wait before they are answered.
    fn ask(&mut self, word: &str, count: usize, waiting: usize) {
        let server = &self.server;
        Net::within(&self.node, || {
            for first in (0..count).step_by(waiting) {
                let last = count.min(first + waiting);
                exchange(server, word, first..last);
            }
        });
        self.packets += 2 * count as u64;
    }

    /// Asks until one of the questions is among those that are told of.
    fn until_told(&mut self, word: &str, process: &Process) {
        let name = format!("\"{word}.n");
        let tries = PATIENCE.as_millis() / 20;
        for _ in 0..tries {
            self.ask(word, 10, 1);
            if process.has_printed(&name) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("nothing is told of {word}");
    }
}

/// All questions, then all answers.
fn exchange(server: &UdpSocket, word: &str, numbers: std::ops::Range<usize>) {
    let filling = "x".repeat(60);
    let mut buffer = [0; 512];
    let client = |_| {
        let client = UdpSocket::bind("0.0.0.0:0").unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client
    };
    let clients: Vec<_> = (0..numbers.len().min(SOCKETS)).map(client).collect();
    let mut answers: Vec<(Vec<u8>, SocketAddr)> = Vec::with_capacity(numbers.len());
    for (client, number) in clients.iter().cycle().zip(numbers.clone()) {
        let name = format!("{word}.n{number}.{filling}.{filling}.test");
        client.send_to(&query(number as u16, &name), (FAR, 53)).unwrap();
        let (length, from) = server.recv_from(&mut buffer).unwrap();
        answers.push((answer(&buffer[..length]).unwrap(), from));
    }
    for (answer, client) in &answers {
        server.send_to(answer, client).unwrap();
    }
    for (client, _) in clients.iter().cycle().zip(numbers) {
        client.recv_from(&mut buffer).unwrap();
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Everybody was answered: nobody may be said not to have been.
#[track_caller]
fn accuses_nobody(seen: &Value) {
    let status = seen["verdict"]["status"].as_str().unwrap();
    assert!(matches!(status, "healthy" | "inconclusive"), "{:#}", seen["verdict"]);
    assert!(status != "healthy" || seen["verdict"]["confidence"].as_f64().unwrap() <= FLAWED);
    for finding in seen["findings"].as_array().unwrap() {
        let harmless = finding["normal"] == true || finding["cause"] == "capture_incomplete";
        assert!(harmless || finding["confidence"].as_f64().unwrap() <= FLAWED, "{finding:#}");
    }
}

#[track_caller]
fn has_caveat(seen: &Value, words: &str) {
    let caveats = seen["capture"]["caveats"].as_array().unwrap();
    assert!(caveats.iter().any(|text| text.as_str().unwrap().contains(words)), "{caveats:?}");
}

/// dnspect stands still while `during` goes on, with a ring of 1 MiB; the report, which is also that of the
/// file that it wrote.
fn standing_still(during: impl FnOnce(&mut Dialogue)) -> Option<Value> {
    let net = match Net::new() {
        Ok(net) => net,
        Err(why) => {
            eprintln!("skipped: {why}");
            return None;
        }
    };
    let file = scratch("dropped.pcapng");
    // What the kernel says by itself (neighbours, routers) is nobody's.
    let options = ["-i", "va", "-B", "1024", "-w", file.to_str().unwrap(), "not icmp6"];
    let process = live(Some(&net.node), &options);
    let mut dialogue = Dialogue::new(&net);
    dialogue.ask("before", 50, 1);
    process.stop();
    during(&mut dialogue);
    process.signal("CONT");
    dialogue.ask("behind", 50, 1);
    // By the capture's clock, what has no answer by then has none.
    std::thread::sleep(TIMEOUT);
    dialogue.ask("end", 50, 1);
    let seen = report(process, Some("INT"));
    let capture = &seen["capture"];
    let dropped = number(&capture["dropped_by_kernel"]);
    assert_eq!(number(&capture["packets"]) + dropped, dialogue.packets, "{capture:#}");
    assert!(dropped > 1_000, "{capture:#}");
    assert_eq!(capture["dropped_by_dnspect"], 0);
    has_caveat(&seen, "The kernel dropped");
    accuses_nobody(&seen);
    assert_same(seen.clone(), read(&[file]));
    Some(seen)
}

/// Questions and answers are missing alike.
#[test]
fn what_the_kernel_drops_is_counted() {
    standing_still(|dialogue| dialogue.ask("while", 20_000, 1));
}

/// All questions fit into the ring that were asked at first, and not one of their answers.
#[test]
fn answers_that_the_kernel_dropped_are_nobodys_fault() {
    let asked = 12_000;
    let Some(seen) = standing_still(|dialogue| dialogue.ask("while", asked, asked)) else { return };
    assert!(number(&seen["traffic"]["unanswered"]) > 100, "{:#}", seen["traffic"]);
    let summary = &seen["verdict"]["summary"];
    assert!(summary.as_str().unwrap().contains("they may be the capture's own"), "{summary}");
}

/// Whoever reads the stream stops reading, so nothing is analysed any more, the queue fills, and whole flows
/// are left out.
#[test]
fn flows_that_are_left_out_are_counted() {
    let net = net_or_skip!();
    let command = [env!("CARGO_BIN_EXE_dnspect"), "live", "--format", "ndjson", "-i", "va"];
    let options = ["--max-memory", "32M", "--query-timeout", "2s", "not icmp6"];
    let command = [&command[..], &options].concat();
    let mut process = Process::start(Some(&net.node), &command, "capturing on");
    let mut dialogue = Dialogue::new(&net);
    dialogue.ask("before", 50, 1);
    dialogue.ask("while", 60_000, 300);
    // A quiet time must not use up what room is left for the few that are kept.
    std::thread::sleep(TIMEOUT);
    dialogue.ask("still", 40_000, 300);
    process.read_on();
    dialogue.until_told("behind", &process);
    std::thread::sleep(TIMEOUT);
    dialogue.until_told("end", &process);
    process.signal("INT");
    let (status, out, said) = process.end();
    assert!(status.code().is_some_and(|code| code != 2), "{status}: {said}");
    let last: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    let seen = &last["report"];
    let capture = &seen["capture"];
    let [packets, kernel, shed] = ["packets", "dropped_by_kernel", "dropped_by_dnspect"]
        .map(|counter| number(&capture[counter]));
    assert_eq!(packets + kernel + shed, dialogue.packets, "{capture:#}");
    assert!(shed > 1_000, "{capture:#}");
    assert!(kernel < 20_000, "{capture:#}");
    has_caveat(seen, "left out");
    accuses_nobody(seen);
    // What is left out is left out from question to answer.
    assert!(kernel > 0 || seen["traffic"]["unanswered"] == 0, "{:#}", seen["traffic"]);
}
