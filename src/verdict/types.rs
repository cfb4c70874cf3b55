//! Questions of one type that get no answer, while those of others do.

use super::facts::Facts;

/// Fewer than so many may be of one type by chance. Who asks for another type asks for A as well, so that of questions
/// lost at random at most every second is of that type.
const MANY: u64 = 20;

/// Of those that are lost, this share at least.
const NEARLY_ALL: f64 = 0.95;

/// Of those that ask for that type, this share at least is lost.
const MUCH: f64 = 0.25;

impl Facts<'_> {
    /// The type of nearly all questions that stayed without a word, if nobody asks for that alone and it is much of
    /// what is asked for it; and how many there were.
    pub fn type_without_answers(&self) -> Option<(&'static str, u64)> {
        let totals = &self.aggregate.counting.totals;
        let (lost, answered) = (totals.lost, totals.answered_types);
        let types = [("AAAA", lost.aaaa, answered.aaaa), ("HTTPS", lost.https, answered.https)];
        let (name, missing, there) = types.into_iter().max_by_key(|(_, missing, _)| *missing)?;
        let alone = missing >= MANY && Facts::share(missing, lost.all) >= NEARLY_ALL;
        (alone && Facts::share(missing, missing + there) >= MUCH).then_some((name, missing))
    }
}
