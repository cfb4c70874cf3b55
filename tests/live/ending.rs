//! However a capture ends, it ends in a verdict; and on the way there it tells what there is so far.

use std::process::Command;

use crate::net::FAR;
use crate::net_or_skip;
use crate::process::{Process, live, report};
use crate::traffic::{Client, serve};

#[test]
fn a_quiet_interface_ends_with_a_signal() {
    let net = net_or_skip!();
    for signal in ["INT", "TERM"] {
        let seen = report(live(Some(&net.node), &["-i", "lo"]), Some(signal));
        assert_eq!(seen["verdict"]["status"], "inconclusive");
        assert_eq!(seen["capture"]["packets"], 0);
    }
}

#[test]
fn a_quiet_interface_ends_by_its_duration() {
    let net = net_or_skip!();
    for interface in ["lo", "any"] {
        let process = live(Some(&net.node), &["-i", interface, "--duration", "300ms"]);
        assert_eq!(report(process, None)["verdict"]["status"], "inconclusive");
    }
}

#[test]
fn so_many_packets_and_no_more() {
    let net = net_or_skip!();
    serve(&net.far, FAR);
    let process = live(Some(&net.node), &["-i", "va", "--count", "6", "port 53"]);
    let mut client = Client::new(&net.node, FAR);
    (0..5).for_each(|number| client.ask(&format!("n{number}.test")));
    let seen = report(process, None);
    assert_eq!(seen["capture"]["packets"], 6);
    assert_eq!(seen["traffic"]["answered"], 3);
}

#[test]
fn a_signal_asks_for_the_verdict_so_far_and_it_goes_on() {
    let net = net_or_skip!();
    serve(&net.far, FAR);
    let mut process =
        live(Some(&net.node), &["-i", "va", "--query-timeout", "100ms", "--interval", "1h"]);
    let mut client = Client::new(&net.node, FAR);
    (0..3).for_each(|number| client.ask(&format!("n{number}.test")));
    client.ask("lost.test");
    // The report so far is that of a capture that ends here: late enough that the loss is one.
    std::thread::sleep(std::time::Duration::from_millis(500));
    client.ask("behind.test");
    std::thread::sleep(std::time::Duration::from_millis(500));
    process.signal("USR1");
    let so_far = process.until("\"caveats\"");
    assert!(so_far.contains("\"answered\": 4") && so_far.contains("\"unanswered\": 1"), "{so_far}");
    (5..8).for_each(|number| client.ask(&format!("n{number}.test")));
    let seen = report(process, Some("INT"));
    assert_eq!(seen["traffic"]["answered"], 7);
    assert_eq!(seen["traffic"]["unanswered"], 1);
}

#[test]
fn lines_tell_how_it_goes() {
    let net = net_or_skip!();
    serve(&net.far, FAR);
    let mut process = live(Some(&net.node), &["-i", "va", "--plain", "--interval", "200ms"]);
    let mut client = Client::new(&net.node, FAR);
    (0..3).for_each(|number| client.ask(&format!("n{number}.test")));
    let line = process.until("healthy");
    assert!(line.contains("packets/s") && line.contains(" dropped"), "{line}");
    report(process, Some("INT"));
}

#[test]
fn an_interface_that_goes_ends_it_with_a_warning() {
    let net = net_or_skip!();
    serve(&net.far, FAR);
    let ends: [&[&str]; 2] =
        [&["ip", "link", "set", "va", "down"], &["ip", "link", "delete", "va"]];
    for end in ends {
        let process = live(Some(&net.node), &["-i", "va"]);
        let mut client = Client::new(&net.node, FAR);
        (0..3).for_each(|number| client.ask(&format!("n{number}.test")));
        net.node(end);
        let seen = report(process, None);
        assert_eq!(seen["traffic"]["answered"], 3);
        let caveats = seen["capture"]["caveats"].to_string();
        assert!(caveats.contains("va: the interface went down or was removed"), "{caveats}");
        if end.contains(&"down") {
            net.node(&["ip", "link", "set", "va", "up"]);
        }
    }
}

#[test]
fn one_interface_of_two_may_go() {
    let net = net_or_skip!();
    net.second();
    for server in [FAR, "10.8.0.2"] {
        serve(&net.far, server);
    }
    let mut process = live(Some(&net.node), &["-i", "va", "-i", "wa", "--interval", "200ms"]);
    Client::new(&net.node, "10.8.0.2").ask("before.test");
    net.node(&["ip", "link", "delete", "wa"]);
    process.until("warning: wa: the interface");
    Client::new(&net.node, FAR).ask("behind.test");
    let seen = report(process, Some("INT"));
    assert_eq!(seen["traffic"]["answered"], 2);
}

#[test]
fn what_cannot_be_captured_is_said() {
    let net = net_or_skip!();
    let refused = |arguments: &[&str], words: &[&str]| {
        let output = Command::new("ip")
            .args(["netns", "exec", &net.node])
            .args(["setpriv", "--reuid=65534", "--clear-groups"])
            .arg(env!("CARGO_BIN_EXE_dnspect"))
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{arguments:?} does not say {word}: {said}");
        }
    };
    refused(&["live", "-i", "va"], &["CAP_NET_RAW", "setcap cap_net_raw=ep", "sudo"]);
    refused(&["live", "--pid", "1"], &["CAP_SYS_ADMIN"]);
    let output = Command::new("ip")
        .args(["netns", "exec", &net.node, env!("CARGO_BIN_EXE_dnspect"), "live", "-i", "nosuch"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("\"nosuch\"") && said.contains("va") && said.contains("any"), "{said}");
}

/// A second Ctrl-C does not wait for anything.
#[test]
fn a_second_signal_kills() {
    let net = net_or_skip!();
    let process = Process::start(
        Some(&net.node),
        &[env!("CARGO_BIN_EXE_dnspect"), "live", "-i", "lo"],
        "capturing on",
    );
    process.signal("INT");
    process.signal("INT");
    // Both may arrive as one, or the second when all is done: whatever it is, it ends.
    process.end();
}
