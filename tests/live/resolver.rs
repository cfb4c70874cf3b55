//! Real resolvers and real clients: unbound, the C library's resolver and dig.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::equality::assert_alike;
use crate::keeping::{assert_same, read};
use crate::net::{FAR, Net};
use crate::net_or_skip;
use crate::process::{Process, end_tcpdump, live, report, scratch, tcpdump};

/// Addresses of one name, and how often names are looked up by their search list.
const MANY: usize = 40;
const WALKS: u64 = 5;

/// What a pod has: a search list, and every name with less than five dots goes through it.
const RESOLV_CONF: &str = "nameserver 10.9.0.2\n\
    search default.svc.cluster.local svc.cluster.local cluster.local\n\
    options ndots:5 timeout:20 attempts:1\n";

/// A folder that goes with its test.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// unbound, answering for all names there are at the far end; `None` where there is no unbound.
fn unbound(net: &Net) -> Option<(Process, Folder)> {
    let known = ["/usr/sbin/unbound", "/usr/bin/unbound", "/usr/local/sbin/unbound"];
    let installed = known.into_iter().find(|path| fs::exists(path).is_ok_and(|is| is))?;
    let folder = Folder(scratch("unbound"));
    let [program, configuration] = ["unbound", "unbound.conf"].map(|name| folder.0.join(name));
    fs::create_dir_all(&folder.0).unwrap();
    // AppArmor goes by the path, and lets the installed one read its own folder only.
    assert!(Command::new("cp").arg(installed).arg(&program).status().unwrap().success());
    fs::write(&configuration, configured(&folder.0)).unwrap();
    let [program, configuration] = [&program, &configuration].map(|path| path.to_str().unwrap());
    let command = [program, "-d", "-p", "-c", configuration];
    Some((Process::start(Some(&net.far), &command, "start of service"), folder))
}

/// Cluster names are data of its own; others it resolves, by zones of its own instead of the root's; the rest
/// does not exist.
fn configured(folder: &Path) -> String {
    let server = "server:\n\
        chroot: \"\"\nusername: \"\"\ndirectory: \"/\"\npidfile: \"\"\nuse-syslog: no\nlogfile: \"\"\n\
        verbosity: 1\ninterface: 10.9.0.2\naccess-control: 0.0.0.0/0 allow\nmodule-config: \"iterator\"\n\
        local-zone: \".\" static\n\
        local-data: \"api.default.svc.cluster.local. A 10.100.0.7\"\n\
        local-zone: \"example.com.\" transparent\nlocal-zone: \"example.net.\" transparent\n";
    let many = (0..MANY).map(|n| format!("many A 192.0.2.{n}\n"));
    let text = (0..16).map(|n| format!("text TXT \"{n:0>200}\"\n"));
    let com: String = many.chain(text).collect();
    let com = format!("www CNAME edge.example.net.\n{com}");
    let net = "edge A 192.0.2.7\nedge AAAA 2001:db8::7\n".to_owned();
    let zone = |(zone, records): (&str, String)| {
        let file = folder.join(zone);
        let apex = "@ SOA ns mail 1 60 60 60 60\n@ NS ns\nns A 10.9.0.2\n";
        fs::write(&file, format!("$ORIGIN {zone}.\n$TTL 60\n{apex}{records}")).unwrap();
        let file = file.display();
        format!(
            "auth-zone:\nname: \"{zone}\"\nzonefile: \"{file}\"\nfor-upstream: yes\nfor-downstream: no\n"
        )
    };
    let zones: String =
        [("example.com", com), ("example.net", net)].into_iter().map(zone).collect();
    format!("{server}{zones}remote-control:\ncontrol-enable: no\n")
}

/// Files of /etc for whoever is run in a namespace.
fn etc(namespace: &str) -> Folder {
    let folder = Folder(PathBuf::from("/etc/netns").join(namespace));
    fs::create_dir_all(&folder.0).unwrap();
    fs::write(folder.0.join("resolv.conf"), RESOLV_CONF).unwrap();
    // No name comes from anywhere else.
    fs::write(folder.0.join("nsswitch.conf"), "hosts: dns\n").unwrap();
    folder
}

fn inside(net: &Net, command: &[&str]) -> Output {
    let words = [&["netns", "exec", &net.node][..], command].concat();
    Command::new("ip").args(words).output().unwrap()
}

/// Looks names up as programs do. In vain is fine as well.
fn lookup(net: &Net, name: &str) -> String {
    String::from_utf8(inside(net, &["getent", "ahosts", name]).stdout).unwrap()
}

/// dig's answer; `None` where there is no dig.
fn dig(net: &Net, options: &[&str]) -> Option<String> {
    Command::new("dig").arg("-v").output().ok()?;
    let server = format!("@{FAR}");
    let command = [&["dig", &server, "+tries=1", "+time=20"][..], options].concat();
    let output = inside(net, &command);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{options:?}: {text}");
    Some(text)
}

/// What pods ask all day, and what makes a resolver cut its answers; whether dig was there to help. Ends
/// with datagrams: what a connection says in closing would come to one capture and not to the other.
fn ask(net: &Net) -> bool {
    // As many addresses do not fit into 512 octets, and the C library asks without EDNS.
    let many = lookup(net, "many.example.com");
    assert!((0..MANY).all(|n| many.contains(&format!("192.0.2.{n} "))), "{many}");
    let text = dig(net, &["text.example.com", "TXT"]);
    if let Some(text) = &text {
        assert!(text.contains("Truncated, retrying in TCP mode"), "{text}");
        let text = dig(net, &["+tcp", "text.example.com", "TXT"]).unwrap();
        assert!(text.contains("ANSWER: 16"), "{text}");
        let vain = dig(net, &["nowhere.example.org", "MX"]).unwrap();
        assert!(vain.contains("NXDOMAIN"), "{vain}");
    }
    assert_eq!(lookup(net, "nowhere.example.org"), "");
    for _ in 0..WALKS {
        assert!(lookup(net, "api").contains("10.100.0.7"));
        let found = lookup(net, "www.example.com");
        assert!(found.contains("192.0.2.7") && found.contains("2001:db8::7"), "{found}");
    }
    text.is_some()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Live, from the file that was written meanwhile, and from tcpdump's: all the same, and what was asked.
fn three_captures_of_a_real_resolver(interface: &str) {
    let net = net_or_skip!();
    let Some(_server) = unbound(&net) else {
        eprintln!("skipped: there is no unbound");
        return;
    };
    if Command::new("getent").output().is_err() {
        eprintln!("skipped: there is no getent");
        return;
    }
    let _etc = etc(&net.node);
    let (theirs, ours) = (scratch("tcpdump.pcap"), scratch("kept.pcapng"));
    let Some(beside) = tcpdump(&net.node, interface, &theirs) else {
        eprintln!("skipped: there is no tcpdump");
        return;
    };
    let options = ["-i", interface, "-w", ours.to_str().unwrap(), "not icmp6"];
    let process = live(Some(&net.node), &options);
    let by_dig = ask(&net);
    if !by_dig {
        eprintln!("skipped in part: there is no dig");
    }
    let seen = report(process, Some("INT"));
    let (dns, traffic) = (&seen["capture"]["dns"], &seen["traffic"]);
    let theirs = end_tcpdump(beside, &theirs, number(&seen["capture"]["packets"]));
    assert_alike(&seen, &theirs);
    assert_same(seen.clone(), read(&[ours]));

    assert_eq!(seen["verdict"]["status"], "healthy", "{:#}", seen["findings"]);
    assert_eq!(traffic["unanswered"], 0, "{traffic:#}");
    assert_eq!(traffic["orphan_responses"], 0, "{traffic:#}");
    // Each of three suffixes is no name, for A and for AAAA.
    assert!(number(&traffic["rcodes"]["NXDOMAIN"]) >= 6 * WALKS, "{traffic:#}");
    assert!(number(&traffic["search"]["lookups_with_search"]) > WALKS, "{traffic:#}");
    let suffixes = ["default.svc.cluster.local", "svc.cluster.local", "cluster.local"];
    assert_eq!(traffic["search"]["search_domains"], serde_json::json!(suffixes));
    let wanted = if by_dig { 3 } else { 1 };
    assert!(number(&dns["tcp_queries"]) >= wanted, "{dns:#}");
    assert_eq!(dns["tcp_queries"], dns["tcp_responses"]);
    assert!(number(&dns["udp_queries"]) >= 10 * WALKS, "{dns:#}");
}

#[test]
fn a_real_resolver_on_one_interface() {
    three_captures_of_a_real_resolver("va");
}

#[test]
fn a_real_resolver_on_any() {
    three_captures_of_a_real_resolver("any");
}
