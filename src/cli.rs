//! The command line: the only place that knows options, and the order of things around an analysis.

mod context;
mod destination;
mod hiding;
mod hint;
#[cfg(feature = "live")]
mod keeping;
#[cfg(feature = "live")]
mod live;
mod nearest;
mod replacement;
mod reporting;
#[cfg(feature = "live")]
mod rights;
mod screen;
#[cfg(feature = "tui")]
mod terminal;
mod transactions;
mod value;
#[cfg(feature = "live")]
mod watching;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::capture::{Stop, any_pipe};
use crate::config::Config;
use crate::error::Error;
use crate::progress::{Mode, Progress};
use crate::report;
use crate::verdict::causes;
use destination::Destination;
use reporting::{FormatName, Reporting};
use screen::Color;

const EXAMPLES: &str = "\
Examples:
  dnspect read node.pcap                     say what is wrong, and why
  dnspect read --format yaml node.pcap       the same as an incident form
  dnspect read -o report.json --format json before.pcap after.pcap
  ssh node sudo tcpdump -i any -U -w - port 53 | dnspect read -      until Ctrl-C
  sudo dnspect live                          capture on this machine until Ctrl-C, then the same
  dnspect explain upstream_unreachable       what a cause means, how to confirm and to fix it";

const STATUS: &str = "\
Exit status:
  0  healthy
  1  a problem was found
  2  the arguments or the input could not be used
  3  inconclusive: the capture does not show enough to tell";

/// The exit status of arguments and input that cannot be used; clap's own is the same.
const UNUSABLE: u8 = 2;

/// Reads packet captures and says what is wrong with DNS: root cause, evidence, fix
#[derive(Debug, Parser)]
#[command(name = "dnspect", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{STATUS}"))]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Read(Box<Read>),
    #[cfg(feature = "live")]
    Live(Box<live::Live>),
    Explain(Explain),
}

/// Analyse saved captures and print the verdict
#[derive(Debug, Args)]
#[command(after_long_help = STATUS)]
struct Read {
    /// Captures: pcap or pcapng, compressed or not
    ///
    /// Several files are one capture, ordered by time; a directory stands for the captures in it;
    /// `-` is standard input. Ctrl-C ends what comes through a pipe with the verdict.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    #[command(flatten)]
    reporting: Reporting,

    /// Show how far the read is: auto (on a terminal), always or never
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    #[arg(hide_default_value = true)]
    progress: When,
}

/// Say what a cause means, how it looks, and how to confirm and fix it
#[derive(Debug, Args)]
struct Explain {
    /// Code of the cause, as in a report; without it, all causes are listed
    #[arg(value_name = "CAUSE")]
    cause: Option<String>,

    #[command(flatten)]
    color: Color,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

/// Does what the arguments ask for and tells the exit status. Errors are printed here.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    dispatch(arguments).unwrap_or_else(|error| {
        // A message may name files, and the names of files come from anywhere.
        for (i, line) in error.to_string().lines().enumerate() {
            let label = if i == 0 { "error: " } else { "" };
            eprintln!("{label}{}", report::for_terminal(line));
        }
        ExitCode::from(UNUSABLE)
    })
}

fn dispatch(arguments: impl IntoIterator<Item = OsString>) -> Result<ExitCode, Error> {
    match Cli::try_parse_from(arguments) {
        Ok(Cli { command: Command::Read(read) }) => read.run(),
        #[cfg(feature = "live")]
        Ok(Cli { command: Command::Live(live) }) => live.run(),
        Ok(Cli { command: Command::Explain(explain) }) => explain.run(),
        Err(error) => {
            let error = hint::add(error);
            // A closed standard error or output leaves nobody to tell.
            let _ = error.print();
            Ok(ExitCode::from(error.exit_code() as u8))
        }
    }
}

impl Read {
    fn run(self) -> Result<ExitCode, Error> {
        if self.reporting.format == FormatName::Ndjson {
            return Err(Error::StreamOfFiles);
        }
        let mut outputs = self.reporting.outputs(&self.files)?;
        let config = Config { context: self.reporting.context.read()?, ..self.reporting.config() };
        let config = self.reporting.hiding.apply(config)?;
        let mut progress = Progress::new(self.progress_mode());
        let tick = &mut |done, total, packets| progress.tick(done, total, packets);
        let stop = Stop::default();
        if any_pipe(&self.files) {
            stop.hear_signals().map_err(Error::Signals)?;
        }
        let analysed = crate::analyse_into(&self.files, &config, outputs.sink(), &stop, tick);
        outputs.put(analysed, || progress.finish())
    }

    fn progress_mode(&self) -> Mode {
        match self.progress {
            _ if self.reporting.quiet => Mode::Never,
            When::Auto => Mode::Auto,
            When::Always => Mode::Always,
            When::Never => Mode::Never,
        }
    }
}

impl Explain {
    fn run(self) -> Result<ExitCode, Error> {
        let options = self.color.options(true);
        let text = match self.cause {
            None => report::explain::list(causes::ALL, &options),
            Some(code) => {
                let Some(cause) = causes::find(&code) else {
                    let nearest = nearest::causes(&code, causes::ALL);
                    return Err(Error::UnknownCause { code, nearest });
                };
                report::explain::page(cause, &options)
            }
        };
        Destination::StandardOutput.put(text.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::reporting::exit_status;
    use super::*;
    use crate::model::{Address, Span};
    use crate::verdict::Status;

    fn read(arguments: &[&str]) -> Box<Read> {
        let all = ["dnspect", "read", "x.pcap"].iter().chain(arguments);
        let Command::Read(read) = Cli::try_parse_from(all).unwrap().command else { unreachable!() };
        read
    }

    #[test]
    fn defaults_are_those_of_the_config() {
        assert_eq!(read(&[]).reporting.config(), Config::default());
    }

    #[test]
    fn a_stream_is_of_a_live_capture() {
        let error = read(&["--format=ndjson"]).run().unwrap_err().to_string();
        assert!(error.contains("dnspect live") && error.contains("--transactions"), "{error}");
    }

    #[test]
    fn lists_take_commas_and_repetition() {
        let config = read(&[
            "--port=53,5353,53",
            "--vpc-dns=10.0.0.2,169.254.169.253",
            "--cluster-dns=172.20.0.10",
            "--cluster-dns=fd00::a",
            "--query-timeout=500ms",
            "--threads=3",
        ])
        .reporting
        .config();
        let text = |list: &[Address]| list.iter().map(Address::to_string).collect::<Vec<_>>();
        assert_eq!(config.ports, [53, 5353]);
        assert_eq!(text(&config.vpc_dns), ["169.254.169.253", "fd00:ec2::253", "10.0.0.2"]);
        assert_eq!(text(&config.cluster_dns), ["172.20.0.10", "fd00::a"]);
        assert_eq!(config.query_timeout, Span::from_millis(500));
        assert_eq!(config.threads.get(), 3);
    }

    #[test]
    fn the_exit_status_tells_the_verdict() {
        let all = [Status::Healthy, Status::Degraded, Status::Failing, Status::Inconclusive];
        assert_eq!(all.map(exit_status), [0, 1, 1, 3]);
    }

    #[test]
    fn the_definition_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
