//! What was answered a moment ago: tells copies of a response, duplicate responses, and questions
//! that are asked again although they were answered, from new ones.

use super::answer::{Answer, KEY_REST};
use super::token::Token;
use crate::model::{Address, Capacity, Span, Timestamp};

/// How long an answer is remembered: a little more than the five seconds after which glibc asks again
/// if it did not get it. If it does, the answer is remembered anew.
const MEMORY: Span = Span::from_secs(6);

/// How often what is too old is looked for: an answer may be remembered this much longer.
const EXPIRY: Span = Span::from_millis(50);

/// Answers remembered at most: 6 s at 40,000 a second. At 64 bytes each, and twice eight for the heads of
/// chains: 21 MB at worst.
const MAX_ANSWERED: usize = 1 << 18;

/// Answers of a chain that are looked at, the last one first. Chains have one or two; thousands only where one socket
/// asks one thing, with one ID, of everybody.
const MAX_CHAIN: usize = 256;

/// Places for answers in the beginning.
const FEWEST: usize = 1 << 8;

/// Heads for each place: so many that chains are short.
const HEADS_PER_PLACE: usize = 2;

/// Heads in the beginning, of which only those that are used take memory, and at least: their numbers are what
/// an answer does not keep of its key.
const HEADS: usize = 1 << 17;
const FEWEST_HEADS: usize = 1 << KEY_REST;

/// Where a chain begins.
struct Head {
    /// Number of its last answer.
    number: u32,
    /// The [sign](Answer::sign) of each: nearly all questions see here that they are new, and do not wait for one
    /// of the places, which is in no cache.
    signs: u32,
}

impl Head {
    /// The head that a word of [`Answered::heads`] is.
    fn of(word: u64) -> Head {
        Head { number: word as u32, signs: (word >> 32) as u32 }
    }

    fn word(self) -> u64 {
        u64::from(self.signs) << 32 | u64::from(self.number)
    }
}

/// The memory: a ring in order of time. A key's lowest bits give the number of the last answer with such a
/// key, which leads to the one before. A chain ends at a number that is forgotten, so nothing has to be
/// taken out. Numbers begin anew after 2^32 answers; a head that was not used for so long may then lead into
/// another chain, where the upper bits of the key still tell.
#[derive(Clone)]
pub(super) struct Answered {
    /// As many as a power of two: the answer with number n stands at n modulo their count.
    places: Vec<Answer>,
    /// [`Head`]s, also as many as a power of two. As words, of which zeros need not be written: they take no
    /// memory before they are used.
    heads: Vec<u64>,
    /// Number of the first answer that is remembered, and of the next one.
    first: u32,
    next: u32,
    next_expiry: Timestamp,
    most: usize,
}

impl Answered {
    pub(super) fn new(capacity: Capacity) -> Answered {
        let most = capacity.of(MAX_ANSWERED);
        Answered {
            places: vec![Answer::default(); FEWEST],
            heads: vec![0; HEADS.min(HEADS_PER_PLACE * most).max(FEWEST_HEADS)],
            first: 1,
            next: 1,
            next_expiry: Timestamp::MIN,
            most,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.next.wrapping_sub(self.first) as usize
    }

    /// Where an answer stands.
    fn place(&self, number: u32) -> usize {
        number as usize & (self.places.len() - 1)
    }

    fn head(&self, key: u64) -> usize {
        key as usize & (self.heads.len() - 1)
    }

    /// How many are older than the answer with a number; of one that is forgotten, more than there are.
    fn older(&self, number: u32) -> u32 {
        number.wrapping_sub(self.first)
    }

    /// Reads where the chains of these keys begin, and no more.
    #[inline(never)]
    pub(super) fn touch(&self, keys: impl Iterator<Item = u64>) {
        std::hint::black_box(keys.fold(0, |all, key| all ^ self.heads[self.head(key)]));
    }

    /// The last answer with a key.
    #[inline]
    pub(super) fn find(&mut self, key: u64) -> Option<&mut Answer> {
        let place = self.seek(key, |_| true)?;
        self.places.get_mut(place)
    }

    /// The same, of a question that went to `source`, if there is one: those that musl sends to several servers at
    /// once share a key.
    pub(super) fn find_from(&mut self, key: u64, source: Address) -> Option<&mut Answer> {
        let last = self.seek(key, |_| true)?;
        let place = if self.places[last].went_to(source) {
            last
        } else {
            self.seek(key, |answer| answer.went_to(source)).unwrap_or(last)
        };
        self.places.get_mut(place)
    }

    #[inline]
    fn seek(&self, key: u64, fits: impl Fn(&Answer) -> bool) -> Option<usize> {
        let Head { mut number, signs } = Head::of(self.heads[self.head(key)]);
        if signs & Answer::sign(key) == 0 {
            return None;
        }
        let mut before = self.len() as u32;
        for _ in 0..MAX_CHAIN {
            if self.older(number) >= before {
                break;
            }
            let place = self.place(number);
            if self.places[place].has(key) && fits(&self.places[place]) {
                return Some(place);
            }
            before = self.older(number);
            number = self.places[place].previous;
        }
        None
    }

    /// Remembers an answer, which is made with the number of the one before it. Gives the token of one that had to
    /// be forgotten for it.
    #[inline]
    pub(super) fn insert(&mut self, key: u64, answer: impl FnOnce(u32) -> Answer) -> Option<Token> {
        let forgotten = if self.len() == self.most { self.pop() } else { None };
        if self.len() == self.places.len() {
            self.grow();
        }
        let (number, head) = (self.next, self.head(key));
        let Head { number: previous, signs } = Head::of(self.heads[head]);
        let kept = if self.older(previous) < self.len() as u32 { signs } else { 0 };
        self.heads[head] = Head { number, signs: kept | Answer::sign(key) }.word();
        let place = self.place(number);
        self.places[place] = answer(previous);
        self.next = number.wrapping_add(1);
        forgotten
    }

    /// Forgets what is too old, many at a time, and tells whose tokens nobody has any more.
    pub(super) fn expire(&mut self, now: Timestamp, forgotten: &mut impl FnMut(Token)) {
        if now < self.next_expiry {
            return;
        }
        self.next_expiry = now.plus(EXPIRY);
        while self.first != self.next
            && now.since(self.places[self.place(self.first)].kept) > MEMORY
        {
            if let Some(token) = self.pop() {
                forgotten(token);
            }
        }
    }

    /// When [`Answered::expire`] has something to do again.
    pub(super) fn next_expiry(&self) -> Timestamp {
        self.next_expiry
    }

    /// Remembers an answer anew, because its question was asked again at `now`. Gives the token of one
    /// that had to be forgotten for it.
    pub(super) fn renew(&mut self, key: u64, now: Timestamp) -> Option<Token> {
        let renewed = self.find(key)?.renewed(now);
        self.insert(key, |previous| renewed.behind(previous))
    }

    fn pop(&mut self) -> Option<Token> {
        let place = self.place(self.first);
        self.first = self.first.wrapping_add(1);
        self.places[place].held()
    }

    /// Makes room for twice as many.
    #[cold]
    fn grow(&mut self) {
        let mut places = vec![Answer::default(); 2 * self.places.len()];
        for age in 0..self.len() as u32 {
            let number = self.first.wrapping_add(age);
            places[number as usize & (2 * self.places.len() - 1)] = self.places[self.place(number)];
        }
        self.places = places;
        if HEADS_PER_PLACE * self.places.len() > self.heads.len() {
            self.split();
        }
    }

    /// Makes two chains of each, by one more bit of the keys.
    fn split(&mut self) {
        let old = self.heads.len();
        let bit = old.trailing_zeros();
        self.heads.resize(2 * old, 0);
        for head in 0..old {
            let mut number = Head::of(std::mem::take(&mut self.heads[head])).number;
            // The last answer of each chain; the next one goes behind it.
            let mut last = [None; 2];
            let mut before = self.len() as u32;
            while self.older(number) < before {
                before = self.older(number);
                let place = self.place(number);
                let upper = self.places[place].key_bit(bit);
                let word = &mut self.heads[head + if upper { old } else { 0 }];
                let head = Head::of(*word);
                let last = last[usize::from(upper)].replace(place);
                let first = if last.is_none() { number } else { head.number };
                let signs = head.signs | self.places[place].own_sign();
                *word = Head { number: first, signs }.word();
                if let Some(last) = last {
                    self.places[last].previous = number;
                }
                number = std::mem::take(&mut self.places[place].previous);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(n: u64) -> u64 {
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }

    fn answer(key: u64, name: u32) -> impl Fn(u32) -> Answer {
        move |previous| Answer::default().under(key, Token::named(name)).behind(previous)
    }

    /// The memory beside a plain list, with a key for each step. An answer's name is the step.
    fn run(steps: u32, most: usize, start: u32, key: impl Fn(u64) -> u64) {
        let mut answered = Answered { most, ..Answered::new(Capacity::default()) };
        (answered.first, answered.next) = (start, start);
        let mut plain: Vec<(u64, u32)> = Vec::new();
        for step in 0..steps {
            let key = key(u64::from(step));
            let forgotten = answered.insert(key, answer(key, step));
            let first = (plain.len() == most).then(|| plain.remove(0).1);
            assert_eq!(forgotten, first.map(Token::named));
            plain.push((key, step));
            assert_eq!(answered.len(), plain.len());
            let some = plain[spread(u64::from(step)) as usize % plain.len()].0;
            // A head that was never used leads nowhere only until numbers begin anew.
            let beside = if start == 1 { some ^ 1 << 3 } else { some ^ 1 << 20 };
            for wanted in [key, some, some ^ 1 << 40, beside] {
                let last = plain.iter().rfind(|(other, _)| *other == wanted);
                let found = answered.find(wanted).map(|answer| answer.token().name());
                assert_eq!(found, last.map(|&(_, step)| step), "{step}");
            }
        }
    }

    #[test]
    fn the_last_answer_with_a_key_is_found_until_it_is_forgotten() {
        run(3_000, 100, 1, spread);
        // As if there had been many before: the numbers begin anew on the way.
        run(3_000, 100, u32::MAX - 1_000, spread);
        run(3_000, 256, u32::MAX - 1_000, |n| spread(n % 90));
        run(2_000, 700, 1, |n| (n % 40) << 52 | (n % 50) << 16 | 7);
    }

    #[test]
    fn signs_are_those_of_a_chain_and_go_with_it() {
        let mut answered = Answered::new(Capacity::default());
        // One head, four signs.
        let key = |n: u64| n << 59 | 0xabc << 20 | 5;
        let signs = |answered: &Answered| Head::of(answered.heads[5]).signs;
        for n in [1, 7, 7] {
            answered.insert(key(n), answer(key(n), 1));
        }
        assert_eq!(signs(&answered), 1 << 1 | 1 << 7);
        answered.pop();
        answered.insert(key(30), answer(key(30), 1));
        assert_eq!(signs(&answered), 1 << 1 | 1 << 7 | 1 << 30, "kept as long as there is a chain");
        while answered.len() > 0 {
            answered.pop();
        }
        answered.insert(key(2), answer(key(2), 1));
        assert_eq!(signs(&answered), 1 << 2);
        assert!(answered.find(key(2)).is_some() && answered.find(key(1)).is_none());
    }

    #[test]
    fn chains_are_found_when_there_are_more_of_them() {
        let steps = FEWEST_HEADS as u32 + 500;
        let heads = vec![0; FEWEST_HEADS];
        let mut answered = Answered { heads, ..Answered::new(Capacity::default()) };
        // Keys in pairs, which share a chain until there are more.
        let key =
            |n: u32| spread(u64::from(n / 2)) & !(1 << KEY_REST) | u64::from(n % 2) << KEY_REST;
        for n in 0..steps {
            let key = key(n);
            answered.insert(key, answer(key, n));
        }
        assert!(answered.heads.len() >= 4 * FEWEST_HEADS);
        for n in 0..steps {
            let found = answered.find(key(n)).map(|answer| answer.token().name());
            assert_eq!(found, Some(n));
        }
        assert_eq!(answered.len(), steps as usize);
    }

    #[test]
    fn what_is_remembered_anew_is_forgotten_once() {
        let mut answered = Answered::new(Capacity::default());
        let at = |seconds| Timestamp::MIN.plus(Span::from_secs(seconds));
        for name in [1, 2, 3] {
            let key = u64::from(name) << 20;
            answered.insert(key, |previous| answer(key, name)(previous).renewed(at(0)));
        }
        assert_eq!(answered.renew(1 << 20, at(5)), None);
        let mut forgotten = Vec::new();
        answered.expire(at(7), &mut |token| forgotten.push(token.name()));
        assert_eq!((forgotten, answered.len()), (vec![2, 3], 1));
        assert!(answered.find(1 << 20).is_some() && answered.find(2 << 20).is_none());
        let mut forgotten = Vec::new();
        answered.expire(at(12), &mut |token| forgotten.push(token.name()));
        assert_eq!((forgotten, answered.len()), (vec![1], 0));
    }
}
