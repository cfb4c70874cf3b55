//! The `dnspect` command: hands its arguments to the library and prints what went wrong.

use std::process::ExitCode;

fn main() -> ExitCode {
    match dnspect::cli::run(std::env::args_os()) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
