//! Expected texts as files in `tests/snapshots`. `UPDATE_SNAPSHOTS=1 cargo test` writes them anew.

use std::path::Path;
use std::{env, fs};

/// Fails with the first line that differs and both texts where `actual` is not the file's text.
#[track_caller]
pub(crate) fn check(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, actual).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    if actual == expected {
        return;
    }
    let same = actual.lines().zip(expected.lines()).take_while(|(a, b)| a == b).count();
    panic!(
        "{} differs in line {}:\n  expected: {:?}\n  actual:   {:?}\n\
         --- all of it ---\n{actual}\n--- UPDATE_SNAPSHOTS=1 cargo test accepts it ---",
        path.display(),
        same + 1,
        expected.lines().nth(same).unwrap_or("(the end)"),
        actual.lines().nth(same).unwrap_or("(the end)"),
    );
}
