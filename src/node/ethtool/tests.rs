use super::*;

/// An interface: its name, its driver, and its counters.
type Known = (&'static str, &'static str, Vec<(String, u64)>);

/// A machine with some interfaces: their drivers, and what their counters are called and stand at.
#[derive(Default)]
pub(in crate::node) struct Machine {
    pub(in crate::node) nics: Vec<Known>,
    /// Each reading of values adds this.
    pub(in crate::node) rise: u64,
    pub(in crate::node) fails: Option<i32>,
    pub(in crate::node) answer: Vec<u8>,
}

impl Ask for Machine {
    fn ask(&mut self, interface: &str, request: &[u8]) -> io::Result<&[u8]> {
        let known = self.nics.iter_mut().find(|(name, ..)| *name == interface);
        let (_, driver, counters) = known.ok_or(io::ErrorKind::NotFound)?;
        self.answer = request.to_vec();
        match word(request, 0) {
            GDRVINFO => self.answer[4..4 + driver.len()].copy_from_slice(driver.as_bytes()),
            _ if self.fails.is_some() => {
                return Err(io::Error::from_raw_os_error(self.fails.unwrap()));
            }
            GSSET_INFO => {
                assert_eq!(word(request, 8), 2);
                self.answer[16..20].copy_from_slice(&(counters.len() as u32).to_ne_bytes());
            }
            GSTRINGS => {
                assert_eq!(word(request, 4), SS_STATS);
                assert_eq!(word(request, 8) as usize, counters.len());
                for (room, (name, _)) in self.answer[12..].chunks_mut(NAME).zip(counters) {
                    room[..name.len()].copy_from_slice(name.as_bytes());
                }
            }
            GSTATS => {
                self.answer[4..8].copy_from_slice(&(counters.len() as u32).to_ne_bytes());
                self.answer.resize(8 + counters.len() * 8, 0);
                for (room, (_, value)) in self.answer[8..].chunks_mut(8).zip(counters) {
                    room.copy_from_slice(&value.to_ne_bytes());
                    *value += self.rise;
                }
            }
            other => panic!("{other:#x}"),
        }
        Ok(&self.answer)
    }
}

/// The counters of an ENA interface.
pub(in crate::node) fn ena() -> Vec<(String, u64)> {
    [
        ("tx_timeout", 9),
        ("bw_in_allowance_exceeded", 1),
        ("linklocal_allowance_exceeded", 5),
        ("conntrack_allowance_available", 1_000),
        ("queue_0_tx_a_name_as_long_as_can", 0),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn found(machine: Machine, captured: &[&str]) -> (Vec<String>, Vec<String>) {
    let mut absent = Vec::new();
    let all: Vec<String> = machine.nics.iter().map(|(name, ..)| (*name).to_owned()).collect();
    let nics = Nics::find(Box::new(machine), &all, &strings(captured), &mut absent);
    let names = nics.iter().flat_map(|nics| nics.nics.iter().map(|nic| nic.name.clone()));
    (names.collect(), absent)
}

#[test]
fn the_interfaces_of_the_capture_are_watched_or_all_enis() {
    let machine = || Machine {
        nics: vec![
            ("lo", "", Vec::new()),
            ("eth0", "ena", ena()),
            ("eth1", "ena", ena()),
            ("eni0", "veth", vec![("linklocal_allowance_exceeded".to_owned(), 3)]),
        ],
        ..Machine::default()
    };
    assert_eq!(found(machine(), &[]).0, ["eth0", "eth1"]);
    assert_eq!(found(machine(), &["any"]).0, ["eth0", "eth1"]);
    assert_eq!(found(machine(), &["eth1", "eni0"]).0, ["eth1"]);
    assert_eq!(found(machine(), &["eni0"]).0, ["eth0", "eth1"]);
    let virtio = Machine { nics: vec![("eth0", "virtio_net", ena())], ..Machine::default() };
    let (names, absent) = found(virtio, &["eth0"]);
    assert!(names.is_empty());
    assert_eq!(absent, ["ENA counters: no interface here is an ENA one (drivers: virtio_net)"]);
}

#[test]
fn values_are_read_again_and_again() {
    let nics = vec![("eth0", "ena", ena())];
    let machine = Machine { nics, rise: 2, ..Machine::default() };
    let (mut absent, mut read) = (Vec::new(), Vec::new());
    let mut nics = Nics::find(Box::new(machine), &strings(&["eth0"]), &[], &mut absent).unwrap();
    for second in 0..3 {
        nics.read(Timestamp(second * 1_000_000_000), &mut read, &mut absent);
    }
    let (name, series) = &read[0];
    assert_eq!((name.as_str(), series.len(), read.len()), ("eth0", 3, 1));
    let linklocal = &series[&Counter::LinkLocal];
    assert_eq!((linklocal.first(), linklocal.last(), linklocal.rises().len()), (5, 9, 2));
    assert!(absent.is_empty());
}

#[test]
fn what_cannot_be_read_is_told_with_the_right_that_is_missing() {
    let nics = || vec![("eth0", "ena", ena())];
    let (names, absent) =
        found(Machine { nics: nics(), fails: Some(1), ..Machine::default() }, &[]);
    assert!(names.is_empty() && absent[0].contains("without CAP_NET_ADMIN"), "{absent:?}");
    let old = vec![("eth0", "ena", vec![("tx_timeout".to_owned(), 1)])];
    let (_, absent) = found(Machine { nics: old, ..Machine::default() }, &[]);
    assert!(absent[0].contains("2.2.10"), "{absent:?}");
    let many = vec![("eth0", "ena", vec![("x".to_owned(), 1); MAX_COUNTERS + 1])];
    let (_, absent) = found(Machine { nics: many, ..Machine::default() }, &[]);
    assert!(absent[0].contains("16385 counters"), "{absent:?}");
}

/// An interface that is gone in the midst is given up, and told once.
#[test]
fn an_interface_that_vanishes_is_given_up() {
    struct Gone(Machine, u32);
    impl Ask for Gone {
        fn ask(&mut self, interface: &str, request: &[u8]) -> io::Result<&[u8]> {
            self.1 += 1;
            if self.1 > 4 {
                return Err(io::ErrorKind::NotFound.into());
            }
            self.0.ask(interface, request)
        }
    }
    let machine = Machine { nics: vec![("eth0", "ena", ena())], ..Machine::default() };
    let (mut absent, mut read) = (Vec::new(), Vec::new());
    let gone = Box::new(Gone(machine, 0));
    let mut nics = Nics::find(gone, &strings(&["eth0"]), &[], &mut absent).unwrap();
    for second in 0..5 {
        nics.read(Timestamp(second), &mut read, &mut absent);
    }
    assert_eq!((read.len(), absent.len()), (1, 1), "{absent:?}");
}

#[test]
fn names_of_interfaces_are_found() {
    let dev = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes
    lo:   46664     396    0    0    0     0          0         0    46664
eth0.1:1: 0 0
eni12345678901234567890: 0 0
garbage
";
    assert_eq!(names(dev), ["lo", "eth0.1:1"]);
    assert!(names("").is_empty());
}

/// The real kernel, asked without any right: this machine's interfaces have drivers, and those that have
/// counters tell as many values as names.
#[test]
fn this_kernel_answers() {
    let listed = std::fs::read_to_string("/proc/self/net/dev").unwrap();
    let mut socket = Socket::open().unwrap();
    let mut drivers = 0;
    for name in names(&listed) {
        let Ok(driver) = driver(&mut socket, &name) else { continue };
        drivers += 1;
        let Ok(mut nic) = nic(&mut socket, &name) else { continue };
        println!("{name}: {driver}, {} counters", nic.counters);
        nic.wanted = (0..nic.counters).map(|at| (Counter::Pps, at)).collect();
        if nic.counters > 0 {
            assert_eq!(statistics(&mut socket, &nic).unwrap().len(), nic.counters);
        }
    }
    println!("{drivers} drivers");
    assert!(driver(&mut socket, "no-such-one").is_err());
    assert!(driver(&mut socket, "a-name-of-more-than-15").is_err());
}

/// A driver that writes more than was asked for meets the guard: no memory of others is touched.
#[test]
fn requests_that_do_not_fit_are_refused() {
    let mut socket = Socket::open().unwrap();
    assert!(socket.ask("lo", &vec![0; 1 << 20]).is_err());
}
