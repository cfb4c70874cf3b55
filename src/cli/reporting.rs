//! Options that every command with a report has.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::destination::Destination;
use super::hiding::Hiding;
use super::screen::Color;
use super::{context, transactions, value};
use crate::config::{Config, VPC_DNS};
use crate::error::Error;
use crate::model::{Address, Span};
use crate::report::{self, Document, Format, Options};
use crate::transactions::Sink;
use crate::verdict::Status;

/// The options.
#[derive(Debug, Args)]
pub(super) struct Reporting {
    /// How the report is written
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t, hide_possible_values = true)]
    #[arg(
        help = "How the report is written: text, json or yaml; or ndjson, a stream of a live capture"
    )]
    pub(super) format: FormatName,

    /// Write the report to FILE instead of standard output
    ///
    /// The file appears, or is replaced, only when the report is complete.
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    /// Also write every transaction to FILE, one row each: .parquet, .csv or .ndjson
    ///
    /// The ending of the name says how it is written; docs/transactions.md says what the columns mean.
    /// The file appears, or is replaced, only when it is complete.
    #[arg(long, value_name = "FILE")]
    pub(super) transactions: Option<PathBuf>,

    /// Worker threads [default: one a core; live: two]
    #[arg(long, value_name = "N", value_parser = value::threads)]
    pub(super) threads: Option<std::num::NonZeroUsize>,

    /// A question without an answer for this long counts as lost: 500ms, 5s, 2m
    #[arg(long, value_name = "DUR", default_value = "5s", value_parser = value::timeout)]
    pub(super) query_timeout: Span,

    /// Ports that DNS is spoken on
    #[arg(long, value_name = "P[,P...]", default_value = "53", value_delimiter = ',')]
    #[arg(value_parser = value::port)]
    pub(super) port: Vec<u16>,

    /// Packets per second that one ENI may send to link-local services and the VPC resolver
    #[arg(long, value_name = "N", default_value = "1024", value_parser = value::pps_limit)]
    pub(super) pps_limit: u32,

    /// Addresses of the VPC resolver, besides 169.254.169.253 and fd00:ec2::253
    #[arg(long, value_name = "IP[,IP...]", value_delimiter = ',', value_parser = value::address)]
    pub(super) vpc_dns: Vec<Address>,

    /// Addresses of the cluster DNS, where dnspect does not find them by itself
    #[arg(long, value_name = "IP[,IP...]", value_delimiter = ',', value_parser = value::address)]
    pub(super) cluster_dns: Vec<Address>,

    #[command(flatten)]
    pub(super) context: context::Files,

    #[command(flatten)]
    pub(super) hiding: Hiding,

    #[command(flatten)]
    pub(super) color: Color,

    /// Nothing on standard error but errors
    #[arg(short, long)]
    pub(super) quiet: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum FormatName {
    #[default]
    Text,
    Json,
    Yaml,
    /// Of a live capture: a line for each transaction, finding and interval.
    Ndjson,
}

/// Where the results go, checked before there are any: an hour of work must not end in a report that has
/// no place.
pub(super) struct Outputs<'a> {
    reporting: &'a Reporting,
    destination: Destination,
    rows: Option<transactions::Output>,
}

impl Reporting {
    /// Finds the places of the results; none of them may be one of the `inputs`.
    pub(super) fn outputs(&self, inputs: &[PathBuf]) -> Result<Outputs<'_>, Error> {
        let destination = Destination::new(self.output.as_deref(), inputs)?;
        let open = |path: &Path| transactions::Output::open(path, inputs, &destination);
        let rows = self.transactions.as_deref().map(open).transpose()?;
        Ok(Outputs { reporting: self, destination, rows })
    }

    /// The settings, without the context.
    pub(super) fn config(&self) -> Config {
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

    /// A report in the format asked for.
    pub(super) fn rendered(
        &self,
        document: &Document,
        options: &Options,
    ) -> Result<Vec<u8>, Error> {
        let format = match self.format {
            FormatName::Text => Format::Text,
            // Of a stream, the report is the last line; asked for in between, it is a document.
            FormatName::Json | FormatName::Ndjson => Format::Json,
            FormatName::Yaml => Format::Yaml,
        };
        let mut bytes = Vec::new();
        report::write(document, format, options, &mut bytes).map_err(Error::WriteOutput)?;
        Ok(bytes)
    }
}

impl Outputs<'_> {
    /// What transactions are written to, if they are wanted.
    pub(super) fn sink(&mut self) -> Option<Sink<'_>> {
        self.rows.as_mut().map(transactions::Output::sink)
    }

    /// The files that will be written, or replaced.
    #[cfg(feature = "live")]
    pub(super) fn places(&self) -> Vec<PathBuf> {
        let report = self.destination.path().map(Path::to_owned);
        report.into_iter().chain(self.rows.as_ref().map(transactions::Output::target)).collect()
    }

    /// Those that are begun already.
    #[cfg(feature = "live")]
    pub(super) fn begun(&self) -> Vec<std::os::fd::BorrowedFd<'_>> {
        self.rows.iter().map(transactions::Output::begun).collect()
    }

    /// Puts transactions and report in their places. `analysed`: what the analysis came to.
    pub(super) fn put(
        self,
        analysed: Result<Document, Error>,
        shown: impl FnOnce(),
    ) -> Result<ExitCode, Error> {
        let Outputs { reporting, .. } = self;
        self.put_by(analysed, shown, |document, destination| {
            let options = reporting.color.options(destination.is_standard_output());
            destination.put(&reporting.rendered(document, &options)?)
        })
    }

    /// The same, and `write` is how the report gets there.
    pub(super) fn put_by(
        self,
        analysed: Result<Document, Error>,
        shown: impl FnOnce(),
        write: impl FnOnce(&Document, &Destination) -> Result<(), Error>,
    ) -> Result<ExitCode, Error> {
        let path = self.reporting.transactions.as_deref();
        let document = analysed.map_err(|error| transactions::Output::name(path, error))?;
        self.rows.map_or(Ok(()), transactions::Output::commit)?;
        shown();
        write(&document, &self.destination)?;
        Ok(ExitCode::from(exit_status(document.verdict.status)))
    }
}

/// The contract's exit status, for scripts and alerts.
pub(super) fn exit_status(status: Status) -> u8 {
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
