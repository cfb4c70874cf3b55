//! The whole analysis behind one call: what the command line and other programs use.

use std::path::PathBuf;

use crate::aggregate::Settings;
use crate::anonymize::Anonymized;
use crate::capture::{self, Blocks, InOrder, Stop};
use crate::config::Config;
use crate::context::Kube;
use crate::error::Error;
use crate::pipeline::{self, Analysed, Moment};
use crate::report::{self, Document};
use crate::transactions::{Sink, Sinks};
use crate::verdict::{self, Facts, Taps};

/// Reads the captures as one and says what is wrong with DNS in them.
///
/// `-` is standard input and a directory stands for the captures in it. `on_progress` is told, from
/// the calling thread, how many bytes are done, of how many where that is known, and how many
/// packets they held.
pub fn analyse(
    paths: &[PathBuf],
    config: &Config,
    on_progress: &mut dyn FnMut(u64, Option<u64>, u64),
) -> Result<Document, Error> {
    analyse_into(paths, config, None, &Stop::default(), on_progress)
}

/// The same, and every transaction goes to `sink` as soon as it is settled. When the sink fails, so does
/// the analysis, at once. `stop` ends what comes through a pipe; files are read to their ends.
pub fn analyse_into(
    paths: &[PathBuf],
    config: &Config,
    sink: Option<Sink<'_>>,
    stop: &Stop,
    on_progress: &mut dyn FnMut(u64, Option<u64>, u64),
) -> Result<Document, Error> {
    let threads = config.threads.get();
    let options = capture::Options { threads, stop: stop.clone(), ..capture::Options::default() };
    let source = capture::open(paths, &options)?;
    let Some(anonymizer) = &config.anonymizer else {
        return run(&*source, config, sink, on_progress);
    };
    run(&Anonymized::new(&*source, anonymizer), config, sink, on_progress)
}

/// [`analyse`] for a capture that is open already.
pub fn analyse_blocks(
    source: &dyn Blocks,
    config: &Config,
    on_progress: &mut dyn FnMut(u64, Option<u64>, u64),
) -> Result<Document, Error> {
    run(source, config, None, on_progress)
}

fn run(
    source: &dyn Blocks,
    config: &Config,
    sink: Option<Sink<'_>>,
    on_progress: &mut dyn FnMut(u64, Option<u64>, u64),
) -> Result<Document, Error> {
    let source = InOrder::new(source);
    let analysed = observe(&source, config, sink.into(), &mut |moment| {
        let (read, all) = moment.progress();
        on_progress(read, all, moment.packets());
    })?;
    Ok(judge(&analysed, config))
}

/// The sums of a capture, without a verdict. Ten times a second `watch` is called, from the calling
/// thread, and may look at what there is so far; [`judge`] makes a report of either.
pub fn observe(
    source: &dyn Blocks,
    config: &Config,
    sinks: Sinks<'_>,
    watch: &mut dyn FnMut(&Moment<'_>),
) -> Result<Analysed, Error> {
    let options = pipeline::Options {
        threads: config.threads.get(),
        ports: config.ports.clone(),
        settings: Settings {
            query_timeout: config.query_timeout,
            pps_limit: config.pps_limit,
            vpc_dns: config.vpc_dns.clone(),
            capacity: config.capacity,
        },
    };
    pipeline::run_watched(source, &options, sinks, watch).map_err(|error| match error {
        pipeline::Error::Histogram(error) => Error::Histogram(error),
        pipeline::Error::Rows(error) => Error::Rows(error),
    })
}

/// What the capture says of its interfaces.
fn taps(analysed: &Analysed) -> Taps {
    let interfaces = &analysed.notes.interfaces;
    Taps {
        cooked: interfaces.iter().any(|interface| interface.link_type.is_cooked()),
        several: interfaces.len() > 1 || analysed.cooked_interfaces.len() > 1,
    }
}

/// From the sums to the report.
pub fn judge(analysed: &Analysed, config: &Config) -> Document {
    let aggregate = &analysed.aggregate;
    let mut forwarders = vec![false];
    forwarders
        .extend(aggregate.following.clients.iter().map(|client| aggregate.is_forwarder(client)));
    let kube = config.context.kube.as_ref();
    let kube = kube.filter(|kube| verdict::takes_part(kube, aggregate, analysed.quality.last));
    let mut cluster_dns = config.cluster_dns.clone();
    let known = kube.into_iter().flat_map(Kube::dns_addresses);
    cluster_dns.extend(known.filter(|address| !config.cluster_dns.contains(address)));
    let interfaces = |number| analysed.interface_name(number);
    let facts = Facts {
        aggregate,
        query_timeout: config.query_timeout,
        quality: &analysed.quality,
        dropped: analysed.notes.dropped,
        shed: analysed.notes.shed,
        streams: &analysed.streams,
        fragments: &analysed.fragments,
        interfaces: &interfaces,
        taps: taps(analysed),
        cluster_dns: &cluster_dns,
        context: &config.context,
        kube,
        forwarders,
        ends: verdict::Ends::of(aggregate.counting.pairs.iter()),
        detected: verdict::Detected::default(),
    };
    let findings = verdict::findings(&facts);
    let verdict = verdict::verdict(&facts, &findings);
    let mut document = report::document(&facts, &analysed.notes, verdict, findings);
    document.capture.state_evicted += analysed.interfaces_overflowed;
    document
}
