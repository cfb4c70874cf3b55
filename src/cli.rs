//! The command line: the only place that knows options, and the order of things around an analysis.

mod context;
mod destination;
mod hint;
mod nearest;
mod replacement;
mod screen;
mod transactions;
mod value;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{Config, VPC_DNS};
use crate::error::Error;
use crate::model::{Address, Span};
use crate::progress::{Mode, Progress};
use crate::report::{self, Format};
use crate::verdict::{Status, causes};
use destination::Destination;
use screen::Color;

const EXAMPLES: &str = "\
Examples:
  dnspect read node.pcap                     say what is wrong, and why
  dnspect read --format yaml node.pcap       the same as an incident form
  dnspect read -o report.json --format json before.pcap after.pcap
  ssh node sudo tcpdump -i any -c 50000 -w - | dnspect read -
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
    Explain(Explain),
}

/// Analyse saved captures and print the verdict
#[derive(Debug, Args)]
#[command(after_long_help = STATUS)]
struct Read {
    /// Captures: pcap or pcapng, compressed or not
    ///
    /// Several files are one capture, ordered by time; a directory stands for the captures in it;
    /// `-` is standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// How the report is written
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t, hide_possible_values = true)]
    #[arg(help = "How the report is written: text, json or yaml")]
    format: FormatName,

    /// Write the report to FILE instead of standard output
    ///
    /// The file appears, or is replaced, only when the report is complete.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Also write every transaction to FILE, one row each: .parquet, .csv or .ndjson
    ///
    /// The ending of the name says how it is written; docs/transactions.md says what the columns mean.
    /// The file appears, or is replaced, only when it is complete.
    #[arg(long, value_name = "FILE")]
    transactions: Option<PathBuf>,

    /// Worker threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = value::threads)]
    threads: Option<std::num::NonZeroUsize>,

    /// A question without an answer for this long counts as lost: 500ms, 5s, 2m
    #[arg(long, value_name = "DUR", default_value = "5s", value_parser = value::timeout)]
    query_timeout: Span,

    /// Ports that DNS is spoken on
    #[arg(long, value_name = "P[,P...]", default_value = "53", value_delimiter = ',')]
    #[arg(value_parser = value::port)]
    port: Vec<u16>,

    /// Packets per second that one ENI may send to link-local services and the VPC resolver
    #[arg(long, value_name = "N", default_value = "1024", value_parser = value::pps_limit)]
    pps_limit: u32,

    /// Addresses of the VPC resolver, besides 169.254.169.253 and fd00:ec2::253
    #[arg(long, value_name = "IP[,IP...]", value_delimiter = ',', value_parser = value::address)]
    vpc_dns: Vec<Address>,

    /// Addresses of the cluster DNS, where dnspect does not find them by itself
    #[arg(long, value_name = "IP[,IP...]", value_delimiter = ',', value_parser = value::address)]
    cluster_dns: Vec<Address>,

    #[command(flatten)]
    context: context::Files,

    #[command(flatten)]
    color: Color,

    /// Show how far the read is: auto (on a terminal), always or never
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    #[arg(hide_default_value = true)]
    progress: When,

    /// Nothing on standard error but errors
    #[arg(short, long)]
    quiet: bool,
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

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum FormatName {
    #[default]
    Text,
    Json,
    Yaml,
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
        // Before the analysis: an hour of reading must not end in a report that has no place.
        let destination = Destination::new(self.output.as_deref(), &self.files)?;
        let path = self.transactions.as_deref();
        let open = |path| transactions::Output::open(path, &self.files, &destination);
        let mut rows = path.map(open).transpose()?;
        let config = Config { context: self.context.read()?, ..self.config() };
        let mut progress = Progress::new(self.progress_mode());
        let sink = rows.as_mut().map(transactions::Output::sink);
        let tick = &mut |done, total, packets| progress.tick(done, total, packets);
        let document = crate::analyse_into(&self.files, &config, sink, tick)
            .map_err(|error| transactions::Output::name(path, error))?;
        rows.map_or(Ok(()), transactions::Output::commit)?;
        progress.finish();

        let format = match self.format {
            FormatName::Text => Format::Text,
            FormatName::Json => Format::Json,
            FormatName::Yaml => Format::Yaml,
        };
        let options = self.color.options(destination.is_standard_output());
        let mut bytes = Vec::new();
        report::write(&document, format, &options, &mut bytes).map_err(Error::WriteOutput)?;
        destination.put(&bytes)?;
        Ok(ExitCode::from(exit_status(document.verdict.status)))
    }

    fn progress_mode(&self) -> Mode {
        match self.progress {
            _ if self.quiet => Mode::Never,
            When::Auto => Mode::Auto,
            When::Always => Mode::Always,
            When::Never => Mode::Never,
        }
    }

    fn config(&self) -> Config {
        let default = Config::default();
        Config {
            query_timeout: self.query_timeout,
            ports: distinct(&self.port),
            pps_limit: self.pps_limit,
            vpc_dns: distinct(&[&VPC_DNS, self.vpc_dns.as_slice()].concat()),
            cluster_dns: distinct(&self.cluster_dns),
            threads: self.threads.unwrap_or(default.threads),
            ..default
        }
    }
}

/// The contract's exit status, for scripts and alerts.
fn exit_status(status: Status) -> u8 {
    match status {
        Status::Healthy => 0,
        Status::Degraded | Status::Failing => 1,
        Status::Inconclusive => 3,
    }
}

/// The values in their order, each once.
fn distinct<T: Copy + PartialEq>(values: &[T]) -> Vec<T> {
    let mut seen = Vec::with_capacity(values.len());
    for &value in values {
        if !seen.contains(&value) {
            seen.push(value);
        }
    }
    seen
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
    use super::*;

    fn read(arguments: &[&str]) -> Box<Read> {
        let all = ["dnspect", "read", "x.pcap"].iter().chain(arguments);
        match Cli::try_parse_from(all).unwrap().command {
            Command::Read(read) => read,
            Command::Explain(_) => unreachable!(),
        }
    }

    #[test]
    fn defaults_are_those_of_the_config() {
        assert_eq!(read(&[]).config(), Config::default());
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
