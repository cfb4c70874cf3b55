use std::fs;
use std::path::{Path, PathBuf};

use super::ethtool::tests::{Machine, ena};
use super::*;
use crate::context::kernel;

/// A folder that stands for `/proc` and `/etc`, and goes away again.
struct Machinery(PathBuf);

impl Machinery {
    fn new(name: &str) -> Machinery {
        let path = std::env::temp_dir().join(format!("dnspect-node-{name}-{}", std::process::id()));
        let here = Machinery(path);
        here.put("proc/net/dev", "heading\nheading\n  lo: 0\neth0: 0\n");
        here.put("resolv.conf", "nameserver 10.0.0.2\noptions ndots:2\n");
        here
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn conntrack(&self, insert_failed: u64, drop: u64) {
        let text = format!("entries insert_failed drop\n1 {insert_failed:08x} {drop:08x}\n1 0 1\n");
        self.put("proc/net/stat/nf_conntrack", &text);
    }

    fn roots(&self) -> Roots {
        Roots {
            proc: self.0.join("proc"),
            resolv_conf: self.0.join("resolv.conf"),
            behind_stub: self.0.join("behind.conf"),
        }
    }

    fn node(&self) -> Node {
        let nics = vec![("lo", "", Vec::new()), ("eth0", "ena", ena())];
        let machine = Machine { nics, rise: 3, ..Machine::default() };
        Node::open_at(&self.roots(), &[], Ok(Box::new(machine)))
    }
}

impl Drop for Machinery {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn told(node: &Node) -> Context {
    let mut context = Context::default();
    node.tell(&mut context);
    context
}

#[test]
fn all_that_a_node_tells_becomes_context() {
    let here = Machinery::new("all");
    here.conntrack(5, 7);
    here.put("proc/sys/net/netfilter/nf_conntrack_count", "12\n");
    here.put("proc/sys/net/netfilter/nf_conntrack_max", "100\n");
    here.put("proc/net/snmp", "Udp: InErrors RcvbufErrors\nUdp: 1 2\n");
    here.put("proc/net/snmp6", "Udp6RcvbufErrors \t4\n");
    let mut node = here.node();
    assert!(!node.needs_net_admin());
    node.sample_at(Timestamp(0));
    here.conntrack(6, 7);
    here.put("proc/sys/net/netfilter/nf_conntrack_count", "90\n");
    here.put("proc/net/snmp", "Udp: InErrors RcvbufErrors\nUdp: 1 9\n");
    node.sample_at(Timestamp(1_000_000_000));
    let context = told(&node);
    let kernel = context.kernel.unwrap();
    assert_eq!(kernel.absent, Vec::<String>::new());
    assert_eq!(kernel.rise(kernel::Counter::InsertFailed), 1);
    assert_eq!(kernel.change(kernel::Counter::Drop).unwrap().last, 8);
    assert_eq!(kernel.rise(kernel::Counter::UdpRcvbufErrors), 7);
    assert_eq!(kernel.fullest().unwrap().peak, 90);
    assert_eq!(context.ethtool.unwrap().rise(Counter::LinkLocal), 3);
    assert_eq!(context.node_resolv_conf.unwrap().ndots, 2);
}

#[test]
fn what_the_operator_gave_comes_first() {
    let here = Machinery::new("given");
    let mut node = here.node();
    node.sample_at(Timestamp(0));
    let text = crate::context::Text { file: "e", text: "pps_allowance_exceeded: 3\n" };
    let given = Ethtool::parse(text, None).unwrap();
    let mut context = Context { ethtool: Some(given.clone()), ..Context::default() };
    node.tell(&mut context);
    assert_eq!(context.ethtool, Some(given));
}

#[test]
fn a_bare_machine_tells_what_it_has_not() {
    let here = Machinery::new("bare");
    fs::remove_file(here.0.join("resolv.conf")).unwrap();
    let mut node = Node::open_at(&here.roots(), &[], Err(std::io::ErrorKind::Unsupported.into()));
    node.sample_at(Timestamp(0));
    let context = told(&node);
    assert_eq!((context.ethtool, context.node_resolv_conf), (None, None));
    let absent = context.kernel.unwrap().absent.join("\n");
    for part in [
        "counters of interfaces",
        "conntrack: not in this kernel",
        "snmp cannot",
        "resolv.conf cannot",
    ] {
        assert!(absent.contains(part), "{part}: {absent}");
    }
}

#[test]
fn behind_the_stub_stand_the_true_servers() {
    let here = Machinery::new("stub");
    here.put("behind.conf", "nameserver 10.0.0.2\n");
    here.put("resolv.conf", "nameserver 127.0.0.53\n");
    let servers = |roots: &Roots| {
        let conf = resolv::read(roots, &mut Vec::new()).unwrap();
        conf.nameservers.iter().map(|(address, _)| address.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(servers(&here.roots()), ["10.0.0.2"]);
    fs::remove_file(here.0.join("behind.conf")).unwrap();
    assert_eq!(servers(&here.roots()), ["127.0.0.53"]);
    // Damaged, it is left out and told.
    here.put("resolv.conf", "\u{0}\u{1b}[31m nameserver\n\x07\n");
    let mut absent = Vec::new();
    let conf = resolv::read(&here.roots(), &mut absent);
    assert!(conf.is_some() || !absent.is_empty());
}

#[test]
fn files_of_any_size_are_read_to_their_end_or_not_at_all() {
    let here = Machinery::new("large");
    let row = format!("{}\n", "00000001 ".repeat(3));
    here.put(
        "proc/net/stat/nf_conntrack",
        &format!("entries insert_failed drop\n{}", row.repeat(8_192)),
    );
    here.put("proc/net/snmp", &"x".repeat(8 << 20));
    let mut node = here.node();
    node.sample_at(Timestamp(0));
    node.sample_at(Timestamp(1));
    let kernel = told(&node).kernel.unwrap();
    let drop = kernel.places[0].series(kernel::Counter::Drop).unwrap();
    assert_eq!(drop.last(), 8_192);
    assert!(kernel.places[0].series(kernel::Counter::UdpInErrors).is_none());
}

/// This machine, whatever it is: reading it does no harm, and its own UDP counters are there.
#[test]
fn this_machine_is_read() {
    let mut node = Node::open(&[]);
    node.sample();
    node.sample();
    let context = told(&node);
    let kernel = context.kernel.unwrap();
    println!("{kernel:#?}");
    if Path::new("/proc/net/snmp").exists() {
        assert!(kernel.change(kernel::Counter::UdpInErrors).is_some());
    }
}
