//! What can be named, and what is said of what cannot be read.

use std::path::{Path, PathBuf};

use dnspect::capture::{OpenError, Options, open};

use crate::build::pcap_of;
use crate::read::{Folder, read_files};

fn error(path: &Path) -> OpenError {
    open(&[path.to_owned()], &Options::default()).err().unwrap()
}

#[test]
fn missing_and_empty_inputs() {
    let folder = Folder::new();
    assert!(matches!(error(Path::new("/no/such/file")), OpenError::Missing { .. }));
    assert!(matches!(error(&folder.file("empty", b"")), OpenError::Empty { .. }));
    assert!(matches!(open(&[], &Options::default()).err(), Some(OpenError::NoInput)));
    let twice = [PathBuf::from("-"), PathBuf::from("-")];
    let twice = open(&twice, &Options::default()).err();
    assert!(matches!(twice, Some(OpenError::StandardInputTwice)));
}

#[test]
fn foreign_files_are_named_with_advice() {
    let folder = Folder::new();
    for (bytes, what) in [
        (&b"hello\n"[..], "text"),
        (b"{\"a\":1}", "JSON"),
        (b"\x7fELF\x02\x01\x01\0", "a program (ELF)"),
        (b"snoop\0\0\0\0\0\0\x02", "snoop capture: convert it: editcap -F pcap"),
        (b"BZh91AY&SY", "bzip2: decompress it: bzip2 -dc"),
        (b"<!DOCTYPE html><html>", "an HTML page"),
    ] {
        let text = error(&folder.file("file", bytes)).to_string();
        assert!(text.contains("not a packet capture but") && text.contains(what), "{text}");
    }
}

#[test]
fn a_directory_stands_for_its_captures() {
    let folder = Folder::new();
    assert!(matches!(error(folder.path()), OpenError::NoCaptures { files: 0, .. }));
    folder.file("README.md", b"# notes\n");
    assert!(matches!(error(folder.path()), OpenError::NoCaptures { files: 1, .. }));
    folder.file("a.txt", &pcap_of(1, &[5]));
    let same = folder.file("b", &pcap_of(2, &[5]));
    std::fs::create_dir(folder.path().join("inner")).unwrap();
    std::fs::write(folder.path().join("inner/c"), pcap_of(3, &[5])).unwrap();
    let (packets, notes) = read_files(&[folder.path().to_owned(), same], 1, 100);
    assert_eq!(packets.len(), 2);
    assert_eq!(notes.warnings.len(), 2, "{:?}", notes.warnings);
    assert!(notes.warnings[0].contains("is the same file"));
    assert!(notes.warnings[1].contains("README.md is text"));
    // But a file that is named must be a capture.
    assert!(matches!(error(&folder.path().join("README.md")), OpenError::NotACapture { .. }));
}

#[test]
fn a_named_pipe_can_be_merged_too() {
    let folder = Folder::new();
    let fifo = folder.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("skipped: mkfifo is absent");
        return;
    }
    let file = folder.file("file", &pcap_of(2, &[5; 100]));
    let expected = pcap_of(1, &vec![6; 3_000]);
    let writer = {
        let (fifo, bytes) = (fifo.clone(), expected.clone());
        std::thread::spawn(move || std::fs::write(fifo, bytes).unwrap())
    };
    let (packets, notes) = read_files(&[file, fifo], 2, 500);
    writer.join().unwrap();
    assert_eq!((packets.len(), notes.warnings.len()), (3_100, 0));
    assert!(packets.is_sorted_by_key(|packet| packet.time));
}

#[cfg(not(feature = "compressed"))]
#[test]
fn compressed_files_are_refused_by_name() {
    let folder = Folder::new();
    let text = error(&folder.file("file", &[0x28, 0xb5, 0x2f, 0xfd, 0, 0])).to_string();
    assert!(
        text.contains("compressed with zstd") && text.contains("feature \"compressed\""),
        "{text}"
    );
}
