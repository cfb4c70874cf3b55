//! What the matcher tells, in the order of the capture.

use super::{Refusal, Sighting, Stranger, Token, Transaction};
use crate::decode::IcmpKind;
use crate::model::{Address, PacketMeta};

/// An ICMP error that a client sends about an answer: it no longer listens for it, or a part is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unwanted {
    /// The error.
    pub kind: IcmpKind,
    /// Who did not want the answer.
    pub client: Address,
    /// Who had sent it.
    pub server: Address,
}

/// What the matcher tells.
pub trait Observer {
    /// A question is asked for the first time; `reused` when its client had asked this server from that port
    /// for a while before. The token comes back with all that follows; where it is lent, it may be changed.
    fn opened(&mut self, query: &Sighting<'_>, reused: bool) -> Token;
    /// The question is asked again; `answered` when its answer had been seen before.
    fn resent(&mut self, token: &mut Token, query: &Sighting<'_>, answered: bool);
    /// The first answer.
    fn answered(&mut self, transaction: &Transaction, response: &Sighting<'_>);
    /// Another answer to a question that has been answered; `late` when that had been sent again before its first
    /// answer came, within a second, and not since: its timer was too short, and nothing was lost. Told once.
    fn duplicate(&mut self, token: Token, response: &Sighting<'_>, late: bool);
    /// No answer came. `pending`: the capture ended before one had to.
    fn unanswered(&mut self, transaction: &Transaction, pending: bool);
    /// The room ran out for a transaction that may yet be answered.
    fn evicted(&mut self, transaction: &Transaction);
    /// A response to nothing that was asked; `copy`: seen again, and told of before.
    fn orphan(&mut self, packet: &PacketMeta, copy: bool);
    /// The same packet once more: on another interface, before or after NAT, mirrored.
    fn copied(&mut self, token: &mut Token, copy: &Sighting<'_>, same_interface: bool);
    /// The answer reaches the client from an address that it did not ask; without a stranger: what
    /// was said so before is taken back, for the translated answer followed.
    fn strange(&mut self, token: Token, stranger: Option<Stranger>);
    /// An ICMP error or a TCP RST says no: to a question in flight, or to something older.
    fn refused(&mut self, transaction: Option<&Transaction>, packet: &PacketMeta, refusal: Refusal);
    /// The client of an answer says that it has no use for it.
    fn answer_unwanted(&mut self, packet: &PacketMeta, unwanted: Unwanted);
    /// The matcher will have a token in one more place, under another key: the one to have there.
    fn share(&mut self, token: Token) -> Token {
        token
    }
    /// This token will not come again.
    fn release(&mut self, _token: Token) {}
}
