//! How often chance alone would do it.

/// The chance of at most `count` events where `expected` are the mean (Poisson).
pub fn at_most(count: u64, expected: f64) -> f64 {
    let mut term = (-expected).exp();
    let mut sum = term;
    for n in 1..=count.min(1_000) {
        term *= expected / n as f64;
        sum += term;
    }
    sum.min(1.0)
}

/// The chance that at least `some` of so many tosses of a fair coin are heads.
pub fn at_least(some: u64, of: u64) -> f64 {
    let mut term = 0.5_f64.powf(of as f64);
    let mut sum = term;
    for n in 1..=of.saturating_sub(some) {
        term *= (of - n + 1) as f64 / n as f64;
        sum += term;
    }
    sum.min(1.0)
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
    fn heads_all_the_time_are_rare() {
        assert!(near(at_least(3, 3), 0.125) && near(at_least(0, 3), 1.0));
        assert!(near(at_least(2, 4), 11.0 / 16.0) && near(at_least(9, 10), 11.0 / 1024.0));
        assert!(near(at_least(0, 0), 1.0));
    }
}
