use super::*;
use std::path::Path;

#[test]
fn folders_of_outputs_are_all_that_is_written() {
    let outputs =
        ["/tmp/a.pcapng", "b.json", "/tmp/c.json", "../d", "/dev/null"].map(PathBuf::from);
    let places = Places::of(&outputs);
    assert_eq!(places.folders, ["/tmp", ".", ".."].map(Path::new));
    assert_eq!(places.devices, [Path::new("/dev/null")], "not all of /dev");
    assert_eq!(Places::of(&[]), Places::default());
}

#[test]
fn what_was_given_up_is_told() {
    let confined = Confined {
        user: Some(User { uid: 1000, gid: 100 }),
        kept: vec!["CAP_DAC_OVERRIDE"],
        files: true,
        calls: true,
        notes: vec!["landlock: old".to_owned()],
    };
    assert_eq!(
        confined.summary(),
        "runs as user 1000, group 100; keeps CAP_DAC_OVERRIDE to write its outputs or read counters; \
         confined by landlock and seccomp"
    );
    assert_eq!(Confined::default().summary(), "keeps no capability");
}
