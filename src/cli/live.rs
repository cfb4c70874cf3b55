//! `dnspect live`: its options, and what it shows while it goes on.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::keeping::Keeping;
use super::reporting::Reporting;
use super::rights::Rights;
use super::value;
use crate::capture::live::{self, Filter, Stop};
use crate::capture::record::{Recorder, Recording};
use crate::config::Config;
use crate::error::Error;
use crate::live::line::{self, Before};
use crate::live::signals::Signals;
use crate::live::{Look, Occasion};
use crate::model::Span;
use crate::node::Node;
use crate::report::{self, Document};

/// On a node that has other work: reading and decoding in one, the ordered stage in the other.
const THREADS: usize = 2;

/// How often a line is written where `--interval` does not say.
const INTERVAL: Span = Span::from_secs(5);

/// Where help lists them.
const HEADING: &str = "What is captured";

/// Capture on this machine until Ctrl-C and print the verdict
///
/// Needs the capability CAP_NET_RAW: root, sudo, or `setcap cap_net_raw=ep`. SIGUSR1 has the verdict so far
/// printed on standard error.
#[derive(Debug, Args)]
#[command(after_long_help = super::STATUS)]
pub(super) struct Live {
    /// Which packets, in the words of tcpdump; narrows what is captured anyway
    ///
    /// Captured are DNS on the ports of --port, later fragments, ICMP, and the same behind up to two VLAN tags
    /// and in tunnels: VXLAN, Geneve, GRE, IP in IP. FILTER has to fit as well, in front of a tag or behind it.
    #[arg(value_name = "FILTER", help_heading = HEADING)]
    filter: Vec<String>,

    /// Capture on this interface; may be given several times [default: any, which is all at once]
    #[arg(short, long, value_name = "IFACE", help_heading = HEADING)]
    interface: Vec<String>,

    /// Capture all packets to link-local services and the VPC resolver, DNS or not
    ///
    /// They share the limit of 1024 packets per second and ENI with DNS.
    #[arg(long, help_heading = HEADING)]
    link_local: bool,

    /// End after this long: 30s, 5m, 2h
    #[arg(long, value_name = "DUR", value_parser = value::length, help_heading = HEADING)]
    duration: Option<Span>,

    /// End after so many packets
    #[arg(short, long, value_name = "N", value_parser = value::packets, help_heading = HEADING)]
    count: Option<u64>,

    /// Keep at most so many octets of a packet
    #[arg(short, long, value_name = "OCTETS", default_value = "262144", help_heading = HEADING)]
    #[arg(value_parser = value::snap_length)]
    snaplen: u32,

    /// Room in the kernel for packets that wait, in KiB, for each interface
    #[arg(short = 'B', long, value_name = "KIB", default_value = "16384", help_heading = HEADING)]
    #[arg(value_parser = value::buffer)]
    buffer_size: u32,

    /// Have interfaces take packets that are for others
    #[arg(long, help_heading = HEADING)]
    promiscuous: bool,

    /// Write a line about what there is so far to standard error, each interval
    #[arg(long)]
    plain: bool,

    /// How often: 1s, 500ms [default: 5s]
    #[arg(long, value_name = "DUR", value_parser = value::interval)]
    interval: Option<Span>,

    /// Do not read counters of this node: of its ENIs, its connection tracking and its sockets
    #[arg(long)]
    no_node_facts: bool,

    #[command(flatten)]
    rights: Rights,

    #[command(flatten)]
    keeping: Keeping,

    #[command(flatten)]
    reporting: Reporting,
}

impl Live {
    pub(super) fn run(self) -> Result<ExitCode, Error> {
        let reporting = &self.reporting;
        self.keeping.check(&[reporting.output.as_deref(), reporting.transactions.as_deref()])?;
        let mut outputs = self.reporting.outputs(&[])?;
        let threads = self.reporting.threads.or(NonZeroUsize::new(THREADS));
        let config = Config { context: self.reporting.context.read()?, ..self.reporting.config() };
        let threads = threads.map_or(config.threads, |threads| match self.reporting.threads {
            Some(asked) => asked,
            None => threads.min(config.threads),
        });
        let config = Config { threads, ..config };
        let opened = live::open(&self.options(&config))?;
        let config = self.reporting.hiding.apply(config)?;
        let recording = self.keeping.open(&opened, config.anonymizer.is_none())?;
        let stop = Stop::default();
        let signals = Signals::listen(&stop).map_err(Error::Signals)?;
        let node = (!self.no_node_facts).then(|| Node::open(&self.interface));
        // All is open, and no thread is started yet: what is not needed any more goes.
        let needs_admin = node.as_ref().is_some_and(Node::needs_net_admin);
        let (mut places, mut begun) = (outputs.places(), outputs.begun());
        if let Some(recording) = &recording {
            places.extend_from_slice(recording.outputs());
            begun.extend(recording.begun());
        }
        let given_up = self.rights.give_up(places, begun, needs_admin)?;
        for line in &given_up {
            self.say(line);
        }
        self.say(&format!("capturing on {}; Ctrl-C ends it with the verdict", self.places()));
        let recorder = recording.map(Recording::start).transpose().map_err(Error::RecordThread)?;
        let watched = !self.reporting.quiet || self.keeping.watches();
        let interval = watched.then(|| length(self.interval.unwrap_or(INTERVAL)));
        let mut before = Before::default();
        let mut warned = 0;
        let show = &mut |look: &Look| {
            if let Some(recorder) = &recorder {
                recorder.found(crate::live::findings(&look.document));
            }
            self.show(look, &mut before, &mut warned);
        };
        let (session, sink) = ((&stop, &signals), outputs.sink());
        let analysed = crate::live::run(
            opened,
            config,
            (recorder.as_ref(), node),
            session,
            interval,
            sink,
            show,
        );
        let analysed = self.kept(analysed, recorder);
        outputs.put(analysed, || ())
    }

    /// Ends the files of packets. What they lack is said, and no fault of the analysis.
    fn kept(
        &self,
        analysed: Result<Document, Error>,
        recorder: Option<Recorder>,
    ) -> Result<Document, Error> {
        let (mut document, recorder) = match (analysed, recorder) {
            (Ok(document), Some(recorder)) => (document, recorder),
            // Whoever leaves early leaves whole files behind: they end as the recorder is dropped.
            (analysed, _) => return analysed,
        };
        let status = recorder.finish(crate::live::findings(&document));
        for name in &status.incidents {
            self.say(&format!("the moments around a finding are in {name}"));
        }
        document.capture.caveats.extend(status.caveats());
        Ok(document)
    }

    fn options(&self, config: &Config) -> live::Options {
        let user = self.filter.join(" ");
        let user = user.trim();
        live::Options {
            interfaces: self.interface.clone(),
            filter: Filter {
                ports: config.ports.clone(),
                link_local: self.link_local,
                vpc_dns: config.vpc_dns.clone(),
                user: (!user.is_empty()).then(|| user.to_owned()),
            },
            snap_length: self.snaplen,
            buffer_size: self.buffer_size << 10,
            promiscuous: self.promiscuous,
            count: self.count,
            duration: self.duration.map(length),
        }
    }

    fn places(&self) -> String {
        if self.interface.is_empty() { "any".to_owned() } else { self.interface.join(", ") }
    }

    fn show(&self, look: &Look, before: &mut Before, warned: &mut usize) {
        for warning in look.analysed.notes.warnings.iter().skip(*warned) {
            self.say(&format!("warning: {warning}"));
        }
        *warned = look.analysed.notes.warnings.len();
        match look.occasion {
            Occasion::Interval => self.say(&line::line(look, before)),
            Occasion::Asked => {
                let options = report::Options::default();
                if let Ok(bytes) = self.reporting.rendered(&look.document, &options) {
                    eprint!("{}", String::from_utf8_lossy(&bytes));
                }
            }
        }
    }

    /// Writes a line to standard error, where anything is wanted there.
    fn say(&self, text: &str) {
        if !self.reporting.quiet {
            eprintln!("{}", report::for_terminal(text));
        }
    }
}

fn length(span: Span) -> Duration {
    Duration::from_nanos(u64::try_from(span.0).unwrap_or(0))
}
