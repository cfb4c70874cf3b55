//! What is kept is what was seen: files that a recording of the lab's captures wrote give the same report,
//! and tshark and capinfos, where they are installed, see the same packets and the comments.

#![allow(clippy::unwrap_used)] // A test may panic, in its helpers too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dnspect::capture::record::{
    Counters, Finding, OnFinding, Options, Recording, Rotation, Status, Tee,
};
use dnspect::capture::{self, Blocks};
use dnspect::config::Config;
use dnspect::model::{Span, Timestamp};
use serde_json::Value;

/// Cooked and Ethernet, UDP and TCP, cut, fragments, pcap and pcapng.
const CAPTURES: [&str; 4] = ["healthy", "tcp-large", "fragments-lost", "clients-resolved-cut"];

/// A folder for the files of one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("dnspect-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> =
            fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn captures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let mut found = Vec::new();
    for folder in CAPTURES {
        let entries = fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let readable = |path: &PathBuf| {
            let ending = path.extension().unwrap().to_str().unwrap();
            ending == "pcap"
                || ending == "pcapng"
                || ending == "zst" && cfg!(feature = "compressed")
        };
        found.extend(entries.filter(readable));
    }
    assert!(!cfg!(feature = "compressed") || found.len() > 3);
    found
}

/// A capture of a few hundred kilobytes.
fn large() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/healthy/node-any.pcap")
}

fn keep(file: Option<&Path>, rotation: Rotation, on_finding: Option<OnFinding>) -> Options {
    Options {
        file: file.map(Path::to_owned),
        rotation,
        on_finding,
        filter: Some("port 53".to_owned()),
        now: Timestamp(0),
        count: Box::new(Vec::<Counters>::new),
    }
}

fn finding() -> Finding {
    let text = "an upstream is silent".to_owned();
    Finding { cause: "upstream_unreachable".to_owned(), text, normal: false }
}

fn config() -> Config {
    Config { threads: 3.try_into().unwrap(), ..Config::default() }
}

fn value(document: &dnspect::report::Document) -> Value {
    let mut value = serde_json::to_value(document).unwrap();
    value["capture"]["files"] = Value::Null;
    value
}

/// Analyses a capture and keeps it.
fn recorded(path: &Path, options: Options) -> (Value, Status) {
    let reading = capture::Options { threads: 3, ..capture::Options::default() };
    let source = capture::open(&[path.to_owned()], &reading).unwrap();
    let recorder = Recording::open(options).unwrap().start().unwrap();
    let tee = Tee::new(&*source, &recorder);
    let blocks: &dyn Blocks = &tee;
    let document = dnspect::analyse_blocks(blocks, &config(), &mut |_, _, _| {}).unwrap();
    let status = recorder.finish(vec![finding()]);
    (value(&document), status)
}

fn read(paths: &[PathBuf]) -> Value {
    value(&dnspect::analyse(paths, &config(), &mut |_, _, _| {}).unwrap())
}

/// What a tool says on standard output; nothing where it is not installed.
fn output(tool: &str, arguments: &[&str], path: &Path) -> Option<String> {
    let mut command = Command::new(tool);
    command.args(arguments).arg(path).stdin(Stdio::null()).stderr(Stdio::null());
    let Ok(output) = command.output() else {
        eprintln!("skipped: {tool} is not installed");
        return None;
    };
    assert!(output.status.success(), "{tool} cannot read {}", path.display());
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_report_of_the_file_is_that_of_the_capture() {
    let folder = Folder::new("recorded");
    for (number, path) in captures().iter().enumerate() {
        let file = folder.0.join(format!("{number}.pcapng"));
        let (seen, status) = recorded(path, keep(Some(&file), Rotation::default(), None));
        assert_eq!(status.caveats(), [""; 0], "{}", path.display());
        assert_eq!(Some(status.written), seen["capture"]["packets"].as_u64());
        let mut kept = read(&[file]);
        // The source may not say what it dropped; the file never says less.
        assert!(seen["capture"]["dropped_by_kernel"].as_u64().unwrap_or(0) == 0);
        kept["capture"]["dropped_by_kernel"] = seen["capture"]["dropped_by_kernel"].clone();
        assert!(seen == kept, "{}:\n{seen:#}\n{kept:#}", path.display());
    }
}

#[test]
fn files_of_a_rotation_are_one_capture() {
    let folder = Folder::new("rotated");
    let path = large();
    let rotation = Rotation { size: Some(100_000), ..Rotation::default() };
    let file = folder.0.join("part");
    let (seen, status) = recorded(&path, keep(Some(&file), rotation, None));
    let files = folder.files();
    assert!(files.len() > 2 && files.len() as u64 == status.files, "{files:?}");
    let mut kept = read(&files);
    kept["capture"]["dropped_by_kernel"] = seen["capture"]["dropped_by_kernel"].clone();
    for part in ["verdict", "findings", "traffic", "capture"] {
        assert_eq!(seen[part], kept[part], "{part}");
    }
}

#[test]
fn wireshark_sees_the_same_packets_and_the_comments() {
    const FIELDS: [&str; 12] = [
        "-T",
        "fields",
        "-e",
        "frame.time_epoch",
        "-e",
        "frame.len",
        "-e",
        "frame.cap_len",
        "-e",
        "ip.src",
        "-e",
        "dns.id",
    ];
    let folder = Folder::new("compared");
    for (number, path) in captures().iter().enumerate() {
        if path.extension().unwrap() == "zst" {
            continue; // tshark reads none before 4.2.
        }
        let file = folder.0.join(format!("{number}.pcapng"));
        recorded(path, keep(Some(&file), Rotation::default(), None));
        let arguments = [&FIELDS[..], &["-r"]].concat();
        let Some(kept) = output("tshark", &arguments, &file) else { return };
        assert!(Some(kept) == output("tshark", &arguments, path), "{}", path.display());
        let Some(said) = output("capinfos", &[], &file) else { return };
        for words in ["upstream_unreachable: an upstream is silent", "port 53", "stat entries = 1"]
        {
            assert!(said.contains(words), "{}: no {words:?} in\n{said}", path.display());
        }
    }
}

#[test]
fn what_the_ring_held_is_a_capture() {
    let folder = Folder::new("ring");
    let path = large();
    let span = Span::from_secs(5);
    let on_finding = OnFinding { file: folder.0.join("fault.pcapng"), span, size: 1 << 20 };
    let (_, status) = recorded(&path, keep(None, Rotation::default(), Some(on_finding)));
    let file = folder.0.join("fault-1-upstream_unreachable.pcapng");
    assert_eq!(status.incidents, [file.to_str().unwrap()]);
    let kept = read(std::slice::from_ref(&file));
    let packets = kept["capture"]["packets"].as_u64().unwrap();
    assert!(packets > 10, "{packets}");
    let time = |key: &str| Timestamp::parse(kept["capture"][key].as_str().unwrap()).unwrap();
    assert!(time("last_packet").since(time("first_packet")) <= span);
    let Some(said) = output("capinfos", &[], &file) else { return };
    assert!(said.contains("an upstream is silent"), "{said}");
}

/// A file system of one megabyte, unmounted when it goes.
#[cfg(target_os = "linux")]
struct SmallDisk(Folder);

#[cfg(target_os = "linux")]
impl SmallDisk {
    fn new() -> Option<SmallDisk> {
        let folder = Folder::new("small");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(&folder.0)
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(SmallDisk(folder))
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0.0).status();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_leaves_a_readable_file_and_a_whole_report() {
    let Some(disk) = SmallDisk::new() else {
        eprintln!("skipped: mounting a small file system needs root");
        return;
    };
    // Leave room for a few hundred packets.
    fs::write(disk.0.0.join("others"), vec![1; (1 << 20) - (64 << 10)]).unwrap();
    let path = large();
    let file = disk.0.0.join("node.pcapng");
    let (seen, status) = recorded(&path, keep(Some(&file), Rotation::default(), None));
    assert_eq!(seen, read(&[path]));
    assert!(status.unwritten > 0 && status.caveats().len() == 2, "{status:?}");
    assert!(status.caveats()[0].contains("No space left on device"), "{status:?}");
    let kept = read(std::slice::from_ref(&file));
    assert_eq!(kept["capture"]["packets"].as_u64(), Some(status.written));
    assert!(status.written > 0);
    let Some(said) = output("capinfos", &[], &file) else { return };
    assert!(said.contains("an upstream is silent"), "{said}");
}
