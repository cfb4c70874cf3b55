//! Capturing in another network namespace, from outside.

use std::process::{Command, Stdio};

use crate::net::FAR;
use crate::net_or_skip;
use crate::process::{live, report};
use crate::traffic::{Client, serve};

#[test]
fn a_namespace_is_found_by_name_by_path_and_by_process() {
    let net = net_or_skip!();
    serve(&net.far, FAR);
    let mut inhabitant = Command::new("ip")
        .args(["netns", "exec", &net.node, "sleep", "600"])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let id = inhabitant.id().to_string();
    let path = format!("/run/netns/{}", net.node);
    // `ip` enters the namespace before it becomes `sleep`.
    let entered =
        || std::fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|name| name == "sleep\n");
    while !entered() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let mut client = Client::new(&net.node, FAR);
    for place in [["--netns", net.node.as_str()], ["--netns", &path], ["--pid", &id]] {
        for interface in ["va", "any"] {
            // From where this test runs: there is no `va`.
            let process = live(None, &[&place[..], &["-i", interface]].concat());
            (0..3).for_each(|number| client.ask(&format!("n{number}.test")));
            assert_eq!(report(process, Some("INT"))["traffic"]["answered"], 3, "{place:?}");
        }
    }
    inhabitant.kill().unwrap();
    inhabitant.wait().unwrap();
}

#[test]
fn a_namespace_that_is_not_there_is_said() {
    let net = net_or_skip!();
    for (option, value, words) in [
        ("--netns", "dnspect-nowhere", ["there is none of that name", net.node.as_str()]),
        ("--netns", "/nowhere/ns", ["it does not exist", "/nowhere/ns"]),
        ("--netns", "/dev/null", ["not a network namespace", "/dev/null"]),
        ("--pid", "999999999", ["no such process", "999999999"]),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_dnspect"))
            .args(["live", option, value])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(words.iter().all(|word| said.contains(word)), "{value}: {said}");
    }
}
