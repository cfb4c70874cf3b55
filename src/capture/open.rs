//! From paths to a source of blocks.

use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::content::{self, Stored, Unfit};
use super::format::SNIFF_LENGTH;
use super::input::{self, Input};
use super::ledger::Ledger;
use super::merge::{Examined, Merged};
use super::parallel::Parallel;
use super::walk::Walker;
use super::{Blocks, OpenError, Stop};

/// Bytes of a block: with what is decoded from it and what the matcher tells of it, some 200 KiB, it
/// stays in the second-level cache through all stages, and it holds about 450 DNS packets, which makes
/// the costs of a block small.
pub const BLOCK_SIZE: usize = 64 << 10;
/// Larger blocks have no use, and offsets within a block are 32 bits wide.
const MAX_BLOCK_SIZE: usize = 64 << 20;
/// Files are numbered with 16 bits in [`super::Interface::file`].
const MAX_FILES: usize = u16::MAX as usize;
/// Of the files in a directory that are no captures so many are named.
const NAMED_STRANGERS: usize = 3;

/// So many threads do without one that decompresses: there would be one more than cores, awake for a
/// moment each time, and the cores idle for a fifth of the time.
const ENOUGH: usize = 2;

/// How to read.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many threads there may be in all. With one or two, compressed files are decompressed by the
    /// threads that call [`Blocks::fill`], else by a thread of their own.
    pub threads: usize,
    /// About how many bytes a block holds.
    pub block_size: usize,
    /// Ends what comes through a pipe.
    pub stop: Stop,
}

impl Default for Options {
    fn default() -> Options {
        Options { threads: 2, block_size: BLOCK_SIZE, stop: Stop::default() }
    }
}

/// Opens the captures at `paths` as one capture in the order of time. A directory stands for the
/// captures directly inside, `-` for standard input.
pub fn open(paths: &[PathBuf], options: &Options) -> Result<Box<dyn Blocks>, OpenError> {
    if paths.is_empty() {
        return Err(OpenError::NoInput);
    }
    let (inputs, warnings) = input::collect(paths, &options.stop)?;
    if inputs.len() > MAX_FILES {
        return Err(OpenError::TooManyFiles { count: inputs.len(), limit: MAX_FILES });
    }
    open_inputs(inputs, paths, warnings, options)
}

/// Reads a capture, of any format that [`open`] reads, from `reader`; `name` is for the messages.
pub fn open_reader(
    name: &str,
    reader: Box<dyn Read + Send>,
    options: &Options,
) -> Result<Box<dyn Blocks>, OpenError> {
    open_inputs(vec![Input::reader(name, reader)], &[PathBuf::from(name)], Vec::new(), options)
}

fn open_inputs(
    inputs: Vec<Input>,
    paths: &[PathBuf],
    mut warnings: Vec<String>,
    options: &Options,
) -> Result<Box<dyn Blocks>, OpenError> {
    let block_size = options.block_size.clamp(1, MAX_BLOCK_SIZE);
    let mut examined = examine(inputs, paths, &mut warnings)?;
    if let [Examined { input, stored: Stored::Plain, .. }] = &examined[..]
        && let Some(parallel) = open_parallel(input, &warnings, block_size)?
    {
        return Ok(Box::new(parallel));
    }
    if examined.len() > 1 {
        for examined in &mut examined {
            examined.first = content::first_time(&examined.input, examined.stored);
        }
        // Files without packets come last; a stable sort leaves equal ones in the order given.
        examined.sort_by_key(|examined| (examined.first.is_none(), examined.first));
    }
    Ok(Box::new(Merged::new(examined, warnings, block_size, options.threads > ENOUGH)))
}

/// Leaves out what is no capture, if that is allowed.
fn examine(
    inputs: Vec<Input>,
    paths: &[PathBuf],
    warnings: &mut Vec<String>,
) -> Result<Vec<Examined>, OpenError> {
    let count = inputs.len();
    let mut examined = Vec::with_capacity(count);
    let mut strangers = Vec::new();
    let mut empty = None;
    for input in inputs {
        match content::examine(&input) {
            Ok(stored) => examined.push(Examined { input, stored, first: None }),
            // The newest file of a set often is: tcpdump writes when its buffer is full.
            Err(Unfit::Empty) => {
                warnings.push(format!("{} is empty, skipped", input.name));
                empty = Some(input.path).filter(|_| input.named);
            }
            Err(Unfit::Error(error)) if input.named => return Err(error),
            Err(Unfit::Error(OpenError::NotACapture { what, .. })) => {
                strangers.push(format!("{} is {what}", input.name));
            }
            Err(Unfit::Error(error)) => warnings.push(format!("{error}; skipped")),
        }
    }
    if !strangers.is_empty() {
        let more = match strangers.len().saturating_sub(NAMED_STRANGERS) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let named = strangers.len().min(NAMED_STRANGERS);
        let named = strangers[..named].join(", ");
        warnings.push(format!("skipped what is no capture: {named}{more}"));
    }
    match (empty, paths) {
        _ if !examined.is_empty() => Ok(examined),
        (Some(path), _) => Err(OpenError::Empty { path }),
        (None, [path, ..]) => Err(OpenError::NoCaptures { path: path.clone(), files: count }),
        (None, []) => Err(OpenError::NoInput),
    }
}

/// Opens `input` for reading in parallel; `None` if it is a pipe or ends within its header.
fn open_parallel(
    input: &Input,
    warnings: &[String],
    block_size: usize,
) -> Result<Option<Parallel>, OpenError> {
    let unreadable = |error| OpenError::from_io(input.path.clone(), error);
    let Some(file) = input.file() else { return Ok(None) };
    let file = file.map_err(unreadable)?;
    let mut start = [0; SNIFF_LENGTH];
    let length = read_start(&file, &mut start).map_err(unreadable)?;
    let mut ledger = Ledger::new(vec![input.name.clone()]);
    for warning in warnings {
        ledger.warn(warning.clone());
    }
    Ok(match Walker::begin(&start[..length], 0, &mut ledger) {
        Ok(Some((walker, position))) => {
            let size = input.size.unwrap_or(0);
            Some(Parallel::new(file, size, walker, position, ledger, block_size))
        }
        Ok(None) | Err(_) => None,
    })
}

fn read_start(file: &std::fs::File, start: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < start.len() {
        match file.read_at(&mut start[length..], length as u64) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}
