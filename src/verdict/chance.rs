//! How often chance alone would do it.

/// The sum of terms of which the first has this logarithm, and each other one is so many times the one before it: no
/// more than 1. Of thousands of events the first is less than any float.
fn sum(first: f64, ratios: impl Iterator<Item = f64>) -> f64 {
    const LARGE: f64 = 1e200;
    let (mut log, mut term, mut sum) = (first, 1.0, 1.0);
    for ratio in ratios {
        term *= ratio;
        sum += term;
        if sum > LARGE {
            log += LARGE.ln();
            (term, sum) = (term / LARGE, sum / LARGE);
        }
        if ratio < 1.0 && term < sum * f64::EPSILON {
            break;
        }
    }
    f64::min((log + sum.ln()).exp(), 1.0)
}

/// The chance of at most `count` events where `expected` are the mean (Poisson).
pub fn at_most(count: u64, expected: f64) -> f64 {
    sum(-expected, (1..=count).map(|n| expected / n as f64))
}

/// The chance that at least `some` of so many tosses of a fair coin are heads.
pub fn at_least(some: u64, of: u64) -> f64 {
    let rest = 1..=of.saturating_sub(some);
    sum(of as f64 * 0.5_f64.ln(), rest.map(|n| (of - n + 1) as f64 / n as f64))
}

/// The chance that independent chances have a product as small as theirs (Fisher's method): two that are
/// one in thirty are nothing rare.
pub fn of_all(chances: &[f64]) -> f64 {
    if chances.iter().any(|&chance| chance <= 0.0) {
        return 0.0;
    }
    let log: f64 = chances.iter().map(|chance| -chance.ln()).sum();
    sum(-log, (1..chances.len()).map(|n| log / n as f64))
}

/// The chance of at most `count` of so many throws, each of which succeeds with this chance.
pub fn at_most_of(count: u64, throws: u64, chance: f64) -> f64 {
    let chance = chance.clamp(0.0, 1.0);
    if chance >= 1.0 {
        return if count >= throws { 1.0 } else { 0.0 };
    }
    let odds = chance / (1.0 - chance);
    let ratios = (1..=count.min(throws)).map(|n| (throws - n + 1) as f64 / n as f64 * odds);
    sum(throws as f64 * (1.0 - chance).ln(), ratios)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    #[test]
    fn few_events_where_many_were_due_are_rare() {
        assert!(near(at_most(0, 3.0), (-3.0_f64).exp()));
        assert!(near(at_most(2, 3.0), (-3.0_f64).exp() * 8.5));
        assert!(near(at_most(0, 0.0), 1.0) && near(at_most(400, 3.0), 1.0));
    }

    #[test]
    fn several_chances_together_are_less_rare_than_their_product() {
        assert!(near(of_all(&[0.02]), 0.02) && near(of_all(&[1.0, 1.0, 1.0]), 1.0));
        // What chi-squared with four and six degrees of freedom says of them.
        assert!(near(of_all(&[0.1, 0.01]), 0.001 * (1.0 + 1000_f64.ln())));
        let log = 8000_f64.ln();
        assert!(near(of_all(&[0.05; 3]), (1.0 + log + log * log / 2.0) / 8000.0));
        assert!(near(of_all(&[0.0, 0.5]), 0.0));
    }

    #[test]
    fn few_of_many_throws_are_rare() {
        assert!(near(at_most_of(0, 3, 0.5), 0.125) && near(at_most_of(1, 3, 0.5), 0.5));
        assert!(near(at_most_of(3, 3, 0.2), 1.0) && near(at_most_of(0, 2, 0.9), 0.01));
        assert!(near(at_most_of(0, 2, 1.0), 0.0) && near(at_most_of(2, 2, 1.0), 1.0));
        assert!(near(at_most_of(0, 0, 0.5), 1.0));
    }

    #[test]
    fn of_thousands_the_middle_is_as_likely_as_not() {
        let half = |chance: f64| (chance - 0.5).abs() < 0.02;
        assert!(half(at_least(2001, 4000)) && half(at_most(1500, 1500.0)));
        assert!(half(at_most_of(1000, 2000, 0.5)) && half(at_most_of(500, 50_000, 0.01)));
        assert!(near(at_least(0, 5000), 1.0) && near(at_most(9000, 2000.0), 1.0));
        assert!(at_least(3000, 4000) < 1e-9 && at_most(1000, 2000.0) < 1e-9);
        let many = of_all(&vec![0.5; 3000]);
        assert!((0.9..=1.0).contains(&many), "{many}");
    }

    #[test]
    fn heads_all_the_time_are_rare() {
        assert!(near(at_least(3, 3), 0.125) && near(at_least(0, 3), 1.0));
        assert!(near(at_least(2, 4), 11.0 / 16.0) && near(at_least(9, 10), 11.0 / 1024.0));
        assert!(near(at_least(0, 0), 1.0));
    }
}
