//! The sentences about files that could not be read to their end.

use std::io;

use super::ledger::Ledger;
use super::walk::Damage;

/// The file ends within a packet.
pub(super) fn ends_early(ledger: &mut Ledger, file: u16, end: u64, packets: u64) {
    let name = ledger.file_name(file);
    let warning = format!(
        "{name} ends early at byte {end} (packet {}), analysed up to there",
        packets.saturating_add(1)
    );
    ledger.warn(warning);
}

/// The file cannot be walked further.
pub(super) fn damaged(ledger: &mut Ledger, file: u16, at: u64, packets: u64, damage: &Damage) {
    let name = ledger.file_name(file);
    let warning = format!(
        "{name} is damaged at byte {at} (packet {}), analysed up to there: {damage}",
        packets.saturating_add(1)
    );
    ledger.warn(warning);
}

/// The operating system or a decoder gave an error.
pub(super) fn unreadable(ledger: &mut Ledger, file: u16, at: u64, packets: u64, error: &io::Error) {
    let name = ledger.file_name(file);
    let warning = if error.kind() == io::ErrorKind::UnexpectedEof {
        format!(
            "{name} ends early: the compressed data is cut behind byte {at} of what it holds \
             (packet {}), analysed up to there",
            packets.saturating_add(1)
        )
    } else {
        format!(
            "{name} cannot be read behind byte {at} (packet {}), analysed up to there: {error}",
            packets.saturating_add(1)
        )
    };
    ledger.warn(warning);
}

/// The file is not what it was when it was first looked at.
pub(super) fn replaced(ledger: &mut Ledger, file: u16) {
    let warning = format!("{} was replaced while it was read: left out", ledger.file_name(file));
    ledger.warn(warning);
}

/// The file could be opened at first but not when its turn came.
pub(super) fn not_opened(ledger: &mut Ledger, file: u16, error: &io::Error) {
    let warning = format!("{} cannot be opened, left out: {error}", ledger.file_name(file));
    ledger.warn(warning);
}
