//! The `dnspect` command: all of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    dnspect::cli::run(std::env::args_os())
}
