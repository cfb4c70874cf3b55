//! `dnspect live`: its options, and what it shows while it goes on.

use std::io::stdout;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::destination::Destination;
use super::keeping::Keeping;
use super::reporting::{FormatName, Reporting};
use super::rights::Rights;
use super::value;
use super::watching::{Display, Ear, Kind, Watching, say};
use crate::capture::Stop;
use crate::capture::live::{self, Filter, Place};
use crate::capture::record::{Recorder, Recording};
use crate::config::Config;
use crate::error::Error;
use crate::live::signals::Signals;
use crate::model::{Capacity, Span};
use crate::node::Node;
use crate::report::Document;
use crate::transactions::Sinks;
use crate::view;
use crate::view::stream::Stream;

/// On a node that has other work: reading and decoding in one, the ordered stages in the other.
const THREADS: usize = 2;

/// How often a line is written where `--interval` does not say, and how often a screen is.
const INTERVAL: Span = Span::from_secs(5);
const SCREEN_INTERVAL: Span = Span::from_secs(1);

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

    /// Capture in this network namespace: a name of `ip netns`, or a path
    #[arg(long, value_name = "NAME", conflicts_with = "pid", help_heading = HEADING)]
    netns: Option<String>,

    /// Capture in the network namespace of this process: that of a pod, without tools in the pod
    #[arg(long, value_name = "PID", help_heading = HEADING)]
    pid: Option<u32>,

    /// Room in the kernel for packets that wait, in KiB, for each handle [default: 16384, or less of many]
    #[arg(short = 'B', long, value_name = "KIB", help_heading = HEADING)]
    #[arg(value_parser = value::buffer)]
    buffer_size: Option<u32>,

    /// Threads that share the packets of each interface
    #[arg(long, value_name = "N", default_value = "1", help_heading = HEADING)]
    #[arg(value_parser = value::threads)]
    capture_threads: NonZeroUsize,

    /// Memory for all of it: rings, queue and tables
    ///
    /// When the analysis cannot keep up and the queue is full, whole flows are left out: a question and its
    /// answer are both kept or both left out. The report says how many packets that were. A table that is full
    /// lets the oldest go, which is reported as well.
    #[arg(long, value_name = "SIZE", default_value = "256M", value_parser = value::memory)]
    max_memory: usize,

    /// Have interfaces take packets that are for others
    #[arg(long, help_heading = HEADING)]
    promiscuous: bool,

    /// Write a line about what there is so far to standard error, each interval, also on a terminal
    #[arg(long)]
    plain: bool,

    /// How often there is something new to see: 2s, 500ms [default: 5s; on a terminal 1s]
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
        let streams = self.reporting.format == FormatName::Ndjson;
        if streams && self.reporting.output.is_some() {
            return Err(Error::StreamToFile);
        }
        let kind = Kind::of(&self.reporting, self.plain);
        let reporting = &self.reporting;
        let others = [reporting.output.as_deref(), reporting.transactions.as_deref()];
        self.keeping.check(&others, self.max_memory)?;
        let mut outputs = self.reporting.outputs(&[])?;
        let threads = self.reporting.threads.or(NonZeroUsize::new(THREADS));
        let config = Config { context: self.reporting.context.read()?, ..self.reporting.config() };
        let threads = threads.map_or(config.threads, |threads| match self.reporting.threads {
            Some(asked) => asked,
            None => threads.min(config.threads),
        });
        let capacity = Capacity::within(self.memory() / live::MEMORY_SHARES);
        let config = Config { capacity, threads, ..config };
        let opened = live::open(&self.options(&config))?;
        let config = self.reporting.hiding.apply(config)?;
        let recording = self.keeping.open(&opened, config.anonymizer.is_none())?;
        let stop = Stop::default();
        let signals = Signals::listen(&stop).map_err(Error::Signals)?;
        let node = self.node()?;
        // All is open, and no thread is started yet: what is not needed any more goes.
        let needs_admin = node.as_ref().is_some_and(Node::needs_net_admin);
        let (mut places, mut begun) = (outputs.places(), outputs.begun());
        if let Some(recording) = &recording {
            places.extend_from_slice(recording.outputs());
            begun.extend(recording.begun());
        }
        #[cfg(feature = "tui")]
        if kind == Kind::Screen {
            super::terminal::prepare();
        }
        let given_up = self.rights.give_up(places, begun, kind.folders(), needs_admin)?;
        for line in &given_up {
            say(&self.reporting, line);
        }
        let started = format!("capturing on {}; Ctrl-C ends it with the verdict", self.places());
        say(&self.reporting, &started);
        let recorder = recording.map(Recording::start).transpose().map_err(Error::RecordThread)?;
        let usual = if kind == Kind::Screen { SCREEN_INTERVAL } else { INTERVAL };
        let watched = kind != Kind::Nothing || self.keeping.watches();
        let interval = watched.then(|| length(self.interval.unwrap_or(usual)));
        let stream = streams.then(|| Stream::new(stdout()));
        let (display, mut ear) = self.display(kind, stream.as_ref(), &config)?;
        let mut watching = Watching::new(&self.reporting, display, &stop, recorder.as_ref());
        let sinks = Sinks { file: outputs.sink(), listener: ear.listener() };
        let analysed = crate::live::run(
            opened,
            config,
            (recorder.as_ref(), node),
            (&stop, &signals),
            interval,
            sinks,
            &mut watching,
        );
        // The terminal is given back before anything is printed.
        drop(watching);
        let analysed = self.kept(analysed, recorder);
        let Some(stream) = stream else { return outputs.put(analysed, || ()) };
        let end =
            |document: &Document, _: &Destination| stream.end(document).map_err(Error::WriteOutput);
        outputs.put_by(analysed, || (), end)
    }

    /// What is shown, and who listens to transactions for it.
    fn display<'s>(
        &self,
        kind: Kind,
        stream: Option<&'s Stream<'static>>,
        config: &Config,
    ) -> Result<(Display<'s>, Ear<'s>), Error> {
        // A filter would tell what is replaced.
        let told = config.anonymizer.is_none();
        let filter = if told { self.filter.join(" ") } else { String::new() };
        let place = view::Place { interfaces: self.places(), filter };
        Ok(match (kind, stream) {
            (_, Some(stream)) => {
                stream.start(&place, config.query_timeout);
                (Display::Stream(stream, Box::default()), Ear::Stream(stream))
            }
            #[cfg(feature = "tui")]
            (Kind::Screen, _) => {
                let seen = view::Seen::default();
                let palette = self.reporting.color.palette();
                let screen = super::terminal::Screen::open(place, seen.clone(), palette);
                let screen = screen.map_err(Error::Terminal)?;
                (Display::Screen(Box::new(screen)), Ear::Screen(seen))
            }
            (Kind::Nothing, _) => (Display::Nothing, Ear::None),
            _ => (Display::Lines, Ear::None),
        })
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
            say(&self.reporting, &format!("the moments around a finding are in {name}"));
        }
        document.capture.caveats.extend(status.caveats());
        Ok(document)
    }

    /// What the node tells, and what the namespace does that is captured in.
    fn node(&self) -> Result<Option<Node>, Error> {
        if self.no_node_facts {
            return Ok(None);
        }
        let Some(place) = self.place() else { return Ok(Some(Node::open(&self.interface))) };
        // The interfaces of another namespace are none of the node's.
        let mut node = Node::open(&[]);
        live::inside(&place, || {
            node.open_place(&place.words());
            Ok(())
        })?;
        Ok(Some(node))
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
            buffer_size: self.buffer_size.map(|kib| kib << 10),
            threads: self.capture_threads.get(),
            place: self.place(),
            memory: self.memory(),
            promiscuous: self.promiscuous,
            count: self.count,
            duration: self.duration.map(length),
        }
    }

    /// What the packets that are kept leave of the memory.
    fn memory(&self) -> usize {
        self.max_memory - self.keeping.memory()
    }

    fn place(&self) -> Option<Place> {
        let named = self.netns.as_ref().map(|name| {
            let is_path = name.contains('/');
            if is_path { Place::Path(name.into()) } else { Place::Name(name.clone()) }
        });
        named.or(self.pid.map(Place::Process))
    }

    fn places(&self) -> String {
        let all = self.interface.is_empty();
        let names = if all { "any".to_owned() } else { self.interface.join(", ") };
        match self.place() {
            Some(place) => format!("{names} in {}", place.words()),
            None => names,
        }
    }
}

fn length(span: Span) -> Duration {
    Duration::from_nanos(u64::try_from(span.0).unwrap_or(0))
}
